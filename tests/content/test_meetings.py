"""When one has to be there: the meetings of a page and of a round, in words and as a calendar file."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from civic.clock import SEOUL
from civic.content import meetings
from civic.content.pages import Event, Lecture
from civic.content.rounds import Round
from civic.content.site import Site

SITE = Site(
    name="마당", organisation="구", summary="누리집", base_url="https://madang.example", contact="office",
    menu=[{"label": "강좌", "to": "/lectures/"}], departments={"office": {"name": "민원실"}},
)  # fmt: skip
NOW = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CONSENT = {"purpose": "접수", "items": ("이름",), "keep_days": 30}


def at(day: str, hour: int) -> datetime:
    return datetime.fromisoformat(f"2023-{day}T{hour:02}:00").replace(tzinfo=SEOUL)


def a_class(id: str, starts: datetime, ends: datetime | None) -> dict[str, Any]:
    return {"id": id, "label": f"{id} 반", "places": 10, "starts": starts, "ends": ends, "where": "2층"}


def a_course(days: list[tuple[str, int]], rounds: tuple[dict[str, Any], ...] = (), when: str = "") -> Lecture:
    """A lecture whose sessions last two hours, on these days from these hours."""
    sessions = tuple(
        {"starts": at(day, hour), "ends": at(day, hour + 2), "topic": f"{number}번째"}
        for number, (day, hour) in enumerate(days, 1)
    )
    form = {"opens": at("08-01", 9), "closes": at("09-01", 0), "rounds": rounds, "consent": CONSENT}
    place = {"where": "도서관", "audience": "누구나", "slug": "books", "file": "lectures/books.md"}
    return Lecture(title="책 읽기", when=when, sessions=sessions, form=form if rounds else None, **place)


SATURDAYS = [("09-09", 10), ("09-16", 10), ("09-23", 10)]
WHOLE = a_class("autumn", at("09-09", 10), at("09-23", 12))
MORNING, EVENING = (
    a_class("am", at("08-31", 10), at("08-31", 12)),
    a_class("pm", at("08-31", 14), at("08-31", 16)),
)


def the_round(doc: Lecture, id: str) -> Round:
    assert doc.form
    found = doc.form.round(id)
    assert found
    return found


def test_a_course_is_its_sessions_not_one_long_block() -> None:
    """Three Saturdays within the round: three lines and three entries of two hours, not one of two weeks."""
    course = a_course(SATURDAYS, (WHOLE,))
    autumn = the_round(course, "autumn")
    assert meetings.when(course, autumn, NOW) == [
        "9월 9일(토) 10:00 ~ 12:00",
        "9월 16일(토) 10:00 ~ 12:00",
        "9월 23일(토) 10:00 ~ 12:00",
    ]
    events = Calendar.from_ical(meetings.calendar_file(SITE, [(course, autumn)])).walk("VEVENT")
    assert [(event["dtend"].dt - event["dtstart"].dt).seconds for event in events] == [7200] * 3


def test_a_receipt_and_its_page_give_the_same_entries() -> None:
    """Same UIDs and the same UTC times, so that who takes both files has each meeting once; no zone is only named."""
    course = a_course(SATURDAYS, (WHOLE,))
    files = [
        meetings.calendar_file(SITE, [(course, each)]).decode()
        for each in (None, the_round(course, "autumn"))
    ]
    for text in files:
        assert "TZID" not in text
        assert "PRODID:-//Madang//KO" in text
    uids = [[str(event["uid"]) for event in Calendar.from_ical(text).walk("VEVENT")] for text in files]
    assert uids[0] == uids[1] == [f"lectures-books-{number}@madang.example" for number in (1, 2, 3)]


def test_each_class_has_its_own_sessions() -> None:
    """The same course in the morning and in the afternoon: whoever takes one is not told of the other."""
    course = a_course([("08-31", 10), ("08-31", 14)], (MORNING, EVENING))
    assert meetings.when(course, the_round(course, "pm"), NOW) == ["8월 31일(목) 14:00 ~ 16:00"]
    assert meetings.summary(course, NOW) == "8월 31일(목) 10:00 ~ 12:00 또는 14:00 ~ 16:00"


def test_a_round_without_sessions_is_its_own_time() -> None:
    """Outside the sessions, or of another kind of page; without an end only the start is said."""
    course = a_course([], (a_class("late", at("09-07", 19), None),))
    late = the_round(course, "late")
    assert meetings.when(course, late, NOW) == ["9월 7일(목) 19:00"]
    event = Calendar.from_ical(meetings.calendar_file(SITE, [(course, late)])).walk("VEVENT")[0]
    assert "dtend" not in event and str(event["uid"]) == "lectures-books-round-late@madang.example"
    assert meetings.when(None, late, NOW) == ["9월 7일(목) 19:00"]


def test_an_event_is_one_meeting_but_for_rounds_with_a_time() -> None:
    """The evening itself, or the ride at half past four."""
    times = {"starts": at("08-19", 16), "ends": at("08-19", 21)}
    night = Event(title="밤", where="공원", slug="night", file="events/night.md", **times)
    plain = Round(id="all", label="모두", places=5)
    ride = Round(id="ride", label="놀이", places=5, starts=at("08-19", 17), ends=at("08-19", 18))
    assert meetings.when(night, plain, NOW) == ["8월 19일(토) 16:00 ~ 21:00"]
    assert meetings.when(night, ride, NOW) == ["8월 19일(토) 17:00 ~ 18:00"]
    assert b"SUMMARY:\xeb\xb0\xa4: " in meetings.calendar_file(SITE, [(night, ride)])


def test_a_course_in_one_line() -> None:
    """Weekly, with a gap, at changing hours, twice a day, once; dates win over what staff wrote."""
    assert (
        meetings.summary(a_course(SATURDAYS), NOW)
        == "9월 9일(토) ~ 9월 23일(토), 매주 토요일 10:00~12:00, 모두 3회"
    )
    gap = [("09-07", 10), ("09-14", 10), ("10-05", 10)]
    assert meetings.summary(a_course(gap), NOW) == "9월 7일(목) ~ 10월 5일(목), 목요일 10:00~12:00, 모두 3회"
    changing = [("09-07", 10), ("09-08", 14)]
    assert meetings.summary(a_course(changing), NOW) == "9월 7일(목) ~ 9월 8일(금), 모두 2회"
    assert (
        meetings.summary(a_course([("08-31", 10), ("08-31", 14)]), NOW)
        == "8월 31일(목) 10:00 ~ 16:00, 모두 2회"
    )
    assert meetings.summary(a_course([("08-31", 10)], when="가을"), NOW) == "8월 31일(목) 10:00 ~ 12:00"
    assert meetings.summary(a_course([], when="2023년 9월~10월"), NOW) == "2023년 9월~10월"
    assert meetings.summary(a_course([]), NOW) == ""


# Words as staff may write them, with every sign that means something in a calendar file.
words = st.text(
    st.one_of(
        st.sampled_from("가나다 마당\\,;:\"\n\t'^=~éＡ👩‍👧한"),
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    ),
    max_size=120,
)


def file_with(summary: str) -> str:
    event = meetings.component("VEVENT", [("UID", "a@b"), ("SUMMARY", meetings.escaped(summary))])
    return meetings.component("VCALENDAR", [("VERSION", "2.0")], [event]) + "\r\n"


def read_back(file: str) -> str:
    return str(Calendar.from_ical(file).walk("VEVENT")[0]["summary"])


@given(words)
def test_any_words_can_be_read_back(summary: str) -> None:
    """And no line is longer than 75 bytes, divided within a character, or ended but by CR LF."""
    file = file_with(summary)
    assert read_back(file) == summary
    assert all(len(line) <= meetings.LONGEST for line in file.encode().split(b"\r\n"))
    assert all(line.decode() for line in file.encode().split(b"\r\n")[:-1])
    assert "\n" not in file.replace("\r\n", "")


@pytest.mark.parametrize(("left_out", "summary"), [("escaped", "흙, 물; 불\\n"), ("folded", "가" * 40)])
def test_without_escapes_or_folds_it_would_not_hold(
    monkeypatch: pytest.MonkeyPatch, left_out: str, summary: str
) -> None:
    """The control: each of the two is noticed when it is left out."""
    monkeypatch.setattr(meetings, left_out, lambda value: value)
    file = file_with(summary)
    longest = max(len(line) for line in file.encode().split(b"\r\n"))
    assert read_back(file) != summary or longest > meetings.LONGEST


def test_signs_that_no_file_may_hold_are_left_out() -> None:
    """Controls but tab and line break; each kind of line break is one."""
    assert meetings.escaped("가\x00나\x1b다\x7f\r\n라\r마\t바") == "가나다\\n라마\t바"
    assert read_back(file_with("가\r\n나")) == "가\n나"


def test_times_are_utc() -> None:
    assert meetings.utc(datetime(2023, 9, 7, 8, 30, tzinfo=SEOUL)) == "20230906T233000Z"
