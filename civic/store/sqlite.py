"""A data folder's file of entries: one connection that writes, a few that read, and many blocks in one commit.

WAL with synchronous=FULL: what a commit says is done survives the loss of power. Whoever ends a block while nobody
queues commits for all whose blocks are in the batch; nobody is answered before that, not even who was refused.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from civic.errors import Unavailable
from civic.store import locks
from civic.store.folder import connect, explain, explained, prepared
from civic.store.session import PROBE, UNKNOWN, Row, SqliteSession, Transaction
from civic.store.tables import SQLITE

MOST_BLOCKS, LONGEST = 64, 0.05  # of one batch: blocks, seconds
READERS = 4
LATER = 60  # seconds after which those are told to try again for whom nothing could be written
log = logging.getLogger("madang.store")


@dataclass
class _Batch:
    """Blocks that are committed together."""

    until: float
    blocks: int = 0
    # Written at the end: statement -> values.
    notes: dict[str, list[Sequence[Any]]] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)  # see Transaction.before
    sleepers: list[threading.Lock] = field(default_factory=list)  # one each: a condition wakes all for one
    has_written: bool = False
    failure: BaseException | None = None


class SqliteDatabase:
    """One file, as `civic.store.session.Database`."""

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        """Raises Misuse when it cannot be opened, is damaged, foreign or of another version: says what to do."""
        self.path = path
        self._gate = threading.Lock()
        self._waiters: deque[threading.Lock] = deque()  # held; released when it is that thread's turn
        self._is_taken = False
        self._owner = 0  # thread whose block is running
        self._batch: _Batch | None = None
        self._failure: BaseException | None = None  # of a commit that still lies in the log: we keep the turn
        self._last_failure: BaseException | None = None  # of a commit; None again after one that was kept
        self._readers: list[sqlite3.Connection] = []
        self._reading = threading.Semaphore(READERS)
        with explained(path):
            self._turn = locks.WritingTurn(path.parent)
            self._connection = prepared(path, self._turn)
            self._identity: tuple[int, ...] = path.stat()[1:3]  # () once it is closed

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One block of a batch. Raises Unavailable after PATIENCE seconds, or when the batch cannot be kept."""
        deadline = time.monotonic() + locks.PATIENCE
        self._come(deadline)
        try:
            batch = self._batch or self._begin(deadline)
        except BaseException:
            self._pass_on()
            raise
        self._owner = threading.get_ident()
        session = SqliteSession(self._connection, is_marked=False)
        session.before = batch.known
        try:
            yield session
            session.settle()
            batch.has_written = batch.has_written or session.has_written
            batch.known.update(session.known)
            for statement, values in session.notes:
                batch.notes.setdefault(statement, []).append(values)
        except BaseException as err:
            failure = None
            try:
                session.undo()
            except BaseException as broken:  # then nothing of the batch can be relied on
                failure = broken
            self._leave(batch, failure)
            if isinstance(err, sqlite3.Error):
                log.error("writing failed: %s", err)
                raise Unavailable(retry_after=LATER) from err
            raise
        self._leave(batch)

    def _come(self, deadline: float) -> None:
        """Wait for this thread's turn, in the order of coming."""
        if self._owner == threading.get_ident():
            raise RuntimeError("a book is open in this thread already")
        with self._gate:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiters.append(waiter := _closed())
        if waiter.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        with self._gate:
            if waiter not in self._waiters:  # its turn came just now
                return
            self._waiters.remove(waiter)
        raise Unavailable

    def _pass_on(self) -> None:
        """Let the next thread have its turn."""
        with self._gate:
            self._is_taken = bool(self._waiters)
            heir = self._waiters.popleft() if self._waiters else None
        if heir:
            heir.release()

    def _begin(self, deadline: float) -> _Batch:
        self._check_place()
        if self._failure or self._turn.take(deadline):
            self._heal()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as err:
            self._turn.give_up()
            raise Unavailable(retry_after=LATER) from err
        self._batch = _Batch(time.monotonic() + LONGEST)
        return self._batch

    def _leave(self, batch: _Batch, failure: BaseException | None = None) -> None:
        """End a block: leave the commit to the next thread, or commit for all; return when the batch is durable."""
        self._owner = 0
        batch.blocks += 1
        batch.failure = batch.failure or failure
        heir = None
        if not batch.failure and batch.blocks < MOST_BLOCKS and time.monotonic() < batch.until:
            with self._gate:
                if self._waiters:
                    heir = self._waiters.popleft()
                    batch.sleepers.append(sleeper := _closed())
        if heir:
            heir.release()
            sleeper.acquire()
        else:
            self._batch = None
            self._end(batch)
        if batch.failure:
            raise Unavailable(UNKNOWN, retry_after=LATER) from batch.failure

    def _end(self, batch: _Batch) -> None:
        try:
            if batch.failure:
                raise batch.failure
            for statement, rows in batch.notes.items():
                self._connection.executemany(statement, rows)
            self._commit()
            if batch.has_written:
                self._last_failure = None
            self._turn.give_up()
        except BaseException as err:  # whatever it was: the batch may lie in the log without being durable
            log.error("a commit failed: %s", err)
            batch.failure = self._failure = self._last_failure = err
            with contextlib.suppress(Unavailable):
                self._heal()
                self._turn.give_up()
        finally:
            self._pass_on()
            for sleeper in batch.sleepers:
                sleeper.release()

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _heal(self) -> None:
        """Make sure that nothing of a failed commit stays in the log. Raises Unavailable while that cannot be done.

        A commit whose sync failed still lies there, and would be read after a restart. Until it is gone this process
        keeps the turn, so that nobody writes behind it.
        """
        try:
            self._turn.note(locks.MENDING)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            ((is_busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if is_busy:
                raise sqlite3.OperationalError("a reader keeps the log")
            self._turn.note(locks.BUSY)
        except (sqlite3.Error, OSError) as err:
            self._turn.note(locks.FAILED)
            self._failure = err
            raise Unavailable(retry_after=LATER) from err
        self._failure = None

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._reader() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        with self._reader() as connection:
            connection.execute("BEGIN")
            try:
                yield SqliteSession(connection)
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if not self._reading.acquire(timeout=locks.PATIENCE):
            raise Unavailable
        connection = None
        try:
            connection = self._readers.pop() if self._readers else self._new_reader()
            yield connection
        except sqlite3.Error as err:
            log.error("reading failed: %s", err)
            raise Unavailable(retry_after=LATER) from err
        finally:
            if connection is not None:
                self._readers.append(connection)
            self._reading.release()

    def _check_place(self) -> None:
        """Raises Unavailable where another file, or none, stands there by now: SQLite would go on writing into ours."""
        try:
            if self.path.stat()[1:3] != self._identity:
                raise OSError("no such file")
        except OSError as err:
            raise Unavailable(retry_after=LATER) from err

    def _new_reader(self) -> sqlite3.Connection:
        self._check_place()
        connection = connect(self.path)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-2000")  # 2 MB
        return connection

    def vacuum(self, names: Sequence[str]) -> None:
        """Of all tables: the file is written anew while others wait, and its log emptied."""
        turn = locks.WritingTurn(self.path.parent)  # its own: threads of this process wait for it like others
        try:
            with contextlib.closing(turn), contextlib.closing(connect(self.path)) as file:
                turn.take(time.monotonic() + locks.PATIENCE)
                file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                file.execute("VACUUM")
                ((is_busy, _, _),) = file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                turn.give_up()
        except sqlite3.Error as err:
            raise Unavailable(retry_after=LATER) from err
        if is_busy:  # a reader keeps the log
            raise Unavailable(retry_after=LATER)

    @property
    def trouble(self) -> str:
        try:
            with self.transaction() as session:
                session.run(PROBE)
            return ""
        except Unavailable as away:
            failure = self._last_failure or away.__cause__
        if failure:
            return explain(failure, self.path.parent)
        process, has_failed = locks.holder(self.path.parent)
        if has_failed:
            return f"디스크에 쓰지 못해 저장을 멈추었습니다(프로세스 {process}). 디스크의 자리를 비우세요. 그러면 스스로 다시 받습니다."
        return f"프로세스 {process or '?'}가 자료를 잡고 놓지 않습니다. 멈춘 프로세스이면 끝내세요."

    def close(self) -> None:
        """Close the file, whose number others get, once no block writes any more; the last one leaves no log behind."""
        with contextlib.suppress(Unavailable):
            self._come(time.monotonic() + locks.PATIENCE)
            if self._identity:
                self._turn.close()
            self._identity = ()
            while self._readers:
                self._readers.pop().close()
            self._connection.close()
            self._pass_on()


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
