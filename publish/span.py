"""A clock that notes for how long what was read from it stays true: so a later build knows what to make anew.

`now < closes` holds until `closes`; a printed day holds until midnight; anything finer holds for this instant
alone. The span of a page is where all that it read of the clock stays as it was. No wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, Self

from civic.clock import SEOUL

TICK = timedelta(microseconds=1)
_ALWAYS = (datetime.min.replace(tzinfo=SEOUL) + timedelta(days=2), datetime(9999, 12, 30, tzinfo=SEOUL))


class Span:
    """A half-open period, narrowed with each look at the clock: begins <= now < ends."""

    def __init__(self, begins: datetime = _ALWAYS[0], ends: datetime = _ALWAYS[1]) -> None:
        self.begins, self.ends = begins, ends

    def narrow(self, begins: datetime, ends: datetime) -> None:
        """Only what lies in both periods stays."""
        self.begins, self.ends = max(self.begins, begins), min(self.ends, ends)

    @property
    def due(self) -> datetime | None:
        """When something changes; None when nothing ever does."""
        return self.ends if self.ends < _ALWAYS[1] else None


class WatchedClock:
    """A clock that stands still and notes every look at it in the span that is open."""

    def __init__(self, at: datetime) -> None:
        self.at = at.astimezone(SEOUL)
        self.span = Span()  # what was read outside of any `noting`

    def now(self) -> datetime:
        return Moment.of(self, timedelta())

    @contextmanager
    def noting(self) -> Iterator[Span]:
        """Looks inside the block are noted in a span of their own."""
        outer, self.span = self.span, Span()
        try:
            yield self.span
        finally:
            self.span = outer


def _plain(value: Any) -> Any:
    return value.plain if isinstance(value, Moment) else value


class Moment(datetime):
    """The time of a WatchedClock, or that time and a while."""

    _clock: WatchedClock
    _shift: timedelta
    plain: datetime

    @classmethod
    def of(cls, clock: WatchedClock, shift: timedelta) -> Self:
        at = clock.at + shift
        made = cls(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=SEOUL)
        made._clock, made._shift, made.plain = clock, shift, at
        return made

    def _compared(self, other: Any, border: timedelta) -> None:
        """Noted: on this side of `other` (and, with a border of one tick, of the moment after it)."""
        if not isinstance(other, datetime) or isinstance(other, Moment):
            return
        edge = other.astimezone(SEOUL) + border - self._shift
        if self._clock.at < edge:
            self._clock.span.narrow(_ALWAYS[0], edge)
        else:
            self._clock.span.narrow(edge, _ALWAYS[1])

    def _instant(self) -> datetime:
        """Noted: true for this instant alone."""
        self._clock.span.narrow(self._clock.at, self._clock.at + TICK)
        return self.plain

    def _whole_day(self) -> datetime:
        """Noted: true for this day."""
        midnight = self.plain.replace(hour=0, minute=0, second=0, microsecond=0) - self._shift
        self._clock.span.narrow(midnight, midnight + timedelta(days=1))
        return self.plain

    def __lt__(self, other: Any) -> bool:
        self._compared(other, timedelta())
        return bool(self.plain < _plain(other))

    def __ge__(self, other: Any) -> bool:
        self._compared(other, timedelta())
        return bool(self.plain >= _plain(other))

    def __le__(self, other: Any) -> bool:
        self._compared(other, TICK)
        return bool(self.plain <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        self._compared(other, TICK)
        return bool(self.plain > _plain(other))

    def __eq__(self, other: object) -> bool:
        self._compared(other, timedelta())
        self._compared(other, TICK)
        return bool(self.plain == _plain(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._instant())

    def __add__(self, other: timedelta) -> Self:
        return self.of(self._clock, self._shift + other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, timedelta) else self._instant() - _plain(other)

    def __rsub__(self, other: Any) -> Any:
        return _plain(other) - self._instant()

    def astimezone(self, tz: Any = None) -> Any:
        return self if tz is SEOUL else self._instant().astimezone(tz)


def _by(read: Callable[[Moment], datetime], name: str) -> Any:
    """A reading of the clock by its name: noted with `read`, answered by the plain time."""
    if callable(getattr(datetime, name)):
        return lambda self, *given, **named: getattr(read(self), name)(*given, **named)
    return property(lambda self: getattr(read(self), name))


_DAYS = ("year", "month", "day", "date", "weekday", "isoweekday", "isocalendar", "toordinal")
_SILENT = {"tzinfo", "utcoffset", "dst", "tzname", "fold", "min", "max", "resolution", "today", "now", "utcnow"} | {
    name for name in vars(date) | vars(datetime) if name.startswith(("from", "strp")) or name == "combine"
}  # fmt: skip
_SPOKEN = {"__str__", "__repr__", "__format__", "__reduce__", "__reduce_ex__"}
for _name in dir(datetime):
    # Whatever datetime can do that is not written above is taken for a look at the exact instant.
    if _name in _SILENT or _name in vars(Moment) or (_name.startswith("__") and _name not in _SPOKEN):
        continue
    setattr(Moment, _name, _by(Moment._whole_day if _name in _DAYS else Moment._instant, _name))
