"""What a form asks: times and rounds that go together, consent, and what may be typed nowhere."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from civic.content.form import FormSpec
from civic.text import clean, has_resident_number, texts


def a_form(**changes: Any) -> FormSpec:
    """A form that is right, with what the test changes."""
    given: dict[str, Any] = {
        "opens": datetime(2023, 8, 16, 9),  # noqa: DTZ001 — as staff write it
        "closes": datetime(2023, 9, 1),  # noqa: DTZ001
        "rounds": [{"id": "r1", "label": "1회차", "places": 20}],
        "consent": {"purpose": "강좌 접수", "items": ["이름", "휴대전화 번호"], "keep_days": 30},
    }
    return FormSpec.model_validate({**given, **changes})


EARLY = datetime(2023, 8, 1)  # noqa: DTZ001 — as staff write it


def test_times_without_offset_are_seoul_and_half_open() -> None:
    """09:00 on the poster is 09:00 +09:00."""
    assert a_form().opens.isoformat() == "2023-08-16T09:00:00+09:00"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"closes": datetime(2023, 8, 16, 9)}, "closes는 opens보다 뒤여야"),  # noqa: DTZ001
        ({"rounds": [{"id": "r1", "label": "a", "places": 1}] * 2}, "rounds에 같은 이름"),
        ({"selection": "window-draw"}, "window는"),
        ({"window": 10}, "window는"),
        ({"rounds": [{"id": "r1", "label": "a", "places": 1, "hours": 4}]}, "ledger를 쓰세요"),
        (
            {"rounds": [{"id": "r1", "label": "a", "places": 1, "opens": EARLY}]},
            "opens보다 앞설",
        ),
        (
            {"rounds": [{"id": "r1", "label": "a", "places": 1, "ends": EARLY}]},
            "시작하는 때보다",
        ),
    ],
)
def test_a_form_that_cannot_work_is_refused(changes: dict[str, Any], says: str) -> None:
    """Each mistake is said in Korean, in words that say what to do."""
    with pytest.raises(ValidationError, match=says):
        a_form(**changes)


@pytest.mark.parametrize("wrong", [{"places": "20"}, {"places": 0}, {"places": 2.0}, {"seats": 3}])
def test_types_are_exact_and_unknown_keys_are_mistakes(wrong: dict[str, Any]) -> None:
    """ "20" is not 20: a wrong type is a slip of the pen that must be seen."""
    with pytest.raises(ValidationError):
        a_form(rounds=[{"id": "r1", "label": "a", "places": 5, **wrong}])


def test_the_consent_names_everything_that_is_collected() -> None:
    """Found with an event that counted companions and did not say so: the list comes from the fields themselves."""
    consent = {"purpose": "접수", "keep_days": 30, "items": ["출석", "이름"], "optional_items": ["사진"]}
    full = a_form(
        consent=consent,
        person="phone+birth_date",
        email="optional",
        party=4,
        fields=[{"name": "a", "label": "사는 동"}, {"name": "b", "label": "바라는 것", "required": False}],
    )
    always = ("이름", "휴대전화 번호", "생년월일", "함께 신청하는 사람 수", "사는 동", "출석")
    assert full.collected == (always, ("이메일", "바라는 것", "사진"))
    assert a_form(email="required").collected == (("이름", "휴대전화 번호", "이메일"), ())
    assert a_form(email="none").collected == (("이름", "휴대전화 번호"), ())


@pytest.mark.parametrize(
    "text",
    [
        "900101-1234567",
        "9001011234567",
        "900101 - 1234567",
        "제 번호는 900101-1234567입니다",
        "９００１０１－１２３４５６７",
        "900101–2234567",
        "010203-4234567",
        "900101‐1234567",  # a hyphen, a minus, and the letter ㅡ of a Korean keyboard
        "900101−1234567",
        "900101ㅡ1234567",
        "900101_1234567",
        "900101/1234567",
        "900101~1234567",
        "900101 - 1 234567",
        "900101-1 23 45 67",
        "9 0 0 1 0 1 - 1 2 3 4 5 6 7",
        "90.01.01-1234567",
        "900101\u200b-1234567",  # marks that nobody sees
        "900101\u00ad1234567",
        *(f"900101{sign}1234567" for sign in "*,:()+=|\\、・·;#'\"\t"),
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
        "900101\u31641234567",  # a letter that is a blank
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


SIGNS = st.text(st.characters(exclude_categories=["L", "N", "Cs", "Zl", "Zp"]), max_size=3)
NO_DIGIT = st.text(st.characters(exclude_categories=["Nd", "Nl", "No", "Mn", "Me", "Cs"]), max_size=20)
SCRIPTS = st.sampled_from("0٠०０𝟎")  # the zero of ten digits in a row


@given(
    st.dates(),
    SIGNS,
    SIGNS,
    st.integers(0, 9_999_999),
    SCRIPTS,
    st.booleans(),
    NO_DIGIT,
    NO_DIGIT,
)
def test_any_resident_number_is_seen(
    born: date, inner: str, middle: str, back: int, zero: str, century: bool, before: str, after: str
) -> None:
    """Any date, any signs, any script, with or without the century, amid other words."""
    year = f"{born.year:04d}" if century and 1800 <= born.year < 2100 else f"{born.year % 100:02d}"
    number = f"{year}{inner}{born.month:02d}{inner}{born.day:02d}{middle}{back:07d}"
    number = "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in number)
    assert has_resident_number(f"{before} {number} {after}")


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
