"""Counters for Prometheus, of all processes of a server: each writes its own into a folder that they share."""

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

COUNTERS = (
    "requests_total",
    "request_seconds_total",
    "refusals_total",
    "entries_total",
    "texts_total",
    "messages_total",
    "guessing_total",
)


class Metrics:
    """Counts since the server started. What a process that died has counted stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, Counter[tuple[tuple[str, object], ...]]] = {
            name: Counter() for name in COUNTERS
        }
        self._file: Path | None = None
        self._written: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1, /, **labels: object) -> None:
        """More of one of COUNTERS."""
        with self._lock:
            self._sums[name][tuple(labels.items())] += amount  # type: ignore[assignment]  # floats add as well

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

    def _samples(self) -> Counter[str]:
        with self._lock:
            sums = [(name, *each) for name, counts in self._sums.items() for each in counts.items()]
        found: Counter[str] = Counter()
        for name, labels, total in sums:
            said = ",".join(f'{label}="{value}"' for label, value in labels)
            found[f"madang_{name}{{{said}}}"] = total
        return found
