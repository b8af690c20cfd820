"""Files read and written whole or not at all; tables in which no cell is a formula. Knows no content."""

import csv
import errno
import io
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from civic.errors import Unusable

RACY = 50_000_000  # ns: a file changed so lately may change again without another time
BOM = "\ufeff"  # without it Excel reads Korean text in another code and shows nonsense
# A spreadsheet would run such a cell as a formula; Korean and Japanese ones take the full-width signs too.
# Signs that nobody sees may stand before it: a BOM, marks of direction (LRM, U+061C …), spaces of no width.
_UNSEEN = "\\s\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
_FORMULA = re.compile(rf"[{_UNSEEN}]*[=+\-@＝＋－＠]|[ {_UNSEEN[2:]}]*[\t\r\n]")


def whole_file(path: Path | str) -> bytes:
    """The content of a regular file. Raises OSError; a pipe, of which nobody knows when it ends, is one."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:  # noqa: PTH123 (by its handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "보통 파일이 아닙니다", str(path))
        return file.read()


def place_of(folder: Path, file: str) -> Path:
    """Where a file below a folder lies; the disk may spell its name in pieces, as a Mac does."""
    place = folder / file
    if not place.exists():
        with suppress(OSError):
            there = place.parent.iterdir()
            same = (each for each in there if unicodedata.normalize("NFC", each.name) == place.name)
            return next(same, place)
    return place


def typed_text(path: Path | str) -> str:
    """The text that people hand in: UTF-8, without the mark that Windows puts first. Raises OSError, UnicodeDecodeError."""
    return whole_file(path).decode("utf-8-sig")


def write(path: Path, content: str | bytes, mode: int = 0o644, *, durable: bool = True) -> None:
    """A whole file in place of what was there, or no change at all. Text is UTF-8, its line ends as they are.

    durable: on disk when this returns; False for what can be made again and is checked when it is read.
    Raises OSError with that path, also for what is there and is no file (a device, a pipe).
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with _draft(path, content, mode, durable) as draft:
        draft.replace(path)
        if durable:
            sync_folder(path.parent)


def create(path: Path, content: str | bytes, mode: int = 0o644) -> bool:
    """A whole, durable file where none was, else False, and nothing is done; of two at once one does it. Raises OSError."""
    with _draft(path, content, mode, durable=True) as draft:
        try:
            path.hardlink_to(draft)  # not replace: the first one wins
        except FileExistsError:
            return False
        sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """The names in a folder are on disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _draft(path: Path, content: str | bytes, mode: int, durable: bool) -> Iterator[Path]:
    """The content in a file of its own beside the path; gone afterwards unless it was moved."""
    import tempfile  # a call that writes nothing answers at once

    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(path)) from err
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fchmod(handle, mode)
            if durable:
                os.fsync(handle)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def inert(cell: object) -> str:
    """A cell as text that no spreadsheet runs: what would be a formula gets a quote before it."""
    text = str(cell)
    return f"'{text}" if _FORMULA.match(text) else text


def csv_rows(text: str, head: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells without the space around them) of a table that staff wrote, without its empty rows.

    Every row has a cell for each column of the head, and may have more. Raises Unusable when the head is another.
    """
    rows = csv.reader(io.StringIO(text, newline=""))
    if tuple(cell.strip() for cell in next(rows, ())[: len(head)]) != head:
        raise Unusable([f"1줄: 첫 줄은 {','.join(head)}이어야 합니다"])
    for line, row in enumerate(rows, 2):
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield line, cells + [""] * (len(head) - len(cells))


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """A table for spreadsheets: every cell inert and quoted, lines end as Excel likes it, a BOM first."""
    out = io.StringIO(newline="")
    out.write(BOM)
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows(map(inert, row) for row in rows)
    return out.getvalue()
