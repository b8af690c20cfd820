"""The files of a published result: written byte for byte as ever, read back as the same shapes, and fit for other programs."""

import csv
import io
from datetime import timedelta
from pathlib import Path

from bench.elections.count import recount
from bench.elections.reader import parse
from civic.content.poll import PollType
from civic.recount import read_published
from civic.votes.ballot import Ballot
from civic.votes.pabulib import pb_of
from civic.votes.result import BallotsFile, ResultLine, TieDraw
from civic.votes.result_files import ResultCorrection, ballots_csv, results_csv
from civic.votes.tally import VoteCount
from tests.ballot_samples import CLOSES
from tests.result_samples import (
    PUBLISHED,
    a_counted_poll,
    a_vote_with_everything,
    published_files,
    some_ballots,
)

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "published"


def test_every_byte_of_a_result_is_as_it_was() -> None:
    """Anyone may have kept the fingerprint of a published file: programs that write it again write the same."""
    at, by = PUBLISHED - timedelta(hours=1), ("감사관", "위원장")
    correction = ResultCorrection(
        at=PUBLISHED + timedelta(days=1),
        reason='묶음 "dong-1"을 빠뜨림',
        replaced={"results.json": "ab" * 32, "ballots.json": "cd" * 32},
    )
    written = published_files(
        a_vote_with_everything(),
        [correction],
        drawn=TieDraw(at=at, where="구청 3층", by=by, how="공 뽑기"),
        town="Gwangsan-gu",
    )
    for place, text in written.items():
        assert text.encode() == (SAMPLES / "results" / place).read_bytes(), place


def test_what_was_written_is_read_back() -> None:
    """The samples are a whole result, in which nothing disagrees with anything else; and so is the draw beside it."""
    found = read_published(SAMPLES)
    assert found.mistakes == []
    (result,), (draw,) = found.results, found.draws
    assert (result.document.voters, result.document.winners) == (31, ("bus", "lamp"))
    assert result.document.tie == ("bench", "lamp") and result.document.drawn is not None
    assert len(result.record.corrections) == 1
    assert draw.document.as_json().encode() == draw.raw


def test_fewer_than_twenty_ballots_are_not_shown_singly() -> None:
    ballots = some_ballots()
    assert BallotsFile.of(VoteCount(*a_counted_poll(), ballots[:19])) is None
    assert BallotsFile.of(VoteCount(*a_counted_poll(), ballots[:20])) is not None


def lines(vote: VoteCount) -> list[ResultLine]:
    return [ResultLine.of(line) for line in vote.outcome.lines]


def test_published_pb_file_gives_the_same_winners() -> None:
    """The election written as `.pb` and counted again as a public one: the same votes and winners."""
    kinds = (PollType(id="general", label="일반", max=2), PollType(id="fixed", label="고정", max=1))
    poll, proposals = a_counted_poll(types=(*kinds, PollType(id="youth", label="청년", max=0)))
    vote = VoteCount(poll, proposals, some_ballots())
    text = pb_of(poll, proposals, vote.ballots, lines(vote), "다른 시")
    assert not text.startswith("\ufeff") and '\nunit;"다른 시"\n' in text
    again = recount(parse(text, "budget.pb"))
    assert set(again.winners) == set(vote.outcome.winners) != set()
    assert again.votes == {line.slug: line.votes for line in vote.outcome.lines if line.slug != "club"}


def test_last_day_of_a_published_pb_file_is_the_last_day_of_voting() -> None:
    """A poll that closes at midnight before the 26th ended on the 25th; one that closes at noon, that day."""
    for closes, last in ((CLOSES, "25.08.2023"), (CLOSES + timedelta(hours=12), "26.08.2023")):
        poll, proposals = a_counted_poll(closes=closes)
        text = pb_of(poll, proposals, some_ballots(), (), "")
        assert f"\ndate_begin;07.08.2023\ndate_end;{last}\n" in text


def test_tables_for_spreadsheets_are_quoted_and_inert() -> None:
    """Every cell quoted, a BOM for Excel, and a title that looks like a formula does not run, in wide signs either."""
    poll, proposals = a_counted_poll()
    titles = {"lamp": "=1+1", "bench": "＝1+1", "ramp": " @x", "few": "\u3000=1"}
    proposals |= {slug: proposals[slug].model_copy(update={"title": title}) for slug, title in titles.items()}
    text = results_csv(lines(VoteCount(poll, proposals, some_ballots())), proposals, poll)
    for title in titles.values():
        assert f'"\'{title}"' in text
    assert text.startswith('\ufeff"순위"') and '"예산(원)"' in text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row[3] for row in rows[1:]} <= {kind.label for kind in poll.types}  # not the key of the type
    first = ballots_csv([Ballot("t2", ("b", "a")), Ballot("t1", ())])
    assert first.startswith("\ufeff")
    assert first.removeprefix("\ufeff").splitlines() == [
        '"tracker","batch","choice"',
        '"t1","",""',
        '"t2","","b"',
        '"t2","","a"',
    ]
