"""What a form asks beyond name, phone and consent: one class for each type of question. No store, no clock, no web.

A new type is a class here, its name in `TYPES` and in `TypeName` (question.py), and a macro in templates/components/questions.html.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from civic import korean, people
from civic.content.question import KEYS_OF_TYPES, Question
from civic.shape import Clash
from civic.text import length, read_day, read_whole

READERS: dict[str, Callable[[str], str]] = {
    "email": people.read_email,
    "phone": partial(people.normalise_phone, landlines=True),
}


class TextQuestion(Question):
    """Text: a line of it, or in a textarea several; a mail address, phone number or address."""

    keys = ("max",)

    @property
    def longest(self) -> int:
        """Most characters an answer may have."""
        return self.max or (1000 if self.type == "textarea" else 100)

    def read_text(self, text: str) -> str:
        if length(text) > self.longest:
            raise ValueError(f"{self.longest}자까지 적을 수 있습니다. 지금 {length(text)}자입니다.")
        if "\n" in text and self.type != "textarea":
            raise ValueError("한 줄로 적어 주세요.")
        return READERS[self.type](text) if self.type in READERS else text

    def words(self, answer: str) -> str:
        return people.show_phone(answer) if self.type == "phone" else answer

    def answer_schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest}

    def sample(self) -> str:
        return {"email": "a@example.kr", "phone": "+821012345678"}.get(self.type, "시험"[: self.longest])


class SelectQuestion(Question):
    """One of several answers: select is a list that unfolds, radio shows all of them."""

    keys = ("options",)
    missing = "{label}에서 하나를 골라 주세요."

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        yield len(self.options) < 2, f"type이 {self.type}이면 options를 두 개 이상 쓰세요"

    def read_text(self, text: str) -> str:
        if text not in self.options:
            raise ValueError("보기 가운데에서 골라 주세요.")
        return text

    def answer_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.options)}

    def sample(self) -> str:
        return self.options[0]


class CheckboxQuestion(Question):
    """Several of the options; without options a tick that says yes."""

    keys: ClassVar[tuple[str, ...]] = ("options", "max")

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        yield self.max is not None and not self.options, KEYS_OF_TYPES["max"]

    def read(self, given: Any) -> bool | list[str] | None:
        if not self.options:
            if given not in (None, "", True, False, "on", "true", "false"):
                raise ValueError("체크하거나 비워 주세요.")
            return self.needed(given in (True, "on", "true"), "{object} 확인하고 체크해 주세요.")
        given = [given] if isinstance(given, str) else given
        is_list = isinstance(given, list | tuple | None)
        chosen = [option for option in given or () if option != ""] if is_list else []
        if (
            not is_list
            or any(option not in self.options for option in chosen)
            or len(set(chosen)) != len(chosen)
        ):
            raise ValueError("보기 가운데에서 골라 주세요.")
        if self.max is not None and len(chosen) > self.max:
            raise ValueError(f"{self.max}개까지 고를 수 있습니다.")
        return self.needed(chosen, "{label}에서 하나 이상 골라 주세요.")

    def answer_schema(self) -> dict[str, Any]:
        if not self.options:
            return {"type": "boolean"}
        return {"type": "array", "items": {"enum": list(self.options)}, "uniqueItems": True}

    def sample(self) -> bool | list[str]:
        return [self.options[0]] if self.options else True


class ConsentQuestion(CheckboxQuestion):
    """A consent apart from that of the form: to pictures, to what others are given. Kept with the text that was agreed to."""

    keys = ("text",)
    nothing = "동의하지 않음"

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        yield not self.text.strip(), "type이 consent이면 text에 동의할 내용을 쓰세요"

    def read(self, given: Any) -> Any:
        return {"agreed": self.text} if super().read(given) else None


class NumberQuestion(Question):
    """A whole number."""

    keys = ("max", "min")

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        is_more = self.min is not None and self.max is not None and self.min > self.max
        yield is_more, "min은 max보다 클 수 없습니다"

    def read(self, given: Any) -> Any:
        return super().read(str(given) if type(given) is int else given)

    def read_text(self, text: str) -> int:
        number = read_whole(text)
        if self.min is not None and number < self.min:
            raise ValueError(f"{self.min} 이상으로 적어 주세요.")
        if self.max is not None and number > self.max:
            raise ValueError(f"{self.max} 이하로 적어 주세요.")
        return number

    def answer_schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.min, "maximum": self.max}
        return {"type": "integer"} | {name: bound for name, bound in bounds.items() if bound is not None}

    def sample(self) -> int:
        return next((bound for bound in (self.min, self.max) if bound is not None), 1)


class DateQuestion(Question):
    """A day."""

    keys = ("earliest", "latest")

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        is_before = self.earliest and self.latest and self.latest < self.earliest
        yield is_before, "latest는 earliest보다 앞설 수 없습니다"

    def read_text(self, text: str) -> str:
        day = read_day(text)
        if self.earliest and day < self.earliest:
            raise ValueError(f"{self.earliest.isoformat()}이나 그 뒤의 날짜를 적어 주세요.")
        if self.latest and day > self.latest:
            raise ValueError(f"{self.latest.isoformat()}이나 그 앞의 날짜를 적어 주세요.")
        return day.isoformat()

    def words(self, answer: str) -> str:
        return korean.day(date.fromisoformat(answer))

    def answer_schema(self) -> dict[str, Any]:
        bounds = [f"{name} {day}" for name in self.keys if (day := getattr(self, name))]
        return {"type": "string", "format": "date"} | ({"description": ", ".join(bounds)} if bounds else {})

    def sample(self) -> str:
        return (self.earliest or self.latest or date(1990, 1, 31)).isoformat()


TYPES: dict[str, type[Question]] = {
    "text": TextQuestion,
    "textarea": TextQuestion,
    "select": SelectQuestion,
    "radio": SelectQuestion,
    "checkbox": CheckboxQuestion,
    "number": NumberQuestion,
    "date": DateQuestion,
    "email": TextQuestion,
    "phone": TextQuestion,
    "address": TextQuestion,
    "consent": ConsentQuestion,
}


def _of_its_type(given: Any, info: ValidationInfo) -> Question:
    """A table of the front matter as a question of its type. An unknown type is a mistake of the table as any other."""
    name = given.get("type", "text") if isinstance(given, Mapping) else ""
    strict = False if info.mode == "json" else None  # JSON has no dates
    return TYPES.get(str(name), Question).model_validate(given, strict=strict)


def _as_written(question: Question) -> dict[str, Any]:
    return question.model_dump(exclude_unset=True)


AnyQuestion = Annotated[Question, PlainValidator(_of_its_type), PlainSerializer(_as_written)]
