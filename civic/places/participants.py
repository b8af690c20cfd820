"""Who takes part: names and birth dates, and whether they are of the age that a page is for. No store, no clock, no web."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

from civic import korean, people
from civic.content.form import FormSpec
from civic.content.meetings import meetings
from civic.errors import FieldError
from civic.places.form_round import FormRound
from civic.text import clean

Reader = Callable[[Any], Any]  # what was typed -> what it means. Raises ValueError with what to do, in Korean
Participants = tuple[tuple[str, str], ...]  # name and birth date (ISO) of each
NO_TEXT = "글로 적어 주세요."


def read_fields(
    given: Mapping[str, Any], readers: Mapping[str, Reader], errors: list[FieldError], within: str = ""
) -> dict[str, Any]:
    """Each field as its reader has it; what must be corrected is left out and joins `errors`. within: begins their names."""
    found = {}
    for name, reader in readers.items():
        try:
            found[name] = reader(given.get(name))
        except ValueError as wrong:
            errors.append(FieldError(f"{within}{name}", str(wrong)))
    return found


def text_of(given: Any) -> str:
    """A field's text, cleaned; "" for nothing. Raises ValueError for anything that is no text."""
    if given is None:
        return ""
    if not isinstance(given, str):
        raise ValueError(NO_TEXT)
    return clean(given)


def check_age(round_: FormRound, born: date) -> None:
    """Raises ValueError when somebody born then is not of the age that the page is for, on the day of the first meeting."""
    audience = getattr(round_.doc, "audience", None)
    if audience is None or not audience.ages:
        return
    found = meetings(round_.doc, round_.round)
    day = (found[0].starts if found else round_.closes).date()
    years = people.age(born, day)
    lowest, highest = audience.from_age or 0, audience.to_age
    if years < lowest or (highest is not None and years > highest):
        said = f"적은 생년월일이면 {korean.day(day)}에 만 {years}세입니다."
        raise ValueError(f"{audience.ages} 신청할 수 있습니다. {said}")


def read_born(round_: FormRound | None, today: date, given: Any, by_guardian: bool = False) -> str:
    """A birth date of somebody who may take part, ISO. Under 14 a guardian signs up (개인정보 보호법 22조의2)."""
    born = people.read_birth_date(text_of(given), today)
    if round_:
        check_age(round_, date.fromisoformat(born))
    if not by_guardian and people.age(date.fromisoformat(born), today) < people.OF_AGE_ALONE:
        raise ValueError(
            f"만 {people.OF_AGE_ALONE}세 미만은 보호자가 신청해야 합니다. 담당 부서에 문의해 주세요."
        )
    return born


def read_participants(
    round_: FormRound | None, spec: FormSpec, today: date, errors: list[FieldError], given: Any
) -> Participants:
    """(name, birth date) of each who takes part; what must be corrected joins `errors`. Rows behind the first may be empty."""
    rows = [given] if isinstance(given, Mapping) else given or [{}]
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("participants는 이름과 생년월일의 목록이어야 합니다.")
    if len(rows) > spec.people_per_contact:
        raise ValueError(f"한 번에 {spec.people_per_contact}명까지 적을 수 있습니다.")
    found: list[tuple[str, str]] = []
    readers: dict[str, Reader] = {
        "name": lambda typed: people.read_name(text_of(typed)),
        "birth_date": partial(read_born, round_, today, by_guardian=True),
    }
    for number, row in enumerate(rows):
        if number and not any(row.values()):
            continue
        if row.keys() - readers.keys():
            errors.append(FieldError(f"participants.{number}", "이 신청서에 없는 항목입니다."))
        read = read_fields(row, readers, errors, f"participants.{number}.")
        who = read.get("name", ""), read.get("birth_date", "")
        if all(who) and who in found:
            errors.append(FieldError(f"participants.{number}.name", "같은 사람을 두 번 적었습니다."))
        found.append(who)
    return tuple(found)
