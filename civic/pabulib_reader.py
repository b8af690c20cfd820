"""Reads an election in Pabulib's `.pb` format (civic/pabulib.py has the shapes). Text in: no files.

Three sections (META, PROJECTS, VOTES), each a title line, a header and semicolon-separated rows. Real files
come with or without BOM, CRLF, blank lines, padded cells and columns in any order: all of that is read. A
line that cannot be understood without guessing is a mistake with its line number, and nothing is returned.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from operator import itemgetter
from typing import overload

from civic.errors import ContentMistakes, Mistake
from civic.pabulib import RATED, SECTIONS, VOTE_TYPES, Election, Project, named, number

MOST_SHOWN = 100  # mistakes of one file that are listed; a torn file has thousands

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
_SMALL: Mapping[str, int | Fraction] = {str(n): n for n in range(1001)}  # nearly all points there are
_VOTES_TITLE = re.compile(r"VOTES[ \t;]*\r?\n", re.IGNORECASE)
_PADDED = re.compile(r" [;\n]|[;\n] | $")


def decode(content: bytes, file: str) -> str:
    """The file's text, without BOM. ContentMistakes names the first line that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise ContentMistakes([Mistake(file, line, "", "UTF-8로 저장한 파일이어야 합니다")]) from err


def parse(text: str, file: str) -> Election:
    """The election in this text. ContentMistakes names every line of `file` that is wrong."""
    return _Reader(text, file).election()


class _Column(Sequence[str]):
    """One column of rows without quotes, cut out when first asked for: a count needs one or two of them."""

    def __init__(self, lines: list[str], place: int) -> None:
        self.lines, self.place = lines, place

    @cached_property
    def cells(self) -> list[str]:
        cut = map(str.split, self.lines, repeat(";"), repeat(self.place + 1))
        return list(map(itemgetter(self.place), cut))

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        return self.cells[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)


@dataclass
class _Votes:
    """The rows of VOTES, column by column, and how to find the line of the n-th row."""

    header: list[str]
    columns: Sequence[Sequence[str]]
    line: Callable[[int], int]

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


