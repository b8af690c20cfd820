"""Ballot boxes in PostgreSQL, for any number of server processes. One transaction per poll at a time.

What a row's version numbers (xmin) could tell is undone by `close`: one transaction writes all envelopes anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, text

from civic.errors import Misuse, Unavailable
from civic.store.box import Outgoing
from civic.store.box_rows import SCRUBBED, TABLES, RowBox, Run, outgoing, polls, put_off, sent
from civic.store.box_sqlite import UNAVAILABLE
from civic.store.postgresql.connection import Limits, answering, engine_for

LOCKS = 0x6D616461  # "mada": our own class of advisory locks


class PostgresBox:
    """All boxes of one database."""

    def __init__(self, url: str) -> None:
        """Raises Misuse when the database cannot be used."""
        self._engine = engine_for(url, Limits(), synchronous_commit="on")
        try:
            with self._transaction("") as run:
                for table in TABLES:
                    shape = table.format(bytes="BYTEA", real="DOUBLE PRECISION")
                    run(f"CREATE TABLE IF NOT EXISTS {shape}", ())
        except Unavailable as err:
            raise Misuse("투표함을 둘 데이터베이스에 연결할 수 없습니다. 주소와 서버를 확인하세요.") from err

    @contextmanager
    def open(self, poll: str) -> Iterator[RowBox]:
        with self._transaction(poll) as run:
            yield RowBox(poll, run)

    def polls(self) -> list[str]:
        with self._transaction("") as run:
            return polls(run)

    def outgoing(self, now: datetime, most: int = 4) -> list[Outgoing]:
        with self._transaction("") as run:
            return outgoing(run, now, most)

    def sent(self, message: Outgoing) -> None:
        with self._transaction("") as run:
            sent(run, message)

    def put_off(self, message: Outgoing, due: datetime) -> None:
        with self._transaction("") as run:
            put_off(run, message, due)

    def scrub(self) -> None:
        """Dead row versions go at once, not at the next autovacuum."""
        with answering(5, UNAVAILABLE), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in SCRUBBED:
                alone.execute(text(f"VACUUM FULL {table}"))

    def shut(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self, poll: str) -> Iterator[Run]:
        with answering(5, UNAVAILABLE), self._engine.begin() as connection:
            # Decisions here read and then write: two processes must not do so on one poll at once.
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:kind, hashtext(:poll))"), {"kind": LOCKS, "poll": poll}
            )
            yield _runner(connection)


def _runner(connection: Connection) -> Run:
    def run(statement: str, values: object) -> list[object]:
        found = connection.exec_driver_sql(statement.replace("?", "%s"), tuple(values))  # type: ignore[arg-type]
        return [tuple(row) for row in found] if found.returns_rows else []

    return run
