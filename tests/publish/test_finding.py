"""What leads people and programs to a page: index, facets, calendar, cards of messengers, data of schema.org."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from civic.content.search import forms, grams, known_words, marks, snippet, words
from civic.library import load
from publish.search import plain
from tests.builders import a_lecture_file, a_round, write_content
from tests.publish.test_pages import NOW, SMALL, edition, page, reader


def test_a_query_is_read_as_people_type() -> None:
    """Signs at edges, capital letters and an unfinished syllable do not count; a particle may be left out."""
    assert words(" ‘도서관’  NOW, 도서관 (예산ㄱ ") == ["도서관", "now", "예산"]
    assert (forms("도서관에서"), forms("도서관"), forms("회의")) == (
        ["도서관에서", "도서관"],
        ["도서관"],
        ["회의"],
    )
    assert len(words("가 " * 500 + "나")) == 1
    assert len(words(" ".join(f"말{n}" for n in range(50)))) == 8


def test_a_page_is_found_by_letters_in_a_row() -> None:
    """Each two with the next one; of a title its letters and first consonants too; no word goes on in the next one."""
    found = grams("새 예산", "주민참여 AI")
    assert {gram for gram, titled in found.items() if titled} == {"새", "예", "산", "예산", "ㅅㅇㅅ", "ㅇㅅ"}
    assert {gram for gram, titled in found.items() if not titled} == {"주민참", "민참여", "참여", "ai"}


def test_marks_stand_where_the_words_do() -> None:
    """Whatever the letters are, and each sign of the text stays."""
    assert marks("NOW 예산(안)과 예산", ["예산", "now"]) == [
        ("NOW", True),
        (" ", False),
        ("예산", True),
        ("(안)과 ", False),
        ("예산", True),
    ]
    assert marks("İstanbul 예산", ["예산"]) == [("İstanbul ", False), ("예산", True)]
    long = f"{'가나다 ' * 60}예산 {'라마 ' * 60}"
    assert (
        snippet(long, ["예산"]).startswith("… 가나다")
        and "예산" in snippet(long, ["예산"])
        and len(snippet(long, ["예산"])) < 130
    )


def test_what_is_emphasised_within_a_word_stays_one() -> None:
    """Bold letters leave no gap, paragraphs and cells do; the note beside links to others is no text of the page."""
    shown = "<p>주민<strong>참여</strong>예산</p><table><tr><td>가</td><td>나</td></tr></table>&lt;끝"
    assert plain(shown).split() == ["주민참여예산", "가", "나", "<끝"]


def test_only_what_is_shown_is_searched(client: FlaskClient) -> None:
    """Every visible page once; no draft, none that is to come or has ended."""
    library, pages = edition(client).library, edition(client).searched
    said = [json.loads(page(client, f"/search/d/{number}.json")) for number in range(len(pages))]
    assert sorted(each["link"] for each in said) == sorted(doc.link for doc in library.everything())
    assert client.get(f"/search/d/{len(pages)}.json").status_code == 404
    assert "투표 중" in said[0]["head"] and "마감" in said[0]["head"]


def test_attachments_are_searched(district: FlaskClient) -> None:
    """A document is found by what it says, and named with its page; so a page's own hit does not load it."""
    found = [number for number, (_, file) in enumerate(edition(district).searched) if file]
    said = [json.loads(page(district, f"/search/d/{number}.json")) for number in found]
    assert [each["link"].rpartition(".")[2] for each in said] == ["hwpx", "pdf"] or len(said) == 2
    assert all(len(each["text"]) > 20 and "2023 사회적경제 한여름 밤의 온" in each["title"] for each in said)
    assert known_words(["도서관의 밤", "밤 도서관의"]) == ["도서관의"]


def test_every_card_says_by_what_it_is_found(district: FlaskClient) -> None:
    """Status, category, weekday, fee and office of each lecture, as browsers combine them; areas of proposals are no words."""
    entries = json.loads(page(district, "/lectures/index.json"))
    assert len(entries) == len(edition(district).library.of("lecture"))
    essay = next(each for each in entries if "/lectures/essay/" in each["html"])
    assert essay["keys"] == {
        "status": ["open"], "kind": [], "category": ["humanities"], "audience": ["all"], "fee": ["free"], "weekday": ["thu"], "department": ["library-policy"],
    }  # fmt: skip
    assert (essay["closing"], essay["start"]) == ("2023-09-01T00:00:00+09:00", "2023-09-07T10:00:00+09:00")
    areas = re.findall(
        r'href="(/proposals/area/[0-9a-f]{6}/)">([^<]+)<span class="filter-count"> (\d+)',
        page(district, "/proposals/"),
    )
    assert len(areas) > 10 and sum(int(count) for _, _, count in areas) <= 60
    address, name, count = areas[0]
    assert page(district, address).count(f'<span class="krds-badge outline-gray">{name}</span>') == int(count)


