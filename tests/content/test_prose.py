"""Staff's Markdown as HTML, and that ours says just what the stock library says."""

import random
import unicodedata
from pathlib import Path

import pytest
from markdown import Markdown

from civic.content.inline import Inline
from civic.content.lines import TypedLines
from civic.content.prose import SIGNS, Quick, heading_id, prose, without_links

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
    patterns = Markdown(extensions=[*STOCK, TypedLines(), Inline()]).inlinePatterns
    known = {id(patterns[name]) for name in SIGNS if name in patterns}
    assert known == {id(pattern) for pattern in patterns}


def test_what_a_word_processor_leaves_is_gone() -> None:
    """Styles, classes, unknown tags and scripts go; words, tables and notes stay."""
    pasted = (
        '<p class="MsoNormal" style="color:red" onclick="x()"><o:p></o:p><font size="3">가</font></p>'
        '<style>p { color: red }</style><script>alert(1)</script><iframe src="https://example.org/"></iframe>'
        '<a href="javascript:alert(1)">나</a><img src="x" onerror="alert(1)" alt="다">'
    )
    assert prose(pasted).html.replace("\n", "") == '<p>가</p><p><a>나</a><img src="x" alt="다"></p>'


def test_headings_begin_at_two_and_have_stable_ids() -> None:
    """The page's title is the only h1; no level is left out; equal words get different ids."""
    made = prose("# 신청하기 전에!\n\n#### 준비물\n\n# 준비물\n\n## 자리 {#seat}\n\n# main\n\n# !!\n")
    assert [(each.level, each.id) for each in made.headings] == [
        (2, "신청하기-전에"),
        (3, "준비물"),
        (2, "준비물-2"),
        (3, "seat"),
        (2, "main-2"),
        (2, "section"),
    ]
    assert '<h2 id="신청하기-전에">신청하기 전에!</h2>' in made.html
    assert heading_id(unicodedata.normalize("NFD", "준비물")) == "준비물"


def test_tables_scroll_and_name_their_columns() -> None:
    """A table stands in a region that the keyboard can reach; header cells say what they head."""
    made = prose("| 때 | 값 |\n|---|--:|\n| 봄 | 1 |\n").html
    assert made.startswith('<section class="table-scroll" tabindex="0" aria-label="표 1"><table>')
    assert '<th scope="col">때</th>' in made
    assert '<td class="align-right">1</td>' in made


def test_external_links_are_marked_and_internal_ones_are_not() -> None:
    """Readers learn, also by ear, that a link leaves the site."""
    made = prose("[밖](https://example.org/) [안](/my/) [메일](mailto:a@example.org)").html
    assert made == (
        '<p><a href="https://example.org/" class="external" rel="external noopener">밖'
        '<span class="sr-only"> (외부 누리집)</span></a> <a href="/my/">안</a> '
        '<a href="mailto:a@example.org">메일</a></p>'
    )


def test_footnotes_lead_there_and_back() -> None:
    """A note and its place in the text point at each other."""
    made = prose("글[^1].\n\n[^1]: 설명\n")
    assert {"#fn:1", "#fnref:1"} == set(made.links)
    assert {"fn:1", "fnref:1"} <= made.ids


def test_links_to_hidden_pages_become_words() -> None:
    """The words stay; other links too."""
    made = prose("[내일](/programs/later/#a) [오늘](/programs/news/)").html
    assert without_links(made, {"/programs/later/"}.__contains__) == (
        '<p>내일 <a href="/programs/news/">오늘</a></p>'
    )


def test_the_same_instance_does_not_remember_notes() -> None:
    """One text's footnotes do not turn up in the next."""
    prose("글[^1].\n\n[^1]: 앞글의 각주\n")
    assert prose("다음 글").html == "<p>다음 글</p>"
