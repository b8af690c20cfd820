"""PostgreSQL stopped at once under load and started again: what was acknowledged is stored, what was refused is not.

`SIGQUIT` and `SIGKILL` drop the server's memory, and with it every commit that it had not yet written down: a server
that answers before it writes loses entries here. The control shows that this happens.
"""

import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from civic.errors import Refused, Unavailable
from civic.store import open_store
from civic.store.entry import Entry, Seat
from civic.store.postgresql import PostgresDatabase
from civic.store.postgresql_server import Limits, migrate
from civic.store.store import Store
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


def apply(store: Store, subject: str, over: threading.Event) -> tuple[list[Entry], list[Entry]]:
    """People who apply until it is over: (kept entries, entries that were sent and answered with Unavailable)."""
    kept, unknown = [], []
    while not over.is_set():
        entry = an_entry(uuid.uuid4().hex, subject=subject)
        try:
            kept.append(add(store, entry, SEATS))
        except Unavailable:
            unknown.append(entry)
            time.sleep(0.1)
    return kept, unknown


def crash(server: Server, store: Store, how: signal.Signals, seconds: float) -> tuple[int, int]:
    """One crash under the load of eight threads: (acknowledged entries, those of them that are gone afterwards)."""
    over = threading.Event()
    with ThreadPoolExecutor(len(SUBJECTS)) as pool:
        load = [pool.submit(apply, store, subject, over) for subject in SUBJECTS]
        try:
            time.sleep(seconds)
            server.stop(how)
            time.sleep(0.1)
            server.start()
        finally:
            over.set()
    kept = [entry for each in load for entry in each.result()[0]]
    unknown = [entry for each in load for entry in each.result()[1]]
    assert unknown, "the crash came without load"
    gone = [entry for entry in kept if store.find(entry.number) is None]
    check_counters(store)
    if not gone:
        # Sent again, with the same submission: kept once, whichever way the crash went.
        for entry in unknown:
            again = add(store, entry, SEATS)
            assert add(store, entry, SEATS) == again
        check_counters(store)
    return len(kept), len(gone)


def check_counters(store: Store) -> None:
    """Counters, ranks and entries agree: no half of a decision survived."""
    for subject in SUBJECTS:
        with store.open(subject) as book:
            entries = book.entries()
            assert book.counts("r1").taken == len(entries)
            assert [entry.rank for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.parametrize(("times", "least"), [(2, 50), pytest.param(40, 1000, marks=pytest.mark.long)])
def test_acknowledged_is_stored_when_the_server_stops_at_once(server: Server, times: int, least: int) -> None:
    """Crashes of one store under load, each second one kill -9 of every process: nothing is gone, nothing half done."""
    url, total = server.database(), 0
    migrate(url)
    with closing(open_store(url, LIMITS)) as store:
        for i in range(times):
            kept, gone = crash(server, store, signal.SIGQUIT if i % 2 == 0 else signal.SIGKILL, 0.4)
            assert gone == 0
            total += kept
    assert total > least


def test_without_synchronous_commit_entries_are_lost(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same load and crash, on a store that was talked past its own check, loses entries."""
    url = server.database()
    migrate(url)
    monkeypatch.setattr("civic.store.postgresql.check", lambda url: "off")
    database = PostgresDatabase(url, LIMITS)
    with closing(Store(database, database)) as store:
        kept, gone = crash(server, store, signal.SIGKILL, 0.4)
    assert kept > 20 and gone > 0


def test_a_stopped_server_is_said_and_comes_back_by_itself(server: Server) -> None:
    """While it is down: Unavailable with Retry-After, and a sentence for staff. Started again: all is well at once."""
    url = server.database()
    migrate(url)
    store = open_store(url, LIMITS)
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
        assert "PostgreSQL 서버가 답하지 않습니다" in store.trouble
        server.start()
        assert store.trouble == ""
        assert add(store, an_entry("b"), SEATS).rank == 2
        assert store.find(first.number) == first
    finally:
        if server.process is None:
            server.start()
        store.close()
