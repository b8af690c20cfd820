"""Wrong tries to prove whose a receipt number is: counted in the store, for every server on it and over restarts.

Counted are the wrong ones only, under keyed hashes of the day: yesterday's lead to no number and no address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from civic.errors import TooMany, WrongCode
from civic.people import keyed_hash
from civic.places.intake import Intake
from civic.store.budget import block

PERIOD = timedelta(minutes=10)  # from the first wrong try
PER_NUMBER = 10  # guesses of four digits: all 10,000 would take a week
PER_BLOCK = 100  # over all numbers, from one block of addresses: a whole office, and no machine


class Guesses:
    """The ceilings; `on=False` lets everything pass."""

    def __init__(self, intake: Intake, on: bool, told: Callable[[str], object]) -> None:
        """told: is called with "number" or "block" when a ceiling is reached."""
        self._intake, self._on, self._told = intake, on, told
        self._secret = intake.keys.derived("guesses")

    @contextmanager
    def counted(self, number: str, address: str) -> Iterator[None]:
        """The block proves who asks for this receipt number; only WrongCode counts.

        Raises TooMany: the number, or the block of addresses, is locked for a while. Tries at the same moment count as
        well: which of them was right is not said once the ceiling is reached.
        """
        if not self._on:
            yield
            return
        table, now = self._intake.store.guesses, self._intake.clock.now()
        kinds = {"number": (number, PER_NUMBER), "block": (block(address), PER_BLOCK)}
        ceilings = {
            self._name(kind, what, now.date().isoformat()): (kind, most)
            for kind, (what, most) in kinds.items()
        }
        if any(table.times(name, now) >= most for name, (_, most) in ceilings.items()):
            raise TooMany(retry_after=int(PERIOD.total_seconds()))
        try:
            yield
        except WrongCode:
            times = table.add(list(ceilings), now, now + PERIOD)
            for (kind, most), time in zip(ceilings.values(), times, strict=True):
                if time == most:
                    self._told(kind)
            if any(time > most for (_, most), time in zip(ceilings.values(), times, strict=True)):
                raise TooMany(retry_after=int(PERIOD.total_seconds())) from None
            raise

    def _name(self, *parts: str) -> str:
        return keyed_hash(self._secret, *parts)
