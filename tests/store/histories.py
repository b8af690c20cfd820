"""Histories to be checked: many threads sign up, give up, answer offers, look up and count; every answer is written down."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Protocol

from civic.codes import new_number
from civic.content.form import Consent, FormSpec, Round
from civic.errors import AlreadyApplied, Full, Unavailable
from civic.places import line
from civic.places.form_round import FormRound
from civic.store.book import Book, Store
from civic.store.entry import Entry
from tests.store.conftest import NOON, an_entry
from tests.store.linear import LIVE, PLACES, WAITING, Call, State, add, run

ROUND = Round(id="r1", label="r1", places=PLACES, waiting=WAITING)
FORMS = {
    "party-1-auto": "confirmed",
    "party-2-auto": "confirmed",
    "party-2-offer": "offered",
}  # what the line gets


def a_form(kind: str) -> FormSpec:
    """A form that is open all the time. kind: of FORMS."""
    _, party, promotion = kind.split("-")
    return FormSpec.model_validate(
        {
            "opens": NOON - timedelta(days=1),
            "closes": NOON + timedelta(days=1),
            "party": int(party),
            "promotion": promotion,
            "rounds": [ROUND],
            "consent": Consent(purpose="접수", items=("이름",), keep_days=30),
        }
    )


class Desk(Protocol):
    """What a history asks."""

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable: ...
    def cancel(self, number: str) -> Hashable: ...
    def accept(self, number: str) -> Hashable: ...
    def decline(self, number: str) -> Hashable: ...
    def counts(self) -> Hashable: ...
    def find(self, number: str) -> Hashable: ...


class StoreDesk:
    """One round of a store under test, through the acts that the server itself does."""

    def __init__(self, store: Store, subject: str, kind: str) -> None:
        self._store, self._subject, self._round = store, subject, FormRound(None, a_form(kind), ROUND)

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable:
        given = {"number": number, "submission": f"{self._subject}/{submission}", "size": size}
        entry = an_entry(person, subject=self._subject, **given)
        try:
            with self._store.open(self._subject, "citizen") as book:
                kept = line.admit(book, self._round, entry, ())
        except AlreadyApplied:
            return "already"
        except Full:
            return "full"
        return kept.number, kept.state, kept.rank

    def cancel(self, number: str) -> Hashable:
        def act(book: Book) -> Entry:
            return line.cancel(book, self._round, number, NOON, line.CANCELLED)

        return self._give_up(number, LIVE, act)

    def accept(self, number: str) -> Hashable:
        with self._store.open(self._subject, "citizen") as book:
            entry = book.get(number)
            if entry is None or entry.state != "offered":
                return "nothing"
            return line.answer(book, self._round, number, True, NOON).state

    def decline(self, number: str) -> Hashable:
        def act(book: Book) -> Entry:
            return line.answer(book, self._round, number, False, NOON)

        return self._give_up(number, ("offered",), act)

    def _give_up(self, number: str, whose: tuple[str, ...], act: Callable[[Book], Entry]) -> Hashable:
        with self._store.open(self._subject, "citizen") as book:
            entry = book.get(number)
            if entry is None or entry.state not in whose:
                return "nothing"
            before = [each.number for each in book.line("r1") if each.number != number]
            act(book)
            after = {each.number for each in book.line("r1")}
        return tuple(each for each in before if each not in after)

    def counts(self) -> Hashable:
        found = self._store.counts(self._subject).get("r1")
        return (found.taken, found.waiting) if found else (0, 0)

    def find(self, number: str) -> Hashable:
        found = self._store.find(number)
        return found.state if found else "nothing"


class ToyDesk:
    """A round in memory. Without a flaw it is right; each flaw is a race that stores have really had."""

    FLAWS = (
        "no-lock",
        "stale-counts",
        "two-promoted",
        "lost-cancel",
        "late-visible",
        "lookup-before-commit",
        "late-accept",
    )

    def __init__(
        self, flaw: str = "", gives: str = "confirmed", pause: Callable[[], None] = lambda: time.sleep(0)
    ) -> None:
        self._flaw, self._gives, self._pause = flaw, gives, pause
        self._lock = threading.Lock()
        self._state: State = ()
        self._shown: Hashable = (0, 0)
        self._turn = 0

    def _change(self, what: Callable[..., tuple[State, Hashable]], *given: object) -> Hashable:
        with self._lock:
            self._state, answer = what(self._state, *given)
        return answer

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable:
        given = (number, person, submission, size)
        if self._flaw == "no-lock":  # checks and insert apart
            after, answer = add(self._state, *given)
            self._pause()
            if isinstance(answer, tuple) and len(after) > len(self._state):
                self._state = (*self._state, after[-1])
            return answer
        if self._flaw == "late-visible":  # answered before it is kept
            with self._lock:
                answer = add(self._state, *given)[1]
            threading.Timer(0.002, self._change, (add, *given)).start()
            return answer
        if self._flaw == "lookup-before-commit":  # visible, then undone, then kept
            with self._lock:
                before = self._state
                self._state = add(before, *given)[0]
            self._pause()
            with self._lock:
                self._state = before
            self._pause()
        return self._change(add, *given)

    def cancel(self, number: str) -> Hashable:
        if self._flaw == "two-promoted":  # reads the line, then decides on what it read
            read = self._state
            self._pause()
            after, answer = self._run(read, "cancel", number)
            with self._lock:
                self._state = (*after, *self._state[len(after) :])
            return answer
        self._turn += 1
        if self._flaw == "lost-cancel" and self._turn % 4 == 0:
            return self._run(self._state, "cancel", number)[1]
        return self._change(self._run, "cancel", number)

    def accept(self, number: str) -> Hashable:
        if self._flaw == "late-accept":  # says yes to an offer that it saw, whatever became of it
            offered = self.find(number) == "offered"
            self._pause()
            self._change(self._run, "accept", number)
            return "confirmed" if offered else "nothing"
        return self._change(self._run, "accept", number)

    def decline(self, number: str) -> Hashable:
        return self._change(self._run, "decline", number)

    def counts(self) -> Hashable:
        if self._flaw == "stale-counts":  # what was true at the call before
            now, self._shown = self._shown, self._run(self._state, "counts")[1]
            return now
        return self._run(self._state, "counts")[1]

    def find(self, number: str) -> Hashable:
        return self._run(self._state, "find", number)[1]

    def _run(self, state: State, name: str, *given: object) -> tuple[State, Hashable]:
        return run(state, Call(name, given, None, 0), self._gives)


def record(desk: Desk, seed: int, calls: int = 300, threads: int = 8, party: int = 2) -> list[Call]:
    """What `threads` people do at once at one desk, `calls` in all; the same seed asks the same questions.

    party: most people in one entry, 1 or 2.
    """
    history: list[Call] = []
    numbers: list[str] = []
    gate = threading.Barrier(threads)
    wrong: list[BaseException] = []

    def work(which: int) -> None:
        dice = random.Random(f"{seed}/{which}")  # not a secret
        gate.wait(30)
        for turn in range(calls // threads):
            name, given = question(dice, which, turn, numbers, party)
            began = time.monotonic_ns()
            try:
                answer: Hashable = getattr(desk, name)(*given)
            except Unavailable:
                history.append(Call(name, given, None, began))
                continue
            except BaseException as err:
                wrong.append(err)
                return
            history.append(Call(name, given, answer, began, time.monotonic_ns()))

    workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert not wrong, wrong[0]
    return history


def question(
    dice: random.Random, which: int, turn: int, numbers: list[str], party: int
) -> tuple[str, tuple[object, ...]]:
    """One question: mostly sign-ups (some of them double clicks), and what frees places or answers offers."""
    kind = dice.random()
    if kind < 0.4 or not numbers:
        number = new_number()
        numbers.append(number)
        # Few persons and few submissions: the same ones meet each other.
        person = dice.randrange(40)
        size = min(party, 1 + (dice.random() < 0.2))
        return "add", (number, f"p{person}", f"p{person}/{dice.randrange(3)}", size)
    if kind < 0.6:
        return "cancel", (dice.choice(numbers[-30:]),)
    if kind < 0.85:
        return dice.choice(("accept", "decline")), (dice.choice(numbers[-30:]),)
    if kind < 0.95:
        return "find", (dice.choice(numbers[-20:]),)
    return "counts", ()
