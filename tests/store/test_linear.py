"""What many threads are answered at once could have been answered by one clerk, one after another, on every store.

A history is linearizable when its calls can be put in one order that (a) never puts a call before one that had
ended when it began and (b) makes a plain sequential model give exactly the recorded answers. The search is Wing and
Gong's with Lowe's memory of failed configurations; it is exponential at worst and quick where answers carry ranks.
"""

import random
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from math import inf
from typing import Any, NamedTuple

import pytest

from civic.codes import new_number
from civic.content.form import FormSpec
from civic.content.rounds import Round
from civic.errors import AlreadyApplied, Full, Unavailable
from civic.places import line
from civic.places.form_round import FormRound
from civic.store.entry import Entry
from civic.store.store import Store
from tests.content.test_form import a_form
from tests.store.conftest import NOON, an_entry, at_once

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
    """Give a place back: the numbers that move up, each that fits in the order of the line, or "nothing" to give back."""
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


ROUND = Round(id="r1", label="r1", places=PLACES, waiting=WAITING)
FORMS = {
    "party-1-auto": "confirmed",
    "party-2-auto": "confirmed",
    "party-2-offer": "offered",
}  # what the line gets


def the_form(kind: str) -> FormSpec:
    """A form that is open all the time. kind: of FORMS."""
    _, party, promotion = kind.split("-")
    times = {"opens": NOON - timedelta(days=1), "closes": NOON + timedelta(days=1)}
    return a_form(party=int(party), promotion=promotion, rounds=[ROUND], **times)


class StoreDesk:
    """One round of a store under test, through the acts that the server itself does."""

    def __init__(self, store: Store, subject: str, kind: str) -> None:
        self._store, self._subject, self._round = store, subject, FormRound(None, the_form(kind), ROUND)

    def add(self, number: str, person: str, submission: str, size: int) -> Hashable:
        given = {"number": number, "submission": f"{self._subject}/{submission}", "size": size}
        entry = an_entry(person, subject=self._subject, **given)
        try:
            with self._store.open(self._subject, "citizen") as book:
                kept = line.admit(book, self._round, entry)
        except AlreadyApplied:
            return "already"
        except Full:
            return "full"
        return kept.number, kept.state, kept.rank

    def cancel(self, number: str) -> Hashable:
        return self._give_up(number, LIVE, line.cancel, cause=line.CANCELLED)

    def accept(self, number: str) -> Hashable:
        with self._store.open(self._subject, "citizen") as book:
            entry = book.get(number)
            if entry is None or entry.state != "offered":
                return "nothing"
            return line.answer(book, self._round, number, True, NOON).state

    def decline(self, number: str) -> Hashable:
        return self._give_up(number, ("offered",), line.answer, accepts=False)

    def _give_up(
        self, number: str, whose: tuple[str, ...], act: Callable[..., Entry], **given: Any
    ) -> Hashable:
        with self._store.open(self._subject, "citizen") as book:
            entry = book.get(number)
            if entry is None or entry.state not in whose:
                return "nothing"
            before = [each.number for each in book.line("r1") if each.number != number]
            act(book, self._round, number, now=NOON, **given)
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
        *("no-lock", "stale-counts", "two-promoted", "lost-cancel"),
        *("late-visible", "lookup-before-commit", "late-accept"),
    )

    def __init__(self, flaw: str = "", gives: str = "confirmed") -> None:
        self._flaw, self._gives = flaw, gives
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
            time.sleep(0)
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
            time.sleep(0)
            with self._lock:
                self._state = before
            time.sleep(0)
        return self._change(add, *given)

    def cancel(self, number: str) -> Hashable:
        if self._flaw == "two-promoted":  # reads the line, then decides on what it read
            read = self._state
            time.sleep(0)
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
            time.sleep(0)
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


