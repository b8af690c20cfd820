"""An election in Pabulib's `.pb` format (pabulib.org/format): its shape, and the writer. No files.

civic/elsewhere/pabulib_reader.py reads it: `parse(decode(content, name), name)`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat

from civic.votes.pabulib_numbers import Number, number, plain

SECTIONS = ("META", "PROJECTS", "VOTES")
VOTE_TYPES = ("approval", "choose-1", "ordinal", "cumulative", "scoring")
RATED = ("cumulative", "scoring")  # vote types that cannot be counted without points
TEXTS = ("name", "description", "comment")  # always quoted, whatever stands in them
BATCH = 500  # ballots whose picks are counted together: fits the processor's cache

_WORD = re.compile(r"[\w./+-]*", re.ASCII)  # such a cell of META needs no quotes


@dataclass(frozen=True)
class Project:
    """One row of PROJECTS. `votes` and `score` are the published figures, None where the file has none;
    `selected` as published ("1", "0", "2", …), "" without; `other` holds every further column."""

    id: str
    cost: Number
    name: str = ""
    votes: Number | None = None
    score: Number | None = None
    selected: str = ""
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Election:
    """One file. The lists `voters`, `votes` (picks joined by commas, "" for a blank ballot), `points` (as many
    figures as picks, joined alike; no list without points), `strengths` (none when every ballot counts once) and
    each column of `other` run in step, one item per ballot, in the file's order. `named`: how often each project
    is named in all; `given`: how often with each figure of points (of Borda points where there are none)."""

    meta: Mapping[str, str]
    projects: Mapping[str, Project]
    voters: Sequence[str]
    votes: Sequence[str]
    points: Sequence[str] = ()
    strengths: Sequence[Number] = ()
    other: Mapping[str, Sequence[str]] = field(default_factory=dict)
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


def oddities(election: Election) -> tuple[str, ...]:
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


def write(election: Election) -> str:
    """The election as `.pb` text: names, descriptions and all other free text quoted, LF line ends, no BOM.

    Reading it again gives the same election. META comes in the given order; num_projects and num_votes are
    counted afresh.
    """
    meta = {
        **election.meta,
        "num_projects": str(len(election.projects)),
        "num_votes": str(len(election.votes)),
    }
    out = io.StringIO()
    out.write("META\nkey;value\n")
    for key, value in meta.items():
        text = key in TEXTS or not _WORD.fullmatch(value)
        out.write(f"{_cell(key)};{_cell(value, text)}\n")
    out.write("PROJECTS\n")
    out.writelines(_project_lines(election.projects.values()))
    out.write("VOTES\n")
    columns: list[tuple[str, Sequence[str]]] = [
        ("voter_id", election.voters),
        ("vote", election.votes),
    ]
    if election.points:
        columns.append(("points", election.points))
    if election.strengths:
        columns.append(("vote_strength", [plain(each) for each in election.strengths]))
    columns += election.other.items()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")  # numbers and picks: bare, so read at once
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    return out.getvalue()


def _project_lines(projects: Iterable[Project]) -> Iterable[str]:
    listed = list(projects)
    further = list(dict.fromkeys(chain.from_iterable(project.other for project in listed)))
    figures = [name for name in ("votes", "score") if any(getattr(p, name) is not None for p in listed)]
    texts = [name for name in ("name", "selected") if any(getattr(p, name) for p in listed)]
    yield ";".join(map(_cell, ["project_id", "cost", *figures, *texts, *further])) + "\n"
    for project in listed:
        counted = [plain(value) if (value := getattr(project, name)) is not None else "" for name in figures]
        cells = [
            _cell(project.id),
            plain(project.cost),
            *counted,
            *(_cell(getattr(project, name), name in TEXTS) for name in texts),
            *(_cell(project.other.get(name, ""), text=True) for name in further),
        ]
        yield ";".join(cells) + "\n"


def _cell(value: str, text: bool = False) -> str:
    """Quoted when it is text, or has in it what would end a cell."""
    if text or any(mark in value for mark in ';"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value
