"""Counters for Prometheus, of all processes of a server: each writes its own into a folder that they share; and the log.

Neither holds personal data: names of routes, refusals and states, counts and times; nothing that was typed.
"""

import json
import os
import re
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from civic.clock import Clock

COUNTERS = (
    "requests_total",
    "request_seconds_total",
    "refusals_total",
    "entries_total",
    "texts_total",
    "messages_total",
    "guessing_total",
)
OURS = re.compile(re.escape(str(Path(__file__).resolve().parents[1])) + "/(?!.*site-packages)")


class Metrics:
    """Counts since the server started. What a process that died has counted stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[tuple[Any, ...]] = Counter()  # by name, and what each label says
        self.kept_at = 0.0  # when somebody last signed up in this process, by the monotonic clock
        self._file: Path | None = None
        self._written: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1, /, **labels: object) -> None:
        """More of one of COUNTERS."""
        with self._lock:
            self._sums[name, *labels.items()] += amount  # type: ignore[assignment]  # floats add as well

    def share(self, folder: Path) -> None:
        """From now on the counts of every process that shares this folder add up."""
        self._file = folder / f"{os.getpid()}.{time.monotonic_ns()}"  # process numbers come again

    def publish(self) -> None:
        """Let the others know; nothing is written where nothing was counted."""
        samples = self._samples()
        if self._file and samples != self._written:
            draft = self._file.with_suffix(".draft")
            with suppress(OSError):  # a full disk: the next time
                draft.write_text("".join(f"{sample} {value}\n" for sample, value in samples.items()))
                draft.replace(self._file)
                self._written = samples

    def _samples(self) -> Counter[str]:
        """By name and labels, as Prometheus reads them."""
        with self._lock:
            sums = self._sums.copy()
        said = {key: ",".join(f'{label}="{value}"' for label, value in key[1:]) for key in sums}
        return Counter({f"madang_{key[0]}{{{said[key]}}}": amount for key, amount in sums.items()})

    def text(self) -> str:
        """Everything in Prometheus' text format, one sample per line."""
        samples = self._samples()
        for file in self._file.parent.glob("*.*[0-9]") if self._file else ():
            if file != self._file:
                for line in file.read_text().splitlines():
                    sample, _, value = line.rpartition(" ")
                    samples[sample] += float(value)  # type: ignore[assignment]
        lines = []
        for name in COUNTERS:
            lines.append(f"# TYPE madang_{name} counter")
            own = (sample for sample in sorted(samples) if sample.startswith(f"madang_{name}{{"))
            lines += [f"{sample} {round(samples[sample], 6)}" for sample in own]
        return "\n".join(lines) + "\n"


class EventLog:
    """One JSON line per event: when, which route, how it ended; `on=False` writes nothing."""

    def __init__(self, clock: Clock, on: bool = True, stream: IO[str] | None = None) -> None:
        self._clock, self.on, self._stream = clock, on, stream or sys.stderr

    def event(self, name: str, **facts: str | int | float | None) -> None:
        """Write one event."""
        if not self.on:
            return
        line: dict[str, Any] = {"at": self._clock.now().isoformat(timespec="milliseconds"), "event": name}
        line |= {key: value for key, value in facts.items() if value is not None}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()

    def failure(self, route: str, error: BaseException, event: str = "failure") -> None:
        """An error: its type, a database's own code, where it happened, innermost first, with our own innermost frame
        however deep it lies. Its message stays out: it may quote what was typed."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if OURS.match(frame.filename)][-1:]
        shown = frames[-5:] if not ours or ours[0] in frames[-5:] else [*ours, *frames[-4:]]
        where = " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(shown))
        code = getattr(error, "sqlstate", None)
        self.event(event, route=route, error=type(error).__name__, sqlstate=code, where=where)
