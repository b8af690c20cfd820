"""A budget vote and its proposals, as staff write them: content/votes/ and content/proposals/. No files, no clock."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from civic.content.pages import Document, FormStates, Won, next_first
from civic.shape import Line, Many, SeoulTime, Shape, Slug


class PollType(Shape):
    """One type of proposals in a poll (`[[types]]`): names and limits change every year."""

    id: Slug = Field(description="유형의 키")
    label: Line = Field(description="유형의 이름. 예: 일반참여형")
    max: int = Field(ge=0, description="한 사람이 고를 수 있는 수. 0이면 이 투표에서 고르지 않습니다.")
    budget: Won | None = Field(default=None, description="유형에 따로 정한 예산(원)")
    summary: str = Field(default="", max_length=300, description="유형 설명")


class BoxKey(Shape):
    """One key holder of the ballot box (`[[keys]]`): `votes keys` writes it. All holders together open the box."""

    holder: Line = Field(description="열쇠를 맡은 사람의 직책. 예: 감사관")
    public: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{87}$")] = Field(
        description="공개 열쇠(P-256, base64url). 비밀 열쇠는 여기에 쓰지 않습니다."
    )


class Rehearsal(Shape):
    """A test ballot was opened with every key under these rules (`[rehearsed]`): `votes rehearse` writes it."""

    at: SeoulTime = Field(description="시험 개표를 한 때")
    rules: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="그때의 규칙 지문(SHA-256)"
    )


class Correction(Shape):
    """A published change of the rules after opening (`[[corrections]]`)."""

    at: SeoulTime = Field(description="바로잡은 때")
    text: Line = Field(description="무엇을 왜 바꾸었는지")
    rules: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="바꾸기 전의 규칙 지문. 그 규칙으로 낸 표도 개표합니다."
    )


class Body(Shape):
    """Another body whose scores count beside the residents' votes (`[[bodies]]`); its table comes at closing."""

    id: Slug = Field(description="기구의 키. 점수표 파일의 이름에 씁니다.")
    label: Line = Field(description="기구의 이름. 예: 주민참여예산위원회")
    weight: int = Field(ge=1, le=99, description="반영 비율(%). 나머지는 온라인 주민투표의 몫입니다.")


class Poll(Document):
    """A budget vote (투표): content/votes/."""

    noun = "vote"
    list_title = "주민참여예산 투표"

    opens: SeoulTime = Field(description="투표를 시작하는 때")
    closes: SeoulTime = Field(description="투표를 마감하는 때")
    electorate: Line = Field(description="누가 투표할 수 있는지")
    assurance: Literal[1, 2, 3] = Field(
        default=1, description="본인 확인 수준: 1 연락처 인증번호, 2 미리 만든 명부, 3 본인확인기관"
    )
    budget: Won = Field(description="나누는 예산(원)")
    max_picks: int = Field(gt=0, description="한 사람이 모두 합해 고를 수 있는 수")
    blank_allowed: bool = Field(default=False, description="아무것도 고르지 않은 표를 받는지")
    types: Many[PollType] = Field(min_length=1, description="제안의 유형")
    threshold: int = Field(default=0, ge=0, description="선정에 필요한 가장 적은 득표수")
    when_too_big: Literal["skip", "stop"] = Field(
        default="skip",
        description="남은 예산보다 큰 제안에서: skip은 건너뛰고 다음으로, stop은 거기서 선정을 마침",
    )
    ties: Literal["cost", "draw"] = Field(
        default="cost", description="동점이면: cost는 예산이 적은 것, 그다음 파일 이름 순서. draw는 공개 추첨"
    )
    exclusions: Many[Many[Slug]] = Field(default=(), description="같은 사업이라 하나만 선정할 제안의 묶음")
    bodies: Many[Body] = Field(default=(), description="온라인 투표와 함께 반영할 다른 기구와 비율")
    objection_days: int = Field(
        default=14, ge=1, le=365, description="결과를 알린 뒤 이의를 받는 기간(일). 지나면 투표함을 없앱니다."
    )
    keys: Many[BoxKey] = Field(default=(), description="투표함 열쇠를 맡은 사람과 공개 열쇠. 보통 두 사람")
    rehearsed: Rehearsal | None = Field(
        default=None, description="시험 개표 기록. 없으면 투표를 시작하지 않습니다."
    )
    corrections: Many[Correction] = Field(default=(), description="투표를 시작한 뒤 바로잡은 기록")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError("closes는 opens보다 뒤여야 합니다")
        if len({each.public for each in self.keys}) != len(self.keys):
            raise ValueError("keys에 같은 열쇠가 두 번 있습니다")
        ids = [each.id for each in self.types]
        if len(set(ids)) != len(ids):
            raise ValueError("types에 같은 id가 두 번 있습니다")
        if sum(each.budget or 0 for each in self.types) > self.budget:
            raise ValueError("types의 budget을 더하면 budget보다 큽니다")
        if len({"online", *(each.id for each in self.bodies)}) != len(self.bodies) + 1:
            raise ValueError("bodies의 id가 겹칩니다(online은 주민투표의 이름이라 쓸 수 없습니다)")
        if sum(each.weight for each in self.bodies) > 100:
            raise ValueError("bodies의 weight를 더하면 100을 넘습니다")
        if any(len(set(group)) < 2 for group in self.exclusions):
            raise ValueError("exclusions의 묶음마다 서로 다른 제안이 둘 넘게 있어야 합니다")
        return self

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """The next first, then the past ones, latest first."""
        return next_first(self.opens, self.closes, now)

    def type(self, id: str) -> PollType | None:
        return next((each for each in self.types if each.id == id), None)


class Proposal(Document):
    """One proposal that stands for a vote (제안): content/proposals/."""

    noun = "proposal"
    list_title = "주민참여예산 제안"

    vote: Slug = Field(description="투표의 파일 이름(votes/)")
    type: Slug = Field(description="유형의 키. 투표의 types에 있어야 합니다.")
    cost: Won = Field(description="드는 예산(원)")
    area: str = Field(default="", max_length=60, description="어디에. 예: 수완동")
    withdrawn: bool = Field(default=False, description="철회된 제안. 목록에 남지만 고를 수 없습니다.")

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """By vote."""
        return (self.vote,)
