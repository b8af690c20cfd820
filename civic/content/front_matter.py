"""One content file: where its front matter ends, what TOML says, and which line each key stands on."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from civic.errors import Mistake
from civic.text import has_resident_number

KeyPath = tuple[str | int, ...]  # ("form", "rounds", 2, "places")

FENCE = "+++"
_CLOSING = re.compile(r"^\+\+\+[ \t]*$", re.MULTILINE)
_POSITION = re.compile(r"\(at line (\d+), column \d+\)")
_SIX_DIGITS = re.compile(r"\d\d{5}")  # found twice as quickly as \d{6}
_TIME_WITHOUT_SECONDS = re.compile(r"=\s*(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d(?!:|\d)")
_MIDNIGHT = re.compile(r"^([ \t]*[\w.-]+[ \t]*=[ \t]*)(\d{4}-\d\d-\d\d)[T ]24:00(?::00)?(?=\s)", re.MULTILINE)
_CLOSINGS = ("", "]", "]]", '"""', "'''", '"""]', "''']")  # what may be missing in the middle of a value

# tomllib's own words -> what staff should do
_SYNTAX = (
    ("Unterminated string", "닫는 따옴표가 없습니다"),
    ("Unclosed array", "닫는 ]가 없습니다"),
    ("Unclosed inline table", "닫는 }가 없습니다"),
    ("Expected '=' after a key", "키 다음에 =를 쓰세요"),
    ("Invalid statement", "키 = 값으로 쓰세요. 키는 영문으로 씁니다"),
    ("Cannot declare", "같은 표를 두 번 썼습니다"),
    ("Cannot overwrite a value", "같은 키를 두 번 썼습니다"),
    ("Cannot mutate", "같은 표를 두 번 썼습니다"),
    ("Duplicate inline table key", "같은 키를 두 번 썼습니다"),
    ("Expected ']", "표 이름을 ]로 닫으세요"),
    ("Invalid value", "값을 읽을 수 없습니다. 글은 큰따옴표로 감싸세요"),
    ("Expected newline", "값 뒤에 다른 것이 있습니다. 한 줄에 하나만 쓰고 글은 큰따옴표로 감싸세요"),
    ("Unescaped '\\'", "글 안의 \\는 \\\\로 쓰세요"),
    ("Invalid date", "없는 날짜나 시각입니다"),
    ("Illegal character '\\n'", "닫는 따옴표가 없습니다"),
    ("Illegal character", "쓸 수 없는 글자가 있습니다"),
    ("Found invalid character", "쓸 수 없는 글자나 줄바꿈이 있습니다"),
)


