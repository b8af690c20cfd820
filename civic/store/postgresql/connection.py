"""How the store reaches its database: a pool, and a limit on every wait. Knows nothing of entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine, create_engine, exc
from sqlalchemy.engine import URL, make_url

from civic.errors import Misuse, Unavailable

# Classes of SQLSTATE in which the server, not our statement, is at fault: 08 connection, 25 read-only standby or
# transaction ended by a timeout, 40 deadlock, 53 disk or memory or connections used up, 55 lock wait, 57 stopped or
# cancelled by a timeout, 58 I/O error, XX damaged.
SERVER_AT_FAULT = ("08", "25", "40", "53", "55", "57", "58", "XX")


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


def engine_for(url: str, limits: Limits, synchronous_commit: str = "") -> Engine:
    """An engine for `postgresql://…`; connects when first used. Raises Misuse for an address it cannot read.

    synchronous_commit: pinned for every session, so that a later change of the server's default cannot undo it.
    """
    address = address_of(url)
    options = {
        "lock_timeout": f"{limits.lock * 1000:.0f}",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{limits.idle * 1000:.0f}",
        "timezone": "UTC",
        # Every statement goes by an index. A plan that was made while the tables were empty, and is kept, must not
        # read them whole once they are full.
        "enable_seqscan": "off",
    }
    if synchronous_commit:
        options["synchronous_commit"] = synchronous_commit
    given = address.query.get("options", "")
    settings = " ".join([str(given), *(f"-c {name}={value}" for name, value in options.items())]).strip()
    return create_engine(
        address.update_query_dict({"options": settings}),
        pool_size=limits.connections,
        max_overflow=0,
        pool_timeout=limits.pool_wait,
        pool_use_lifo=True,
        hide_parameters=True,  # an error in a log shows no one's person key or answers
        connect_args={
            "connect_timeout": limits.connect,
            "application_name": "madang",
            # A host that vanished without a word: noticed after these seconds, not after the system's two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": int(limits.statement * 1000),
        },
    )


def address_of(url: str) -> URL:
    """`postgresql://user@host/name` as the engine wants it. Raises Misuse when it is no such address."""
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError):  # ValueError: of a port that is no number
        address = None
    if address is None or address.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise Misuse("자료의 주소를 postgresql://사용자@서버/이름 처럼 적으세요.")
    return address.set(drivername="postgresql+psycopg")


def shown(engine: Engine) -> str:
    """The engine's address for a message: without password and options."""
    return engine.url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def is_outage(error: Exception) -> bool:
    """Did the server or the way to it fail, so that trying again later makes sense?"""
    if isinstance(error, exc.TimeoutError):  # of the pool
        return True
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return False
    if cause.sqlstate:
        return cause.sqlstate.startswith(SERVER_AT_FAULT)
    return isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))


@contextmanager
def answering(retry_after: int, detail: str | None = None) -> Iterator[None]:
    """Turns an outage into Unavailable; a mistake in our own statements stays the exception it is."""
    try:
        yield
    except (exc.SQLAlchemyError, psycopg.Error) as err:
        if not is_outage(err):
            raise
        raise Unavailable(detail, retry_after=retry_after) from err
