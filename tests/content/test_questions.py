"""The questions of a form: each type with an example, and the answers that fit or do not."""

import typing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader
from pydantic import ValidationError

from civic import korean
from civic.content.form import FormSpec
from civic.content.questions import TYPES, Question, TypeName
from civic.errors import FieldError
from civic.text import texts
from tests.content.test_form import a_form

# The keys of the front matter, what is typed, what is kept, how it is said, and the answer as JSON Schema.
EXAMPLES: list[tuple[dict[str, Any], Any, Any, str, dict[str, Any]]] = [
    ({"type": "text", "max": 1}, " 가 ", "가", "가", {"type": "string", "maxLength": 1}),
    ({"type": "textarea"}, "한 줄\r\n두 줄", "한 줄\n두 줄", "한 줄\n두 줄", {"type": "string", "maxLength": 1000}),
    ({"type": "select", "options": ["가", "나"]}, "나", "나", "나", {"type": "string", "enum": ["가", "나"]}),
    ({"type": "radio", "options": ["가", "나"]}, "나", "나", "나", {"type": "string", "enum": ["가", "나"]}),
    ({"type": "checkbox"}, "on", True, "예", {"type": "boolean"}),
    ({"type": "checkbox", "options": ["가", "나"], "max": 2}, ["나", "가"], ["나", "가"], "나, 가",
     {"type": "array", "items": {"enum": ["가", "나"]}, "uniqueItems": True}),
    ({"type": "number", "min": 0, "max": 9}, "7", 7, "7", {"type": "integer", "minimum": 0, "maximum": 9}),
    ({"type": "date", "latest": date(2023, 9, 1)}, "2023-08-16", "2023-08-16", "2023년 8월 16일(수)",
     {"type": "string", "format": "date", "description": "latest 2023-09-01"}),
    ({"type": "email"}, " Ａ@example.kr", "A@example.kr", "A@example.kr", {"type": "string", "maxLength": 100}),
    ({"type": "phone"}, "062) 120-0000", "+82621200000", "062-120-0000", {"type": "string", "maxLength": 100}),
    ({"type": "address"}, "시청로 1", "시청로 1", "시청로 1", {"type": "string", "maxLength": 100}),
    ({"type": "consent", "text": "사진을 씁니다."}, "on", {"agreed": "사진을 씁니다."}, "동의함", {"type": "boolean"}),
]  # fmt: skip


def asking(**question: Any) -> FormSpec:
    """A form with one question."""
    return a_form(fields=[{"name": "q", "label": "질문", **question}])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0]["type"])
def test_each_type_reads_an_answer_and_tells_itself(example: Any, root: Path) -> None:
    """To people, to programs, to a load test and to the page, from one class and one macro."""
    keys, typed, kept, words, schema = example
    spec = asking(**keys)
    question = spec.fields[0]
    assert spec.read_answers({"q": typed}) == ({"q": kept}, [])
    assert question.words(kept) == words
    assert question.answer_schema() == schema
    assert question.read(question.sample()) in (question.sample(), kept)
    described = question.describe()
    assert described | {"name": "q", "label": "질문", "type": keys["type"], "required": True} == described
    assert described.keys() >= keys.keys()
    assert 'name="answers.q"' in drawn(question, root)


def drawn(question: Question, root: Path) -> str:
    """The field on the page."""
    env = Environment(loader=FileSystemLoader(root / "templates"), autoescape=True)
    env.globals["words"] = korean
    macro = getattr(env.get_template("components/questions.html").module, question.type)
    return str(macro("answers.q", question, {}, {}))


def test_every_type_has_an_example() -> None:
    """The names that staff may write, the classes and the examples above are the same."""
    assert set(TYPES) == set(typing.get_args(TypeName)) == {keys["type"] for keys, *_ in EXAMPLES}


def test_a_question_is_described_in_full() -> None:
    """Options with value and label, bounds as text, nothing that was not asked for."""
    keys = {"type": "date", "required": False, "hint": "평일"}
    days = asking(**keys, earliest=date(2023, 9, 1)).fields[0]
    assert days.describe() == {"name": "q", "label": "질문", **keys, "earliest": "2023-09-01"}
    choice = asking(type="radio", options=["가", "나"]).fields[0].describe()
    assert choice["options"] == [{"value": "가", "label": "가"}, {"value": "나", "label": "나"}]


