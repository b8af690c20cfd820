"""Is the built site whole? Every file is read again before anybody sees it: links, anchors, ids, headings, XML, calendars."""

import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from sys import intern
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote
from xml.parsers import expat

from civic.errors import Mistake

SERVED_BY_API = ("/api/", "/healthz", "/readyz", "/metrics")

# A tag that opens or closes: its name, and its attributes in quotes; one that ends with "/" holds nothing.
_TAG = re.compile(r'<(/?[a-z][a-z0-9]*+)([^<>"]*+(?:"[^"]*+"[^">]*+)*+)>')
_ATTRIBUTE = re.compile(r'\s(id|href|src|action|for|aria-labelledby|aria-describedby)="([^"]*)"')
_NOT_MARKUP = re.compile(r"<(?:!--.*?-->|((script|style)\b[^>]*>).*?</\2>)", re.DOTALL)
_EMPTY = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_POINTS_AT_ID = ("for", "aria-labelledby", "aria-describedby")


class Fault(NamedTuple):
    """What is wrong with a built file. line: 0 where it is the whole."""

    said: str
    line: int = 0


class Outline(NamedTuple):
    """What the check needs of one built file."""

    ids: frozenset[str] = frozenset()
    links: tuple[str, ...] = ()  # internal: "/a/#b"
    mistakes: tuple[Fault, ...] = ()  # what is wrong with the file itself


def outline_of(name: str, content: bytes) -> Outline:
    """What the check needs of a built file."""
    wrong, found = [], Outline()
    if not name.isascii():
        nfd = unicodedata.normalize("NFC", name) != name
        wrong.append(Fault("파일 이름이 NFD입니다" if nfd else "파일 이름이 영문이 아닙니다"))
    ending = name[name.rfind(".") :]
    try:
        if ending == ".html":
            found = outline(content.decode())
        elif ending in _FAULTS:
            content.decode()
            wrong += filter(None, [_FAULTS[ending](content)])
    except UnicodeDecodeError:
        wrong.append(Fault("UTF-8이 아닙니다"))
    return found._replace(mistakes=(*wrong, *found.mistakes)) if wrong else found


