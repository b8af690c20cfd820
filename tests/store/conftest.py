"""The back ends on which every contract test runs. A new one joins with one line in BACK_ENDS."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL
from civic.codes import new_number
from civic.store import open_store
from civic.store.book import Store
from civic.store.entry import Cap, Entry, Seat
from tests.postgres import a_database

SUBJECT = "lectures/essay"
NOON = datetime(2023, 8, 16, 12, tzinfo=SEOUL)
EVERYBODY = (Seat("confirmed", 10_000),)

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
    opened = open_store(address)
    yield opened
    opened.close()


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
