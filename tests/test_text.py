"""What people type: cleaned, and resident registration numbers seen in any spelling."""

import time
import unicodedata
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civic.clock import SEOUL
from civic.text import clean, has_resident_number, length, read_day, read_whole, texts


@pytest.mark.parametrize(
    "text",
    [
        "900101-1234567",
        "9001011234567",
        "900101 - 1234567",
        "제 번호는 900101-1234567입니다",
        "９００１０１－１２３４５６７",
        "010203-4234567",
        "900101 - 1 234567",
        "900101-1 23 45 67",
        "9 0 0 1 0 1 - 1 2 3 4 5 6 7",
        "90.01.01-1234567",
        "900101\u200b-1234567",
        # Dashes, a minus, the letter ㅡ of a Korean keyboard, signs that nobody sees, and a letter that is a blank.
        *(f"900101{sign}1234567" for sign in "–‐−ㅡ_/~\u00ad\u3164*,:()+=|\\、・·;#'\"\t"),
        "90/01/01-1234567",
        "90년 01월 01일 1234567",
        "(900101) (1234567)",
        "19900101-1234567",
        "1990-01-01 1234567",
        "٩٠٠١٠١-١٢٣٤٥٦٧",
        "९००१०१-१२३४५६७",
        "❾⓿⓿❶⓿❶❶❷❸❹❺❻❼",
        "9⃣0⃣0⃣1⃣0⃣1⃣1⃣2⃣3⃣4⃣5⃣6⃣7⃣",
        "900101-9234567",  # born before 1900
        "900101-0234567",
        "900\x08101-1234567",  # `clean` would join it
        "9.0.0.1.0.1.1.2.3.4.5.6.7",
        "900101\n1234567",
    ],
)
def test_resident_numbers_are_seen_in_any_spelling(text: str) -> None:
    """Full width, dashes, spaces, in the middle of a sentence."""
    assert has_resident_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "010-1234-5678",
        "010-1234-5678 010-1234-5678",
        "900101",
        "2023-08-16",
        "2023.08.16. 062-960-8548",
        "2023. 8. 16. 10:00~12:00",
        "23.10.11, 960-8548",
        "991301-1234567",
        "1234567890123456",
        "9001-0112-3456-7890",
        "+62 812 3456 7890",
        "농협 351-0101-2345-67",
        "농협 301-0112-1234-56",
        "기업 010-1012-34-5671",
        "010-1234-5678, 010-9012-1234, 062-960-8548",
        "010 1012 1234 010 1234 5678",
        "82-010-2234-5674",
        "+880 1312-345678",
        "2023-08-16 010-1234-5678",
        "환불 계좌 새마을금고 9002123456789",  # who would be born in 2090
        "20230816 1200000원",
        "",
    ],
)
def test_other_numbers_are_not_resident_numbers(text: str) -> None:
    """Phones, dates beside phones and times, month 13, long account and card numbers."""
    assert not has_resident_number(text)


def test_a_digest_is_no_resident_number() -> None:
    """A build stopped at random: the SHA-256 of a published file had these digits in it. Beside one they are seen."""
    digest = "9001011234567".join(("c0ffee", "ab" * 22 + "c"))
    assert len(digest) == 64 and not has_resident_number(f'"results.json" = "{digest}"')
    for text in ("abc9001011234567def", f"{digest} 900101-1234567", f"9001011234567 {digest}"):
        assert has_resident_number(text)


def test_a_resident_number_among_numbers_is_seen() -> None:
    """JSON may send it as a number, whole or with a point."""
    assert all(any(map(has_resident_number, texts([sent]))) for sent in (9001011234567, 9001011234567.0))


SIGNS = st.text(st.characters(exclude_categories=["L", "N", "Cs", "Zl", "Zp"]), max_size=3).filter(
    lambda signs: (
        not any(map(str.isalnum, unicodedata.normalize("NFKC", signs)))
    )  # "㈀" is a letter in brackets
)
NO_DIGIT = st.text(st.characters(exclude_categories=["Nd", "Nl", "No", "Mn", "Me", "Cs"]), max_size=20)
SCRIPTS = st.sampled_from("0٠०０𝟎")  # the zero of ten digits in a row


@given(st.dates(), SIGNS, SIGNS, st.integers(0, 9_999_999), SCRIPTS, st.booleans(), NO_DIGIT, NO_DIGIT)
def test_any_resident_number_is_seen(
    born: date, inner: str, middle: str, back: int, zero: str, century: bool, before: str, after: str
) -> None:
    """Any date, any signs, any script, with or without the century, amid other words."""
    year = f"{born.year:04d}" if century and 1800 <= born.year < 2100 else f"{born.year % 100:02d}"
    number = f"{year}{inner}{born.month:02d}{inner}{born.day:02d}{middle}{back:07d}"
    number = "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in number)
    lives = f"{back:07d}"[0] not in "3478" or born.year % 100 <= datetime.now(SEOUL).year % 100
    assert has_resident_number(f"{before} {number} {after}") or not lives


