"""A budget vote and its proposals, as staff write them: content/votes/ and content/proposals/. No files, no clock."""

from collections.abc import Iterable, Iterator
from datetime import date as Day  # noqa: N812 (a key of that name hides the type)
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from civic.content.pages import Document, FormStates, next_first
from civic.shape import Clash, Digest, Line, Many, SeoulTime, Shape, Slug, Text, Won, repeated

SigningKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]  # Ed25519, base64url


class Option(Shape):
    """One option of a light poll (`[[options]]`): no budget, no proposals, no ceremony."""

    text: Line = Field(description="선택지")
    summary: Text = Field("", description="선택지 설명")

    @property
    def id(self) -> str:
        """It follows from the words: another order changes nothing, and no vote goes over to other words."""
        return f"option-{sha256(self.text.encode()).hexdigest()[:12]}"


# Not of light polls.
OF_BUDGETS = ("budget", "types", "threshold", "exclusions", "bodies", "keys", "rehearsed")


class PollType(Shape):
    """One type of proposals in a poll (`[[types]]`): names and limits change every year."""

    id: Slug = Field(description="유형의 키")
    label: Line = Field(description="유형의 이름. 예: 일반참여형")
    max: int = Field(ge=0, description="한 사람이 고를 수 있는 수. 0이면 이 투표에서 고르지 않습니다.")
    budget: Won | None = Field(None, description="유형에 따로 정한 예산(원)")
    summary: Text = Field("", description="유형 설명")


MOST_HOLDERS = 5


class BoxKey(Shape):
    """One key holder of the ballot box (`[[keys]]`): `votes keys add` writes it. `keys_needed` of them open the box."""

    holder: Line = Field(description="열쇠를 맡은 사람의 직책. 예: 감사관")
    public: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{87}$")] = Field(
        description="투표함을 여는 공개 열쇠(P-256, base64url). 비밀 열쇠는 여기에 쓰지 않습니다."
    )
    signing: SigningKey = Field(description="명단과 결과의 서명을 확인하는 공개 열쇠(Ed25519, base64url)")


class Rehearsal(Shape):
    """A test ballot was opened by every set of holders under these rules (`[rehearsed]`): `votes rehearse` writes it."""

    at: SeoulTime = Field(description="시험 개표를 한 때")
    rules: Digest = Field(description="그때의 규칙 지문(SHA-256)")


class Correction(Shape):
    """A published change of the rules after opening (`[[corrections]]`)."""

    at: SeoulTime = Field(description="바로잡은 때")
    text: Line = Field(description="무엇을 왜 바꾸었는지")
    rules: Digest = Field(description="바꾸기 전의 규칙 지문. 그 규칙으로 낸 표도 개표합니다.")


class Body(Shape):
    """Another body whose scores count beside the residents' votes (`[[bodies]]`); its table comes at closing."""

    id: Slug = Field(description="기구의 키. 점수표 파일의 이름에 씁니다.")
    label: Line = Field(description="기구의 이름. 예: 주민참여예산위원회")
    weight: int = Field(ge=1, le=99, description="반영 비율(%). 나머지는 온라인 주민투표의 몫입니다.")


class Unlisted(Shape):
    """Received proposals without a file of their own (`[[unlisted]]`): how many, and why they are not on the ballot."""

    reason: Line = Field(description="투표에 오르지 않은 까닭")
    count: int = Field(ge=1, description="그런 제안의 수")


