"""Counts a public election (`.pb` file) from its raw ballots by the rule that the file declares. No files.

Which rule names exist, what each means here and what is done with an unknown one: docs/rules.md#pabulib.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import repeat

from bench.elections.election import RATED, PublicElection, borda
from bench.elections.figures import number
from bench.elections.rules import POT, Declared, declared_rules, part_of
from bench.elections.shares import Effort, Shares, TooMuchWork, add_one, equal_shares, preferred
from civic.votes.count import Candidate, Number, Outcome, Pot, ProposalOutcome, RulesMistake, outcome

WITHDRAWN_COST = 999_999_999  # the format's mark for a proposal taken off the list after the vote


@dataclass(frozen=True)
class Recount:
    """The count of one file: votes of every project (0 included), the score it is ranked by, the winners
    best first, the first tie that mattered (None without one) and remarks in Korean."""

    votes: Mapping[str, Number]
    scores: Mapping[str, Number]
    winners: tuple[str, ...]
    tie: tuple[str, ...] | None
    outcome: Outcome  # every project with its reason
    notes: tuple[str, ...] = ()


def recount(election: PublicElection) -> Recount:
    """Votes, scores and winners from the raw ballots; published figures in the file are not looked at."""
    votes = _votes(election)
    scores, score_notes = _scores(election, votes)
    declared = declared_rules(election)
    notes = (*election.notes, *declared.notes, *score_notes)
    if declared.shares:
        result, told = _shares(election, declared, scores)
    else:
        result, told = _by_score(election, declared, votes, scores), ()
    return Recount(votes, scores, result.winners, result.tie, result, (*notes, *told))


def _by_score(
    election: PublicElection, declared: Declared, votes: Mapping[str, Number], scores: Mapping[str, Number]
) -> Outcome:
    """The outcome in the order of scores; with `rest`, a second one over what is left of money and projects."""
    counted = {slug: int(n) for slug, n in votes.items()}
    standing = candidates(election)
    first = outcome(declared.rules, standing, counted, scores=scores)
    if not declared.rest:
        return first
    left = election.budget - sum(first.spent.values())
    waiting = [c for c in standing if c.slug not in first.winners]
    rules = replace(declared.rules, pots=(Pot(POT, left),), when_too_big="skip")
    second = outcome(rules, waiting, counted, scores=scores)
    won = [line for line in first.lines if line.won]
    spent = {**first.spent, POT: second.spent[POT]}
    return Outcome((*won, *second.lines), spent, first.tie or second.tie)


def candidates(election: PublicElection) -> list[Candidate]:
    kind = part_of(election)
    return [
        Candidate(
            slug=project.id,
            cost=project.cost,
            type=project.other.get(kind, ""),
            out="withdrawn" if project.cost == WITHDRAWN_COST else "",
        )
        for project in election.projects.values()
    ]


def _votes(election: PublicElection) -> dict[str, Number]:
    """How often each project is named; a ballot with a strength counts that many times."""
    found: Mapping[str, Number]
    if election.strengths:
        weighed: dict[str, Number] = {}
        for picks, strength in zip(election.picks(), election.strengths, strict=True):
            for pick in picks:
                weighed[pick] = weighed.get(pick, 0) + strength
        found = weighed
    else:
        found = election.named
    return {slug: found.get(slug, 0) for slug in election.projects}


def _scores(
    election: PublicElection, votes: Mapping[str, Number]
) -> tuple[dict[str, Number], tuple[str, ...]]:
    """What the file ranks by: votes; points given; or Borda points of an ordinal ballot (k for the first of
    k picks, 1 for the last: the published score columns use the ballot's own length)."""
    kind = election.vote_type
    if kind not in (*RATED, "ordinal"):
        return dict(votes), ()
    score: dict[str, Number] = dict.fromkeys(election.projects, 0)
    if election.strengths:
        points = election.points or borda(election.votes)
        for picks, given, strength in zip(election.picks(), points, election.strengths, strict=True):
            for pick, figure in zip(picks, given.split(","), strict=False):
                score[pick] += number(figure) * strength
    else:
        for (pick, figure), times in election.given.items():
            score[pick] += number(figure) * times
    notes: list[str] = []
    if kind == "scoring" and (default := number(election.meta.get("default_score") or "0")):
        for slug in score:
            score[slug] += default * (len(election.votes) - election.named[slug])
    function = election.meta.get("scoring_fn", "").lower()
    if kind == "ordinal" and not election.points and function not in ("", "borda"):
        notes.append(f"모르는 scoring_fn({function})이라 보르다 점수로 셌습니다")
    return score, tuple(notes)


def _shares(
    election: PublicElection, declared: Declared, scores: Mapping[str, Number]
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome by Equal Shares with the first tie whose other order would give other winners, and remarks.
    Raises RulesMistake when the count would take too long."""
    least = declared.rules.threshold
    below = {slug for slug, score in scores.items() if least and score < least}
    offer = _Offer.of(election, declared, scores, below)
    try:
        winners, shares = offer.bought(Effort())
    except TooMuchWork:
        raise RulesMistake("균등 지분(equalshares): 몫을 올려 가며 세는 일이 너무 많아 멈췄습니다") from None
    tie: tuple[str, ...] | None = None
    told: tuple[str, ...] = ()
    effort = Effort()
    try:
        tie = next((tied for tied in shares.ties if offer.matters(tied, winners, effort)), None)
    except TooMuchWork:
        told = ("동점이 당락을 가르는지는 셀 일이 너무 많아 다 살피지 못했습니다",)
    greedy = offer.greedy
    if greedy and tuple(winners) == greedy.winners and set(winners) != {*offer.free, *shares.winners}:
        return Outcome(greedy.lines, greedy.spent, tie), told
    return _as_outcome(election, scores, below, winners, tie), told


@dataclass(frozen=True)
class _Offer:
    """What Equal Shares buys from: the projects that may win, who supports each how much, those that cost nothing,
    and the outcome by votes that it is compared with (None: with none)."""

    election: PublicElection
    add_one: bool
    supporters: Mapping[str, Mapping[int, Number]]
    costs: Mapping[str, Number]
    free: tuple[str, ...]
    greedy: Outcome | None

    @classmethod
    def of(
        cls,
        election: PublicElection,
        declared: Declared,
        scores: Mapping[str, Number],
        below: Collection[str],
    ) -> _Offer:
        costs = {
            slug: project.cost
            for slug, project in election.projects.items()
            if project.cost != WITHDRAWN_COST and slug not in below
        }
        backing = _supporters(election)
        supporters = {slug: backing[slug] for slug in election.projects if slug in costs}
        free = tuple(slug for slug, cost in costs.items() if cost == 0 and supporters[slug])
        greedy = (
            outcome(declared.rules, candidates(election), {}, scores=scores) if declared.compare else None
        )
        return cls(election, declared.add_one, supporters, costs, free, greedy)

    def bought(self, effort: Effort, first: str = "") -> tuple[Sequence[str], Shares]:
        """The winners, best first, and what was bought; first: who comes before its equals. Raises TooMuchWork."""

        def order(slug: str) -> tuple[bool, Number, str]:
            return (slug != first, self.costs[slug], slug)

        budget, voters = self.election.budget, len(self.election.votes)
        if self.add_one:
            shares = add_one(self.supporters, self.costs, budget, voters, order, effort)
        else:
            share = Fraction(budget) / max(voters, 1)
            shares = equal_shares(self.supporters, self.costs, share, order, effort)
        winners: Sequence[str] = (*self.free, *shares.winners)
        if self.greedy:
            winners = preferred(self.supporters, winners, self.greedy.winners)
        return winners, shares

    def matters(self, tied: Sequence[str], winners: Sequence[str], effort: Effort) -> bool:
        """Were another of the tied bought first, others would win."""
        chosen = min(tied, key=lambda slug: (self.costs[slug], slug))
        return any(set(self.bought(effort, slug)[0]) != set(winners) for slug in tied if slug != chosen)


def _supporters(election: PublicElection) -> dict[str, dict[int, Number]]:
    """Project -> voter -> weight of the support, more than 0."""
    supporters: dict[str, dict[int, Number]] = {slug: {} for slug in election.projects}
    for voter, picks in enumerate(election.picks()):
        weights: Iterable[Number] = repeat(1)
        if election.points:
            weights = map(number, election.points[voter].split(","))
        for pick, weight in zip(picks, weights, strict=False):
            if weight > 0:
                supporters[pick][voter] = weight
    return supporters


def _as_outcome(
    election: PublicElection,
    scores: Mapping[str, Number],
    below: Collection[str],
    winners: Sequence[str],
    tie: tuple[str, ...] | None,
) -> Outcome:
    """What Equal Shares decided, with a reason for every project: the winners as bought, then by score."""
    place = {slug: n for n, slug in enumerate(winners)}
    better = sorted(scores.values(), reverse=True)
    rank = {score: n for n, score in reversed(list(enumerate(better, 1)))}
    lines = []
    for slug in sorted(scores, key=lambda slug: (place.get(slug, len(place)), -scores[slug], slug)):
        votes = int(election.named[slug])
        if slug in place:
            reason = "selected"
        elif election.projects[slug].cost == WITHDRAWN_COST:
            reason = "withdrawn"
        elif slug in below:
            reason = "below-threshold"
        else:
            reason = "not-afforded" if votes else "no-votes"
        lines.append(ProposalOutcome(slug, POT, votes, scores[slug], rank[scores[slug]], reason))
    spent = sum((election.projects[slug].cost for slug in winners), Fraction(0))
    return Outcome(tuple(lines), {POT: spent}, tie)


def official(election: PublicElection) -> frozenset[str] | None:
    """Whom the file's own rule selected; None when it does not say.

    Mark 1 is a winner; 2 is one too under the 80 % rule, and elsewhere (like 3) something that a comment
    explains: money from another pot, a project built for another reason.
    """
    marks = {project.id: project.selected for project in election.projects.values()}
    if not any(marks.values()):
        return None
    won = {"1", "2"} if declared_rules(election).rules.reserve_share is not None else {"1"}
    return frozenset(slug for slug, mark in marks.items() if mark.removesuffix(".0") in won)


def published_votes(election: PublicElection) -> dict[str, Number] | None:
    """The file's own votes column, 0 where a cell is empty; None when there is no such column."""
    if not any(project.votes is not None for project in election.projects.values()):
        return None
    return {project.id: project.votes or 0 for project in election.projects.values()}
