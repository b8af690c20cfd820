"""What messages say, when they may go, and of what people are told by themselves."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from civic.clock import FixedClock
from civic.content.particulars import Contact
from civic.korean import SHORT, text_bytes
from civic.library import load
from civic.places import messages
from civic.places.intake import Found, Intake
from civic.places.messages import Appointments
from civic.store.book import CALM
from civic.store.entry import LIVE, Message
from civic.store.outbox import Letter
from tests.builders import a_lecture_file, a_round, an_application, write_content
from tests.places.conftest import OPENS

STARTS = "2023-09-07T10:00:00"
MINUTE = timedelta(minutes=1)
STATES = ("received", "confirmed/applied", "waiting/drawn", "offered", "declined/lapsed", "rejected/excluded")
OFFICE = Contact(name="도서관정책팀", phone="062-960-0000")
MACHINE = "얼린|씨앗|지문|해시|시스템|오류|null|None|{|}|_"


def written(**page: Any) -> str:
    """The lecture, its page's keys changed."""
    where = page.pop("where", "장덕도서관")
    starts = page.pop("starts", STARTS)
    rounds = [a_round(places=1, waiting=3, starts=starts, ends=starts.replace("T1", "T2"))]
    return a_lecture_file("에세이 글쓰기", rounds, page=page).replace("장덕도서관", where)


LECTURES = {"essay": written()}


@pytest.fixture
def desk(desk: Intake, clock: FixedClock) -> Intake:
    """One confirmed, two waiting; the messages of their sign-up have gone."""
    for _ in range(3):
        desk.apply(desk.check(*desk.form("lectures", "essay"), an_application()))
    clock.at += CALM
    assert told(desk, clock) == ["confirmed", "waiting", "waiting"]
    return desk


def told(desk: Intake, clock: FixedClock) -> list[str]:
    """The kinds of message that go now."""
    sent: list[str] = []
    while desk.store.outbox.deliver(clock, lambda parcel: sent.append(parcel.row[0])):
        pass
    return sorted(sent)


def rewritten(desk: Intake, tmp_path: Path, **page: Any) -> None:
    """The page is another now, as the built site has it."""
    content = write_content(tmp_path / "content", {"essay": written(**page)})
    desk.library = load(content, desk.clock.now())


def found(desk: Intake, kind: str, about: str) -> Found:
    """The first entry, as it is when a message of that kind goes."""
    entry = next(iter(desk.store.entries("lectures/essay")))
    states = {"reminder": "confirmed", "changed": "confirmed"}
    deadline = OPENS + timedelta(days=1)
    cause = (
        f"{about}: 강사 사정"
        if about in ("called-off", "cancelled-by-staff", "reviewed", "excluded")
        else about
    )
    entry = entry.moved(states.get(kind, kind), OPENS, cause, deadline)
    position = 3 if entry.state == "waiting" else None
    return Found(entry, position, desk.page(entry.subject), desk.round(entry), entry.state in LIVE)


def a_letter(desk: Intake, kind: str, given: Found) -> Letter:
    message = Message(kind, "lectures/essay", given.entry.number, "k")
    return messages.letter(message, given, OPENS, "https://www.example.go.kr/api/receipts/T", OFFICE)


@pytest.mark.parametrize("key", [*messages.NEWS, *STATES, "cancelled/cancelled-by-staff"])
def test_every_message_is_complete_without_its_link(desk: Intake, tmp_path: Path, key: str) -> None:
    """What, its number, and whom to ask; when, where and what next for those who come; why, where somebody decided so."""
    kind, _, about = key.partition("/")
    if kind == "changed" and about != "planned":
        rewritten(desk, tmp_path, status=about, status_reason="태풍이 옵니다.")
    given = found(desk, kind, about)
    text = a_letter(desk, kind, given).text
    said = re.sub(r"https://\S+", "", text)
    assert said.startswith("[에세이 글쓰기]\n") and f"접수번호 {given.entry.number}" in said
    assert "문의: 도서관정책팀 062-960-0000" in said and not re.search(MACHINE, said), said
    assert not re.search("[a-z]", said) and text_bytes(text) <= 600
    comes = given.entry.state in LIVE and key not in ("changed/postponed", "changed/cancelled")
    assert ("언제: 9월 7일(목) 10:00 ~ 20:00\n어디서: 장덕도서관" in said) == comes
    assert ("/api/receipts/T" in text) == comes
    assert ("까닭: " in said) == ("-" in about or about in ("reviewed", "excluded", "postponed", "cancelled"))
    for state, must in (
        ("waiting", "대기 3번"),
        ("offered", "8월 17일(목) 09:00까지"),
        ("reminder", "곧 시작"),
    ):
        assert kind != state or must in said


