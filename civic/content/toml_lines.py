"""On which line of a TOML text does each key stand? Reads positions only: the values are tomllib's.

Made only when there is a mistake to place, from text that tomllib has already accepted.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRINGS = {
    '"""': re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''.*?'{3,5}", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    "'": re.compile(r"'[^'\n]*'"),
}


def key_lines(text: str) -> dict[Path, int]:
    """The line (1 is the first) of every key, table and array item: ("form", "rounds", 2, "places") -> 31.

    Empty for an empty text; text that tomllib would refuse gives what was found before the mistake.
    """
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # array of tables -> items so far

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            start = self.at
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
            if self.at == start:  # not TOML after all
                break
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found.group()

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        start, self.at = self.at, self.at + 1 + is_array
        keys = self._keys()
        self.at, end = start, self.at + 1 + is_array
        path: Path = ()
        for key in keys[:-1]:
            path = self._newest((*path, key))
        path = (*path, keys[-1]) if keys else path
        self._note(path)
        if is_array:
            self.counts[path] = self.counts.get(path, 0) + 1
            path = self._newest(path)
            self._note(path)
        self.at = end
        return path

    def _newest(self, path: Path) -> Path:
        """Of an array of tables, the item that a header below it speaks of."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def _keys(self) -> tuple[str, ...]:
        """A dotted key: `a."b c".d`."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            quote = self.text[self.at : self.at + 1]
            key = self._skip(_STRINGS[quote])[1:-1] if quote in ('"', "'") else self._skip(_BARE_KEY)
            keys.append(key)
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.at += 1

    def _pair(self, table: Path) -> None:
        start = self.at
        keys = self._keys()
        self.at, end = start, self.at
        for depth in range(1, len(keys) + 1):
            self._note((*table, *keys[:depth]))
        self.at = end
        if self.text.startswith("=", self.at):
            self.at += 1
            self._value((*table, *keys))

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._items(path, "]")
        elif opening == "{":
            self._items(path, "}")
        else:
            for quote, pattern in _STRINGS.items():
                if self.text.startswith(quote, self.at):
                    self._skip(pattern)
                    return
            self._skip(_SCALAR)

    def _items(self, path: Path, closing: str) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            start = self.at
            if self.at >= len(self.text):
                return
            if self.text.startswith(closing, self.at):
                self.at += 1
                return
            if closing == "]":
                self._note((*path, index))
                self._value((*path, index))
            else:
                self._pair(path)
            index += 1
            self._skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            if self.at == start:
                return
