"""The views: filters and pages of lists, the home page, details, feeds and calendars of the small site."""

import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from civic.clock import FixedClock, parse_time
from civic.library import Library, load
from publish.edition import Compiled, Edition
from publish.inputs import ROOT, stamp_of_program
from publish.lists import ALL, PER_PAGE, Catalogue, list_pages, pager
from publish.memory import Kept
from publish.pages import some_of_each
from publish.site import addresses, create_app
from templates import template_globals
from tests.builders import rewrite, write_content

SMALL = Path(__file__).parents[1] / "samples/small"
NOW = parse_time("2023-08-16T09:00:00")
ATOM = "{http://www.w3.org/2005/Atom}"


DISTRICT = Path(__file__).parents[2] / "content"
CACHE = ROOT / ".builds/cache"  # as builds have it


class PlainAssets:
    """Assets that are served under their own names."""

    files: Mapping[str, bytes] = {"site.css": b"body {}"}

    def url(self, name: str) -> str:
        return f"/assets/{name}"


def reader(library: Library, **more: Any) -> FlaskClient:
    """Who reads the site of a library at its own time; more: as for `Edition`. Templates are compiled once for all."""
    made = Edition(library, PlainAssets(), FixedClock(library.now), **more)
    made.env.bytecode_cache = Compiled(Kept(CACHE / "program", stamp_of_program(ROOT)))
    made.derived = Kept(CACHE / "pictures", "1")
    return create_app(made).test_client()


def page(client: FlaskClient, address: str) -> str:
    """A page that is there."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def edition(client: FlaskClient) -> Edition:
    found = client.application.extensions["edition"]
    assert isinstance(found, Edition)
    return found


def shown(text: str, count: int = 15) -> list[int]:
    """Numbers of the lectures that a list shows, in its order."""
    order = [(text.find(f'href="/lectures/l{number:02}/"'), number) for number in range(1, count + 1)]
    return [number for place, number in sorted(order) if place >= 0]


def test_fifteen_lectures_make_two_pages(client: FlaskClient) -> None:
    """Twelve to a page: 12 and 3, in list order, each lecture once."""
    first, second = page(client, "/lectures/"), page(client, "/lectures/page/2/")
    assert shown(first) == [3, 2, 1, 4, 5, 7, 8, 9, 10, 11, 12, 13]
    assert shown(second) == [14, 15, 6]
    assert client.get("/lectures/page/3/").status_code == 404


def test_page_counts() -> None:
    """An empty list has a page; 12 fit on one, 13 need two."""
    lists: Any = SimpleNamespace()
    for total, pages in zip((0, 1, 12, 13, 24, 25), (1, 1, 1, 2, 2, 3), strict=True):
        lists.chosen = {ALL: [None] * total}
        assert Catalogue.pages(lists, ALL) == pages
    assert PER_PAGE == 12


@pytest.mark.parametrize(
    ("address", "lectures"),
    [
        ("/lectures/status/open/", [3, 2, 1]),
        ("/lectures/status/upcoming/", [4, 5]),
        ("/lectures/status/closed/", [6]),
        ("/lectures/category/books/", [14, 15]),
        ("/lectures/category/craft/", [3, 2, 1, 4, 5, 7, 8, 9, 10, 11, 12, 13]),
        ("/lectures/category/craft/page/2/", [6]),
    ],
)
def test_filters_show_what_they_say(client: FlaskClient, address: str, lectures: list[int]) -> None:
    """Worked out by hand from the files of the small site."""
    assert shown(page(client, address)) == lectures


def test_a_filter_that_does_not_exist_is_not_found(client: FlaskClient) -> None:
    """Unknown keys, and a group that could narrow nothing: the only event is of the only office."""
    for address in ("/lectures/category/nothing/", "/lectures/status/full/", "/events/department/office/"):
        assert client.get(address).status_code == 404


def test_a_filter_that_narrows_nothing_is_not_offered(client: FlaskClient) -> None:
    """One event, one vote: no row of filters. A status that is empty today is no chip, but stays an address."""
    for address in ("/events/", "/votes/", "/proposals/", "/programs/"):
        assert 'class="filters"' not in page(client, address)
    assert "여기에 맞는 글이 없습니다" in page(client, "/votes/status/upcoming/")


def test_offices_cover_every_page(client: FlaskClient) -> None:
    """Two lectures are the library's; the 13 of no office are the general contact's."""
    made = page(client, "/lectures/department/library/")
    assert shown(made) == [14, 15]
    assert re.search(r'href="/lectures/department/office/">민원실<span class="filter-count"> 13<', made)


def test_proposals_by_type(district: FlaskClient) -> None:
    """The four types of the district's vote cover its 53 proposals and 5 that were dropped, in the order of the vote."""
    made = page(district, "/proposals/")
    found = re.findall(r'href="/proposals/type/([a-z-]+)/">[^<]+<span class="filter-count"> (\d+)<', made)
    assert [name for name, _ in found] == ["general", "fixed", "youth", "self-governing"]
    assert sum(int(count) for _, count in found) == 58
    assert "/proposals/p01-" not in page(district, "/proposals/type/self-governing/").split("<main")[1]


