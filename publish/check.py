"""Is the built site whole? Every page is read again before anybody sees it: links, anchors, ids, headings."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from civic.errors import Mistake

SERVED_BY_API = ("/api/", "/healthz", "/readyz", "/metrics")

# An opening tag with attributes, and those that count without any.
_TAG = re.compile(r'<((?:h1|img|[a-z][a-z0-9]*+(?=\s))[^<>"]*+(?:"[^"]*+"[^">]*+)*+)>')
_ATTRIBUTE = re.compile(r'\s(id|name|href|src|action|for|aria-labelledby|aria-describedby)="([^"]*)"')
_NOT_MARKUP = re.compile(r"<(?:!--.*?-->|((script|style)\b[^>]*>).*?</\2>)", re.DOTALL)
_POINTS_AT_ID = ("for", "aria-labelledby", "aria-describedby")


class Outline(NamedTuple):
    """What the check needs of one built page."""

    ids: frozenset[str]
    links: tuple[str, ...]  # internal: "/a/#b"
    mistakes: tuple[str, ...]  # what is wrong with the page itself


def outline_of(name: str, content: bytes) -> Outline:
    """What the check needs of a built file."""
    wrong = []
    if not name.isascii():
        nfd = unicodedata.normalize("NFC", name) != name
        wrong.append("파일 이름이 NFD입니다" if nfd else "파일 이름이 영문이 아닙니다")
    if not name.endswith(".html"):
        return Outline(frozenset(), (), tuple(wrong))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Outline(frozenset(), (), (*wrong, "UTF-8이 아닙니다"))
    found = outline(text)
    return Outline(found.ids, found.links, (*wrong, *found.mistakes))


def broken(names: Iterable[str], outlines: Mapping[str, Outline]) -> list[Mistake]:
    """What is wrong with these files and their links. outlines: of every file of the site."""
    mistakes: list[Mistake] = []
    good: set[str] = set()  # most links stand on every page
    for name in names:
        page = outlines[name]
        mistakes += [Mistake(name, 0, "", wrong) for wrong in page.mistakes]
        for target in dict.fromkeys(page.links):
            if target in good:
                continue
            wrong = _broken(target, name, outlines)
            if wrong:
                mistakes.append(Mistake(name, 0, "", wrong, target))
            elif not target.startswith("#"):
                good.add(target)
    return mistakes


def outline(text: str) -> Outline:
    """A page's ids and internal links, and what is wrong with it on its own."""
    plain = text
    if "<!--" in text or "<style" in text or text.count("<script") > text.count("></script>"):
        plain = _NOT_MARKUP.sub(lambda found: f"<{found[1]}" if found[1] else "", text)
    ids: list[str] = []
    links: list[str] = []
    pointers: list[str] = []
    mistakes: list[str] = []
    headings = 0
    for found in filter(None, map(_tag, _TAG.findall(plain))):
        headings += found.is_title
        ids += found.ids
        links += found.links
        pointers += found.pointers
        mistakes += found.mistakes
    if headings != 1:
        mistakes.append(f"h1은 꼭 하나여야 합니다 (found {headings})")
    if '<html lang="' not in text:
        mistakes.append("html에 lang이 없습니다")
    mistakes += [f"id가 겹칩니다 (found {id})" for id, times in Counter(ids).items() if times > 1]
    known = frozenset(ids)
    mistakes += [f"가리키는 id가 없습니다 (found {id})" for id in dict.fromkeys(pointers) if id not in known]
    return Outline(known, tuple(links), tuple(mistakes))


class _Tag(NamedTuple):
    """What one opening tag gives."""

    ids: tuple[str, ...]
    links: tuple[str, ...]  # internal
    pointers: tuple[str, ...]  # ids pointed at
    mistakes: tuple[str, ...]
    is_title: bool  # an h1


@lru_cache(maxsize=20_000)  # header, menu and footer are the same on every page
def _tag(text: str) -> _Tag | None:
    """What a tag gives; None for one that gives nothing. text: "a href=…"."""
    ids: list[str] = []
    links: list[str] = []
    pointers: list[str] = []
    mistakes: list[str] = []
    for name, value in _ATTRIBUTE.findall(text):
        if name == "id":
            ids.append(html.unescape(value))
        elif name in _POINTS_AT_ID:
            pointers += html.unescape(value).split()
        elif name != "name" and value.startswith(("/", "#")):
            links.append(html.unescape(value))
    name = text.split(maxsplit=1)[0]
    if name == "img" and ' alt="' not in text:
        mistakes.append("그림에 설명(alt)이 없습니다")
    if ' style="' in text or " onclick=" in text:
        mistakes.append("style이나 onclick 속성은 쓸 수 없습니다")
    if not (ids or links or pointers or mistakes or name == "h1"):
        return None
    return _Tag(tuple(ids), tuple(links), tuple(pointers), tuple(mistakes), name == "h1")


def _broken(target: str, page: str, outlines: Mapping[str, Outline]) -> str:
    """What is wrong with a link that stands on `page`, or ""."""
    path, _, anchor = target.partition("#")
    path = unquote(path.partition("?")[0])
    if path.startswith(SERVED_BY_API):
        return ""
    if path.startswith("//"):
        return "다른 누리집을 가리킵니다"
    file = page if not path else path[1:] + ("index.html" if path.endswith("/") else "")
    if file not in outlines:
        return "링크가 끊겼습니다"
    if anchor and file.endswith(".html") and unquote(anchor) not in outlines[file].ids:
        return "링크가 가리키는 자리(#)가 없습니다"
    return ""