def test_the_calendar_has_the_months_that_have_something(district: FlaskClient) -> None:
    """August to October 2023, one linked with the next; every meeting stands on its day; other months are not there."""
    made = page(district, "/calendar/2023-09/")
    assert 'rel="prev" href="/calendar/2023-08/"' in made and 'rel="next" href="/calendar/2023-10/"' in made
    day = made.split('<td data-day="2023-09-07"')[1].split("</td>")[0]
    assert re.findall(r'href="(/[^"]+)"', day) == ["/lectures/essay/", "/lectures/construction/"]
    assert "추석" in made.split('data-day="2023-09-29"')[1].split("</td>")[0]
    for month in ("2023-07", "2023-11", "2023-9", "x"):
        assert district.get(f"/calendar/{month}/").status_code == 404
    assert "/calendar/2023-08/" in page(district, "/sitemap/") and "/calendar/2023-08/" in page(
        district, "/lectures/"
    )


def test_the_calendar_looks_twelve_months_ahead(tmp_path: Path) -> None:
    """A night over midnight stands on both days; what is more than twelve months away comes later."""
    event = (SMALL / "events/night.md").read_text("utf-8")
    long = re.sub(r"(?m)^starts = .*$", "starts = 2024-08-31T22:00:00", event)
    long = re.sub(r"(?m)^ends = .*$", "ends = 2024-09-02T00:00:00", long)
    content = write_content(tmp_path / "content", {"a": a_lecture_file("강좌", [a_round()])})
    (content / "events").mkdir()
    (content / "events/night.md").write_text(long, "utf-8")
    library = load(content, NOW)
    pages = {ahead: reader(library.at(NOW + timedelta(days=ahead))) for ahead in (0, 20)}
    made = page(pages[0], "/calendar/2024-08/")
    assert '<time datetime="2024-08-31T22:00:00+09:00">22:00</time>' in made
    assert pages[0].get("/calendar/2024-09/").status_code == 404
    assert 'data-day="2024-09-01"' in page(pages[20], "/calendar/2024-09/")


# schema.org, of what we write: property -> the types that it may have there.
TEXT, URL, TIME = "Text", "URL", "DateTime"
SHAPES = {
    "Event": {
        "name": TEXT, "description": TEXT, "url": URL, "image": URL, "startDate": TIME, "endDate": TIME, "eventStatus": "EventStatusType",
        "eventAttendanceMode": "EventAttendanceModeEnumeration", "location": "Place", "organizer": "GovernmentOrganization", "isAccessibleForFree": "Boolean",
    },
    "Course": {
        "name": TEXT, "description": TEXT, "url": URL, "image": URL, "inLanguage": TEXT, "provider": "GovernmentOrganization",
        "offers": "Offer", "hasCourseInstance": "CourseInstance",
    },
    "CourseInstance": {"courseMode": TEXT, "location": "Place", "startDate": TIME, "endDate": TIME},
    "Offer": {"category": TEXT, "price": "Number", "priceCurrency": TEXT, "url": URL},
    "Place": {"name": TEXT, "address": TEXT},
    "GovernmentOrganization": {"name": TEXT, "url": URL},
}  # fmt: skip
VALUES = {
    TEXT: r".+", URL: r"https?://[^ ]+", TIME: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00", "Number": r"\d+", "Boolean": "True|False",
    "EventStatusType": r"https://schema\.org/Event(Scheduled|Cancelled|Postponed)",
    "EventAttendanceModeEnumeration": r"https://schema\.org/(Offline|Online|Mixed)EventAttendanceMode",
}  # fmt: skip


def misshapen(value: Any, kind: str) -> list[str]:
    """What of a value is not as schema.org has it."""
    if kind in VALUES:
        return [] if re.fullmatch(VALUES[kind], str(value)) else [f"{kind}: {value}"]
    if not isinstance(value, dict) or value.get("@type") != kind:
        return [f"not a {kind}: {value}"]
    wrong = [f"{kind} has no {name}" for name in value.keys() - SHAPES[kind].keys() - {"@type", "@context"}]
    return wrong + [
        each for name, of in SHAPES[kind].items() if name in value for each in misshapen(value[name], of)
    ]


def data_of(made: str) -> Any:
    return json.loads(made.split('<script type="application/ld+json">')[1].split("</script>")[0])


def test_events_and_courses_are_data_of_schema_org(district: FlaskClient, client: FlaskClient) -> None:
    """Every event and lecture; a title with signs of HTML cannot end the script; a wrong one is seen (the control)."""
    for site in (district, client):
        for noun, kind in (("event", "Event"), ("lecture", "Course")):
            for doc in edition(site).library.of(noun):
                data = data_of(page(site, doc.link))
                assert misshapen(data, kind) == []
                assert data["name"] == doc.title and {"name", "description", "url"} <= data.keys()
    assert misshapen({"@type": "Event", "startDate": "2023", "fee": 1}, "Event") == [
        "Event has no fee",
        "DateTime: 2023",
    ]
    assert "ld+json" not in page(district, "/privacy/")


def test_a_shared_link_has_a_card(district: FlaskClient) -> None:
    """Title, summary and one picture with its whole address: the poster, or the site's own; each page says its one address."""
    made = page(district, "/events/summer-night/")
    found = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', made))
    base = edition(district).library.site.base_url
    assert found["image"] == f"{base}/events/summer-night/poster-960.jpg"
    assert found["url"] == f"{base}/events/summer-night/" and f'rel="canonical" href="{found["url"]}"' in made
    assert f'property="og:image" content="{base}/assets/share.png"' in page(district, "/lectures/essay/")
