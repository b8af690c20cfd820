"""Ballot boxes in PostgreSQL, for any number of server processes. One transaction per poll at a time.

What a row's version numbers (xmin) could tell is undone by `close`: one transaction writes all envelopes anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from civic.errors import Unavailable
from civic.store.box_rows import SCRUBBED, RowBoxes, Run
from civic.store.box_sqlite import UNAVAILABLE
from civic.store.postgresql import PostgresDatabase

LOCKS = 0x6D616461  # "mada": our own class of advisory locks


class PostgresBox(RowBoxes):
    """All boxes of one database."""

    def __init__(self, url: str) -> None:
        """Raises Misuse when the database cannot be used."""
        self._database = PostgresDatabase(url)

    def scrub(self) -> None:
        """Dead row versions go at once, not at the next autovacuum."""
        self._database.vacuum(SCRUBBED)

    def shut(self) -> None:
        self._database.close()

    @contextmanager
    def _transaction(self, poll: str = "") -> Iterator[Run]:
        try:
            with self._database.transaction() as session:
                # Decisions here read and then write: two processes must not do so on one poll at once.
                session.later("SELECT pg_advisory_xact_lock(?, hashtext(?))", (LOCKS, poll))
                yield session.rows
        except Unavailable as err:
            raise Unavailable(UNAVAILABLE, err.retry_after) from err.__cause__
