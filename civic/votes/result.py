"""The documents of a published result: results.json, ballots.json, receipts.json. Data in, text out: no files.

Each shape is built from a count, writes itself and reads itself back. docs/rules.md#published describes every name;
static/verify.py reads the documents and counts again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from civic.content.pages import Poll, Proposal
from civic.content.shape_mistakes import dotted
from civic.shape import Count, Digest, Line, Many, SeoulTime, Shape, Slug
from civic.votes.ballot import Ballot, Spoiled, receipts_digest, rules_document, rules_hash
from civic.votes.count import Number, Outcome, ProposalOutcome
from civic.votes.paper import PaperBatch

Points = Annotated[str, StringConstraints(pattern=r"^-?\d+(/[1-9]\d*)?$")]  # a whole number or a fraction

RESULTS, BALLOTS, RECEIPTS = "results.json", "ballots.json", "receipts.json"
FEWEST = 20  # ballots; below that only totals are shown, because a single choice could be guessed


def as_json(document: Shape | Mapping[str, Any]) -> str:
    """One written form: two spaces, Korean as it is, a line end at the end; of a shape without what is left at its default."""
    if isinstance(document, Shape):
        document = document.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


# ---------------------------------------------------------------------------- results.json


class PaperCount(Shape):
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

    @classmethod
    def of(cls, line: ProposalOutcome) -> ResultLine:
        return cls(
            slug=line.slug,
            pot=line.pot,
            votes=line.votes,
            score=str(line.score),
            rank=line.rank,
            won=line.won,
            reason=line.reason,
            wording=line.wording,
            instead=line.instead,
        )


class TieDraw(Shape):
    """When, where, before whom and how a tie was drawn: published beside the order."""

    at: SeoulTime = Field(description="추첨한 때")
    where: Line = Field(description="추첨한 곳")
    by: Many[Line] = Field(min_length=2, description="지켜본 사람의 직책. 둘 넘게")
    how: Line = Field(description="어떻게 뽑았는지")


class TieDrawFile(TieDraw):
    """The record of a public draw as staff write it (TOML) for `votes publish --draw`."""

    poll: Slug = Field(description="투표의 파일 이름")
    order: Many[Slug] = Field(min_length=2, description="동점인 제안의 순서. 앞선 것부터")


class ResultsFile(Shape):
    """results.json: the rules it was counted by, and everything that follows from them."""

    format: Literal["madang-results/1"]
    poll: Slug
    title: Line
    rules_hash: Digest
    declared: dict[str, Any]
    voters: Count
    ballots: Count
    void: Count
    blank: Count
    paper: Many[PaperCount]
    tables: dict[str, dict[str, Points]]
    draw: Many[Slug]
    lines: Many[ResultLine]
    winners: Many[Slug]
    spent: dict[str, Count]
    tie: Many[Slug] | None
    drawn: TieDraw | None = None  # how that order came about; None: nothing was drawn

    @classmethod
    def of(
        cls,
        poll: Poll,
        proposals: Iterable[Proposal],
        result: Outcome,
        ballots: Sequence[Ballot],
        *,
        void: int = 0,
        batches: Iterable[PaperBatch] = (),
        tables: Mapping[str, Mapping[str, Number]] | None = None,
        draw: Sequence[str] = (),
        drawn: TieDraw | None = None,
    ) -> ResultsFile:
        listed = sorted(proposals, key=lambda proposal: proposal.slug)
        return cls(
            format="madang-results/1",
            poll=poll.slug,
            title=poll.title,
            rules_hash=rules_hash(poll, listed),
            declared=rules_document(poll, listed),
            paper=tuple(PaperCount(batch=batch.id, ballots=batch.ballots) for batch in batches),
            tables={
                body: {slug: str(n) for slug, n in rows.items()} for body, rows in (tables or {}).items()
            },
            draw=tuple(draw),
            drawn=drawn,
            **figures(result, ballots, void),
        )

    def declared_poll(self) -> tuple[Poll, dict[str, Proposal]]:
        """The poll and its proposals as they were counted. Raises ValueError when they are not whole."""
        rules, listed = self.declared.get("rules"), self.declared.get("proposals")
        if not isinstance(rules, dict) or not isinstance(listed, list):
            raise ValueError("rules, proposals")
        try:
            # From JSON, because there a time is text.
            poll = Poll.model_validate_json(json.dumps({**rules, "file": f"votes/{self.poll}.md"}))
            proposals = [
                Proposal.model_validate_json(
                    json.dumps({**row, "vote": self.poll, "file": f"proposals/{row.get('slug')}.md"})
                )
                for row in listed
                if isinstance(row, dict)
            ]
        except ValidationError as wrong:
            places = (
                dotted(tuple(error["loc"])) for error in wrong.errors(include_url=False, include_input=False)
            )
            raise ValueError(", ".join(sorted(set(places)))) from None
        if len(proposals) != len(listed) or poll.slug != self.poll:
            raise ValueError("slug")
        return poll, {proposal.slug: proposal for proposal in proposals}


def figures(result: Outcome, ballots: Sequence[Ballot], void: int) -> dict[str, Any]:
    """Of results.json: all that follows from the ballots, by name."""
    return {
        "voters": len(ballots) + void,
        "ballots": len(ballots),
        "void": void,
        "blank": sum(not ballot.choices for ballot in ballots),
        "lines": tuple(map(ResultLine.of, result.lines)),
        "winners": result.winners,
        "spent": {pot: int(spent) for pot, spent in result.spent.items()},
        "tie": result.tie or None,
    }


# ---------------------------------------------------------------------------- ballots.json and receipts.json


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
    """ballots.json: every ballot, sorted by tracker."""

    format: Literal["madang-ballots/1"]
    poll: Slug
    rules_hash: Digest
    ballots: Many[CastBallot]
    void: Many[VoidBallot]

    @classmethod
    def of(
        cls,
        poll: Poll,
        proposals: Iterable[Proposal],
        ballots: Sequence[Ballot],
        void: Iterable[Spoiled] = (),
    ) -> BallotsFile | None:
        """None under FEWEST ballots: then nothing is shown singly."""
        if len(ballots) < FEWEST:
            return None
        return cls(
            format="madang-ballots/1",
            poll=poll.slug,
            rules_hash=rules_hash(poll, proposals),
            ballots=tuple(
                CastBallot(**vars(each)) for each in sorted(ballots, key=lambda each: each.tracker)
            ),
            void=tuple(VoidBallot(**vars(each)) for each in sorted(void, key=lambda each: each.receipt)),
        )

    @property
    def cast(self) -> list[Ballot]:
        """As the count takes them."""
        return [Ballot(each.tracker, each.choices, each.batch) for each in self.ballots]


class ReceiptsFile(Shape):
    """receipts.json: the board as it was before anything was opened."""

    poll: Slug
    rules: Digest
    digest: Digest
    receipts: Many[Line]

    @classmethod
    def of(cls, poll: str, rules: str, receipts: Iterable[str]) -> ReceiptsFile:
        listed = tuple(receipts)
        return cls(poll=poll, rules=rules, digest=receipts_digest(listed), receipts=listed)
