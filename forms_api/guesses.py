"""Wrong tries to prove whose a receipt number is: counted in the box, for every server on it and over restarts.

Counted are the wrong ones only, under keyed hashes of the day: yesterday's lead to no number and no address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from civic.errors import TooMany, WrongCode
from civic.people import keyed_hash
from civic.places.intake import Intake
from civic.store.boxes import Box
from civic.store.budget import block
from civic.store.contacts import PLACE

PERIOD = timedelta(minutes=10)  # from the first wrong try
PER_NUMBER = 10  # guesses of four digits: all 10,000 would take a week
PER_BLOCK = 100  # over all numbers, from one block of addresses: a whole office, and no machine


class Guesses:
    """The ceilings; `on=False` lets everything pass."""

    def __init__(
        self, intake: Intake, box: Callable[[], Box], on: bool, told: Callable[[str], object]
    ) -> None:
        """box: opened by the first who asks. told: is called with "number" or "block" when a ceiling is reached."""
        self._intake, self._box, self._on, self._told = intake, box, on, told
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
        box, now = self._box(), self._intake.clock.now()
        kinds = {"number": (number, PER_NUMBER), "block": (block(address), PER_BLOCK)}
        ceilings = {
            self._name(kind, what, now.date().isoformat()): (kind, most)
            for kind, (what, most) in kinds.items()
        }
        if any(box.times(name, now) >= most for name, (_, most) in ceilings.items()):
            raise TooMany(retry_after=int(PERIOD.total_seconds()))
        try:
            yield
        except WrongCode:
            with box.open(PLACE) as here:
                counted = [here.hit(name, most, PERIOD, now) for name, (_, most) in ceilings.items()]
                reached = [kind for name, (kind, most) in ceilings.items() if here.times(name, now) == most]
            if not all(counted):
                raise TooMany(retry_after=int(PERIOD.total_seconds())) from None
            for kind in reached:
                self._told(kind)
            raise

    def _name(self, *parts: str) -> str:
        return keyed_hash(self._secret, *parts)
