"""How often one may ask: by person and form, by receipt number, and loosely by address. No decisions on places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from civic.errors import TooMany, WrongCode

# Offices, schools and mobile networks share one address: the ceiling per address only stops floods.
PER_ADDRESS = parse("600/minute")
PER_PERSON_AND_FORM = parse("20/minute")  # a double click, a retry, a correction: all fit
PER_NUMBER = parse("10/10minutes")  # guesses of four digits: all 10,000 would take a week


class Limits:
    """The ceilings, counted in this process; `on=False` lets everything pass."""

    def __init__(self, on: bool) -> None:
        self._on = on
        # By hand and not by Flask-Limiter's decorators: the keys stand in the body, which only the views read.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def address(self, what: str, address: str | None) -> None:
        """One more from this address. Raises TooMany."""
        self._hit(PER_ADDRESS, what, address or "")

    def person(self, person: str, subject: str) -> None:
        """One more application of this person (keyed hash) for this form. Raises TooMany."""
        self._hit(PER_PERSON_AND_FORM, subject, person)

    @contextmanager
    def guess(self, number: str) -> Iterator[None]:
        """The block proves who asks for this receipt number; only WrongCode counts.

        Raises TooMany: the number is locked for a while. Counted before the block, and given back after it, so that
        guesses at the same moment count as well.
        """
        self._hit(PER_NUMBER, "number", number)
        try:
            yield
        except WrongCode:
            raise
        except BaseException:
            self._give_back(PER_NUMBER, "number", number)
            raise
        self._give_back(PER_NUMBER, "number", number)

    def _give_back(self, limit: RateLimitItem, *key: str) -> None:
        if self._on:
            self._limiter.hit(limit, *key, cost=-1)

    def _hit(self, limit: RateLimitItem, *key: str) -> None:
        if self._on and not self._limiter.hit(limit, *key):
            raise TooMany(retry_after=limit.get_expiry())
