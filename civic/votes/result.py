"""A poll's result as it is published: documents that anyone can recount. Data in, text out: no files.

The format is described in docs/rules.md#published; static/verify.py reads it and counts again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from civic.content.poll import Poll, Proposal
from civic.files import csv_text
from civic.votes.ballot import Ballot, Spoiled, rules_document, rules_hash
from civic.votes.check import Batch
from civic.votes.count import ONLINE, Candidate, Line, Number, Outcome, Pot, Rules, count, outcome
from civic.votes.pabulib import Election, Project
from civic.votes.published import Drawn, ResultLine

FEWEST = 20  # ballots; below that only totals are shown, because a single choice could be guessed
SHARED = "all"  # the pot of the types without a budget of their own


def rules_of(poll: Poll) -> Rules:
    """The counting rules that a poll's front matter declares."""
    own = [Pot(kind.id, kind.budget, (kind.id,)) for kind in poll.types if kind.budget is not None]
    shared = tuple(kind.id for kind in poll.types if kind.budget is None)
    rest = poll.budget - sum(kind.budget or 0 for kind in poll.types)
    weights = {each.id: each.weight for each in poll.bodies}
    if weights:
        weights = {ONLINE: 100 - sum(weights.values()), **weights}
    return Rules(
        pots=(*own, Pot(SHARED, rest, shared)) if shared else tuple(own),
        max_picks=poll.max_picks,
        limits={kind.id: kind.max for kind in poll.types},
        blank_allowed=poll.blank_allowed,
        threshold=poll.threshold,
        when_too_big=poll.when_too_big,
        exclusions=tuple(frozenset(group) for group in poll.exclusions),
        weights=weights,
        ties=poll.ties,
    )


def candidates_of(poll: Poll, proposals: Iterable[Proposal]) -> list[Candidate]:
    """The poll's proposals as the count sees them; types that are not picked from stay out of it."""
    closed = {kind.id for kind in poll.types if kind.max == 0}
    return [
        Candidate(
            slug=each.slug,
            cost=each.cost,
            type=each.type,
            out="withdrawn" if each.withdrawn else "not-voted" if each.type in closed else "",
        )
        for each in sorted(proposals, key=lambda each: each.slug)
    ]


def tally(
    poll: Poll,
    proposals: Iterable[Proposal],
    ballots: Iterable[Ballot],
    tables: Mapping[str, Mapping[str, Number]] | None = None,
    draw: Sequence[str] = (),
) -> Outcome:
    """The outcome of a poll from its ballots. Raises as `civic.votes.count.outcome` does."""
    votes = count(ballot.choices for ballot in ballots)
    return outcome(rules_of(poll), candidates_of(poll, proposals), votes, tables, draw)


def ballots_document(
    poll: Poll, proposals: Iterable[Proposal], ballots: Iterable[Ballot], void: Iterable[Spoiled] = ()
) -> dict[str, Any] | None:
    """ballots.json: every ballot, sorted by tracker. None under FEWEST ballots: then nothing is shown singly."""
    listed = sorted(ballots, key=lambda ballot: ballot.tracker)
    if len(listed) < FEWEST:
        return None
    return {
        "format": "madang-ballots/1",
        "poll": poll.slug,
        "rules_hash": rules_hash(poll, proposals),
        "ballots": [
            {"tracker": each.tracker, "choices": list(each.choices)}
            | ({"batch": each.batch} if each.batch else {})
            for each in listed
        ],
        "void": [
            {"receipt": each.receipt, "fault": each.fault} | ({"batch": each.batch} if each.batch else {})
            for each in sorted(void, key=lambda each: each.receipt)
        ],
    }


def results_document(
    poll: Poll,
    proposals: Iterable[Proposal],
    result: Outcome,
    ballots: Sequence[Ballot],
    voters: int,
    void: int = 0,
    batches: Iterable[Batch] = (),
    tables: Mapping[str, Mapping[str, Number]] | None = None,
    draw: Sequence[str] = (),
    drawn: Drawn | None = None,
) -> dict[str, Any]:
    """results.json: the rules it was counted by, and everything that follows from them."""
    listed = sorted(proposals, key=lambda each: each.slug)
    return {
        "format": "madang-results/1",
        "poll": poll.slug,
        "title": poll.title,
        "rules_hash": rules_hash(poll, listed),
        "declared": rules_document(poll, listed),
        "voters": voters,
        "ballots": len(ballots),
        "void": void,
        "blank": sum(not ballot.choices for ballot in ballots),
        "paper": [{"batch": each.id, "ballots": each.ballots} for each in batches],
        "tables": {body: {slug: str(n) for slug, n in rows.items()} for body, rows in (tables or {}).items()},
        "draw": list(draw),
        "lines": [line_document(line) for line in result.lines],
        "winners": list(result.winners),
        "spent": {pot: int(spent) for pot, spent in result.spent.items()},
        "tie": list(result.tie) if result.tie else None,
    } | ({"drawn": drawn.model_dump(mode="json")} if drawn else {})


