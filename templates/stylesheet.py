"""One small stylesheet out of the design kit's large one and our own. Text in, text out: no files.

The kit's component CSS is 584 kB and styles everything a ministry might need. `purge` keeps a rule when
every class and id in its selector is a word of our templates and scripts; `keep_used_properties` then
drops custom properties that nothing reads. Both only ever remove rules that cannot match or matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
_READ = re.compile(r"var\(\s*(--[\w-]+)")
_URL = re.compile(r"url\(\s*(['\"]?)([^'\")]*)\1\s*\)")
_BRACES = re.compile(r"[{}\"']")
_DIVIDING = re.compile(r"[;()\"']")
_NESTED = ("@media", "@supports", "@layer")


@dataclass(frozen=True)
class Rule:
    """`head { body }`. A group such as @media has `rules`, everything else has `body`."""

    head: str
    body: str = ""
    rules: tuple[Rule, ...] | None = None


def parse(css: str) -> tuple[Rule, ...]:
    """Rules of a stylesheet. @charset and @import are left out: the result is one file.

    Raises ValueError when a brace is not closed.
    """
    return tuple(_parse(_COMMENT.sub("", css)))


def _parse(css: str) -> Iterator[Rule]:
    at = 0
    while True:
        brace = _find(css, "{", at)
        if brace < 0:
            if _without_statements(css[at:]):
                raise ValueError(f"css: text outside any rule: {css[at : at + 80]!r}")
            return
        head = " ".join(_without_statements(css[at:brace]).split())
        end = _closing(css, brace)
        inner = css[brace + 1 : end]
        if head.startswith(_NESTED):
            yield Rule(head, rules=tuple(_parse(inner)))
        else:
            yield Rule(head, body=_tidy_body(inner))
        at = end + 1


def _find(css: str, sign: str, at: int) -> int:
    """Where a sign stands next outside of quotes; -1 when nowhere."""
    quoted = ""
    for place in range(at, len(css)):
        char = css[place]
        if quoted:
            if char == quoted and css[place - 1] != "\\":
                quoted = ""
        elif char in "\"'":
            quoted = char
        elif char == sign:
            return place
    return -1


def _closing(css: str, opening: int) -> int:
    """Where the brace opened at `opening` closes."""
    depth = 0
    quoted = ""
    for place, char in _signs(_BRACES, css, opening):
        if quoted:
            if char == quoted and css[place - 1] != "\\":
                quoted = ""
        elif char in "\"'":
            quoted = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return place
    raise ValueError(f"css: a brace is not closed: {css[opening : opening + 80]!r}")


def _signs(which: re.Pattern[str], text: str, at: int) -> Iterator[tuple[int, str]]:
    """(place, sign) of each such sign from there on."""
    return ((found.start(), found.group()) for found in which.finditer(text, at))


def _without_statements(text: str) -> str:
    return re.sub(r"@(charset|import)[^;]*;", "", text).strip()


def declarations(body: str) -> Iterator[tuple[str, str]]:
    """(property, value) of a rule's body; semicolons inside quotes and brackets do not divide."""
    start = depth = 0
    quoted = ""
    for place, char in _signs(_DIVIDING, body + ";", 0):
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == ";" and depth == 0:
            name, colon, value = body[start:place].partition(":")
            if colon:
                yield name.strip(), " ".join(value.split())
            start = place + 1


def _tidy_body(body: str) -> str:
    # The prefixed mask only repeats the plain one, which every browser since 2023 reads.
    return ";".join(
        f"{name}:{value}" for name, value in declarations(body) if not name.startswith("-webkit-mask")
    )


def purge(rules: Iterable[Rule], words: Collection[str], dropped: Callable[[str], bool]) -> tuple[Rule, ...]:
    """Rules that can match a page made of these words, without the selectors `dropped` names."""
    kept = []
    for rule in rules:
        if rule.rules is not None:
            inner = purge(rule.rules, words, dropped)
            if inner:
                kept.append(Rule(rule.head, rules=inner))
        elif rule.head.startswith("@"):
            if not rule.head.startswith("@keyframes") or rule.head.split()[1] in words:
                kept.append(rule)
        else:
            heads = [
                head
                for head in _selectors(rule.head)
                if all(name in words for name in _NAME.findall(head)) and not dropped(head)
            ]
            if heads and rule.body:
                kept.append(Rule(",".join(heads), rule.body))
    return tuple(kept)


def _selectors(head: str) -> Iterator[str]:
    """The selectors of a list; commas inside :is(…) and [attr="…"] do not divide."""
    start = depth = 0
    for place, char in enumerate(head + ","):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            yield head[start:place].strip()
            start = place + 1


def keep_used_properties(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The same rules without custom properties that nothing reads, however many steps away."""
    while True:
        used: set[str] = set()
        for rule in _flat(rules):
            used.update(_READ.findall(rule.body))
        slim = tuple(kept for rule in rules if (kept := _only(rule, used)) is not None)
        if slim == rules:
            return slim
        rules = slim


def _flat(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        if rule.rules is None:
            yield rule
        else:
            yield from _flat(rule.rules)


def _only(rule: Rule, used: set[str]) -> Rule | None:
    if rule.rules is not None:
        inner = tuple(kept for each in rule.rules if (kept := _only(each, used)) is not None)
        return Rule(rule.head, rules=inner) if inner else None
    if rule.head.startswith("@"):
        return rule
    body = ";".join(
        f"{name}:{value}"
        for name, value in declarations(rule.body)
        if not name.startswith("--") or name in used
    )
    return Rule(rule.head, body) if body else None


def write(rules: Iterable[Rule]) -> str:
    """The rules as text without a blank too many."""
    return "".join(
        f"{_tight(rule.head)}{{{write(rule.rules) if rule.rules is not None else rule.body}}}"
        for rule in rules
    )


def _tight(head: str) -> str:
    return head if head.startswith("@") else re.sub(r"\s*([,>~])\s*", r"\1", head)


def icons_as_properties(css: str, read_icon: Callable[[str], str]) -> str:
    """Icon addresses as custom properties, so that each icon is in the file once.

    `url(../../img/component/icon/ico_close.svg)` becomes `var(--icon-close)`; the returned text begins
    with a :root rule of all icons that the CSS names in either way. read_icon: name -> the SVG's text.
    """

    def rewrite(match: re.Match[str]) -> str:
        address = match[2]
        if address.startswith("data:"):
            return match[0]
        file = address.rsplit("/", 1)[-1]
        if not file.endswith(".svg"):
            raise ValueError(f"css: an address that is not ours: {address}")
        return f"var(--icon-{_icon_name(file)})"

    css = _URL.sub(rewrite, css)
    names = sorted(set(re.findall(r"var\(--icon-([\w-]+)\)", css)))
    root = ";".join(f'--icon-{name}:url("{data_address(read_icon(name))}")' for name in names)
    return f":root{{{root}}}{css}" if root else css


def _icon_name(file: str) -> str:
    return file.removesuffix(".svg").removeprefix("ico_").replace("_", "-")


def data_address(svg: str) -> str:
    """An SVG as a data: address that is readable and needs no request."""
    text = re.sub(r">\s+<", "><", " ".join(svg.split())).replace('"', "'")
    return "data:image/svg+xml," + quote(text, safe=" '=:/,-.;()")
