"""What is still readable in a damaged SQLite file: by its tree where that stands, page by page where it does not.

Everything happens on a copy; the file itself is never written, locked or waited for. Knows rows, not entries.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

PAGE = 4096  # bytes: SQLite's own choice for every file that we make
INDEX_LEAF, INDEX_INNER, TABLE_LEAF = 10, 2, 13  # kinds of pages that hold rows (sqlite.org/fileformat2.html)
MOST = 1 << 20  # bytes of one row; a longer one is a misread length
INTEGERS = (0, 1, 2, 3, 4, 6, 8)  # bytes of the stored integer, by its type


class UnreadableError(Exception):
    """The file cannot even be copied; the text says why."""


def copy_of(path: Path, folder: Path, live: bool, empty: Callable[[Path], None] | None = None) -> list[str]:
    """A copy of a database in `folder`, with all that its log holds; what had to be mended on the way.

    live: another process writes it now; then SQLite itself takes the copy. empty: makes a new file of the same
    shape, from which a destroyed first page is taken. Raises UnreadableError, OSError.
    """
    copy = folder / path.name
    if live:
        _take(path, copy)
        return []
    for suffix in ("", "-wal", "-journal"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            shutil.copyfile(side, folder / side.name)
    said: list[str] = []
    reason = _fold(copy)
    if reason:
        said.append(f"{path.name}: 첫 쪽이 손상되었습니다({reason}).")
        if empty is None or not _new_first_page(copy, empty) or _fold(copy):
            raise UnreadableError(f"{path.name}: {reason}")
    return said


def open_copy(copy: Path) -> sqlite3.Connection:
    """A connection on a copy. Broken text is given with marks in it, so that one bad row does not hide the others."""
    file = sqlite3.connect(copy, isolation_level=None)
    file.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return file


def integrity(file: sqlite3.Connection, most: int = 20) -> list[str]:
    """SQLite's own findings; empty when it finds none."""
    try:
        found = [line for (line,) in file.execute(f"PRAGMA integrity_check({most})")]
    except sqlite3.Error as err:
        return [str(err)]
    lines = [line for each in found for line in each.splitlines() if not line.startswith("***")]
    return [] if lines == ["ok"] else lines


def readable(
    file: sqlite3.Connection, query: str, one: str, keys: Iterable[Any]
) -> Iterator[tuple[Any, ...]]:
    """Rows of `query`, and where it breaks off, row by row with `one` (asked for each of `keys`), what can be had."""
    try:
        yield from file.execute(query).fetchall()
        return
    except sqlite3.Error:
        pass
    for key in keys:
        with contextlib.suppress(sqlite3.Error):
            yield from file.execute(one, (key,)).fetchall()


def scattered(copy: Path) -> Iterator[tuple[int, list[Any]]]:
    """(rowid or 0, values) of every row that lies in any page, whether the tree still leads there or not.

    Old versions of rows may be among them: what they are worth is for the caller to tell.
    """
    content = copy.read_bytes()
    for start in range(PAGE, len(content) - PAGE + 1, PAGE):
        page = content[start : start + PAGE]
        if page[0] not in (INDEX_LEAF, INDEX_INNER, TABLE_LEAF):
            continue
        first = 12 if page[0] == INDEX_INNER else 8
        for i in range(min(int.from_bytes(page[3:5]), (PAGE - first) // 2)):
            at = int.from_bytes(page[first + 2 * i : first + 2 * i + 2])
            with contextlib.suppress(IndexError, ValueError):
                yield _cell(content, page, at)


def _take(path: Path, copy: Path) -> None:
    """SQLite copies page by page, as of one moment, while the other process goes on."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.execute("PRAGMA schema_version")
            source.backup(target)
    except sqlite3.Error as err:
        raise UnreadableError(f"{path.name}: {err}") from err


def _fold(copy: Path) -> str:
    """Bring what the log holds into the copy; "" or why SQLite cannot make anything of the file."""
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as file:
            if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and copy.stat().st_size:
                return "no tables"
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as err:
        return str(err)
    return ""


def _new_first_page(copy: Path, empty: Callable[[Path], None]) -> bool:
    """Put the first page of an empty file of the same shape in: tables begin at the same pages in every file."""
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / copy.name
        empty(new)
        page = bytearray(new.read_bytes()[:PAGE])
    pages = copy.stat().st_size // PAGE
    if not pages:
        return False
    page[28:32] = pages.to_bytes(4)
    page[32:40] = bytes(8)  # no list of free pages: nothing will be written
    with copy.open("r+b") as file:
        file.write(page)
    return True


def _cell(content: bytes, page: bytes, at: int) -> tuple[int, list[Any]]:
    """One row of a page. Raises IndexError or ValueError when it is none."""
    if page[0] == INDEX_INNER:
        at += 4
    size, at = _varint(page, at)
    rowid = 0
    if page[0] == TABLE_LEAF:
        rowid, at = _varint(page, at)
    if size > MOST:
        raise ValueError
    most = PAGE - 35 if page[0] == TABLE_LEAF else (PAGE - 12) * 64 // 255 - 23
    if size <= most:
        return rowid, _values(page[at : at + size])
    least = (PAGE - 12) * 32 // 255 - 23
    here = least + (size - least) % (PAGE - 4)
    if here > most:
        here = least
    payload = page[at : at + here]
    following = int.from_bytes(page[at + here : at + here + 4])
    while len(payload) < size:
        start = (following - 1) * PAGE
        if not 0 < start < len(content):
            raise ValueError
        payload += content[start + 4 : start + PAGE]
        following = int.from_bytes(content[start : start + 4])
    return rowid, _values(payload[:size])


def _values(payload: bytes) -> list[Any]:
    head, at = _varint(payload, 0)
    kinds = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        size = INTEGERS[kind] if kind < 7 else 8 if kind == 7 else 0 if kind < 12 else (kind - 12) // 2
        raw = payload[at : at + size]
        at += size
        if at > len(payload) or kind in (10, 11):
            raise ValueError
        if kind == 0 or kind == 7:
            values.append(None if kind == 0 else raw)
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind < 7:
            values.append(int.from_bytes(raw, signed=True))
        else:
            values.append(raw.decode() if kind % 2 else raw)
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(9):
        byte = data[at + i]
        if i == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at + i + 1
    raise ValueError
