"""Many threads, two processes of a server and a command at once on one store: exact, nothing lost, and nobody waits for ever."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from civic.errors import AlreadyApplied, Full, LimitReached, Refused, Unavailable
from civic.store import open_beside, open_store
from civic.store.entry import Cap, Counts, Entry, KeyGone, Seat
from civic.store.locks import BUSY, CLEAN, FAILED, WRITING, WritingTurn
from civic.store.session import SqliteSession, Transaction
from civic.store.sqlite import SqliteDatabase
from civic.store.store import Store
from tests.store.conftest import NOON, SUBJECT, add, an_entry, at_once, move

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
    import sys, threading
    from civic.errors import AlreadyApplied, Full, Unavailable
    from civic.store import open_store
    from civic.store.entry import Seat
    from civic.store.sqlite import SqliteDatabase
    from tests.store.conftest import SUBJECT, add, an_entry, move
    from tests.store.test_faults import hasty
    url, manner, people, places = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if manner == "hasty":
        SqliteDatabase._leave = hasty
    store = open_store(url)
    told = threading.Lock()
    def citizens(k):
        for i in range(k, people, 8):
            try:
                entry = add(store, an_entry(f"p{i}", submission=f"s{i}"), (Seat("confirmed", places), Seat("waiting", 9)))
                if manner and i % 3 == 0:
                    entry = move(store, entry, "cancelled")
                said = f"{i} {entry.number} {entry.state}"
            except (Full, AlreadyApplied, Unavailable) as err:
                said = f"{i} - {type(err).__name__}"
            with told:
                print(said, flush=True)
    print("up", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=citizens, args=(k,)) for k in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    store.close()
"""


