"""The same work for many things, on several processors where that gains."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")

FEWEST = 150  # things for which starting processes is worth its while


def mapped(work: Callable[[A], B], things: Sequence[A], jobs: int) -> Iterable[B]:
    """work(thing) for each, in their order. jobs: processes; few things are done right here.

    Processes are forked: they know everything that this one knows. Raises what the work raises.
    """
    return _forked(work, things, jobs) if is_shared(things, jobs) else map(work, things)


def is_shared(things: Sequence[A], jobs: int) -> bool:
    """Would `mapped` start processes for this?"""
    return jobs > 1 and len(things) >= FEWEST


def _forked(work: Callable[[A], B], things: Sequence[A], jobs: int) -> Iterator[B]:
    global _job

    def _job(place: int) -> B:
        return work(things[place])

    gc.freeze()  # else the first collection in each process copies all the memory that they share
    chunk = max(1, min(64, len(things) // (jobs * 4)))
    try:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap(_do, range(len(things)), chunksize=chunk)
    finally:
        gc.unfreeze()


_job: Callable[[int], Any]


def _do(place: int) -> Any:
    return _job(place)
