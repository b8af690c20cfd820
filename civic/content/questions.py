"""What a form asks beyond name, phone and consent: one class for each type of question. No store, no clock, no web.

A new type is a class here, its name in `TYPES` and in `TypeName`, and a macro in templates/components/questions.html.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo

from civic import korean, people
from civic.shape import Clash, Line, Many, Shape, Text, first_name, repeated
from civic.text import asks_for_resident_number, clean, length, read_day, read_whole

T = TypeVar("T")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
TypeName = Literal[
    "text",
    "textarea",
    "select",
    "radio",
    "checkbox",
    "number",
    "date",
    "email",
    "phone",
    "address",
    "consent",
]

READERS: dict[str, Callable[[str], str]] = {
    "email": people.read_email,
    "phone": partial(people.normalise_phone, landlines=True),
}
# Keys that only some types take, and what is said where another type has one.
KEYS_OF_TYPES = {
    "options": "type이 {type}이면 options를 쓰지 않습니다",
    "max": "max는 글과 숫자, options가 있는 checkbox에서만 씁니다",
    "min": "min은 type이 number일 때만 씁니다",
    "earliest": "earliest는 type이 date일 때만 씁니다",
    "latest": "latest는 type이 date일 때만 씁니다",
    "text": "text는 type이 consent일 때만 씁니다",
}


class Question(Shape):
    """One field that a form adds to name, phone and consent (`[[form.fields]]`); by itself one for text."""

    keys: ClassVar[tuple[str, ...]] = ("max",)  # of KEYS_OF_TYPES, those that this type takes
    missing: ClassVar[str] = "{object} 적어 주세요."  # said when an answer is needed and none was given
    nothing: ClassVar[str] = "적지 않음"  # stands where an optional one was left empty

    name: Name = Field(description="영문 소문자로 쓴 이름. 한 신청서 안에서 겹치지 않게 합니다.")
    aliases: Many[Name] = Field(
        (), description="이 질문의 옛 name. 처음 이름부터 차례로 모두 씁니다. 받은 답이 이어집니다."
    )
    label: Line = Field(description="화면에 보이는 질문")
    type: TypeName = Field(
        "text",
        description="답하는 방법. checkbox는 options가 있으면 여러 개 고르기, 없으면 예/아니요 하나입니다.",
    )
    required: bool = Field(True, description="꼭 답해야 하는지. 아니면 화면에 ‘선택’이라고 표시됩니다.")
    hint: Text = Field("", description="질문 아래에 보이는 도움말")
    max: int | None = Field(None, ge=1, description="글은 최대 글자 수, 숫자는 가장 큰 값, 체크는 최대 개수")
    min: int | None = Field(None, ge=0, description="숫자의 가장 작은 값")
    earliest: date | None = Field(None, description="날짜의 가장 이른 날")
    latest: date | None = Field(None, description="날짜의 가장 늦은 날")
    options: Many[Line] = Field((), description="select, radio, checkbox에서 고를 수 있는 답")
    text: str = Field(
        "", max_length=2000, description="consent에서 동의할 내용. 동의한 글이 신청과 함께 남습니다."
    )

    @property
    def key(self) -> str:
        """Under which name its answers are kept: the first that it ever had."""
        return first_name(self.name, self.aliases)

    @property
    def longest(self) -> int:
        """Most characters that a text may have."""
        return self.max or (1000 if self.type == "textarea" else 100)

    def clashes(self) -> Iterator[Clash]:
        for key, said in KEYS_OF_TYPES.items():
            is_other = getattr(self, key) not in (None, (), "") and key not in self.keys
            yield is_other, said.format(type=self.type)
        yield repeated(self.options), "options에 같은 답이 두 번 있습니다"
        said = "주민등록번호는 물을 수 없습니다(개인정보 보호법 제24조의2). 생년월일이면 form.person을 쓰세요"
        yield any(map(asks_for_resident_number, (self.label, *self.options))), said, "label"
        yield asks_for_resident_number(self.hint, may_warn=True), said, "hint"

    def read(self, given: Any) -> Any:
        """One checked answer; None when an optional one is empty. Raises ValueError with the Korean message.

        given: what JSON or a plain form sent; None for nothing.
        """
        if given is not None and not isinstance(given, str):
            raise ValueError("글로 적어 주세요.")
        text = self.needed(clean(given or ""), self.missing)
        return self.read_text(text) if text else None

    def needed(self, answer: T, missing: str) -> T | None:
        """The answer, None when it is empty and may be. Raises ValueError, saying `missing`."""
        if self.required and not answer:
            label = f"‘{self.label}’"
            raise ValueError(missing.format(label=label, object=korean.josa(label, "을/를")))
        return answer or None

    def read_text(self, text: str) -> Any:
        """The answer in a text, which is clean and not empty. Raises ValueError with the Korean message."""
        if length(text) > self.longest:
            raise ValueError(f"{self.longest}자까지 적을 수 있습니다. 지금 {length(text)}자입니다.")
        if "\n" in text and self.type != "textarea":
            raise ValueError("한 줄로 적어 주세요.")
        return READERS[self.type](text) if self.type in READERS else text

    def words(self, answer: Any) -> str:
        """An answer as people read it."""
        return people.show_phone(answer) if self.type == "phone" else korean.answer(answer)

    def describe(self) -> dict[str, Any]:
        """The question as GET /api/forms tells it."""
        shared = self.model_dump(include={"name", "label", "type", "required"})
        options = [{"value": option, "label": option} for option in self.options]
        others = {"hint", *KEYS_OF_TYPES} - {"options"}
        bounds = self.model_dump(mode="json", include=others, exclude_defaults=True)
        return shared | ({"options": options} if options else {}) | bounds

    def answer_schema(self) -> dict[str, Any]:
        """An answer as JSON Schema."""
        return {"type": "string", "maxLength": self.longest}

    def sample(self) -> Any:
        """An answer that fits, for load tests."""
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
        is_known = is_list and all(option in self.options for option in chosen)
        if not is_known or len(set(chosen)) != len(chosen):
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
    "text": Question,
    "textarea": Question,
    "select": SelectQuestion,
    "radio": SelectQuestion,
    "checkbox": CheckboxQuestion,
    "number": NumberQuestion,
    "date": DateQuestion,
    "email": Question,
    "phone": Question,
    "address": Question,
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
