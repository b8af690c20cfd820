"""Reads an election in Pabulib's `.pb` format (bench/elections/election.py has its shape). Text in: no files.

Three sections (META, PROJECTS, VOTES), each a title line, a header and semicolon-separated rows. Real files
come with or without BOM, CRLF, blank lines, padded cells and columns in any order: all of that is read. A
line that cannot be understood without guessing is a mistake with its line number, and nothing is returned.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.elections.election import RATED, SECTIONS, VOTE_TYPES, PublicElection, named, paired, ranked
from bench.elections.figures import number, thousands_mark
from bench.elections.table import Table, alike, cut, find, names
from civic.errors import ContentMistakes, Mistake
from civic.votes.count import Number
from civic.votes.pabulib import Project, plain

csv.field_size_limit(10_000_000)  # characters of a cell: descriptions and long ballots pass the usual 131,072
MOST_SHOWN = 100  # mistakes of one file that are listed; a torn file has thousands

STRICT = (
    "budget",
    "vote_type",
    "rule",
    "min_project_score_threshold",
)  # META that decides: nothing is guessed
FIGURES = ("project_id", "projectid", "project", "id", "votes", "score", "selected", "cost", "price", "costs")
NO_FIGURE = ("", "-", "none", "n/a", "na", "nan", "null")  # written where there is no figure


def decode(content: bytes, file: str) -> str:
    """The file's text, without BOM. ContentMistakes names the first line that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise ContentMistakes([Mistake(file, line, "", "UTF-8로 저장한 파일이어야 합니다")]) from err


def parse(text: str, file: str) -> PublicElection:
    """The election in this text. ContentMistakes names every line of `file` that is wrong."""
    return _Reader(text, file).election()


