"""What a notice tells in tables of its own: whom to ask, where, for whom, what it costs, what changed. No files.

Place, audience and fee may be written in short: `where = "구민회관"`, `audience = "누구나"`, `fee = 20000`.
"""

from collections.abc import Iterator, Mapping
from datetime import date as Day  # noqa: N812 (a key of that name hides the type)
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from civic import korean
from civic.people import read_email
from civic.shape import Clash, Line, Many, SeoulTime, Shape, Text, Won

Age = Annotated[int, Field(ge=0, le=120)]
Mail = Annotated[str, AfterValidator(lambda typed: read_email(typed) if typed else "")]


def in_short(key: str) -> BeforeValidator:
    """A table that may be written as the value of its `key` alone."""
    return BeforeValidator(lambda given: given if isinstance(given, Mapping | BaseModel) else {key: given})


class Fact(Shape):
    """One row of the at-a-glance table (`[[facts]]`)."""

    label: Line = Field(description="왼쪽 이름. 예: 누구에게")
    text: Line = Field(description="오른쪽 내용")


class Titled(Shape):
    """What a file beside the page is called (`[[attachments]]`)."""

    file: Line = Field(description="파일 이름. 글의 폴더에 있어야 합니다.")
    title: Line = Field(description="보이는 이름. 예: 참가 신청서 서식")


class ChangeNote(Shape):
    """What readers should know to have changed (`[[changes]]`), the oldest first."""

    date: Day = Field(description="바뀐 날")
    text: Line = Field(description="무엇이 어떻게 바뀌었는지")


class Contact(Shape):
    """Whom to ask: an office (`[departments.<key>]` in site.toml), or what a page says in its place (`[[contacts]]`)."""

    name: Line = Field(description="부서나 담당의 이름")
    phone: str = Field("", max_length=30, description="전화번호. 확인되지 않은 번호는 비웁니다.")
    hours: str = Field("", max_length=60, description="전화를 받는 시간")
    mail: Mail = Field("", description="이메일 주소")


class Venue(Shape):
    """Where it is: of a page or of one round."""

    name: Line = Field(description='장소의 이름. 이것만이면 where = "이름"으로 씁니다.')
    address: str = Field("", max_length=200, description="도로명 주소")
    how: Text = Field("", description="찾아오는 길, 주차")
    wheelchair: bool | None = Field(None, description="휠체어로 들어갈 수 있는지. 모르면 쓰지 않습니다.")

    def __str__(self) -> str:
        return self.name

    @property
    def full(self) -> str:
        """ "구민회관 2층, 광주광역시 …": in one line, as calendars take it."""
        return ", ".join(filter(None, (self.name, self.address)))

    @property
    def lines(self) -> list[str]:
        """All that is known, a line each."""
        wheels = {True: "휠체어로 들어갈 수 있습니다.", False: "휠체어로는 들어가기 어렵습니다.", None: ""}
        return [each for each in (self.name, self.address, self.how, wheels[self.wheelchair]) if each]


class Audience(Shape):
    """For whom it is. Ages are checked where a form asks for the birth date."""

    who: Line = Field(description='누구에게, 글로. 이것만이면 audience = "누구나"로 씁니다.')
    from_age: Age | None = Field(None, description="가장 적은 나이(만). 첫 모임 날에 셉니다.")
    to_age: Age | None = Field(None, description="가장 많은 나이(만). 첫 모임 날에 셉니다.")
    residents: bool = Field(False, description="주민만 신청하는지. 신청서에서 사는 곳을 확인받습니다.")
    internal: bool = Field(
        False, description="직원만을 위한 것인지. 첫 화면에 나오지 않고 목록에 표시됩니다."
    )

    def __str__(self) -> str:
        return self.who

    @property
    def ages(self) -> str:
        """ "만 7세부터 13세까지"; "" for every age."""
        ends = ((self.from_age, "부터"), (self.to_age, "까지"))
        said = [f"{age}세{particle}" for age, particle in ends if age is not None]
        return f"만 {' '.join(said)}" if said else ""

    @property
    def lines(self) -> list[str]:
        """All that is known, a line each."""
        return [self.who, *filter(None, [self.ages, "주민만 신청합니다." if self.residents else ""])]

    def clashes(self) -> Iterator[Clash]:
        is_less = self.from_age is not None and self.to_age is not None and self.to_age < self.from_age
        yield is_less, "from_age보다 작을 수 없습니다", "to_age"


class Reduction(Shape):
    """Who pays less (`[[fee.reductions]]`)."""

    who: Line = Field(description="누가 덜 내는지")
    amount: Won = Field(description="그때 내는 돈(원). 0이면 무료")


class Fee(Shape):
    """What it costs, how it is paid and given back."""

    amount: Won = Field(description="내는 돈(원). 0이면 무료. 이것만이면 fee = 20000으로 씁니다.")
    reductions: Many[Reduction] = Field((), description="덜 내는 사람")
    how: Text = Field("", description="내는 방법. 예: 강의 날 현장에서 카드로")
    until: SeoulTime | None = Field(None, description="언제까지 내는지")
    refund: Text = Field("", description="돌려받는 조건과 방법")

    def __str__(self) -> str:
        return korean.won(self.amount) if self.amount else "무료"

    def lines(self, now: datetime) -> list[str]:
        """All that is known, a line each."""
        said = [str(self)]
        said += [
            f"{each.who} {korean.won(each.amount) if each.amount else '무료'}" for each in self.reductions
        ]
        until = f"{korean.closing(self.until, now)}까지 냅니다." if self.until else ""
        return [*said, *filter(None, (self.how, until, self.refund and f"환불: {self.refund}"))]

    def clashes(self) -> Iterator[Clash]:
        for number, each in enumerate(self.reductions):
            yield each.amount >= self.amount, "fee의 amount보다 적어야 합니다", "reductions", number, "amount"


AVenue = Annotated[Venue, in_short("name")]
AnAudience = Annotated[Audience, in_short("who")]
AFee = Annotated[Fee, in_short("amount")]
