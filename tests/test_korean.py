"""Dates, money and counts as people say them."""

from datetime import datetime, timedelta

import pytest

from civic import korean
from civic.clock import SEOUL

NOW = datetime(2023, 8, 16, 9, tzinfo=SEOUL)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "0원"),
        (9_999, "9,999원"),
        (10_000, "1만 원"),
        (45_000_000, "4,500만 원"),
        (100_000_000, "1억 원"),
        (1_200_000_000, "12억 원"),
        (1_234_567_890, "12억 3,456만 7,890원"),
    ],
)
def test_money_reads_as_people_read_it(amount: int, words: str) -> None:
    """Won in 억 and 만, and no zero parts."""
    assert korean.won(amount) == words


def test_a_period_that_ends_at_midnight_ends_on_the_day_before() -> None:
    """closes = 1 September 00:00 is what the poster calls 31 August 24:00."""
    assert (
        korean.period(at("2023-08-16T09:00"), at("2023-09-01T00:00"), NOW)
        == "8월 16일(수) 09:00 ~ 8월 31일(목) 24:00"
    )


def test_a_period_on_one_day_names_the_day_once() -> None:
    """The festival: 16:00 to 21:00."""
    assert korean.period(at("2023-08-19T16:00"), at("2023-08-19T21:00"), NOW) == "8월 19일(토) 16:00 ~ 21:00"


def test_the_year_stands_wherever_it_is_not_this_year() -> None:
    """An old notice, an opening next year, a New Year's Eve: each was told as if it were of this year."""
    late, midnight = at("2023-12-31T22:00"), at("2024-01-01T00:00")
    assert korean.closing(midnight, NOW) == "12월 31일(일) 24:00"
    assert korean.closing(midnight, midnight) == "2023년 12월 31일(일) 24:00"
    assert korean.period(late, midnight, NOW) == "12월 31일(일) 22:00 ~ 12월 31일(일) 24:00"
    over = "2023년 12월 31일(일) 22:00 ~ 2024년 1월 1일(월) 01:00"
    assert {korean.period(late, at("2024-01-01T01:00"), now) for now in (NOW, midnight)} == {over}
    assert korean.short_moment(late, None) == "2023년 12월 31일(일) 22:00"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=4, hours=3, minutes=59), "4일 3시간"),
        (timedelta(days=2), "2일"),
        (timedelta(hours=3, minutes=5), "3시간 5분"),
        (timedelta(seconds=20), "1분"),
        (timedelta(0), ""),
        (timedelta(minutes=-1), ""),
    ],
)
def test_time_left(left: timedelta, words: str) -> None:
    """Whole days and hours, then minutes; nothing once it is over."""
    now = at("2023-08-16T09:00")
    assert korean.left(now + left, now) == words


PARTICLES = [
    ("정원", "이/가", "정원이"),
    ("대기", "이/가", "대기가"),
    ("‘함께 사는 아이의 수’", "을/를", "‘함께 사는 아이의 수’를"),
    ("‘도서관에 얼마나 자주 가나요?’", "을/를", "‘도서관에 얼마나 자주 가나요?’를"),
    ("‘정원(20명)’", "을/를", "‘정원(20명)’을"),
    ("아이 수 (명)", "은/는", "아이 수 (명)는"),
    ("\u1106\u116e\u11ab", "을/를", "\u1106\u116e\u11ab을"),  # 문 as a Mac writes it
    ("교실", "으로/로", "교실로"),
    ("구청", "으로/로", "구청으로"),
    ("마루", "으로/로", "마루로"),
    ("포트 8000", "을/를", "포트 8000을"),  # 팔천
    ("8401", "으로/로", "8401로"),  # 일
    ("9월 24", "은/는", "9월 24는"),  # 사
    ("entries.sqlite3", "이/가", "entries.sqlite3이"),  # 삼
    ("email", "을/를", "email을"),
    ("/var/data", "을/를", "/var/data를"),
    ("PDR", "을/를", "PDR을"),  # 알
    ("server", "을/를", "server를"),
    ("30%", "을/를", "30%를"),
    ("廣山", "은/는", "廣山은(는)"),
    ("…", "은/는", "…은(는)"),
    ("", "이/가", "이(가)"),
]


@pytest.mark.parametrize(("word", "pair", "said"), PARTICLES)
def test_particles_follow_the_last_sound(word: str, pair: str, said: str) -> None:
    """정원이, 대기가; quotes, brackets and signs are not read; both where nobody can tell."""
    assert korean.josa(word, pair) == said
