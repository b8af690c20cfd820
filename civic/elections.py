"""Counts a public election (`.pb` file) from its raw ballots by the rule that the file declares. No files.

Which rule names exist, what each means here and what is done with an unknown one: docs/rules.md#pabulib.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import repeat

from civic.pabulib import RATED, Election, borda
from civic.pabulib_numbers import number
from civic.tally import Candidate, Line, Number, Outcome, Pot, Rules, RulesMistake, outcome
from civic.tally_shares import Shares, TooMuchWork, Work, add_one, equal_shares, preferred

WITHDRAWN_COST = 999_999_999  # the format's mark for a proposal taken off the list after the vote
POT = "all"
KNOWN = {"greedy", "equalshares", "threshold", "noskip", "exclusive", "custom", "add1", "comparison"}

# What a comment says of projects of which only one may win.
_EXCLUDES = re.compile(
    r"(?<!greedy-)exclusive\b|\bexcludes?\b|\bexcluded by\b|\bconflict|same (?:area|site|location|place|land|plot)"
    r"|(?:\bnot\b|n't\b|\bcannot\b|\bunable\b|\bimpossible\b|\bonly one\b)[^.]*"
    r"\b(?:both|simultaneous\w*|together|at the same time|jointly|be (?:implemented|selected|funded|built))\b"
    r"|\bonly one of\b",
    re.IGNORECASE,
)
_ALLOWS = re.compile(
    r"(?:\bnot|n't) (?:\w+ )?(?:exclu|conflict|in conflict)|"
    r"^(?!.*(?:\bnot\b|n't\b|cannot)).*\bboth\b(?: \w+){0,2} (?:selected|funded|implemented|chosen)",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(ul|ust|al|os|pl|art|nr|nos?|num|str?|pkt|par|poz|dz|im|approx|e\.g|i\.e)\.(?=\s)", re.IGNORECASE
)
_PROJECTS = re.compile(r"\b(?:projects?|proposals?|ids?)\b", re.IGNORECASE)
_TOGETHER = re.compile(
    r"(?:\s|,|&|/|\([^)]*\)|\b(?:and|or|with|also|the|projects?|proposals?|ids?|excludes?|excluding"
    r"|is excluded by|conflicts with)\b)+",
    re.IGNORECASE,
)
_AND = re.compile(r"\b(?:and|or)\b|&", re.IGNORECASE)


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


@dataclass(frozen=True)
class Declared:
    """What a file's META asks for: the rules, and whether Equal Shares decides instead of the order by votes.
    `rest`: what the pots leave is spent on further projects by the same rules."""

    rules: Rules
    shares: bool = False
    add_one: bool = False
    compare: bool = False
    rest: bool = False
    notes: tuple[str, ...] = ()


def recount(election: Election) -> Recount:
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
    election: Election, declared: Declared, votes: Mapping[str, Number], scores: Mapping[str, Number]
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


def candidates(election: Election) -> list[Candidate]:
    kind = _part_of(election)
    return [
        Candidate(
            slug=project.id,
            cost=project.cost,
            type=project.other.get(kind, ""),
            out="withdrawn" if project.cost == WITHDRAWN_COST else "",
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


def declared_rules(election: Election) -> Declared:
    """The rule in META. An unknown or missing one is counted greedily by votes, and a note says so."""
    meta = election.meta
    name = meta.get("rule", "").strip().lower()
    threshold, notes = _threshold(election)
    rules = Rules(
        pots=(Pot(POT, election.budget),), threshold=threshold, threshold_on="score", needs_votes=False
    )
    words = re.sub(r"equal shares?|equalshare\b", "equalshares", re.sub(r"[^a-z0-9]+", " ", name))
    words = re.sub(r"\bmethod of |\bthe ", "", re.sub(r"\bno ?skip(ping)?\b", "noskip", words))
    flags = set(re.sub(r"\badd ?(?:1|one)u?\b", "add1", words).split())
    if "mes" in flags:
        flags = flags - {"mes"} | {"equalshares"}
    if unknown := flags - KNOWN or not flags & {"greedy", "equalshares"}:
        what = f"모르는 규칙({name})이라" if name not in ("", "unknown") else "파일에 규칙이 없어"
        understood = ", ".join(sorted(flags & KNOWN)) if unknown and flags & KNOWN else ""
        how = f"{understood}만 따라" if understood else "득표순(예산에 맞지 않으면 건너뜀)으로"
        notes += (f"{what} {how} 셌습니다",)
    if "equalshares" in flags:
        return Declared(rules, True, "add1" in flags, "comparison" in flags, notes=notes)
    if "noskip" in flags:
        rules = replace(rules, when_too_big="stop")
    if "exclusive" in flags:
        rules = replace(rules, exclusions=named_exclusions(election))
        if not rules.exclusions:
            notes += ("함께 선정할 수 없는 제안이 comment에서 읽히지 않아, 없는 것으로 셌습니다",)
    shared, told = _parts(election)
    if shared:
        return Declared(replace(rules, pots=shared), rest=_spends_the_rest(meta), notes=notes + told)
    notes += told
    if "custom" in flags:
        return _custom(election, rules, notes)
    return Declared(rules, notes=notes)


def _threshold(election: Election) -> tuple[Number, tuple[str, ...]]:
    """The least score that may win; a per cent figure is one of the ballots."""
    text = election.meta.get("min_project_score_threshold", "")
    if not text.endswith("%"):
        return number(text or "0"), ()
    least = Fraction(number(text[:-1]) * len(election.votes), 100)
    return least, (f"min_project_score_threshold {text}를 표의 수에 대한 비율로 셌습니다",)


def _parts(election: Election) -> tuple[tuple[Pot, ...], tuple[str, ...]]:
    """Budgets per category (district, neighborhood …) of the file, one pot each in the order of its list.

    Together no more than the whole budget. None when the file has no such budgets, or they fit to nothing in
    it: then a note says that they were passed over.
    """
    meta = election.meta
    key = next((key for key in meta if key.startswith("budget_per_") and meta[key]), "")
    if not key:
        return (), ()
    kind = key.removeprefix("budget_per_")
    listed = next((meta[each] for each in (f"{kind}s", f"{kind[:-1]}ies", kind) if meta.get(each)), "")
    parts = [part.strip() for part in listed.split(",")]
    passed_over = (f"{key}가 파일의 분류와 맞지 않아 budget만 따라 셌습니다",)
    try:
        budgets = [number(each) for each in meta[key].split(",")]
    except ValueError:
        return (), passed_over
    if len(set(parts)) < len(parts) or len(budgets) != len(parts) or min(budgets) < 0:
        return (), passed_over
    if any(project.other.get(kind) not in parts for project in election.projects.values()):
        return (), passed_over
    left, pots = election.budget, []
    for part, budget in zip(parts, budgets, strict=True):
        pots.append(Pot(part, min(budget, left), (part,)))
        left -= pots[-1].budget
    return tuple(pots), ()


def _part_of(election: Election) -> str:
    """The column that says to which part of the budget a project belongs; "" when it is not parted."""
    key = next((key for key in election.meta if key.startswith("budget_per_") and election.meta[key]), "")
    return key.removeprefix("budget_per_")


def _spends_the_rest(meta: Mapping[str, str]) -> bool:
    """What the parts leave is spent on further projects; "partially fund one" makes no project a winner."""
    words = meta.get("leftover_budget", "").lower()
    return "additional" in words and "partial" not in words


def _custom(election: Election, plain: Rules, notes: tuple[str, ...]) -> Declared:
    """The one custom rule whose words are known: stop at the first that does not fit, but fund it as well
    when a stated part of its cost (80 % in Poznań) is left."""
    comment = election.meta.get("comment", "")
    stated = re.search(r"at least (\d{1,2})\s*% of (?:that|the|its)\b", comment)
    if stated or election.meta.get("unit", "").startswith("Pozna"):
        share = Fraction(int(stated[1]) if stated else 80, 100)
        return Declared(replace(plain, when_too_big="stop", reserve_share=share), notes=notes)
    return Declared(plain, notes=(*notes, "풀이가 없는 규칙(greedy-custom)이라 득표순(건너뜀)으로 셌습니다"))


def named_exclusions(election: Election) -> tuple[frozenset[str], ...]:
    """Projects that a comment says cannot both be built: "projects 12 and 26 … mutually exclusive".

    Only sentences that say so are looked at. The projects named one after another, parted by nothing but "and",
    commas, slashes, remarks in brackets or the word "project", stand together; so do the two of "12 excludes 26".
    """
    found: list[frozenset[str]] = []
    ids = sorted(map(re.escape, election.projects), key=len, reverse=True)
    name = re.compile(rf"(?<![\w./-])({'|'.join(ids)})(?![\w/-]|\.\w)(?:\s*\([^)]*\))?")
    for sentence in re.split(r"(?<=[.;!?])\s+|(?:^|\s)#\d+:", _spelled_out(election)):
        start = _PROJECTS.search(sentence)
        if not start or not _EXCLUDES.search(sentence) or _ALLOWS.search(sentence):
            continue
        group: list[str] = []
        end, paired = 0, False
        for match in name.finditer(sentence, start.end()):
            between = sentence[end : match.start()]
            if not _TOGETHER.fullmatch(between) or (paired and "," in between):  # "5 and 8, 12 and 26"
                _keep(group, found)
                group, paired = [], False
            else:
                paired = paired or bool(_AND.search(between))
            group.append(match[1])
            end = match.end()
        _keep(group, found)
    return tuple(found)


def _spelled_out(election: Election) -> str:
    """The comment with "12 and 26" for "12/26", and without "no." and "#" before a number or other short forms
    whose full stop ends no sentence."""
    ids = election.projects.keys()

    def apart(match: re.Match[str]) -> str:
        return (
            f"{match[1]} and {match[2]}" if {match[1], match[2]} <= ids and match[0] not in ids else match[0]
        )

    comment = _SHORT.sub(r"\1", election.meta.get("comment", ""))
    comment = re.sub(r"(?i)\b(?:nos?|nr|num|numbers?)\s+(?=\S*\d)|№\s*|#(?!\d+:)\s*(?=\w)", "", comment)
    return re.sub(r"(?<!\S)([^\s/]+)/([^\s/,.;]+)", apart, comment)


def _keep(group: list[str], found: list[frozenset[str]]) -> None:
    together = frozenset(group)
    if len(together) > 1 and together not in found:
        found.append(together)


def _shares(
    election: Election, declared: Declared, scores: Mapping[str, Number]
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome by Equal Shares with the first tie whose other order would give other winners, and remarks.
    Raises RulesMistake when the count would take too long."""
    supporters: dict[str, dict[int, Number]] = {slug: {} for slug in election.projects}
    for voter, picks in enumerate(election.picks()):
        weights: Iterable[Number] = repeat(1)
        if election.points:
            weights = map(number, election.points[voter].split(","))
        for pick, weight in zip(picks, weights, strict=False):
            if weight > 0:
                supporters[pick][voter] = weight
    costs = {
        slug: project.cost for slug, project in election.projects.items() if project.cost != WITHDRAWN_COST
    }
    supporters = {slug: backing for slug, backing in supporters.items() if slug in costs}
    free = tuple(slug for slug, cost in costs.items() if cost == 0 and supporters[slug])
    greedy = outcome(declared.rules, candidates(election), {}, scores=scores) if declared.compare else None

    def decide(work: Work, first: str = "") -> tuple[Sequence[str], Shares]:
        def order(slug: str) -> tuple[bool, Number, str]:
            return (slug != first, costs[slug], slug)

        if declared.add_one:
            shares = add_one(supporters, costs, election.budget, len(election.votes), order, work)
        else:
            share = Fraction(election.budget) / max(len(election.votes), 1)
            shares = equal_shares(supporters, costs, share, order, work)
        winners: Sequence[str] = (*free, *shares.winners)
        return preferred(supporters, winners, greedy.winners) if greedy else winners, shares

    try:
        winners, shares = decide(Work())
    except TooMuchWork:
        raise RulesMistake("균등 지분(equalshares): 몫을 올려 가며 세는 일이 너무 많아 멈췄습니다") from None
    tie: tuple[str, ...] | None = None
    told: tuple[str, ...] = ()
    work = Work()
    try:
        tie = next((tied for tied in shares.ties if _matters(tied, costs, winners, work, decide)), None)
    except TooMuchWork:
        told = ("동점이 당락을 가르는지는 셀 일이 너무 많아 다 살피지 못했습니다",)
    if greedy and tuple(winners) == greedy.winners and set(winners) != {*free, *shares.winners}:
        return Outcome(greedy.lines, greedy.spent, tie), told
    return _as_outcome(election, scores, winners, tie), told


def _matters(
    tied: Sequence[str],
    costs: Mapping[str, Number],
    winners: Sequence[str],
    work: Work,
    decide: Callable[[Work, str], tuple[Sequence[str], Shares]],
) -> bool:
    """Were another of the tied bought first, others would win."""
    chosen = min(tied, key=lambda slug: (costs[slug], slug))
    return any(set(decide(work, each)[0]) != set(winners) for each in tied if each != chosen)


def _as_outcome(
    election: Election, scores: Mapping[str, Number], winners: Sequence[str], tie: tuple[str, ...] | None
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
        else:
            reason = "not-afforded" if votes else "no-votes"
        lines.append(Line(slug, POT, votes, scores[slug], rank[scores[slug]], reason))
    spent = sum((election.projects[slug].cost for slug in winners), Fraction(0))
    return Outcome(tuple(lines), {POT: spent}, tie)


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
