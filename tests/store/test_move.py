"""Moving everything from a data folder to PostgreSQL: nothing lost, nothing changed, repeatable, and never over live data."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from civic.errors import AlreadyApplied, InUse, LimitReached, Misuse, Unavailable
from civic.store import open_store
from civic.store.box import Sealed
from civic.store.contents import Contents
from civic.store.copies import read_folder, receive
from civic.store.entry import Cap, Counts, Entry, Seat, body_of, checksum, to_document
from civic.store.folder import serving
from civic.store.tables import VERSION
from tests.postgres import ask, shared
from tests.staff import call
from tests.store.conftest import NOON, SUBJECT, a_box, add, an_entry, move

LATER = NOON + timedelta(hours=1)
SEATS = (Seat("confirmed", 2), Seat("waiting", 9))
CAP = Cap("limit:a", 1, 2, kept_in=("cancelled",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with something of every kind in it, its server stopped."""
    home = tmp_path / "data"
    with closing(open_store(f"tinydb://{home}")) as store:
        first = add(store, an_entry("a", submission="s-1", size=2, hours=40, deadline=LATER), SEATS, (CAP,))
        for person in "bc":
            add(store, an_entry(person, sealed=bytes(range(256))), SEATS)
        gone = add(store, an_entry("d", subject="programs/tour"), SEATS, (CAP,))
        move(store, gone, "cancelled", "취소했습니다")
        with store.open(SUBJECT, "staff:kim") as book:
            book.tell("offer", first.number, LATER)
            book.move(replace(book.line("r1")[1].moved("waiting", LATER, "drawn"), rank=9))
        store.keep_key(SUBJECT, b"\x00wrapped\xff")
        store.keep_key("programs/tour", b"old")
        store.drop_key("programs/tour", LATER)
    with a_box(f"tinydb://{home}") as boxes, boxes.open("budget-2024") as box:
        box.put(Sealed("voter-hash", b"\x00envelope", "receipt", "once"))
    return home


def moved(folder: Path, url: str) -> Contents:
    """Moves the folder's data; what was sent."""
    contents = read_folder(folder)
    assert receive(url, contents, str(folder), NOON) == contents.digests()
    return contents


def test_everything_arrives(folder: Path, url: str) -> None:
    """Every question that the contract answers is answered alike before and after; the folder is untouched."""
    contents = moved(folder, url)
    with closing(open_store(f"tinydb://{folder}")) as tiny, closing(open_store(url)) as large:
        assert large.subjects() == tiny.subjects() == [SUBJECT, "programs/tour"]
        for subject in large.subjects():
            assert large.counts(subject) == tiny.counts(subject)
            assert large.wrapped_key(subject) == tiny.wrapped_key(subject)
            with large.open(subject) as ours, tiny.open(subject) as theirs:
                assert ours.entries() == theirs.entries() != []
                assert ours.line("r1") == theirs.line("r1")
                assert (
                    [ours.used(p, CAP.key) for p in "ad"] == [theirs.used(p, CAP.key) for p in "ad"] == [1, 1]
                )
        for entry in contents.entries:
            assert large.find(entry.number) == tiny.find(entry.number)
            assert large.history(entry.number) == tiny.history(entry.number) != []
        ours, theirs = (
            sorted(each.row for each in store.outbox.take(LATER, most=99)) for store in (large, tiny)
        )
        assert ours == theirs != []
    with a_box(url) as with_votes, with_votes.open("budget-2024") as box:
        assert box.cast() == [("receipt", b"\x00envelope")]
        assert box.has_voted("voter-hash")


