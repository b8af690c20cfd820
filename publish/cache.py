"""What builds remember from one to the next, in one SQLite file. A damaged or old one is thrown away, never trusted.

Each row carries a digest of its content, its name and the stamp of the program that wrote it; the first row that
does not fit empties the whole. Values are pickled: the file lies beside the site, where only its owner writes.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

PACKED = ("file", "page")  # kinds of which every build needs all: many values to a row
PACKS = 64  # rows of such a kind: an edit writes one or two of them anew

_TABLE = """create table if not exists kept
    (kind text, name text, value blob, proof blob, primary key (kind, name)) without rowid"""


class Damaged(Exception):
    """A row is not what was written."""


class Cache:
    """Values by kind and name. stamp: of the program and its libraries; another one finds an empty cache."""

    def __init__(self, file: Path, stamp: str) -> None:
        self._file, self.stamp = file, stamp
        self._is_file = True  # else what is kept is lost with this process
        self._packed: dict[str, dict[str, Any]] = {}  # kind -> name -> value, as far as asked for
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

    def all(self, kind: str) -> Mapping[str, Any]:
        """Everything of a packed kind, by name. Raises Damaged."""
        if kind not in self._packed:
            found: dict[str, Any] = {}
            for row in self._rows("select name, value, proof from kept where kind = ?", kind):
                found |= self._value(kind, *row)
            self._packed[kind] = found
        return self._packed[kind]

    def save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> bool:
        """Write values[kind][name] and forget gone[kind], all at once. False where that fails: nothing is kept."""
        try:
            self._save(values, gone)
        except (sqlite3.Error, OSError):
            self.throw_away()
            return False
        return self._is_file

    def _save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> None:
        values, gone = self._in_packs(values, gone)
        with self._db:
            for kind, names in gone.items():
                self._db.executemany(
                    "delete from kept where kind = ? and name = ?", ((kind, each) for each in names)
                )
            for kind, named in {**values, "cache": {"whole": True}}.items():
                rows = ((kind, name, *self._row(kind, name, value)) for name, value in named.items())
                self._db.executemany("replace into kept values (?, ?, ?, ?)", rows)

    def _in_packs(
        self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]
    ) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Iterable[str]]]:
        """What is to be written and forgotten, row by row: of packed kinds each pack of which something changes."""
        values, gone = dict(values), dict(gone)
        for kind in PACKED:
            fresh, lost = values.get(kind, {}), set(gone.get(kind, ()))
            whole = {name: value for name, value in self._rest(kind).items() if name not in lost}
            whole.update(fresh)
            packs: dict[str, dict[str, Any]] = {_pack_of(name): {} for name in (*fresh, *lost)}
            for name, value in whole.items():
                if (pack := _pack_of(name)) in packs:
                    packs[pack][name] = value
            self._packed[kind] = whole
            values[kind] = {pack: named for pack, named in packs.items() if named}
            gone[kind] = packs.keys() - values[kind].keys()
        return values, gone

    def _rest(self, kind: str) -> Mapping[str, Any]:
        """What was kept so far; a build that took nothing over may be the first to look at it."""
        try:
            return self.all(kind)
        except Damaged:
            self.throw_away()
            return {}

    def throw_away(self) -> None:
        """Begin with nothing."""
        self._packed.clear()
        self._db.close()
        for file in (self._file, self._file.with_name(f"{self._file.name}-journal")):
            with suppress(OSError):  # noticed below
                shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
        self._db = self._open()
        try:
            self.get("cache", "whole")
        except Damaged:  # a full disk, or a file that cannot be removed: this build goes without
            self._db.close()
            self._db = sqlite3.connect(":memory:")
            self._db.execute(_TABLE)
            self._is_file = False

    def close(self) -> None:
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self._file)
        except sqlite3.Error:  # a folder in its place, or not to be read
            return sqlite3.connect(":memory:")  # without its table: noticed at the first look at it
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
        return written, _proof(self.stamp, kind, name, written)

    def _value(self, kind: str, name: str, value: bytes, proof: bytes) -> Any:
        if not isinstance(value, bytes) or _proof(self.stamp, kind, name, value) != proof:
            raise Damaged(f"{kind}/{name}")
        return pickle.loads(value)  # noqa: S301 (proved above to be what we wrote)


def peek(file: Path, stamp: str, kind: str, name: str) -> Any:
    """One value, for those who do not hold the lock: None where it cannot be had; the file is never changed."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            question = "select value, proof from kept where kind = ? and name = ?"
            found = db.execute(question, (kind, name)).fetchone()
    except sqlite3.Error:
        return None
    if found is None or not isinstance(found[0], bytes) or _proof(stamp, kind, name, found[0]) != found[1]:
        return None
    return pickle.loads(found[0])  # noqa: S301 (proved above to be what we wrote)


def _pack_of(name: str) -> str:
    return str(zlib.crc32(name.encode()) % PACKS)


def _proof(stamp: str, kind: str, name: str, value: bytes) -> bytes:
    return hashlib.sha256(b"\0".join([stamp.encode(), kind.encode(), name.encode(), value])).digest()
