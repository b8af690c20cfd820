"""A poll counted: its rules and proposals as the count sees them and in plain Korean, the scores of other bodies. No files.

Another body (a committee, a dong meeting) gives points, read from a CSV table, and weighs what the poll says.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from civic import korean
from civic.content.poll import Poll, Proposal
from civic.errors import Unusable
from civic.files import csv_rows
from civic.votes.ballot import Ballot, Proposals, Spoiled
from civic.votes.count import Candidate, Number, Outcome, Pot, Rules, RulesMistake, count, outcome
from civic.votes.paper import PaperBatch

ONLINE = "online"  # the residents' own vote among the bodies whose scores are weighted
SHARED = "all"  # the pot of the types without a budget of their own
HEAD = ("제안", "점수")
Points = Number | str  # "7.5" as a table says it, "15/2" as a board does
_POINTS = re.compile(r"\d{1,9}(\.\d{1,6})?")


def rules_of(poll: Poll) -> Rules:
    """The counting rules that a poll's front matter declares."""
    own = [Pot(kind.id, kind.budget, (kind.id,)) for kind in poll.types if kind.budget is not None]
    shared = tuple(kind.id for kind in poll.types if kind.budget is None)
    rest = poll.budget - sum(kind.budget or 0 for kind in poll.types)
    return Rules(
        pots=(*own, Pot(SHARED, rest, shared)) if shared else tuple(own),
        threshold=poll.threshold,
        when_too_big=poll.when_too_big,
        exclusions=tuple(frozenset(group) for group in poll.exclusions),
        ties=poll.ties,
    )


def candidates_of(poll: Poll, proposals: Iterable[Proposal]) -> list[Candidate]:
    """The poll's proposals as the count sees them; types that are not picked from stay out of it."""
    closed = {kind.id for kind in poll.types if kind.max == 0}
    return [
        Candidate(
            slug=proposal.slug,
            cost=proposal.cost,
            type=proposal.type,
            out="withdrawn" if proposal.withdrawn else "not-voted" if proposal.type in closed else "",
        )
        for proposal in sorted(proposals, key=lambda proposal: proposal.slug)
    ]


@dataclass(frozen=True)
class VoteCount:
    """A vote with all that is counted: ballots online and on paper, void ones, scores of other bodies, a tie's draw."""

    poll: Poll
    proposals: Proposals
    ballots: Sequence[Ballot]
    void: Sequence[Spoiled] = ()
    batches: Sequence[PaperBatch] = ()
    tables: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)  # body -> proposal -> points
    draw: Sequence[str] = ()

    @property
    def voters(self) -> int:
        """Everyone whose ballot is here, void ones too."""
        return len(self.ballots) + len(self.void)

    @cached_property
    def votes(self) -> Counter[str]:
        """How many ballots name each proposal."""
        return count(ballot.choices for ballot in self.ballots)

    @cached_property
    def outcome(self) -> Outcome:
        """Who is funded and why. Raises as `civic.votes.count.outcome` does, and for tables as `_scores` does."""
        candidates = candidates_of(self.poll, self.proposals.values())
        scores = self._scores(candidates) if self.poll.bodies else None
        return outcome(rules_of(self.poll), candidates, self.votes, self.draw, scores)

    def _scores(self, candidates: Sequence[Candidate]) -> dict[str, Number]:
        """The score of each proposal: per cent of each body's best, the residents' vote weighing what the bodies leave.

        A body's points are divided by its highest in the same pot, so 40 of at most 80 votes at 30 % give 15. A body that
        gave a pot nothing at all adds 0. Raises RulesMistake when a table lacks a proposal. Source: docs/rules.md#weights.
        """
        total: dict[str, Number] = {c.slug: Fraction(0) for c in candidates}
        bodies = {body.id: body.weight for body in self.poll.bodies}
        weights = {ONLINE: 100 - sum(bodies.values())} | bodies
        for pot in rules_of(self.poll).pots:
            members = [c.slug for c in candidates if c.type in pot.types]
            for body, weight in weights.items():
                points = self._points(body, members)
                best = max(points.values(), default=0)
                for slug in members if best else ():
                    total[slug] += weight * points[slug] / best
        return total

    def _points(self, body: str, members: Iterable[str]) -> dict[str, Fraction]:
        """What a body gave each of them; no vote is none. Raises RulesMistake."""
        table: Mapping[str, Points] = self.votes if body == ONLINE else self.tables.get(body, {})
        missing = [slug for slug in members if body != ONLINE and slug not in table]
        if missing:
            raise RulesMistake(f"{body}: 점수가 없는 제안이 있습니다: {', '.join(sorted(missing))}")
        points = {slug: Fraction(table[slug]) for slug in members}
        for slug, score in points.items():
            if score < 0:
                raise RulesMistake(f"{body}: {slug}: 점수는 0보다 작을 수 없습니다")
        return points


