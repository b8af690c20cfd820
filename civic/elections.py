"""Counts a public election (`.pb` file) from its raw ballots by the rule that the file declares. No files.

Which rule names exist, what each means here and what is done with an unknown one: docs/rules.md#pabulib.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from civic.pabulib import RATED, Election, number
from civic.tally import Candidate, Number, Outcome, Pot, Rules, outcome
from civic.tally_shares import Shares, add_one, equal_shares, preferred

WITHDRAWN_COST = 999_999_999  # the format's mark for a proposal taken off the list after the vote
POT = "all"


@dataclass(frozen=True)
class Recount:
    """The count of one file: votes of every project (0 included), the score it is ranked by, the winners
    best first, the first tie that mattered (None without one) and remarks in Korean."""

    votes: Mapping[str, Number]
    scores: Mapping[str, Number]
    winners: tuple[str, ...]
    tie: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None  # reasons; none for Equal Shares, which has other ones


@dataclass(frozen=True)
class Declared:
    """What a file's META asks for: the rules, and whether Equal Shares decides instead of the order by votes."""

    rules: Rules
    shares: bool = False
    add_one: bool = False
    compare: bool = False
    notes: tuple[str, ...] = ()


def recount(election: Election) -> Recount:
    """Votes, scores and winners from the raw ballots; published figures in the file are not looked at."""
    votes = _votes(election)
    scores, score_notes = _scores(election, votes)
    declared = declared_rules(election)
    notes = (*election.notes, *declared.notes, *score_notes)
    if declared.shares:
        winners, tie = _shares(election, declared, scores)
        return Recount(votes, scores, winners, tie, notes)
    result = outcome(
        declared.rules, candidates(election), {s: int(n) for s, n in votes.items()}, scores=scores
    )
    return Recount(votes, scores, result.winners, result.tie, notes, result)


def candidates(election: Election) -> list[Candidate]:
    return [
        Candidate(
            slug=project.id, cost=project.cost, out="withdrawn" if project.cost == WITHDRAWN_COST else ""
        )
        for project in election.projects.values()
    ]


def _votes(election: Election) -> dict[str, Number]:
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


def _scores(election: Election, votes: Mapping[str, Number]) -> tuple[dict[str, Number], tuple[str, ...]]:
    """What the file ranks by: votes; points given; or Borda points of an ordinal ballot (k for the first of
    k picks, 1 for the last: the published score columns use the ballot's own length)."""
    kind = election.vote_type
    if kind not in (*RATED, "ordinal"):
        return dict(votes), ()
    score: dict[str, Number] = dict.fromkeys(election.projects, 0)
    points = election.points or (range(vote.count(",") + 1, 0, -1) if vote else () for vote in election.votes)
    strengths = election.strengths or [1] * len(election.votes)
    for picks, given, strength in zip(election.picks(), points, strengths, strict=True):
        for pick, value in zip(picks, given, strict=True):
            score[pick] += value * strength
    notes: list[str] = []
    if kind == "scoring" and (default := number(election.meta.get("default_score") or "0")):
        for slug in score:
            score[slug] += default * (len(election.votes) - election.named[slug])
    function = election.meta.get("scoring_fn", "").lower()
    if kind == "ordinal" and not election.points and function not in ("", "borda"):
        notes.append(f"모르는 scoring_fn({function})이라 보르다 점수로 셌습니다")
    return score, tuple(notes)


def declared_rules(election: Election) -> Declared:
    """The rule in META. An unknown or missing one is counted greedily by votes, and a note says so."""
    meta = election.meta
    name = meta.get("rule", "").strip().lower()
    plain = Rules(
        pots=(Pot(POT, election.budget),),
        threshold=number(meta.get("min_project_score_threshold") or "0"),
        threshold_on="score",
        needs_votes=False,
    )
    shape = re.sub(r"[\s_]+", "-", name)
    if shape in ("greedy", "greedy-threshold"):
        return Declared(plain)
    if shape in ("greedy-no-skip", "greedy-noskip"):
        return Declared(replace(plain, when_too_big="stop"))
    if shape == "greedy-exclusive":
        return Declared(replace(plain, exclusions=named_exclusions(election)))
    if shape == "greedy-custom":
        return _custom(election, plain)
    if shares := re.fullmatch(r"(?:equal-?shares|mes)(/add-?1u?)?(-comparison)?", shape):
        return Declared(plain, shares=True, add_one=bool(shares[1]), compare=bool(shares[2]))
    what = f"모르는 규칙({name})이라" if name not in ("", "unknown") else "파일에 규칙이 없어"
    return Declared(plain, notes=(f"{what} 득표순(예산에 맞지 않으면 건너뜀)으로 셌습니다",))


