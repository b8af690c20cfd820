"""A result as the files of content/results/, which `votes publish` writes and civic/recount.py reads. Text only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from pydantic import Field

from civic.content.poll import Poll
from civic.files import csv_text
from civic.links import link
from civic.shape import Digest, Line, Many, SeoulTime, Shape, Slug
from civic.votes.ballot import Ballot, Proposals, rules_document, rules_hash
from civic.votes.result import (
    BALLOTS,
    BOARD,
    RESULTS,
    SIGNATURES,
    BallotsFile,
    Board,
    Replaced,
    ResultLine,
    ResultsFile,
    SignaturesFile,
    TieDraw,
    as_json,
    digest_of,
)
from civic.votes.tally import VoteCount

# What a folder may hold.
FILES = (RESULTS, "results.csv", BALLOTS, "ballots.csv", "election.pb", BOARD, SIGNATURES)


class ResultCorrection(Shape):
    """A published result was replaced (`[[corrections]]`): `votes publish --correct` writes it."""

    at: SeoulTime = Field(description="바로잡은 때. 이의 기간은 이때부터 다시 셉니다.")
    reason: Line = Field(description="까닭. 결과 화면에 보입니다.")
    replaced: dict[str, Digest] = Field(default={}, description="바꾸기 전 파일의 SHA-256")


class VoteRecord(Shape):
    """content/results/<vote>.toml: when a result was published, under which rules, and its files. Figures stand there alone."""

    vote: Slug = Field(description="투표의 파일 이름(votes/)")
    published_at: SeoulTime = Field(description="공개한 때. 이때부터 누리집에 보입니다.")
    rules: Digest = Field(description="개표한 규칙의 확인 값(SHA-256)")
    destroyed_at: SeoulTime | None = Field(
        default=None, description="투표함을 없앤 때. 그 뒤에는 결과를 바꾸지 않습니다."
    )
    town: str = Field(default="", max_length=300, description="투표한 지역(site.toml의 organisation)")
    corrections: Many[ResultCorrection] = Field(default=(), description="공개한 뒤 바로잡은 기록")

    @property
    def slug(self) -> str:
        return self.vote

    @property
    def told_at(self) -> datetime:
        """When the result that now stands was told: published, or last corrected."""
        return max([self.published_at, *(correction.at for correction in self.corrections)])

    def objections_end(self, days: int) -> datetime:
        """Until when (exclusive) objections are taken; before that the box is not destroyed."""
        return self.told_at + timedelta(days=days)

    def as_toml(self) -> str:
        """As its file holds it: what is empty left out, the corrections at the end."""
        import tomlkit  # here: a build reads records and writes none

        fields = self.model_dump(exclude_none=True)
        return tomlkit.dumps({key: value for key, value in fields.items() if value not in ("", ())})


@dataclass(frozen=True)
class VoteResult:
    """One published result. `poll` and `proposals` are those that were counted, as the result itself declares."""

    record: VoteRecord
    document: ResultsFile
    poll: Poll
    proposals: Proposals
    offered: Mapping[str, bytes]  # name -> content, as they are offered for download
    board: Board
    signatures: SignaturesFile
    ballots: BallotsFile | None = None  # None under FEWEST

    @property
    def slug(self) -> str:
        return self.record.slug

    @property
    def link(self) -> str:
        return link("result", self.slug)


@dataclass(frozen=True)
class Draft:
    """A count as holders sign it and as it is then published. Its parts raise as `VoteCount.outcome` does."""

    vote: VoteCount
    board: Board
    drawn: TieDraw | None = None
    corrections: tuple[Replaced, ...] = ()

    @cached_property
    def results(self) -> ResultsFile:
        poll, proposals = self.vote.poll, self.vote.proposals.values()
        return ResultsFile(
            format="madang-results/1",
            poll=poll.slug,
            title=poll.title,
            rules_hash=rules_hash(poll, proposals),
            board=self.board.digest,
            declared=rules_document(poll, proposals),
            paper=tuple(self.vote.batches),
            tables=self.board.tables,
            draw=tuple(self.vote.draw),
            drawn=self.drawn,
            corrections=self.corrections,
            **figures(self.vote),
        )

    @cached_property
    def ballots(self) -> BallotsFile | None:
        return BallotsFile.of(self.vote)

    @property
    def digests(self) -> tuple[str, str]:
        """What a holder signs under "result"."""
        return digest_of(self.results), digest_of(self.ballots)


def figures(vote: VoteCount) -> dict[str, Any]:
    """Of results.json: all that follows from the ballots, by name."""
    outcome = vote.outcome
    return {
        "voters": vote.voters,
        "ballots": len(vote.ballots),
        "void": len(vote.void),
        "blank": sum(not ballot.choices for ballot in vote.ballots),
        "lines": tuple(map(ResultLine.of, outcome.lines)),
        "winners": outcome.winners,
        "spent": {pot: int(spent) for pot, spent in outcome.spent.items()},
        "tie": outcome.tie,
    }


def result_files(
    draft: Draft, signatures: SignaturesFile, at: datetime, corrections: Sequence[ResultCorrection], town: str
) -> dict[str, str]:
    """Place inside content/results/ -> text, the record last: whoever writes them in this order never leaves a record
    without its files.

    at: when it was first published; corrections: every time that it was replaced since; town: whose vote it was. Under
    FEWEST ballots the singular files are left out. Raises as `VoteCount.outcome` does.
    """
    vote, results, singly = draft.vote, draft.results, draft.ballots
    poll = vote.poll
    documents = {RESULTS: results, BALLOTS: singly, BOARD: draft.board, SIGNATURES: signatures}
    files = {name: as_json(document) for name, document in documents.items() if document}
    files |= copies(poll, vote.proposals, results.lines, vote.ballots if singly else None, town)
    record = VoteRecord(
        vote=poll.slug, published_at=at, rules=results.rules_hash, town=town, corrections=tuple(corrections)
    )
    places = {f"{poll.slug}/{name}": text for name, text in files.items()}
    return {**places, f"{poll.slug}.toml": record.as_toml()}


def copies(
    poll: Poll, proposals: Proposals, lines: Sequence[ResultLine], ballots: Sequence[Ballot] | None, town: str
) -> dict[str, str]:
    """Name -> text of the files that say a result once more. ballots: None where they are not published; town: whose vote."""
    files = {"results.csv": results_csv(lines, proposals, poll)}
    if ballots is not None:
        files["ballots.csv"] = ballots_csv(ballots)
        from civic.votes import pabulib  # here: a library only reads

        files["election.pb"] = pabulib.pb_of(poll, proposals, ballots, lines, town)
    return files


def ballots_csv(ballots: Iterable[Ballot]) -> str:
    """One row per pick, blank ballots with an empty one; every cell quoted, with a BOM."""
    rows: list[tuple[object, ...]] = [("tracker", "batch", "choice")]
    for ballot in sorted(ballots, key=lambda ballot: ballot.tracker):
        rows += [(ballot.tracker, ballot.batch, choice) for choice in ballot.choices or ("",)]
    return csv_text(rows)


def results_csv(lines: Iterable[ResultLine], proposals: Proposals, poll: Poll) -> str:
    """One row per proposal in the order of the lines; every cell quoted, with a BOM."""
    labels = {kind.id: kind.label for kind in poll.types}
    rows: list[tuple[object, ...]] = [
        ("순위", "제안", "제목", "유형", "예산(원)", "득표", "점수", "결과", "대신 선정된 제안")
    ]
    for line in lines:
        proposal = proposals[line.slug]
        kind, score = labels.get(proposal.type, proposal.type), f"{float(Fraction(line.score)):g}"
        of_proposal = (line.rank, line.slug, proposal.title, kind, proposal.cost)
        rows.append((*of_proposal, line.votes, score, line.wording, line.instead))
    return csv_text(rows)
