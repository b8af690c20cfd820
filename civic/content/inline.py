"""Signs within a line: emphasis before a particle, what is struck out, addresses that are links by themselves."""

import re
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor, SimpleTagInlineProcessor, SimpleTextInlineProcessor
from markdown.util import AtomicString

# __굵게__ and _힘주어_ before a particle too, but not within a name_like_this.
UNDERSCORES = r"(?<![A-Za-z0-9_])({})(?![\s_])([^_]+?)(?<![\s_])\1(?![A-Za-z0-9_])"
JOINED = r"((?<![^\s(\[:~])[^\W_][^\s*\x02]*(?:\*[^\s*\x02]+)+)"  # words: "30*40*50cm"
STRUCK = r"(?<![^\s(])()~~(?![\s~])(.+?)(?<![\s~])~~(?!~)"  # "09:00~~18:00" is none
ADDRESS = r"https?://[A-Za-z0-9][A-Za-z0-9_!#$%&'()*+,./:;=?@~-]*|(?<![\w.+-])[A-Za-z0-9_.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
_STASHED = re.compile("\u0002wzxhzdk:(\\d+)\u0003")


class _Address(InlineProcessor):
    """An address or mail address that stands in the words is a link; not one within a link written as HTML."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # type: ignore[override]  # noqa: N802
        self, m: re.Match[str], data: str
    ) -> tuple[Element | None, int | None, int | None]:
        blocks = self.md.htmlStash.rawHtmlBlocks
        tags = [str(blocks[int(n)]) for n in _STASHED.findall(self.unescape(data[: m.start()]))]
        if sum(tag.startswith("<a") - tag.startswith("</a") for tag in tags):
            return None, None, None
        said = m.group().rstrip(".,;:!?'\"(")
        if said.endswith(")") and said.count("(") < said.count(")"):
            said = said.rstrip(")")
        element = Element("a", href=said if ":" in said else f"mailto:{said}")
        element.text = AtomicString(said)
        return element, m.start(), m.start() + len(said)


class Inline(Extension):
    """Behind the library's own patterns for links and code, before those for emphasis."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        md.inlinePatterns.register(SimpleTextInlineProcessor(JOINED), "joined", 61)
        md.inlinePatterns.register(SimpleTagInlineProcessor(UNDERSCORES.format("_"), "em"), "em", 56)
        md.inlinePatterns.register(SimpleTagInlineProcessor(UNDERSCORES.format("__"), "strong"), "strong", 55)
        md.inlinePatterns.register(SimpleTagInlineProcessor(STRUCK, "del"), "struck", 54)
        md.inlinePatterns.register(_Address(ADDRESS, md), "address", 52)
