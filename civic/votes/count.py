"""From picks to winners: who is funded, who is not, and why. Pure: no clock, no store, no web, no file.

The rules of a poll are data (`Rules`), fixed before it opens; docs/rules.md says them in plain words with
worked examples. Money and scores are whole numbers or fractions, never floats: a count must not depend on
rounding. A tie that changes who wins is settled only by what the rules say beforehand, or by a recorded draw.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby, permutations
from typing import Literal

Number = int | Fraction

REASONS = {
    "selected": "선정",
    "selected-reserve": "선정(모자란 금액은 예비 재원)",
    "over-budget": "예산 부족",
    "stopped": "앞 순위에서 선정 마감",
    "not-afforded": "지지한 사람들의 몫으로 모자람",
    "below-threshold": "기준 미달",
    "duplicate": "동일 사업 중복",
    "no-votes": "득표 없음",
    "withdrawn": "철회",
    "not-voted": "투표 대상 아님",
}
WON = frozenset({"selected", "selected-reserve"})


@dataclass(frozen=True)
class Candidate:
    """A proposal as the count sees it: its key, what it costs (won) and its type. `out` ("withdrawn" or
    "not-voted") keeps it on the list without a part in the count."""

    slug: str
    cost: Number
    type: str = ""
    out: str = ""


@dataclass(frozen=True)
class Pot:
    """One budget (won) and the types of proposals that share it; no types means all of them."""

    id: str
    budget: Number
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """How a poll is counted, all of it known before the poll opens.

    pots: emptied one after another in this order. threshold: a proposal needs at least so many votes (`threshold_on` "score": so much score).
    when_too_big: at the first proposal that no longer fits, "skip" it and go on, or "stop" for good.
    reserve_share: with "stop", the proposal at which the count stops is still funded when at least this
    share of its cost is left (the rest comes from a reserve); None: never.
    exclusions: sets of proposals of which only the best may win. ties: "cost" (the cheaper first, then the
    key) or "draw" (a recorded draw).
    """

    pots: tuple[Pot, ...]
    threshold: Number = 0
    threshold_on: Literal["votes", "score"] = "votes"
    needs_votes: bool = True
    when_too_big: Literal["skip", "stop"] = "skip"
    reserve_share: Fraction | None = None
    exclusions: tuple[frozenset[str], ...] = ()
    ties: Literal["cost", "draw"] = "cost"


@dataclass(frozen=True)
class ProposalOutcome:
    """What became of one proposal. `rank` is shared by equals (1, 2, 2, 4); `instead` is the winner that
    stands for the same project; `reason` is a key of REASONS."""

    slug: str
    pot: str
    votes: int
    score: Number
    rank: int
    reason: str
    instead: str = ""

    @property
    def won(self) -> bool:
        return self.reason in WON

    @property
    def wording(self) -> str:
        return REASONS[self.reason]


@dataclass(frozen=True)
class Outcome:
    """The whole result: every proposal once, pot by pot and best first. `tie` names the proposals of the
    first tie that changed who won (it was settled by the declared rule or the draw); None without one."""

    lines: tuple[ProposalOutcome, ...]
    spent: Mapping[str, Number]
    tie: tuple[str, ...] | None = None

    @property
    def winners(self) -> tuple[str, ...]:
        return tuple(line.slug for line in self.lines if line.won)


class TieStops(Exception):
    """A tie changes who wins and nothing recorded settles it: the count stops here. Names the tied."""

    def __init__(self, tied: Iterable[str]) -> None:
        self.tied = tuple(sorted(tied))
        super().__init__(
            f"동점이라 당락이 갈립니다: {', '.join(self.tied)}. 추첨 순서를 기록한 뒤 다시 개표하세요."
        )


class RulesMistake(Exception):
    """The rules, the proposals or the score tables do not fit together. Says which, in Korean."""


def count(ballots: Iterable[Sequence[str]]) -> Counter[str]:
    """Votes per proposal: how many ballots name it. Proposals that nobody picked are absent."""
    return Counter(chain.from_iterable(ballots))


def outcome(
    rules: Rules,
    candidates: Iterable[Candidate],
    votes: Mapping[str, int],
    draw: Sequence[str] = (),
    scores: Mapping[str, Number] | None = None,
) -> Outcome:
    """Who is funded and why, for every candidate.

    votes: per slug, absent is 0. draw: slugs in the order a recorded draw gave, best first. scores: what to rank
    by instead of votes (weighted with other bodies, or points of rated ballots). Nobody voted: nobody wins.
    Raises TieStops, or RulesMistake when a candidate has no pot.
    Source: docs/rules.md#winners.
    """
    standing = list(candidates)
    pots = [(pot, [c for c in standing if not pot.types or c.type in pot.types]) for pot in rules.pots]
    _check_fit(rules, standing, pots)
    count_ = _Count(rules, votes, draw)
    lines: list[ProposalOutcome] = []
    spent: dict[str, Number] = {}
    for pot, members in pots:
        lines += count_.fill(pot, members, votes if scores is None else scores)
        spent[pot.id] = count_.spent
    return Outcome(lines=tuple(lines), spent=spent, tie=count_.tie)


def _check_fit(rules: Rules, standing: list[Candidate], pots: list[tuple[Pot, list[Candidate]]]) -> None:
    homes = Counter(c.slug for _, members in pots for c in members)
    for c in standing:
        if homes[c.slug] != 1:
            raise RulesMistake(f"{c.slug}: 예산 하나에 꼭 한 번 들어야 합니다 (found {homes[c.slug]})")
        if c.cost < 0:
            raise RulesMistake(f"{c.slug}: 예산은 0보다 작을 수 없습니다 (found {c.cost})")
    for name in chain.from_iterable(rules.exclusions):
        if name not in homes:
            raise RulesMistake(f"exclusions: 없는 제안입니다 (found {name})")


Fates = dict[str, tuple[str, str]]  # slug -> (reason, instead)


# What is left of a pot while it is being emptied, who has won over all pots so far, and has the pot come to its stop.
Purse = tuple[Number, frozenset[str], bool]


class _Count:
    """One count over all pots: carries the winners and the first tie that mattered."""

    def __init__(self, rules: Rules, votes: Mapping[str, int], draw: Sequence[str]) -> None:
        self.rules, self.votes = rules, votes
        self.draw = {slug: place for place, slug in enumerate(draw)}
        self.won: frozenset[str] = frozenset()
        self.spent: Number = 0
        self.tie: tuple[str, ...] | None = None

    def fill(
        self, pot: Pot, members: Sequence[Candidate], scores: Mapping[str, Number]
    ) -> list[ProposalOutcome]:
        purse: Purse = (pot.budget, self.won, False)
        ranked = sorted(members, key=lambda c: (-scores.get(c.slug, 0), c.cost, c.slug))
        lines: list[ProposalOutcome] = []
        place = 1
        for score, equals in groupby(ranked, key=lambda c: scores.get(c.slug, 0)):
            group = list(equals)
            out = {c.slug: (reason, "") for c in group if (reason := self._ruled_out(c, score))}
            alive = [c for c in group if c.slug not in out]
            taken, purse = self._take(self._settled(alive, purse), purse)
            fates = out | taken
            lines += [
                ProposalOutcome(c.slug, pot.id, self.votes.get(c.slug, 0), score, place, *fates[c.slug])
                for c in sorted(group, key=lambda c: (fates[c.slug][0] not in WON, c.cost, c.slug))
            ]
            place += len(group)
        left, self.won, _ = purse
        self.spent = pot.budget - left
        return lines

    def _ruled_out(self, c: Candidate, score: Number) -> str:
        """Why it is out whatever the order; "" when it is not."""
        votes = self.votes.get(c.slug, 0)
        measure = score if self.rules.threshold_on == "score" else votes
        if c.out or (self.rules.needs_votes and votes == 0):
            return c.out or "no-votes"
        is_below = self.rules.threshold and measure < self.rules.threshold  # without one, less than 0 will do
        return "below-threshold" if is_below else ""

    def _take(self, group: Sequence[Candidate], purse: Purse) -> tuple[Fates, Purse]:
        """Fund the group one by one in this order."""
        share, stops = self.rules.reserve_share, self.rules.when_too_big == "stop"
        left, won, stopped = purse
        fates: Fates = {}
        for c in group:
            rivals = {each for same in self.rules.exclusions if c.slug in same for each in same} - {c.slug}
            reason, instead = "selected", ""
            if rivals & won:
                reason, instead = "duplicate", min(rivals & won)
            elif stopped:
                reason = "stopped"
            elif c.cost > left:
                reason, stopped = "over-budget", stops
                if stops and share is not None and left >= share * c.cost:
                    reason = "selected-reserve"
            if reason in WON:
                won, left = won | {c.slug}, left - min(c.cost, left)
            fates[c.slug] = (reason, instead)
        return fates, (left, won, stopped)

    def _settled(self, group: list[Candidate], purse: Purse) -> list[Candidate]:
        """The order among equals: the cheaper first, then the key; or, where it matters, the recorded draw."""
        if len(group) < 2:
            return group
        tied = self._contested(group, purse)
        if not tied:
            return group
        if self.tie is None:
            self.tie = tuple(sorted(tied))
        if self.rules.ties == "cost":
            return group
        if not tied <= self.draw.keys():
            raise TieStops(tied)
        return sorted(group, key=lambda c: (self.draw.get(c.slug, len(self.draw)), c.cost, c.slug))

    def _contested(self, group: list[Candidate], purse: Purse) -> set[str]:
        """Those of equal score whose order decides who wins; empty when it is all one. That is who wins in one
        order and loses in another; with "stop" also who never wins, because it ends the count for the others.

        Up to five equals all orders are tried; above that each is tried first and last among the others in
        three orders, which is the same without exclusions (first is the best place, last the worst).
        """
        orders: Iterable[Sequence[Candidate]]
        if len(group) <= 5:
            orders = permutations(group)
        else:
            orders = chain.from_iterable(_first_and_last(group, c) for c in group)
        names = frozenset(c.slug for c in group)
        seen = [names & won for _, (_, won, _) in (self._take(order, purse) for order in orders)]
        sometimes = frozenset.union(*seen) - frozenset.intersection(*seen)
        if sometimes and self.rules.when_too_big == "stop":
            sometimes |= names - frozenset.union(*seen)
        return set(sometimes)


def _first_and_last(group: list[Candidate], c: Candidate) -> Iterable[list[Candidate]]:
    others = [other for other in group if other is not c]
    yield [c, *others]
    for order in (others, others[::-1], others[1::2] + others[::2]):
        yield [*order, c]