def broken(
    names: Iterable[str], outlines: Mapping[str, Outline], sources: Mapping[str, str] = MappingProxyType({})
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
    found = defaultdict[str, list[str]](list)
    for kind, value in chain.from_iterable(map(_part, plain.split(">\n"))):
        found[kind].append(value)
    mistakes, ids = found["mistake"], frozenset(found["id"])
    if len(found["h1"]) != 1:
        mistakes.append(f"h1은 꼭 하나여야 합니다 (found {len(found['h1'])})")
    if '<html lang="' not in text:
        mistakes.append("html에 lang이 없습니다")
    mistakes += [f"id가 겹칩니다 (found {id})" for id, times in Counter(found["id"]).items() if times > 1]
    pointers = dict.fromkeys(found["pointer"])
    mistakes += [f"가리키는 id가 없습니다 (found {id})" for id in pointers if id not in ids]
    faults = [*map(Fault, mistakes), *([_nesting(plain)] if _unmatched(found["open"]) else [])]
    return Outline(ids, tuple(found["link"]), tuple(faults))


@lru_cache(maxsize=10_000)  # header, menu, cards and footer are the same on every page
def _part(text: str) -> tuple[tuple[str, str], ...]:
    """What a piece of a page gives, by kind: "id"; "link" within the site; "pointer" to an id; "mistake"; each "h1";
    "open": tags that it leaves open or closes for others ("/p", "div", "ul").

    text: a piece that ends with a tag and its line, without that tag's ">".
    """
    found, names = [], []
    for name, attributes in _TAG.findall(f"{text}>"):
        if name == "h1":
            found.append(("h1", name))
        if name not in _EMPTY and attributes[-1:] != "/":
            names.append(name)
        for key, value in _ATTRIBUTE.findall(attributes) if attributes else ():
            said = html.unescape(value)
            if key == "id":
                found.append(("id", said))
            elif key in _POINTS_AT_ID:
                found += [("pointer", id) for id in said.split()]
            elif said.startswith(("/", "#")):
                found.append(("link", intern(said)))  # on many pages, and remembered once
        if name == "img" and ' alt="' not in attributes:
            found.append(("mistake", "그림에 설명(alt)이 없습니다"))
        if ' style="' in attributes or " onclick=" in attributes:
            found.append(("mistake", "style이나 onclick 속성은 쓸 수 없습니다"))
    return (*found, *(("open", name) for name in _unmatched(names)))


def _unmatched(names: Iterable[str]) -> list[str]:
    """Tags without those pairs that hold nothing but whole pairs; empty where all nest. names: "p" opens, "/p" closes."""
    left: list[str] = []
    for name in names:
        if name[0] == "/" and left and left[-1] == name[1:]:
            left.pop()
        else:
            left.append(name)
    return left


def _nesting(text: str) -> Fault:
    """What does not nest in a page: the first closing tag that fits nothing, or what stays open."""
    still: list[tuple[str, int]] = []
    for found in _TAG.finditer(text):
        name, at = found[1], found.start()
        if name in _EMPTY or found[2].endswith("/"):
            continue
        if name[0] != "/":
            still.append((name, at))
        elif still and still[-1][0] == name[1:]:
            still.pop()
        else:
            return Fault(f"<{name}>의 차례가 맞지 않습니다", text.count("\n", 0, at) + 1)
    name, at = still[-1]
    return Fault(f"<{name}>이 닫히지 않았습니다", text.count("\n", 0, at) + 1)


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


def xml_fault(content: bytes) -> Fault | None:
    """The first fault of an XML document, namespaces included; None for a well-formed one."""
    parser = expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(content, True)
    except expat.ExpatError as wrong:
        return Fault(f"XML로 읽을 수 없습니다: {expat.ErrorString(wrong.code)}", wrong.lineno)
    return None


# RFC 5545, what of it we write: no components but events, no zones. Lines end with CRLF, folded at 75 bytes.
_LONGEST = 75
_TEXTS = "SUMMARY|LOCATION|DESCRIPTION|COMMENT|UID|X-WR-CALNAME"
_PLAIN = r"[^\\;,\x00-\x08\x0a-\x1f\x7f]*+"
_TEXT = rf"{_PLAIN}(?:\\[\\;,nN]{_PLAIN})*"
# Only single signs are repeated without a way back (*+): what is more, Python 3.11.2 (Debian 12) does wrongly.
_PARAMETER = r'(?:;[A-Z][A-Z0-9-]*+=(?:"[^"\x00-\x1f\x7f]*+"|[^";:,\x00-\x1f\x7f]*+))*'
_PROPERTY = (
    rf"(?!BEGIN:|END:)(?:(?:{_TEXTS}){_PARAMETER}:{_TEXT}"
    rf"|(?:DTSTAMP|DTSTART|DTEND):\d{{8}}T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ"
    rf"|(?!(?:{_TEXTS}|DTSTAMP|DTSTART|DTEND)[;:])[A-Z][A-Z0-9-]*+{_PARAMETER}:[^\x00-\x08\x0a-\x1f\x7f]*+)\r\n"
)
_EVENT = rf"BEGIN:VEVENT\r\n(?:{_PROPERTY})+END:VEVENT\r\n"
_CALENDAR = re.compile(rf"BEGIN:VCALENDAR\r\n(?:{_PROPERTY})+(?:{_EVENT})*END:VCALENDAR\r\n")
_LINE = re.compile(rf"(?:BEGIN|END):(?:VCALENDAR|VEVENT)\r\n|{_PROPERTY}")
_ONCE = {"VEVENT": ("UID", "DTSTAMP", "DTSTART"), "VCALENDAR": ("VERSION", "PRODID")}
_UID = re.compile(r"\r\nUID:([^\r]*)")


def calendar_fault(content: bytes) -> Fault | None:
    """The first fault of an iCalendar file; None for one that is right to the letter."""
    for number, row in enumerate(content.split(b"\r\n"), 1):
        if len(row) > _LONGEST:
            return Fault("달력 파일의 한 줄이 75바이트를 넘습니다", number)
    if re.search(rb"\r\n [\x80-\xbf]", content):
        return Fault("달력 파일의 글자가 줄 사이에서 나뉘었습니다")
    text = content.decode().replace("\r\n ", "")
    if not _CALENDAR.fullmatch(text):
        lines = text.split("\r\n")
        wrong = next((n for n, line in enumerate(lines[:-1], 1) if not _LINE.fullmatch(f"{line}\r\n")), 0)
        said = "줄이 규칙(RFC 5545)에" if wrong else "짜임이"
        return Fault(f"달력 파일의 {said} 맞지 않습니다", wrong)
    events = text.count("\r\nBEGIN:VEVENT\r\n")
    for name, times in (("VEVENT", events), ("VCALENDAR", 1)):
        for key in _ONCE[name]:
            if text.count(f"\r\n{key}:") != times:
                return Fault(f"달력 파일의 {name}마다 {key}가 꼭 하나 있어야 합니다")
    if len(set(_UID.findall(text))) != events:
        return Fault("달력 파일에 같은 UID가 둘 있습니다")
    return None


_FAULTS = {".xml": xml_fault, ".svg": xml_fault, ".ics": calendar_fault}
