"""Tables: found among the lines that offices type or paste, and made readable for everybody. No files."""

import html
import re
from collections.abc import Callable
from itertools import count

BULLET = re.compile(r"([-*])[ \t]+(?=\S)(?!.*[ \t]\1$)")  # "- 아 래 -" is a heading in the middle
_DELIMITER = re.compile(r"(?=.*\|)[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_TABLE = re.compile(r"<table(?: [^>]*)?>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr(?: [^>]*)?>.*?</tr>", re.DOTALL)
_ALIGN = re.compile(r' align="(left|center|right)"')
_TAG = re.compile(r"<[^>]+>")


def table_end(lines: list[str], at: int) -> int:
    """The line behind a table that begins here; 0 where none does."""
    line = lines[at]
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if "|" in line and _DELIMITER.fullmatch(below) and _columns(line) == _columns(below):
        return while_lines(lines, at, lambda each: "|" in each and _columns(each) <= _columns(line))
    cells = line.strip().count("\t")
    if not cells or BULLET.match(line.strip()):
        return 0
    end = while_lines(lines, at, lambda each: bool(each.strip()) and each.count("\t") == line.count("\t"))
    return end if end - at > 1 else 0


def _columns(row: str) -> int:
    return row.strip().strip("|").replace("\\|", "").count("|") + 1


def piped(rows: list[str]) -> list[str]:
    """A table pasted with tabs, as Markdown writes one; its first row heads the columns."""
    cells = [[cell.strip().replace("|", "\\|") for cell in row.split("\t")] for row in rows]
    while not any(row[0] for row in cells):  # all of it stands a tab further in
        cells = [row[1:] for row in cells]
    head, *rest = [f"| {' | '.join(row)} |" for row in cells]
    return [head, f"|{' --- |' * len(cells[0])}", *rest]


def while_lines(lines: list[str], at: int, holds: Callable[[str], bool]) -> int:
    end = at
    while end < len(lines) and holds(lines[end]):
        end += 1
    return end


def with_tables(clean: str) -> str:
    """The HTML with its tables in boxes that scroll, header cells that say what they head, alignment by class."""
    numbers = count(1)

    def wrapped(found: re.Match[str]) -> str:
        number = next(numbers)
        table = _ALIGN.sub(r' class="align-\1"', found.group())
        table = re.sub(r"<th(?![a-z])[^>]*>\s*</th>", "<td></td>", table)
        table = _ROW.sub(_scoped, table)
        caption = re.search(r"<caption[^>]*>(.*?)</caption>", table, re.DOTALL)
        name = (
            html.escape(html.unescape(_TAG.sub("", caption.group(1))).strip()) if caption else f"표 {number}"
        )
        return f'<section class="table-scroll" tabindex="0" aria-label="{name}">{table}</section>'

    return _TABLE.sub(wrapped, clean)


def _scoped(row: re.Match[str]) -> str:
    """A row of nothing but header cells, an empty corner aside, heads columns; any other header cell its row."""
    scope = "row" if re.search(r"<td(?![a-z])[^>]*>(?!\s*</td>)", row.group()) else "col"
    return re.sub(r"<th(?![a-z])(?![^>]*scope=)", f'<th scope="{scope}"', row.group())
