"""An order that anyone can work out again."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civic import draw

NUMBERS = st.lists(st.from_regex(r"\A[A-Z3-9]{4}-[A-Z3-9]{4}\Z"), unique=True, max_size=30)


def test_the_order_is_the_one_worked_out_by_hand() -> None:
    """Three numbers, seed "7": the digests are written down here, so the formula can never change unseen."""
    digests = {
        n: hashlib.sha256(f"7{n}".encode()).hexdigest() for n in ("AAAA-AAAA", "CCCC-CCCC", "DDDD-DDDD")
    }
    assert [d[:6] for d in digests.values()] == ["e4240d", "c28d29", "342bf4"]
    assert draw.order(digests, "7") == ("DDDD-DDDD", "CCCC-CCCC", "AAAA-AAAA")


def test_the_frozen_list_has_one_hash_however_it_is_sorted() -> None:
    """sha256 of "A\\nB\\n"."""
    expected = hashlib.sha256(b"A\nB\n").hexdigest()
    assert draw.list_hash(["B", "A"]) == draw.list_hash(["A", "B"]) == expected
    with pytest.raises(ValueError, match="twice"):
        draw.list_hash(["A", "A"])


def test_nothing_is_drawn_without_need_or_seed() -> None:
    """20 people for 20 places all get one; without a seed there is no order."""
    assert not draw.is_needed({"A": 15, "B": 5}, 20)
    assert draw.is_needed({"A": 15, "B": 6}, 20)
    with pytest.raises(ValueError, match="seed"):
        draw.order(["A"], "")


def test_a_group_gets_all_its_places_or_waits() -> None:
    """3 places: a couple fits, the next couple does not and waits first, the single after it fits."""
    sizes = {"A": 2, "B": 2, "C": 1, "D": 1}
    assert draw.give(["A", "B", "C", "D"], sizes, 3) == draw.Drawn(("A", "C"), ("B", "D"))


@given(NUMBERS, st.text(min_size=1, max_size=10), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(
    numbers: list[str], seed: str, chance: Any
) -> None:
    """Macros gain nothing."""
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    assert draw.order(numbers, seed) == draw.order(shuffled, seed)
    assert sorted(draw.order(numbers, seed)) == sorted(numbers)


@given(NUMBERS, st.integers(1, 12), st.data())
def test_places_are_never_overdrawn_and_nobody_is_lost(numbers: list[str], places: int, data: Any) -> None:
    """Everyone is confirmed or waits; nobody who waits would have fitted in what is left."""
    sizes = {number: data.draw(st.integers(1, 4)) for number in numbers}
    outcome = draw.give(numbers, sizes, places)
    left = places - sum(sizes[number] for number in outcome.confirmed)
    assert left >= 0
    assert sorted(outcome.confirmed + outcome.waiting) == sorted(numbers)
    assert all(sizes[number] > left for number in outcome.waiting)


def published(numbers: list[str], seed: str, places: int) -> dict[str, Any]:
    """A draw as the results page offers it."""
    ordered = draw.order(numbers, seed)
    outcome = draw.give(ordered, dict.fromkeys(ordered, 1), places)
    entries = [
        {"number": n, "size": 1, "result": "confirmed" if n in outcome.confirmed else "waiting"}
        for n in ordered
    ]
    return {
        "seed": seed,
        "rounds": {
            "r1": {"list_hash": draw.list_hash(numbers), "places": places, "drawn": True, "entries": entries}
        },
    }


@pytest.mark.parametrize("tamper", ["nothing", "swap", "drop", "seed", "result"])
def test_the_stand_alone_checker_sees_every_change(tamper: str, root: Path, tmp_path: Path) -> None:
    """A swapped, dropped or promoted number, or another seed: exit 1. Untouched: exit 0."""
    told = published([f"{c}{c}{c}{c}-KKKK" for c in "ACDEFGHJ"], "주사위 3-5-1-6", 3)
    entries = told["rounds"]["r1"]["entries"]
    if tamper == "swap":
        entries[0], entries[1] = entries[1], entries[0]
    elif tamper == "drop":
        entries.pop()
    elif tamper == "seed":
        told["seed"] = "주사위 3-5-1-5"
    elif tamper == "result":
        entries[-1]["result"] = "confirmed"
    file = tmp_path / "draw.json"
    file.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    done = subprocess.run(
        [sys.executable, root / "static" / "check_draw.py", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == (0 if tamper == "nothing" else 1), done.stdout + done.stderr
