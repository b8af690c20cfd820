"""What many threads are answered at once could have been answered one after another, on every store."""

from __future__ import annotations

import random

import pytest

from civic.store.book import Store
from tests.store.histories import StoreDesk, ToyDesk, record
from tests.store.linear import Call, is_linearizable

FLAWED_TRIES = 40  # histories within which a planted race must show


def check(store: Store, histories: int, calls: int) -> None:
    """Each history at a desk of its own; a failure names its seed."""
    seed = random.SystemRandom().randrange(10**9)
    for i in range(histories):
        history = record(StoreDesk(store, f"lectures/h{i}"), seed + i, calls)
        assert len(history) >= calls - 8
        assert is_linearizable(history), f"seed {seed + i}"


def test_recorded_histories_are_linearizable(store: Store) -> None:
    """A dozen histories of 120 calls, new ones on each run."""
    check(store, 12, 120)


@pytest.mark.long
def test_many_recorded_histories_are_linearizable(store: Store) -> None:
    """250 histories of 304 calls."""
    check(store, 250, 304)


def test_a_correct_toy_passes() -> None:
    """The checker does not cry wolf: a desk behind one lock is linearizable."""
    for seed in range(10):
        assert is_linearizable(record(ToyDesk(), seed, 200))


@pytest.mark.parametrize("flaw", ToyDesk.FLAWS)
def test_planted_races_are_caught(flaw: str) -> None:
    """Each race shows in some of a few dozen histories."""
    assert any(not is_linearizable(record(ToyDesk(flaw), seed, 200)) for seed in range(FLAWED_TRIES))


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
