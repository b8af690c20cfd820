"""Notices as offices type them: the text says what was meant, or the build names the line."""

import random
import re
from pathlib import Path

import pytest

import build
from civic.content.faithful import unlike
from civic.content.lines import odd_lines
from civic.content.prose import prose
from tests.builders import a_lecture_file, write_content

PIECES = [
    "2023. 8. 16.(수) ", "10. 4.(수) ", "1. ", "2. ", "3. ", "가. ", "1) ", "(1) ", "① ", "○ ", "※ ", "- ", "  - ", "    - ", "   1. ", "* ", "+82-2 ",
    "가나다", "안내합니다.", "문의", "\n", "\n", "\n\n", "    ", "  ", "\t", "09:00~~18:00", "~~취소~~", "**굵게**은", "__밑줄__은 ", "_힘_을 ", "#공지",
    "https://a.kr/b_c ", "a@b.kr ", "[문의]: 062 ", "[글](/a/)", "# 제목\n", "|가|나|\n|--|--|\n|1|2|\n", "가\t나\n다\t라\n", "> 인용 ", "---\n", "글[^1] ",
]  # fmt: skip


def shown(text: str) -> str:
    """The HTML of a text, without breaks between tags and what says that a link leaves the site."""
    made = re.sub(
        r'<span class="sr-only">.*?</span>| class="external" rel="external noopener"', "", prose(text).html
    )
    assert unlike(text, made) is None
    return made.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("2023. 8. 16.(수) 가\n2023. 8. 23.(수) 나", "<p>2023. 8. 16.(수) 가<br>2023. 8. 23.(수) 나</p>"),
        ("10. 4.(수)\n10. 11.(수)", "<p>10. 4.(수)<br>10. 11.(수)</p>"),
        ("- 2023. 8. 16.\n- 3. 5.부터", "<ul><li>2023. 8. 16.</li><li>3. 5.부터</li></ul>"),
        ("1. 10. 4.(수) 개강\n2. 3.5톤 트럭", "<ol><li>10. 4.(수) 개강</li><li>3.5톤 트럭</li></ol>"),
        ("> 2023. 8. 16.\n> 시작", "<blockquote><p>2023. 8. 16.<br>시작</p></blockquote>"),
        ("준비물\n- 앞치마\n* 수건\n+82", "<p>준비물</p><ul><li>앞치마</li><li>수건</li></ul><p>+82</p>"),
        ("- 가\n  - 나\n   - 다\n- 라", "<ul><li>가<ul><li>나</li><li>다</li></ul></li><li>라</li></ul>"),
        ("1. 가\n   - 나\n     다\n2. 라", "<ol><li>가<ul><li>나<br>다</li></ul></li><li>라</li></ol>"),
        ("1. 가\n\n설명\n\n2. 나", '<ol><li>가</li></ol><p>설명</p><ol start="2"><li>나</li></ol>'),
        (
            "가. 신청\n  1) 누리집\n    ① 전화\n※ 참고",
            '<p class="mark-1">가. 신청</p><p class="mark-2">1) 누리집</p><p class="mark-3">① 전화</p>'
            '<p class="mark-1">※ 참고</p>',
        ),
        (
            "한 문장입니다.\n이어집니다.\n일시: 8월\n장소: 구청",
            "<p>한 문장입니다.이어집니다.일시: 8월<br>장소: 구청</p>",
        ),
        ("    네 칸\n\n[문의]: 062-1\n#공지", "<p>네 칸</p><p>[문의]: 062-1<br>#공지</p>"),
        ("09:00~~18:00, 1~~2, ~~취소~~", "<p>09:00~~18:00, 1~~2, <del>취소</del></p>"),
        ("__마감__은 _첫날_에 a_b_c", "<p><strong>마감</strong>은 <em>첫날</em>에 a_b_c</p>"),
        (
            '(https://a.kr/b_c)와 a.b@c.kr로, <a href="https://d.kr">https://d.kr</a>',
            '<p>(<a href="https://a.kr/b_c">https://a.kr/b_c</a>)와 <a href="mailto:a.b@c.kr">a.b@c.kr</a>로, '
            '<a href="https://d.kr">https://d.kr</a></p>',
        ),
        (
            "<details><summary>더</summary>\n\n**굵게**\n- 가\n</details>",
            "<details><summary>더</summary><p><strong>굵게</strong></p><ul><li>가</li></ul></details>",
        ),
        (
            "표\n때\t값\n봄\t1|2",
            '<p>표</p><section class="table-scroll" tabindex="0" aria-label="표 1"><table><thead><tr><th scope="col">때</th>'
            '<th scope="col">값</th></tr></thead><tbody><tr><td>봄</td><td>1|2</td></tr></tbody></table></section>',
        ),
        (
            '<table id="fee"><tr><th colspan="2">모집</th></tr><tr><th>반</th><td align="right">1</td></tr></table>',
            '<section class="table-scroll" tabindex="0" aria-label="표 1"><table id="fee"><tbody><tr><th colspan="2" scope="col">'
            '모집</th></tr><tr><th scope="row">반</th><td class="align-right">1</td></tr></tbody></table></section>',
        ),
    ],
)
def test_what_was_typed_is_what_was_meant(text: str, html: str) -> None:
    """Dates are no lists, lists and tables need no empty line, marks and line breaks stay, addresses are links."""
    assert shown(text).replace('scope="col" colspan="2"', 'colspan="2" scope="col"') == html


