"""Is a PostgreSQL server there, and as the store needs it? Addresses, limits on every wait, versions of the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import conninfo

from civic.errors import Misuse, Unavailable
from civic.store import tables
from civic.store.session import Row
from civic.store.tables import BOXES, KEYS, MOVES, POSTGRESQL, TABLES

# Classes of SQLSTATE in which the server, not our statement, is at fault: 08 connection, 25 read-only standby or
# transaction ended by a timeout, 40 deadlock, 53 disk or memory or connections used up, 55 lock wait, 57 stopped or
# cancelled by a timeout, 58 I/O error, XX damaged; 42501 no right to a table, 42703, 42P01 and 42P07 one that is gone or
# another program's.
SERVER_AT_FAULT = ("08", "25", "40", "42501", "42703", "42P01", "42P07", "53", "55", "57", "58", "XX")
OLDEST = 13  # version of PostgreSQL
# ANALYZE would keep samples of people's rows among its statistics, where no VACUUM of ours reaches them. Nothing is
# planned by them: every statement has its index.
UNSAMPLED = """DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
  LOOP EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STATISTICS 0', c.table_name, c.column_name); END LOOP;
END $$"""
MIGRATE_LOCK = 5_262_342  # any number, the same everywhere: two hosts that migrate at once take turns
NO_ADDRESS = "자료의 주소를 postgresql://사용자@서버/이름 처럼 적으세요."
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


# Of who reads or writes everything.
WHOLE = Limits(connections=1, lock=10, statement=1800, idle=1800, scans=True)


def migrate(url: str) -> tuple[int, int]:
    """Bring the tables to the newest version: (before, after); 0 is an empty database. Raises Misuse.

    All in one transaction: one that fails leaves the database as it was.
    """
    with _reached(url, WHOLE) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATE_LOCK,))
        before = _version(connection, url)
        if before:
            tables.check_version(before, shown(url))
        else:
            for line in tables.made({**TABLES, **KEYS, **BOXES, **MOVES}, POSTGRESQL):
                connection.execute(line.encode())
            connection.execute(UNSAMPLED.encode())
            connection.execute("INSERT INTO madang VALUES (%s)", (tables.VERSION,))
        return before, tables.VERSION


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
        tables.check_version(_version(connection, url), shown(url))
        return str(level)


@contextmanager
def answering(retry_after: int, detail: str | None = None) -> Iterator[None]:
    """Turns an outage into Unavailable; a mistake in our own statements stays the exception it is."""
    try:
        yield
    except psycopg.Error as err:
        if err.sqlstate:
            is_outage = err.sqlstate.startswith(SERVER_AT_FAULT)
        else:  # the way to the server, or the pool
            is_outage = isinstance(err, (psycopg.OperationalError, psycopg.InterfaceError))
        if not is_outage:
            raise
        raise Unavailable(detail, retry_after=retry_after) from err


def shown(url: str) -> str:
    """The address for a message: without password and options."""
    given = {name: str(value or "") for name, value in conninfo.conninfo_to_dict(url).items()}
    hosts, ports = (given.get(name, "").split(",") for name in ("host", "port"))
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    user = f"{given['user']}@" if given.get("user") else ""
    return f"postgresql://{user}{where}/{given.get('dbname', '')}"


def reason(error: BaseException | None) -> str:
    """The server's or the system's own words for an outage, in one line."""
    return " ".join(str(error).split())[:300]


def address(url: str, limits: Limits, level: str = "") -> str:
    """The driver's address for an url; of several hosts it takes the one that may be written to.

    Raises Misuse when it is none of PostgreSQL.
    """
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
        if not all(port.isdigit() for port in str(given.get("port") or "").split(",") if port):
            raise psycopg.ProgrammingError("not a port")
        writable = "read-write" if "," in str(given.get("host") or "") else "any"
        settings = " ".join([str(given.get("options") or ""), *(f"-c {n}={v}" for n, v in options.items())])
        # keepalives: a host that vanished without a word is noticed after these seconds, not after the system's hours.
        return conninfo.make_conninfo(
            url,
            options=settings.strip(),
            target_session_attrs=str(given.get("target_session_attrs") or writable),
            connect_timeout=limits.connect,
            application_name="madang",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=int(limits.statement * 1000),
        )
    except psycopg.Error:
        raise Misuse(NO_ADDRESS) from None


@contextmanager
def usable(url: str) -> Iterator[None]:
    """A database that cannot answer in the block is Misuse: says what to do."""
    try:
        yield
    except Unavailable as err:
        raise Misuse(
            f"PostgreSQL에서 자료를 읽거나 쓰지 못했습니다: {shown(url)} ({reason(err.__cause__)}). 이 계정의 권한과 서버의 기록, 디스크를 "
            "확인하세요. 표가 없어졌으면 백업에서 되살리고, 다른 프로그램의 것이면 빈 데이터베이스를 정하세요."
        ) from err


@contextmanager
def _reached(url: str, limits: Limits) -> Iterator[Connection]:
    """A connection of its own, or Misuse with the address and the server's own reason (never the password)."""
    try:
        connection = psycopg.connect(address(url, limits), autocommit=True)
    except psycopg.Error as err:
        raise Misuse(f"PostgreSQL 서버에 연결하지 못했습니다: {shown(url)} ({reason(err)})") from err
    with usable(url), answering(0), connection:
        yield connection


def _version(connection: Connection, url: str) -> int:
    """The version of the tables; 0 for none. Raises Misuse for a database of before."""
    here = "SELECT to_regclass('madang'), to_regclass('alembic_version')"
    ours, before = connection.execute(here).fetchall()[0]
    if ours:
        return int(connection.execute("SELECT coalesce(max(version), 0) FROM madang").fetchall()[0][0])
    if before:
        raise Misuse(f"시험판의 데이터베이스라 쓸 수 없습니다. 새 데이터베이스를 만드세요. ({shown(url)})")
    return 0
