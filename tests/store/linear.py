"""Could what many threads were answered at once have been answered by one clerk, one after another? Pure: no store.

A history is linearizable when its calls can be put in one order that (a) never puts a call before one that had
ended when it began and (b) makes a plain sequential model give exactly the recorded answers. The search is Wing and
Gong's with Lowe's memory of failed configurations; it is exponential at worst and quick where answers carry ranks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

PLACES, WAITING = 6, 4  # of the round in every recorded history
HELD = ("confirmed", "offered")
LIVE = (*HELD, "waiting")


@dataclass(frozen=True)
class Call:
    """One call of one thread: when it began and ended (any steadily growing unit), and the answer."""

    name: str  # add, cancel, accept, decline, counts, find
    given: tuple[Any, ...]
    answer: Hashable  # None: unknown (it may have happened or not)
    began: float
    ended: float = inf


class Kept(NamedTuple):
    """An entry as the model knows it."""

    number: str
    person: str
    submission: str
    size: int
    state: str


State = tuple[Kept, ...]  # by rank: 1, 2, 3 …


def run(state: State, call: Call, gives: str = "confirmed") -> tuple[State, Hashable]:
    """What one clerk does and answers. gives: what the line gets of a freed place, "confirmed" or "offered"."""
    if call.name == "add":
        return add(state, *call.given)
    if call.name == "cancel":
        return give_up(state, *call.given, LIVE, gives)
    if call.name == "decline":
        return give_up(state, *call.given, ("offered",), gives)
    if call.name == "accept":
        return accept(state, *call.given)
    if call.name == "counts":
        return state, (taken(state), waiting(state))
    (number,) = call.given
    return state, next((entry.state for entry in state if entry.number == number), "nothing")


def add(state: State, number: str, person: str, submission: str, size: int) -> tuple[State, Hashable]:
    """The rules of `Book.add` for places, persons and retries: (number, state, rank), "already" or "full"."""
    for rank, entry in enumerate(state, 1):
        if entry.submission == submission:
            return state, (entry.number, entry.state, rank)
    if any(entry.person == person and entry.state in LIVE for entry in state):
        return state, "already"
    free = PLACES - taken(state)
    # The line goes first; but what fits nobody in it does not stay empty.
    if size <= free and all(entry.size > free for entry in state if entry.state == "waiting"):
        given = "confirmed"
    elif waiting(state) + size <= WAITING:
        given = "waiting"
    else:
        return state, "full"
    return (*state, Kept(number, person, submission, size, given)), (number, given, len(state) + 1)


def accept(state: State, number: str) -> tuple[State, Hashable]:
    """Take the offered place: "confirmed", or "nothing" is offered."""
    after = tuple(
        entry._replace(state="confirmed") if entry.number == number and entry.state == "offered" else entry
        for entry in state
    )
    return after, "nothing" if after == state else "confirmed"


def give_up(state: State, number: str, whose: tuple[str, ...], gives: str) -> tuple[State, Hashable]:
    """Give a place back; the line moves up: the numbers that did, or "nothing" to give back.

    In strict order: one that does not fit keeps its turn, and the next that fits goes.
    """
    found = {entry.number: i for i, entry in enumerate(state)}
    if number not in found or state[found[number]].state not in whose:
        return state, "nothing"
    entries = list(state)
    entries[found[number]] = entries[found[number]]._replace(
        state="cancelled" if whose is LIVE else "declined"
    )
    promoted = []
    for i, entry in enumerate(entries):
        if entry.state == "waiting" and taken(entries) + entry.size <= PLACES:
            entries[i] = entry._replace(state=gives)
            promoted.append(entry.number)
    return tuple(entries), tuple(promoted)


def taken(state: Sequence[Kept]) -> int:
    """People with a place, also one that is only offered."""
    return sum(entry.size for entry in state if entry.state in HELD)


def waiting(state: Sequence[Kept]) -> int:
    """People in the line."""
    return sum(entry.size for entry in state if entry.state == "waiting")


def is_linearizable(history: Sequence[Call], gives: str = "confirmed") -> bool:
    """Is there one order of the calls that explains every answer? True for an empty history. gives: as for `run`."""
    calls = sorted(history, key=lambda call: call.began)
    known = sum(1 << i for i, call in enumerate(calls) if call.answer is not None)  # these must have happened
    failed: set[tuple[int, State]] = set()
    stack: list[tuple[int, State]] = [(0, ())]
    while stack:
        done, state = stack.pop()
        if done & known == known:
            return True
        if (done, state) in failed:
            continue
        failed.add((done, state))
        stack.extend(_steps(calls, done, state, gives))
    return False


def _steps(calls: Sequence[Call], done: int, state: State, gives: str) -> list[tuple[int, State]]:
    """Every call that could come next, and where it leads."""
    first_end, steps = inf, []
    for i, call in enumerate(calls):
        if done >> i & 1:
            continue
        if call.began > first_end:
            break  # it began after a call had ended that has not had its turn
        first_end = min(first_end, call.ended)
        after, answer = run(state, call, gives)
        if call.answer is None or answer == call.answer:
            steps.append((done | 1 << i, after))
    # Those that ended first are tried first: mostly that is how it was.
    return steps[::-1]
