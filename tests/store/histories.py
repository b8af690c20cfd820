"""Histories to be checked: many threads sign up, give up, look up and count, and every answer is written down."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Protocol

from civic.entries import Seat, new_number
from civic.errors import AlreadyApplied, Full, Unavailable
from civic.store.book import Store
from tests.store.conftest import NOON, an_entry
from tests.store.linear import PLACES, WAITING, Call, State, add, cancel, run

SEATS = (Seat("confirmed", PLACES), Seat("waiting", WAITING))
LIVE = ("confirmed", "waiting")


class Desk(Protocol):
    """What a history asks."""

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable: ...
    def cancel(self, number: str) -> Hashable: ...
    def counts(self) -> Hashable: ...
    def find(self, number: str) -> Hashable: ...


class StoreDesk:
    """One round of a store under test."""

    def __init__(self, store: Store, subject: str) -> None:
        self._store, self._subject = store, subject

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable:
        given = {"number": number, "submission": f"{self._subject}/{submission}", "size": size}
        entry = an_entry(person, subject=self._subject, **given)
        try:
            with self._store.open(self._subject, "citizen") as book:
                kept = book.add(entry, SEATS)
        except AlreadyApplied:
            return "already"
        except Full:
            return "full"
        return kept.number, kept.state, kept.rank

    def cancel(self, number: str) -> Hashable:
        promoted = []
        with self._store.open(self._subject, "citizen") as book:
            entry = book.get(number)
            if entry is None or entry.state not in LIVE:
                return "nothing"
            at = NOON + timedelta(minutes=1)
            book.move(entry.moved("cancelled", at, "cancelled"))
            free = PLACES - book.counts("r1").taken
            for each in book.line("r1"):
                if each.size > free:
                    break
                free -= each.size
                book.move(each.moved("confirmed", at, "promoted"))
                promoted.append(each.number)
        return tuple(promoted)

    def counts(self) -> Hashable:
        found = self._store.counts(self._subject).get("r1")
        return (found.taken, found.waiting) if found else (0, 0)

    def find(self, number: str) -> Hashable:
        found = self._store.find(number)
        return found.state if found else "nothing"


class ToyDesk:
    """A round in memory. Without a flaw it is right; each flaw is a race that stores have really had."""

    FLAWS = ("no-lock", "stale-counts", "two-promoted", "lost-cancel", "late-visible", "lookup-before-commit")

    def __init__(self, flaw: str = "", pause: Callable[[], None] = lambda: time.sleep(0)) -> None:
        self._flaw, self._pause = flaw, pause
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
            after, answer = cancel(read, number)
            with self._lock:
                self._state = (*after, *self._state[len(after) :])
            return answer
        self._turn += 1
        if self._flaw == "lost-cancel" and self._turn % 4 == 0:
            return cancel(self._state, number)[1]
        return self._change(cancel, number)

    def counts(self) -> Hashable:
        if self._flaw == "stale-counts":  # what was true at the call before
            now, self._shown = self._shown, run(self._state, Call("counts", (), None, 0))[1]
            return now
        return run(self._state, Call("counts", (), None, 0))[1]

    def find(self, number: str) -> Hashable:
        return run(self._state, Call("find", (number,), None, 0))[1]


def record(desk: Desk, seed: int, calls: int = 300, threads: int = 8) -> list[Call]:
    """What `threads` people do at once at one desk, `calls` in all; the same seed asks the same questions."""
    history: list[Call] = []
    numbers: list[str] = []
    gate = threading.Barrier(threads)
    wrong: list[BaseException] = []

    def work(which: int) -> None:
        dice = random.Random(f"{seed}/{which}")  # not a secret
        gate.wait(30)
        for turn in range(calls // threads):
            name, given = question(dice, which, turn, numbers)
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
    dice: random.Random, which: int, turn: int, numbers: list[str]
) -> tuple[str, tuple[object, ...]]:
    """One question: mostly sign-ups (some of them double clicks), cancellations as often as places come free."""
    kind = dice.random()
    if kind < 0.45 or not numbers:
        number = new_number()
        numbers.append(number)
        # Few persons and few submissions: the same ones meet each other.
        person = dice.randrange(40)
        return "add", (number, f"p{person}", f"p{person}/{dice.randrange(3)}", 1 + (dice.random() < 0.2))
    if kind < 0.75:
        return "cancel", (dice.choice(numbers[-40:]),)
    if kind < 0.9:
        return "find", (dice.choice(numbers[-20:]),)
    return "counts", ()
