"""A public election as its `.pb` file has it (pabulib.org/format), and how often each project is named. No files."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat

from bench.elections.figures import number
from civic.votes.count import Number

SECTIONS = ("META", "PROJECTS", "VOTES")
VOTE_TYPES = ("approval", "choose-1", "ordinal", "cumulative", "scoring")
RATED = ("cumulative", "scoring")  # vote types that cannot be counted without points
BATCH = 500  # ballots whose picks are counted together: fits the processor's cache


@dataclass(frozen=True)
class Project:
    """One row of PROJECTS. `votes`: as published, None where the file has none; `selected` as published ("1", "0",
    "2", …), "" without; `other` holds every further column."""

    id: str
    cost: Number
    name: str = ""
    votes: Number | None = None
    selected: str = ""
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublicElection:
    """One file. The lists `voters`, `votes` (picks joined by commas, "" for a blank ballot), `points` (as many
    figures as picks, joined alike; no list without points), `strengths` (none when every ballot counts once) and
    each column of `other` run in step, one item per ballot, in the file's order. `named`: how often each project
    is named in all; `given`: how often with each figure of points (of Borda points where there are none)."""

    meta: Mapping[str, str]
    projects: Mapping[str, Project]
    voters: Sequence[str]
    votes: Sequence[str]
    other: Mapping[str, Sequence[str]] = field(default_factory=dict)
    points: Sequence[str] = ()
    strengths: Sequence[Number] = ()
    notes: tuple[str, ...] = ()  # Korean: oddities that do not stop a count

    @property
    def vote_type(self) -> str:
        return self.meta.get("vote_type", "")

    @property
    def budget(self) -> Number:
        return number(self.meta["budget"])

    @cached_property
    def named(self) -> Counter[str]:
        return named(self.votes)

    @cached_property
    def given(self) -> Counter[tuple[str, str]]:
        return paired(self.votes, self.points) if self.points else ranked(self.votes)

    def picks(self) -> Iterable[list[str]]:
        """The picks of each ballot."""
        return (vote.split(",") if vote else [] for vote in self.votes)


def named(votes: Sequence[str]) -> Counter[str]:
    """How often each name stands in these comma-separated lists; joined in batches because that is fastest."""
    found: Counter[str] = Counter()
    for start in range(0, len(votes), BATCH):
        if joined := ",".join(filter(None, votes[start : start + BATCH])):
            found.update(joined.split(","))
    return found


def paired(votes: Sequence[str], points: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each name stands with each figure beside it. Each ballot has as many names as figures."""
    found: Counter[tuple[str, str]] = Counter()
    for start in range(0, len(votes), BATCH):
        if names := ",".join(filter(None, votes[start : start + BATCH])):
            figures = ",".join(filter(None, points[start : start + BATCH]))
            found.update(zip(names.split(","), figures.split(","), strict=True))
    return found


def ranked(votes: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each name gets each number of Borda points: k for the first of k names, 1 for the last."""
    by_length: defaultdict[int, list[str]] = defaultdict(list)
    for vote, most in zip(votes, map(str.count, votes, repeat(",")), strict=True):
        by_length[most].append(vote)
    found: Counter[tuple[str, str]] = Counter()
    for most, alike in by_length.items():
        at: list[Counter[str]] = [Counter() for _ in range(most + 1)]
        for start in range(0, len(alike), BATCH):
            if names := ",".join(filter(None, alike[start : start + BATCH])):
                listed = names.split(",")
                for place, count in enumerate(at):
                    count.update(listed[place :: most + 1])
        for place, count in enumerate(at):
            for name, times in count.items():
                found[name, str(most + 1 - place)] += times
    return found


def borda(votes: Sequence[str]) -> list[str]:
    """The Borda points of each ballot, written as points are: "3,2,1" beside three picks, "" beside none."""
    longest = max(map(str.count, votes, repeat(",")), default=0) + 1
    written = [",".join(map(str, range(length, 0, -1))) for length in range(longest + 1)]
    return [written[vote.count(",") + 1] if vote else "" for vote in votes]


def oddities(election: PublicElection) -> tuple[str, ...]:
    """What is unusual in the ballots but counted all the same, as the published figures do. Korean."""
    notes: list[str] = []
    if repeated := len(election.voters) - len(set(election.voters)):
        notes.append(f"같은 투표자 번호로 된 표가 {repeated}장 더 있습니다. 모두 셌습니다")
    if doubled := sum(len(picks) - len(set(picks)) for picks in election.picks()):
        notes.append(f"한 표에 같은 제안이 거듭된 것이 {doubled}번 있습니다. 거듭 셌습니다")
    limit = election.meta.get("max_length", "")
    most = int(limit) if limit.isdecimal() else 0
    if most and (over := sum(vote.count(",") >= most for vote in election.votes)):
        notes.append(f"max_length {most}개를 넘게 고른 표가 {over}장 있습니다. 모두 셌습니다")
    return tuple(notes)
