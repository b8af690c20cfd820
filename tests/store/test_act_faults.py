"""Every act on entries, facts and keys while the n-th write or sync fails: done wholly if it was acknowledged, else not at all."""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL
from civic.content.rounds import Round
from civic.errors import Misuse, Refused
from civic.places import draw, line
from civic.places.form_round import FormRound
from civic.store import open_store
from civic.store.book import Book
from civic.store.entry import Entry, Seat
from civic.store.private_file import PrivateFile
from civic.store.sqlite import SqliteDatabase
from civic.store.store import Store
from tests.content.test_form import a_form
from tests.store.conftest import NOON, SUBJECT, add, an_entry
from tests.store.faulty import FULL, IOERR_WRITE, Disk, swallowing

FAR = datetime(9999, 1, 1, tzinfo=SEOUL)
LATER = NOON + timedelta(days=9)
FREEZE = NOON + timedelta(days=3)
SEED = ("3 11 14 18 26 27", "감사관")
NEW = "events/fair"  # nobody has signed up there yet: its key is still to be made
PEOPLE = {
    "plain": ("confirmed", "waiting"),
    "offer": ("confirmed", "waiting", "waiting"),
    "drawn": ("received",) * 3,
}
FIRST, DESTROYED = "a first sign-up and its key", "the key is destroyed"
Act = Callable[[Store], object]
Snapshot = dict[str, Any]


the_form = partial(
    a_form,
    opens=NOON - timedelta(days=1),
    closes=NOON + timedelta(days=3),
    rounds=[Round(id=id, label=id, places=1, waiting=9) for id in PEOPLE],
)
FORMS = {
    "plain": the_form(selection="first-come", promotion="auto"),
    "offer": the_form(selection="first-come", promotion="offer", offer_hours=5),
    "drawn": the_form(selection="draw", seed="로또", seed_at=LATER),
}


def number(round: str, which: int) -> str:
    """The receipt number of the round's first, second, third person: the same in every run."""
    return f"{round[:4].upper():A<4}-000{which + 2}"


def prepare(store: Store) -> None:
    """Before the disk fails: everybody has applied."""
    for round, states in PEOPLE.items():
        for which, state in enumerate(states):
            id = number(round, which)
            entry = an_entry(
                id,
                number=id,
                submission=f"s-{id}",
                round=round,
                state=state,
                draw=f"{id}-AAAA",
                sealed=b"s" * 900,
            )
            add(store, entry, (Seat(state, 99),))


def on(round: str, act: Callable[[Book, FormRound], object]) -> Act:
    """An act on one round, in a transaction of its own."""

    def run(store: Store) -> None:
        found = FORMS[round].round(round)
        assert found
        with store.open(SUBJECT, "staff:kim") as book:
            act(book, FormRound(None, FORMS[round], found))

    return run


def fix(book: Book, round_: FormRound) -> None:
    book.fix(round_.id, "closed", "early", LATER)


def sign_up(store: Store) -> None:
    """The first of a subject: its key first, as in sealing."""
    store.keep_key(NEW, b"wrapped key")
    entry = an_entry("new", number="NEWA-0002", submission="s-new", subject=NEW, sealed=b"s" * 900)
    with store.open(NEW, "citizen") as book:
        book.add(entry, (Seat("confirmed", 9),))


def tell(store: Store) -> None:
    """The first message has gone out."""
    for parcel in store.outbox.take(LATER, most=1):
        store.outbox.sent(parcel)


ACTS: dict[str, Act] = {
    "cancel, and the next moves up": on(
        "plain", lambda b, r: line.cancel(b, r, number("plain", 0), NOON, "cancelled-by-citizen")
    ),
    "cancel, and the next gets an offer": on(
        "offer", lambda b, r: line.cancel(b, r, number("offer", 0), NOON, "cancelled-by-citizen")
    ),
    "decline, and the offer goes on": on(
        "offer", lambda b, r: line.answer(b, r, number("offer", 1), False, NOON)
    ),
    "accept": on("offer", lambda b, r: line.answer(b, r, number("offer", 2), True, NOON)),
    "a message is sent": tell,
    "the round has closed": on("plain", fix),
    "freeze": on("drawn", lambda b, r: draw.frozen_list(b, r, FREEZE)),
    "draw": on("drawn", lambda b, r: draw.frozen_list(b, r, FREEZE) and draw.run(b, r, *SEED, LATER)),
    FIRST: sign_up,
    DESTROYED: lambda store: store.drop_key(SUBJECT, LATER),
}


def killed(folder: Path) -> Path:
    """Where the files lie as kill -9 would have left them."""
    return folder.with_name(f"{folder.name}-killed")


