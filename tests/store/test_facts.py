"""Facts about a round, offers and changed amounts: the same on every back end, after a restart, and beside a server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from civic.store import open_beside, open_store
from civic.store.book import Store
from civic.store.entry import Cap
from tests.store.conftest import NOON, SUBJECT, add, an_entry, move

HOURS = Cap("ledger:allowance", 40, 100, ("attended",))


def test_the_first_fact_counts_for_good(address: str) -> None:
    """A second word about the same thing changes nothing; a reopened store knows the first."""
    store = open_store(address)
    with store.open(SUBJECT, who="clock") as book:
        assert book.fixed("r1") == {}
        assert book.fix("r1", "closed", "early", NOON) == "early"
        assert book.fixed("r1") == {"closed": "early"}
    assert store.fixed(SUBJECT) == {"r1": {"closed": "early"}}
    with store.open(SUBJECT, who="clock") as book:
        assert book.fix("r1", "closed", "time", NOON + timedelta(days=1)) == "early"
        assert book.fix("r1", "drawn", "seed", NOON) == "seed"
        assert book.fixed("r2") == {}
    store.close()
    again = open_store(address)
    assert again.fixed(SUBJECT) == {"r1": {"closed": "early", "drawn": "seed"}}
    assert again.fixed("lectures/other") == {}
    assert [(c.before, c.after, c.who) for c in again.history("")] == [
        ("r1", "closed", "clock"),
        ("r1", "drawn", "clock"),
    ]
    again.close()


def test_a_block_that_fails_leaves_no_fact(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.open(SUBJECT) as book:
        book.fix("r1", "closed", "early", NOON)
        raise ZeroDivisionError
    assert store.fixed(SUBJECT) == {}
    with store.open(SUBJECT) as book:
        assert book.fixed("r1") == {}
        with pytest.raises(ValueError, match="no such fact"):
            book.fix("r1", "anything", "", NOON)


def test_offers_are_found_by_rank(store: Store) -> None:
    """Those offered, and nobody else; gone when they have answered."""
    entries = [add(store, an_entry(person)) for person in "abcd"]
    for entry in (entries[2], entries[0]):
        move(store, entry, "offered", deadline=NOON + timedelta(days=1))
    with store.open(SUBJECT) as book:
        assert [each.number for each in book.offers("r1")] == [entries[0].number, entries[2].number]
        assert book.offers("r2") == []
    move(store, entries[0], "confirmed")
    with store.open(SUBJECT) as book:
        assert [each.number for each in book.offers("r1")] == [entries[2].number]


def test_hours_worked_replace_hours_reserved(store: Store) -> None:
    """A cap follows the new amount, and giving it back gives back exactly that."""
    entry = add(store, an_entry("kim", hours=40), caps=(HOURS,))
    with store.open(SUBJECT) as book:
        assert book.used("kim", HOURS.key) == 40
        worked = book.move(entry.moved("attended", NOON, "worked"), {HOURS.key: 25})
    with store.open(SUBJECT) as book:
        assert book.used("kim", HOURS.key) == 25
        book.move(worked.moved("absent", NOON, "mistake"))
    with store.open(SUBJECT) as book:
        assert book.used("kim", HOURS.key) == 0


def test_a_visitor_sees_and_fixes_facts(tmp_path: Path) -> None:
    """Beside a running server the command line has the same book."""
    server = open_store(f"tinydb://{tmp_path}/data")
    entry = add(server, an_entry(hours=40), caps=(HOURS,))
    visitor = open_beside(f"tinydb://{tmp_path}/data")
    with visitor.open(SUBJECT, who="staff:kim") as book:
        assert book.fix("r1", "closed", "early", NOON) == "early"
        assert book.fixed("r1") == {"closed": "early"}
        book.move(entry.moved("offered", NOON, "offer", NOON), {HOURS.key: 10})
        assert [each.number for each in book.offers("r1")] == [entry.number]
        assert book.used("kim", HOURS.key) == 10
    assert visitor.fixed(SUBJECT) == server.fixed(SUBJECT) == {"r1": {"closed": "early"}}
    visitor.close()
    server.close()
