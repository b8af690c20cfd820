"""What stands beside the pages of notices: an urgent banner on all, what forms collect, drafts that nobody finds."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from publish.inputs import Request
from tests.builders import rewrite
from tests.built.samples import snapshot

BANNER = '\n[banner]\ntext = "오늘 강좌를 모두 쉽니다."\nto = "{to}"\nuntil = {until}\n'


def banner(content: Path, to: str = "/lectures/", until: str = "2023-08-17T18:00:00") -> None:
    site = content / "site.toml"
    site.write_text(site.read_text("utf-8") + BANNER.format(to=to, until=until), "utf-8")


def test_an_urgent_banner_is_everywhere_until_its_end(request_: Request) -> None:
    """On every page, with its end for browsers; at its end the site is due, and without it."""
    banner(request_.content)
    report = build.build(request_)
    pages = {name: page.decode() for name, page in snapshot(request_.out).items() if name.endswith(".html")}
    assert all('data-until="2023-08-17T18:00:00+09:00"' in page for page in pages.values())
    assert "오늘 강좌를 모두 쉽니다." in pages["lectures/l01/index.html"]
    end = parse_time("2023-08-17T18:00:00")
    assert report.due and report.due <= end
    library = load(request_.content, request_.now)
    assert library.site.banner and not library.at(end).site.banner and library.at(request_.now).site.banner
    build.build(replace(request_, now=end))
    assert "urgent" not in (request_.out / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": "/none/"}, "banner.to: 없는 주소입니다"),
        ({"to": "javascript:alert(1)"}, "banner.to: 쓸 수 없는 주소입니다"),
        ({"until": '"내일"'}, "banner.until: "),
    ],
)
def test_a_banner_is_checked(content: Path, given: dict[str, str], said: str) -> None:
    """Its link and its end."""
    banner(content, **given)
    with pytest.raises(ContentMistakes, match=said):
        load(content, parse_time("2023-08-16T09:00:00"))


def test_a_banner_that_is_over_or_stays_too_long_is_told(content: Path) -> None:
    """Nobody reads what always stands there."""
    banner(content)
    for at, said in (("2023-08-18T00:00:00", "끝난 긴급 알림"), ("2023-06-01T00:00:00", "한 달 넘게")):
        assert any(said in str(each) for each in load(content, parse_time(at)).warnings)


def test_the_link_of_a_banner_goes_with_its_page(content: Path) -> None:
    """It leads to a page that is not shown yet: the banner stands, without a dead link on every page."""
    banner(content, "/programs/later/")
    shown = load(content, parse_time("2023-08-16T09:00:00")).site.banner
    assert shown and shown.text and not shown.to


def test_what_forms_collect_is_computed(request_: Request) -> None:
    """Each form with its items, also one that has gone from the site, until its answers are erased."""
    rewrite(request_.content / "lectures/l03.md", "+++\n", "+++\nexpire_at = 2023-08-16T00:00:00\n")
    build.build(request_)
    said = (request_.out / "privacy/collected/index.html").read_text("utf-8")
    assert "이름, 휴대전화 번호" in said and 'href="/lectures/l01/"' in said
    assert "강좌 03" in said and 'href="/lectures/l03/"' not in said
    library = load(request_.content, request_.now)
    (gone,) = (page for page in library.collecting() if page.slug == "l03")
    assert gone.kept_until
    assert gone not in library.at(gone.kept_until).collecting(), "the control"
    assert "/privacy/collected/" in (request_.out / "sitemap/index.html").read_text("utf-8")


def test_a_draft_stands_where_nobody_finds_it(request_: Request, tmp_path: Path) -> None:
    """Not indexed, in no list, feed, calendar or map, taking no sign-ups; without --draft it is not there."""
    rewrite(request_.content / "lectures/l01.md", "+++\n", "+++\ndraft = true\n")
    report = build.build(replace(request_, draft=True))
    (address,) = re.findall(r"lectures/l01\.md: \S+?(/lectures/draft-[0-9a-f]{20}/)", " ".join(report.said))
    files = snapshot(request_.out)
    shown = files.pop(f"{address[1:]}index.html").decode()
    assert 'content="noindex"' in shown and "신청을 받지 않습니다" in shown and "<fieldset disabled>" in shown
    assert not [name for name, text in files.items() if address.encode() in text or address[1:] in name]
    again = build.build(replace(request_, draft=True))
    assert again.said == report.said, "its address stays"
    build.build(request_)
    assert not any("/draft-" in name for name in snapshot(request_.out))
    other = replace(request_, draft=True, out=tmp_path / "other/site")
    assert build.build(other).said != report.said, "nor is it to be guessed from another site"
