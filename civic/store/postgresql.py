"""Entries in PostgreSQL: any number of processes on any number of hosts may work on one database at once.

A pool of connections, a limit on every wait, statements sent together in one round trip. Knows nothing of entries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from civic.errors import Misuse, Unavailable
from civic.store import tables
from civic.store.dialect import POSTGRESQL
from civic.store.session import Later, Result, Row, Session

# Classes of SQLSTATE in which the server, not our statement, is at fault: 08 connection, 25 read-only standby or
# transaction ended by a timeout, 40 deadlock, 53 disk or memory or connections used up, 55 lock wait, 57 stopped or
# cancelled by a timeout, 58 I/O error, XX damaged.
SERVER_AT_FAULT = ("08", "25", "40", "53", "55", "57", "58", "XX")
NOT_KNOWN = (
    "접수되었는지 확인하지 못했습니다. 잠시 뒤에 같은 화면에서 다시 보내 주세요. 두 번 접수되지는 않습니다."
)
FRESH = 5.0  # seconds for which a successful answer of the server counts as health
OLDEST = 13  # version of PostgreSQL
MIGRATE_LOCK = 5_262_342  # any number, the same everywhere: two hosts that migrate at once take turns
RUN_MIGRATE = "python -m forms_api migrate 를 실행하세요."
Connection = psycopg.Connection[Row]


@dataclass(frozen=True)
class Limits:
    """How long the store waits, in seconds, and how many connections one process holds."""

    connections: int = 8
    pool_wait: float = 5.0  # for a free connection of the pool
    connect: int = 3  # for the server to take a new connection
    lock: float = 5.0  # for somebody else's transaction
    statement: float = 10.0  # for one statement as a whole
    idle: float = 30.0  # the server ends a transaction whose process forgot it
    retry_after: int = 2  # what a refused citizen's program is told to wait
    scans: bool = False  # may whole tables be read? Else a plan made while they were empty must not


WHOLE = Limits(
    connections=1, lock=10, statement=1800, idle=1800, scans=True
)  # who reads or writes everything


class PostgresSession(Session):
    """One transaction of one connection."""

    dialect = POSTGRESQL

    def __init__(self, connection: Connection, limits: Limits) -> None:
        super().__init__()
        self._connection = connection
        self._limits = limits

    def mark(self) -> None:
        self.later("SAVEPOINT seat")

    def back(self) -> None:
        self.run("ROLLBACK TO SAVEPOINT seat")

    def commit(self) -> None:
        """Send what is queued and make all of it durable, in one round trip."""
        # The answer to a commit can get lost after the server has done it: the citizen must not be told that nothing
        # was kept. The same submission id finds out.
        for statement, values in self.notes:
            self.later(statement, values)
        with answering(self._limits.retry_after, NOT_KNOWN):
            if not self._queue:
                self._connection.commit()
                return
            with self._connection.pipeline():
                for each in self._queue:
                    self._connection.execute(POSTGRESQL.spell(each.statement), each.values)
                self._connection.commit()

    def _execute(self, statements: Sequence[Later]) -> list[Result]:
        with answering(self._limits.retry_after):
            if len(statements) == 1:
                return [_result(self._send(statements[0]))]
            with self._connection.pipeline():
                cursors = [self._send(each) for each in statements]
            return [_result(cursor) for cursor in cursors]

    def _send(self, each: Later) -> psycopg.Cursor[Row]:
        return self._connection.execute(POSTGRESQL.spell(each.statement), each.values)


class PostgresDatabase:
    """One database. See `civic.store.session.Database`."""

    dialect = POSTGRESQL

    def __init__(self, url: str, limits: Limits | None = None, level: str = "") -> None:
        """Raises Misuse, with what to do, when the server cannot be reached, is too old, loses acknowledged entries at
        a power cut (synchronous_commit off), or its tables are not of this version. level: of synchronous_commit,
        pinned for every session, so that a later change of the server's default cannot undo it; "" asks the server."""
        self.limits = limits or Limits()
        self.url = url
        level = level or check(url)
        self._answered = time.monotonic()
        self._here = threading.local()
        self._pool = ConnectionPool(
            conninfo=_address(url, self.limits, level),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=self.limits.connections,
            timeout=self.limits.pool_wait,
            max_lifetime=3600,
            reconnect_timeout=self.limits.connect,
            configure=_configure,
            open=True,
        )

    @property
    def trouble(self) -> str:
        if time.monotonic() - self._answered < FRESH:
            return ""
        try:
            self.read("SELECT 1")
        except Unavailable as err:
            where = f"{shown(self.url)}: {reason(err.__cause__)}"
            return f"PostgreSQL 서버가 답하지 않습니다({where}). 서버와 연결을 확인하세요."
        return ""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        if getattr(self._here, "is_open", False):
            raise RuntimeError("a book is open in this thread already")
        with self._connection() as connection:
            connection.autocommit = False
            self._here.is_open = True
            session = PostgresSession(connection, self.limits)
            try:
                yield session
                session.commit()
                self._answered = time.monotonic()
            except BaseException:
                _undo(connection)
                raise
            finally:
                self._here.is_open = False
                if not connection.closed:
                    connection.autocommit = True

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._connection() as connection, answering(self.limits.retry_after):
            found = connection.execute(POSTGRESQL.spell(statement), values).fetchall()
            self._answered = time.monotonic()
            return found

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        with self._connection() as connection, answering(self.limits.retry_after), connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL enable_seqscan = on")  # whole tables are read here
            yield PostgresSession(connection, self.limits)

    def vacuum(self, names: Sequence[str]) -> None:
        """Take dead rows out of tables now, not at the next autovacuum."""
        with self._connection() as connection, answering(self.limits.retry_after):
            for name in names:
                connection.execute(f"VACUUM FULL {name}".encode())

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


