"""What a form asks, and whether the answers fit it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from civic.errors import FieldError
from civic.forms import FormSpec, clean, has_resident_number, read_answers, texts


def a_form(**changes: Any) -> FormSpec:
    """A form that is right, with what the test changes."""
    given: dict[str, Any] = {
        "opens": datetime(2023, 8, 16, 9),  # noqa: DTZ001 — as staff write it
        "closes": datetime(2023, 9, 1),  # noqa: DTZ001
        "rounds": [{"id": "r1", "label": "1회차", "places": 20}],
        "consent": {"purpose": "강좌 접수", "items": ["이름", "휴대전화 번호"], "keep_days": 30},
    }
    return FormSpec.model_validate({**given, **changes})


def asking(**question: Any) -> FormSpec:
    return a_form(fields=[{"name": "q", "label": "질문", **question}])


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
        ({"fields": [{"name": "q", "label": "a", "type": "select", "options": ["하나"]}]}, "두 개 이상"),
        ({"fields": [{"name": "q", "label": "a", "options": ["하나", "둘"]}]}, "options를 쓰지 않습니다"),
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


@pytest.mark.parametrize(
    ("question", "given", "answer"),
    [
        ({}, "  가나다  ", "가나다"),
        ({}, "가", "가"),  # decomposed as a Mac types it, composed as everyone reads it
        ({"type": "textarea"}, "한 줄\r\n두 줄", "한 줄\n두 줄"),
        ({"type": "number", "min": 1, "max": 9}, "7", 7),
        ({"type": "number"}, 7, 7),
        ({"type": "date"}, "2023-08-16", "2023-08-16"),
        ({"type": "radio", "options": ["오전", "오후"]}, "오후", "오후"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, ["휠체어"], ["휠체어"]),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, "수어", ["수어"]),
        ({"type": "checkbox"}, "on", True),
        ({"type": "checkbox"}, True, True),
    ],
)
def test_answers_are_read(question: dict[str, Any], given: Any, answer: Any) -> None:
    """JSON and plain form posts give the same answer."""
    assert read_answers(asking(**question), {"q": given}) == ({"q": answer}, [])


@pytest.mark.parametrize(
    ("question", "given", "says"),
    [
        ({}, "", "적어 주세요"),
        ({}, None, "적어 주세요"),
        ({}, 5, "글로 적어 주세요"),
        ({}, "가" * 101, "100자까지 적을 수 있습니다. 지금 101자입니다."),
        ({}, "두\n줄", "한 줄로"),
        ({"type": "radio", "options": ["오전", "오후"]}, "밤", "보기 가운데에서"),
        ({"type": "radio", "options": ["오전", "오후"]}, "", "하나를 골라"),
        ({"type": "number", "min": 1, "max": 9}, "10", "9 이하로"),
        ({"type": "number", "min": 1, "max": 9}, "0", "1 이상으로"),
        ({"type": "number"}, "1e3", "숫자로"),
        ({"type": "number"}, True, "글로 적어 주세요"),
        ({"type": "date"}, "16/8/2023", "2023-08-16처럼"),
        ({"type": "checkbox", "options": ["수어", "휠체어"], "max": 1}, ["수어", "휠체어"], "1개까지"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, ["수어", "수어"], "보기 가운데에서"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, {"a": 1}, "보기 가운데에서"),
        ({"type": "checkbox"}, "", "체크해 주세요"),
        ({"type": "checkbox"}, "아마", "체크하거나"),
    ],
)
def test_wrong_answers_say_what_to_do(question: dict[str, Any], given: Any, says: str) -> None:
    """The field is named, and the message never repeats what was typed."""
    answers, errors = read_answers(asking(**question), {"q": given})
    assert answers == {}
    assert [error.field for error in errors] == ["answers.q"]
    assert says in errors[0].message


def test_unknown_answers_are_named() -> None:
    """An answer to a question nobody asked is not swallowed."""
    _, errors = read_answers(a_form(), {"shoe_size": "270"})
    assert errors == [FieldError("answers.shoe_size", "이 신청서에 없는 항목입니다.")]


def test_empty_optional_answers_are_left_out() -> None:
    """Nothing typed, nothing kept."""
    assert read_answers(asking(required=False), {"q": " "}) == ({}, [])


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
        "",
    ],
)
def test_other_numbers_are_not_resident_numbers(text: str) -> None:
    """Phones, dates beside phones and times, month 13, long account and card numbers."""
    assert not has_resident_number(text)


def test_a_resident_number_among_numbers_is_seen() -> None:
    """JSON may send it as a number, whole or with a point."""
    assert all(any(map(has_resident_number, texts([sent]))) for sent in (9001011234567, 9001011234567.0))


@given(
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.text() | st.integers() | st.booleans(), st.lists, max_leaves=8)
    )
)
def test_any_post_is_answered_without_a_crash(given: dict[str, Any]) -> None:
    """Whatever is posted, each question gives an answer or an error, never an exception."""
    spec = asking(type="checkbox", options=["수어", "휠체어"], required=True)
    answers, errors = read_answers(spec, given)
    assert bool(answers) != any(error.field == "answers.q" for error in errors)
    assert all(isinstance(text, str) for text in texts(given))


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """What is kept is a fixed point."""
    assert clean(clean(text)) == clean(text)
