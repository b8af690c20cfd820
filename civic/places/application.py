"""What a citizen sent, read and checked against the form: every field that must be corrected is found;
and the entry that it asks to be. No web."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, Self
from uuid import UUID, uuid5

from civic import people
from civic.codes import new_draw_number, new_number
from civic.contacts.proof import contact_key
from civic.content.form import COMPANIONS, FormSpec
from civic.content.pages import Document
from civic.content.rounds import Round
from civic.errors import AlreadyApplied, FieldError, Invalid
from civic.places.form_round import FormRound
from civic.places.participants import (
    NO_TEXT,
    Participants,
    Reader,
    read_born,
    read_fields,
    read_participants,
    text_of,
)
from civic.store.entry import ENCODER, LIVE, Entry
from civic.store.seal import Keys
from civic.store.store import Store
from civic.text import RESIDENT_NUMBER_MESSAGE, has_resident_number, read_whole, texts

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
    applicant: str = ""  # who signed up somebody else: a child's parent; "" for themselves
    participants: Participants = ()  # name and birth date of each, where they are asked for
    _person: list[str] = field(default_factory=list, init=False, compare=False, repr=False)

    @cached_property
    def each(self) -> tuple[Self, ...]:
        """One for each person who takes part; sent again each is the same. Only itself where nobody else is named."""
        found = (
            replace(
                self, name=name, birth_date=born, applicant=self.name, participants=(),
                submission=self.submission if not number else str(uuid5(UUID(self.submission), str(number))),
            )
            for number, (name, born) in enumerate(self.participants)
        )  # fmt: skip
        return tuple(found) or (self,)

    def person(self, keys: Keys) -> str:
        """The keyed hash that stands for the person, worked out once: of twins with one phone the name tells who it is."""
        if not self._person:
            named = f"{self.birth_date} {self.name}" if self.spec.has_participants else self.birth_date
            self._person.append(keys.person(self.phone, named))
        return self._person[0]

    def personal(self) -> bytes:
        """Everything that could name the person, to be sealed: UTF-8 JSON."""
        names = ("name", "phone", "email", "birth_date", "party", "answers", "applicant")
        kept = {name: value for name in names if (value := getattr(self, name))}
        return ENCODER.encode(kept).encode()


def read_application(
    doc: Document,
    spec: FormSpec,
    round_: Round | None,
    payload: Mapping[str, Any],
    today: date,
    landlines: bool = False,
) -> Application:
    """The application in a payload. Raises Invalid with every field that must be corrected, in page order.

    The payload has passed `refuse_forbidden`.
    """
    errors: list[FieldError] = []
    asked = FormRound(doc, spec, round_) if round_ else None
    if round_ is None:
        errors.append(FieldError("round", NO_TEXT if payload.get("round") else "회차를 골라 주세요."))
    every: tuple[tuple[bool, str, Reader], ...] = (
        (True, "name", lambda given: people.read_name(text_of(given))),
        (True, "phone", lambda given: people.normalise_phone(text_of(given), landlines)),
        (spec.email != "none", "email", partial(_email, spec)),
        (spec.person == "phone+birth_date", "birth_date", partial(read_born, asked, today)),
        (spec.has_participants, "participants", partial(read_participants, asked, spec, today, errors)),
        (spec.party > 1, "party", partial(_party, spec.party)),
    )
    readers = {name: reader for is_asked, name, reader in every if is_asked}
    found = read_fields(payload, readers, errors)
    answers = partial(_answers, spec, found.get("party", 1), errors)
    rest: dict[str, Reader] = {"answers": answers, "consent": _agree, "submission_id": _submission}
    found |= read_fields(payload, rest, errors)
    if odd := payload.keys() - {"round", *readers, *rest}:
        odd -= {name for _, name, _ in every if payload.get(name) in ("", None)}
        errors += [
            FieldError(shown_name(name), "이 신청서에 없는 항목입니다.") for name in payload if name in odd
        ]
    if errors or round_ is None:
        raise Invalid(errors)
    del found["consent"]
    return Application(doc, spec, round_, submission=found.pop("submission_id"), **found)


def _email(spec: FormSpec, given: Any) -> str:
    text = text_of(given)
    return people.read_email(text) if text or spec.email == "required" else ""


def _party(most: int, given: Any) -> int:
    """How many people come, 1 when it is not said."""
    with suppress(ValueError):
        count = 1 if given in ("", None) else read_whole(str(given))
        if 1 <= count <= most:
            return count
    raise ValueError(f"함께 오는 사람 수를 1부터 {most} 사이로 적어 주세요.")


def _answers(spec: FormSpec, party: int, errors: list[FieldError], given: Any) -> dict[str, Any]:
    """Answers to the form's own questions; what must be corrected in them joins `errors`."""
    given = {} if given in ("", None) else given
    if not isinstance(given, Mapping):
        raise ValueError("answers는 이름과 답의 묶음이어야 합니다.")
    answers, wrong = spec.read_answers(given)
    errors += [FieldError(shown_name(error.field), error.message) for error in wrong]
    if spec.party_names and len(answers.get(COMPANIONS.key, "").splitlines()) != party - 1:
        said = f"함께 오는 사람 {party - 1}명의 이름을 한 줄에 한 사람씩 적어 주세요."
        errors.append(FieldError(f"answers.{COMPANIONS.name}", said))
    return answers


