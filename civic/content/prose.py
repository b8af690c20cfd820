"""Staff's Markdown as clean HTML: safe, with anchors, tables that scroll and marked external links."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from typing import Any
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.blockprocessors import ParagraphProcessor
from markdown.extensions import Extension
from markdown.extensions.attr_list import AttrListExtension
from markdown.extensions.footnotes import FootnoteExtension
from markdown.extensions.md_in_html import MarkdownInHtmlExtension
from markdown.extensions.sane_lists import SaneListExtension
from markdown.extensions.tables import TableExtension
from markdown.treeprocessors import InlineProcessor
from markdown.util import STX, AtomicString

from civic.content.inline import Inline
from civic.content.lines import TypedLines
from civic.content.tables import with_tables

# Ids that templates give to parts of a page; a heading of that name gets another one.
TEMPLATE_IDS = {
    "main", "apply", "glance", "sessions", "siblings", "rules", "consent", "form", "errors", "site-menu",
    "menu-dialog", "menu-dialog-title", "apply-title", "apply-heading", "error-summary-title", "contact-title",
    "vote-title", "types-title", "ballot", "ballot-area", "ballot-search", "site-search", "search-words",
    "search-help",
}  # fmt: skip

_CELL = {"align", "colspan", "rowspan", "scope"}
_ATTRIBUTES = {
    "*": {"id", "lang", "dir"},
    "a": {"href", "title", "role"},
    "abbr": {"title"},
    "div": {"role"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": _CELL,
    "th": _CELL,
    "time": {"datetime"},
}
_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "details", "dfn", "div", "dl", "dt",
    "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark",
    "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "time", "tr", "u", "ul",
}  # fmt: skip
_CLASSES = {
    "a": {"footnote-ref", "footnote-backref"},
    "div": {"footnote"},
    "p": {"mark-1", "mark-2", "mark-3"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}

_HEADING = re.compile(r"<h([1-6])([^>]*)>(.*?)</h\1>", re.DOTALL)
_ID = re.compile(r' id="([^"]*)"')
_TAG = re.compile(r"<[^>]+>")
_EXTERNAL = re.compile(r'<a( [^>]*?)?(href="https?://[^"]*")([^>]*)>(.*?)</a>', re.DOTALL)
_NO_WORDS = re.compile(r"[^\w\s-]")
_HREF = re.compile(r' href="([^"]*)"')
# Inline pattern of Python-Markdown -> signs without any of which it finds nothing. One that is not listed is always tried.
SIGNS = {
    "address": ":@", "autolink": "<", "automail": "<", "backtick": "`", "em_strong": "*_", "entity": "&", "escape": "\\", "footnote": "[",
    "html": "<", "image_link": "!", "joined": "*", "linebreak": "\n", "link": "[", "em": "_", "strong": "_", "struck": "~",
}  # fmt: skip
_SIGN = re.compile(f"[{re.escape(''.join(SIGNS.values()) + STX)}]")  # STX: what stands for a match
# Each line begins with a letter, and nothing divides it as a table would: no other sort of block looks so.
_PLAIN = re.compile(r"[^\W\d_][^\n|]*+(?:\n[^\W\d_][^\n|]*+)*+")
_EMPTY = re.compile(r"<(p|span|div|b|strong|i|em|u)>(?:\s|&nbsp;|\u00a0)*</\1>")

EXTERNAL_NOTE = '<span class="sr-only"> (외부 누리집)</span>'


@dataclass(frozen=True)
class Heading:
    """One heading of a text: its level on the page (2 to 6), its id and its words."""

    level: int
    id: str
    text: str


@dataclass(frozen=True)
class Prose:
    """A text ready for a page."""

    html: str
    ids: frozenset[str]
    headings: tuple[Heading, ...]
    links: tuple[str, ...]  # targets of all links, as written


def prose(text: str, own: str = "") -> Prose:
    """Markdown as civic/content/lines.py takes it, as HTML that is safe to show. "" gives "".

    own: the site's own address ("https://www.example.go.kr"); links to it are links within the site.

    The highest heading in the text becomes h2 and no level is left out; every heading has an id made from its
    words. Classes, styles and unknown tags, as word processors leave them, are gone.
    """
    markdown = _markdown()
    markdown.reset()
    raw = markdown.convert(unicodedata.normalize("NFC", text))
    clean = _cleaner().clean(raw)
    if ' class=""' in clean:
        clean = re.sub(r'(<[a-z][^<>]*?) class=""', r"\1", clean)
    if "<p></p>" in clean or "\u00a0" in clean or "&nbsp;" in clean or "<span>" in clean:
        clean = _EMPTY.sub("", clean)
    clean, headings = _with_headings(clean)
    if "<table" in clean:
        clean = with_tables(clean)
    if own and own in clean:
        clean = clean.replace(f'href="{own}/', 'href="/').replace(f'href="{own}"', 'href="/"')
    if 'href="http' in clean:
        clean = _EXTERNAL.sub(_external, clean)
    return Prose(
        html=clean,
        ids=frozenset(_ID.findall(clean)) if " id=" in clean else frozenset(),
        headings=tuple(headings),
        links=tuple(html.unescape(target) for target in _HREF.findall(clean)) if "href" in clean else (),
    )


def without_links(clean: str, is_gone: Callable[[str], bool]) -> str:
    """The HTML with links to pages that are not shown now as plain words."""

    def plain(found: re.Match[str]) -> str:
        return found.group(2) if is_gone(page_behind(html.unescape(found.group(1)))) else found.group()

    return re.sub(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', plain, clean, flags=re.DOTALL)


def page_behind(target: str) -> str:
    """The page with which a link's target comes and goes: "/lectures/essay/event.ics" or "…?a#b" with "/lectures/essay/"."""
    return target.partition("#")[0].partition("?")[0].removesuffix("event.ics")


