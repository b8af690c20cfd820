"""PostgreSQL stopped at once under load and started again: what was acknowledged is stored, what was refused is not.

`SIGQUIT` and `SIGKILL` drop the server's memory, and with it every commit that it had not yet written down: a server
that answers before it writes loses entries here. The control shows that this happens.
"""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from civic.errors import Refused, Unavailable
from civic.store.entry import Entry, Seat
from civic.store.keys import KeyRows, KeyTable
from civic.store.postgresql import PostgresDatabase
from civic.store.postgresql_server import Limits, migrate
from civic.store.store import RowStore, open_database
from tests.postgres import Server, ask
from tests.store.conftest import SUBJECT, add, an_entry

SEATS = (Seat("confirmed", 1_000_000),)
LIMITS = Limits(connections=8, connect=2, retry_after=3)
SUBJECTS = [f"lectures/a{i}" for i in range(8)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own, to be stopped. It writes commits down lazily where it is not made to wait for them."""
    server = Server()
    try:
        server.start()
        for line in ("wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"):
            ask(server.url(), f"ALTER SYSTEM SET {line}")
        ask(server.url(), "SELECT pg_reload_conf()")
        yield server
    finally:
        server.remove()


class Load:
    """Eight people's threads that apply until they are told to stop, and remember what they were answered."""

    def __init__(self, store: RowStore) -> None:
        self.kept: list[Entry] = []
        self.unknown: list[Entry] = []  # sent, and the answer was Unavailable
        self.wrong: list[BaseException] = []
        self._store = store
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._apply, args=(s,), daemon=True) for s in SUBJECTS]
        for thread in self._threads:
            thread.start()

    def _apply(self, subject: str) -> None:
        while not self._over.is_set():
            entry = an_entry(uuid.uuid4().hex, subject=subject)
            try:
                self.kept.append(add(self._store, entry, SEATS))
            except Unavailable:
                self.unknown.append(entry)
                time.sleep(0.1)
            except BaseException as err:
                self.wrong.append(err)
                return

    def end(self) -> None:
        """No more applications; waits for those on their way."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert not self.wrong, self.wrong[0]


def crash(server: Server, store: RowStore, how: signal.Signals, seconds: float) -> tuple[int, int]:
    """One crash under load: (acknowledged entries, those of them that are gone afterwards)."""
    load = Load(store)
    time.sleep(seconds)
    server.stop(how)
    time.sleep(0.1)
    server.start()
    load.end()
    assert load.unknown, "the crash came without load"
    gone = [entry for entry in load.kept if store.find(entry.number) is None]
    check_counters(store)
    if not gone:
        for (
            entry
        ) in load.unknown:  # sent again, with the same submission: kept once, whichever way the crash went
            again = add(store, entry, SEATS)
            assert add(store, entry, SEATS) == again
        check_counters(store)
    return len(load.kept), len(gone)


def check_counters(store: RowStore) -> None:
    """Counters, ranks and entries agree: no half of a decision survived."""
    for subject in SUBJECTS:
        with store.open(subject) as book:
            entries = book.entries()
            assert book.counts("r1").taken == len(entries)
            assert [entry.rank for entry in entries] == list(range(1, len(entries) + 1))


def crashes(server: Server, times: int) -> int:
    """Crashes one after another with one store that lives through all of them; entries acknowledged in all."""
    url = server.database()
    migrate(url)
    store = open_database(url, LIMITS)
    try:
        total = 0
        for i in range(times):
            kept, gone = crash(server, store, signal.SIGQUIT if i % 2 == 0 else signal.SIGKILL, 0.4)
            assert gone == 0
            total += kept
        return total
    finally:
        store.close()


def test_acknowledged_is_stored_when_the_server_stops_at_once(server: Server) -> None:
    """Two crashes under load, one of them kill -9 of every process: nothing acknowledged is gone, nothing is half done."""
    assert crashes(server, 2) > 50


@pytest.mark.long
def test_acknowledged_is_stored_through_forty_crashes(server: Server) -> None:
    """The same, forty times in a row on one database."""
    assert crashes(server, 40) > 1000


def test_without_synchronous_commit_entries_are_lost(server: Server) -> None:
    """The control: the same load and crash, on a store that was talked past its own check, loses entries."""
    url = server.database()
    migrate(url)
    database = PostgresDatabase(url, LIMITS, level="off")
    store = RowStore(database, KeyTable(KeyRows(database)))
    try:
        kept, gone = crash(server, store, signal.SIGKILL, 0.4)
        assert kept > 20
        assert gone > 0
    finally:
        store.close()


def test_a_stopped_server_is_said_and_comes_back_by_itself(server: Server) -> None:
    """While it is down: Unavailable with Retry-After, and a sentence for staff. Started again: all is well at once."""
    url = server.database()
    migrate(url)
    store = open_database(url, LIMITS)
    try:
        first = add(store, an_entry("a"), SEATS)
        server.stop(signal.SIGINT)
        for _ in range(3):
            with pytest.raises(Unavailable) as refused:
                add(store, an_entry("b"), SEATS)
            assert refused.value.retry_after == 3
        for ask_it in (lambda: store.find(first.number), lambda: store.counts(SUBJECT), store.subjects):
            with pytest.raises(Refused):
                ask_it()
        store._database._answered -= 60  # type: ignore[attr-defined]  # as if a minute had passed without a visitor
        assert "PostgreSQL 서버가 답하지 않습니다" in store.trouble
        server.start()
        assert store.trouble == ""
        assert add(store, an_entry("b"), SEATS).rank == 2
        assert store.find(first.number) == first
    finally:
        if server.process is None:
            server.start()
        store.close()