def snapshot(folder: Path) -> Snapshot:
    """All that a restart finds."""
    store = open_store(f"tinydb://{folder}")
    try:
        found: Snapshot = {"messages": sorted(parcel.row[:3] for parcel in store.outbox.take(FAR, most=99))}
        for subject in (SUBJECT, NEW):
            with store.open(subject) as book:
                entries = book.entries()
            found[f"key {subject}"] = store.wrapped_key(subject)
            found[subject] = entries, store.counts(subject), store.fixed(subject)
            found |= {entry.number: store.history(entry.number) for entry in entries}
        found["journal"] = store.history("")
        return found
    finally:
        store.close()


def unsealed(found: tuple[list[Entry], object, object]) -> tuple[list[Entry], object, object]:
    """The same without anybody's answers."""
    return [entry.but(sealed=b"") for entry in found[0]], *found[1:]


class Lives:
    """Makes all acts over a failing disk, and knows how a store looks on which only some of them were made."""

    def __init__(self, disk: Disk, home: Path) -> None:
        self.disk, self.home = disk, home
        self._known: dict[tuple[str, ...], Snapshot] = {}

    def lies(self, code: int, for_ever: bool, calls: range, enough: int = 400) -> list[str]:
        """Where a restart finds something else than was answered; calls: those that fail, a run each; `enough` lies end it."""
        wrong: list[str] = []
        for n in calls:
            if len(wrong) >= enough:
                return wrong
            folder = self.home / f"{code}-{for_ever}-{n}"
            done, reached = self._run(folder, tuple(ACTS), n, code, for_ever)
            # While nothing can be written for ever, a commit whose sync failed stays in the log until the disk is healed.
            for found_in in [folder] if for_ever else [folder, killed(folder)]:
                if not self._agrees(found_in, done):
                    wrong.append(
                        f"{n} {found_in.name}: refused {[name for name in ACTS if name not in done]}"
                    )
            if not reached:
                assert n > 3 * len(ACTS) and done == tuple(ACTS)  # anything less would be no proof
                return wrong
        raise AssertionError("the run never came to its end without the failure")

    def _run(
        self, folder: Path, names: tuple[str, ...], n: int = 0, code: int = FULL, for_ever: bool = False
    ) -> tuple[tuple[str, ...], bool]:
        """Make the acts in a fresh folder while the n-th call fails: (those acknowledged, was that call reached?)."""
        store = open_store(f"tinydb://{folder}")
        prepare(store)
        self.disk.fail(n, code, for_ever)
        done = []
        for name in names:
            try:
                ACTS[name](store)
                done.append(name)
            except Refused:  # what an act rests on may have been refused before it
                pass
        reached = self.disk.has_failed
        self.disk.image(killed(folder), choose=lambda: True)
        self.disk.fail(0)
        store.close()
        return tuple(done), reached

    def _agrees(self, folder: Path, done: tuple[str, ...]) -> bool:
        """Is what a restart finds what a healthy store looks like after the acknowledged acts, and only those?"""
        if done not in self._known:
            healthy = self.home / f"healthy-{len(self._known)}"
            assert self._run(healthy, done) == (done, False)
            self._known[done] = snapshot(healthy)
        try:
            found, right = snapshot(folder), dict(self._known[done])
        except Misuse:  # nothing starts there any more
            return False
        # Keys lie in a file of their own: of a refused act the key may be made or destroyed already, the rest not;
        # what the destroyed key had sealed goes before it, some of it or all.
        for name, subject in ((FIRST, NEW), (DESTROYED, SUBJECT)):
            if name not in done:
                found[f"key {subject}"] = right[f"key {subject}"] = None
        if DESTROYED not in done:
            found["journal"] = [change for change in found["journal"] if change.before != "key"]
            found[SUBJECT], right[SUBJECT] = unsealed(found[SUBJECT]), unsealed(right[SUBJECT])
        return found == right


@pytest.fixture
def lives(disk: Disk, memory: Path) -> Lives:
    return Lives(disk, memory)


@pytest.mark.parametrize("code", [FULL, IOERR_WRITE])
@pytest.mark.parametrize("for_ever", [False, True])
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.long)])
def test_whatever_act_fails_it_is_done_or_not_done(
    lives: Lives, code: int, for_ever: bool, step: int
) -> None:
    """For every n (in the short run a quarter of them for each way to fail) all that is kept is of the acknowledged acts."""
    first = 1 + 2 * for_ever + (code == FULL) if step > 1 else 1
    assert lives.lies(code, for_ever, range(first, 400, step)) == []


@pytest.mark.parametrize(
    ("deaf", "kind"),
    [((SqliteDatabase, "_commit"), sqlite3.Error), ((PrivateFile, "_commit"), sqlite3.Error)],
    ids=["rows", "keys"],
)
def test_control_a_store_that_swallows_the_error(
    lives: Lives, deaf: tuple[type, str], kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a store that does not hear of the failed write acknowledges what is lost, and is caught."""
    monkeypatch.setattr(*deaf, swallowing(getattr(*deaf), kind))
    assert lives.lies(FULL, for_ever=False, calls=range(1, 400, 3), enough=1)
