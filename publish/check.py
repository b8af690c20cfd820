"""Is the built site whole? Every page is read again before anybody sees it: links, anchors, ids, headings."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from civic.errors import Mistake
from publish.formats import Fault, calendar_fault, xml_fault

SERVED_BY_API = ("/api/", "/healthz", "/readyz", "/metrics")

# A tag that opens or closes, its attributes in quotes; one that ends with "/" holds nothing.
_TAG = re.compile(r'<(/?[a-z][a-z0-9]*+[^<>"]*+(?:"[^"]*+"[^">]*+)*+)>')
_ATTRIBUTE = re.compile(r'\s(id|name|href|src|action|for|aria-labelledby|aria-describedby)="([^"]*)"')
_NOT_MARKUP = re.compile(r"<(?:!--.*?-->|((script|style)\b[^>]*>).*?</\2>)", re.DOTALL)
_EMPTY = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_NAME = re.compile(r"/?[a-z][a-z0-9]*")
_FAULTS = {".xml": xml_fault, ".svg": xml_fault, ".ics": calendar_fault}
_POINTS_AT_ID = ("for", "aria-labelledby", "aria-describedby")


class Outline(NamedTuple):
    """What the check needs of one built page."""

    ids: frozenset[str]
    links: tuple[str, ...]  # internal: "/a/#b"
    mistakes: tuple[Fault, ...]  # what is wrong with the file itself


def outline_of(name: str, content: bytes) -> Outline:
    """What the check needs of a built file."""
    wrong = []
    if not name.isascii():
        nfd = unicodedata.normalize("NFC", name) != name
        wrong.append(Fault("파일 이름이 NFD입니다" if nfd else "파일 이름이 영문이 아닙니다"))
    if not name.endswith((".html", *_FAULTS)):
        return Outline(frozenset(), (), tuple(wrong))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Outline(frozenset(), (), (*wrong, Fault("UTF-8이 아닙니다")))
    if not name.endswith(".html"):
        fault = _FAULTS[name[name.rindex(".") :]](content)
        return Outline(frozenset(), (), (*wrong, *([fault] if fault else [])))
    found = outline(text)
    return Outline(found.ids, found.links, (*wrong, *found.mistakes))


def broken(
    names: Iterable[str],
    outlines: Mapping[str, Outline],
    sources: Mapping[str, str] = MappingProxyType({}),
) -> list[Mistake]:
    """What is wrong with these files and their links. outlines: of every file of the site; sources: of each page its
    file in the content."""
    mistakes: list[Mistake] = []
    good: set[str] = set()  # most links stand on every page
    for name in names:
        page, source = outlines[name], sources.get(name)
        hint = f"{source}의 글이나 화면의 틀(templates/)을 보세요" if source else ""
        mistakes += [Mistake(name, at, "", said, "", hint) for said, at in page.mistakes]
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
        plain = _NOT_MARKUP.sub(lambda found: f"<{found[1]}</{found[2]}>" if found[1] else "", text)
    ids: list[str] = []
    links: list[str] = []
    pointers: list[str] = []
    mistakes: list[str] = []
    headings = 0
    nested: list[str] = []
    for part in filter(None, map(_part, plain.split(">\n"))):
        headings += part.titles
        ids += part.ids
        links += part.links
        pointers += part.pointers
        mistakes += part.mistakes
        nested += part.nested
    if headings != 1:
        mistakes.append(f"h1은 꼭 하나여야 합니다 (found {headings})")
    if '<html lang="' not in text:
        mistakes.append("html에 lang이 없습니다")
    mistakes += [f"id가 겹칩니다 (found {id})" for id, times in Counter(ids).items() if times > 1]
    known = frozenset(ids)
    mistakes += [f"가리키는 id가 없습니다 (found {id})" for id in dict.fromkeys(pointers) if id not in known]
    faults = [*map(Fault, mistakes), *([_nesting(plain)] if _unmatched(nested) else [])]
    return Outline(known, tuple(links), tuple(faults))


class _Part(NamedTuple):
    """What a piece of a page gives that ends with a tag and its line."""

    ids: tuple[str, ...]
    links: tuple[str, ...]  # internal
    pointers: tuple[str, ...]  # ids pointed at
    mistakes: tuple[str, ...]
    titles: int  # how many h1
    nested: tuple[str, ...]  # tags that it leaves open or closes for others: "/p", "div", "ul"


@lru_cache(maxsize=10_000)  # header, menu, cards and footer are the same on every page
def _part(text: str) -> _Part | None:
    """What a piece of a page gives; None for one that gives nothing. text: without the ">" at its end."""
    ids: list[str] = []
    links: list[str] = []
    pointers: list[str] = []
    mistakes: list[str] = []
    titles, names = 0, []
    for tag in _TAG.findall(f"{text}>"):
        name = _NAME.match(tag)[0]  # type: ignore[index]  # a tag begins with its name
        titles += name == "h1"
        if name not in _EMPTY and tag[-1] != "/":
            names.append(name)
        if " " in tag or "\n" in tag:
            _look(name, tag, ids, links, pointers, mistakes)
    lists = tuple(ids), tuple(links), tuple(pointers), tuple(mistakes)
    found = _Part(*lists, titles, _unmatched(names))
    return found if any(found) else None


def _unmatched(names: Iterable[str]) -> tuple[str, ...]:
    """Tags without those pairs that hold nothing but whole pairs; empty where all nest. names: "p" opens, "/p" closes."""
    left: list[str] = []
    for name in names:
        if name[0] == "/" and left and left[-1] == name[1:]:
            left.pop()
        else:
            left.append(name)
    return tuple(left)


def _nesting(text: str) -> Fault:
    """What does not nest in a page: the first closing tag that fits nothing, or what stays open."""
    still: list[tuple[str, int]] = []
    for found in _TAG.finditer(text):
        name, at = _NAME.match(found[1])[0], found.start()  # type: ignore[index]
        if name in _EMPTY or found[1][-1] == "/":
            continue
        if name[0] != "/":
            still.append((name, at))
        elif still and still[-1][0] == name[1:]:
            still.pop()
        else:
            return Fault(f"<{name}>의 차례가 맞지 않습니다", text.count("\n", 0, at) + 1)
    name, at = still[-1]
    return Fault(f"<{name}>이 닫히지 않았습니다", text.count("\n", 0, at) + 1)


def _look(
    name: str, tag: str, ids: list[str], links: list[str], pointers: list[str], mistakes: list[str]
) -> None:
    """Add what the attributes of a tag give. tag: "a href=…"."""
    for key, value in _ATTRIBUTE.findall(tag):
        if key == "id":
            ids.append(html.unescape(value))
        elif key in _POINTS_AT_ID:
            pointers += html.unescape(value).split()
        elif key != "name" and value.startswith(("/", "#")):
            links.append(html.unescape(value))
    if name == "img" and ' alt="' not in tag:
        mistakes.append("그림에 설명(alt)이 없습니다")
    if ' style="' in tag or " onclick=" in tag:
        mistakes.append("style이나 onclick 속성은 쓸 수 없습니다")


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
