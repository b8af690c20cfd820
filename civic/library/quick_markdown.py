"""Python-Markdown with its slow steps left out where the text has none of the signs that they look for.

The same output as without: tests compare both over all kinds of text. Most lines of a notice are plain words, and
each would be searched for every sort of markup in turn.
"""

from __future__ import annotations

import re
from typing import Any

from markdown import Markdown
from markdown.blockprocessors import ParagraphProcessor
from markdown.extensions import Extension
from markdown.extensions.attr_list import AttrListTreeprocessor
from markdown.preprocessors import HtmlBlockPreprocessor
from markdown.treeprocessors import InlineProcessor, UnescapeTreeprocessor
from markdown.util import STX, AtomicString

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
    "linebreak": ("  \n",),
    "link": ("[",),
    "reference": ("[",),
    "short_image_ref": ("!",),
    "short_reference": ("[",),
}
_ANY = re.compile(r"[<>`*_&\\\[!]|  \n")
# Each line begins with a letter, and nothing divides it as a table would: no other sort of block looks so.
_PARAGRAPH = re.compile(r"[^\W\d_][^\n|]*+(?:\n[^\W\d_][^\n|]*+)*+")


class QuickInline(InlineProcessor):
    """Tries only the patterns whose sign is in the text."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md)
        patterns = md.inlinePatterns
        signs = {id(patterns[name]): sign for name, sign in NEEDED.items() if name in patterns}
        self._needed = [(signs.get(id(pattern), ("",)), pattern) for pattern in self.inlinePatterns]
        self._all_known = all(id(pattern) in signs for pattern in self.inlinePatterns)

    # The parent's private method, which it also calls for what stands inside of a match.
    def _InlineProcessor__handleInline(self, data: str, patternIndex: int = 0) -> str:  # noqa: N802, N803
        if isinstance(data, AtomicString) or (self._all_known and not _ANY.search(data)):
            return data
        apply: Any = self._InlineProcessor__applyPattern  # type: ignore[attr-defined]  # the parent's own
        for index in range(patternIndex, len(self._needed)):
            signs, pattern = self._needed[index]
            if not any(sign in data for sign in signs):
                continue
            matched, start = True, 0
            while matched:
                data, matched, start = apply(pattern, data, index, start)
        return data


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


class Quick(Extension):
    """The last of the extensions: it looks at what the others have added."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        elements: Any = frozenset(md.block_level_elements)  # a list, searched for each element
        md.block_level_elements = elements
        md.parser.blockprocessors.register(QuickParagraph(md.parser), "quick_paragraph", 1000)
        md.treeprocessors.register(QuickAttributes(md), "attr_list", 8)
        md.treeprocessors.register(QuickUnescape(md), "unescape", 0)
        md.treeprocessors.register(QuickInline(md), "inline", 20)
        md.preprocessors.register(QuickHtmlBlocks(md), "html_block", 20)
