"""The check of a built site sees every fault that would reach a reader."""

import unicodedata

import pytest

from publish.check import broken, outline_of

PAGE = '<!doctype html><html lang="ko"><body><main id="main"><h1>제목</h1>{}</main></body></html>'


def wrong(site: dict[str, bytes]) -> list[str]:
    """What the check says about these files."""
    outlines = {name: outline_of(name, content) for name, content in site.items()}
    return [str(mistake) for mistake in broken(sorted(site), outlines)]


def found(inside: str, page: str = PAGE) -> list[str]:
    """What the check says about a site of two pages, one of them with this inside."""
    other = PAGE.format('<p id="자리">자리</p>')
    return wrong({"index.html": page.replace("{}", inside).encode(), "other/index.html": other.encode()})


@pytest.mark.parametrize(
    "inside",
    [
        '<a href="/other/">가</a><a href="/other/#자리">나</a><a href="#main">다</a><a href="https://example.org/x">라</a>',
        '<a href="/other/#%EC%9E%90%EB%A6%AC">옮겨 적은 자리</a>',
        '<form action="/api/forms/lectures/a" method="post"><label for="b">이름</label><input id="b"></form>',
        '<p title="<h1> id=&quot;main&quot;">속성 안의 글</p><p>글 안의 id="main"</p>',
        '<script type="application/json">{"a": "<a href=\\"/none/\\">"}</script><!-- <h1>지운 제목</h1> -->',
    ],
)
def test_a_whole_page_has_no_fault(inside: str) -> None:
    """Nothing is reported that is right: the controls of the tests below."""
    assert found(inside) == []


@pytest.mark.parametrize(
    ("inside", "line"),
    [
        ('<a href="/none/">가</a>', "index.html: 링크가 끊겼습니다 (found /none/)"),
        ('<a href="/other">가</a>', "index.html: 링크가 끊겼습니다 (found /other)"),
        ('<img src="/a.png" alt="가">', "index.html: 링크가 끊겼습니다 (found /a.png)"),
        ('<a href="#none">가</a>', "index.html: 링크가 가리키는 자리(#)가 없습니다 (found #none)"),
        ('<a href="/other/#x">가</a>', "index.html: 링크가 가리키는 자리(#)가 없습니다 (found /other/#x)"),
        ('<a href="//example.org/">가</a>', "index.html: 다른 누리집을 가리킵니다 (found //example.org/)"),
        ("<h1>둘째</h1>", "index.html: h1은 꼭 하나여야 합니다 (found 2)"),
        ('<p id="main">가</p>', "index.html: id가 겹칩니다 (found main)"),
        ('<label for="none">가</label>', "index.html: 가리키는 id가 없습니다 (found none)"),
        ('<p style="color: red">가</p>', "index.html: style이나 onclick 속성은 쓸 수 없습니다"),
        ("<p><b>가</p></b>", "index.html:1: </p>의 차례가 맞지 않습니다"),
        ("<ul><li>가</ul>", "index.html:1: </ul>의 차례가 맞지 않습니다"),
        ("<div>\n<p>가</p>\n", "index.html:3: </main>의 차례가 맞지 않습니다"),
        ("</div>\n", "index.html:1: </div>의 차례가 맞지 않습니다"),
        ('<img src="/other/">', "index.html: 그림에 설명(alt)이 없습니다"),
    ],
)
def test_each_fault_is_named(inside: str, line: str) -> None:
    """One fault, one line, with the page and what stands there."""
    assert found(inside) == [line]


CALENDAR = (
    "BEGIN:VCALENDAR|VERSION:2.0|PRODID:-//Madang//KO|X-WR-CALNAME:가|BEGIN:VEVENT|UID:a@b|DTSTAMP:20230816T000000Z|"
    "DTSTART:20230816T000000Z|SUMMARY:가\\, 나|END:VEVENT|END:VCALENDAR|"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("\\,", ","),
        ("UID:a@b|", ""),
        ("UID:a@b|", "UID:a@b|UID:c@d|"),
        ("20230816T000000Z|DTSTART", "2023-08-16|DTSTART"),
        ("END:VEVENT|", ""),
        ("SUMMARY:", "SUMMARY "),
        ("가\\", "가" * 30 + "\\"),
        ("KO|", "KO\r"),
        ("X-WR-CALNAME:가", "X-WR-CALNAME:\x0b"),
        ("|BEGIN:VEVENT", "|END:VEVENT|BEGIN:VEVENT"),
        ("VERSION:2.0|", ""),
        ("END:VCALENDAR|", "END:VCALENDAR"),
    ],
)
def test_a_calendar_is_right_to_the_letter(old: str, new: str) -> None:
    """Each way to be wrong is a fault; as it is, and with two events, there is none."""
    whole = CALENDAR.replace(old, new, 1) if old else CALENDAR
    fault = wrong({"a.ics": whole.replace("|", "\r\n").encode()})
    assert bool(fault) == bool(old), fault
    event = CALENDAR.partition("BEGIN:VEVENT")[2].partition("END:VCAL")[0]
    two = CALENDAR.replace("END:VCAL", f"BEGIN:VEVENT{event}END:VCAL")
    assert "같은 UID" in wrong({"a.ics": two.replace("|", "\r\n").encode()})[0]
    assert wrong({"a.ics": two.replace("a@b", "c@d", 1).replace("|", "\r\n").encode()}) == []


def test_a_page_without_heading_or_language_is_named() -> None:
    """Both at once."""
    assert found("", "<html><main>{}</main></html>") == [
        "index.html: h1은 꼭 하나여야 합니다 (found 0)",
        "index.html: html에 lang이 없습니다",
    ]


def test_bytes_and_names_that_are_not_plain_are_named() -> None:
    """A page in another encoding, and a file name in decomposed Hangul."""
    name = unicodedata.normalize("NFD", "가") + ".txt"
    assert wrong({"page.html": "한글".encode("cp949"), name: b"x"}) == [
        "page.html: UTF-8이 아닙니다",
        f"{name}: 파일 이름이 NFD입니다",
    ]