_DAYS = {"type": "date", "earliest": date(2023, 9, 2)}


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"type": "select", "options": ["하나"]}, "두 개 이상"),
        ({"options": ["하나", "둘"]}, "options를 쓰지 않습니다"),
        ({"type": "radio", "options": ["하나", "하나"]}, "같은 답이 두 번"),
        ({"type": "number", "min": 5, "max": 1}, "min은 max보다"),
        ({"type": "checkbox", "min": 1}, "min은 type이 number"),
        ({"type": "checkbox", "max": 1}, "max는 글과 숫자"),
        ({"type": "date", "max": 3}, "max는 글과 숫자"),
        ({"earliest": date(2023, 9, 1)}, "earliest는 type이 date"),
        (_DAYS | {"latest": date(2023, 9, 1)}, "latest는 earliest보다"),
        ({"type": "slider"}, "Input should be 'text', 'textarea'"),
        ({"label": "주민 등록번호 앞자리"}, "물을 수 없습니다"),
        ({"label": "외국인등록번호"}, "물을 수 없습니다"),
        ({"label": "보험", "hint": "주민번호를 적어 주세요."}, "물을 수 없습니다"),
    ],
)
def test_a_question_that_cannot_work_is_refused(question: dict[str, Any], says: str) -> None:
    """Each mistake is said in words that say what to do."""
    with pytest.raises(ValidationError, match=says):
        asking(**question)


@pytest.mark.parametrize(
    ("question", "given", "answer"),
    [
        ({}, "  가나다  ", "가나다"),
        ({}, "\u1100\u1161", "가"),  # decomposed as a Mac types it, composed as everyone reads it
        ({"type": "number"}, 7, 7),
        ({"type": "number"}, "0", 0),
        (_DAYS | {"latest": date(2023, 9, 2)}, "2023-09-02", "2023-09-02"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, "수어", ["수어"]),
        ({"type": "checkbox"}, True, True),
    ],
)
def test_answers_are_read(question: dict[str, Any], given: Any, answer: Any) -> None:
    """JSON and plain form posts give the same answer."""
    assert asking(**question).read_answers({"q": given}) == ({"q": answer}, [])


@pytest.mark.parametrize(
    ("question", "given", "says"),
    [
        ({}, "", "‘질문’을 적어 주세요."),
        ({}, None, "적어 주세요"),
        ({}, 5, "글로 적어 주세요"),
        ({}, "가" * 101, "100자까지 적을 수 있습니다. 지금 101자입니다."),
        ({}, "두\n줄", "한 줄로"),
        ({"type": "radio", "options": ["오전", "오후"]}, "밤", "보기 가운데에서"),
        ({"type": "radio", "options": ["오전", "오후"]}, "", "‘질문’에서 하나를 골라 주세요."),
        ({"type": "number", "min": 1, "max": 9}, "10", "9 이하로"),
        ({"type": "number", "min": 1, "max": 9}, "0", "1 이상으로"),
        ({"type": "number"}, "1e3", "숫자로"),
        ({"type": "number"}, True, "글로 적어 주세요"),
        ({"type": "date"}, "16/8/2023", "2023-08-16처럼"),
        (_DAYS, "1900-01-01", "2023-09-02이나 그 뒤"),
        ({"type": "date", "latest": date(2023, 9, 8)}, "2023-09-09", "2023-09-08이나 그 앞"),
        ({"type": "checkbox", "options": ["수어", "휠체어"], "max": 1}, ["수어", "휠체어"], "1개까지"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, ["수어", "수어"], "보기 가운데에서"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, {"a": 1}, "보기 가운데에서"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, False, "보기 가운데에서"),
        ({"type": "checkbox", "options": ["수어", "휠체어"]}, [], "‘질문’에서 하나 이상 골라 주세요."),
        ({"type": "checkbox"}, "", "‘질문’을 확인하고 체크해 주세요."),
        ({"type": "checkbox"}, "아마", "체크하거나"),
    ],
)
def test_wrong_answers_say_what_to_do(question: dict[str, Any], given: Any, says: str) -> None:
    """The field is named, and the message never repeats what was typed."""
    answers, errors = asking(**question).read_answers({"q": given})
    assert answers == {}
    assert [error.field for error in errors] == ["answers.q"]
    assert says in errors[0].message


def test_a_hint_may_warn_of_resident_numbers() -> None:
    """To say that it must not be written is no question for it; an address on the register is none either."""
    warned = asking(hint="예: 아파트 이름. 주민등록번호는 적지 마세요.", label="주민등록상 주소")
    assert warned.fields[0].hint


def test_unknown_answers_are_named() -> None:
    """An answer to a question nobody asked is not swallowed."""
    _, errors = a_form().read_answers({"shoe_size": "270"})
    assert errors == [FieldError("answers.shoe_size", "이 신청서에 없는 항목입니다.")]


def test_empty_optional_answers_are_left_out() -> None:
    """Nothing typed, nothing kept."""
    assert asking(required=False).read_answers({"q": " "}) == ({}, [])


@settings(deadline=None)  # the machine does other work
@given(
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.text() | st.integers() | st.booleans(), st.lists, max_leaves=8)
    )
)
def test_any_post_is_answered_without_a_crash(given: dict[str, Any]) -> None:
    """Whatever is posted, each question gives an answer or an error, never an exception."""
    spec = asking(type="checkbox", options=["수어", "휠체어"], required=True)
    answers, errors = spec.read_answers(given)
    assert bool(answers) != any(error.field == "answers.q" for error in errors)
    assert all(isinstance(text, str) for text in texts(given))