def test_a_long_title_leaves_a_code_short() -> None:
    """However long the title, the text message with a code is a short one, its code whole."""
    from civic.contacts.proof import TEXT
    from civic.korean import fitting

    for length in (1, 4, 5, 60):
        title = "가" * length
        text = TEXT.format(fitting(title, TEXT.format("", "123456")), "123456")
        assert text_bytes(text) <= SHORT and "123456" in text and "가" in text


def test_nothing_untrue_is_told(desk: Intake) -> None:
    """Of a state that has passed, a day that has begun, an end that has come."""
    given = found(desk, "confirmed", "applied")
    at = datetime.fromisoformat(f"{STARTS}+09:00")
    assert messages.is_true("confirmed", given, OPENS) and messages.is_true("reminder", given, at - MINUTE)
    assert not messages.is_true("offered", given, OPENS) and not messages.is_true("waiting", given, OPENS)
    assert not messages.is_true("reminder", given, at)
    assert not messages.is_true("confirmed", given, at + timedelta(hours=10))
    cancelled = found(desk, "cancelled", "cancelled-by-staff")
    for kind in ("confirmed", "changed", "reminder"):
        assert not messages.is_true(kind, cancelled, OPENS)


@pytest.mark.parametrize(
    ("kind", "hour", "ahead", "waits"),
    [
        ("confirmed", 20, 99, 0),
        ("confirmed", 21, 99, 12),
        ("confirmed", 3, 99, 6),
        ("confirmed", 9, 99, 0),
        ("cancelled", 22, 10, 0),  # of what begins at eight
        ("cancelled", 22, 12, 11),
        ("changed", 22, 10, 0),
        ("reminder", 22, 10, 11),
    ],
)
def test_at_night_only_what_cannot_wait(desk: Intake, kind: str, hour: int, ahead: int, waits: int) -> None:
    """From 21 to 9 messages wait for the morning; not what keeps somebody from coming for nothing before it."""
    now = OPENS.replace(hour=hour)
    given = found(desk, kind, "")
    at = messages.may_go(kind, given, now, [now + timedelta(hours=ahead)])
    assert at - now == timedelta(hours=waits)
    early = Found(given.entry.moved("offered", now, "", now + MINUTE), None, None, None, can_cancel=False)
    assert messages.may_go("offered", early, now, ()) == now


def test_a_change_of_time_place_or_state_is_told_once(
    desk: Intake, tmp_path: Path, clock: FixedClock
) -> None:
    """After ten minutes unchanged, to those who signed up before; nothing of other words; back at once: nothing."""
    follow = Appointments().follow

    def minutes(count: int) -> list[str]:
        for _ in range(count):
            follow(desk.library, desk.store, clock.at)
            clock.at += MINUTE
        return told(desk, clock)

    assert minutes(12) == []
    rewritten(desk, tmp_path, summary="고친 요약")
    assert minutes(12) == []
    rewritten(desk, tmp_path, where="수완도서관")
    assert minutes(9) == []
    rewritten(desk, tmp_path)
    assert minutes(12) == []
    rewritten(desk, tmp_path, starts="2023-09-08T10:00:00")
    assert minutes(10) == []
    Appointments().follow(desk.library, desk.store, clock.at)  # another server begins to lead
    assert minutes(1) == ["changed"] * 3
    assert minutes(12) == []
    rewritten(desk, tmp_path, status="cancelled", status_reason="태풍")
    assert minutes(11) == ["changed"] * 3
    rewritten(desk, tmp_path)
    assert minutes(6) == []
    number = desk.store.entries("lectures/essay")[1].number
    desk.cancel(number)
    assert minutes(6) == ["changed"] * 2


def test_people_are_reminded_the_day_before(desk: Intake, tmp_path: Path, clock: FixedClock) -> None:
    """At ten, who is confirmed and nobody else, once; again when the day moved; not of what was called off."""

    def at(text: str) -> list[str]:
        clock.at = datetime.fromisoformat(f"2023-09-{text}:00+09:00")
        for _ in "12":
            Appointments().follow(desk.library, desk.store, clock.at)
        return told(desk, clock)

    assert at("06T09:59") == []
    assert at("06T10:00") == ["reminder"] and at("06T10:01") == []
    rewritten(desk, tmp_path, starts="2023-09-09T10:00:00")
    assert at("08T09:00") == [] and at("08T12:00") == ["reminder"]
    rewritten(desk, tmp_path, starts="2023-09-11T10:00:00", status="postponed", status_reason="공사")
    assert at("10T12:00") == []
    rewritten(desk, tmp_path, starts="2023-09-12T10:00:00")
    assert at("12T10:00") == []  # it has begun
