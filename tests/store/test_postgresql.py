"""Places, persons and caps on PostgreSQL while many threads and processes ask at once; its waits and its refusals."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from civic.errors import Misuse, Unavailable
from civic.store import open_store
from civic.store.book import Book
from civic.store.chain import Rounds
from civic.store.doctor import examine
from civic.store.entry import Cap, Counts, Entry
from civic.store.postgresql import PostgresSession
from civic.store.postgresql_server import Limits, migrate
from civic.store.store import Store
from civic.store.tables import VERSION
from tests.postgres import ask, shared
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, at_once

SUBJECTS = ("lectures/essay", "lectures/clay", "programs/tour")


@pytest.fixture
def address(url: str) -> str:
    return url


def test_counting_first_and_inserting_then_oversells(url: str) -> None:
    """The control: the same rush, with the count and the insert as two statements, gives more than 10 places."""

    def apply(person: int) -> int:
        with psycopg.connect(url) as connection:
            [(taken,)] = connection.execute("SELECT count(*) FROM caps WHERE key = 'naive'").fetchall()
            if taken < 10:
                time.sleep(0.002)  # as long as a form's own checks take
                connection.execute("INSERT INTO caps VALUES ('naive', %s, 1)", [str(person)])
        return int(taken)

    assert not [
        answer
        for answer in at_once([partial(apply, i) for i in range(30)], 15)
        if isinstance(answer, Exception)
    ]
    [(given,)] = ask(url, "SELECT count(*) FROM caps WHERE key = 'naive'")
    assert given > 10


def test_caps_named_in_any_order_never_deadlock(store: Store) -> None:
    """Two caps, half of the forms name them the other way round: all are kept, nobody is told to come back."""
    caps = (Cap("limit:a", 1, 100), Cap("limit:b", 1, 100))
    acts = [
        partial(add, store, an_entry(subject=f"lectures/a{i}"), EVERYBODY, caps if i % 2 else caps[::-1])
        for i in range(48)
    ]
    assert [answer for answer in at_once(acts, 16) if not isinstance(answer, Entry)] == []


def test_draws_that_move_the_same_people_do_not_deadlock(store: Store) -> None:
    """Two subjects reject the same people in opposite order at the same time; their caps are given back exactly."""
    cap = Cap("limit:a", 1, 2)
    entries = {
        s: [add(store, an_entry(f"p{i}", subject=s), EVERYBODY, (cap,)) for i in range(20)]
        for s in SUBJECTS[:2]
    }

    def reject(subject: str, backwards: bool) -> None:
        with store.open(subject, "clock") as book:
            for entry in sorted(entries[subject], key=lambda e: e.person, reverse=backwards):
                book.move(entry.moved("rejected", NOON, "drawn"))

    acts = [partial(reject, subject, i == 1) for i, subject in enumerate(SUBJECTS[:2])]
    assert at_once(acts, 2) == [None, None]
    with store.open(SUBJECT) as book:
        assert [book.used(f"p{i}", "limit:a") for i in range(20)] == [0] * 20


@pytest.mark.parametrize("is_held", [True, False])
def test_a_rounds_first_sign_ups_write_one_chain(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch, is_held: bool
) -> None:
    """The row is made between our asking and our reading; not held (the control), two write the same line of the chain."""
    run, hold, met = PostgresSession.run, Rounds.hold, []

    def overtaken(session: PostgresSession, statement: str, values: Sequence[Any] = ()) -> Any:
        if "called-off" in statement and not met:
            met.append(run(session, "SELECT 1"))  # what is queued asks for the row first
            add(beside, an_entry("first", sealed=b""))
        return run(session, statement, values)

    monkeypatch.setattr(PostgresSession, "run", overtaken)
    if not is_held:
        monkeypatch.setattr(Rounds, "hold", lambda rounds, name: hold(rounds, name) and None)
    with closing(open_store(url)) as beside, ThreadPoolExecutor(1) as citizen:
        with store.open(SUBJECT, "citizen") as book:
            book.add(an_entry("second", sealed=b""), EVERYBODY)
            third = citizen.submit(add, beside, an_entry("third", sealed=b""))
            wait([third], timeout=0.5)
            assert third.done() != is_held  # else it waits for us
        third.result(timeout=10)
    lines = [line for (line,) in ask(url, "SELECT line FROM journal ORDER BY id")]
    assert met and (lines == [1, 2, 3]) == is_held
    with nullcontext() if is_held else pytest.raises(Misuse, match="끼어들었거나"):
        store.check_journal()


@pytest.mark.parametrize("limits", [Limits(lock=0.2, retry_after=7), Limits(statement=0.2, retry_after=7)])
def test_a_long_wait_becomes_unavailable(url: str, limits: Limits) -> None:
    """A lock held too long, or a statement that takes too long: 503 with the configured Retry-After, naming nobody."""
    with closing(open_store(url, limits)) as store:
        add(store, an_entry("kim-the-person"))
        with psycopg.connect(url) as other:
            other.execute("SELECT FROM rounds FOR UPDATE")
            for sealed in (b"sealed", b"secret"):
                began = time.monotonic()
                with pytest.raises(Unavailable) as refused, store.open(SUBJECT) as book:
                    if sealed == b"secret":
                        book.move(an_entry("kim-the-person", sealed=sealed))
                    else:
                        book.add(an_entry("second"), EVERYBODY)
                assert time.monotonic() - began < 3
                assert (refused.value.status, refused.value.retry_after) == (503, 7)
                cause = str(refused.value.__cause__)  # goes to the log
                assert "kim-the-person" not in cause and "secret" not in cause
        assert add(store, an_entry("second")).rank == 2  # and then all is well


def test_a_pool_used_up_becomes_unavailable(url: str) -> None:
    """One connection, kept by somebody else: 503 after the pool's patience, and no entry."""
    with closing(open_store(url, Limits(connections=1, pool_wait=0.2))) as store:
        with store.open(SUBJECT) as book:
            book.counts("r1")
            [answer] = at_once([partial(add, store, an_entry())], 1)
        assert isinstance(answer, Unavailable)
        assert store.counts(SUBJECT) == {}


