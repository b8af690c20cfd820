"""The quick Markdown says just what the stock library says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from markdown import Markdown

from civic.content.quick_markdown import NEEDED, Quick

STOCK = ["tables", "footnotes", "attr_list", "sane_lists"]
PIECES = [
    "가나다", "마바사 아자차", "\n", "\n\n", "  \n", "# ", "## 제목 {#자리}\n", "- ", "1. ", "> ", "    ", "\t", "`", "``", "```\n", "*", "**", "***",
    "_", "__", " _ ", " * ", "[글](/a/)", "[글][a]", "[a]", "\n[a]: /b/ \"다\"\n", "![그림](/c.png)", "![a]", "!", "[", "]", "(", ")", "<", ">",
    "<b>굵게</b>", "<div>\n", "</div>\n", "<!-- 말 -->", "<https://example.org>", "<a@example.org>", "&amp;", "&", "&#44;", "\\*", "\\", "\\[",
    "[^1]", "\n[^1]: 주\n", "| 가 | 나 |\n|---|---|\n| 다 | `라` |\n", "\n***\n", "\u0002", "\u0003", "{: .x}", "https://example.org/_a_", "<p>", "\r",
]  # fmt: skip


def both(text: str) -> tuple[str, str]:
    """(what the stock library makes of a text, what ours makes of it)."""
    return Markdown(extensions=STOCK).convert(text), Markdown(extensions=[*STOCK, Quick()]).convert(text)


@pytest.mark.parametrize("seed", range(8))
def test_random_texts_come_out_the_same(seed: int) -> None:
    """Sixty texts for each seed, of all signs in any order."""
    chance = random.Random(seed)
    for _ in range(60):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 40)))
        stock, ours = both(text)
        assert ours == stock, repr(text)


def test_the_site_comes_out_the_same(root: Path) -> None:
    """Every page of the content and of the samples."""
    files = [*(root / "content").rglob("*.md"), *(root / "tests/samples/small").rglob("*.md")]
    assert len(files) > 40
    for file in files:
        stock, ours = both(file.read_text("utf-8").split("+++", 2)[2])
        assert ours == stock, file


def test_every_pattern_is_known() -> None:
    """A new version of the library with another pattern is noticed here: it would still be right, but slow."""
    patterns = Markdown(extensions=STOCK).inlinePatterns
    known = {id(patterns[name]) for name in NEEDED if name in patterns}
    assert known == {id(pattern) for pattern in patterns}