class _Reader:
    """Reads one text. Line numbers are worked out only when there is a mistake to name."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text.removeprefix("\ufeff"), file
        self.wrong: list[tuple[Callable[[], int], str, str, str]] = []  # (line, field, message, found)
        self.notes: list[str] = []
        self.thousands: str | None = ""
        self.rows: list[list[str]] = []
        self.starts: list[int] = []  # first line of each row, once needed

    def election(self) -> PublicElection:
        fast = cut(self.text)
        if fast:
            self.text = fast[0]
        self._read_rows()
        parts = self._sections(fast is not None)
        self._learn_figures(parts)
        meta = self._meta(*parts.get("META", (0, 0)))
        projects = self._projects(*parts.get("PROJECTS", (0, 0)))
        self._stop_if_wrong()  # without projects every vote would be a mistake
        table = fast[1] if fast else self._row_by_row(*parts["VOTES"], projects)
        election = self._votes(table, meta, projects)
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
        """Header names and the rows below it, as they are; blank rows left out."""
        filled = [index for index in range(start, end) if any(map(str.strip, self.rows[index]))]
        if not filled:
            return [], []
        header = names(self.rows[filled[0]])
        while header and not header[-1]:
            header.pop()
        return header, filled[1:]

    def _fit(self, index: int, header: list[str], needed: int) -> bool:
        """Cuts or fills the row to the width of the header. False, and named, when a needed cell is missing."""
        row, width = self.rows[index], len(header)
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            self.notes.append(
                f"{self._line(index)}행: 이름 없는 칸을 지나쳤습니다 ({_short(';'.join(row[width:]))})"
            )
        elif len(row) <= needed:
            self._mistake(index, "", f"칸이 {width}개여야 합니다", f"{len(row)}: {';'.join(row)}")
            return False
        row[width:] = [""] * (width - len(row))
        return True

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
            key, value = re.sub(r"[\s-]+", "_", cells[0].lower()), ";".join(cells[1:])
            if len(cells) > 2:
                if key in STRICT:
                    self._mistake(index, cells[0], "‘이름;값’이어야 합니다", ";".join(cells))
                    continue
                self.notes.append(f"META의 {key}: 따옴표 없는 쌍반점이 있어 이어 읽었습니다")
            if meta.get(key, value) != value:
                if key in STRICT:
                    self._mistake(index, key, "같은 이름이 두 번 있습니다", value)
                self.notes.append(f"META의 {key}: 두 번 있어 뒤의 값을 썼습니다")
            meta[key] = self._meta_value(index, key, value)
        if end > start and not meta.get("budget"):
            self._mistake(start - 1, "budget", "예산이 없습니다")
        return meta

    def _meta_value(self, index: int, key: str, value: str) -> str:
        """The value in the form that the count reads."""
        if key == "vote_type":
            kind = re.sub(r"[\s_]+", "-", value.lower())
            if kind and kind not in VOTE_TYPES:
                self._mistake(index, key, f"{', '.join(VOTE_TYPES)} 가운데 하나여야 합니다", value)
            return kind
        if key == "min_project_score_threshold" and value.endswith("%"):
            return plain(self._number(index, key, value[:-1])) + "%"
        if key in ("budget", "min_project_score_threshold", "default_score") and value:
            return plain(self._number(index, key, value, least=None if key == "default_score" else 0))
        return value

    def _learn_figures(self, parts: Mapping[str, tuple[int, int]]) -> None:
        """Which mark parts thousands in this file's amounts of money."""
        amounts = [
            cell
            for row in self.rows[slice(*parts.get("META", (0, 0)))]
            if names(row[:1]) == ["budget"]
            for cell in row[1:2]
        ]
        header, rows = self._table(*parts.get("PROJECTS", (0, 0)))
        if (place := find(header, "cost")) is not None:
            amounts += [self.rows[index][place] for index in rows if len(self.rows[index]) > place]
        self.thousands = thousands_mark(amounts)

    def _number(self, row: int, field: str, text: str, least: int | None = 0) -> Number:
        if (
            self.thousands is None
            and field in ("budget", "cost", STRICT[-1])
            and re.fullmatch(r"\d+,\d{3}", text)
        ):
            self._mistake(
                row, field, "쉼표가 천 단위인지 소수점인지 알 수 없습니다. 쉼표 없이 적으세요", text
            )
            return 0
        try:
            value = number(text, self.thousands or "")
        except ValueError:
            self._mistake(row, field, "숫자여야 합니다", text)
            return 0
        if least is not None and value < least:
            self._mistake(row, field, f"{least} 이상이어야 합니다", text)
        return value

    def _published(self, row: int, field: str, text: str) -> Number | None:
        """A published figure. It is not counted by, so what is no figure does not stop the count."""
        with contextlib.suppress(ValueError):
            return number(text, self.thousands or "")
        if text.lower() not in NO_FIGURE or text:
            self.notes.append(f"{self._line(row)}행: {field}: 숫자가 아니어서 비웠습니다 ({_short(text)})")
        return None

    def _projects(self, start: int, end: int) -> dict[str, Project]:
        header, rows = self._table(start, end)
        ids, costs = find(header, "project_id"), find(header, "cost")
        for name, place in (("project_id", ids), ("cost", costs)):
            if place is None and end > start:
                self._mistake(start, name, "PROJECTS에 이 칸이 없습니다", ";".join(header))
        projects: dict[str, Project] = {}
        if ids is None or costs is None:
            return projects
        known = {name: find(header, name) for name in ("name", "votes", "score", "selected")}
        used = {ids, costs, *known.values()}
        # A bare semicolon in a text moves the cells behind it: then a cost that follows a text is not the cost.
        steady = all(name in FIGURES for name in header[: max(ids, costs)])
        for index in rows:
            row = self.rows[index]
            if len(row) > len(header) and not steady and any(map(str.strip, row[len(header) :])):
                found = f"{len(row)}: {';'.join(row)}"
                self._mistake(index, "", f"칸이 {len(header)}개여야 합니다", found)
                continue
            if not self._fit(index, header, max(ids, costs)):
                continue
            row = [cell.strip() for cell in row]
            id = row[ids]
            if not id:
                self._mistake(index, "project_id", "제안 번호가 없습니다")
            elif id in projects:
                self._mistake(index, "project_id", "같은 제안이 두 번 있습니다", id)
            cells = {name: row[place] if place is not None else "" for name, place in known.items()}
            votes, _ = (
                self._published(index, name, cells[name]) if cells[name] else None
                for name in ("votes", "score")
            )
            other = {header[i]: cell for i, cell in enumerate(row) if i not in used}
            cost = self._number(index, "cost", row[costs])
            projects[id] = Project(id, cost, cells["name"], votes, cells["selected"], other)
        if not projects and end > start:
            self._mistake(start - 1, "PROJECTS", "제안이 하나도 없습니다")
        return projects

    # -- votes

    def _row_by_row(self, start: int, end: int, projects: Mapping[str, Project]) -> Table:
        """VOTES as the rows are: too long ones cut, too short ones filled; only a cell that may be a pick stops it."""
        header, rows = self._table(start, end)
        width, vote = len(header), find(header, "vote")
        widths = {len(self.rows[index]) for index in rows}
        nameless = len(widths) == 1  # every row has the same cells too many: columns that have no name
        for index in rows:
            row = self.rows[index]
            surplus = [cell for cell in row[width:] if cell.strip()]
            picks = [cell for cell in surplus if all(pick.strip() in projects for pick in cell.split(","))]
            if vote is None:
                pass
            elif picks and (not nameless or not row[vote].strip()):
                self._mistake(index, "", f"칸이 {width}개여야 합니다", f"{len(row)}: {';'.join(row)}")
            elif len(row) <= vote:
                self.notes.append(f"{self._line(index)}행: 고른 것이 없어 빈 표로 셌습니다")
            self._fit(index, header, -1)
        columns = [[self.rows[index][i].strip() for index in rows] for i in range(width)]
        return Table(header, columns, lambda row: self._line(rows[row]))

    def _votes(self, table: Table, meta: dict[str, str], projects: dict[str, Project]) -> PublicElection:
        place = find(table.header, "vote")
        if place is None:
            self._vote_mistake(table, 0, "vote", "VOTES에 이 칸이 없습니다", ";".join(table.header))
            self._stop_if_wrong()
            raise AssertionError("unreachable")
        voter, points_at = find(table.header, "voter_id"), find(table.header, "points")
        if points_at == place:
            points_at = None
        if not meta.get("vote_type"):
            meta["vote_type"] = "approval" if points_at is None else "cumulative"
            self.notes.append(f"META에 vote_type이 없어 {meta['vote_type']}으로 셌습니다")
        rated = meta["vote_type"] in RATED or (meta["vote_type"] == "ordinal" and points_at is not None)
        if rated and points_at is None:
            self._vote_mistake(table, 0, "points", f"{meta['vote_type']} 투표에는 points 칸이 있어야 합니다")
            rated = False
        votes: Sequence[str] = table.columns[place]
        points: Sequence[str] = table.columns[points_at] if rated and points_at is not None else ()
        given: Counter[tuple[str, str]] | None = None
        if points and alike(votes, points):
            given = paired(votes, points)
        elif meta["vote_type"] == "ordinal" and not points:
            given = ranked(votes)
        count = named(votes) if given is None else _by_name(given)
        if not count.keys() <= projects.keys():
            votes, given = self._tidied(table, votes, projects), None
            count = named(votes)
        if points and (given is None or not _all_figures(given, meta["vote_type"])):
            points, given = self._points(table, votes, points, meta["vote_type"]), None
        strength_at = find(table.header, "vote_strength")
        strengths = self._strengths(table, strength_at)
        voters = table.columns[voter] if voter is not None else [str(n + 1) for n in range(len(table))]
        used = {place, voter, points_at, strength_at}
        other = {name: table.columns[i] for i, name in enumerate(table.header) if name and i not in used}
        for key, found, unit in (
            ("num_projects", len(projects), "제안은"),
            ("num_votes", len(votes), "표는"),
        ):
            if meta.get(key, "").isdecimal() and int(meta[key]) != found:
                self.notes.append(f"META의 {key} 값은 {meta[key]}인데 {unit} {found}개입니다")
        election = PublicElection(
            meta, projects, voters, votes, other, points, strengths, tuple(self._told())
        )
        election.__dict__["named"] = count  # already counted: fills the cached property
        if given is not None:
            election.__dict__["given"] = given
        return election

    def _told(self) -> Iterable[str]:
        """The notes; of very many the first, and how many more."""
        yield from self.notes[:MOST_SHOWN]
        if len(self.notes) > MOST_SHOWN:
            yield f"알림이 {len(self.notes) - MOST_SHOWN}개 더 있습니다"

    def _vote_mistake(self, table: Table, row: int, field: str, message: str, found: str = "") -> None:
        self.wrong.append((lambda: table.line(row) if len(table) else 0, field, message, found))

    def _tidied(self, table: Table, votes: Sequence[str], projects: Mapping[str, Project]) -> list[str]:
        """Picks without padding and empty places; a pick that is no project is a mistake."""
        close = (
            "\n".join(votes).replace(", ", ",").replace(" ,", ",").split("\n")
        )  # the usual padding, at once
        if len(close) == len(votes) and named(close).keys() <= projects.keys():
            return close
        tidy = [[pick for cell in vote.split(",") if (pick := cell.strip())] for vote in votes]
        for row, picks in enumerate(tidy):
            if lost := [pick for pick in picks if pick not in projects]:
                self._vote_mistake(table, row, "vote", "PROJECTS에 없는 제안입니다", ",".join(lost))
        return [",".join(picks) for picks in tidy]

    def _strengths(self, table: Table, at: int | None) -> list[Number]:
        """How many times each ballot counts (a column that few files have)."""
        strengths: list[Number] = []
        for row, cell in enumerate(table.columns[at] if at is not None else ()):
            try:
                strengths.append(number(cell or "1"))
            except ValueError:
                self._vote_mistake(table, row, "vote_strength", "숫자여야 합니다", cell)
        return strengths

    def _points(self, table: Table, votes: Sequence[str], cells: Sequence[str], vote_type: str) -> list[str]:
        """Points beside each pick, row by row. Ordinal ballots may do without: their places are the points."""
        points: list[str] = []
        for row, (vote, cell) in enumerate(zip(votes, cells, strict=False)):
            length = vote.count(",") + 1 if vote else 0
            given = [each.strip() for each in cell.split(",")] if cell else []
            if len(given) > length:
                given = [each for each in given if each]
            if not given and vote_type == "ordinal":
                given = [str(place) for place in range(length, 0, -1)]
            points.append(",".join(given))
            if len(given) != length:
                self._vote_mistake(table, row, "points", f"점수가 {length}개여야 합니다", cell)
            try:
                least = min(map(number, given), default=0)
            except ValueError:
                self._vote_mistake(table, row, "points", "숫자여야 합니다", cell)
                continue
            if vote_type == "cumulative" and least < 0:
                self._vote_mistake(table, row, "points", "0 이상이어야 합니다", cell)
        return points


def _by_name(given: Mapping[tuple[str, str], int]) -> Counter[str]:
    count: Counter[str] = Counter()
    for (name, _), times in given.items():
        count[name] += times
    return count


def _all_figures(given: Mapping[tuple[str, str], int], vote_type: str) -> bool:
    """Nothing but points that this vote type allows."""
    try:
        return min(map(number, {figure for _, figure in given}), default=0) >= 0 or vote_type != "cumulative"
    except ValueError:
        return False


def _short(found: str) -> str:
    line = " ".join(found.split())
    return line if len(line) <= 60 else line[:57] + "…"