def test_numbers_that_do_not_count_stay_text_and_are_told() -> None:
    """1. 1. 1. and a lone 119. are no lists: they stay as typed, and staff hear of each line."""
    text = "1. 가\n1. 나\n\n119. 신고\n\n2023. 8. 16.\n\n1. 다\n2. 라"
    assert (
        shown(text)
        == "<p>1. 가<br>1. 나</p><p>119. 신고</p><p>2023. 8. 16.</p><ol><li>다</li><li>라</li></ol>"
    )
    assert [line for line, _ in odd_lines(text)] == [0, 1, 3]


@pytest.mark.parametrize("seed", range(6))
def test_any_text_shows_its_letters_and_digits(seed: int) -> None:
    """A hundred texts of all signs in any order for each seed; a note stands at the end."""
    chance = random.Random(seed)
    for _ in range(100):
        text = (
            "".join(chance.choices(PIECES, k=chance.randint(1, 25))) + "\n\n글[^1]\n\n[^1]: 2023. 8. 1. 주\n"
        )
        assert unlike(text, prose(text).html) is None, repr(text)


@pytest.mark.parametrize(
    ("text", "html", "line"),
    [
        ("가\n\n2023. 8. 16.", "<p>가</p><ol start='2023'><li>8. 16.</li></ol>", 2),
        ("1. 가\n2. 나", '<ol start="2"><li>가</li><li>나</li></ol>', 0),
        ("가\n나", "<p>가</p>", 1),
        ("[문의]: 062", "", 0),
    ],
)
def test_what_is_shown_otherwise_is_noticed(text: str, html: str, line: int) -> None:
    """The control: a number that counts on, a list that begins elsewhere, a lost line, a lost text."""
    assert unlike(text, html) == line


def test_a_build_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot come out as typed stops the build with its line; what is only odd is told beside it."""
    lecture = a_lecture_file()
    content = write_content(tmp_path / "content", {"pottery": f"{lecture}\n119. 신고하세요\n"})
    call = ["--content", str(content), "--out", str(tmp_path / "site"), "--now", "2023-08-16T09:00:00"]
    assert build.main([*call, "--check"]) == 0
    number = lecture.count("\n") + 2
    assert f"살펴보세요: lectures/pottery.md:{number}: 번호가" in capsys.readouterr().err
    (content / "lectures/pottery.md").write_text(f"{lecture}\n<details>\n<details>\n잃는 글\n", "utf-8")
    assert build.main(call) == 1
    assert f"lectures/pottery.md:{number + 2}: 적은 대로" in capsys.readouterr().out
