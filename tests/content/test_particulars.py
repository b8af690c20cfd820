"""What a notice tells in tables of its own: shown on its page, told in calendars, and named where it cannot be."""

from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from civic.clock import parse_time
from civic.content.pages import Event
from civic.library import load
from tests.builders import SITE, write_files
from tests.publish.test_pages import page, reader
from tests.test_library import report

NOW = parse_time("2023-08-16T09:00:00")
TUESDAYS = """[[repeats]]
every = "tue"
from = 2023-09-20
count = 3
except = [2023-10-03]
starts = 19:00:00
ends = 21:00:00
"""
MARKET = f"""+++
title = "화요 장터"
department = "library"

[[sessions]]
starts = 2023-10-14T10:00:00
ends = 2023-10-14T17:00:00
topic = "큰 장"

{TUESDAYS}
[where]
name = "옛 역 마당"
address = "가온시 역앞로 1"
how = "시내버스 7번"
wheelchair = true

[audience]
who = "누구나"
from_age = 7

[fee]
amount = 12000
until = 2023-09-26T00:00:00
refund = "전날까지 모두"
how = "계좌로 보냅니다."
reductions = [{{ who = "어린이", amount = 0 }}]

[[contacts]]
name = "장터지기"
phone = "062-000-0001"

[[contacts]]
name = "환불 담당"
mail = "Refund@EXAMPLE.kr"
+++
장터가 섭니다.
"""
AGED = """from_age = 7

[form]
opens = 2023-08-16T09:00:00
closes = 2023-09-01T00:00:00
person = "phone"
rounds = [{ id = "a", label = "가", places = 9 }]
consent = { purpose = "접수", keep_days = 30 }

"""
COURSE = """+++
title = "전화로 받는 강좌"
where = "구민회관"
audience = {audience}
when = "가을"
+++
전화로 신청하세요.
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """An event that says everything, a lecture to be asked for by phone, and one for staff."""
    files = {
        "site.toml": SITE,
        "events/market.md": MARKET,
        "lectures/phone.md": COURSE.format(audience='"어른"'),
        "lectures/staff.md": COURSE.format(audience='{ who = "새로 온 직원", internal = true }'),
    }
    return write_files(tmp_path / "content", files)


@pytest.fixture
def client(town: Path) -> FlaskClient:
    return reader(load(town, NOW))


def test_a_page_says_where_for_whom_what_it_costs_and_whom_to_ask(client: FlaskClient) -> None:
    """Each with all that is known of it, on the page and, the place, in its calendar."""
    shown = page(client, "/events/market/")
    for said in (
        "옛 역 마당\n가온시 역앞로 1\n시내버스 7번\n휠체어로 들어갈 수 있습니다.",
        "누구나\n만 7세부터",
        "1만 2,000원\n어린이 무료\n계좌로 보냅니다.\n9월 25일(월) 24:00까지 냅니다.\n환불: 전날까지 모두",
        'href="tel:062-000-0001"',
        'href="mailto:Refund@example.kr"',
    ):
        assert said in shown
    assert "<p>도서관정책팀" not in shown  # its own contacts stand in place of the office
    calendar = Calendar.from_ical(client.get("/events/market/event.ics").data)
    assert {str(event["LOCATION"]) for event in calendar.walk("VEVENT")} == {"옛 역 마당, 가온시 역앞로 1"}


def test_a_repeat_is_its_dates(client: FlaskClient) -> None:
    """The third of October is left out and not counted; other hours stand by themselves; the order is that of the days."""
    shown = page(client, "/events/market/")
    days = ["9월 26일(화)", "10월 10일(화)", "10월 14일(토)", "10월 17일(화)"]
    places = [shown.index(f"<td>{day}") for day in days]
    assert places == sorted(places)
    assert "9월 26일(화) ~ 10월 17일(화), 모두 4회" in page(client, "/events/")


def test_a_day_left_out_renames_no_other_day(town: Path) -> None:
    """Calendars know each day again by its name: that of a repeat is its time, that of a session its number."""

    def names() -> set[str]:
        calendar = Calendar.from_ical(reader(load(town, NOW)).get("/events/market/event.ics").data)
        return {str(event["UID"]).partition("@")[0] for event in calendar.walk("VEVENT")}

    times = ("-1", "-20230926T1900", "-20231010T1900", "-20231017T1900")
    assert names() == {f"events-market{time}" for time in times}
    file = town / "events/market.md"
    file.write_text(MARKET.replace("[2023-10-03]", "[2023-10-03, 2023-10-10]"), "utf-8")
    assert names() == {f"events-market{time}" for time in (*times[:2], times[3], "-20231024T1900")}


def test_home_leads_with_what_everybody_may_come_to(client: FlaskClient) -> None:
    """A fair and a class by phone are news without a form; what is for staff is reached by its list, and marked there."""
    home, lectures = page(client, "/"), page(client, "/lectures/")
    assert "/events/market/" in home and "/lectures/phone/" in home
    assert "/lectures/staff/" not in home
    assert "직원 대상" in lectures and "직원 대상" in page(client, "/lectures/staff/")
    assert "직원 대상" not in page(client, "/lectures/phone/")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("count = 3\n", "", "10: repeats.0: count가 없으면 끝나지 않습니다. 몇 번 만나는지 쓰세요"),
        ("10-03]", "10-04]", "14: repeats.0.except.0: 2023년 10월 4일(수)은 이 반복에 없는 날입니다 (found 2023-10-04)"),
        ("2023-09-20", "8999-09-20", "12: repeats.0.from: 쓸 수 없는 해입니다 (found 8999-09-20)"),
        ('"tue"', '"화"', "11: repeats.0.every: 다음 가운데 하나여야 합니다: mon, tue, wed, thu, fri, sat, sun (found 화)"),
        ("[2023-10-03]", '["10월 3일"]', "14: repeats.0.except.0: 날짜여야 합니다 (found 10월 3일) → 2023-08-16처럼 따옴표 없이 쓰세요"),
        ("amount = 0 }", "amount = 12000 }", "33: fee.reductions.0.amount: fee의 amount보다 적어야 합니다 (found 12000)"),
        ("from_age = 7", "from_age = 7\nto_age = 6", "27: audience.to_age: from_age보다 작을 수 없습니다 (found 6)"),
        ("from_age = 7\n", AGED, "31: form.person: 생년월일을 묻지 않아 나이를 확인할 수 없습니다. phone+birth_date나 participant로 쓰세요 (found phone)"),
        ("Refund@EXAMPLE.kr", "Refund", "41: contacts.1.mail: 이메일 주소를 name@example.kr처럼 적어 주세요. (found Refund)"),
        ('title = "화요 장터"', 'title = "화요 장터"\nstarts = 2023-09-01T10:00:00', "3: starts: starts와 ends를 함께 쓰거나, 그 대신 sessions나 repeats를 쓰세요 (found 2023-09-01T10:00:00)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(town: Path, before: str, after: str, said: str) -> None:
    """A repeat without an end, a day off that is none, a reduction that is none: line, key and what to do."""
    assert before in MARKET
    (town / "events/market.md").write_text(MARKET.replace(before, after, 1), "utf-8")
    assert report(town) == [f"events/market.md:{said}"]


def test_staff_are_told_of_holidays_and_offices_without_a_phone(town: Path) -> None:
    """Both may be meant, so nothing stops: Hangul Day, and an office that a page leads to with its questions."""
    assert not load(town, NOW).warnings
    file = town / "events/market.md"
    file.write_text(MARKET.replace("10-14T", "10-09T").replace("[[contacts]]\n", "[[facts]]\n", 0), "utf-8")
    (town / "lectures/phone.md").write_text(COURSE.format(audience='"어른"\ndepartment = "library"'), "utf-8")
    assert [str(each) for each in load(town, NOW).warnings] == [
        "events/market.md:6: sessions.0.starts: 2023년 10월 9일(월)은 쉬는 날(한글날)입니다. 만나지 않으면 빼거나 except에 쓰세요",
        "site.toml:10: departments.library: 전화번호(phone)가 없어 궁금한 것을 물어볼 수 없습니다 (found 도서관정책팀)",
    ]


def test_a_repeat_may_begin_on_another_day() -> None:
    """From a Wednesday on, every Tuesday: the first is six days later."""
    event = {"title": "장", "where": "마당", "slug": "a", "file": "a"}
    repeat = {
        "every": "tue",
        "from": date(2023, 9, 20),
        "count": 1,
        "starts": NOW.time(),
        "ends": NOW.time().replace(hour=10),
    }
    (only,) = Event.model_validate({**event, "repeats": [repeat]}).meets
    assert only.starts == parse_time("2023-09-26T09:00:00")
