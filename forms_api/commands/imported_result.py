"""The result of a public election from its raw ballots, as files of content/results/. Text only, no files.

Where the rules of our own polls lead to the same winners, everything is written that verify.py needs. Otherwise
(points, ranks, Equal Shares, ballots that break the file's own limits …) the outcome is written as counted by the
rule that the file declares, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from civic.content.pages import Poll, Proposal
from civic.elsewhere.declared import declared_rules
from civic.elsewhere.elections import Recount, recount
from civic.votes.ballot import rules_document, rules_hash
from civic.votes.check import check
from civic.votes.count import Ballot, Outcome, count
from civic.votes.pabulib import Election
from civic.votes.pabulib import write as write_pb
from civic.votes.published import RESULTS
from civic.votes.result import SHARED, as_json, candidates_of, line_document, rules_of, tally
from civic.votes.result_files import Origin, copies, placed, result_files

PLAIN = ("approval", "choose-1")  # vote types whose ballots are picks and nothing more


def imported_result(
    election: Election,
    poll: Poll,
    proposals: Sequence[Proposal],
    names: Mapping[str, str],
    source: str,
) -> dict[str, str]:
    """Place inside content/results/ -> text. names: the slug of each project. Raises RulesMistake."""
    counted = recount(election)
    origin = Origin(source[:300], election.meta.get("currency", "")[:10])
    ballots = _ballots(election, names)
    result = _by_own_rules(election, counted, poll, proposals, ballots, names)
    if result is not None:
        files = result_files(poll, proposals, result, ballots, poll.closes, origin=origin)
        if f"{poll.slug}/election.pb" in files:
            files[f"{poll.slug}/election.pb"] = write_pb(election)  # as it came, with all its columns
        return files
    return _as_declared(election, counted, poll, proposals, names, poll.closes, origin)


def _ballots(election: Election, names: Mapping[str, str]) -> list[Ballot]:
    """The ballots under their voters' published numbers; a number that comes again is marked."""
    seen: Counter[str] = Counter()
    ballots = []
    for voter, picks in zip(election.voters, election.picks(), strict=True):
        tracker = voter[:200] or "-"
        seen[tracker] += 1
        mark = f"~{seen[tracker]}" if seen[tracker] > 1 else ""
        ballots.append(Ballot(tracker + mark, tuple(sorted(names[pick] for pick in picks))))
    return ballots


def _by_own_rules(
    election: Election,
    counted: Recount,
    poll: Poll,
    proposals: Sequence[Proposal],
    ballots: Sequence[Ballot],
    names: Mapping[str, str],
) -> Outcome | None:
    """The outcome by the poll's rules, if they say what the file's own rule says."""
    declared = declared_rules(election)
    if declared.shares or declared.rest or declared.rules.reserve_share is not None:
        return None
    if election.vote_type not in PLAIN or election.points or election.strengths:
        return None
    votes = count(ballot.choices for ballot in ballots)
    breaches = check(ballots, votes, rules_of(poll), candidates_of(poll, proposals), len(ballots))
    result = tally(poll, proposals, ballots)
    same = set(result.winners) == {names[winner] for winner in counted.winners}
    return result if same and not breaches else None


def _as_declared(
    election: Election,
    counted: Recount,
    poll: Poll,
    proposals: Sequence[Proposal],
    names: Mapping[str, str],
    at: datetime,
    origin: Origin,
) -> dict[str, str]:
    """The outcome as the file's own rule gives it: winners first, then by score."""
    place = {winner: number for number, winner in enumerate(counted.winners)}
    scores = sorted(counted.scores.values(), reverse=True)
    rank = {score: number for number, score in reversed(list(enumerate(scores, 1)))}
    lines = [
        replace(
            line,
            slug=names[line.slug],
            pot=SHARED,
            rank=rank[line.score],
            instead=names[line.instead] if line.instead else "",
        )
        for line in sorted(
            counted.outcome.lines,
            key=lambda line: (place.get(line.slug, len(place)), -line.score, names[line.slug]),
        )
    ]
    document: dict[str, Any] = {
        "format": "madang-results/1",
        "poll": poll.slug,
        "title": poll.title,
        "rules_hash": rules_hash(poll, proposals),
        "declared": rules_document(poll, proposals),
        "voters": len(election.votes),
        "ballots": len(election.votes),
        "void": 0,
        "blank": sum(not vote for vote in election.votes),
        "paper": [],
        "tables": {},
        "draw": [],
        "lines": [line_document(line) for line in lines],
        "winners": [names[each] for each in counted.winners],
        "spent": {SHARED: int(sum((election.projects[each].cost for each in counted.winners), Fraction(0)))},
        "tie": sorted(names[each] for each in counted.tie) if counted.tie else None,
        "counted": {
            "rule": election.meta.get("rule") or "unknown",
            "vote_type": election.vote_type,
            "notes": list(counted.notes),
        },
    }
    files = {
        RESULTS: as_json(document),
        **copies(poll, proposals, lines, None),
        "election.pb": write_pb(election),
    }
    return placed(document, files, at, origin=origin)