def line_document(line: Line) -> dict[str, Any]:
    """What became of one proposal, as results.json has it."""
    return {
        "slug": line.slug,
        "pot": line.pot,
        "votes": line.votes,
        "score": str(line.score),
        "rank": line.rank,
        "won": line.won,
        "reason": line.reason,
        "wording": line.wording,
        "instead": line.instead,
    }


def as_json(document: Mapping[str, Any]) -> str:
    """One written form: two spaces, Korean as it is, a line end at the end."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def ballots_csv(ballots: Iterable[Ballot]) -> str:
    """One row per pick, blank ballots with an empty one; every cell quoted, with a BOM."""
    rows: list[tuple[object, ...]] = [("tracker", "batch", "choice")]
    for each in sorted(ballots, key=lambda ballot: ballot.tracker):
        rows += [(each.tracker, each.batch, choice) for choice in each.choices or ("",)]
    return csv_text(rows)


def results_csv(lines: Iterable[Line | ResultLine], proposals: Iterable[Proposal], poll: Poll) -> str:
    """One row per proposal in the order of the lines; every cell quoted, with a BOM."""
    known = {each.slug: each for each in proposals}
    labels = {kind.id: kind.label for kind in poll.types}
    rows: list[tuple[object, ...]] = [
        ("순위", "제안", "제목", "유형", "예산(원)", "득표", "점수", "결과", "대신 선정된 제안")
    ]
    for line in lines:
        each = known[line.slug]
        score = float(Fraction(line.score))
        rows.append(
            (
                line.rank,
                line.slug,
                each.title,
                labels.get(each.type, each.type),
                each.cost,
                line.votes,
                f"{score:g}",
                line.wording,
                line.instead,
            )
        )
    return csv_text(rows)


def as_election(
    poll: Poll,
    proposals: Iterable[Proposal],
    ballots: Iterable[Ballot],
    lines: Iterable[Line | ResultLine],
    country: str,
    unit: str,
) -> Election:
    """The poll in the shape of a `.pb` file, without proposals that took no part.

    The rule is named only where that format has a name for it. A proposal that nobody picked never wins here,
    so the smallest threshold written is 1.
    """
    took_part = {line.slug: line for line in lines if line.reason not in ("withdrawn", "not-voted")}
    chosen = sorted(ballots, key=lambda ballot: ballot.tracker)
    rules = rules_of(poll)
    standing = {kind.id for kind in poll.types if kind.max}
    pots = [pot for pot in rules.pots if not standing.isdisjoint(pot.types)]
    if (
        len(pots) != 1
        or rules.weights
        or rules.ties != "cost"
        or (rules.exclusions and poll.when_too_big == "stop")
    ):
        rule = "unknown"
    elif rules.exclusions:
        rule = "greedy-exclusive"
    else:
        rule = "greedy-no-skip" if rules.when_too_big == "stop" else "greedy-threshold"
    meta = {
        "description": poll.title,
        "country": country,
        "unit": unit,
        "instance": poll.slug,
        "num_projects": str(len(took_part)),
        "num_votes": str(len(chosen)),
        "budget": str(sum(pot.budget for pot in pots)),
        "vote_type": "approval",
        "rule": rule,
        "date_begin": _day(poll.opens),
        "date_end": _day(poll.closes - timedelta(microseconds=1)),  # the last moment still in it
        "min_length": "0" if poll.blank_allowed else "1",
        "max_length": str(poll.max_picks),
        "language": "ko",
        "currency": "KRW",
        "min_project_score_threshold": str(max(1, poll.threshold)),
    }
    if poll.exclusions:
        pairs = (
            f"projects {', '.join(group[:-1])} and {group[-1]} are mutually exclusive"
            for group in poll.exclusions
        )
        meta["comment"] = " ".join(f"#{n}: {pair}." for n, pair in enumerate(pairs, 1))
    listed = [each for each in sorted(proposals, key=lambda each: each.slug) if each.slug in took_part]
    return Election(
        meta=meta,
        projects={
            each.slug: Project(
                id=each.slug,
                cost=each.cost,
                name=each.title,
                votes=took_part[each.slug].votes,
                selected="1" if took_part[each.slug].won else "0",
                other={"category": each.type},
            )
            for each in listed
        },
        voters=[each.tracker for each in chosen],
        votes=[",".join(each.choices) for each in chosen],
        other={"voting_method": ["paper" if each.batch else "internet" for each in chosen]},
    )


def _day(moment: datetime) -> str:
    return moment.strftime("%d.%m.%Y")
