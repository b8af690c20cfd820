"""Python-Markdown with its slow steps left out where the text has none of the signs that they look for.

The same output as without: tests compare both over all kinds of text. Most lines of a notice are plain words, and
each would be searched for every sort of markup in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.blockprocessors import ParagraphProcessor
from markdown.extensions import Extension
from markdown.extensions.attr_list import AttrListTreeprocessor
from markdown.preprocessors import HtmlBlockPreprocessor
from markdown.treeprocessors import InlineProcessor, UnescapeTreeprocessor
from markdown.util import STX, AtomicString, Registry

BREAK = "  \n"
# Inline pattern -> signs without any of which it finds nothing. A pattern that is not listed is always tried.
NEEDED = {
    "autolink": ("<",),
    "automail": ("<",),
    "backtick": ("`",),
    "em_strong": ("*", "_"),
    "entity": ("&",),
    "escape": ("\\",),
    "footnote": ("[",),
    "html": ("<",),
    "image_link": ("!",),
    "image_reference": ("!",),
    "linebreak": (BREAK,),
    "link": ("[",),
    "reference": ("[",),
    "short_image_ref": ("!",),
    "short_reference": ("[",),
}
_SIGN = re.compile(r"[<`*_&\\\[!%s]" % STX)  # noqa: UP031 (all of them but the line break, and what stands for a match)
# Each line begins with a letter, and nothing divides it as a table would: no other sort of block looks so.
_PARAGRAPH = re.compile(r"[^\W\d_][^\n|]*+(?:\n[^\W\d_][^\n|]*+)*+")


class QuickInline(InlineProcessor):
    """Searches only texts that have a sign, and only for the patterns whose sign it is."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md)
        patterns = md.inlinePatterns
        signs = {id(patterns[name]): sign for name, sign in NEEDED.items() if name in patterns}
        self._needed = [(frozenset(signs.get(id(pattern), ())), pattern) for pattern in self.inlinePatterns]
        self._all_known = all(needed for needed, _ in self._needed)
        self._worth_trying = cache(self._of_signs)

    def run(self, tree: Element, ancestors: list[str] | None = None) -> Element:
        if self._all_known:
            for element in tree.iter():
                if element.text and not _signs(element.text):
                    element.text = AtomicString(element.text)  # the library's own mark: nothing to be done
        return super().run(tree, ancestors)

    # The parent's private method, which it also calls for what stands inside of a match.
    def _InlineProcessor__handleInline(self, data: str, patternIndex: int = 0) -> str:  # noqa: N802, N803
        if isinstance(data, AtomicString):
            return data
        apply: Any = self._InlineProcessor__applyPattern  # type: ignore[attr-defined]  # the parent's own
        # What a pattern puts in place of its match has none of the signs.
        for index, pattern in self._worth_trying(_signs(data)):
            if index < patternIndex:
                continue
            matched, start = True, 0
            while matched:
                data, matched, start = apply(pattern, data, index, start)
        return data

    def _of_signs(self, found: frozenset[str]) -> list[tuple[int, Any]]:
        """(index, pattern) of those that may find something in a text with these signs."""
        return [
            (index, pattern)
            for index, (needed, pattern) in enumerate(self._needed)
            if not needed or needed & found
        ]


def _signs(text: str) -> frozenset[str]:
    """The signs that stand in a text."""
    found = frozenset(_SIGN.findall(text))
    return found | {BREAK} if BREAK in text else found


class QuickHtmlBlocks(HtmlBlockPreprocessor):
    """Looks for raw HTML only where there is a sign of it."""

    def run(self, lines: list[str]) -> list[str]:
        if not any("<" in line or "&" in line for line in lines):
            return lines
        return super().run(lines)


class QuickParagraph(ParagraphProcessor):
    """Asks about plain words first, before each other sort of block is tried."""

    def test(self, parent: Any, block: str) -> bool:
        return _PARAGRAPH.fullmatch(block) is not None


class QuickAttributes(AttrListTreeprocessor):
    """Looks for attributes only where a brace is in the text."""

    def run(self, doc: Any) -> None:
        lines: list[str] = self.md.lines  # type: ignore[attr-defined]  # its types leave out what it reads
        if any("{" in line for line in lines):
            super().run(doc)


class QuickUnescape(UnescapeTreeprocessor):
    """Restores escaped characters only where there are any."""

    def unescape(self, text: str) -> str:
        return super().unescape(text) if STX in text else text


class Settled(Registry):  # type: ignore[type-arg]
    """Processors to which none is added any more: their order is not worked out anew for each block."""

    def __init__(self, registry: Any) -> None:
        self.__dict__.update(registry.__dict__)
        self._in_order = tuple(registry)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._in_order)


class Quick(Extension):
    """The last of the extensions: it looks at what the others have added."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        elements: Any = frozenset(md.block_level_elements)  # a list, searched for each element
        md.block_level_elements = elements
        md.is_block_level = cache(md.is_block_level)  # type: ignore[method-assign]  # asked a hundred times for each text
        md.parser.blockprocessors.register(QuickParagraph(md.parser), "quick_paragraph", 1000)
        md.parser.blockprocessors = Settled(md.parser.blockprocessors)
        md.treeprocessors.register(QuickAttributes(md), "attr_list", 8)
        md.treeprocessors.register(QuickUnescape(md), "unescape", 0)
        md.treeprocessors.register(QuickInline(md), "inline", 20)
        md.preprocessors.register(QuickHtmlBlocks(md), "html_block", 20)