def migrate(url: str) -> tuple[int, int]:
    """Bring the tables to the newest version: (before, after); 0 is an empty database. Raises Misuse.

    All steps in one transaction: one that fails leaves the database as it was.
    """
    with _reached(url, Limits(connections=1, lock=60, statement=3600, idle=3600)) as connection:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATE_LOCK,))
            before = _version(connection, url)
            if before > tables.VERSION:
                check(url)
            if not before:
                connection.execute("CREATE TABLE madang (version INTEGER NOT NULL)")
                connection.execute("INSERT INTO madang VALUES (0)")
            after = tables.migrate(lambda line: connection.execute(line.encode()), POSTGRESQL, before)
            connection.execute("UPDATE madang SET version = %s", (after,))
        return before, after


def check(url: str) -> str:
    """May the store work on this database? Its synchronous_commit. Raises Misuse with what to do."""
    with _reached(url, Limits()) as connection:
        if connection.info.server_version < OLDEST * 10000:
            raise Misuse(f"PostgreSQL {OLDEST} 이상이 필요합니다. ({shown(url)})")
        settings = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
        level, fsync = connection.execute(settings).fetchall()[0]
        if level == "off" or fsync == "off":
            name = "fsync" if fsync == "off" else "synchronous_commit"
            raise Misuse(
                f"PostgreSQL의 {name}가 off입니다. 접수했다고 답한 신청이 정전 때 사라질 수 있어 시작하지 않습니다. "
                f"서버, 데이터베이스, 사용자 설정에서 {name} = on 으로 고치세요. ({shown(url)})"
            )
        found = _version(connection, url)
        if found > tables.VERSION:
            raise Misuse(
                f"데이터베이스가 더 새로운 판의 마당에서 만들어졌습니다(자료 {found}, 프로그램 {tables.VERSION}). "
                f"그 판의 프로그램을 쓰세요. ({shown(url)})"
            )
        if found < tables.VERSION:
            state = f"판이 {found}이고 필요한 판은 {tables.VERSION}입니다" if found else "비어 있습니다"
            raise Misuse(f"데이터베이스가 {state}. {RUN_MIGRATE} ({shown(url)})")
        return str(level)