@given(
    st.lists(st.integers(10_000_000, 99_999_999), min_size=1, max_size=5), st.sampled_from([", ", " ", "/"])
)
def test_no_list_of_phones_is_a_resident_number(numbers: list[int], between: str) -> None:
    """As families and groups type them into a remark."""
    phones = [f"010-{n // 10_000}-{n % 10_000:04d}" for n in numbers]
    assert not has_resident_number(between.join(phones))


@pytest.mark.parametrize("part", ["9", "90", "9 ", "90-01-01-", "9001 01 123456", "-", " ", "가9", "0.1."])
def test_a_long_text_is_looked_through_in_one_go(part: str) -> None:
    """100 kB of whatever comes close takes no longer than its length: less than a second on any machine."""
    text = part * (100_000 // len(part))
    began = time.perf_counter()
    has_resident_number(text)
    assert time.perf_counter() - began < 1


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """What is kept is a fixed point."""
    assert clean(clean(text)) == clean(text)


def test_a_name_cannot_turn_the_line_it_stands_in() -> None:
    """Signs that show what follows from right to left would turn round the rest of a line in staff's lists."""
    assert clean("홍길동\u202e 010") == "홍길동 010"
    assert clean("\u2066홍길동\u2069") == "홍길동"
    assert clean("e\u202e\u0301") == "é"  # what stood apart is one letter now


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\u3164", ""),
        ("\u115f\u1160", ""),
        ("\uffa0\u2060", ""),
        ("빵\t3\t500", "빵 3 500"),
        ("가\u00a0나\u3000다\r\n라\u2028마\r바", "가 나 다\n라\n마\n바"),
        ("👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"),
    ],
)
def test_blanks_and_line_ends_become_one_kind(typed: str, kept: str) -> None:
    """Nothing that is seen is lost or joined; what nobody sees is nothing."""
    assert clean(typed) == kept


def test_lengths_are_what_a_person_sees() -> None:
    """A family, a flag, a letter with two accents and a syllable of old Hangul are one sign each."""
    assert [
        length(text) for text in ("👨\u200d👩\u200d👧\u200d👦" * 8, "🇰🇷", "e\u0301\u0323", "ᄒᆞᆫ", "가나 다")
    ] == [8, 1, 1, 1, 4]


@pytest.mark.parametrize(
    "typed",
    [
        "2023-10-12",
        "2023. 10. 12.",
        "2023년 10월 12일(목)",
        "2023.10.12 (목)",
        "20231012",
        "２０２３／１０／１２",
        "2023. 10. 12. 목요일",
    ],
)
def test_days_are_read_in_every_usual_spelling(typed: str) -> None:
    """In forms, commands and files alike."""
    assert read_day(typed) == date(2023, 10, 12)


@pytest.mark.parametrize(
    "typed", ["2023-W41-4", "2023-285", "10. 12.", "2023. 13. 1.", "2023-10-12T00:00", "내일", ""]
)
def test_what_is_no_day_is_refused(typed: str) -> None:
    """A week date, a day of a year, no year, no such month."""
    with pytest.raises(ValueError, match="날짜를 2023-08-16처럼"):
        read_day(typed)


def test_a_weekday_that_does_not_fit_is_told() -> None:
    """Which of both is meant only the writer knows."""
    with pytest.raises(ValueError, match="10월 12일은 목요일입니다"):
        read_day("2023년 10월 12일(수)")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1,000", 1000),
        ("３명", 3),
        (" 12 만 원", 120_000),
        ("1만 2천원", 12_000),
        ("12억", 1_200_000_000),
        ("-5", -5),
        ("0개", 0),
    ],
)
def test_numbers_are_read_in_every_usual_spelling(typed: str, number: int) -> None:
    """With commas, units, full-width digits and Korean tens of thousands."""
    assert read_whole(typed) == number


@pytest.mark.parametrize("typed", ["", "원", "1.5", "3~4명", "약 3명", "1e3", "9" * 13])
def test_what_is_no_number_is_refused(typed: str) -> None:
    """A fraction, a span, a guess."""
    with pytest.raises(ValueError, match="숫자로"):
        read_whole(typed)


def test_every_text_of_a_post() -> None:
    """Names and numbers too, however deep and large; a tick is no text."""
    posted = {"a": ["b", {"c": (9001011234567, 9001011234567.0)}], "d": [True, None], "e": 10**400}
    assert sorted(texts(posted)) == sorted(["a", "b", "c", *["9001011234567"] * 2, "d", "e", str(10**400)])
    assert texts(None) == [] and texts(float("inf")) == ["inf"]
