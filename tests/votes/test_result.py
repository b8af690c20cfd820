"""The files of a published result: written byte for byte as ever, read back as the same shapes."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from civic.codes import code_of
from civic.content.poll import Body
from civic.recount import read_published
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.paper import PaperBatch
from civic.votes.result import TieDraw
from civic.votes.result_files import ResultCorrection, result_files
from civic.votes.tally import VoteCount
from tests.result_samples import PUBLISHED, a_counted_poll, some_ballots

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "published"


def a_result_with_everything() -> dict[str, str]:
    """Another body with fractions, a drawn tie, paper, void ballots, receipts, a correction: 60 for lamp and bench, of
    which one fits; 2 sheets of a third are void."""
    poll, proposals = a_counted_poll(
        budget=150_000_000, ties="draw", bodies=(Body(id="committee", label="위원회", weight=30),)
    )
    proposals["bench"] = proposals["bench"].model_copy(update={"cost": 60_000_000})
    paper = [Ballot(f"P-dong-1-{n:05d}", ("bench",), "dong-1") for n in range(1, 5)]
    ballots = [*some_ballots(), *paper]
    receipts = sorted(code_of(n * 7919**7) for n in range(1, 27))
    void = [Spoiled(receipts[0], "altered"), Spoiled(receipts[1], "type-limit")]
    void.append(Spoiled("P-dong-1-00005", "unreadable", "dong-1"))
    points = {"lamp": Fraction(175, 2), "bench": Fraction(175, 2), "ramp": 3}
    tables: Any = {"committee": dict.fromkeys(proposals, 0) | points}
    batches, draw = [PaperBatch("dong-1", 4)], ("lamp", "bench")
    vote = VoteCount(poll, proposals, ballots, void, batches, tables, draw)
    assert vote.outcome.tie == ("bench", "lamp")
    correction = ResultCorrection(
        at=PUBLISHED + timedelta(days=1),
        reason='묶음 "dong-1"을 빠뜨림',
        replaced={"results.json": "ab" * 32, "ballots.json": "cd" * 32},
    )
    at, by = PUBLISHED - timedelta(hours=1), ("감사관", "위원장")
    drawn = TieDraw(at=at, where="구청 3층", by=by, how="공 뽑기")
    return result_files(vote, PUBLISHED, drawn=drawn, receipts=receipts, corrections=[correction])


def test_every_byte_of_a_result_is_as_it_was() -> None:
    """Anyone may have kept the fingerprint of a published file: programs that write it again write the same."""
    for place, text in a_result_with_everything().items():
        assert text.encode() == (SAMPLES / "results" / place).read_bytes(), place


def test_what_was_written_is_read_back() -> None:
    """The samples are a whole result, in which nothing disagrees with anything else; and so is the draw beside it."""
    found = read_published(SAMPLES)
    assert found.mistakes == []
    (result,), (draw,) = found.results, found.draws
    assert (result.document.voters, result.document.winners) == (31, ("bus", "lamp"))
    assert (result.document.drawn is not None, len(result.record.corrections)) == (True, 1)
    assert draw.document.as_json().encode() == draw.raw
