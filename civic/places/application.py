"""What a citizen sent, read and checked against the form: every field that must be corrected is found. No store, no web."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from civic import people
from civic.content.form import FormSpec, Round
from civic.content.pages import Document
from civic.errors import FieldError, Invalid
from civic.places.form_round import FormRound
from civic.text import RESIDENT_NUMBER_MESSAGE, clean, has_resident_number, texts

TOP_FIELDS = ("round", "name", "phone", "email", "birth_date", "party", "answers", "consent", "submission_id")
TICKED = ("true", "on", "1")  # and True itself; 1 and 1.0 are no ticks
BROKEN_MESSAGE = "글자가 깨졌습니다. 다시 적어 주세요."
_PHONES = ("phone", "phone_last4")  # of some international numbers thirteen digits begin like a birth date
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Application(FormRound):
    """What a citizen sent for a round, checked against its form; nothing of it may be logged."""

    name: str
    phone: str  # E.164: "+821012345678"
    submission: str  # uuid in its usual spelling
    email: str = ""
    birth_date: str = ""  # ISO, "" where the form does not ask for it
    party: int = 1
    answers: Mapping[str, Any] = field(default_factory=dict)

    def personal(self) -> bytes:
        """Everything that could name the person, to be sealed: UTF-8 JSON."""
        names = ("name", "phone", "email", "birth_date", "party", "answers")
        kept = {name: value for name in names if (value := getattr(self, name))}
        return json.dumps(kept, ensure_ascii=False).encode()


def read_application(
    doc: Document, spec: FormSpec, round_: Round | None, payload: Mapping[str, Any], today: date
) -> Application:
    """The application in a payload. Raises Invalid with every field that must be corrected, in page order.

    The payload has passed `refuse_forbidden`.
    """
    reader = _Reader(payload)
    if round_ is None:
        said = "회차를 골라 주세요." if not payload.get("round") else "글로 적어 주세요."
        reader.errors.append(FieldError("round", said))
    name = reader.read("name", people.read_name)
    phone = reader.read("phone", people.normalise_phone)
    email = "" if spec.email == "none" else reader.read("email", people.read_email, spec.email == "required")
    by_birth = spec.person == "phone+birth_date"
    born = reader.read("birth_date", lambda text: people.read_birth_date(text, today)) if by_birth else ""
    party = reader.party(spec.party) if spec.party > 1 else 1
    answers = reader.answers(spec)
    if payload.get("consent") is not True and payload.get("consent") not in TICKED:
        reader.errors.append(
            FieldError("consent", "개인정보 수집·이용에 동의해야 신청할 수 있습니다. 체크해 주세요.")
        )
    submission = reader.submission()
    reader.unknown(spec)
    if reader.errors or round_ is None:
        raise Invalid(reader.errors)
    return Application(doc, spec, round_, name, phone, submission, email, born, party, answers)


class _Reader:
    """Reads the fields of one payload and collects what must be corrected."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload
        self.errors: list[FieldError] = []

    def read(self, name: str, rule: Callable[[str], str], required: bool = True) -> str:
        """One text field through its rule; "" when it is empty and may be, or when it is wrong."""
        given = self.payload.get(name)
        try:
            text = _text(given)
            return rule(text) if text or required else ""
        except ValueError as wrong:
            self.errors.append(FieldError(name, str(wrong)))
            return ""

    def party(self, most: int) -> int:
        """How many people come, 1 when it is not said."""
        given = self.payload.get("party", 1)
        if isinstance(given, str) and re.fullmatch(r"\s*\d{1,3}\s*", given):
            given = int(given)
        elif given in ("", None):
            given = 1
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
            self.errors.append(FieldError("party", f"함께 오는 사람 수를 1부터 {most} 사이로 적어 주세요."))
            return 1
        return given

    def answers(self, spec: FormSpec) -> Mapping[str, Any]:
        """Answers to the form's own questions."""
        given = self.payload.get("answers")
        if given is None or given == "":
            given = {}
        if not isinstance(given, Mapping):
            self.errors.append(FieldError("answers", "answers는 이름과 답의 묶음이어야 합니다."))
            return {}
        answers, errors = spec.read_answers(given)
        self.errors.extend(FieldError(_shown(error.field), error.message) for error in errors)
        return answers

    def submission(self) -> str:
        """The uuid that makes a retry safe."""
        try:
            return str(UUID(_text(self.payload.get("submission_id"))))
        except ValueError:
            self.errors.append(
                FieldError(
                    "submission_id",
                    "신청서를 처음 보낼 때 만든 UUID를 넣어 주세요. 다시 보낼 때도 같은 값을 씁니다.",
                )
            )
            return ""

    def unknown(self, spec: FormSpec) -> None:
        """Fields that this form does not have."""
        absent = {"email"} if spec.email == "none" else set()
        if spec.person != "phone+birth_date":
            absent.add("birth_date")
        if spec.party == 1:
            absent.add("party")
        for name in self.payload:
            empty_extra = name in absent and self.payload[name] in (None, "")
            if name not in TOP_FIELDS or (name in absent and not empty_extra):
                self.errors.append(FieldError(_shown(name), "이 신청서에 없는 항목입니다."))


def _text(value: Any) -> str:
    """A field's text, cleaned; "" for nothing. Raises ValueError for anything that is no text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("글로 적어 주세요.")
    return clean(value)


def refuse_forbidden(payload: Mapping[str, Any]) -> None:
    """Raises Invalid for what may stand in no field, name or number of a post, known or unknown, however deep."""
    if found := _forbidden(payload):
        raise Invalid(found)


def _forbidden(payload: Mapping[str, Any]) -> list[FieldError]:
    """The fields in which a resident registration number or broken text stands, each named once."""
    found = []
    flat = {**payload}
    answers = flat.pop("answers", None)
    if isinstance(answers, Mapping):
        flat |= {f"answers.{name}": value for name, value in answers.items()}
    elif answers is not None:
        flat["answers"] = answers
    for name, value in flat.items():
        if name == "submission_id" and isinstance(value, str) and _UUID.fullmatch(value):
            continue  # made by a program: one in four thousand has the digits of a resident registration number
        for text in texts({name: value}):
            message = _wrong_text(name, text)
            if message:
                found.append(FieldError(_shown(name), message))
                break
    return found


def holds_resident_number(field: str, text: str) -> bool:
    """As has_resident_number, but a whole international number in a field for phones is a phone number."""
    return has_resident_number(text) and not (field in _PHONES and people.is_international(text))


def _wrong_text(field: str, text: str) -> str:
    """Why a text may not be kept in a field; "" when it may."""
    if holds_resident_number(field, text):
        return RESIDENT_NUMBER_MESSAGE
    try:
        text.encode()  # a lone surrogate: JSON can carry it, UTF-8 cannot keep it
    except UnicodeEncodeError:
        return BROKEN_MESSAGE
    return BROKEN_MESSAGE if "\ufffd" in text else ""  # what stands where bytes were no text


def _shown(name: str) -> str:
    """A field name as it may be repeated in an answer: names are made by the sender and may hold anything."""
    return name if re.fullmatch(r"[\w.-]{1,60}", name) and not has_resident_number(name) else "unknown"
