"""An election in Pabulib's `.pb` format (pabulib.org/format): its shape, and the writer. No files.

civic/pabulib_reader.py reads it: `parse(decode(content, name), name)`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import chain

SECTIONS = ("META", "PROJECTS", "VOTES")
VOTE_TYPES = ("approval", "choose-1", "ordinal", "cumulative", "scoring")
RATED = ("cumulative", "scoring")  # vote types that cannot be counted without points
BATCH = 500  # ballots whose picks are counted together: fits the processor's cache

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """One row of PROJECTS. `votes` and `score` are the published figures, None where the file has none;
    `selected` as published ("1", "0", "2", …), "" without; `other` holds every further column."""

    id: str
    cost: int | Fraction
    name: str = ""
    votes: int | Fraction | None = None
    score: int | Fraction | None = None
    selected: str = ""
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Election:
    """One file. The lists `voters`, `votes` (picks joined by commas, "" for a blank ballot), `points` (empty
    without points), `strengths` (empty when every ballot counts once) and each column of `other` run in
    step, one item per ballot, in the file's order. `named`: how often each project is named in all."""

    meta: Mapping[str, str]
    projects: Mapping[str, Project]
    voters: Sequence[str]
    votes: Sequence[str]
    points: Sequence[Sequence[int | Fraction]] = ()
    strengths: Sequence[int | Fraction] = ()
    other: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # Korean: oddities that do not stop a count

    @property
    def vote_type(self) -> str:
        return self.meta.get("vote_type", "")

    @property
    def budget(self) -> int | Fraction:
        return number(self.meta["budget"])

    @cached_property
    def named(self) -> Counter[str]:
        return named(self.votes)

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


def number(text: str) -> int | Fraction:
    """ "1 000 000", "400000.0" and "612,5" exactly; whole ones as int. ValueError for anything else."""
    plain = re.sub(r"[\s\u00a0\u202f_']", "", text)
    plain = plain.replace(",", "" if plain.count(",") > 1 else ".")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(text)
    value = Fraction(plain)
    return int(value) if value.denominator == 1 else value


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
    """The election as `.pb` text: every text cell quoted where it must be, LF line ends, no BOM.

    Reading it again gives the same election. META comes in the given order; num_projects and num_votes are
    counted afresh.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    meta = {
        **election.meta,
        "num_projects": str(len(election.projects)),
        "num_votes": str(len(election.votes)),
    }
    out.write("META\n")
    writer.writerow(["key", "value"])
    writer.writerows((key, value) for key, value in meta.items())
    out.write("PROJECTS\n")
    writer.writerows(_project_rows(election.projects.values()))
    out.write("VOTES\n")
    columns: list[tuple[str, Sequence[str]]] = [
        ("voter_id", election.voters),
        ("vote", election.votes),
    ]
    if election.points:
        columns.append(("points", [",".join(map(plain, points)) for points in election.points]))
    if election.strengths:
        columns.append(("vote_strength", [plain(each) for each in election.strengths]))
    columns += election.other.items()
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    return out.getvalue()


def _project_rows(projects: Iterable[Project]) -> Iterable[list[str]]:
    listed = list(projects)
    further = list(dict.fromkeys(chain.from_iterable(project.other for project in listed)))
    figures = [name for name in ("votes", "score") if any(getattr(p, name) is not None for p in listed)]
    texts = [name for name in ("name", "selected") if any(getattr(p, name) for p in listed)]
    yield ["project_id", "cost", *figures, *texts, *further]
    for project in listed:
        counted = [plain(value) if (value := getattr(project, name)) is not None else "" for name in figures]
        yield [
            project.id,
            plain(project.cost),
            *counted,
            *(getattr(project, name) for name in texts),
            *(project.other.get(name, "") for name in further),
        ]


def plain(value: int | Fraction) -> str:
    """12 or 612.5; a fraction that does not end in decimals as its nearest one."""
    return str(value) if isinstance(value, int) or value.denominator == 1 else repr(float(value))
