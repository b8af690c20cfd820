"""Who is drawn, in an order that anyone can work out again. Pure: no chance of its own, no clock, no store.

The list of receipt numbers is frozen and its hash published before the seed is known; the seed is a public
value (named in advance, or thrown with dice in public). Then nobody, staff included, can steer the order:

    order = receipt numbers sorted by SHA-256(seed ‖ number)

Source: docs/rules.md#draw; the same for anyone to run: static/check_draw.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Drawn:
    """The outcome for one round: receipt numbers that got a place, and the waiting line, both in order."""

    confirmed: tuple[str, ...]
    waiting: tuple[str, ...]


def list_hash(numbers: Iterable[str]) -> str:
    """SHA-256 (hex) of the frozen list: the sorted numbers, each followed by a line feed.

    Empty list: the hash of no bytes. Raises ValueError when a number stands twice.
    """
    listed = sorted(numbers)
    if len(set(listed)) != len(listed):
        raise ValueError("a receipt number stands twice in the list")
    return hashlib.sha256("".join(f"{number}\n" for number in listed).encode()).hexdigest()


def order(numbers: Iterable[str], seed: str) -> tuple[str, ...]:
    """All numbers in drawn order: ascending SHA-256 of seed and number (UTF-8, nothing between).

    Empty when nobody applied. Raises ValueError for an empty seed: an order without one was not drawn.
    """
    if not seed:
        raise ValueError("a draw needs a seed")
    return tuple(sorted(numbers, key=lambda number: hashlib.sha256((seed + number).encode()).digest()))


def is_needed(sizes: Mapping[str, int], places: int) -> bool:
    """Are there more people than places? Otherwise everyone gets one and nothing is drawn.

    sizes: people per receipt number.
    """
    return sum(sizes.values()) > places


def give(drawn: Iterable[str], sizes: Mapping[str, int], places: int) -> Drawn:
    """Places in drawn order, a group all or none; the rest is the waiting line in the same order.

    drawn: receipt numbers in order; sizes: people per number; places: places to give.
    A group that does not fit keeps its turn in the line; those after it who fit are not held up.
    Source: docs/rules.md#groups.
    """
    confirmed, waiting, left = [], [], places
    for number in drawn:
        if sizes[number] <= left:
            left -= sizes[number]
            confirmed.append(number)
        else:
            waiting.append(number)
    return Drawn(tuple(confirmed), tuple(waiting))
