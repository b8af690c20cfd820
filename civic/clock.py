"""What time is it in Seoul? One injectable clock for every decision. No store, no web."""

import re
import threading
import time
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")
_MIDNIGHT = re.compile(r"(?<=[T ])24:00(?=(:00)?(?![\d:]))")
YEARS = range(1970, 9000)  # in which every sum of a time and a few days is a time, wherever it is told


class Clock(Protocol):
    """Anything that tells the time; aware, Seoul."""

    def now(self) -> datetime: ...


class SteadyClock:
    """A clock that runs with the machine and never goes back.

    start: the time it shows at first (None: the machine's own); afterwards it follows the machine's
    monotonic clock when started by hand, or the wall clock otherwise. A wall clock that jumps back
    is not followed until it has caught up: a form that closed never reopens.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start.astimezone(SEOUL) if start else None
        self._born = time.monotonic()
        self._last = datetime.min.replace(tzinfo=SEOUL)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time now: aware, Seoul, never earlier than the last answer."""
        if self._start:
            return self._start + timedelta(seconds=time.monotonic() - self._born)
        with self._lock:
            self._last = max(self._last, datetime.now(SEOUL))
            return self._last


class FixedClock:
    """A clock that stands where it was set: for builds and tests."""

    def __init__(self, at: datetime) -> None:
        self.at = at.astimezone(SEOUL)

    def now(self) -> datetime:
        return self.at


def parse_time(text: str) -> datetime:
    """An ISO 8601 time; without an offset it is Seoul time; 24:00 is the beginning of the next day. Raises ValueError."""
    at = datetime.fromisoformat(_MIDNIGHT.sub("00:00", text, 1))
    if _MIDNIGHT.search(text):
        at += timedelta(days=1)
    return at.replace(tzinfo=SEOUL) if at.tzinfo is None else at.astimezone(SEOUL)
