"""How far a build is: a moving line on a terminal, plain lines elsewhere, nothing for a build that is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from publish.report import Teller

FIRST_AFTER = 0.7  # seconds that are too short to talk about
PLAIN_EVERY = 5.0  # seconds between two plain lines
DRAWN_EVERY = 0.1  # seconds between two looks of the moving line


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
    """For each stage that is counted a line after a while, then one every few seconds; the others when they begin."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._stage = ""
        self._next = self._began = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._next = stage, now + FIRST_AFTER
        if now >= self._next or (not done and now - self._began >= FIRST_AFTER):
            self._next = now + PLAIN_EVERY
            with suppress(OSError):  # nobody listens
                print(_said(stage, done, total), file=self._out, flush=True)


class _Terminal(_Nobody):
    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TaskID, TextColumn

        # No thread of its own that draws: processes are forked meanwhile.
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), transient=True, auto_refresh=False
        )
        self._began = self._drawn = time.monotonic()
        self._task: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._began < FIRST_AFTER and done:
            return
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task(stage)
        if not done or done == total or now - self._drawn > DRAWN_EVERY:
            self._drawn = now
            self._bar.update(
                self._task, description=_said(stage, done, total), completed=done, total=total or None
            )
            self._bar.refresh()

    def end(self) -> None:
        if self._task is not None:
            self._bar.stop()


def _said(stage: str, done: int, total: int) -> str:
    return f"{stage} {done}/{total}" if total else f"{stage} {done}" if done else stage
