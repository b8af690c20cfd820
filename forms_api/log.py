"""One JSON line per event: when, which route, how it ended. Never answers, numbers, phones or addresses asked for."""

from __future__ import annotations

import json
import sys
import traceback
from typing import IO, Any

from civic.clock import Clock


class EventLog:
    """Writes events to a stream (stderr by default); `on=False` writes nothing."""

    def __init__(self, clock: Clock, on: bool = True, stream: IO[str] | None = None) -> None:
        self._clock = clock
        self.on = on
        self._stream = stream or sys.stderr

    def event(self, name: str, **facts: str | int | float | None) -> None:
        """Write one event. facts: names of routes, states and refusals, counts and times; nothing that was typed."""
        if not self.on:
            return
        line: dict[str, Any] = {"at": self._clock.now().isoformat(timespec="milliseconds"), "event": name}
        line |= {key: value for key, value in facts.items() if value is not None}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()

    def failure(self, route: str, error: BaseException) -> None:
        """An unexpected error: its type and where it happened. Its message stays out: it may quote what was typed."""
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        where = " < ".join(
            f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(frames)
        )
        self.event("failure", route=route, error=type(error).__name__, where=where)
