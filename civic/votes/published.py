"""A published result as it lies in content/results/: the record that staff see, and the files behind it. No files read.

`votes publish` writes them; docs/rules.md#published describes every name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from civic.clock import parse_time
from civic.shape import Line, Many, SeoulTime, Shape, Slug

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Points = Annotated[str, StringConstraints(pattern=r"^-?\d+(/[1-9]\d*)?$")]  # a whole number or a fraction

RESULTS, BALLOTS, RECEIPTS = "results.json", "ballots.json", "receipts.json"
FILES = (RESULTS, "results.csv", BALLOTS, "ballots.csv", "election.pb", RECEIPTS)  # what a folder may hold


def _from_text(value: Any) -> Any:
    """TOML has times of its own, JSON writes them as text."""
    return parse_time(value) if isinstance(value, str) else value


class ResultCorrection(Shape):
    """A published result was replaced (`[[corrections]]`): `votes publish --correct` writes it."""

    at: SeoulTime = Field(description="바로잡은 때. 이의 기간은 이때부터 다시 셉니다.")
    reason: Line = Field(description="까닭. 결과 화면에 보입니다.")
    replaced: dict[str, Digest] = Field(default={}, description="바꾸기 전 파일의 SHA-256")


class VoteRecord(Shape):
    """content/results/<vote>.toml: when a result was published, under which rules, and its files."""

    vote: Slug = Field(description="투표의 파일 이름(votes/)")
    published_at: SeoulTime = Field(description="공개한 때. 이때부터 누리집에 보입니다.")
    rules: Digest = Field(description="개표한 규칙의 지문(SHA-256)")
    board: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="접수증 명단의 지문")
    voters: Count = Field(description="투표한 사람")
    ballots: Count = Field(description="유효한 표")
    void: Count = Field(default=0, description="무효표")
    destroyed_at: SeoulTime | None = Field(
        default=None, description="투표함을 없앤 때. 그 뒤에는 결과를 바꾸지 않습니다."
    )
    files: Many[str] = Field(description="결과에 딸린 파일. results/ 안의 자리")
    corrections: Many[ResultCorrection] = Field(default=(), description="공개한 뒤 바로잡은 기록")

    @property
    def told_at(self) -> datetime:
        """When the result that now stands was told: published, or last corrected."""
        return max([self.published_at, *(each.at for each in self.corrections)])

    def objections_end(self, days: int) -> datetime:
        """Until when (exclusive) objections are taken; before that the box is not destroyed."""
        return self.told_at + timedelta(days=days)


class Batch(Shape):
    """Paper ballots that were counted together."""

    batch: Line
    ballots: Count


class ResultLine(Shape):
    """What became of one proposal."""

    slug: Slug
    pot: str
    votes: Count
    score: Points
    rank: int = Field(ge=1)
    won: bool
    reason: str
    wording: str
    instead: str


class Drawn(Shape):
    """When, where, before whom and how a tie was drawn: published beside the order."""

    at: Annotated[SeoulTime, BeforeValidator(_from_text)] = Field(description="추첨한 때")
    where: Line = Field(description="추첨한 곳")
    by: Many[Line] = Field(min_length=2, description="지켜본 사람의 직책. 둘 넘게")
    how: Line = Field(description="어떻게 뽑았는지")


class DrawFile(Drawn):
    """The record of a public draw as staff write it (TOML) for `votes publish --draw`."""

    poll: Slug = Field(description="투표의 파일 이름")
    order: Many[Slug] = Field(min_length=2, description="동점인 제안의 순서. 앞선 것부터")


class ResultsFile(Shape):
    """results.json."""

    format: Literal["madang-results/1"]
    poll: Slug
    title: Line
    rules_hash: Digest
    declared: dict[str, Any]
    voters: Count
    ballots: Count
    void: Count
    blank: Count
    paper: Many[Batch]
    tables: dict[str, dict[str, Points]]
    draw: Many[Slug]
    drawn: Drawn | None = None  # how that order came about; None: nothing was drawn
    lines: Many[ResultLine]
    winners: Many[Slug]
    spent: dict[str, Count]
    tie: Many[Slug] | None


class CastBallot(Shape):
    """One ballot; `batch` names the paper batch that it came with."""

    tracker: Line
    choices: Many[Slug]
    batch: str = ""


class VoidBallot(Shape):
    """One ballot that was not counted, and why: a key of civic.votes.ballot.FAULTS, or of civic.votes.paper."""

    receipt: Line
    fault: Line
    batch: str = ""


class BallotsFile(Shape):
    """ballots.json."""

    format: Literal["madang-ballots/1"]
    poll: Slug
    rules_hash: Digest
    ballots: Many[CastBallot]
    void: Many[VoidBallot]


class ReceiptsFile(Shape):
    """receipts.json: the board as it was before anything was opened."""

    poll: Slug
    rules: Digest
    digest: Digest
    receipts: Many[Line]
