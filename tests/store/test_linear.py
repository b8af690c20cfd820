"""What many threads are answered at once could have been answered one after another, on every store."""

from __future__ import annotations

import random

import pytest

from civic.store.book import Store
from tests.store.histories import FORMS, StoreDesk, ToyDesk, a_form, record
from tests.store.linear import Call, is_linearizable

FLAWED_TRIES = 40  # histories within which a planted race must show


def check(store: Store, kind: str, histories: int, calls: int) -> list[Call]:
    """Each history at a desk of its own; a failure names its seed. All calls."""
    seed = random.SystemRandom().randrange(10**9)
    party, all_calls = a_form(kind).party, []
    for i in range(histories):
        history = record(StoreDesk(store, f"lectures/{kind}-{i}", kind), seed + i, calls, party=party)
        assert len(history) >= calls - 8
        assert is_linearizable(history, FORMS[kind]), f"seed {seed + i}"
        all_calls += history
    return all_calls


@pytest.mark.parametrize("kind", FORMS)
def test_recorded_histories_are_linearizable(store: Store, kind: str) -> None:
    """Ten histories of 120 calls for each kind of form, new ones on each run; where places are offered, some answer."""
    calls = check(store, kind, 10, 120)
    answers = [call for call in calls if call.name in ("accept", "decline") and call.answer != "nothing"]
    assert bool(answers) == ("offer" in kind)


@pytest.mark.long
@pytest.mark.parametrize("kind", FORMS)
def test_many_recorded_histories_are_linearizable(store: Store, kind: str) -> None:
    """250 histories of 304 calls."""
    check(store, kind, 250, 304)


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


@pytest.mark.parametrize(
    ("why", "history", "fine"),
    [
        ("nothing happened", [], True),
        (
            "later call sees the earlier",
            [Call("add", A, ("A", "confirmed", 1), 0, 1), Call("counts", (), (1, 0), 2, 3)],
            True,
        ),
        (
            "acknowledged, then gone",
            [Call("add", A, ("A", "confirmed", 1), 0, 1), Call("find", ("A",), "nothing", 2, 3)],
            False,
        ),
        (
            "overlapping: before or after",
            [Call("add", A, ("A", "confirmed", 1), 0, 3), Call("counts", (), (0, 0), 1, 2)],
            True,
        ),
        (
            "ranks against the order of arrival",
            [Call("add", A, ("A", "confirmed", 2), 0, 1), Call("add", B, ("B", "confirmed", 1), 2, 3)],
            False,
        ),
        (
            "ranks of two at once, either way",
            [Call("add", A, ("A", "confirmed", 2), 0, 9), Call("add", B, ("B", "confirmed", 1), 2, 3)],
            True,
        ),
        (
            "same rank twice",
            [Call("add", A, ("A", "confirmed", 1), 0, 9), Call("add", B, ("B", "confirmed", 1), 1, 9)],
            False,
        ),
        (
            "unknown, and it happened",
            [Call("add", A, None, 0), Call("find", ("A",), "confirmed", 5, 6)],
            True,
        ),
        ("unknown, and it did not", [Call("add", A, None, 0), Call("find", ("A",), "nothing", 5, 6)], True),
        (
            "unknown, there and gone again",
            [
                Call("add", A, None, 0),
                Call("find", ("A",), "confirmed", 5, 6),
                Call("find", ("A",), "nothing", 7, 8),
            ],
            False,
        ),
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
