"""A rush on few places: exact, no duplicate, ranks in the order of the decision. On every back end, with controls."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from civic.errors import AlreadyApplied, Full, LimitReached, Refused
from civic.store import open_store
from civic.store.book import Store
from civic.store.entry import Cap, Counts, Entry, Seat
from civic.store.session import Transaction
from civic.store.sqlite import SqliteDatabase
from civic.store.sqlite_session import SnapshotSession
from tests.store.conftest import NOON, SUBJECT, add, an_entry, move

PLACES, WAITING, PEOPLE, THREADS = 30, 10, 90, 64
SEATS = (Seat("confirmed", PLACES), Seat("waiting", WAITING))


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """Answers (or exceptions) of `act(0 … count-1)`, started together on THREADS threads."""
    answers: list[object] = [None] * count
    gate = threading.Barrier(THREADS)

    def go(k: int) -> None:
        gate.wait(30)
        for i in range(k, count, THREADS):
            try:
                answers[i] = act(i)
            except Exception as err:
                answers[i] = err

    threads = [threading.Thread(target=go, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def rush(store: Store) -> list[str]:
    """Three times as many people as places, every third clicks twice; what is wrong afterwards."""
    clicks = [person for person in range(PEOPLE) for _ in range(2 if person % 3 == 0 else 1)]

    def click(i: int) -> Entry:
        person = f"p{clicks[i]}"
        same_page = clicks[i] % 2 == 0  # a double click has one submission; a second window has another
        submission = person if same_page else f"{person}-{i}"
        return add(store, an_entry(person, submission=submission), SEATS, (Cap("limit:a", 1, 1),))

    answers = at_once(len(clicks), click)
    wrong = [
        repr(answer)
        for answer in answers
        if not isinstance(answer, Entry | Full | AlreadyApplied | LimitReached)
    ]
    kept = {answer.number: answer for answer in answers if isinstance(answer, Entry)}
    states = Counter(entry.state for entry in kept.values())
    if states != {"confirmed": PLACES, "waiting": WAITING}:
        wrong.append(f"places: {states}")
    if len({entry.person for entry in kept.values()}) != len(kept):
        wrong.append("one person twice")
    if sorted(entry.rank for entry in kept.values()) != list(range(1, PLACES + WAITING + 1)):
        wrong.append("ranks")
    if any(entry.rank > PLACES for entry in kept.values() if entry.state == "confirmed"):
        wrong.append("a later one was confirmed before an earlier one")
    try:
        with store.open(SUBJECT) as book:
            if {entry.number: entry for entry in book.entries()} != kept:
                wrong.append("told and kept differ")
        if store.counts(SUBJECT) != {"r1": Counts(PLACES, WAITING)}:
            wrong.append(f"counts: {store.counts(SUBJECT)}")
    except (Refused, LookupError, RuntimeError) as err:
        wrong.append(repr(err))
    return wrong


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads change places as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("quick_switches")
def test_places_are_exact_under_a_rush(store: Store) -> None:
    """64 threads, 3 x as many people as places, double clicks: exact places, nobody twice, ranks without a gap."""
    assert rush(store) == []


@contextmanager
def nobodys_turn(self: SqliteDatabase) -> Iterator[Transaction]:
    """A block in which everybody may write at once: for controls."""
    with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection:
        session = SnapshotSession(connection)
        session.mark = lambda: None  # type: ignore[method-assign]
        yield session
        session.settle()


@pytest.mark.usefixtures("quick_switches")
def test_control_without_the_lock_the_rush_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the same rush with the turns taken away is caught."""
    for attempt in range(10):
        store = open_store(f"tinydb://{tmp_path}/{attempt}")
        with monkeypatch.context() as patch:
            patch.setattr(SqliteDatabase, "transaction", nobodys_turn)
            wrong = rush(store)
        store.close()
        if wrong:
            return
    pytest.fail("ten rushes without a lock and no mistake seen: the check is blind")


@pytest.mark.usefixtures("quick_switches")
def test_a_freed_place_goes_to_the_line_under_a_rush(store: Store) -> None:
    """Cancellations with promotion while newcomers press: nobody overtakes the line, no place is lost."""
    seats = (Seat("confirmed", 10), Seat("waiting", 100))
    first = [add(store, an_entry(f"first{i}"), seats) for i in range(20)]

    def act(i: int) -> object:
        if i % 2:
            return add(store, an_entry(f"late{i}"), seats)
        with store.open(SUBJECT, "citizen") as book:
            entry = book.get(first[i // 2].number)
            assert entry
            was_confirmed = entry.state == "confirmed"
            book.move(entry.moved("cancelled", NOON, "cancelled-by-citizen"))
            if was_confirmed:
                book.move(book.line("r1", 1)[0].moved("confirmed", NOON, "promoted"))
        return None

    answers = at_once(2 * 15, act)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    with store.open(SUBJECT) as book:
        confirmed, waiting = book.entries(states=["confirmed"]), book.line("r1")
        assert book.counts("r1") == Counts(taken=10, waiting=10)
    assert len(confirmed) == len(waiting) == 10
    assert max(entry.rank for entry in confirmed) < min(entry.rank for entry in waiting)


@pytest.mark.usefixtures("quick_switches")
def test_a_cap_holds_over_subjects_under_a_rush(store: Store) -> None:
    """One person asks for 64 courses of a group of 2 at once: two entries, 62 refusals."""

    def act(i: int) -> Entry:
        return add(store, an_entry("kim", subject=f"lectures/l{i}"), caps=(Cap("limit:a", 1, 2),))

    answers = at_once(THREADS, act)
    assert Counter(type(answer).__name__ for answer in answers) == {"Entry": 2, "LimitReached": 62}
    assert len(store.subjects()) == 2


@pytest.mark.usefixtures("quick_switches")
def test_one_entry_is_cancelled_once(store: Store) -> None:
    """64 cancellations of one entry, each checked inside its transaction: one finds it live."""
    entry = add(store, an_entry())

    def act(_: int) -> bool:
        with store.open(SUBJECT) as book:
            now = book.get(entry.number)
            if not now or now.state != "confirmed":
                return False
            book.move(now.moved("cancelled", NOON, "cancelled-by-citizen"))
        return True

    assert Counter(at_once(THREADS, act)) == {True: 1, False: 63}
    assert [change.after for change in store.history(entry.number)] == ["confirmed", "cancelled"]


def test_status_never_shows_more_than_is_durable(store: Store) -> None:
    """Counts that a status request reads only ever name entries that a restart would find."""
    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(store.counts(SUBJECT).get("r1", Counts()).taken)

    watcher = threading.Thread(target=watch)
    watcher.start()
    acknowledged = at_once(100, lambda i: add(store, an_entry(f"p{i}")))
    stop.set()
    watcher.join(20)
    assert seen == sorted(seen)
    assert store.counts(SUBJECT)["r1"].taken == len(acknowledged) == 100
    move(store, next(a for a in acknowledged if isinstance(a, Entry)), "cancelled")
    assert store.counts(SUBJECT)["r1"].taken == 99
