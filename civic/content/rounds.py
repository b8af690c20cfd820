"""What a sign-up form is made of: rounds with their places, caps, the consent. No store, no clock, no web."""

from collections.abc import Iterator
from functools import cached_property

from pydantic import Field

from civic.content.particulars import AVenue
from civic.shape import Clash, Line, Many, SeoulTime, Shape, Slug, first_name


class Round(Shape):
    """One thing with its own places: a facility, a course date, a desk for a month (`[[form.rounds]]`)."""

    id: Slug = Field(
        description="영문 소문자와 숫자, 줄표로 쓴 회차 이름. 접수를 시작한 뒤에 바꾸면 aliases에 옛 이름을 씁니다."
    )
    aliases: Many[Slug] = Field(
        (), description="이 회차의 옛 id. 처음 이름부터 차례로 모두 씁니다. 받은 신청이 이어집니다."
    )
    label: Line = Field(description="화면에 보이는 회차 이름")
    places: int = Field(gt=0, le=100_000, description="정원(명)")
    waiting: int = Field(
        0,
        ge=0,
        le=100_000,
        description="대기자로 받을 인원(명). 0이면 대기를 받지 않습니다. 추첨과 심사에서 쓰지 않으면 대기 인원에 제한이 없습니다.",
    )
    minimum: int = Field(0, ge=0, description="운영하는 데 필요한 가장 적은 인원(명)")
    hours: int = Field(
        0, ge=0, le=1000, description="활동 시간(시간). form.ledger가 있을 때 한도에서 뺍니다."
    )
    starts: SeoulTime | None = Field(
        None,
        description="활동을 시작하는 때. 내 달력에 넣기에 쓰이고, 이때부터 신청한 사람은 취소할 수 없고 대기자를 확정하지 않습니다.",
    )
    ends: SeoulTime | None = Field(None, description="활동이 끝나는 때")
    where: AVenue | None = Field(
        None, description="회차의 장소. 글의 where처럼 쓰고, 비우면 글의 장소입니다."
    )
    opens: SeoulTime | None = Field(None, description="이 회차만 접수 시작이 다를 때")
    closes: SeoulTime | None = Field(None, description="이 회차만 접수 마감이 다를 때")

    @property
    def most_waiting(self) -> int | None:
        """How many may wait after a draw or by a decision; None: as many as there are, where the page does not say."""
        return self.waiting if "waiting" in self.model_fields_set else None

    @cached_property
    def key(self) -> str:
        """Under which name its sign-ups are kept: the first id that it ever had."""
        return first_name(self.id, self.aliases)

    def clashes(self) -> Iterator[Clash]:
        yield self.starts and self.ends and self.ends <= self.starts, "ends는 starts보다 뒤여야 합니다"
        yield self.minimum > self.places, "minimum은 places보다 클 수 없습니다"


class Limit(Shape):
    """A cap per person over all forms that name the same group (`limits = [{ group, max }]`)."""

    group: Slug = Field(description="한도를 함께 쓰는 묶음의 이름")
    max: int = Field(gt=0, description="한 사람이 묶음 안에서 신청할 수 있는 수")


class Consent(Shape):
    """What the citizen agrees to, in the order of 개인정보 보호법 15②; deletion follows `keep_days`."""

    purpose: Line = Field(description="개인정보를 쓰는 곳(목적)")
    items: Many[Line] = Field(
        (), description="신청서의 칸 말고 더 받는 항목. 이름, 연락처, 질문은 신청서에서 저절로 나옵니다."
    )
    optional_items: Many[Line] = Field(
        (), description="신청서의 칸 말고 선택해서 더 받는 항목. 선택 질문은 저절로 나옵니다."
    )
    keep_days: int = Field(
        gt=0, le=3650, description="모든 활동이 끝나고 며칠 뒤에 지우는지. 실제 삭제도 이 값을 따릅니다."
    )
    refusal: Line = Field(
        "동의하지 않을 수 있습니다. 다만 동의하지 않으면 신청할 수 없습니다.",
        description="거부할 권리와 거부할 때의 불이익",
    )
