"""A plain HTML form post as the payload that JSON would send, and as the values to show again. No decisions."""

from __future__ import annotations

from datetime import date
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict

from civic import korean
from civic.content.form import FIXED_LABELS, FormSpec
from civic.content.meetings import when, where
from civic.errors import FieldError, Invalid
from civic.people import show_phone
from civic.places.application import Application, holds_resident_number
from civic.text import texts
from forms_api.doors import HONEYPOT

ANSWERS = "answers."
STEPS = ("check", "send", "edit")
Posted = MultiDict[str, str]


def to_payload(form: Posted) -> dict[str, Any]:
    """The fields of a post under the names of the JSON API; `step` and the honeypot are left out."""
    payload: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for name, values in form.lists():
        if name in ("step", HONEYPOT):
            continue
        value = values[0] if len(values) == 1 else values
        if name.startswith(ANSWERS):
            answers[name.removeprefix(ANSWERS)] = value
        else:
            payload[name] = value
    if answers:
        payload["answers"] = answers
    return payload


def refuse_files(files: MultiDict[str, FileStorage]) -> None:
    """Raises Invalid when files came along: no form asks for any, and none is read or kept."""
    if files:
        raise Invalid([FieldError("unknown", "파일은 받지 않습니다. 파일을 빼고 다시 보내 주세요.")])


def step_of(form: Posted) -> str:
    """ "check", "send" or "edit"; a post without a step is sent. Raises Invalid for another one."""
    step = form.get("step", "send")
    if step not in STEPS:
        raise Invalid([FieldError("step", "없는 단계입니다. 신청 화면을 새로 열어 주세요.")])
    return step


def shown_values(form: Posted) -> dict[str, str | list[str]]:
    """What was typed, to be shown again: not the honeypot, and never a resident registration number."""
    values: dict[str, str | list[str]] = {}
    for name, given in form.lists():
        if name in ("step", HONEYPOT) or any(
            holds_resident_number(name, text) for text in texts([name, *given])
        ):
            continue
        # Only ticks come in several: of a field sent twice the first is shown.
        values[name] = given if len(given) > 1 and name.startswith(ANSWERS) else given[0]
    return values


def hidden_values(form: Posted, submission: str) -> list[tuple[str, str]]:
    """What the check page carries on: every typed value, and the submission's id."""
    carried = [
        (name, value)
        for name, values in form.lists()
        if name not in ("step", HONEYPOT, "submission_id")
        for value in values
    ]
    return [*carried, ("submission_id", submission)]


def rows(spec: FormSpec, application: Application) -> list[tuple[str, str]]:
    """(label, text) of everything that will be sent, as it was understood."""
    found = [("회차", application.round.label)]
    found += [("언제", "\n".join(lines))] if (lines := when(application.doc, application.round)) else []
    found += [("어디서", place)] if (place := where(application.doc, application.round)) else []
    found += [
        (FIXED_LABELS["name"], application.name),
        (FIXED_LABELS["phone"], show_phone(application.phone)),
    ]
    if application.birth_date:
        born = korean.birthday(date.fromisoformat(application.birth_date))
        found.append((FIXED_LABELS["birth_date"], born))
    if application.email:
        found.append((FIXED_LABELS["email"], application.email))
    if spec.party > 1:
        found.append((FIXED_LABELS["party"], f"{application.party}명"))
    for question in spec.fields:
        answer = application.answers.get(question.name)
        found.append((question.label, "적지 않음" if answer is None else question.words(answer)))
    return [*found, ("개인정보 수집·이용", "동의함")]
