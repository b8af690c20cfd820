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

PACKS = 64  # rows of a kind, many values to each: an edit writes one or two of them anew

_TABLE = """create table if not exists kept
    (kind text, pack integer, value blob, proof blob, primary key (kind, pack)) without rowid"""


class Damaged(Exception):
    """A row is not what was written."""


class Cache:
    """Values by kind and name. stamp: of the program and its libraries; another one finds an empty cache."""

    def __init__(self, file: Path, stamp: str) -> None:
        self._file, self.stamp = file, stamp
        self._is_file = True  # else what is kept is lost with this process
        # (kind, pack) -> name -> value, of those that were asked for
        self._packs: dict[tuple[str, int], Mapping[str, Any]] = {}
        self._db = self._open()
        try:
            if self.get("cache", "whole") is not True:
                self.throw_away()
        except Damaged:
            self.throw_away()

    def get(self, kind: str, name: str) -> Any:
        """One value, or None. Raises Damaged."""
        return self._pack(kind, _pack_of(name)).get(name)

    def all(self, kind: str) -> Mapping[str, Any]:
        """Everything of a kind, by name. Raises Damaged."""
        found: dict[str, Any] = {}
        for pack in range(PACKS):
            found |= self._pack(kind, pack)
        return found

    def save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> bool:
        """Write values[kind][name] and forget gone[kind], all at once. False where that fails: nothing is kept."""
        try:
            self._save(values, gone)
        except (sqlite3.Error, OSError):
            self.throw_away()
            return False
        return self._is_file

    def _save(self, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]) -> None:
        values = {**values, "cache": {"whole": True}}
        changed = {kind: self._with(kind, named, gone.get(kind, ())) for kind, named in values.items()}
        with self._db:
            for kind, packs in changed.items():
                rows = ((kind, pack, *self._row(kind, pack, content)) for pack, content in packs.items())
                self._db.executemany("replace into kept values (?, ?, ?, ?)", rows)
                self._packs.update(((kind, pack), content) for pack, content in packs.items())

    def _with(self, kind: str, named: Mapping[str, Any], lost: Iterable[str]) -> dict[int, dict[str, Any]]:
        """The packs of which something changes, as they are to be kept."""
        packs = {pack: dict(self._rest(kind, pack)) for pack in {_pack_of(name) for name in (*named, *lost)}}
        for name in lost:
            packs[_pack_of(name)].pop(name, None)
        for name, value in named.items():
            packs[_pack_of(name)][name] = value
        return packs

    def _rest(self, kind: str, pack: int) -> Mapping[str, Any]:
        """What was kept so far; a build that took nothing over may be the first to look at it."""
        try:
            return self._pack(kind, pack)
        except Damaged:
            self.throw_away()
            return {}

    def _pack(self, kind: str, pack: int) -> Mapping[str, Any]:
        if (kind, pack) not in self._packs:
            found = list(self._rows("select value, proof from kept where kind = ? and pack = ?", kind, pack))
            self._packs[kind, pack] = self._value(kind, pack, *found[0]) if found else {}
        return self._packs[kind, pack]

    def throw_away(self) -> None:
        """Begin with nothing."""
        self._packs.clear()
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

    def _rows(self, question: str, *given: str | int) -> Iterator[Any]:
        try:
            yield from self._db.execute(question, given)
        except sqlite3.DatabaseError as wrong:
            raise Damaged(str(wrong)) from wrong

    def _row(self, kind: str, pack: int, content: Mapping[str, Any]) -> tuple[bytes, bytes]:
        written = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
        return written, _proof(self.stamp, kind, pack, written)

    def _value(self, kind: str, pack: int, value: bytes, proof: bytes) -> Any:
        if not isinstance(value, bytes) or _proof(self.stamp, kind, pack, value) != proof:
            raise Damaged(f"{kind}/{pack}")
        return pickle.loads(value)  # noqa: S301 (proved above to be what we wrote)


def peek(file: Path, stamp: str, kind: str, name: str) -> Any:
    """One value, for those who do not hold the lock: None where it cannot be had; the file is never changed."""
    pack = _pack_of(name)
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            question = "select value, proof from kept where kind = ? and pack = ?"
            found = db.execute(question, (kind, pack)).fetchone()
    except sqlite3.Error:
        return None
    if found is None or not isinstance(found[0], bytes) or _proof(stamp, kind, pack, found[0]) != found[1]:
        return None
    return pickle.loads(found[0]).get(name)  # noqa: S301 (proved above to be what we wrote)


def _pack_of(name: str) -> int:
    return zlib.crc32(name.encode()) % PACKS


def _proof(stamp: str, kind: str, pack: int, content: bytes) -> bytes:
    return hashlib.sha256(b"\0".join([stamp.encode(), kind.encode(), str(pack).encode(), content])).digest()