def test_filters_count_what_they_lead_to(client: FlaskClient) -> None:
    """All 15, then 3 open, 2 coming, 1 closed; the 9 without a form are in none of them."""
    made = page(client, "/lectures/status/open/")
    assert 'href="/lectures/status/open/" aria-current="true"' in made
    for address, count in (
        ("/lectures/", 15),
        ("/lectures/status/open/", 3),
        ("/lectures/status/closed/", 1),
    ):
        start = made.index(f'href="{address}"', made.index('class="filters"'))
        assert f'<span class="filter-count"> {count}<' in made[start : start + 200]


def test_every_page_of_the_library_is_named(client: FlaskClient) -> None:
    """Addresses cover all documents, linked or not, and those that are over; each answers; none comes twice."""
    app = client.application
    with app.test_request_context():
        made = [app.url_for(endpoint, **values) for endpoint, values in addresses(app)]
    assert len(set(made)) == len(made)
    assert {doc.link for doc in edition(client).library.everything()} <= set(made)
    assert not {"/programs/later/", "/programs/draft/"} & set(made)
    assert "끝난 글입니다" in page(client, "/programs/gone/")
    for address in made:
        assert client.get(address).status_code == 200, address


def test_home_shows_each_form_once(client: FlaskClient) -> None:
    """03 closes within three days, 01 and 02 are open, 04 and 05 come; 06 has just closed."""
    made = page(client, "/")
    assert [made.count(f'href="/lectures/l{n:02}/"') for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 1, 1, 1, 1, 0, 0]
    assert shown(made) == [3, 1, 2, 4, 5]
    assert made.index("곧 마감합니다") < made.index("/lectures/l03/") < made.index("지금 신청할 수 있습니다")
    assert 'href="/votes/budget/"' in made


def test_home_hides_no_open_form_of_the_district(district: FlaskClient) -> None:
    """Nine open, among them the allowance with its 22 facilities, whose deadline is later than all courses'; but for officials none."""
    made = page(district, "/").split("<main")[1]
    lists = ("/programs/", "/lectures/", "/events/")
    is_open = re.findall(
        r'<h2 class="card-title"><a href="([^"]+)"',
        "".join(page(district, f"{each}status/open/") for each in lists),
    )
    assert len(is_open) == 9 and "/programs/citizen-allowance/" in is_open
    officials = [doc.link for doc in edition(district).library.of("lecture") if doc.is_internal]
    assert {each for each in is_open if f'<a href="{each}">' not in made} == set(is_open) & set(officials)
    for each in lists:
        assert f'<a href="{each}status/open/">' in made


def test_home_keeps_a_place_for_every_kind(district: FlaskClient) -> None:
    """However many courses close first, the first programme and the first event stay; the order is kept."""
    app = edition(district)
    lectures, events, programmes = (
        [*map(app.card, app.library.of(noun))] for noun in ("lecture", "event", "programme")
    )
    cards = [*lectures, *events, *programmes]
    kept = some_of_each(cards, 4)
    assert [card.doc.noun for card in kept] == ["lecture", "lecture", "event", "programme"]
    assert kept == [cards[0], cards[1], events[0], programmes[0]]
    assert some_of_each([], 4) == []


