"""The same work for many things, on several processors where that gains."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")

FEWEST = 150  # things for which starting processes is worth its while
SET_PDEATHSIG = 1  # of prctl(2), Linux


def mapped(work: Callable[[A], B], things: Sequence[A], jobs: int) -> Generator[B]:
    """work(thing) for each, in their order. jobs: processes; few things are done right here.

    Processes are forked: they know everything that this one knows. Raises what the work raises, and
    ChildProcessError when one of them was killed. Close it when it is left early: then no work goes on.
    """
    if is_shared(things, jobs):
        yield from _forked(work, things, jobs)
    else:
        yield from map(work, things)


def is_shared(things: Sequence[A], jobs: int) -> bool:
    """Would `mapped` start processes for this?"""
    return jobs > 1 and len(things) >= FEWEST


def _forked(work: Callable[[A], B], things: Sequence[A], jobs: int) -> Generator[B]:
    global _job

    def _job(place: int) -> B:
        return work(things[place])

    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor  # takes a while to load

    gc.freeze()  # else the first collection in each process copies all the memory that they share
    chunk = max(1, min(64, len(things) // (jobs * 4)))
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _begin, (os.getpid(),))
    try:
        yield from pool.map(_do, range(len(things)), chunksize=chunk)
    except BrokenProcessPool as wrong:
        said = "함께 일하던 프로세스가 죽었습니다. 메모리가 모자라면 --jobs를 줄이세요"
        raise ChildProcessError(said) from wrong
    finally:
        pool.shutdown(cancel_futures=True)
        gc.unfreeze()


def _begin(parent: int) -> None:
    """In each process: the parent decides when to stop, and whatever ends it ends its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with suppress(AttributeError):  # not on Linux
        ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


_job: Callable[[int], Any]


def _do(place: int) -> Any:
    return _job(place)
