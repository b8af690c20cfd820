"""Ballot boxes in one SQLite file of their own, beside the entries.

Not WAL, and removed bytes are overwritten: a log beside the file would keep replaced envelopes in the order in
which they came. Why not the entries' group commit: docs/decisions/010-ballot-box-file.md.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from civic.errors import Misuse, Unavailable
from civic.store import tables
from civic.store.box_rows import RowBoxes, Run
from civic.store.dialect import SQLITE
from civic.store.folder import check_box, connect, explain

SETTINGS = ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")
UNAVAILABLE = "지금은 투표를 받을 수 없습니다. 잠시 뒤에 다시 해 주세요."


class SqliteBox(RowBoxes):
    """All boxes of one data folder; several processes may use it at once."""

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
            for line in tables.boxes(SQLITE):
                self._file.execute(line)
            self._file.execute("COMMIT")
        except (sqlite3.Error, OSError) as err:
            raise Misuse(explain(err, path)) from err

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
    def _transaction(self, poll: str = "") -> Iterator[Run]:
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                try:
                    yield self._run
                    self._file.execute("COMMIT")
                except BaseException:
                    if self._file.in_transaction:
                        self._file.execute("ROLLBACK")
                    raise
            except sqlite3.Error as err:
                raise Unavailable(UNAVAILABLE) from err

    def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        return self._file.execute(statement, values).fetchall()