def test_titles_are_text_not_markup(client: FlaskClient) -> None:
    """A title with signs of HTML is shown as it was written."""
    made = page(client, "/programs/news/")
    assert "&lt;b&gt;소식&lt;/b&gt; &amp; 알림</h1>" in made
    assert "<b>소식" not in made


def test_links_to_hidden_pages_are_words(client: FlaskClient) -> None:
    """The page that appears tomorrow is named but not linked today."""
    made = page(client, "/programs/news/")
    assert "아직 없는 글" in made
    assert "/programs/later/" not in made


@pytest.mark.parametrize("rest", ["", "#main", "?a=b", "?a=b#main", "event.ics"])
def test_whatever_leads_to_a_page_goes_with_it(tmp_path: Path, rest: str) -> None:
    """Once the page is taken down the link is words; it was a broken one, and the site could not be built any more."""
    content = Path(shutil.copytree(SMALL, tmp_path / "content"))
    rewrite(content / "lectures/l01.md", "+++", "+++\nexpire_at = 2023-08-17T00:00:00")
    news = content / "programs/news.md"
    news.write_text(f"{news.read_text('utf-8')}\n[강좌](/lectures/l01/{rest})\n", "utf-8")
    library = load(content, NOW)
    early, late = (
        page(reader(each), "/programs/news/") for each in (library, library.at(NOW + timedelta(days=1)))
    )
    assert f'<a href="/lectures/l01/{rest}">강좌</a>' in early
    assert "강좌</p>" in late
    assert "/lectures/l01/" not in late


def test_a_lecture_names_the_others_of_its_series(client: FlaskClient) -> None:
    """01 and 02 belong together; 03 stands alone."""
    assert 'href="/lectures/l02/"' in page(client, "/lectures/l01/")
    assert 'href="/lectures/l01/"' not in page(client, "/lectures/l01/").split("<main")[1].split("</main>")[0]
    assert "손으로 하는 일" not in page(client, "/lectures/l03/")


def test_a_vote_shows_its_proposals_by_type(client: FlaskClient) -> None:
    """Both proposals stand on the page of their vote."""
    made = page(client, "/votes/budget/")
    assert 'href="/proposals/lights/"' in made
    assert 'href="/proposals/benches/"' in made


def test_feeds_hold_what_has_a_date(client: FlaskClient) -> None:
    """Newest first: news 10 August, vote 7, event 5, lecture 01 on the 1st; one of the lectures alone."""
    everything = ElementTree.fromstring(page(client, "/feed.xml"))
    links = [entry.find(f"{ATOM}link").get("href") for entry in everything.iter(f"{ATOM}entry")]  # type: ignore[union-attr]
    assert links == [
        "https://small.example/programs/news/",
        "https://small.example/votes/budget/",
        "https://small.example/events/night/",
        "https://small.example/lectures/l01/",
    ]
    assert everything.findtext(f"{ATOM}updated") == "2023-08-10T00:00:00+09:00"
    assert everything.findtext(f"{ATOM}entry/{ATOM}title") == "<b>소식</b> & 알림"
    lectures = ElementTree.fromstring(page(client, "/lectures/feed.xml"))
    assert len(lectures.findall(f"{ATOM}entry")) == 1
    assert len(ElementTree.fromstring(page(client, "/proposals/feed.xml")).findall(f"{ATOM}entry")) == 0


def test_calendar_files_can_be_read_back(client: FlaskClient) -> None:
    """Both meetings of lecture 01, with stable ids, Seoul times as UTC, and commas that survive."""
    found = Calendar.from_ical(client.get("/lectures/l01/event.ics").data)
    events = list(found.walk("VEVENT"))
    assert [str(event["uid"]) for event in events] == [
        "lectures-l01-1@small.example",
        "lectures-l01-2@small.example",
    ]
    assert events[0]["dtstart"].dt == datetime(2023, 9, 7, 1, 0, tzinfo=UTC)
    assert events[0]["dtstamp"].dt == datetime(2023, 7, 31, 15, 0, tzinfo=UTC)
    assert str(events[0]["summary"]) == "강좌 01: 흙, 물; 불"
    assert len(list(Calendar.from_ical(client.get("/calendar.ics").data).walk("VEVENT"))) == 3
    assert client.get("/lectures/l02/event.ics").status_code == 404


