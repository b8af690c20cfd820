"""May this count be published? What must hold between ballots, counts, voters and paper. Pure.

Nothing is published while `check` names a breach. Source: docs/rules.md#check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from civic.votes.ballot import Ballot
from civic.votes.count import Candidate, Rules, count


@dataclass(frozen=True)
class Batch:
    """One batch of paper ballots as its sheet says: how many, and the picks per proposal of each entry.

    Two people enter every batch; `entries` holds both totals (slug -> picks), which must agree.
    """

    id: str
    ballots: int
    entries: tuple[Mapping[str, int], ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Breach:
    """One thing that does not hold: a short key, and the figures in Korean."""

    key: str
    message: str

    def __str__(self) -> str:
        return self.message


def check(
    ballots: Sequence[Ballot],
    votes: Mapping[str, int],
    rules: Rules,
    candidates: Iterable[Candidate],
    voters: int,
    void: int = 0,
    batches: Iterable[Batch] = (),
    labels: Mapping[str, str] | None = None,
) -> tuple[Breach, ...]:
    """Every breach, in a fixed order; empty when the count may be published.

    labels: what people call the types; their keys are said where there is none.
    votes: the tallies about to be published. voters: people marked as having voted, online and on paper.
    void: envelopes on the board whose content broke the rules; they count as ballots, not as votes.
    """
    standing = {c.slug: c for c in candidates}
    found = [*_sums(ballots, votes, voters, void)]
    plain = {slug for slug, c in standing.items() if c.out != "not-voted" and rules.limits.get(c.type) != 0}
    # So many picks break no limit, whatever their types: nearly every ballot is seen to be right by these alone.
    few = min(
        [len(standing) if rules.max_picks is None else rules.max_picks, *filter(None, rules.limits.values())]
    )
    for ballot in ballots:
        picks = ballot.choices
        distinct = set(picks)
        if 0 < len(picks) <= few and len(distinct) == len(picks) and distinct <= plain:
            continue
        found += _limits(ballot, rules, standing, labels or {})
    return (*found, *_paper(ballots, batches))


def _sums(ballots: Sequence[Ballot], votes: Mapping[str, int], voters: int, void: int) -> Iterable[Breach]:
    recounted = count(ballot.choices for ballot in ballots)
    picks, tallies = sum(recounted.values()), sum(votes.values())
    if picks != tallies:
        yield Breach("sum", f"득표수의 합({tallies})과 고른 수의 합({picks})이 다릅니다")
    for slug in sorted({*recounted, *votes}):
        if recounted[slug] != votes.get(slug, 0):
            yield Breach(
                "votes", f"{slug}: 득표수({votes.get(slug, 0)})와 다시 센 수({recounted[slug]})가 다릅니다"
            )
    if len(ballots) + void != voters:
        yield Breach(
            "voters", f"표 {len(ballots) + void}장(무효 {void}장 포함)과 투표자 {voters}명이 다릅니다"
        )
    for tracker, times in sorted(Counter(ballot.tracker for ballot in ballots).items()):
        if times > 1:
            yield Breach("tracker", f"{tracker}: 같은 추적 번호가 {times}번 있습니다")


def _limits(
    ballot: Ballot, rules: Rules, standing: Mapping[str, Candidate], labels: Mapping[str, str]
) -> Iterable[Breach]:
    picks, name = ballot.choices, ballot.tracker
    if not picks and not rules.blank_allowed:
        yield Breach("blank", f"{name}: 빈 표를 받지 않는 투표입니다")
    if len(set(picks)) < len(picks):
        yield Breach("twice", f"{name}: 같은 제안이 두 번 있습니다")
    for slug in sorted(set(picks)):
        if slug not in standing:
            yield Breach("unknown", f"{name}: 없는 제안입니다 (found {slug})")
        elif standing[slug].out == "not-voted":  # withdrawn after it was picked: the count passes over it
            yield Breach("out", f"{name}: 고를 수 없는 제안입니다 (found {slug})")
    if rules.max_picks is not None and len(picks) > rules.max_picks:
        yield Breach("limit", f"{name}: {rules.max_picks}개까지 고를 수 있는데 {len(picks)}개입니다")
    kinds = Counter(standing[slug].type for slug in picks if slug in standing)
    for kind, most in rules.limits.items():
        if kinds[kind] > most:
            yield Breach(
                "type-limit", f"{name}: {labels.get(kind, kind)}: {most}개까지인데 {kinds[kind]}개입니다"
            )


def _paper(ballots: Sequence[Ballot], batches: Iterable[Batch]) -> Iterable[Breach]:
    entered: dict[str, list[Ballot]] = {}
    for ballot in ballots:
        if ballot.batch:
            entered.setdefault(ballot.batch, []).append(ballot)
    for batch in batches:
        members = entered.pop(batch.id, [])
        if len(members) != batch.ballots:
            yield Breach(
                "batch", f"{batch.id}: 종이 표는 {batch.ballots}장인데 입력은 {len(members)}장입니다"
            )
        picks = count(ballot.choices for ballot in members)
        for place, entry in enumerate(batch.entries, 1):
            for slug in sorted({*picks, *entry}):
                if picks[slug] != entry.get(slug, 0):
                    yield Breach(
                        "batch",
                        f"{batch.id}: {place}차 입력의 {slug}: {entry.get(slug, 0)}표인데 표에는 {picks[slug]}표입니다",
                    )
    for name in sorted(entered):
        yield Breach("batch", f"{name}: 집계표가 없는 종이 표 {len(entered[name])}장이 있습니다")