def _agree(given: Any) -> None:
    if given is not True and given not in TICKED:
        raise ValueError("개인정보 수집·이용에 동의해야 신청할 수 있습니다. 체크해 주세요.")


def _submission(given: Any) -> str:
    """The uuid that makes a retry safe."""
    text = text_of(given)
    try:
        return text if _UUID.fullmatch(text) else str(UUID(text))
    except ValueError:
        said = "신청서를 처음 보낼 때 만든 UUID를 넣어 주세요. 다시 보낼 때도 같은 값을 씁니다."
        raise ValueError(said) from None


def draft_of(
    asked: Application, keys: Keys, store: Store, now: datetime, cause: str, person: str = ""
) -> Entry:
    """The entry as it will be offered to the book, sealed under a new number. person: where it stays as it was."""
    number = new_number()
    return Entry(
        number=number,
        subject=asked.subject,
        round=asked.id,
        state="received",
        rank=0,
        person=person or asked.person(keys),
        pin=keys.pin(number, asked.phone[-4:]),
        contact=contact_key(keys, asked.phone),
        submission=asked.submission,
        received=now,
        changed=now,
        size=asked.party,
        hours=asked.round.hours if asked.spec.ledger else 0,
        cause=cause,
        draw=new_draw_number() if asked.spec.is_drawn else "",
        sealed=keys.seal(store, asked.subject, number, asked.personal()),
    )


def check_absent(application: Application, keys: Keys, store: Store) -> None:
    """Raises AlreadyApplied when one who takes part has a live entry in its round."""
    wanted = {(application.subject, application.id, each.person(keys)) for each in application.each}
    for entry in store.of_contact(contact_key(keys, application.phone)):
        if (entry.subject, entry.round, entry.person) in wanted and entry.state in LIVE:
            raise AlreadyApplied


def refuse_forbidden(payload: Mapping[str, Any]) -> None:
    """Raises Invalid, naming each field in which a resident registration number or broken text stands.

    In no field, name or number of a post may it stand, known or unknown, however deep.
    """
    flat, answers, found = {**payload}, payload.get("answers"), []
    if isinstance(answers, Mapping):
        del flat["answers"]
        flat |= {f"answers.{name}": value for name, value in answers.items()}
    for name, value in flat.items():
        if name == "submission_id" and isinstance(value, str) and _UUID.fullmatch(value):
            continue  # made by a program: one in four thousand has the digits of a resident registration number
        told = (name, value) if isinstance(value, str) else (name,) if value is True else texts({name: value})
        for text in told:
            is_short = len(text) < 13 and text.isascii()
            if not is_short and (wrong := _wrong_text(name, text)):
                found.append(FieldError(shown_name(name), wrong))
                break
    if found:
        raise Invalid(found)


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


def shown_name(name: str) -> str:
    """A field name as it may be repeated in an answer: names are made by the sender and may hold anything."""
    return name if re.fullmatch(r"[\w.-]{1,60}", name) and not has_resident_number(name) else "unknown"