def heading_id(words: str) -> str:
    """A stable id from a heading's words: "신청하기 전에" -> "신청하기-전에"; "" without a letter."""
    words = unicodedata.normalize("NFC", words).lower()
    return re.sub(r"[\s_-]+", "-", _NO_WORDS.sub("", words)).strip("-")


class QuickInline(InlineProcessor):
    """Tries only the patterns that may find something in this text, and none on plain words: most of a notice."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md)
        signs = {
            id(md.inlinePatterns[name]): signs for name, signs in SIGNS.items() if name in md.inlinePatterns
        }
        self._needs = [(signs.get(id(pattern)), pattern) for pattern in md.inlinePatterns]

    def run(self, tree: Element, ancestors: list[str] | None = None) -> Element:
        found = set(_SIGN.findall("".join(tree.itertext())))
        patterns: Any = [pattern for signs, pattern in self._needs if not signs or found.intersection(signs)]
        self.inlinePatterns = patterns
        for element in tree.iter():
            if element.text and not _SIGN.search(element.text):
                element.text = AtomicString(element.text)  # the library's own mark: nothing to be done
        return super().run(tree, ancestors)


class Plain(ParagraphProcessor):
    """Takes what is plainly a paragraph before each other sort of block is tried."""

    def test(self, parent: Element, block: str) -> bool:
        return _PLAIN.fullmatch(block) is not None


class Quick(Extension):
    """The last of the extensions: it looks at what the others have added. The same output as without: tests compare both."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        # Asked a hundred times for each text.
        md.is_block_level = cache(md.is_block_level)  # type: ignore[method-assign]
        md.parser.blockprocessors.register(Plain(md.parser), "plain", 1000)
        md.treeprocessors.register(QuickInline(md), "inline", 20)


@cache
def _markdown() -> Markdown:
    return Markdown(
        # Not by their names, for which the library would look through all packages that are installed.
        extensions=[
            TableExtension(use_align_attribute=True),
            FootnoteExtension(BACKLINK_TITLE="각주 {}의 본문 자리로 돌아가기"),
            AttrListExtension(),
            SaneListExtension(),
            MarkdownInHtmlExtension(),
            TypedLines(),
            Inline(),
            Quick(),
        ],
        output_format="html",
    )


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS, attributes=_ATTRIBUTES, allowed_classes=_CLASSES, url_schemes=_SCHEMES, link_rel=None
    )


def _with_headings(clean: str) -> tuple[str, list[Heading]]:
    """Levels without gaps from h2 on, an id on each; empty headings are dropped."""
    found = list(_HEADING.finditer(clean))
    if not found:
        return clean, []
    used = set(_ID.findall(clean)) | TEMPLATE_IDS
    headings: list[Heading] = []
    open_levels: list[int] = []  # as written, of the headings around this one
    parts: list[str] = []
    at = 0
    for match in found:
        parts.append(clean[at : match.start()])
        at = match.end()
        words = html.unescape(_TAG.sub("", match.group(3))).strip()
        if not words:
            continue
        written = int(match.group(1))
        while open_levels and open_levels[-1] >= written:
            open_levels.pop()
        open_levels.append(written)
        level = min(len(open_levels) + 1, 6)
        own = _ID.search(match.group(2))
        id = own.group(1) if own else _unused(heading_id(words) or "section", used)
        used.add(id)
        headings.append(Heading(level, id, words))
        rest = _ID.sub("", match.group(2))
        parts.append(f'<h{level} id="{id}"{rest}>{match.group(3)}</h{level}>')
    parts.append(clean[at:])
    return "".join(parts), headings


def _unused(id: str, used: set[str]) -> str:
    numbered = (f"{id}-{number}" for number in count(2))
    return next(each for each in chain([id], numbered) if each not in used)


def _external(found: re.Match[str]) -> str:
    before, href, after, inner = found.groups()
    return (
        f'<a{before or " "}{href}{after} class="external" rel="external noopener">{inner}{EXTERNAL_NOTE}</a>'
    )