def read_scores(text: str, poll: Poll, proposals: Proposals) -> dict[str, Number]:
    """The points of every proposal, exact. text: CSV with the columns 제안 (its file name) and 점수.

    Proposals that take no part (withdrawn, not voted on) may be left out; all others must be there once.
    Raises Unusable with every row that is wrong and every proposal that is missing.
    """
    wrong: list[str] = []
    points: dict[str, Number] = {}
    for line, (slug, score, *_) in csv_rows(text, HEAD):
        if slug not in proposals:
            wrong.append(f"{line}줄: 이 투표에 없는 제안입니다 (found {slug[:80]})")
        elif slug in points:
            wrong.append(f"{line}줄: {korean.josa(slug, '이/가')} 두 번 있습니다")
        elif not _POINTS.fullmatch(score):
            wrong.append(f"{line}줄: 점수는 0 이상의 수로 쓰세요 (found {score[:20]})")
        else:
            points[slug] = Fraction(score)
    for candidate in candidates_of(poll, proposals.values()):
        if candidate.out:
            points.setdefault(candidate.slug, 0)
        elif candidate.slug not in points:
            wrong.append(f"{candidate.slug}: 점수가 없습니다")
    if wrong:
        raise Unusable(wrong)
    return points


CHOSEN_RULES = {  # values of when_too_big and of ties
    "skip": "남은 예산보다 큰 제안은 건너뛰고 다음 제안을 봅니다.",
    "stop": "남은 예산보다 큰 제안이 나오면 거기서 선정을 마칩니다.",
    "draw": "동점이라 당락이 갈리면 공개 추첨으로 정합니다.",
    "cost": "동점이라 당락이 갈리면 예산이 적은 제안이 먼저이고, 그것도 같으면 파일 이름 순서입니다.",
}


def counting_rules(poll: Poll) -> tuple[str, ...]:
    """How the ballots become winners, a sentence or two per rule, in the order of docs/rules.md."""
    lines = [_limits(poll), _order(poll), *_pots(poll), CHOSEN_RULES[poll.when_too_big]]
    if poll.threshold:
        lines.append(f"{poll.threshold:,}표보다 적게 받은 제안은 선정하지 않습니다.")
    if poll.exclusions:
        lines.append("같은 사업으로 묶인 제안은 하나만 선정합니다.")
    return (*lines, CHOSEN_RULES[poll.ties])


def _limits(poll: Poll) -> str:
    kinds = [f"{kind.label} {kind.max}개" for kind in poll.types if kind.max]
    by_type = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    blank = "빈 표도 받습니다." if poll.blank_allowed else "적어도 하나는 골라야 합니다."
    return f"한 사람이 모두 {poll.max_picks}개까지 고릅니다{by_type}. {blank}"


def _order(poll: Poll) -> str:
    rest = 100 - sum(body.weight for body in poll.bodies)
    shares = ", ".join([f"온라인 투표 {rest}%", *(f"{body.label} {body.weight}%" for body in poll.bodies)])
    best = f"{shares}를 더한 점수가 높은" if poll.bodies else "득표수가 많은"
    scale = " 기구마다 가장 높은 점수를 100%로 봅니다." if poll.bodies else ""
    return f"{best} 제안부터 차례로 선정합니다.{scale} 아무도 고르지 않은 제안은 선정하지 않습니다."


def _pots(poll: Poll) -> list[str]:
    own = [kind for kind in poll.types if kind.budget is not None and kind.max]
    lines = [f"{kind.label}의 예산은 {korean.won(kind.budget or 0)}이고, 그 유형만 씁니다." for kind in own]
    shared = [kind.label for kind in poll.types if kind.budget is None and kind.max]
    if shared:
        rest = poll.budget - sum(kind.budget or 0 for kind in poll.types)
        whose = f"{korean.josa(', '.join(shared), '이/가')} 함께 쓰는 " if len(shared) > 1 else ""
        lines.append(f"{whose}예산은 {korean.won(rest)}입니다.")
    return lines