def test_the_sitemap_names_every_page_once(client: FlaskClient) -> None:
    """All documents, home, search, months and the first page of each list; not what is personal or missing."""
    made = page(client, "/sitemap.xml")
    listed = {pick.address(noun) for noun, pick, number in list_pages(edition(client)) if number == 1}
    expected = {
        "/",
        "/search/",
        "/calendar/2023-08/",
        "/calendar/2023-09/",
        *listed,
        *(doc.link for doc in edition(client).library.everything()),
    }
    locations = [each.text for each in ElementTree.fromstring(made).iter() if each.tag.endswith("loc")]
    assert sorted(locations) == sorted(f"https://small.example{address}" for address in expected)
    assert "Sitemap: https://small.example/sitemap.xml" in page(client, "/robots.txt")


def test_the_public_address_can_be_given() -> None:
    """--base-url wins over site.toml, in feeds and in pages."""
    other = reader(load(SMALL, NOW).at_address("https://other.example"))
    for address in ("/feed.xml", "/sitemap.xml", "/robots.txt", "/"):
        made = page(other, address)
        assert "https://other.example" in made
        assert "small.example" not in made


def test_a_site_without_events_or_lists_of_two_pages_has_no_idle_rules() -> None:
    """The freezer reports a rule that no page uses: there must be none, however small the site."""
    library = load(SMALL, NOW)
    few = {"pages": {page.slug: page for page in library.of("page")}}
    app = reader(type(library)(library.site, NOW, _by_folder=few)).application
    used = {endpoint for endpoint, _ in addresses(app)}
    assert used == {rule.endpoint for rule in app.url_map.iter_rules()}


def test_a_demonstration_says_so() -> None:
    """With a clock that was set, every page says that this is not real."""
    for demo in (True, False):
        made = page(reader(load(SMALL, NOW), demo=demo), "/lectures/l01/")
        assert ("실제 접수가 아닙니다" in made) is demo


def test_every_template_global_is_listed() -> None:
    """Whoever writes a template finds in one place what it can use."""
    listed = template_globals.__doc__ or ""
    made = template_globals(load(SMALL, NOW), PlainAssets(), FixedClock(NOW), demo=False)
    assert [name for name in made if not re.search(rf"\b{name}\b", listed)] == []


def test_the_foot_links_only_to_plain_pages_that_are_there(tmp_path: Path) -> None:
    """A site without an about page can be built; the link is left out, the others stay."""
    content = write_content(tmp_path / "content", {})
    (content / "pages").mkdir()
    (content / "pages/privacy.md").write_text('+++\ntitle = "개인정보 처리방침"\n+++\n\n글입니다.\n', "utf-8")
    home = page(reader(load(content, NOW)), "/")
    assert 'href="/privacy/"' in home
    assert 'href="/about/"' not in home
    assert 'href="/accessibility/"' not in home


@pytest.mark.parametrize(
    ("page", "pages", "numbers"),
    [
        (1, 1, [1]),
        (2, 3, [1, 2, 3]),
        (1, 5, [1, 2, 0, 5]),
        (3, 5, [1, 2, 3, 4, 5]),
        (4, 7, [1, 2, 3, 4, 5, 6, 7]),  # a gap of one page is that page
        (6, 99, [1, 0, 5, 6, 7, 0, 99]),
        (99, 99, [1, 0, 98, 99]),
    ],
)
def test_the_first_the_last_and_those_around(page: int, pages: int, numbers: list[int]) -> None:
    """0 is a gap; every page leads to its neighbours, and nothing links to a page that is not there."""
    found = pager(page, pages, lambda number: f"/{number}/")
    assert found["links"] == [(number, f"/{number}/" if number else "") for number in numbers]
    assert found["previous"] == (f"/{page - 1}/" if page > 1 else "")
    assert found["next"] == (f"/{page + 1}/" if page < pages else "")
