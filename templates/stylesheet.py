"""One small stylesheet out of the design kit's large one and our own. Text in, text out: no files.

The kit's component CSS is 584 kB and styles everything a ministry might need. `purge` keeps a rule when
every class and id in its selector is a word of our templates and scripts; `keep_used_properties` then
drops custom properties that nothing reads. Both only ever remove rules that cannot match or matter.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_STATEMENT = re.compile(r"@(charset|import)[^;]*;")
_NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
_READ = re.compile(r"var\(\s*(--[\w-]+)")
_URL = re.compile(r"url\(\s*(['\"]?)([^'\")]*)\1\s*\)")
_QUOTED = r'"(?:\\.|[^"\\])*"|' r"'(?:\\.|[^'\\])*'"  # found whole, so that no sign inside divides
_BRACES = re.compile(rf"(?s){_QUOTED}|[{{}}]")
_DIVIDING = re.compile(rf"(?s){_QUOTED}|[()\[\];,]")
_GROUPS = ("@media", "@supports", "@layer")


@dataclass(frozen=True)
class Rule:
    """`head { body }`. A group such as @media has `rules`, everything else has `body`."""

    head: str
    body: str = ""
    rules: tuple["Rule", ...] | None = None


def parse(css: str) -> tuple[Rule, ...]:
    """Rules of a stylesheet without @charset and @import: it becomes one file. Raises ValueError for a brace left open."""
    return tuple(_rules(_STATEMENT.sub("", _COMMENT.sub("", css))))


def _rules(css: str) -> Iterator[Rule]:
    start = opening = depth = 0
    for sign in _BRACES.finditer(css):
        if sign[0] == "{":
            opening = opening if depth else sign.start()
            depth += 1
        elif sign[0] == "}":
            depth -= 1
            if depth == 0:
                head, inner = " ".join(css[start:opening].split()), css[opening + 1 : sign.start()]
                is_group = head.startswith(_GROUPS)
                yield Rule(head, rules=tuple(_rules(inner))) if is_group else Rule(head, _tidy(inner))
                start = sign.end()
        if depth < 0:
            break
    if depth > 0:
        raise ValueError(f"css: a brace is not closed: {css[opening : opening + 80]!r}")
    if css[start:].strip():
        raise ValueError(f"css: text outside any rule: {css[start : start + 80]!r}")


def _divided(text: str, by: str) -> Iterator[str]:
    """The parts of a text; what stands inside quotes and brackets does not divide."""
    start = depth = 0
    for sign in _DIVIDING.finditer(text):
        if sign[0] in ("(", "["):
            depth += 1
        elif sign[0] in (")", "]"):
            depth -= 1
        elif sign[0] == by and depth == 0:
            yield text[start : sign.start()]
            start = sign.end()
    yield text[start:]


def declarations(body: str) -> Iterator[tuple[str, str]]:
    """(property, value) of a rule's body; semicolons inside quotes and brackets do not divide."""
    for part in _divided(body, ";"):
        name, colon, value = part.partition(":")
        if colon:
            yield name.strip(), " ".join(value.split())


def _tidy(body: str) -> str:
    # The prefixed mask only repeats the plain one, which every browser since 2023 reads.
    return _body(pair for pair in declarations(body) if not pair[0].startswith("-webkit-mask"))


def _body(pairs: Iterable[tuple[str, str]]) -> str:
    return ";".join(f"{name}:{value}" for name, value in pairs)


def sift(rules: Iterable[Rule], keep: Callable[[Rule], Rule | None]) -> tuple[Rule, ...]:
    """What `keep` leaves of each rule, also of those in groups; None drops one, and an empty group goes with its rules."""
    kept: list[Rule | None] = []
    for rule in rules:
        if rule.rules is None:
            kept.append(keep(rule))
        elif inner := sift(rule.rules, keep):
            kept.append(Rule(rule.head, rules=inner))
    return tuple(filter(None, kept))


def purge(rules: Iterable[Rule], words: Collection[str], dropped: Callable[[str], bool]) -> tuple[Rule, ...]:
    """Rules that can match a page made of these words, without the selectors `dropped` names."""

    def keep(rule: Rule) -> Rule | None:
        if rule.head.startswith("@"):
            is_dead = rule.head.startswith("@keyframes") and rule.head.split()[1] not in words
            return None if is_dead else rule
        heads = ",".join(
            head
            for head in map(str.strip, _divided(rule.head, ","))
            if all(name in words for name in _NAME.findall(head)) and not dropped(head)
        )
        return Rule(heads, rule.body) if heads and rule.body else None

    return sift(rules, keep)


def keep_used_properties(rules: tuple[Rule, ...], apart: str = "") -> tuple[Rule, ...]:
    """The same rules without custom properties that nothing reads, however many steps away, nor `apart`, the text of files beside."""
    used = set(_READ.findall(write(rules) + apart))

    def keep(rule: Rule) -> Rule | None:
        if rule.head.startswith("@"):
            return rule
        body = _body(
            pair for pair in declarations(rule.body) if not pair[0].startswith("--") or pair[0] in used
        )
        return Rule(rule.head, body) if body else None

    slim = sift(rules, keep)
    return slim if slim == rules else keep_used_properties(slim, apart)


def write(rules: Iterable[Rule]) -> str:
    """The rules as text without a blank too many."""
    return "".join(
        f"{_tight(rule.head)}{{{rule.body if rule.rules is None else write(rule.rules)}}}" for rule in rules
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
        return f"var(--icon-{file.removesuffix('.svg').removeprefix('ico_').replace('_', '-')})"

    css = _URL.sub(rewrite, css)
    names = sorted(set(re.findall(r"var\(--icon-([\w-]+)\)", css)))
    root = ";".join(f'--icon-{name}:url("{data_address(read_icon(name))}")' for name in names)
    return f":root{{{root}}}{css}" if root else css


def data_address(svg: str) -> str:
    """An SVG as a data: address that is readable and needs no request."""
    text = re.sub(r">\s+<", "><", " ".join(svg.split())).replace('"', "'")
    return "data:image/svg+xml," + quote(text, safe=" '=:/,-.;()")


def coloured(colour: str) -> str:
    """A site's own colour ("#0b50d0") for whatever can be pressed; high contrast stays as the kit has it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    darker = f"#{red * 4 // 5:02x}{green * 4 // 5:02x}{blue * 4 // 5:02x}"
    lighter = f"#{255 - (255 - red) // 12:02x}{255 - (255 - green) // 12:02x}{255 - (255 - blue) // 12:02x}"
    return (
        ':root:not([data-krds-mode="high-contrast"]){'
        f"--color-action:{colour};--color-action-fill:{colour};--color-action-fill-hover:{darker};"
        f"--color-action-soft:{lighter};--color-focus:{colour}}}"
    )