def a_process(address: str, people: int, places: int, manner: str = "") -> subprocess.Popen[str]:
    """A server's process that waits for a line before it takes its sign-ups; manner: "careful" or "hasty" with cancellations."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER), address, manner, str(people), str(places)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def answers(process: subprocess.Popen[str]) -> list[list[str]]:
    """What its citizens were told, to its end: person, number, state or refusal."""
    assert process.stdout and process.stdin
    said = [line.split() for line in process.stdout if line.endswith("\n")]
    process.wait(60)
    process.stdout.close()
    process.stdin.close()
    return said


def test_two_processes_and_a_command(address: str) -> None:
    """The same 60 people ask both for 20 places while a command cancels and lists: exact, one number per person."""
    command = open_store(address)
    add(command, an_entry("first", round="r2"))
    processes = [a_process(address, 60, 20) for _ in "ab"]
    for process in processes:
        go(process)
    beside = open_beside(address)
    for i in range(10):
        entry = add(beside, an_entry(f"staff{i}", round="r2"))
        assert move(beside, entry, "cancelled").state == "cancelled"
        assert len(beside.history(entry.number)) == 2
    told = [answer for process in processes for answer in answers(process)]
    kept = {(person, number) for person, number, said in told if number != "-"}
    assert len(kept) == 29 and len({number for _, number in kept}) == 29
    assert not [said for _, _, said in told if said in ("Unavailable", "AlreadyApplied")]
    assert command.counts(SUBJECT) == {"r1": Counts(20, 9), "r2": Counts(1)}
    with command.open(SUBJECT) as book:
        entries = book.entries("r1")
    assert [entry.rank for entry in entries] == list(range(1, 30))
    assert Counter(entry.state for entry in entries) == {"confirmed": 20, "waiting": 9}
    for store in (command, beside):
        store.close()


def test_a_killed_process_takes_nothing_with_it(address: str) -> None:
    """kill -9 of one of two in the middle: the other goes on, and whatever either said is there."""
    with closing(open_store(address)) as store:
        first, second = a_process(address, 4000, 10**6), a_process(address, 400, 10**6)
        go(first)
        go(second)
        assert first.stdout
        told = [first.stdout.readline().split() for _ in range(60)]
        first.kill()
        told += answers(first) + answers(second)
        assert not [line for line in told if line[1] == "-"]
        with store.open(SUBJECT) as book:
            entries = {entry.number: entry for entry in book.entries()}
            assert book.counts("r1").taken == len(entries)
        assert {number for _, number, _ in told} <= entries.keys()


@pytest.fixture
def folder_store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        yield store


def test_a_stopped_process_holds_nobody_for_long(tmp_path: Path, folder_store: Store) -> None:
    """SIGSTOP of one that holds the turn: others are told after 5 s, readyz says who; continued, all goes on."""
    code = """
        import sys, time
        from civic.store import open_store
        from tests.store.conftest import EVERYBODY, SUBJECT, an_entry
        store = open_store(sys.argv[1])
        with store.open(SUBJECT) as book:
            book.add(an_entry("stopped", sealed=b""), EVERYBODY)
            print("up", flush=True)
            time.sleep(1)
        print("kept", flush=True)
        store.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), f"tinydb://{tmp_path}/data"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "up\n"
        os.kill(other.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(Unavailable), folder_store.open(SUBJECT):
            pass
        assert 4 < time.monotonic() - began < 6
        began = time.monotonic()  # reading waits for nobody
        assert folder_store.find("7K3F-9QXM") is None and folder_store.entries(SUBJECT) == []
        assert time.monotonic() - began < 1
        assert f"프로세스 {other.pid}" in folder_store.trouble
        os.kill(other.pid, signal.SIGCONT)
        assert other.stdout.readline() == "kept\n"
    assert add(folder_store, an_entry("next", sealed=b"")).rank == 2
    assert folder_store.trouble == ""


def test_a_process_killed_in_a_block_leaves_nothing_of_it(tmp_path: Path, folder_store: Store) -> None:
    """It had the turn and an open batch: the next one goes on at once."""
    code = """
        import os, sys
        from civic.store import open_store
        from tests.store.conftest import EVERYBODY, SUBJECT, an_entry
        with open_store(sys.argv[1]).open(SUBJECT) as book:
            book.add(an_entry("gone"), EVERYBODY)
            os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), f"tinydb://{tmp_path}/data"]
    assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == -9
    assert add(folder_store, an_entry("next"), (Seat("confirmed", 1),)).rank == 1


def test_a_subject_has_one_data_key_until_it_is_dropped(store: Store, beside: Store) -> None:
    """The first counts for everybody; destroyed a moment after another process read it, `add` notices: none is used again."""
    here, there = store, beside
    assert here.keep_key(SUBJECT, b"one") == there.wrapped_key(SUBJECT) == b"one"
    assert here.keep_key(SUBJECT, b"two") == there.keep_key(SUBJECT, b"two") == b"one"
    add(here, an_entry("a"))
    there.drop_key(SUBJECT, NOON)
    there.drop_key(SUBJECT, NOON)
    assert there.wrapped_key(SUBJECT) is there.wrapped_key("programs/tour") is None
    assert here.wrapped_key(SUBJECT) == b"one"  # for a second
    with pytest.raises(KeyGone), here.open(SUBJECT) as book:
        book.add(an_entry("b"), (Seat("confirmed", 9),))
    time.sleep(1.1)
    assert here.wrapped_key(SUBJECT) is None
    assert here.keep_key(SUBJECT, b"two") == b"two"
    assert add(here, an_entry("b")).rank == 2
    assert there.wrapped_key(SUBJECT) == b"two"


def test_a_lease_has_one_holder(store: Store, beside: Store) -> None:
    """Compare-and-set by the store's clock: renewed by its holder, taken over when it has run out."""
    one, two = store, beside
    assert one.lease("offers", "one", 10)
    assert not two.lease("offers", "two", 10)
    assert two.lease("messages", "two", 10)
    assert one.lease("offers", "one", 0.05)
    time.sleep(0.1)
    assert two.lease("offers", "two", 10)
    assert not one.lease("offers", "one", 10)


PLACES, WAITING, PEOPLE, THREADS = 30, 10, 90, 64
SEATS = (Seat("confirmed", PLACES), Seat("waiting", WAITING))


def rush(store: Store) -> list[str]:
    """Three times as many people as places, every third clicks twice; what is wrong afterwards."""
    clicks = [person for person in range(PEOPLE) for _ in range(2 if person % 3 == 0 else 1)]

    def click(which: int) -> Entry:
        person = f"p{which}"
        same_page = which % 2 == 0  # a double click has one submission; a second window has another
        given = {"submission": person} if same_page else {}
        return add(store, an_entry(person, **given), SEATS, (Cap("limit:a", 1, 1),))

    answers = at_once([partial(click, which) for which in clicks], THREADS)
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
        session = SqliteSession(connection)
        yield session
        session.settle()


@pytest.mark.usefixtures("quick_switches")
def test_control_without_the_lock_the_rush_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the same rush with the turns taken away is caught."""
    for attempt in range(10):
        store = open_store(f"tinydb://{tmp_path}/{attempt}")
        with closing(store), monkeypatch.context() as patch:
            patch.setattr(SqliteDatabase, "transaction", nobodys_turn)
            wrong = rush(store)
        if wrong:
            return
    pytest.fail("ten rushes without a lock and no mistake seen: the check is blind")


@pytest.mark.usefixtures("quick_switches")
def test_a_cap_holds_over_subjects_under_a_rush(store: Store) -> None:
    """One person asks for 64 courses of a group of 2 at once: two entries, 62 refusals in the cap's own words."""
    cap = Cap("limit:humanities", 1, 2, message="이 묶음은 한 사람이 2개까지 신청할 수 있습니다.")

    def act(i: int) -> Entry:
        return add(store, an_entry("kim", subject=f"lectures/l{i}"), caps=(cap,))

    answers = at_once([partial(act, i) for i in range(THREADS)])
    assert Counter(type(answer).__name__ for answer in answers) == {"Entry": 2, "LimitReached": 62}
    assert all("2개까지" in str(answer) for answer in answers if isinstance(answer, LimitReached))
    assert len(store.subjects()) == 2
    add(store, an_entry("lee", subject=SUBJECT), caps=(cap,))
    with store.open(SUBJECT) as book:
        assert (book.used("kim", cap.key), book.used("lee", cap.key)) == (2, 1)


def test_who_comes_while_a_failed_commit_is_taken_back_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server was killed on a full disk; of two that start when there is room one mends, and the other is not refused."""
    address = f"tinydb://{tmp_path}/data"
    one, other = open_store(address), open_store(address)
    add(one, an_entry("first"))
    (tmp_path / "data" / WRITING).write_bytes(FAILED + b"99\n")
    noted = WritingTurn.note

    def slowly(turn: WritingTurn, state: bytes) -> None:
        noted(turn, state)
        if state not in (CLEAN, BUSY):
            time.sleep(0.5)

    monkeypatch.setattr(WritingTurn, "note", slowly)
    said = at_once(
        [partial(add, store, an_entry(person)) for person, store in (("kim", one), ("lee", other))]
    )
    assert all(isinstance(entry, Entry) for entry in said), said
    for store in (one, other):
        store.close()