@dataclass(frozen=True)
class Source:
    """A file's text, taken apart. `values` is empty when the TOML could not be read."""

    file: str
    toml: str
    body: str = ""
    first: int = 1  # line of the file on which `toml` begins
    values: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """The line of every key, from the first of the TOML on."""
        return key_lines(self.toml)

    @property
    def body_line(self) -> int:
        """The line of the file on which the body begins."""
        return self.first + self.toml.count("\n") + 1

    def at(self, place: int) -> int:
        """The line of the file for a place in the body."""
        return self.body_line + self.body.count("\n", 0, place)

    def has(self, path: KeyPath) -> bool:
        """Does this key stand in the file?"""
        return path in self.lines

    def line(self, path: KeyPath) -> int:
        """The line of a key; of the nearest table around it when it is absent."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.lines:
                return self.lines[path[:depth]] + self.first - 1
        return 1

    def mistake(self, path: KeyPath, said: str, found: str = "", hint: str = "") -> Mistake:
        """A mistake at a key."""
        return Mistake(self.file, self.line(path), dotted(path), said, found, hint)

    def value(self, path: KeyPath) -> Any:
        """What stands at a key; None when nothing does."""
        here: Any = self.values
        for part in path:
            try:
                here = here[part]
            except (KeyError, IndexError, TypeError):
                return None
        return here


def dotted(path: Iterable[str | int]) -> str:
    """("form", "rounds", 2) -> "form.rounds.2"."""
    return ".".join(str(part) for part in path)


def read_source(file: str, raw: bytes, *, front: bool = True) -> tuple[Source | None, list[Mistake]]:
    """The file taken apart, and what is wrong with it as a file.

    front: TOML between +++ lines and then a body; otherwise the whole file is TOML.
    The Source is None when nothing more can be said of the file.
    """
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        return None, [Mistake(file, line, "", "UTF-8이 아닙니다. 편집기에서 UTF-8로 저장하세요")]
    mistakes = _resident_numbers(file, text)
    parts = _split(text) if front else (text, "")
    if isinstance(parts, str):
        return None, [*mistakes, Mistake(file, 1, "", parts)]
    source = Source(file, _MIDNIGHT.sub(_next_day, parts[0]), parts[1], first=2 if front else 1)
    try:
        source.values.update(tomllib.loads(source.toml))
    except tomllib.TOMLDecodeError as wrong_toml:
        return None, [*mistakes, _syntax_mistake(source, str(wrong_toml))]
    except (ValueError, RecursionError):
        # Thousands of digits, or of brackets in brackets. tomllib does not say where: on the longest line, most likely.
        lines = source.toml.split("\n")
        at = source.first + lines.index(max(lines, key=len))
        return None, [*mistakes, Mistake(file, at, "", "너무 긴 수나 너무 깊은 괄호가 있습니다")]
    return source, mistakes


def body_of(raw: bytes) -> str:
    """The body of a page's file, without a look at its front matter; "" when it has no closing +++."""
    parts = _split(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    return "" if isinstance(parts, str) else parts[1]


def _split(text: str) -> tuple[str, str] | str:
    """(TOML, body), or what is missing."""
    if text.partition("\n")[0].rstrip() != FENCE:
        return "첫 줄에 +++를 쓰고 그 아래에 제목 같은 정보를 적으세요"
    start = text.find("\n") + 1 or len(text)
    found = _CLOSING.search(text, start)
    if not found:
        return "정보를 닫는 +++ 줄이 없습니다"
    return text[start : found.start()], text[found.end() + 1 :]


def _next_day(found: re.Match[str]) -> str:
    """24:00 as TOML knows it: the beginning of the next day. What is no day stays, and is told as such."""
    with suppress(ValueError, OverflowError):
        return f"{found[1]}{date.fromisoformat(found[2]) + timedelta(days=1)}T00:00:00"
    return found.group()


def _resident_numbers(file: str, text: str) -> list[Mistake]:
    if not _SIX_DIGITS.search(text):
        return []
    return [
        Mistake(file, number, "", "주민등록번호로 보이는 숫자가 있습니다. 지우세요")
        for number, line in enumerate(text.split("\n"), 1)
        if has_resident_number(line)
    ]


def _syntax_mistake(source: Source, message: str) -> Mistake:
    lines = source.toml.split("\n")
    position = _POSITION.search(message)
    at = int(position.group(1)) if position else _last_line(lines)
    said = next(
        (korean for english, korean in _SYNTAX if message.startswith(english)), "TOML을 읽을 수 없습니다"
    )
    found = lines[at - 1].strip() if at <= len(lines) else ""
    if "같은 키를" in said and not found.partition("=")[0].strip():
        at, found = _last_line(lines), ""
    hint = ""
    if _TIME_WITHOUT_SECONDS.search(found):
        said, hint = "시각은 초까지 쓰세요", "2023-08-16T10:00:00처럼 쓰세요"
    elif any(quote in found for quote in "“”‘’") and '"' not in found:
        hint = '따옴표는 곧은 큰따옴표(")로 쓰세요'
    if has_resident_number(found):
        found = ""
    return Mistake(source.file, at + source.first - 1, "", said, found[:60], hint)


def _last_line(lines: list[str]) -> int:
    """The last line on which something stands."""
    return max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (1 is the first) of every key, table and array item: ("form", "rounds", 2, "places") -> 31.

    text: TOML that was accepted as a whole. Each statement is read by itself, row by row: what is there for the first time
    once the open brackets and quotes are closed stands on that row.
    """
    lines: dict[KeyPath, int] = {}
    items: Counter[KeyPath] = Counter()  # of arrays of tables, so far
    table: KeyPath = ()
    statement, first = "", 1
    for number, row in enumerate(text.split("\n"), 1):
        statement += f"{row}\n"
        values, closing = _read_so_far(statement)
        if values is None:
            continue
        if statement.lstrip().startswith("["):
            table = _table(values, items)
            paths: list[KeyPath] = [table[:-1], table] if isinstance(table[-1], int) else [table]
        else:
            paths = list(_paths(values, table))
        for path in paths:
            lines.setdefault(path, first)
        first = number + 1
        statement = statement if closing else ""
    return lines


def _read_so_far(statement: str) -> tuple[dict[str, Any] | None, str]:
    """(values, what is missing to its end) of the beginning of a statement; no values where it cannot be read yet."""
    for closing in _CLOSINGS:
        with suppress(ValueError):
            return tomllib.loads(statement + closing), closing
    return None, ""


def _table(values: Any, items: Counter[KeyPath]) -> KeyPath:
    """The table that a header opens; of an array of tables, its newest item."""
    path: KeyPath = ()
    while values:
        [(key, values)] = values.items()
        path = (*path, key)
        if isinstance(values, list):
            items[path] += 1
            values = values[0]
        if items[path]:
            path = (*path, items[path] - 1)
    return path


def _paths(values: Any, table: KeyPath) -> Iterator[KeyPath]:
    """Every key and item in a value, however deep."""
    inside = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in inside:
        yield (*table, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*table, key))
