"""The documents of a published result: board, results, ballots, signatures. Data in, text out: no files.

Each shape is built from a count, writes itself and reads itself back. docs/rules.md#published describes every name;
static/verify.py reads the documents and counts again by itself.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError

from civic import codes
from civic.content.front_matter import dotted
from civic.content.poll import Poll, Proposal
from civic.shape import Count, Digest, Line, Many, SeoulTime, Shape, Slug, document_hash
from civic.votes.ballot import Ballot, Spoiled, rules_hash
from civic.votes.count import ProposalOutcome
from civic.votes.paper import PaperBatch
from civic.votes.tally import VoteCount

Points = Annotated[str, StringConstraints(pattern=r"^-?\d+(/[1-9]\d*)?$")]  # a whole number or a fraction

Code = Annotated[str, StringConstraints(pattern=codes.CODE)]

RESULTS, BALLOTS, BOARD, SIGNATURES = "results.json", "ballots.json", "board.json", "signatures.json"
FEWEST = 20  # ballots; below that only totals are shown, because a single choice could be guessed


def as_json(document: Shape) -> str:
    """One written form: two spaces, Korean as it is, a line end at the end; without what is left at its default."""
    fields = document.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"


def digest_of(document: Shape | None) -> str:
    """SHA-256 of a document in its one written form, as anyone works it out from the file; "-" where there is none."""
    return document_hash(json.loads(as_json(document))) if document else "-"


class Board(Shape):
    """board.json: all that was known when the box was closed, before anything was opened. Holders sign its digest."""

    format: Literal["madang-board/1"]
    poll: Slug
    rules: Digest
    closed: SeoulTime
    receipts: Many[Code]  # of the envelopes in the box, sorted
    replaced: Many[Code]  # of ballots in whose place their voters put later ones, sorted
    roll: Count  # people on the roll; 0 where there is none
    marked: Count  # people who took a paper ballot
    urns: dict[Slug, Count]  # sheets in each urn, counted unread
    tables: dict[str, dict[str, Points]]  # other bodies' scores

    @property
    def digest(self) -> str:
        """To read out and write down."""
        return digest_of(self)

    @property
    def voters(self) -> int:
        """Envelopes and sheets: as many as there are ballots to count, void ones too."""
        return len(self.receipts) + sum(self.urns.values())


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
    def of(cls, line: ProposalOutcome) -> Self:
        fields = {name: getattr(line, name) for name in cls.model_fields}
        return cls(**fields | {"score": str(line.score)})


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


class Replaced(Shape):
    """A result that this one was published in place of: why, and what it was."""

    reason: Line
    results: Digest  # of its results.json in the one written form


class ResultsFile(Shape):
    """results.json: the rules it was counted by, and everything that follows from them."""

    format: Literal["madang-results/1"]
    poll: Slug
    title: Line
    rules_hash: Digest
    board: Digest
    declared: dict[str, Any]
    voters: Count
    ballots: Count
    void: Count
    blank: Count
    paper: Many[PaperBatch]
    tables: dict[str, dict[str, Points]]
    draw: Many[Slug]
    lines: Many[ResultLine]
    winners: Many[Slug]
    spent: dict[str, Count]
    tie: Many[Slug] | None
    drawn: TieDraw | None = None  # how that order came about; None: nothing was drawn
    corrections: Many[Replaced] = ()  # oldest first

    def declared_poll(self) -> tuple[Poll, dict[str, Proposal]]:
        """The poll and its proposals as they were counted. Raises ValueError when they are not whole."""
        # From JSON, because there a time is text.
        try:
            rules, listed = self.declared["rules"], self.declared["proposals"]
            poll = Poll.model_validate_json(json.dumps({**rules, "file": f"votes/{self.poll}.md"}))
            known = [{**row, "vote": self.poll, "file": f"proposals/{row.get('slug')}.md"} for row in listed]
            proposals = [Proposal.model_validate_json(json.dumps(each)) for each in known]
        except ValidationError as wrong:
            places = {dotted(error["loc"]) for error in wrong.errors(include_url=False, include_input=False)}
            raise ValueError(", ".join(sorted(places))) from None
        except (KeyError, TypeError, AttributeError):
            raise ValueError("rules, proposals") from None
        if poll.slug != self.poll:
            raise ValueError("slug")
        return poll, {proposal.slug: proposal for proposal in proposals}


class BallotsFile(Shape):
    """ballots.json: every ballot, sorted by tracker."""

    format: Literal["madang-ballots/1"]
    poll: Slug
    rules_hash: Digest
    ballots: Many[Ballot]
    void: Many[Spoiled]

    @classmethod
    def of(cls, vote: VoteCount) -> Self | None:
        """None under FEWEST ballots: then nothing is shown singly."""
        if len(vote.ballots) < FEWEST:
            return None
        return cls(
            format="madang-ballots/1",
            poll=vote.poll.slug,
            rules_hash=rules_hash(vote.poll, vote.proposals.values()),
            ballots=tuple(sorted(vote.ballots, key=lambda ballot: ballot.tracker)),
            void=tuple(sorted(vote.void, key=lambda spoiled: spoiled.receipt)),
        )


class SignaturesFile(Shape):
    """signatures.json: holder -> Ed25519 signature (base64url) of the board, and of results and ballots."""

    format: Literal["madang-signatures/1"]
    poll: Slug
    board: dict[Line, str]
    result: dict[Line, str]


class SignatureFile(Shape):
    """What `votes sign` writes: a holder's word for a result that the holder counted too."""

    format: Literal["madang-signature/1"]
    poll: Slug
    holder: Line
    results: Digest
    ballots: str
    signature: str
