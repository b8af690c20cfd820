"""The wrapped data keys of subjects. A backup that was made before one was destroyed still holds it (docs/security.md).

On SQLite they lie in a file of their own, whose deleted bytes are overwritten; on PostgreSQL in a table.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from civic.errors import Misuse, Unavailable
from civic.store import tables
from civic.store.dialect import SQLITE
from civic.store.folder import connect, explain
from civic.store.locks import PATIENCE
from civic.store.session import Database, Row

KEEP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, NULL, ?) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = NULL, generation = excluded.generation "
    "WHERE keys.wrapped IS NULL OR keys.generation < excluded.generation"
)
DROP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, NULL, ?, 0) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = NULL, dropped = excluded.dropped WHERE keys.generation < ?"
)
Key = tuple[str, bytes | None, str | None, int]  # subject, wrapped key, when it was destroyed, its generation


class KeyPlace(Protocol):
    """Where the table lies: each call is durable when it returns. Raises Unavailable."""

    @property
    def trouble(self) -> str: ...

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def close(self) -> None: ...


class KeyTable:
    """subject -> wrapped key. A key counts while its generation is the number of keys destroyed before it."""

    def __init__(self, place: KeyPlace) -> None:
        self._place = place

    @property
    def trouble(self) -> str:
        """ "" or why the last write failed."""
        return self._place.trouble

    def get(self, subject: str, generation: int) -> bytes | None:
        """The wrapped key that counts, or None."""
        statement = "SELECT wrapped FROM keys WHERE subject = ? AND generation = ?"
        found = self._place.run(statement, (subject, generation))
        return bytes(found[0][0]) if found and found[0][0] else None

    def keep(self, subject: str, wrapped: bytes, generation: int) -> bytes:
        """Keep it unless there is one of this generation; the one that counts. Raises Unavailable."""
        self._place.run(KEEP, (subject, wrapped, generation))
        return self.get(subject, generation) or wrapped

    def drop(self, subject: str, at: datetime, older_than: int = 2**31 - 1) -> None:
        """Destroy it; the time stays as evidence. Raises Unavailable."""
        self._place.run(DROP, (subject, at.isoformat(), older_than))

    def everything(self) -> list[Key]:
        """Of every subject that ever had one, by name."""
        rows = self._place.run("SELECT subject, wrapped, dropped, generation FROM keys")
        return sorted((s, bytes(wrapped) if wrapped else None, at, g) for s, wrapped, at, g in rows)

    def close(self) -> None:
        """Let go of it."""
        self._place.close()


class KeyFile:
    """A file of keys that several processes use at once."""

    def __init__(self, path: Path) -> None:
        """Raises Misuse when the file cannot be opened."""
        self._path = path
        self._lock = threading.Lock()
        self._failure: Exception | None = None  # of the last write; None again after one that was kept
        try:
            self._file = connect(path, timeout=PATIENCE)
            # Not WAL: a log would keep old pages beside the file. DELETE + EXTRA also syncs the folder.
            for line in ("journal_mode=DELETE", "synchronous=EXTRA", "secure_delete=ON"):
                self._file.execute(f"PRAGMA {line}")
            if not self._file.execute("SELECT 1 FROM sqlite_master").fetchone():
                self._file.execute(tables.shaped(tables.KEYS[0], SQLITE))
            self._file.execute("SELECT 1 FROM keys LIMIT 1")
        except (sqlite3.Error, OSError) as err:
            raise Misuse(explain(err, path)) from err

    @property
    def trouble(self) -> str:
        return explain(self._failure, self._path) if self._failure else ""

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            try:
                found = self._file.execute(statement, values).fetchall()
            except sqlite3.Error as err:
                self._failure = err
                raise Unavailable(retry_after=60) from err
            self._failure = None
            return found

    def close(self) -> None:
        with self._lock:
            self._file.close()


class KeyRows:
    """The table in the database of the entries."""

    trouble = ""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        if statement.startswith("SELECT"):
            return self._database.read(statement, values)
        with self._database.transaction() as session:
            return session.rows(statement, values)

    def close(self) -> None:
        """The database ends by itself."""
