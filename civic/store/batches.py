"""Group commit: many transactions, one sync. The first to come writes for all who wait; nobody is answered
before the batch is on disk. After a failed write nothing more is taken until a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from civic.errors import Unavailable

W = TypeVar("W")


class _Sleeper:
    """A thread that waits for its batch. Each has its own lock: a shared condition wakes everybody for one."""

    __slots__ = ("leads", "lock", "ticket")

    def __init__(self, ticket: int) -> None:
        self.ticket = ticket
        self.leads = False  # woken to write the next batch, not because its own is done
        self.lock = threading.Lock()
        self.lock.acquire()


class Batches(Generic[W]):
    """Hands work to `write` in the order it came in, one batch at a time."""

    def __init__(self, write: Callable[[Sequence[W]], None]) -> None:
        """write: makes a batch durable or raises; then everything is refused from there on."""
        self._write = write
        self._gate = threading.Lock()
        self._queue: list[W] = []
        self._sleepers: list[_Sleeper] = []
        self._leading = False
        self._last = 0  # ticket of the last work handed in
        self._durable = 0  # all tickets up to here are on disk
        self.failure: BaseException | None = None

    @property
    def last(self) -> int:
        """The ticket of the last work handed in; 0 at first."""
        return self._last

    def hand_in(self, work: W) -> int:
        """Queue work; the answer is the ticket to wait for. Call it under the lock that orders the work."""
        with self._gate:
            if self.failure:
                raise refusal()
            self._queue.append(work)
            self._last += 1
            return self._last

    def wait(self, ticket: int) -> None:
        """Return when that work and all before it are durable. Raises Unavailable when it cannot be."""
        if ticket <= self._durable:
            return
        with self._gate:
            if ticket <= self._durable:
                return
            if self.failure:
                raise unknown()
            sleeper = _Sleeper(ticket) if self._leading else None
            if sleeper:
                self._sleepers.append(sleeper)
            self._leading = True
        if sleeper:
            sleeper.lock.acquire()
        if sleeper is None or sleeper.leads:
            self._lead()
        if ticket > self._durable:
            raise unknown() from self.failure

    def _lead(self) -> None:
        with self._gate:
            batch, self._queue = self._queue, []
            upto = self._last
        failure: BaseException | None = None
        try:
            if batch:
                self._write(batch)
        except BaseException as err:  # whatever it was: what is in memory is no longer what is on disk
            failure = err
        with self._gate:
            woken = self._sleepers
            if failure:
                self.failure = failure
                self._sleepers = []
            else:
                self._durable = upto
                self._sleepers = [each for each in woken if each.ticket > upto]
                woken = [each for each in woken if each.ticket <= upto]
            self._leading = bool(self._sleepers)
            if self._sleepers:
                heir = self._sleepers.pop(0)
                heir.leads = True
                woken.insert(0, heir)
        for each in woken:
            each.lock.release()
        if failure and not isinstance(failure, Exception):
            raise failure


def refusal() -> Unavailable:
    """For those who come after a failed write: nothing of theirs was kept."""
    return Unavailable(retry_after=60)


def unknown() -> Unavailable:
    """For those whose own write failed: it may or may not be there; the same form sent again is safe."""
    return Unavailable(
        "신청을 저장하지 못했습니다. 잠시 뒤 같은 화면에서 다시 보내 주세요. 두 번 접수되지 않습니다.",
        retry_after=60,
    )