class Poll(Document):
    """A budget vote (투표), or with options a light poll (설문): content/votes/."""

    noun = "vote"
    list_title = "투표·설문"

    opens: SeoulTime = Field(description="투표를 시작하는 때")
    closes: SeoulTime = Field(description="투표를 마감하는 때")
    electorate: Line = Field(description="누가 투표할 수 있는지")
    assurance: Literal[1, 2, 3] = Field(
        1, description="본인 확인 수준: 1 연락처 인증번호, 2 미리 만든 명부, 3 본인확인기관"
    )
    budget: Won = Field(0, description="나누는 예산(원). 예산 투표에는 꼭 씁니다.")
    max_picks: int = Field(1, gt=0, description="한 사람이 모두 합해 고를 수 있는 수")
    options: Many[Option] = Field(
        (),
        max_length=30,
        description="가벼운 투표의 선택지, 2~30개. 적으면 예산과 제안 없이 서버가 열고 닫고 셉니다.",
    )
    blank_allowed: bool = Field(False, description="아무것도 고르지 않은 표를 받는지")
    types: Many[PollType] = Field((), description="제안의 유형. 예산 투표에는 꼭 씁니다.")
    threshold: int = Field(0, ge=0, description="선정에 필요한 가장 적은 득표수")
    when_too_big: Literal["skip", "stop"] = Field(
        "skip", description="남은 예산보다 큰 제안에서: skip은 건너뛰고 다음으로, stop은 거기서 선정을 마침"
    )
    ties: Literal["cost", "draw"] = Field(
        "cost", description="동점이면: cost는 예산이 적은 것, 그다음 파일 이름 순서. draw는 공개 추첨"
    )
    exclusions: Many[Many[Slug]] = Field((), description="같은 사업이라 하나만 선정할 제안의 묶음")
    bodies: Many[Body] = Field((), description="온라인 투표와 함께 반영할 다른 기구와 비율")
    objection_days: int = Field(
        14, ge=1, le=365, description="결과를 알린 뒤 이의를 받는 기간(일). 지나면 투표함을 없앱니다."
    )
    keys: Many[BoxKey] = Field(
        (), max_length=MOST_HOLDERS, description="투표함 열쇠를 맡은 사람과 공개 열쇠. 보통 세 사람"
    )
    keys_needed: int = Field(
        2, ge=2, le=MOST_HOLDERS, description="투표함을 여는 데, 명단과 결과에 서명하는 데 필요한 사람의 수"
    )
    receipt_key: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]{43})?$",
        description="접수증의 서명을 확인하는 서버의 공개 열쇠(Ed25519). `votes keys receipt`가 적습니다.",
    )
    rehearsed: Rehearsal | None = Field(None, description="시험 개표 기록. 없으면 투표를 시작하지 않습니다.")
    corrections: Many[Correction] = Field((), description="투표를 시작한 뒤 바로잡은 기록")
    received: int | None = Field(
        None, ge=1, description="접수한 제안의 수. 적으면 단계별 제안을 모두 더한 수와 맞아야 합니다."
    )
    unlisted: Many[Unlisted] = Field((), description="파일을 만들지 않은, 투표에 오르지 않은 제안")

    def model_post_init(self, _: object) -> None:
        """A light poll is one of a single type without money: an own kind would double all that is said about both."""
        if self.options:
            self.__dict__["types"] = (PollType(id="option", label="선택지", max=self.max_picks),)

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        options, written = self.options, self.model_fields_set
        odd = sorted({*OF_BUDGETS} & written) if options else []
        yield odd, f"options를 적은 투표에는 {', '.join(odd)}를 적지 않습니다"
        is_budget = {"budget", "types"} <= written and self.types
        yield not (options or is_budget), "선택지(options)나, 예산(budget)과 유형(types)을 적으세요"
        is_odd = options and (len(options) < 2 or self.max_picks > len(options))
        yield is_odd, "options는 둘 넘게 적고, max_picks는 그 수를 넘지 않아야 합니다"
        yield repeated(each.id for each in options), "options에 같은 선택지가 두 번 있습니다"
        yield options and self.assurance != 1, "options를 적은 투표의 본인 확인 수준은 1입니다"
        yield self.closes <= self.opens, "closes는 opens보다 뒤여야 합니다"
        for name in ("holder", "public", "signing"):
            yield repeated(getattr(each, name) for each in self.keys), f"keys에 같은 {name}이 두 번 있습니다"
        yield repeated(each.id for each in self.types), "types에 같은 id가 두 번 있습니다"
        is_more = sum(each.budget or 0 for each in self.types) > self.budget
        yield is_more, "types의 budget을 더하면 budget보다 큽니다"
        is_taken = repeated(["online", *(each.id for each in self.bodies)])
        yield is_taken, "bodies의 id가 겹칩니다(online은 주민투표의 이름이라 쓸 수 없습니다)"
        yield sum(each.weight for each in self.bodies) > 100, "bodies의 weight를 더하면 100을 넘습니다"
        is_alone = any(len(set(group)) < 2 for group in self.exclusions)
        yield is_alone, "exclusions의 묶음마다 서로 다른 제안이 둘 넘게 있어야 합니다"

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """The next first, then the past ones, latest first."""
        return next_first(self.opens, self.closes, now)

    @property
    def as_proposals(self) -> tuple["Proposal", ...]:
        """The options of a light poll as what is picked from; none of a budget vote."""
        return tuple(
            Proposal(
                slug=each.id,
                file=self.file,
                title=each.text,
                summary=each.summary,
                vote=self.slug,
                type="option",
                cost=0,
            )
            for each in self.options
        )

    def type(self, id: str) -> PollType | None:
        return next((each for each in self.types if each.id == id), None)


