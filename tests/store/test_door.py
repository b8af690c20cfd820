"""The command line beside a running server: the same books, through the door of the data folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from civic.errors import AlreadyApplied, Full, InUse, Invalid, Misuse, TooMany
from civic.store import door, open_beside, open_store
from civic.store.book import NumberTaken, Store
from civic.store.entry import Cap, Counts, Seat
from civic.store.wire import error_of, pack, pack_error, unpack
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, move


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Store]:
    """A server's store."""
    store = open_store(f"tinydb://{tmp_path}/data")
    yield store
    store.close()


@pytest.fixture
def visit(server: Store, tmp_path: Path) -> Iterator[Store]:
    """The command line's store beside it."""
    store = open_beside(f"tinydb://{tmp_path}/data")
    assert isinstance(store, door.Visit)
    yield store
    store.close()


def test_staff_and_citizens_see_the_same(server: Store, visit: Store) -> None:
    """A cancellation and promotion by the command line is what the server answers from then on."""
    seats = (Seat("confirmed", 1), Seat("waiting", 5))
    first, second = add(server, an_entry("a"), seats), add(server, an_entry("b"), seats)
    with visit.open(SUBJECT, "staff:kim") as book:
        assert book.entries() == [first, second]
        assert book.position(second) == 1
        book.move(first.moved("cancelled", NOON, "cancelled-by-staff"))
        book.move(book.line("r1", 1)[0].moved("confirmed", NOON, "promoted"))
        book.tell("promoted", second.number, NOON)
        assert book.counts("r1") == Counts(taken=1)
    found = server.find(second.number)
    assert found and found.state == "confirmed"
    assert server.counts(SUBJECT) == visit.counts(SUBJECT) == {"r1": Counts(taken=1)}
    assert visit.find(first.number) == server.find(first.number)
    assert visit.history(first.number) == server.history(first.number)
    assert visit.history(first.number)[-1].who == "staff:kim"
    [message] = visit.messages(NOON)
    visit.sent(message)
    assert server.messages(NOON) == []
    assert visit.subjects() == [SUBJECT]
    assert visit.keep_key("programs/tour", b"\x00key") == server.wrapped_key("programs/tour") == b"\x00key"
    visit.drop_key(SUBJECT, NOON)
    assert visit.wrapped_key(SUBJECT) is None
    assert visit.trouble == ""


def test_refusals_come_through_the_door(server: Store, visit: Store) -> None:
    """A visitor gets the same refusals, and they leave nothing behind."""
    kept = add(visit, an_entry("a", submission="s-1"), caps=(Cap("limit:a", 1, 1),))
    with pytest.raises(AlreadyApplied):
        add(visit, an_entry("a"))
    with pytest.raises(Full, match="정원 1명"):
        add(visit, an_entry("b"), (Seat("confirmed", 1),))
    with pytest.raises(Invalid) as refused:
        add(visit, an_entry("b", submission="s-1"))
    assert refused.value.errors[0].field == "submission_id"
    with pytest.raises(NumberTaken):
        add(visit, an_entry("b", number=kept.number))
    assert server.counts(SUBJECT) == {"r1": Counts(taken=1)}
    assert add(visit, an_entry("a", submission="s-1")) == kept


def test_a_visitor_who_fails_changes_nothing(server: Store, visit: Store) -> None:
    """An exception inside the visitor's block undoes the server's transaction; the door stays open."""
    with pytest.raises(ZeroDivisionError), visit.open(SUBJECT) as book:
        book.add(an_entry("a"), EVERYBODY)
        raise ZeroDivisionError
    assert server.subjects() == []
    assert add(visit, an_entry("a")).rank == 1


def test_a_visitor_who_falls_asleep_is_shown_out(
    server: Store, visit: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He holds the lock for PATIENCE at most; what he began is undone and citizens go on."""
    monkeypatch.setattr(door, "PATIENCE", 0.2)
    with pytest.raises(Exception, match="서버가"), visit.open(SUBJECT) as book:
        book.add(an_entry("a"), EVERYBODY)
        assert add(server, an_entry("b")).rank == 1  # waits until he is out
        book.counts("r1")
    assert server.counts(SUBJECT) == {"r1": Counts(taken=1)}


def test_nonsense_at_the_door_does_no_harm(server: Store, tmp_path: Path) -> None:
    """Lines that are no questions, and calls that are not on the list, end the visit only."""
    for line in (b"hello\n", b'{"is": "Path", "of": {}}\n', pack({"call": "close", "with": []})):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(5)
            with door._short(tmp_path / "data" / door.NAME) as address:
                stranger.connect(address)
            stranger.sendall(line)
            assert stranger.recv(10) == b""
    assert add(server, an_entry()).rank == 1


def test_without_a_server_the_command_line_holds_the_folder(tmp_path: Path) -> None:
    """It takes the folder itself; a server that starts meanwhile is told so."""
    url = f"tinydb://{tmp_path}/data"
    with pytest.raises(Misuse, match="신청이 없습니다"):
        open_beside(url)
    assert not (tmp_path / "data").exists()
    open_store(url).close()
    alone = open_beside(url)
    try:
        add(alone, an_entry())
        with pytest.raises(InUse):
            open_store(url)
        with pytest.raises(InUse, match="응답하지 않습니다"):
            open_beside(url)
    finally:
        alone.close()


def test_door_of_a_killed_server_does_not_bar_the_next(tmp_path: Path) -> None:
    """The socket that was left behind is replaced; only its own account may use it."""
    (tmp_path / "data").mkdir()
    with socket.socket(socket.AF_UNIX) as left, door._short(tmp_path / "data" / door.NAME) as address:
        left.bind(address)
    store = open_store(f"tinydb://{tmp_path}/data")
    try:
        assert (tmp_path / "data" / door.NAME).stat().st_mode & 0o777 == 0o600
        open_beside(f"tinydb://{tmp_path}/data").close()
    finally:
        store.close()
    assert not (tmp_path / "data" / door.NAME).exists()


def test_many_visitors_take_turns(server: Store, tmp_path: Path) -> None:
    """More visitors than VISITORS at once: all are served."""

    def go(person: int) -> None:
        store = open_beside(f"tinydb://{tmp_path}/data")
        move(store, add(store, an_entry(str(person))), "cancelled")
        store.close()

    threads = [threading.Thread(target=go, args=(i,)) for i in range(2 * door.VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with server.open(SUBJECT) as book:
        assert [entry.state for entry in book.entries()] == ["cancelled"] * 2 * door.VISITORS


def test_errors_keep_their_words_on_the_wire() -> None:
    """Detail, fields and Retry-After arrive; an unknown error becomes Unavailable."""
    sent = error_of(unpack(pack_error(TooMany(7))))
    assert isinstance(sent, TooMany)
    assert sent.retry_after == 7
    assert type(error_of(unpack(pack_error(KeyError("x"))))).__name__ == "Unavailable"
