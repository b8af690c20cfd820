"""Entries in PostgreSQL: any number of processes on any number of hosts may work on one database at once.

A pool of connections, a limit on every wait, statements sent together in one round trip. Knows nothing of entries.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, partial
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool

from civic.errors import Unavailable
from civic.store.postgresql_server import Connection, Limits, address, answering, check, reason, shown
from civic.store.session import PROBE, UNKNOWN, Later, Row, Transaction
from civic.store.tables import POSTGRESQL

# Transactions that began before one and for which its dead rows would be kept, ANALYZE by autovacuum among them.
OLDER = (
    "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() "
    "AND backend_type IN ('client backend', 'autovacuum worker') AND (age(backend_xmin) > age(%s::text::xid) "
    "OR age(backend_xid) > age(%s::text::xid)) LIMIT 1"
)


class PostgresSession(Transaction):
    """One transaction of one connection."""

    dialect = POSTGRESQL

    def __init__(self, connection: Connection, limits: Limits) -> None:
        super().__init__()
        self._connection = connection
        self._limits = limits

    def insert(self, statement: str, values: Sequence[Any]) -> bool:
        return self.run(statement, values).rowcount > 0

    def run(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        sent = [*self._queue, Later(statement, values)]
        self._queue.clear()
        with answering(self._limits.retry_after), self._together(len(sent)):
            cursors = [self._send(each) for each in sent]
        for queued, cursor in zip(sent, cursors, strict=True):
            queued.count = cursor.rowcount
        return cursors[-1]

    def commit(self) -> None:
        """Send what is queued and make all of it durable, in one round trip."""
        for statement, values in self.notes:
            self.later(statement, values)
        # The answer to a commit can get lost after the server has done it: nobody must be told that nothing was kept.
        with answering(self._limits.retry_after, UNKNOWN), self._together(1 + len(self._queue)):
            for each in self._queue:
                self._send(each)
            self._connection.commit()

    def _together(self, number: int) -> AbstractContextManager[object]:
        return self._connection.pipeline() if number > 1 else nullcontext()

    def _send(self, each: Later) -> psycopg.Cursor[Row]:
        return self._connection.execute(_spelt(each.statement), each.values)


class PostgresDatabase:
    """One database, as `civic.store.session.Database`."""

    dialect = POSTGRESQL

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        """Raises Misuse, with what to do, when the server cannot be reached, is too old, loses acknowledged entries at
        a power cut (synchronous_commit off), or its tables are not of this version."""
        self.limits = limits or Limits()
        self.url = url
        level = check(url)  # pinned for every session: a later change of the server's default cannot undo it
        self._here = threading.local()
        self._pool = ConnectionPool(
            conninfo=address(url, self.limits, level),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=self.limits.connections,
            timeout=self.limits.pool_wait,
            max_lifetime=3600,
            reconnect_timeout=self.limits.connect,
            # A body as it was written, to the byte.
            configure=partial(set_json_loads, lambda body: body if isinstance(body, str) else body.decode()),
            open=True,
        )

    @property
    def trouble(self) -> str:
        try:
            with self.transaction() as session:
                session.run(PROBE)
        except Unavailable as err:
            where = f"{shown(self.url)}: {reason(err.__cause__)}"
            return f"PostgreSQL 서버가 답하지 않습니다({where}). 서버와 연결을 확인하세요."
        return ""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        if getattr(self._here, "is_open", False):
            raise RuntimeError("a book is open in this thread already")
        with self._connection() as connection:
            connection.autocommit = False
            self._here.is_open = True
            session = PostgresSession(connection, self.limits)
            try:
                yield session
                session.commit()
            except BaseException:
                # Where the connection is gone the server has done it.
                with suppress(Unavailable), answering(0):
                    connection.rollback()
                raise
            finally:
                self._here.is_open = False
                if not connection.closed:
                    connection.autocommit = True

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._connection() as connection:
            return connection.execute(_spelt(statement), values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        with self._connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL enable_seqscan = on")  # whole tables are read here
            yield PostgresSession(connection, self.limits)

    def vacuum(self, names: Sequence[str]) -> None:
        """Not at the next autovacuum, and once nobody can see any more what was there before."""
        with self._connection() as connection:
            until = time.monotonic() + self.limits.lock
            ((now,),) = connection.execute("SELECT txid_current() % 4294967296").fetchall()
            while connection.execute(OLDER, (now, now)).fetchall():
                if time.monotonic() > until:
                    raise Unavailable(retry_after=60)
                time.sleep(0.05)
            connection.execute("SET statement_timeout = 0")
            try:
                for name in names:
                    connection.execute(f"VACUUM FULL {name}".encode())
            finally:
                connection.execute("RESET statement_timeout")

    def close(self) -> None:
        """Let the connections go; a block that is open in another thread still ends properly."""
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with answering(self.limits.retry_after):
            connection: Connection = self._pool.getconn()
            try:
                yield connection
            finally:
                if connection.closed:  # connections mostly die together
                    self._pool.check()
                self._pool.putconn(connection)


@cache
def _spelt(statement: str) -> str:
    """A statement as the driver takes it."""
    return statement.replace("?", "%s")