class Review(Shape):
    """What the offices found (`[review]`)."""

    result: Literal["fit", "changed", "unfit"] = Field(
        description="fit은 할 수 있음, changed는 고치면 할 수 있음, unfit은 할 수 없음"
    )
    reason: str = Field(min_length=1, max_length=500, description="그렇게 본 까닭. 화면에 보입니다.")
    office: str = Field("", description="검토한 부서의 키(site.toml)")
    cost: Won | None = Field(None, description="검토한 부서가 어림한 예산(원)")
    date: Day | None = Field(None, description="검토를 마친 날")


class Progress(Shape):
    """What became of a chosen proposal (`[[progress]]`), the oldest first."""

    date: Day = Field(description="날짜")
    text: Line = Field(description="한 일")
    spent: Won = Field(0, description="이때 쓴 예산(원)")


class Proposal(Document):
    """One proposal of residents (제안), from its receipt to the day it is done: content/proposals/."""

    noun = "proposal"
    list_title = "주민참여예산 제안"

    vote: str = Field("", description="투표의 파일 이름(votes/). 투표를 거치지 않은 제안은 비웁니다.")
    type: str = Field("", description="유형의 키. 투표의 types에 있어야 합니다.")
    cost: Won = Field(description="드는 예산(원)")
    area: str = Field("", max_length=60, description="어디에. 예: 수완동")
    withdrawn: bool = Field(False, description="철회된 제안. 목록에 남지만 고를 수 없습니다.")
    stage: Literal[
        "received", "reviewed", "dropped", "on-ballot", "chosen", "not-chosen", "running", "done"
    ] = Field(
        "on-ballot",
        description="received 접수, reviewed 검토 마침, dropped 투표에 오르지 않음, on-ballot 투표에 오름(결과가 나오면 "
        "저절로 선정 여부를 보임), chosen 선정, not-chosen 선정 안 됨, running 추진 중, done 마침",
    )
    review: Review | None = Field(None, description="담당 부서의 검토. dropped에는 꼭 있어야 합니다.")
    progress: Many[Progress] = Field((), description="선정한 뒤 한 일과 쓴 돈")

    @property
    def is_on_ballot(self) -> bool:
        """Was it put to its vote?"""
        return bool(self.vote) and self.stage not in ("received", "reviewed", "dropped")

    @property
    def spent(self) -> int:
        """Won spent so far."""
        return sum(each.spent for each in self.progress)

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """By vote; those that are not on its ballot behind the others."""
        return (self.vote, not self.is_on_ballot)

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        is_loose = self.stage == "on-ballot" and not (self.vote and self.type)
        yield is_loose, "투표에 오른 제안에는 vote와 type이 있어야 합니다"
        is_unsaid = self.stage == "dropped" and self.review is None
        yield is_unsaid, "투표에 오르지 않은 제안에는 [review]에 까닭을 적어야 합니다"
        is_early = self.progress and self.stage not in ("chosen", "running", "done")
        yield is_early, "progress는 stage가 chosen, running, done일 때만 적습니다"
        days = [each.date for each in self.progress]
        yield days != sorted(days), "progress는 오래된 것부터 적습니다"
        yield self.spent > self.cost, "progress의 spent를 더하면 cost보다 큽니다"


def candidates(pages: Iterable[Document], vote: str) -> list[Proposal]:
    """Those of the pages that stand on the ballot of a vote, in their order; none for an unknown vote."""
    return [page for page in pages if isinstance(page, Proposal) and page.vote == vote and page.is_on_ballot]
