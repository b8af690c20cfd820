"""A notice lives on after its publication: postponed, called off, moved, over; readers and their calendars learn of it."""

import json
import re
from datetime import date, datetime
from pathlib import Path

import icalendar
import pytest

import build
from civic.clock import SEOUL
from civic.content.pages import Lecture
from civic.errors import Closed
from civic.library import load
from civic.places import rules
from civic.places.form_round import rounds_of
from tests.builders import a_lecture_file, write_content
from tests.test_library import report

NOW = "2023-08-16T09:00:00"
MEETING = "[[sessions]]\nstarts = 2023-09-{day}T10:00:00\nends = 2023-09-{day}T12:00:00\ntopic = '첫 모임'\n"


def a_page(day: str = "07", **page: object) -> str:
    return a_lecture_file(page={"published": date(2023, 8, 14), **page}, sessions=MEETING.format(day=day))


def made(tmp_path: Path, text: str, at: str = NOW, out: str = "site", **more: str) -> Path:
    """The site of one lecture, built at that time."""
    content = write_content(tmp_path / "content", {"pottery": text, "other": a_page("08")})
    call = [
        "--content",
        str(content),
        "--out",
        str(tmp_path / out),
        "--now",
        at,
        "--base-url",
        "https://x.kr",
    ]
    assert build.main([*call, *(f"--{key}={value}" for key, value in more.items())]) == 0
    return tmp_path / out


def event_of(site: Path) -> icalendar.cal.Component:
    """The only meeting in the calendar of the page, read by a strict parser."""
    [event] = icalendar.Calendar.from_ical((site / "lectures/pottery/event.ics").read_bytes()).walk("VEVENT")
    return event


@pytest.mark.parametrize(
    ("status", "word", "said"), [("cancelled", "취소", "CANCELLED"), ("postponed", "연기", "TENTATIVE")]
)
def test_called_off_and_put_off(tmp_path: Path, status: str, word: str, said: str) -> None:
    """Said at the top of the page, in lists, in calendars under the same UID; no form, and the server takes nobody."""
    before = event_of(made(tmp_path, a_page()))
    site = made(tmp_path, a_page(status=status, status_reason="태풍이 옵니다."), "2023-08-17T09:00:00")
    page = (site / "lectures/pottery/index.html").read_text("utf-8")
    assert f"<strong>{word}되었습니다. 태풍이 옵니다.</strong>" in page
    assert 'action="/api/forms/lectures/pottery"' not in page
    assert f'bg-light-danger">{word}</span>' in (site / "lectures/index.html").read_text("utf-8")
    after = event_of(site)
    assert (after["uid"], str(after["status"]), int(after["sequence"])) == (before["uid"], said, 1)
    assert after["dtstamp"].dt > before["dtstamp"].dt and str(after["summary"]).startswith(f"[{word}]")
    now = datetime(2023, 8, 17, 9, tzinfo=SEOUL)
    doc = load(tmp_path / "content", now).get("lectures", "pottery")
    assert isinstance(doc, Lecture)
    with pytest.raises(Closed, match=f"^{word}되어"):
        rules.check_time(rounds_of(doc)[0], now)
    rules.check_time(rounds_of(doc.model_copy(update={"status": "planned"}))[0], now)  # the control


def test_a_moved_meeting_is_told(tmp_path: Path) -> None:
    """Each move counts once: SEQUENCE, the feed and published.json say so; building again says nothing new."""
    site = made(tmp_path, a_page())
    assert int(event_of(site)["sequence"]) == 0
    made(
        tmp_path,
        a_page("21", changes=[{"date": date(2023, 8, 17), "text": "9월 21일로 옮겼습니다."}]),
        "2023-08-17T09:00:00",
    )
    made(tmp_path, a_page("21"), "2023-08-18T09:00:00")
    event = event_of(site)
    assert (int(event["sequence"]), event["dtstart"].dt.day) == (1, 21)
    known = json.loads((site / "published.json").read_text("utf-8"))
    assert known["lectures-pottery-1@x.kr"]["changed"] == "2023-08-17T09:00:00+09:00"
    assert known["lectures-other-1@x.kr"]["sequence"] == 0
    feed = (site / "lectures/feed.xml").read_text("utf-8")
    assert re.findall(r"/lectures/(\w+)/</id>.*?<updated>([^<]+)", feed)[0] == (
        "pottery",
        "2023-08-17T09:00:00+09:00",
    )
    elsewhere = made(tmp_path, a_page("21"), "2023-08-18T09:00:00", "elsewhere", previous=str(site))
    assert (elsewhere / "published.json").read_bytes() == (site / "published.json").read_bytes()


def test_changes_are_on_the_page_and_pinned_ones_first(tmp_path: Path) -> None:
    """What changed stands at the top, the newest first; a pinned page leads its list."""
    notes = [{"date": date(2023, 8, day), "text": f"{day}일에 바꾼 것"} for day in (14, 15)]
    site = made(tmp_path, a_page("28", changes=notes, pinned=True))
    page = (site / "lectures/pottery/index.html").read_text("utf-8")
    assert page.index("15일에 바꾼 것") < page.index("14일에 바꾼 것") < page.index("한눈에 보기")
    shown = (site / "lectures/index.html").read_text("utf-8")
    assert shown.index("/lectures/pottery/") < shown.index("/lectures/other/")


def test_an_expired_page_says_that_it_is_over(tmp_path: Path) -> None:
    """Its address answers instead of 404, asks search engines to forget it, and stands in no list or sitemap."""
    site = made(tmp_path, a_page(expire_at=datetime(2023, 8, 17, tzinfo=SEOUL)), "2023-08-17T00:00:00")
    page = (site / "lectures/pottery/index.html").read_text("utf-8")
    assert "끝난 글입니다" in page and '<meta name="robots" content="noindex">' in page
    for place in ("lectures/index.html", "sitemap.xml", "lectures/feed.xml"):
        assert "/lectures/pottery/" not in (site / place).read_text("utf-8")


@pytest.mark.parametrize(
    ("page", "said"),
    [({"status": "cancelled"}, "status_reason에 까닭"), ({"status": "gone"}, "status: 다음 가운데 하나여야")],
)
def test_a_status_says_why(tmp_path: Path, page: dict[str, object], said: str) -> None:
    """Without a reason nobody calls off anything."""
    assert any(said in line for line in report(write_content(tmp_path, {"pottery": a_page(**page)})))