class _Reader:
    """Reads one text. Line numbers are worked out only when there is a mistake to name."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text.removeprefix("\ufeff"), file
        self.wrong: list[tuple[Callable[[], int], str, str, str]] = []  # (line, field, message, found)
        self.notes: list[str] = []
        self.rows: list[list[str]] = []
        self.starts: list[int] = []  # first line of each row, once needed

    def election(self) -> Election:
        votes = self._plain_votes()
        self._read_rows()
        parts = self._sections(votes is not None)
        meta = self._meta(*parts.get("META", (0, 0)))
        projects = self._projects(*parts.get("PROJECTS", (0, 0)))
        self._stop_if_wrong()  # without projects every vote would be a mistake
        election = self._votes(votes or self._quoted_votes(*parts["VOTES"]), meta, projects)
        self._stop_if_wrong()
        return election

    # -- rows and mistakes

    def _read_rows(self) -> None:
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=";", skipinitialspace=True)
        try:
            self.rows.extend(reader)
        except csv.Error as err:
            wrong = Mistake(
                self.file, self._line(len(self.rows)), "", "읽을 수 없습니다. 따옴표가 닫혔는지 보세요"
            )
            raise ContentMistakes([wrong]) from err

    def _line(self, row: int) -> int:
        """The first line of this row (one past the last: of the row that could not be read)."""
        if not self.starts:
            reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=";", skipinitialspace=True)
            self.starts = [1]
            with contextlib.suppress(csv.Error):
                self.starts += (reader.line_num + 1 for _ in reader)
        return self.starts[row]

    def _mistake(self, row: int, field: str, message: str, found: str = "") -> None:
        """row: index into the rows; -1 when the whole file is meant."""
        self.wrong.append((lambda: 0 if row < 0 else self._line(row), field, message, found))

    def _stop_if_wrong(self) -> None:
        if not self.wrong:
            return
        mistakes = sorted(
            Mistake(self.file, line(), field, message, _short(found))
            for line, field, message, found in self.wrong
        )
        if more := mistakes[MOST_SHOWN:]:
            rest = Mistake(self.file, more[0].line, "", f"여기부터 잘못된 곳이 {len(more)}곳 더 있습니다")
            mistakes = [*mistakes[:MOST_SHOWN], rest]
        raise ContentMistakes(mistakes)

    # -- sections

    def _sections(self, votes_read: bool) -> dict[str, tuple[int, int]]:
        """The rows of each section, title left out. A title stands alone in its row, in any case."""
        titles = [
            (index, row[0].strip().upper())
            for index, row in enumerate(self.rows)
            if row and row[0].strip().upper() in SECTIONS and not any(cell.strip() for cell in row[1:])
        ]
        found: dict[str, tuple[int, int]] = {}
        ends = [*(index for index, _ in titles[1:]), len(self.rows)][: len(titles)]
        for (start, title), end in zip(titles, ends, strict=True):
            if title in found:
                self._mistake(start, title, "같은 부분이 두 번 있습니다")
            else:
                found[title] = (start + 1, end)
        first = titles[0][0] if titles else len(self.rows)
        for index in range(first):
            if any(cell.strip() for cell in self.rows[index]):
                self._mistake(
                    index, "", "META, PROJECTS, VOTES보다 앞에 줄이 있습니다", ";".join(self.rows[index])
                )
                break
        missing = [
            title for title in SECTIONS if title not in found and not (votes_read and title == "VOTES")
        ]
        for title in missing:
            self._mistake(-1, title, "이 부분이 없습니다")
        if missing:
            self._name_open_quote()
        return found

    def _name_open_quote(self) -> None:
        """A quote that is never closed swallows the lines after it, titles and all: say where it opens."""
        swallowed = re.compile(r"[\r\n]\s*(PROJECTS|VOTES)\s*[\r\n]", re.IGNORECASE)
        for index, row in enumerate(self.rows):
            if any(swallowed.search(cell) for cell in row):
                self._mistake(index, "", "따옴표가 닫히지 않았습니다", row[0])
                return

    def _table(self, start: int, end: int) -> tuple[list[str], list[int]]:
        """Header names and the rows below it; blank rows left out, rows of the wrong width named."""
        filled = [index for index in range(start, end) if any(map(str.strip, self.rows[index]))]
        if not filled:
            return [], []
        header = _names(self.rows[filled[0]])
        while header and not header[-1]:
            header.pop()
        width, good = len(header), []
        for index in filled[1:]:
            row = self.rows[index]
            if len(row) == width:
                good.append(index)
            elif len(row) > width and not any(cell.strip() for cell in row[width:]):
                del row[width:]
                good.append(index)
            else:
                self._mistake(index, "", f"칸이 {width}개여야 합니다", f"{len(row)}: {';'.join(row)}")
        return header, good

    def _column(self, header: list[str], name: str) -> int | None:
        for spelling in (name, *ALIASES.get(name, ())):
            if spelling in header:
                return header.index(spelling)
        return None

    def _meta(self, start: int, end: int) -> dict[str, str]:
        meta: dict[str, str] = {}
        for index in range(start, end):
            row = self.rows[index]
            if len(row) == 1 and ":" in row[0]:
                row = row[0].split(":", 1)
            cells = [cell.strip() for cell in row]
            while len(cells) > 2 and not cells[-1]:
                cells.pop()
            if not any(cells) or cells[0].lower() == "key":
                continue
            if len(cells) != 2:
                self._mistake(index, cells[0], "‘이름;값’이어야 합니다", ";".join(cells))
                continue
            key = re.sub(r"[\s-]+", "_", cells[0].lower())
            if key in meta and meta[key] != cells[1]:
                self._mistake(index, key, "같은 이름이 두 번 있습니다", cells[1])
            meta[key] = cells[1]
            if key == "vote_type":
                meta[key] = cells[1].lower()
                if meta[key] not in VOTE_TYPES:
                    self._mistake(index, key, f"{', '.join(VOTE_TYPES)} 가운데 하나여야 합니다", cells[1])
            elif key in ("budget", "min_project_score_threshold", "default_score") and cells[1]:
                self._number(index, key, cells[1], least=None if key == "default_score" else 0)
        if end > start and not meta.get("budget"):
            self._mistake(start - 1, "budget", "예산이 없습니다")
        return meta

    def _number(self, row: int, field: str, text: str, least: int | None = 0) -> int | Fraction:
        try:
            value = number(text)
        except ValueError:
            self._mistake(row, field, "숫자여야 합니다", text)
            return 0
        if least is not None and value < least:
            self._mistake(row, field, f"{least} 이상이어야 합니다", text)
        return value

    def _projects(self, start: int, end: int) -> dict[str, Project]:
        header, rows = self._table(start, end)
        ids, costs = self._column(header, "project_id"), self._column(header, "cost")
        for name, place in (("project_id", ids), ("cost", costs)):
            if place is None and end > start:
                self._mistake(start, name, "PROJECTS에 이 칸이 없습니다", ";".join(header))
        projects: dict[str, Project] = {}
        if ids is None or costs is None:
            return projects
        known = {name: self._column(header, name) for name in ("name", "votes", "score", "selected")}
        named = {ids, costs, *known.values()}
        for index in rows:
            row = [cell.strip() for cell in self.rows[index]]
            id = row[ids]
            if not id:
                self._mistake(index, "project_id", "제안 번호가 없습니다")
            elif id in projects:
                self._mistake(index, "project_id", "같은 제안이 두 번 있습니다", id)
            cells = {name: row[place] if place is not None else "" for name, place in known.items()}
            votes, score = (
                self._number(index, name, cells[name], least=None) if cells[name] else None
                for name in ("votes", "score")
            )
            other = {header[i]: cell for i, cell in enumerate(row) if i not in named}
            cost = self._number(index, "cost", row[costs])
            projects[id] = Project(id, cost, cells["name"], votes, score, cells["selected"], other)
        if not projects and end > start:
            self._mistake(start - 1, "PROJECTS", "제안이 하나도 없습니다")
        return projects

    # -- votes: whole columns at once, because there may be hundreds of thousands

    def _plain_votes(self) -> _Votes | None:
        """VOTES without any quote or padding, cut by columns, several times faster than row by row. Cuts it
        off `self.text`. None when anything in it needs a closer look."""
        places = (self.text.find(f"\n{word}") for word in ("VOTES", "votes", "Votes"))
        start = next((place + 1 for place in places if place >= 0), 0)
        title = _VOTES_TITLE.match(self.text, start)
        if not start or not title or self.text.count('"', 0, start) % 2:
            return None
        body = self.text[title.end() :]
        if "\r" in body:
            body = body.replace("\r\n", "\n")
        if '"' in body or "\r" in body or (" " in body and _PADDED.search(body)):
            return None
        head, _, rest = body.strip("\n").partition("\n")
        lines = rest.split("\n")
        if not rest or set(map(str.count, lines, repeat(";"))) != {head.count(";")}:
            return None
        header = _names(head.split(";"))
        columns = [_Column(lines, place) for place in range(len(header))]
        first = self.text.count("\n", 0, title.end()) + 2
        self.text = self.text[:start]
        return _Votes(header, columns, lambda row: first + row)

    def _quoted_votes(self, start: int, end: int) -> _Votes:
        header, rows = self._table(start, end)
        columns = [[self.rows[index][i].strip() for index in rows] for i in range(len(header))]
        return _Votes(header, columns, lambda row: self._line(rows[row]))

    def _votes(self, table: _Votes, meta: dict[str, str], projects: dict[str, Project]) -> Election:
        place = self._column(table.header, "vote")
        if place is None:
            self._vote_mistake(table, 0, "vote", "VOTES에 이 칸이 없습니다", ";".join(table.header))
            self._stop_if_wrong()
            raise AssertionError("unreachable")
        voter, points_at = self._column(table.header, "voter_id"), self._column(table.header, "points")
        if points_at == place:
            points_at = None
        if not meta.get("vote_type"):
            meta["vote_type"] = "approval" if points_at is None else "cumulative"
            self.notes.append(f"META에 vote_type이 없어 {meta['vote_type']}으로 셌습니다")
        votes = table.columns[place]
        count = named(votes)
        if not count.keys() <= projects.keys():
            votes = self._tidied(table, votes, projects)
            count = named(votes)
        points = self._points(table, votes, points_at, meta["vote_type"])
        strength_at = self._column(table.header, "vote_strength")
        strengths = self._strengths(table, strength_at)
        voters = table.columns[voter] if voter is not None else [str(n + 1) for n in range(len(table))]
        used = {place, voter, points_at, strength_at}
        other = {name: table.columns[i] for i, name in enumerate(table.header) if i not in used}
        for key, found, unit in (
            ("num_projects", len(projects), "제안은"),
            ("num_votes", len(votes), "표는"),
        ):
            if meta.get(key, "").isdecimal() and int(meta[key]) != found:
                self.notes.append(f"META의 {key} 값은 {meta[key]}인데 {unit} {found}개입니다")
        election = Election(meta, projects, voters, votes, points, strengths, other, tuple(self.notes))
        election.__dict__["named"] = count  # already counted: fills the cached property
        return election

    def _vote_mistake(self, table: _Votes, row: int, field: str, message: str, found: str = "") -> None:
        self.wrong.append((lambda: table.line(row) if len(table) else 0, field, message, found))

    def _tidied(self, table: _Votes, votes: Sequence[str], projects: Mapping[str, Project]) -> list[str]:
        """Picks without padding and empty places; a pick that is no project is a mistake."""
        tidy = [[pick for cell in vote.split(",") if (pick := cell.strip())] for vote in votes]
        for row, picks in enumerate(tidy):
            if lost := [pick for pick in picks if pick not in projects]:
                self._vote_mistake(table, row, "vote", "PROJECTS에 없는 제안입니다", ",".join(lost))
        return [",".join(picks) for picks in tidy]

    def _strengths(self, table: _Votes, at: int | None) -> list[int | Fraction]:
        """How many times each ballot counts (a column that few files have)."""
        strengths: list[int | Fraction] = []
        for row, cell in enumerate(table.columns[at] if at is not None else ()):
            try:
                strengths.append(number(cell or "1"))
            except ValueError:
                self._vote_mistake(table, row, "vote_strength", "숫자여야 합니다", cell)
        return strengths

    def _points(
        self, table: _Votes, votes: Sequence[str], at: int | None, vote_type: str
    ) -> list[list[int | Fraction]]:
        """Points beside each pick. Ordinal ballots may do without: their places are the points."""
        if vote_type not in (*RATED, "ordinal") or (at is None and vote_type == "ordinal"):
            return []
        if at is None:
            self._vote_mistake(table, 0, "points", f"{vote_type} 투표에는 points 칸이 있어야 합니다")
            return []
        points: list[list[int | Fraction]] = []
        for row, (vote, cell) in enumerate(zip(votes, table.columns[at], strict=True)):
            length = vote.count(",") + 1 if vote else 0
            given = cell.split(",") if cell else []
            if len(given) > length:
                given = [each for each in given if each.strip()]
            if not given and vote_type == "ordinal":
                points.append(list(range(length, 0, -1)))
                continue
            if len(given) != length:
                self._vote_mistake(table, row, "points", f"점수가 {length}개여야 합니다", cell)
            try:
                values = [_SMALL[each] if each in _SMALL else number(each) for each in given]
            except ValueError:
                self._vote_mistake(table, row, "points", "숫자여야 합니다", cell)
                continue
            if vote_type == "cumulative" and values and min(values) < 0:
                self._vote_mistake(table, row, "points", "0 이상이어야 합니다", cell)
            points.append(values)
        return points


def _names(cells: Iterable[str]) -> list[str]:
    """Column names as they are compared: lower case, one underscore for blanks and hyphens."""
    return [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]


def _short(found: str) -> str:
    line = " ".join(found.split())
    return line if len(line) <= 60 else line[:57] + "…"
