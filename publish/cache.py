"""What builds remember from one to the next, in one SQLite file. A damaged or old one is thrown away, never trusted.

Each row carries a digest of its content, its name and the stamp of the program that wrote it; the first row that
does not fit empties the whole. Values are pickled: the file lies beside the site, where only its owner writes.
"""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_TABLE = """create table if not exists kept
    (kind text, name text, value blob, proof blob, primary key (kind, name)) without rowid"""


class Damaged(Exception):
    """A row is not what was written."""


class Cache:
    """Values by kind and name. stamp: of the program and its libraries; another one finds an empty cache."""

    def __init__(self, file: Path, stamp: str) -> None:
        self._file, self.stamp = file, stamp
        self._db = self._open()
        try:
            if self.get("cache", "whole") is not True:
                self.throw_away()
        except Damaged:
            self.throw_away()

    def get(self, kind: str, name: str) -> Any:
        """One value, or None. Raises Damaged."""
        found = list(
            self._rows("select name, value, proof from kept where kind = ? and name = ?", kind, name)
        )
        return self._value(kind, *found[0]) if found else None

    def all(self, kind: str) -> Iterator[tuple[str, Any]]:
        """(name, value) of everything of a kind. Raises Damaged."""
        for row in self._rows("select name, value, proof from kept where kind = ?", kind):
            yield row[0], self._value(kind, *row)

    def save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> None:
        """Write values[kind][name] and forget gone[kind], all at once. Where that fails, nothing is kept."""
        try:
            self._save(values, gone)
        except (sqlite3.Error, OSError):
            self.throw_away()

    def _save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> None:
        with self._db:
            for kind, names in gone.items():
                self._db.executemany(
                    "delete from kept where kind = ? and name = ?", ((kind, each) for each in names)
                )
            for kind, named in {**values, "cache": {"whole": True}}.items():
                rows = ((kind, name, *self._row(kind, name, value)) for name, value in named.items())
                self._db.executemany("replace into kept values (?, ?, ?, ?)", rows)

    def throw_away(self) -> None:
        """Begin with nothing."""
        self._db.close()
        self._file.unlink(missing_ok=True)
        Path(f"{self._file}-journal").unlink(missing_ok=True)
        self._db = self._open()
        try:
            self.get("cache", "whole")
        except Damaged:  # a full disk: this build goes without
            self._db.close()
            self._db = sqlite3.connect(":memory:")
            self._db.execute(_TABLE)

    def close(self) -> None:
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file)
        with suppress(sqlite3.DatabaseError):  # noticed at the first look at it
            # A crash may cost the cache, never a page: rows that were torn do not fit their proof.
            db.execute("pragma synchronous = off")
            db.execute(_TABLE)
        return db

    def _rows(self, question: str, *given: str) -> Iterator[Any]:
        try:
            yield from self._db.execute(question, given)
        except sqlite3.DatabaseError as wrong:
            raise Damaged(str(wrong)) from wrong

    def _row(self, kind: str, name: str, value: Any) -> tuple[bytes, bytes]:
        written = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return written, self._proof(kind, name, written)

    def _value(self, kind: str, name: str, value: bytes, proof: bytes) -> Any:
        if self._proof(kind, name, value) != proof:
            raise Damaged(f"{kind}/{name}")
        return pickle.loads(value)  # noqa: S301 (proved above to be what we wrote)

    def _proof(self, kind: str, name: str, value: bytes) -> bytes:
        return hashlib.sha256(b"\0".join([self.stamp.encode(), kind.encode(), name.encode(), value])).digest()
