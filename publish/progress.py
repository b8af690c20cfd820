"""How far a build is: a moving line on a terminal, plain lines elsewhere, nothing for a build that is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from publish.report import Teller

FIRST_AFTER = 0.7  # seconds that are too short to talk about
PLAIN_EVERY = 5.0  # seconds between two plain lines


@contextmanager
def progress(out: TextIO, quiet: bool) -> Iterator[Teller]:
    """Somebody to tell how far a build is. quiet: for programs."""
    teller = _Nobody() if quiet else _Terminal() if out.isatty() else _Lines(out)
    try:
        yield teller
    finally:
        teller.end()


class _Nobody:
    def __call__(self, stage: str, done: int, total: int) -> None:
        pass

    def end(self) -> None:
        pass


class _Lines(_Nobody):
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = time.monotonic() + FIRST_AFTER - PLAIN_EVERY

    def __call__(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self._last >= PLAIN_EVERY:
            self._last = time.monotonic()
            print(f"{stage} {done}/{total}", file=self._out, flush=True)


class _Terminal(_Nobody):
    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), transient=True
        )
        self._began = time.monotonic()
        self._task: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._task is None:
            if time.monotonic() - self._began < FIRST_AFTER:
                return
            self._bar.start()
            self._task = self._bar.add_task(stage, total=total)
        self._bar.update(self._task, description=stage, completed=done, total=total)

    def end(self) -> None:
        if self._task is not None:
            self._bar.stop()
