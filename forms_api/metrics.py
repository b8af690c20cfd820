"""Counters for operations, in Prometheus' text format. No personal data, no addresses, no labels from outside."""

from __future__ import annotations

import threading
from collections import Counter


class Metrics:
    """Counts of this process since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()  # (route, status)
        self._refusals: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._entries: Counter[str] = Counter()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        with self._lock:
            self._answers[route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]  # Counter of floats adds as well

    def refused(self, name: str) -> None:
        """One request was refused by this name."""
        with self._lock:
            self._refusals[name] += 1

    def kept(self, state: str) -> None:
        """One new entry was kept in this state."""
        with self._lock:
            self._entries[state] += 1

    def text(self) -> str:
        """Everything, one sample per line."""
        with self._lock:
            lines = ["# TYPE madang_requests_total counter"]
            lines += [
                f'madang_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._answers.items())
            ]
            lines.append("# TYPE madang_request_seconds_total counter")
            lines += [
                f'madang_request_seconds_total{{route="{route}"}} {total:.6f}'
                for route, total in sorted(self._seconds.items())
            ]
            lines.append("# TYPE madang_refusals_total counter")
            lines += [f'madang_refusals_total{{name="{n}"}} {c}' for n, c in sorted(self._refusals.items())]
            lines.append("# TYPE madang_entries_total counter")
            lines += [f'madang_entries_total{{state="{s}"}} {c}' for s, c in sorted(self._entries.items())]
        return "\n".join(lines) + "\n"