@pytest.mark.parametrize("step", ["get", "counts", "entries", "add", "move", "fix", "used", "nothing"])
def test_a_connection_that_dies_in_a_block_is_unavailable(url: str, store: Store, step: str) -> None:
    """Killed between two steps, whatever comes next: come back later, nothing was kept, and the next block works."""
    kept = add(store, an_entry("kim"))
    steps: dict[str, Callable[[Book], object]] = {
        "get": lambda book: book.get(kept.number),
        "counts": lambda book: book.counts("r2"),
        "entries": lambda book: book.entries(),
        "add": lambda book: book.add(an_entry("lee", sealed=b""), EVERYBODY),
        "move": lambda book: book.move(kept.moved("cancelled", NOON, "test")),
        "fix": lambda book: book.fix("r1", "closed", "", NOON),
        "used": lambda book: book.used("kim", "limit:a"),
        "nothing": lambda book: None,
    }
    with pytest.raises(Unavailable) as away, store.open(SUBJECT) as book:
        book.counts("r1")
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        ask(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        steps[step](book)
    assert away.value.retry_after and (away.value.__cause__ is not None or step == "nothing")
    assert store.find(kept.number) == kept and add(store, an_entry("park")).rank == 2


def test_a_lost_commit_is_said_to_be_unknown(url: str, store: Store) -> None:
    """The connection dies before the commit is answered: not 'nothing was kept', but 'send it again'."""
    entry = an_entry(submission="s-1")
    with pytest.raises(Unavailable, match="확인하지 못했습니다"), store.open(SUBJECT) as book:
        book.add(entry, EVERYBODY)
        others = "datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
        ask(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    assert add(store, an_entry(submission="s-1")).rank == 1


def test_one_book_at_a_time_per_thread(store: Store) -> None:
    """A second book inside a block would wait for the first for ever: it is refused, and the first still works."""
    with store.open(SUBJECT) as book:
        with pytest.raises(RuntimeError, match="open in this thread"), store.open(SUBJECT):
            pass
        book.add(an_entry(), EVERYBODY)
    assert store.counts(SUBJECT) == {"r1": Counts(taken=1)}


def test_nobody_answers_before_it_is_written_down(url: str) -> None:
    """synchronous_commit turned off: a store that runs keeps what was checked, none starts; the setting is named."""
    [(name,)] = ask(url, "SELECT current_database()")
    with closing(open_store(url)) as store:
        ask(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            assert store._database.read("SHOW synchronous_commit") == [("on",)]
            with pytest.raises(Misuse, match="synchronous_commit"):
                open_store(url)
        finally:
            ask(url, f"ALTER DATABASE {name} RESET synchronous_commit")


def test_no_start_without_the_tables() -> None:
    """An empty database: the message names the command that helps; four hosts may give it at once, one does the work."""
    url = shared().database()
    with pytest.raises(Misuse, match="forms_api migrate"):
        open_store(url)
    answers = at_once([partial(migrate, url)] * 4)
    assert sorted(answers, key=str) == [(0, VERSION), *[(VERSION, VERSION)] * 3]
    open_store(url).close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE madang SET version = 99", "더 새로운 판"),
        ("UPDATE madang SET version = 4", "시험판"),
        ("DROP TABLE madang; CREATE TABLE alembic_version (version_num text)", "시험판"),
    ],
)
def test_a_database_of_another_version_is_refused(change: str, said: str) -> None:
    """Newer, older, of before: a sentence each, and nothing is changed."""
    url = shared().database()
    migrate(url)
    ask(url, change)
    with pytest.raises(Misuse, match=said):
        open_store(url)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE rounds", '"rounds" does not exist'),
        ("DROP TABLE caps", '"caps" does not exist'),
        ("DELETE FROM madang", "migrate"),
        ("ALTER TABLE madang RENAME COLUMN version TO number", '"version" does not exist'),
        ("REVOKE ALL ON madang FROM stranger", "permission denied"),
        ("GRANT SELECT ON madang TO stranger", "permission denied"),
    ],
)
def test_a_database_that_is_not_as_it_was_made_is_told_in_words(
    change: str, said: str, tmp_path: Path
) -> None:
    """Tables that are gone, another program's or not for this account: doctor and who opens it end with a sentence."""
    url = shared().database()
    migrate(url)
    ask(url, "DROP ROLE IF EXISTS stranger")
    ask(url, "CREATE ROLE stranger LOGIN")
    ask(url, change)
    try:
        url = url.replace("madang@", "stranger@") if "stranger" in change else url
        found = examine(url, tmp_path / "keys.json").wrong
        assert len(found) == 1 and said in found[0]
        if "caps" in change:  # noticed when they are wanted
            with closing(open_store(url)) as store, pytest.raises(Unavailable):
                add(store, an_entry(), caps=(Cap("limit:a", 1, 1),))
        else:
            with pytest.raises(Misuse, match=said):
                open_store(url)
        if change.startswith(("ALTER", "REVOKE")):
            with pytest.raises(Misuse, match=said):
                migrate(url)
    finally:
        ask(url.replace("stranger@", "madang@"), "DROP OWNED BY stranger")


