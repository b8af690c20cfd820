"""The same work for many things, on several processors where that gains."""

import ctypes
import gc
import os
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")

FEWEST = 150  # things for which starting processes is worth its while
BATCH = 32  # things: few enough to share them out evenly, enough to be worth handing over
SET_PDEATHSIG = 1  # of prctl(2), Linux


def mapped(work: Callable[[Sequence[A]], Iterable[B]], things: Sequence[A], jobs: int) -> Generator[B]:
    """What comes of each thing, in their order. work: of one batch of them after the other; jobs: processes.

    Few things are done right here. Processes are forked: they know everything that this one knows. Raises what the work
    raises, and ChildProcessError when one of them was killed. Close it when it is left early: then no work goes on.
    """
    batches = [things[at : at + BATCH] for at in range(0, len(things), BATCH)]
    if jobs < 2 or len(things) < FEWEST:
        yield from chain.from_iterable(map(work, batches))
        return
    # These take a while to load.
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    gc.freeze()  # else the first collection in each process copies all the memory that they share
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, fork, _begin, (os.getpid(), work, batches))
    try:
        yield from chain.from_iterable(pool.map(_do, range(len(batches))))
    except BrokenProcessPool as wrong:
        said = "함께 일하던 프로세스가 죽었습니다. 메모리가 모자라면 --jobs를 줄이세요"
        raise ChildProcessError(said) from wrong
    finally:
        pool.shutdown(cancel_futures=True)
        gc.unfreeze()


_shared: tuple[Any, Any]  # in each process: the work and its batches


def _begin(parent: int, *shared: Any) -> None:
    """In each process: the parent decides when to stop, and whatever ends it ends its processes."""
    global _shared
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with suppress(AttributeError):  # not on Linux
        ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _do(number: int) -> list[Any]:
    work, batches = _shared
    return list(work(batches[number]))
