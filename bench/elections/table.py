"""The VOTES section of a `.pb` file, cut into columns: there may be hundreds of thousands of rows. Text in, no files.

Rows that need no closer look are cut all at once, several times faster than row by row.
"""

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import repeat
from operator import itemgetter
from typing import overload

# Spellings met in the wild, beside the documented one.
ALIASES = {
    "project_id": ("projectid", "project", "id"),
    "cost": ("price", "costs"),
    "votes": ("num_votes", "vote_count"),
    "score": ("scores",),
    "name": ("title", "project_name"),
    "selected": ("winner", "winners", "funded"),
    "voter_id": ("voterid", "voter", "id"),
    "vote": ("votes", "projects", "ballot", "choices"),
    "points": ("point", "scores", "score"),
}
_TITLE = re.compile(r"VOTES[ \t;]*\r?\n", re.IGNORECASE)
_EDGES = ((" ;", ";"), ("; ", ";"), (" \n", "\n"), ("\n ", "\n"))
_ALL_BUT_ENDS = bytes(set(range(256)) - set(b";\n"))
_ALL_BUT_COMMAS = bytes(set(range(256)) - set(b",\n"))


class _Column(Sequence[str]):
    """One column, cut out when first asked for: a count needs one or two of them."""

    def __init__(self, length: int, cut_out: Callable[[], list[str]]) -> None:
        self.length, self.cut_out = length, cut_out

    @cached_property
    def cells(self) -> list[str]:
        return self.cut_out()

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        return self.cells[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __contains__(self, cell: object) -> bool:
        return cell in self.cells


@dataclass(frozen=True)
class Table:
    """VOTES column by column, and how to find the line of the n-th row."""

    header: list[str]
    columns: Sequence[Sequence[str]]
    line: Callable[[int], int]

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


def cut(text: str) -> tuple[str, Table] | None:
    """The text before VOTES, and the table. None when something in it needs a closer look."""
    places = (text.find(f"\n{word}") for word in ("VOTES", "votes", "Votes"))
    start = next((place + 1 for place in places if place >= 0), 0)
    title = _TITLE.match(text, start)
    if not start or not title or text.count('"', 0, start) % 2:
        return None
    body = text[title.end() :].replace("\r\n", "\n").strip()
    if '"' not in body:
        body = _trimmed(body)
    if "\r" in body or "\t" in body or "\n" not in body or (" " in body and _has_edges(body)):
        return None
    head, rest = body.split("\n", 1)
    header = names(next(_csv(head)))
    columns = _quoted(rest, header) if '"' in body else _plain(rest, header)
    first = text.count("\n", 0, title.end()) + 2
    return (text[:start], Table(header, columns, lambda row: first + row)) if columns else None


def _plain(rest: str, header: list[str]) -> list[_Column]:
    """The columns of rows without quotes; none when the rows are uneven."""
    lines = rest.split("\n")
    ends = f"{rest}\n".encode().translate(None, _ALL_BUT_ENDS)
    if ends != (b";" * (len(header) - 1) + b"\n") * len(lines):
        return []

    def cut_out(place: int) -> list[str]:
        return list(map(itemgetter(place), map(str.split, lines, repeat(";"), repeat(place + 1))))

    return [_Column(len(lines), partial(cut_out, place)) for place in range(len(header))]


def _quoted(rest: str, header: list[str]) -> list[_Column]:
    """The columns of rows with quotes; none when the rows are uneven or take more than a line."""
    width, (vote, points) = len(header), _counted(header)
    votes: list[str] = []
    figures: list[str] = []
    with contextlib.suppress(csv.Error):
        for row in _csv(rest):
            if len(row) != width:
                return []
            votes.append(row[vote])
            figures.append(row[points])
    if len(votes) != rest.count("\n") + 1:
        return []
    columns = [
        _Column(len(votes), partial(lambda place: [row[place] for row in _csv(rest)], place))
        for place in range(width)
    ]
    columns[vote].__dict__["cells"], columns[points].__dict__["cells"] = votes, figures
    return columns


def _counted(header: list[str]) -> list[int]:
    """The places of the columns that a count needs, the first instead of one that is not there."""
    return [place if (place := find(header, name)) is not None else 0 for name in ("vote", "points")]


def _csv(text: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=";")


def find(header: Sequence[str], name: str) -> int | None:
    """The place of a column, under any of its spellings."""
    return next((header.index(each) for each in (name, *ALIASES.get(name, ())) if each in header), None)


def _trimmed(body: str) -> str:
    """The body without blanks around its cells; up to three of them, the more need a closer look."""
    if " " in body:
        for _ in range(3):
            for old, new in _EDGES:
                body = body.replace(old, new)
    return body


def _has_edges(body: str) -> bool:
    return any(edge in body for edge, _ in _EDGES)


def alike(votes: Sequence[str], points: Sequence[str]) -> bool:
    """Every ballot has as many figures of points as picks, and none is blank."""
    if "" in votes or "" in points:
        return False
    one, other = ("\n".join(cells).encode().translate(None, _ALL_BUT_COMMAS) for cells in (votes, points))
    return one == other


def names(cells: Iterable[str]) -> list[str]:
    """Column names as they are compared: lower case, one underscore for blanks and hyphens."""
    return [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
