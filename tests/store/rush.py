"""Many who ask at once, and what must be true of the answers. Works on every store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from civic.errors import Refused
from civic.store.entry import Entry

T = TypeVar("T")


def at_once(acts: Sequence[Callable[[], T]], threads: int, limit: float = 120) -> list[T | Exception]:
    """What each act gave or raised, in their order; `threads` of them run at a time and start together."""
    answers: list[T | Exception] = [RuntimeError("never ran")] * len(acts)
    gate = threading.Barrier(threads)

    def work(first: int) -> None:
        gate.wait(limit)
        for i in range(first, len(acts), threads):
            try:
                answers[i] = acts[i]()
            except Exception as err:
                answers[i] = err

    workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(limit)
        assert not worker.is_alive(), "somebody still waits"
    return answers


def kept(answers: Iterable[Entry | Exception], *expected: type[Refused]) -> list[Entry]:
    """The entries among the answers; any other failure than the expected refusals fails the test."""
    found = []
    for answer in answers:
        if isinstance(answer, Entry):
            found.append(answer)
        elif not isinstance(answer, expected):
            raise answer
    return found
