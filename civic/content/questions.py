"""Do the answers fit the questions of the form? Pure checks, in words for the person who typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from civic.content.form import FormSpec, Question
from civic.errors import FieldError
from civic.korean import josa
from civic.text import clean


def read_answers(spec: FormSpec, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
    """Checked answers by question name, and what must be corrected.

    given: `{name: text | number | list of text | bool}` as JSON or a plain form sends it. Empty optional
    answers are left out. Error fields are named "answers.<name>". Unknown names are errors.
    """
    known = {question.name: question for question in spec.fields}
    errors = [
        FieldError(f"answers.{name}", "이 신청서에 없는 항목입니다.") for name in given if name not in known
    ]
    answers: dict[str, Any] = {}
    for name, question in known.items():
        try:
            answer = _read_answer(question, given.get(name))
        except ValueError as wrong:
            errors.append(FieldError(f"answers.{name}", str(wrong)))
            continue
        if answer is not None:
            answers[name] = answer
    return answers, errors


def _read_answer(question: Question, given: Any) -> Any:
    """One checked answer; None when an optional one is empty. Raises ValueError with the Korean message."""
    if question.type == "checkbox":
        return _read_ticks(question, given)
    if question.type == "number" and isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if given is not None and not isinstance(given, str):
        raise ValueError("글로 적어 주세요.")
    text = clean(given or "")
    if not text:
        if question.required:
            chosen = question.type in ("select", "radio")
            raise ValueError(
                f"‘{question.label}’에서 하나를 골라 주세요."
                if chosen
                else f"{josa(f'‘{question.label}’', '을/를')} 적어 주세요."
            )
        return None
    if question.type in ("select", "radio"):
        if text not in question.options:
            raise ValueError("보기 가운데에서 골라 주세요.")
        return text
    if question.type == "number":
        return _read_number(question, text)
    if question.type == "date":
        return _read_date(question, text)
    if len(text) > question.longest:
        raise ValueError(f"{question.longest}자까지 적을 수 있습니다. 지금 {len(text)}자입니다.")
    if question.type == "text" and "\n" in text:
        raise ValueError("한 줄로 적어 주세요.")
    return text


def _read_date(question: Question, text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("날짜를 2023-08-16처럼 적어 주세요.") from None
    if question.earliest and day < question.earliest:
        raise ValueError(f"{question.earliest.isoformat()}이나 그 뒤의 날짜를 적어 주세요.")
    if question.latest and day > question.latest:
        raise ValueError(f"{question.latest.isoformat()}이나 그 앞의 날짜를 적어 주세요.")
    return day.isoformat()


def _read_number(question: Question, text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise ValueError("숫자로 적어 주세요.")
    number = int(text)
    if question.min is not None and number < question.min:
        raise ValueError(f"{question.min} 이상으로 적어 주세요.")
    if question.max is not None and number > question.max:
        raise ValueError(f"{question.max} 이하로 적어 주세요.")
    return number


def _read_ticks(question: Question, given: Any) -> bool | list[str] | None:
    if not question.options:
        if given not in (None, "", True, False, "on", "true", "false"):
            raise ValueError("체크하거나 비워 주세요.")
        ticked = given in (True, "on", "true")
        if question.required and not ticked:
            raise ValueError(f"{josa(f'‘{question.label}’', '을/를')} 확인하고 체크해 주세요.")
        return ticked or None
    ticks = (
        [given]
        if isinstance(given, str)
        else list(given or [])
        if isinstance(given, list | tuple | None)
        else [None]
    )
    ticks = [tick for tick in ticks if tick != ""]
    if any(tick not in question.options for tick in ticks) or len(set(ticks)) != len(ticks):
        raise ValueError("보기 가운데에서 골라 주세요.")
    if question.required and not ticks:
        raise ValueError(f"‘{question.label}’에서 하나 이상 골라 주세요.")
    if question.max is not None and len(ticks) > question.max:
        raise ValueError(f"{question.max}개까지 고를 수 있습니다.")
    return ticks or None
