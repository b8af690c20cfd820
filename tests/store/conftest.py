"""The back ends on which every contract test runs. A new one joins with one line in BACK_ENDS."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from civic.clock import SEOUL
from civic.codes import new_number
from civic.store import open_box, open_store
from civic.store.boxes import Box
from civic.store.entry import Cap, Entry, Seat
from civic.store.key_file import load_or_create
from civic.store.seal import Keys
from civic.store.store import Store
from tests.places.test_intake_model import memory_folder
from tests.postgres import a_database, ask, shared
from tests.store.faulty import Disk, faulty_disk

SUBJECT = "lectures/essay"
NOON = datetime(2023, 8, 16, 12, tzinfo=SEOUL)
EVERYBODY = (Seat("confirmed", 10_000),)

T = TypeVar("T")
Address = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def tiny(tmp_path: Path) -> Iterator[str]:
    """A fresh folder for the default store."""
    yield f"tinydb://{tmp_path}/data"


# name -> a context that gives the address of an empty store.
BACK_ENDS: dict[str, Address] = {"tinydb": tiny, "postgresql": a_database}


@pytest.fixture(params=sorted(BACK_ENDS))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store; open it again to see what is durable."""
    with BACK_ENDS[request.param](tmp_path) as url:
        yield url


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """An empty store of each back end."""
    with closing(open_store(address)) as opened:
        yield opened


@pytest.fixture
def beside(address: str) -> Iterator[Store]:
    """The same store, as another process has it open."""
    with closing(open_store(address)) as opened:
        yield opened


@pytest.fixture
def url() -> Iterator[str]:
    """The address of an empty store on PostgreSQL."""
    with a_database() as url:
        yield url


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """A key file beside the data folder, for the commands too; every store that is opened here trusts it."""
    monkeypatch.setenv("MADANG_KEYS", str(tmp_path / "keys"))
    found, opened = load_or_create(tmp_path / "keys/keys.json"), Store.__init__

    def trusting(store: Store, *given: Any) -> None:
        opened(store, *given)
        store.trust(found.journal)

    monkeypatch.setattr(Store, "__init__", trusting)
    return found


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that can fail."""
    with faulty_disk() as faulty:
        yield faulty


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is room: thousands of syncs."""
    with memory_folder() as url:
        yield Path(url.removeprefix("tinydb://")).parent


def raw_files(address: str) -> bytes:
    """Every byte of a store's own files: of its folder, or of its database's heaps and indexes, not of PostgreSQL's log."""
    folder = Path(address.removeprefix("tinydb://"))
    if not address.startswith("tinydb://"):
        ask(address, "CHECKPOINT")
        ((oid,),) = ask(address, "SELECT oid FROM pg_database WHERE datname = current_database()")
        folder = shared().data / f"base/{oid}"
    return b"\n".join(file.read_bytes() for file in sorted(folder.iterdir()))


def a_box(url: str) -> AbstractContextManager[Box]:
    """The ballot boxes of a store, open within the block."""
    return closing(open_box(url))


def an_entry(person: str = "kim", **given: Any) -> Entry:
    """An entry as intake offers it: state and rank are still the store's to give."""
    return Entry(
        **{
            "number": new_number(),
            "subject": SUBJECT,
            "round": "r1",
            "state": "received",
            "rank": 0,
            "person": person,
            "pin": "pin",
            "submission": str(uuid.uuid4()),
            "received": NOON,
            "changed": NOON,
            "cause": "applied",
            "sealed": b"\x00sealed\xff",
            **given,
        }
    )


def add(store: Store, entry: Entry, seats: Any = EVERYBODY, caps: tuple[Cap, ...] = ()) -> Entry:
    """Add one entry in a transaction of its own; as intake does, its subject has a data key by then."""
    if entry.sealed and store.wrapped_key(entry.subject) is None:
        store.keep_key(entry.subject, b"wrapped key")
    with store.open(entry.subject, who="citizen") as book:
        return book.add(entry, seats, caps)


def move(store: Store, entry: Entry, state: str, cause: str = "test", **given: Any) -> Entry:
    """Move one entry in a transaction of its own, a minute later."""
    with store.open(entry.subject, who="staff:kim") as book:
        return book.move(entry.moved(state, NOON + timedelta(minutes=1), cause, **given))


def at_once(acts: Sequence[Callable[[], T]], threads: int = 0, limit: float = 120) -> list[T | Exception]:
    """What each act gave or raised, in their order; `threads` of them (0: all) run at a time and start together."""
    threads = threads or len(acts)
    answers: list[T | Exception] = [RuntimeError("never ran")] * len(acts)
    gate = threading.Barrier(threads)

    def work(first: int) -> None:
        gate.wait(limit)
        for i in range(first, len(acts), threads):
            try:
                answers[i] = acts[i]()
            except Exception as err:
                answers[i] = err

    workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(limit)
        assert not worker.is_alive(), "somebody still waits"
    return answers