def test_tables_of_another_program_are_left_alone() -> None:
    """A database with a table of the same name: refused in words, and nothing is made."""
    url = shared().database()
    ask(url, "CREATE TABLE entries (x int)")
    with pytest.raises(Misuse, match="다른 프로그램"):
        migrate(url)
    assert ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("entries",)]


def test_no_start_without_a_server() -> None:
    """Nobody answers: the message names the address and the reason, and never the password; only PostgreSQL."""
    with pytest.raises(Misuse) as wrong:
        open_store("postgresql://madang:hush@127.0.0.1:1/madang")
    assert "127.0.0.1:1" in str(wrong.value)
    assert "hush" not in str(wrong.value)
    with pytest.raises(Misuse, match="postgresql://"):
        open_store("mysql://a/b")


def test_one_of_several_hosts_will_do() -> None:
    """The first is away: the next that may be written to is taken. When none answers, all are named."""
    alive = quote(str(shared().folder), safe="")
    name = shared().database().rpartition("?")[0].rpartition("/")[2]
    url = f"postgresql://madang@127.0.0.1:1,{alive}:5432/{name}"
    migrate(url)
    open_store(url).close()
    with pytest.raises(Misuse, match=r"@127\.0\.0\.1:1,127\.0\.0\.1:2/"):
        open_store("postgresql://madang@127.0.0.1:1,127.0.0.1:2/madang")
