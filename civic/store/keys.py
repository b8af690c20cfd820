"""The wrapped data keys of subjects, in a file of their own, so that one can be destroyed: deleted bytes are
overwritten. A backup of this file that was made before still holds the key (docs/security.md)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from civic.errors import Misuse, Unavailable
from civic.store.folder import check_keys, connect, explain


class KeyFile:
    """subject -> wrapped key, durable at once. Keys are few and read once per start, so nothing is clever."""

    def __init__(self, path: Path, needed: Collection[str] = ()) -> None:
        """needed: subjects that have sealed entries. Raises Misuse when the file cannot be opened, or lacks one of them."""
        self.path = path
        check_keys(path, needed)
        self.failure: Exception | None = None  # of the last write; None again after one that was kept
        self._lock = threading.Lock()
        try:
            self._file = connect(path, timeout=5)
            # Not WAL: a log would keep old pages beside the file. DELETE + EXTRA also syncs the folder.
            for line in ("journal_mode=DELETE", "synchronous=EXTRA", "secure_delete=ON"):
                self._file.execute(f"PRAGMA {line}")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS keys (subject TEXT PRIMARY KEY, wrapped BLOB, dropped TEXT) WITHOUT ROWID"
            )
            self._known: dict[str, bytes] = dict(
                self._file.execute("SELECT subject, wrapped FROM keys WHERE wrapped IS NOT NULL")
            )
        except (sqlite3.Error, OSError) as err:
            raise Misuse(explain(err, path)) from err
        try:
            check_keys(path, needed, {subject for subject, _, _ in self.everything()})
        except Misuse:
            self.close()
            raise

    def get(self, subject: str) -> bytes | None:
        """The wrapped key, or None."""
        return self._known.get(subject)

    def keep(self, subject: str, wrapped: bytes) -> bytes:
        """Keep it unless there is one; the answer is the one that counts. Raises Unavailable."""
        with self._lock:
            if subject not in self._known:
                self._run(
                    "INSERT INTO keys VALUES (?, ?, NULL) "
                    "ON CONFLICT (subject) DO UPDATE SET wrapped = excluded.wrapped, dropped = NULL",
                    (subject, wrapped),
                )
                self._known[subject] = wrapped
            return self._known[subject]

    def drop(self, subject: str, at: datetime) -> None:
        """Destroy it; the time stays as evidence. Raises Unavailable."""
        with self._lock:
            self._run(
                "INSERT INTO keys VALUES (?, NULL, ?) "
                "ON CONFLICT (subject) DO UPDATE SET wrapped = NULL, dropped = excluded.dropped",
                (subject, at.isoformat()),
            )
            self._known.pop(subject, None)

    def everything(self) -> list[tuple[str, bytes | None, str | None]]:
        """(subject, wrapped key or None, when it was destroyed or None) of every subject that ever had one."""
        with self._lock:
            return list(self._file.execute("SELECT subject, wrapped, dropped FROM keys ORDER BY subject"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _run(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._file.execute(statement, values)
        except sqlite3.Error as err:
            self.failure = err
            raise Unavailable(retry_after=60) from err
        self.failure = None
