"""The rows of a `.pb` file, its three sections, and what is wrong with them line by line. Text in: no files."""

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import Any

from bench.elections.election import SECTIONS
from bench.elections.table import names
from civic.errors import ContentMistakes, Mistake

csv.field_size_limit(10_000_000)  # characters of a cell: descriptions and long ballots pass the usual 131,072
MOST_SHOWN = 100  # mistakes of one file that are listed; a torn file has thousands


class Sections:
    """The rows of one text. Line numbers are worked out only when there is a mistake to name."""

    def __init__(self, text: str, file: str) -> None:
        """Raises ContentMistakes when the rows cannot be told apart."""
        self.text, self.file = text, file
        self.wrong: list[tuple[Callable[[], int], str, str, str]] = []  # (line, field, message, found)
        self.notes: list[str] = []
        self.rows: list[list[str]] = []
        self._starts: list[int] = []  # first line of each row, once needed
        try:
            self.rows.extend(self._reader())
        except csv.Error as err:
            wrong = Mistake(file, self.line(len(self.rows)), "", "읽을 수 없습니다. 따옴표가 닫혔는지 보세요")
            raise ContentMistakes([wrong]) from err

    def _reader(self) -> Any:
        return csv.reader(io.StringIO(self.text, newline=""), delimiter=";", skipinitialspace=True)

    # -- mistakes

    def line(self, row: int) -> int:
        """The first line of this row (one past the last: of the row that could not be read)."""
        if not self._starts:
            reader = self._reader()
            self._starts = [1]
            with contextlib.suppress(csv.Error):
                self._starts += (reader.line_num + 1 for _ in reader)
        return self._starts[row]

    def mistake(self, row: int, field: str, message: str, found: str = "") -> None:
        """row: index into the rows; -1 when the whole file is meant."""
        self.wrong.append((lambda: 0 if row < 0 else self.line(row), field, message, found))

    def note(self, row: int, message: str) -> None:
        """What is unusual in a row but read all the same."""
        self.notes.append(f"{self.line(row)}행: {message}")

    def stop_if_wrong(self) -> None:
        """Raises ContentMistakes with the mistakes so far, sorted by line."""
        if not self.wrong:
            return
        mistakes = sorted(
            Mistake(self.file, line(), field, message, short(found))
            for line, field, message, found in self.wrong
        )
        if more := mistakes[MOST_SHOWN:]:
            rest = Mistake(self.file, more[0].line, "", f"여기부터 잘못된 곳이 {len(more)}곳 더 있습니다")
            mistakes = [*mistakes[:MOST_SHOWN], rest]
        raise ContentMistakes(mistakes)

    def told(self) -> Iterable[str]:
        """The notes; of very many the first, and how many more."""
        yield from self.notes[:MOST_SHOWN]
        if len(self.notes) > MOST_SHOWN:
            yield f"알림이 {len(self.notes) - MOST_SHOWN}개 더 있습니다"

    # -- sections

    def sections(self, votes_read: bool) -> dict[str, tuple[int, int]]:
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
                self.mistake(start, title, "같은 부분이 두 번 있습니다")
            else:
                found[title] = (start + 1, end)
        self._name_what_comes_before(titles[0][0] if titles else len(self.rows))
        given = {*found, "VOTES"} if votes_read else set(found)
        missing = [title for title in SECTIONS if title not in given]
        for title in missing:
            self.mistake(-1, title, "이 부분이 없습니다")
        if missing:
            self._name_open_quote()
        return found

    def _name_what_comes_before(self, first: int) -> None:
        """Only blank rows may stand above the first title."""
        for index, row in enumerate(self.rows[:first]):
            if any(cell.strip() for cell in row):
                self.mistake(index, "", "META, PROJECTS, VOTES보다 앞에 줄이 있습니다", ";".join(row))
                return

    def _name_open_quote(self) -> None:
        """A quote that is never closed swallows the lines after it, titles and all: say where it opens."""
        swallowed = re.compile(r"[\r\n]\s*(PROJECTS|VOTES)\s*[\r\n]", re.IGNORECASE)
        for index, row in enumerate(self.rows):
            if any(swallowed.search(cell) for cell in row):
                self.mistake(index, "", "따옴표가 닫히지 않았습니다", row[0])
                return

    def table(self, start: int, end: int) -> tuple[list[str], list[int]]:
        """Header names and the rows below it, as they are; blank rows left out."""
        filled = [index for index in range(start, end) if any(map(str.strip, self.rows[index]))]
        if not filled:
            return [], []
        header = names(self.rows[filled[0]])
        while header and not header[-1]:
            header.pop()
        return header, filled[1:]

    def fit(self, index: int, header: list[str], needed: int) -> bool:
        """Cuts or fills the row to the width of the header. False, and named, when a needed cell is missing."""
        row, width = self.rows[index], len(header)
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            self.note(index, f"이름 없는 칸을 지나쳤습니다 ({short(';'.join(row[width:]))})")
        elif len(row) <= needed:
            self.mistake(index, "", f"칸이 {width}개여야 합니다", f"{len(row)}: {';'.join(row)}")
            return False
        row[width:] = [""] * (width - len(row))
        return True


def short(found: str) -> str:
    """What was found on one line, cut to 60 characters."""
    line = " ".join(found.split())
    return line if len(line) <= 60 else line[:57] + "…"
