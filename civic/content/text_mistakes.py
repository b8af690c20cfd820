"""What is wrong with a page's text itself: what would vanish, what nobody sees, names that are taken.

Every page of every build passes here, so each check first looks for the signs without which it finds nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from civic.content.front_matter import Source
from civic.content.prose import TEMPLATE_IDS, prose
from civic.content.shape_mistakes import dotted
from civic.content.targets import without_code
from civic.content.toml_lines import Path
from civic.errors import Mistake

# Controls but tab and line break, and the marks that turn the direction of what follows.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What takes everything up to its end out of the text; without an end, all the rest of the page.
_TAKING = re.compile(
    r"<!--|<(?:iframe|math|noembed|noframes|noscript|object|plaintext|script|style|template|textarea|title|xmp)\b",
    re.IGNORECASE,
)
_OWN_ID = re.compile(r"\{:?[^{}\n]*?#([^\s{}]+)[^{}\n]*\}|<[^<>]*\bid\s*=\s*[\"']?([^\s\"'<>]+)")
_END = "끝까지-보이는지-보는-제목"


def text_mistakes(source: Source) -> Iterator[Mistake]:
    """Everything wrong with the body of a page, and with what its front matter's texts hold."""
    yield from unseen_values(source)
    body = source.body
    if _UNSEEN.search(body) or "&#" in body:
        for number, line in enumerate(body.split("\n")):
            yield from _unseen(source, source.body_line + number, "", html.unescape(line))
    if "<" in body and _TAKING.search(body):
        yield from _unclosed(source)
    if "#" in body or "id" in body:
        yield from _taken_ids(source)


def unseen_values(source: Source) -> Iterator[Mistake]:
    """Signs that nobody sees in the values of a front matter or of site.toml."""
    if _UNSEEN.search(source.toml) or "\\" in source.toml:
        for path, text in _texts(source.values, ()):
            yield from _unseen(source, source.line(path), dotted(path), text)


def _unseen(source: Source, line: int, field: str, text: str) -> Iterator[Mistake]:
    found = _UNSEEN.search(text)
    if found:
        said = "보이지 않는 제어 글자가 있습니다. 지우고 다시 쓰세요"
        yield Mistake(source.file, line, field, said, f"U+{ord(found.group()):04X}")


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*path, key))


def _unclosed(source: Source) -> Iterator[Mistake]:
    """What has no end, and so takes the rest of the page. Told by the text made HTML: only that knows what is code."""
    plain, lines = without_code(source.body), source.body.split("\n")
    at = plain.rfind("<!--")
    if at >= 0 and "-->" not in plain[at:]:
        line = source.body_line + plain.count("\n", 0, at)
        yield Mistake(source.file, line, "", "닫지 않은 주석입니다. -->로 닫거나 지우세요", "<!--")
        return
    starts = [(number, found) for number, line in enumerate(lines) if (found := _TAKING.search(line))]
    if not starts or _is_seen_to_its_end(source.body):
        return
    guilty, end = starts[-1], len(lines)
    for number, found in reversed(starts):
        if _is_seen_to_its_end("\n".join(lines[:end])):
            break
        guilty, end = (number, found), number
    name = guilty[1].group()[1:].lower()
    said = f"닫지 않아 그 뒤의 글이 보이지 않습니다. </{name}>로 닫거나 지우세요"
    yield Mistake(source.file, source.body_line + guilty[0], "", said, f"<{name}>")


def _taken_ids(source: Source) -> Iterator[Mistake]:
    """Ids that staff gave to a part of the page though the page has them already."""
    plain = without_code(source.body)
    given = [
        (source.body_line + plain.count("\n", 0, found.start()), found[1] or found[2])
        for found in _OWN_ID.finditer(plain)
    ]
    first: dict[str, int] = {}
    for line, id in given:
        known = first.setdefault(id, line)
        is_reserved = id in TEMPLATE_IDS or id.startswith("f-")
        if not is_reserved and known == line:
            continue
        # Braces in running words name nothing: what counts is what came out.
        if prose(source.body).html.count(f' id="{id}"') > (not is_reserved):
            said = (
                "누리집이 쓰는 자리 이름(#)입니다" if is_reserved else f"{known}줄과 자리 이름(#)이 같습니다"
            )
            yield Mistake(source.file, line, "", f"{said}. 다른 이름으로 쓰세요", f"#{id}")


def _is_seen_to_its_end(body: str) -> bool:
    """Does a heading at the end of this text come out as one?"""
    return any(each.id.startswith(_END) for each in prose(f"{body}\n\n## {_END}\n").headings)
