"""A SQLite file whose removed bytes are overwritten and that keeps no log: wrapped keys, ballot boxes. Any number of
processes use it at once. Knows nothing of what is in it. Why not the entries' group commit: docs/decisions/010-ballot-box-file.md.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from civic.errors import Unavailable
from civic.store.folder import connect, explain, explained, is_blank
from civic.store.session import Row, SqliteSession, Transaction
from civic.store.tables import SQLITE, made

# TRUNCATE: the emptied journal stays, and tells that there was a file (check_box); FULL makes that durable too.
PRAGMAS = ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")


class PrivateFile:
    """One such file. See `civic.store.session.Database`."""

    dialect = SQLITE

    def __init__(self, path: Path, shapes: dict[str, str]) -> None:
        """shapes: tables that are made in a new file. Raises Misuse when it cannot be opened or written."""
        self._path = path
        self._lock = threading.Lock()
        self._failure: Exception | None = None  # of the last act; None again after one that was kept
        with explained(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = connect(path)
            for line in PRAGMAS:
                self._file.execute(f"PRAGMA {line}")
            with self.transaction() as session:
                there = {name for (name,) in session.rows("SELECT name FROM sqlite_master")}
                if not (is_blank(path) or there >= shapes.keys()):
                    raise sqlite3.DatabaseError("damaged: cut off, or another file")
                for line in made(shapes, SQLITE):
                    session.run(line)

    @property
    def trouble(self) -> str:
        """ "" or why the last act failed, and another fails now."""
        if self._failure:
            with suppress(Unavailable), self.transaction() as session:
                session.run("PRAGMA user_version=0")  # a write: there may be room again
        return explain(self._failure, self._path) if self._failure else ""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Durable when the block ends; an exception inside leaves nothing behind. Raises Unavailable."""
        with self._asked() as file, file:  # which rolls back what ends by an exception
            file.execute("BEGIN IMMEDIATE")
            session = SqliteSession(file)
            yield session
            session.settle()
            self._commit()
            self._failure = None

    snapshot = transaction

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of one SELECT. Raises Unavailable."""
        with self._asked() as file:
            return file.execute(statement, values).fetchall()

    def vacuum(self, names: Sequence[str]) -> None:
        """Leave no trace of removed rows, of whatever table. Raises Unavailable."""
        with self._asked() as file:
            file.execute("VACUUM")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    @contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._file
            except sqlite3.Error as err:
                self._failure = err
                raise Unavailable(retry_after=60) from err

    def _commit(self) -> None:
        self._file.execute("COMMIT")
