"""One field that a form adds to its own: what staff write of it, and what each type answers in its own way. No store, no web."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from civic import korean
from civic.shape import Clash, Line, Many, Shape, first_name, repeated
from civic.text import asks_for_resident_number, clean

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
    """One field that a form adds to name, phone and consent (`[[form.fields]]`)."""

    keys: ClassVar[tuple[str, ...]] = ()  # of KEYS_OF_TYPES, those that this type takes
    missing: ClassVar[str] = "{object} 적어 주세요."  # said when an answer is needed and none was given
    nothing: ClassVar[str] = "적지 않음"  # stands where an optional one was left empty

    name: Name = Field(description="영문 소문자로 쓴 이름. 한 신청서 안에서 겹치지 않게 합니다.")
    aliases: Many[Name] = Field(
        default=(), description="이 질문의 옛 name. 처음 이름부터 차례로 모두 씁니다. 받은 답이 이어집니다."
    )
    label: Line = Field(description="화면에 보이는 질문")
    type: TypeName = Field(
        default="text",
        description="답하는 방법. checkbox는 options가 있으면 여러 개 고르기, 없으면 예/아니요 하나입니다.",
    )
    required: bool = Field(
        default=True, description="꼭 답해야 하는지. 아니면 화면에 ‘선택’이라고 표시됩니다."
    )
    hint: str = Field(default="", max_length=300, description="질문 아래에 보이는 도움말")
    max: int | None = Field(
        default=None, ge=1, description="글은 최대 글자 수, 숫자는 가장 큰 값, 체크는 최대 개수"
    )
    min: int | None = Field(default=None, ge=0, description="숫자의 가장 작은 값")
    earliest: date | None = Field(default=None, description="날짜의 가장 이른 날")
    latest: date | None = Field(default=None, description="날짜의 가장 늦은 날")
    options: Many[Line] = Field(default=(), description="select, radio, checkbox에서 고를 수 있는 답")
    text: str = Field(
        default="", max_length=2000, description="consent에서 동의할 내용. 동의한 글이 신청과 함께 남습니다."
    )

    @property
    def key(self) -> str:
        """Under which name its answers are kept: the first that it ever had."""
        return first_name(self.name, self.aliases)

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
        raise NotImplementedError

    def words(self, answer: Any) -> str:
        """An answer as people read it."""
        return korean.answer(answer)

    def describe(self) -> dict[str, Any]:
        """The question as GET /api/forms tells it."""
        shared = self.model_dump(include={"name", "label", "type", "required"})
        options = [{"value": option, "label": option} for option in self.options]
        others = {"hint", *KEYS_OF_TYPES} - {"options"}
        bounds = self.model_dump(mode="json", include=others, exclude_defaults=True)
        return shared | ({"options": options} if options else {}) | bounds

    def answer_schema(self) -> dict[str, Any]:
        """An answer as JSON Schema."""
        raise NotImplementedError

    def sample(self) -> Any:
        """An answer that fits, for load tests."""
        raise NotImplementedError
