"""Reads an election in Pabulib's `.pb` format (pabulib.org/format). Text in: no files.

Three sections (META, PROJECTS, VOTES), each a title line, a header and semicolon-separated rows. Real files
come with or without BOM, CRLF, blank lines, padded cells and columns in any order: all of that is read. A
line that cannot be understood without guessing is a mistake with its line number, and nothing is returned.
"""

import contextlib
import re
from collections.abc import Mapping

from bench.elections import ballots
from bench.elections.election import VOTE_TYPES, Project, PublicElection
from bench.elections.figures import number, plain, thousands_mark
from bench.elections.sections import Sections, short
from bench.elections.table import cut, find, names
from civic.errors import ContentMistakes, Mistake
from civic.votes.count import Number

THRESHOLD = "min_project_score_threshold"
STRICT = ("budget", "vote_type", "rule", THRESHOLD)  # META that decides: nothing is guessed
FIGURES = ("project_id", "projectid", "project", "id", "votes", "score", "selected", "cost", "price", "costs")


def decode(content: bytes, file: str) -> str:
    """The file's text, without BOM. ContentMistakes names the first line that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise ContentMistakes([Mistake(file, line, "", "UTF-8로 저장한 파일이어야 합니다")]) from err


def parse(text: str, file: str) -> PublicElection:
    """The election in this text. ContentMistakes names every line of `file` that is wrong."""
    text = text.removeprefix("\ufeff")
    fast = cut(text)
    rows = Sections(fast[0] if fast else text, file)
    parts = rows.sections(votes_read=fast is not None)
    head = _Head(rows, parts)
    meta, projects = head.meta(), head.projects()
    rows.stop_if_wrong()  # without projects every vote would be a mistake
    table = fast[1] if fast else ballots.row_by_row(rows, *parts["VOTES"], projects)
    election = ballots.election(rows, table, meta, projects)
    rows.stop_if_wrong()
    assert election  # without a vote column something was wrong
    return election


class _Head:
    """META and PROJECTS."""

    def __init__(self, rows: Sections, parts: Mapping[str, tuple[int, int]]) -> None:
        self.rows = rows
        self.meta_rows, self.project_rows = (parts.get(title, (0, 0)) for title in ("META", "PROJECTS"))
        self.thousands = self._thousands()

    def _thousands(self) -> str | None:
        """Which mark parts thousands in this file's amounts of money."""
        rows = self.rows.rows
        amounts = [
            cell for row in rows[slice(*self.meta_rows)] if names(row[:1]) == ["budget"] for cell in row[1:2]
        ]
        header, listed = self.rows.table(*self.project_rows)
        if (place := find(header, "cost")) is not None:
            amounts += [rows[index][place] for index in listed if len(rows[index]) > place]
        return thousands_mark(amounts)

    def meta(self) -> dict[str, str]:
        meta: dict[str, str] = {}
        start, end = self.meta_rows
        for index in range(start, end):
            row = self.rows.rows[index]
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
                    self.rows.mistake(index, cells[0], "‘이름;값’이어야 합니다", ";".join(cells))
                    continue
                self.rows.notes.append(f"META의 {key}: 따옴표 없는 쌍반점이 있어 이어 읽었습니다")
            if meta.get(key, value) != value:
                if key in STRICT:
                    self.rows.mistake(index, key, "같은 이름이 두 번 있습니다", value)
                self.rows.notes.append(f"META의 {key}: 두 번 있어 뒤의 값을 썼습니다")
            meta[key] = self._meta_value(index, key, value)
        if end > start and not meta.get("budget"):
            self.rows.mistake(start - 1, "budget", "예산이 없습니다")
        return meta

    def _meta_value(self, index: int, key: str, value: str) -> str:
        """The value in the form that the count reads."""
        if key == "vote_type":
            kind = re.sub(r"[\s_]+", "-", value.lower())
            if kind and kind not in VOTE_TYPES:
                self.rows.mistake(index, key, f"{', '.join(VOTE_TYPES)} 가운데 하나여야 합니다", value)
            return kind
        if key == THRESHOLD and value.endswith("%"):
            return plain(self._number(index, key, value[:-1])) + "%"
        if key in ("budget", THRESHOLD, "default_score") and value:
            return plain(self._number(index, key, value, least=None if key == "default_score" else 0))
        return value

    def _number(self, row: int, field: str, text: str, least: int | None = 0) -> Number:
        money = field in ("budget", "cost", THRESHOLD)
        if self.thousands is None and money and re.fullmatch(r"\d+,\d{3}", text):
            said = "쉼표가 천 단위인지 소수점인지 알 수 없습니다. 쉼표 없이 적으세요"
            self.rows.mistake(row, field, said, text)
            return 0
        try:
            value = number(text, self.thousands or "")
        except ValueError:
            self.rows.mistake(row, field, "숫자여야 합니다", text)
            return 0
        if least is not None and value < least:
            self.rows.mistake(row, field, f"{least} 이상이어야 합니다", text)
        return value

    def _published(self, row: int, field: str, text: str) -> Number | None:
        """A published figure. It is not counted by, so what is no figure does not stop the count."""
        with contextlib.suppress(ValueError):
            return number(text, self.thousands or "")
        self.rows.note(row, f"{field}: 숫자가 아니어서 비웠습니다 ({short(text)})")
        return None

    def projects(self) -> dict[str, Project]:
        start, end = self.project_rows
        header, listed = self.rows.table(start, end)
        ids, costs = find(header, "project_id"), find(header, "cost")
        for name, place in (("project_id", ids), ("cost", costs)):
            if place is None and end > start:
                self.rows.mistake(start, name, "PROJECTS에 이 칸이 없습니다", ";".join(header))
        projects: dict[str, Project] = {}
        if ids is None or costs is None:
            return projects
        # A bare semicolon in a text moves the cells behind it: then a cost that follows a text is not the cost.
        steady = all(name in FIGURES for name in header[: max(ids, costs)])
        for index in listed:
            row = self.rows.rows[index]
            if len(row) > len(header) and not steady and any(map(str.strip, row[len(header) :])):
                found = f"{len(row)}: {';'.join(row)}"
                self.rows.mistake(index, "", f"칸이 {len(header)}개여야 합니다", found)
                continue
            if not self.rows.fit(index, header, max(ids, costs)):
                continue
            project = self._project(index, header, ids, costs)
            if not project.id:
                self.rows.mistake(index, "project_id", "제안 번호가 없습니다")
            elif project.id in projects:
                self.rows.mistake(index, "project_id", "같은 제안이 두 번 있습니다", project.id)
            projects[project.id] = project
        if not projects and end > start:
            self.rows.mistake(start - 1, "PROJECTS", "제안이 하나도 없습니다")
        return projects

    def _project(self, index: int, header: list[str], ids: int, costs: int) -> Project:
        """The project of a row that is as wide as the header; ids, costs: the columns of its id and its cost."""
        row = [cell.strip() for cell in self.rows.rows[index]]
        known = {name: find(header, name) for name in ("name", "votes", "score", "selected")}
        cells = {name: row[place] if place is not None else "" for name, place in known.items()}
        figures = {
            name: self._published(index, name, cells[name]) for name in ("votes", "score") if cells[name]
        }
        used = {ids, costs, *known.values()}
        return Project(
            row[ids],
            self._number(index, "cost", row[costs]),
            cells["name"],
            figures.get("votes"),
            cells["selected"],
            {header[i]: cell for i, cell in enumerate(row) if i not in used},
        )