def _custom(election: Election, plain: Rules) -> Declared:
    """The one custom rule whose words are known: stop at the first that does not fit, but fund it as well
    when a stated part of its cost (80 % in Poznań) is left."""
    comment = election.meta.get("comment", "")
    stated = re.search(r"at least (\d{1,2})\s*% of (?:that|the|its)\b", comment)
    if stated or election.meta.get("unit", "").startswith("Pozna"):
        share = Fraction(int(stated[1]) if stated else 80, 100)
        return Declared(replace(plain, when_too_big="stop", reserve_share=share))
    return Declared(plain, notes=("풀이가 없는 규칙(greedy-custom)이라 득표순(건너뜀)으로 셌습니다",))


def named_exclusions(election: Election) -> tuple[frozenset[str], ...]:
    """Projects that a comment says cannot both be built: "projects 12 and 26 … mutually exclusive"."""
    found: list[frozenset[str]] = []
    word = r"[^\s,;.()]+"
    pair = re.compile(
        rf"projects?\s+({word}(?:\s*,\s*{word})*)\s*,?\s*(?:and|&|or|,)\s*({word})", re.IGNORECASE
    )
    for sentence in re.split(r"(?<=[.;])\s+|#\d+:", election.meta.get("comment", "")):
        if not re.search(r"exclusive|exclud|simultaneous|conflict|same area|both", sentence, re.IGNORECASE):
            continue
        for match in pair.finditer(sentence):
            names = {*re.split(r"\s*,\s*", match[1]), match[2]} & election.projects.keys()
            if len(names) > 1 and frozenset(names) not in found:
                found.append(frozenset(names))
    return tuple(found)


def _shares(
    election: Election, declared: Declared, scores: Mapping[str, Number]
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Winners by Equal Shares, and the first tie whose other order would give other winners."""
    supporters: dict[str, dict[int, Number]] = {slug: {} for slug in election.projects}
    for voter, picks in enumerate(election.picks()):
        for pick, weight in zip(
            picks, election.points[voter] if election.points else [1] * len(picks), strict=True
        ):
            supporters[pick][voter] = weight
    costs = {
        slug: project.cost for slug, project in election.projects.items() if project.cost != WITHDRAWN_COST
    }
    supporters = {slug: backing for slug, backing in supporters.items() if slug in costs}
    free = tuple(slug for slug, cost in costs.items() if cost == 0 and supporters[slug])

    def decide(first: str = "") -> tuple[tuple[str, ...], Shares]:
        def order(slug: str) -> tuple[bool, Number, str]:
            return (slug != first, costs[slug], slug)

        if declared.add_one:
            shares = add_one(supporters, costs, election.budget, len(election.votes), order)
        else:
            share = Fraction(election.budget) / max(len(election.votes), 1)
            shares = equal_shares(supporters, costs, share, order)
        winners: Sequence[str] = (*free, *shares.winners)
        if declared.compare:
            greedy = outcome(declared.rules, candidates(election), {}, scores=scores).winners
            winners = preferred(supporters, winners, greedy)
        return tuple(winners), shares

    winners, shares = decide()
    for tied in shares.ties:
        chosen = min(tied, key=lambda slug: (costs[slug], slug))
        if any(set(decide(first=each)[0]) != set(winners) for each in tied if each != chosen):
            return winners, tied
    return winners, None


def official(election: Election) -> frozenset[str] | None:
    """Whom the file's own rule selected; None when it does not say.

    Mark 1 is a winner; 2 is one too under the 80 % rule, and elsewhere (like 3) something that a comment
    explains: money from another pot, a project built for another reason.
    """
    marks = {project.id: project.selected for project in election.projects.values()}
    if not any(marks.values()):
        return None
    won = {"1", "2"} if declared_rules(election).rules.reserve_share is not None else {"1"}
    return frozenset(slug for slug, mark in marks.items() if mark.removesuffix(".0") in won)


def published_votes(election: Election) -> dict[str, Number] | None:
    """The file's own votes column, 0 where a cell is empty; None when there is no such column."""
    if not any(project.votes is not None for project in election.projects.values()):
        return None
    return {project.id: project.votes or 0 for project in election.projects.values()}