def is_outage(error: BaseException) -> bool:
    """Did the server or the way to it fail, so that trying again later makes sense?"""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return error.sqlstate.startswith(SERVER_AT_FAULT)
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))


@contextmanager
def answering(retry_after: int, detail: str | None = None) -> Iterator[None]:
    """Turns an outage into Unavailable; a mistake in our own statements stays the exception it is."""
    try:
        yield
    except psycopg.Error as err:
        if not is_outage(err):
            raise
        raise Unavailable(detail, retry_after=retry_after) from err


def shown(url: str) -> str:
    """The address for a message: without password and options."""
    given = conninfo.conninfo_to_dict(url)
    where = (
        f"{given.get('host') or ''}:{given['port']}" if given.get("port") else f"{given.get('host') or ''}"
    )
    user = f"{given['user']}@" if given.get("user") else ""
    return f"postgresql://{user}{where}/{given.get('dbname') or ''}"


def reason(error: BaseException | None) -> str:
    """The server's or the system's own words for an outage, in one line."""
    return " ".join(str(error).split())[:300]


def _address(url: str, limits: Limits, level: str = "") -> str:
    """The driver's address for an url. Raises Misuse when it is none of PostgreSQL."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise Misuse("자료의 주소를 postgresql://사용자@서버/이름 처럼 적으세요.")
    options = {
        "lock_timeout": f"{limits.lock * 1000:.0f}",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{limits.idle * 1000:.0f}",
        "timezone": "UTC",
        "enable_seqscan": "on" if limits.scans else "off",
    }
    if level:
        options["synchronous_commit"] = level
    try:
        given = conninfo.conninfo_to_dict(url)
        settings = " ".join([str(given.get("options") or ""), *(f"-c {n}={v}" for n, v in options.items())])
        # keepalives: a host that vanished without a word is noticed after these seconds, not after the system's hours.
        return conninfo.make_conninfo(
            url,
            options=settings.strip(),
            connect_timeout=limits.connect,
            application_name="madang",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=int(limits.statement * 1000),
        )
    except psycopg.Error:
        raise Misuse("자료의 주소를 postgresql://사용자@서버/이름 처럼 적으세요.") from None


def _reached(url: str, limits: Limits) -> Connection:
    """A connection of its own, or Misuse with the address and the server's own reason (never the password)."""
    address = _address(url, limits)
    try:
        return psycopg.connect(address, autocommit=True)
    except psycopg.Error as err:
        raise Misuse(f"PostgreSQL 서버에 연결하지 못했습니다: {shown(url)} ({reason(err)})") from err


def _version(connection: Connection, url: str) -> int:
    """The version of the tables; 0 for none. Raises Misuse for a database of before."""
    here = "SELECT to_regclass('madang'), to_regclass('alembic_version')"
    ours, before = connection.execute(here).fetchall()[0]
    if ours:
        return int(connection.execute("SELECT version FROM madang").fetchall()[0][0])
    if before:
        raise Misuse(f"시험판의 데이터베이스라 쓸 수 없습니다. 새 데이터베이스를 만드세요. ({shown(url)})")
    return 0


def _configure(connection: Connection) -> None:
    set_json_loads(_as_text, connection)  # a body as it was written, to the byte


def _as_text(body: str | bytes) -> str:
    return body if isinstance(body, str) else body.decode()


def _result(cursor: psycopg.Cursor[Row]) -> Result:
    return Result(cursor.fetchall() if cursor.description else [], cursor.rowcount)


def _undo(connection: Connection) -> None:
    """Roll back; where the connection is gone the server has done it."""
    try:
        connection.rollback()
    except psycopg.Error as err:
        if not is_outage(err):
            raise