def record(
    desk: StoreDesk | ToyDesk, seed: int, calls: int = 300, threads: int = 8, party: int = 2
) -> list[Call]:
    """What `threads` people ask at once, `calls` in all, the same for one seed; party: most people in an entry, 1 or 2."""
    history: list[Call] = []
    numbers: list[str] = []

    def work(which: int) -> None:
        dice = random.Random(f"{seed}/{which}")  # not a secret
        for turn in range(calls // threads):
            name, given = question(dice, which, turn, numbers, party)
            began = time.monotonic_ns()
            try:
                answer: Hashable = getattr(desk, name)(*given)
            except Unavailable:
                history.append(Call(name, given, None, began))
            else:
                history.append(Call(name, given, answer, began, time.monotonic_ns()))

    for answer in at_once([partial(work, which) for which in range(threads)]):
        assert answer is None, answer
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


FLAWED_TRIES = 40  # histories within which a planted race must show


@pytest.mark.parametrize(("histories", "calls"), [(10, 120), pytest.param(250, 304, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", FORMS)
def test_recorded_histories_are_linearizable(store: Store, kind: str, histories: int, calls: int) -> None:
    """Each kind of form, new histories on each run, each at a desk of its own; where places are offered, some answer."""
    seed, answers = random.SystemRandom().randrange(10**9), []
    for i in range(seed, seed + histories):
        desk = StoreDesk(store, f"lectures/{kind}-{i}", kind)
        history = record(desk, i, calls, party=the_form(kind).party)
        assert len(history) >= calls - 8
        assert is_linearizable(history, FORMS[kind]), f"seed {i}"
        answers += [call.answer for call in history if call.name in ("accept", "decline")]
    assert any(answer != "nothing" for answer in answers) == ("offer" in kind)


@pytest.mark.parametrize("gives", ["confirmed", "offered"])
def test_a_correct_toy_passes(gives: str) -> None:
    """The checker does not cry wolf: a desk behind one lock is linearizable."""
    for seed in range(10):
        assert is_linearizable(record(ToyDesk(gives=gives), seed, 200), gives)


@pytest.mark.parametrize("flaw", ToyDesk.FLAWS)
def test_planted_races_are_caught(flaw: str) -> None:
    """Each race shows in some of a few dozen histories."""
    gives = "offered" if "accept" in flaw else "confirmed"
    histories = (record(ToyDesk(flaw, gives), seed, 200) for seed in range(FLAWED_TRIES))
    assert any(not is_linearizable(history, gives) for history in histories)


A = ("A", "kim", "s1", 1)
B = ("B", "lee", "s2", 1)


FIRST = Call("add", A, ("A", "confirmed", 1), 0, 1)  # a first sign-up is answered
SECOND = Call("add", A, ("A", "confirmed", 2), 0, 9)  # the other came first
LATER = Call("add", B, ("B", "confirmed", 1), 2, 3)
UNKNOWN = Call("add", A, None, 0)
FOUND, GONE = (Call("find", ("A",), "confirmed", 5, 6), Call("find", ("A",), "nothing", 7, 8))


@pytest.mark.parametrize(
    ("why", "history", "fine"),
    [
        ("nothing happened", [], True),
        ("later call sees the earlier", [FIRST, Call("counts", (), (1, 0), 2, 3)], True),
        ("acknowledged, then gone", [FIRST, GONE], False),
        ("overlapping: before or after", [replace(FIRST, ended=3), Call("counts", (), (0, 0), 1, 2)], True),
        ("ranks against the order of arrival", [replace(SECOND, ended=1), LATER], False),
        ("ranks of two at once, either way", [SECOND, LATER], True),
        ("same rank twice", [replace(FIRST, ended=9), replace(LATER, began=1, ended=9)], False),
        ("unknown, and it happened", [UNKNOWN, FOUND], True),
        ("unknown, and it did not", [UNKNOWN, GONE], True),
        ("unknown, there and gone again", [UNKNOWN, FOUND, GONE], False),
    ],
)
def test_histories_worked_by_hand(why: str, history: list[Call], fine: bool) -> None:
    """Small histories whose answer is evident."""
    assert is_linearizable(history) is fine, why


def test_every_changed_answer_of_a_history_is_noticed() -> None:
    """The control: in a long good history, turn one counted number at a time into another: never explained."""
    history = record(ToyDesk(), 7, 160, threads=2)
    assert is_linearizable(history)
    counted = [i for i, call in enumerate(history) if call.name == "counts"]
    assert counted
    for i in counted:
        call = history[i]
        wrong = Call(call.name, call.given, (99, 0), call.began, call.ended)
        assert not is_linearizable([*history[:i], wrong, *history[i + 1 :]])
