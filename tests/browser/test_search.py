"""Search, filters and calendar as citizens use them, with JavaScript and without."""

import json
from pathlib import Path

import pytest

from civic.content.search import SHOWN, nearest_of, search, show, words
from tests.browser.visit import WIDTHS, Visits, overflow, violations
from tests.search_cases import QUERIES, quality, reader, scanned, texts

ASK = """async ([address, queries, shown]) => {
  const { search, show, nearest, words } = await import(address);
  const read = async (name) => (await fetch(`/search/${name}.json`)).json();
  const known = await read("words");
  const all = [];
  for (const query of queries) {
    const found = await search(query, read);
    const hits = await Promise.all(found.slice(0, shown).map((number) => show(number, query, read)));
    all.push([words(query), found, hits.map((hit) => hit && [hit.link, hit.title, hit.text]), words(query).map((word) => nearest(word, known))]);
  }
  return all;
}"""


def test_every_word_is_found(site: Path) -> None:
    """Over the district's own content: what a plain scan finds, and nothing else; more than half inside of words."""
    pages, read = texts(site), reader(site)
    recall, precision = quality((set(search(query, read)), scanned(query, pages)) for query in QUERIES)
    assert (recall, precision) >= (0.99, 0.95)
    assert len(scanned("예산", pages)) > 2
    assert search("  ", read) == search("(", read) == []


def test_a_scan_would_show_what_is_missed(site: Path) -> None:
    """The control: with words found from their beginning alone, as most programs do, many pages are missed."""
    pages = texts(site)
    begins = {
        query: {n for n, (_, text) in pages.items() if f" {query.lower()}" in f" {text.lower()}"}
        for query in QUERIES[:20]
    }
    assert quality((begins[query], scanned(query, pages)) for query in begins)[0] < 0.9


def test_browser_and_server_find_the_same(visits: Visits, site: Path) -> None:
    """The same pages in the same order, the same marks, the same proposals, for every query of the list."""
    read, known = reader(site), reader(site)("words")
    address = json.loads((site / "assets/manifest.json").read_text("utf-8"))["search.js"]
    said = visits.open("/search/").evaluate(ASK, [address, [*QUERIES], SHOWN])
    for query, (asked, found, hits, near) in zip(QUERIES, said, strict=True):
        assert asked == words(query), query
        assert found == search(query, read), query
        mine = [show(number, query, read) for number in found[:SHOWN]]
        assert hits == [
            hit and [hit["link"], [*map(list, hit["title"])], [*map(list, hit["text"])]] for hit in mine
        ], query
        assert near == [nearest_of(word, known) for word in words(query)], query


@pytest.mark.parametrize("width", WIDTHS)
def test_typing_shows_what_is_found(visits: Visits, width: int) -> None:
    """Hits with marked words, the count is announced; nothing found: words that come near, and whom to ask."""
    page = visits.open("/search/", width)
    page.get_by_role("searchbox").fill("도서관")
    count = page.get_by_role("status")
    count.get_by_text("개").wait_for()
    assert page.locator(".hit").count() == SHOWN
    assert {mark.lower() for mark in page.locator(".hit mark").all_inner_texts()} == {"도서관"}
    page.get_by_role("button", name="더 보기").click()
    page.locator(".hit").nth(SHOWN).wait_for()
    assert page.locator(".hit").count() == int("".join(filter(str.isdigit, count.inner_text())))
    assert violations(page) == []
    assert overflow(page) <= 0
    page.get_by_role("searchbox").fill("도셔관")
    page.get_by_role("link", name="도서관", exact=True).wait_for()
    assert "없습니다" in count.inner_text()
    assert page.get_by_role("heading", name="이렇게도 찾아보세요").is_visible()
    assert violations(page) == []
    assert page.url.endswith("?q=%EB%8F%84%EC%85%94%EA%B4%80")


def test_every_page_leads_to_the_search(visits: Visits) -> None:
    """The field in the head of a page, on a phone and without JavaScript: the server answers, with the same hits."""
    page = visits.open("/lectures/", 375, script=False)
    page.locator(".header-search summary").click()
    page.locator("#site-search").fill("도서관 <b>")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=*")
    assert page.title().startswith("‘도서관 <b>’ 찾은 결과 ")
    page.locator("#search-words").fill("도서관")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="다음 쪽").click()
    assert "2쪽 가운데 2쪽" in page.get_by_role("status").inner_text()
    assert page.locator(".hit mark").count() >= page.locator(".hit").count() > 0
    page.goto("/search/?q=%EB%8F%84%EC%85%94%EA%B4%80&page=x")
    assert page.get_by_role("link", name="도서관", exact=True).is_visible()


def test_filters_combine(visits: Visits) -> None:
    """Two filters and an order: shown, counted and in the address; nothing leads to an empty list; back leads back."""
    page = visits.open("/lectures/status/open/", 375)
    assert page.locator(".card").first.bounding_box()["y"] < 812  # type: ignore[index]  # the first entry is on a phone's first screen
    page.locator(".filters summary").click()
    page.get_by_role("link", name="공무원 교육").first.click()
    page.wait_for_url("**/lectures/?status=open&category=official-training")
    assert page.locator(".card").count() == 2
    for chip in page.locator("[data-by]:visible").all():
        assert " 0" not in chip.inner_text()
    page.get_by_role("link", name="마감순").click()
    page.wait_for_url("**sort=closing")
    assert violations(page) == []
    shared = visits.open(page.url.removeprefix(visits.base), 1280)
    assert shared.locator(".card-title").all_inner_texts() == page.locator(".card-title").all_inner_texts()
    assert violations(shared) == []
    page.go_back()
    page.go_back()
    page.locator(".card").nth(3).wait_for()


def test_filters_stand_one_by_one_without_javascript(visits: Visits) -> None:
    """Each is a page of its own, and the page says so."""
    page = visits.open("/lectures/", 1280, script=False)
    assert page.get_by_text("한 번에 하나만").is_visible()
    page.get_by_role("link", name="목 ").click()
    page.wait_for_url("**/lectures/weekday/thu/")
    assert page.locator(".card").count() == 7


@pytest.mark.parametrize("width", WIDTHS)
def test_the_calendar_shows_a_month(visits: Visits, width: int) -> None:
    """A table, on a phone a list; holidays by name; the server's today is marked where scripts run."""
    page = visits.open("/calendar/2023-08/", width)
    page.locator("[aria-current=date]:visible, .agenda").first.wait_for()
    assert violations(page) == []
    assert overflow(page) <= 0
    assert page.get_by_role("table").is_visible() is (width > 400)
    assert page.locator(".agenda").is_visible() is (width < 400)
    assert "광복절" in (page.locator("td[data-day='2023-08-15']").text_content() or "")
    assert page.locator("td[data-day='2023-08-16'][aria-current=date]").count() == 1
    page.get_by_role("link", name="2023년 9월").click()
    assert page.get_by_role("heading", level=1).inner_text() == "2023년 9월 강좌와 행사"
