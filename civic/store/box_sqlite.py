"""Ballot boxes in one SQLite file of their own, beside the entries.

Not WAL, and removed bytes are overwritten: a log beside the file would keep replaced envelopes in the order in
which they came. Why not the entries' group commit: docs/decisions/010-ballot-box-file.md.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from civic.errors import Misuse, Unavailable
from civic.store.box import Outgoing
from civic.store.box_rows import TABLES, RowBox, outgoing, polls, put_off, sent
from civic.store.folder import check_box, connect, explain

SETTINGS = ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")
UNAVAILABLE = "지금은 투표를 받을 수 없습니다. 잠시 뒤에 다시 해 주세요."


class SqliteBox:
    """All boxes of one data folder; several processes may use it at once (the server and the command line)."""

    def __init__(self, path: Path) -> None:
        """Raises Misuse when the file cannot be opened or written."""
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_box(path)
            self._file = connect(path, timeout=10)
            for line in SETTINGS:
                self._file.execute(f"PRAGMA {line}")
            self._file.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                shape = table.format(bytes="BLOB", real="REAL")
                self._file.execute(f"CREATE TABLE IF NOT EXISTS {shape} WITHOUT ROWID")
            self._file.execute("COMMIT")
        except (sqlite3.Error, OSError) as err:
            raise Misuse(explain(err, path)) from err

    @contextmanager
    def open(self, poll: str) -> Iterator[RowBox]:
        with self._transaction():
            yield RowBox(poll, self._run)

    def polls(self) -> list[str]:
        with self._transaction():
            return polls(self._run)

    def outgoing(self, now: datetime, most: int = 4) -> list[Outgoing]:
        with self._transaction():
            return outgoing(self._run, now, most)

    def sent(self, message: Outgoing) -> None:
        with self._transaction():
            sent(self._run, message)

    def put_off(self, message: Outgoing, due: datetime) -> None:
        with self._transaction():
            put_off(self._run, message, due)

    def scrub(self) -> None:
        with self._lock:
            try:
                self._file.execute("VACUUM")
            except sqlite3.Error as err:
                raise Unavailable(UNAVAILABLE) from err

    def shut(self) -> None:
        with self._lock:
            self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._file.execute("COMMIT")
                except BaseException:
                    if self._file.in_transaction:
                        self._file.execute("ROLLBACK")
                    raise
            except sqlite3.Error as err:
                raise Unavailable(UNAVAILABLE) from err

    def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        return self._file.execute(statement, values).fetchall()