def test_the_moved_store_works_on(folder: Path, url: str) -> None:
    """Moved again with what came since: retries, one per person, caps, ranks and promotions go on where they were."""
    moved(folder, url)
    with closing(open_store(f"tinydb://{folder}")) as old:
        late = add(old, an_entry("late"), SEATS)
    moved(folder, url)  # the first was a rehearsal
    moved(folder, url)
    with closing(open_store(url)) as store:
        assert store.find(late.number) == late
        first = add(store, an_entry("a", submission="s-1"), SEATS)
        assert (first.rank, first.state) == (1, "confirmed")
        with pytest.raises(AlreadyApplied):
            add(store, an_entry("b"), SEATS)
        with pytest.raises(LimitReached):
            add(store, an_entry("d", round="r2"), SEATS, (Cap(CAP.key, 2, 2),))
        assert add(store, an_entry("new"), SEATS).rank == 11  # the highest given was 9, and one came late
        move(store, first, "cancelled")
        with store.open(SUBJECT) as book:
            assert book.used("a", CAP.key) == 1  # this cap keeps counting after a cancellation
            assert book.counts("r1") == Counts(waiting=4)


def test_a_difference_undoes_everything(folder: Path, url: str) -> None:
    """A line of the journal that does not arrive: the kind is named, and nothing is kept."""
    contents = read_folder(folder)
    ask(url, "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    ask(
        url,
        "CREATE TRIGGER lose BEFORE INSERT ON journal FOR EACH ROW WHEN (new.cause = 'drawn') EXECUTE FUNCTION lose()",
    )
    try:
        with pytest.raises(Unavailable, match=r"원본과 달라 .*기록"):
            receive(url, contents, "x", NOON)
    finally:
        ask(url, "DROP TRIGGER lose ON journal")
        ask(url, "DROP FUNCTION lose")
    assert ask(url, "SELECT count(*) FROM entries") == [(0,)]
    assert ask(url, "SELECT count(*) FROM moves") == [(0,)]


def test_a_folder_in_use_is_not_read(folder: Path) -> None:
    """While a server holds the folder there is more to come: refused; at a wrong address nothing is made."""
    hold = serving(folder)
    with pytest.raises(InUse):
        read_folder(folder)
    hold.close()
    assert read_folder(folder).entries
    with pytest.raises(Misuse, match="신청이 없습니다"):
        read_folder(folder.parent / "nothing")
    assert not (folder.parent / "nothing").exists()


@pytest.mark.parametrize(
    "change", [{"sealed": b"x"}, {"received": LATER}, {"rank": 3}, {"pin": "x"}, {"cause": ""}]
)
def test_the_hash_sees_every_field(change: dict[str, object]) -> None:
    """The control of the comparison: one changed field of one entry gives another hash, with the same count."""
    entry = replace(an_entry(), state="confirmed", rank=1)
    other = replace(entry, **change)  # type: ignore[arg-type]  # each pair fits its field

    def digests(kept: Entry) -> dict[str, tuple[int, str]]:
        body = body_of(to_document(kept))
        return Contents({"entries": [(1, body, checksum(body))]}).digests()

    assert digests(entry)["신청"] != digests(other)["신청"]
    assert digests(entry)["신청"][0] == digests(other)["신청"][0] == 1


def test_the_command_says_both_sides_and_never_replaces_live_data(folder: Path, url: str) -> None:
    """`move` prints counts and hashes of both sides; once somebody has signed up there it changes nothing."""
    words = ("move", "--from", f"tinydb://{folder}", "--to", url)
    done = call(*words)
    assert done.returncode == 0, done.stderr
    assert "신청: 원본 4 " in done.stdout
    with closing(open_store(url)) as store:
        fresh = add(store, an_entry("fresh"), SEATS)
        with pytest.raises(Unavailable, match="이미 다른 신청"):
            receive(url, read_folder(folder), "again", LATER)
        again = call(*words)
        assert (again.returncode, again.stdout) == (1, "")
        assert "아무것도 바꾸지 않았습니다" in again.stderr
        assert store.find(fresh.number) == fresh


def test_the_command_migrate(tmp_path: Path) -> None:
    """An empty database, then one that is ready: both exit 0 and say so; a folder without data: exit 2."""
    url = shared().database()
    said = []
    for address in (url, url, f"tinydb://{tmp_path}/data"):
        done = call("migrate", "--data", address)
        said.append((done.returncode, (done.stdout or done.stderr).strip()))
    assert said[0] == (0, f"표를 맞추었습니다(판 없음 → {VERSION}).")
    assert said[1] == (0, f"이미 최신입니다(판 {VERSION}).")
    assert said[2][0] == 2
