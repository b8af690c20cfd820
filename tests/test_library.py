"""The library: what is loaded, in which order, and what staff are told when something is wrong."""

import shutil
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import Library, load
from tests.builders import a_lecture_file, rewrite, write_content

SAMPLES = Path(__file__).parent / "samples"
NOW = parse_time("2023-08-16T09:00:00")


def report(content: Path, now: datetime = NOW) -> list[str]:
    """The lines that staff would get; empty when the content is right."""
    try:
        load(content, now)
    except ContentMistakes as wrong:
        return [str(mistake) for mistake in wrong.mistakes]
    return []


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of the small site, to be changed."""
    return Path(shutil.copytree(SAMPLES / "small", tmp_path / "content"))


def slugs(library: Library, noun: str) -> list[str]:
    return [page.slug for page in library.of(noun)]


def test_the_small_site_is_whole() -> None:
    """15 lectures, one programme that is visible now, and the rest of the small site."""
    library = load(SAMPLES / "small", NOW)
    counts = {
        noun: len(library.of(noun)) for noun in ("programme", "lecture", "event", "vote", "proposal", "page")
    }
    assert counts == {"programme": 1, "lecture": 15, "event": 1, "vote": 1, "proposal": 2, "page": 3}
    assert [page.subject for page in library.subjects()] == [
        f"lectures/l{number}" for number in ("03", "02", "01", "04", "05", "06")
    ]
    news = library.get("programs", "news")
    assert news is not None
    assert (news.title, news.file) == ("<b>소식</b> & 알림", "programs/news.md")
    office = library.site.departments.get("office")
    assert office is not None
    assert office.name == "민원실"
    assert library.site.departments.get("nobody") is None


def test_pages_come_and_go_at_their_times() -> None:
    """publish_at and expire_at are half-open; drafts never show."""
    at = parse_time("2023-08-17T00:00:00")
    second = timedelta(seconds=1)
    assert slugs(load(SAMPLES / "small", at - second), "programme") == ["news"]
    assert slugs(load(SAMPLES / "small", at), "programme") == ["news", "later"]
    assert slugs(load(SAMPLES / "small", NOW - second), "programme") == ["news", "gone"]
    assert load(SAMPLES / "small", NOW).hidden == {"/programs/later/", "/programs/gone/", "/programs/draft/"}


def test_lectures_that_can_be_joined_come_first() -> None:
    """Open (03 closes on 18 August, 02 on 1 September, 01 begins on the 7th), coming, without a form, closed (06: just now)."""
    found = slugs(load(SAMPLES / "small", NOW), "lecture")
    assert found == ["l03", "l02", "l01", "l04", "l05", *(f"l{n:02}" for n in range(7, 16)), "l06"]


def test_a_mark_at_the_beginning_and_windows_line_ends_do_not_matter(small: Path) -> None:
    """Notepad writes a byte order mark and CR LF: the page is read, and mistakes keep their line."""
    page = small / "lectures/l01.md"
    text = page.read_text("utf-8")
    page.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert report(small) == []
    page.write_bytes(
        b"\xef\xbb\xbf" + text.replace('where = "문화관"', "where = 3").replace("\n", "\r\n").encode()
    )
    assert report(small) == ["lectures/l01.md:3: where: 글이어야 합니다 (found 3) → 큰따옴표로 감싸세요"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("9" * 5000, "너무 긴 수나 너무 깊은 괄호가 있습니다"),
        ("[" * 3000 + "]" * 3000, "너무 긴 수나 너무 깊은 괄호가 있습니다"),
        ("9999-12-31T23:59:59-23:59", "publish_at: 1970년부터 8999년까지 쓸 수 있습니다"),
        ("0001-01-01T00:00:00+23:59", "publish_at: 1970년부터 8999년까지 쓸 수 있습니다"),
    ],
)
def test_a_value_that_nothing_can_be_done_with_is_named(small: Path, value: str, said: str) -> None:
    """What TOML allows and Python refuses: it was a traceback."""
    rewrite(small / "lectures/l01.md", "+++", f"+++\npublish_at = {value}")
    assert [line.partition(" (found")[0] for line in report(small)] == [f"lectures/l01.md:2: {said}"]


def test_keys_that_become_addresses_are_checked(small: Path) -> None:
    """A category in Korean made a list whose address no build lets through; it named the list, and not the key."""
    site = small / "site.toml"
    text = site.read_text("utf-8").replace("craft =", '"손 Craft" =').replace("s.library]", "s.Library]")
    site.write_text(text, "utf-8")
    said = "영문 소문자와 숫자, 줄표(-)로만 쓰세요"
    assert [line for line in report(small) if line.startswith("site.toml")] == [
        f"site.toml:19: departments.Library: {said} (found Library) → library",
        f"site.toml:26: categories.손 Craft: {said} (found 손 Craft) → craft",
    ]


def test_a_calendar_file_that_will_not_be_there_is_named(small: Path) -> None:
    """Only what has times has one: named where the link stands, before a page with a broken link is made."""
    page = small / "programs/news.md"
    text = page.read_text("utf-8")
    page.write_text(f"{text}\n[때](/lectures/l01/event.ics) [때](/programs/news/event.ics)\n", "utf-8")
    line = text.count("\n") + 2
    assert report(small) == [
        f"programs/news.md:{line}: 때가 없는 글이라 달력 파일이 없습니다 (found /programs/news/event.ics)"
    ]


def test_a_page_that_cannot_be_read_is_one_mistake(small: Path) -> None:
    """Why, in Korean; and links to it are none: it is there."""
    page = small / "lectures/l01.md"
    page.unlink()
    page.symlink_to(page.name)
    assert report(small) == ["lectures/l01.md: 파일을 읽을 수 없습니다 (found 링크가 돌고 돕니다)"]


def test_a_decomposed_name_is_refused(small: Path) -> None:
    """A Mac may write a Korean file name in parts (NFD): its address would not exist elsewhere."""
    name = unicodedata.normalize("NFD", "도자기") + ".md"
    shutil.copy(small / "lectures/l01.md", small / "lectures" / name)
    assert report(small) == [
        f"lectures/{name}: 파일 이름은 영문 소문자와 숫자, 줄표(-)로만 쓰세요. 한글 자모가 풀어진(NFD) 이름입니다"
    ]


@pytest.mark.parametrize(
    "body",
    [
        "`<script>`와 `<!--`는 글자입니다.",
        "    네 칸 들여 쓴 글",
        "<style>\np { color: red }\n</style>\n\n글",
        "<!-- 메모\n두 줄 -->\n\n글",
        "중괄호 {#apply}와 {#a} {#a}는 글자입니다.",
        "## 하나 {#one}\n\n## 둘 {#two}",
        "탭\t과 줄\u2028",
    ],
)
def test_text_that_only_looks_wrong_is_left_alone(small: Path, body: str) -> None:
    """Code, things that are closed, braces in running words."""
    page = small / "programs/news.md"
    page.write_text(f"{page.read_text('utf-8')}\n\n{body}\n", "utf-8")
    assert report(small) == []


def test_a_fence_hides_nothing(small: Path) -> None:
    """Our Markdown knows no fences: a <style> between them really takes the rest of the page."""
    page = small / "programs/news.md"
    lines = page.read_text("utf-8").count("\n")
    page.write_text(f"{page.read_text('utf-8')}```\n<style>\n```\n\n## 뒤\n", "utf-8")
    said = "닫지 않아 그 뒤의 글이 보이지 않습니다. </style>로 닫거나 지우세요 (found <style>)"
    assert report(small) == [f"programs/news.md:{lines + 2}: {said}"]


def test_unseen_signs_in_the_settings_are_named(small: Path) -> None:
    """site.toml is on every page."""
    rewrite(small / "site.toml", 'name = "', 'name = "\\u0008')
    assert [line.partition(": ")[2] for line in report(small)] == [
        "name: 보이지 않는 제어 글자가 있습니다. 지우고 다시 쓰세요 (found U+0008)"
    ]


def test_a_missing_folder_and_a_missing_site_file_are_named(tmp_path: Path) -> None:
    """Nothing at all is a mistake too."""
    assert report(tmp_path / "nowhere") == [f"{tmp_path}/nowhere: content 폴더가 없습니다"]
    assert report(tmp_path) == ["site.toml: 파일이 없습니다"]


def test_a_resident_number_is_never_repeated(small: Path) -> None:
    """Wherever it stands in the content, the number is refused and not shown in the report."""
    rewrite(small / "programs/news.md", 'kind = "notice"', 'kind = "900101-1234567"')
    lines = report(small)
    assert "programs/news.md:5: 주민등록번호로 보이는 숫자가 있습니다. 지우세요" in lines
    assert not any("900101" in line for line in lines)


def test_a_broken_page_does_not_break_links_to_it(small: Path) -> None:
    """Only the real mistake is reported, not the links of others to the page that has it."""
    rewrite(small / "lectures/l01.md", "audience", "audiense")
    assert report(small) == [
        "lectures/l01.md:1: audience: 꼭 써야 합니다",
        "lectures/l01.md:4: audiense: 없는 키입니다 (found audiense) → 혹시 audience?",
    ]


def test_a_link_to_a_hidden_page_is_no_mistake(small: Path) -> None:
    """A page may point at one that appears tomorrow; the menu leaves out what is hidden."""
    rewrite(small / "site.toml", 'to = "/programs/"', 'to = "/programs/later/"')
    assert report(small) == []
    assert [item.to for item in load(small, NOW).site.menu] == ["/lectures/"]
    assert [item.to for item in load(small, NOW + timedelta(days=1)).site.menu] == [
        "/programs/later/",
        "/lectures/",
    ]


def test_lists_are_linked_to_as_a_whole(small: Path) -> None:
    """The last page of a list goes when one entry does: from then on no build would come through."""
    page = small / "programs/news.md"
    text = page.read_text("utf-8")
    page.write_text(f"{text}\n[가](/lectures/) [나](/lectures/category/craft/)\n", "utf-8")
    assert report(small) == []
    line = len(text.splitlines()) + 2
    for target in ("/lectures/page/2/", "/lectures/category/craft/page/2/"):
        page.write_text(f"{text}\n[가]({target})\n", "utf-8")
        assert report(small)[0].startswith(f"programs/news.md:{line}: 없는 주소입니다 (found {target})")


def test_the_same_content_at_another_time(tmp_path: Path) -> None:
    """Pages and menu follow the clock without a file being read; the next change is known, drafts never count."""
    content = write_content(
        tmp_path / "content",
        {
            "now": a_lecture_file(page={"expire_at": parse_time("2023-09-01T00:00:00")}),
            "later": a_lecture_file(page={"publish_at": parse_time("2023-08-20T00:00:00")}),
            "draft": a_lecture_file(page={"draft": True, "publish_at": parse_time("2023-08-18T00:00:00")}),
        },
    )
    menu = '[[menu]]\nlabel = "나중"\nto = "/lectures/later/"\n\n[departments.library]'
    rewrite(content / "site.toml", "[departments.library]", menu)
    first = load(content, NOW)
    for file in (content / "lectures").iterdir():
        file.unlink()

    def seen(library: Library) -> tuple[list[str], list[str]]:
        return [page.slug for page in library.of("lecture")], [item.to for item in library.site.menu]

    assert seen(first) == (["now"], ["/lectures/"])
    assert first.changes == parse_time("2023-08-20T00:00:00")
    second = first.at(first.changes)
    assert seen(second) == (["later", "now"], ["/lectures/", "/lectures/later/"])
    assert second.changes == parse_time("2023-09-01T00:00:00")
    third = second.at(second.changes)
    assert seen(third) == (["later"], ["/lectures/", "/lectures/later/"])
    assert third.changes is None
    assert seen(third.at(NOW)) == seen(first)
