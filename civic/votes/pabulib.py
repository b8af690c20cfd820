"""A result in Pabulib's `.pb` format (pabulib.org/format), for programs that count such elections. Text out: no files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from civic.votes.count import Number

TEXTS = ("name", "description", "comment")  # always quoted, whatever stands in them
_WORD = re.compile(r"[\w./+-]*", re.ASCII)  # such a cell of META needs no quotes


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
class Election:
    """One file. The lists `voters`, `votes` (picks joined by commas, "" for a blank ballot) and each column of `other`
    run in step, one item per ballot, in the file's order."""

    meta: Mapping[str, str]
    projects: Mapping[str, Project]
    voters: Sequence[str]
    votes: Sequence[str]
    other: Mapping[str, Sequence[str]] = field(default_factory=dict)


def write(election: Election) -> str:
    """The election as `.pb` text: names, descriptions and all other free text quoted, LF line ends, no BOM.

    META comes in the given order; num_projects and num_votes are counted afresh.
    """
    counted = {"num_projects": str(len(election.projects)), "num_votes": str(len(election.votes))}
    out = io.StringIO()
    out.write("META\nkey;value\n")
    for key, value in {**election.meta, **counted}.items():
        text = key in TEXTS or not _WORD.fullmatch(value)
        out.write(f"{_cell(key)};{_cell(value, text)}\n")
    out.write("PROJECTS\n")
    out.writelines(_project_lines(list(election.projects.values())))
    out.write("VOTES\n")
    columns = {"voter_id": election.voters, "vote": election.votes, **election.other}
    writer = csv.writer(out, delimiter=";", lineterminator="\n")  # numbers and picks: bare, so read at once
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def _project_lines(projects: Sequence[Project]) -> Iterable[str]:
    further = list(dict.fromkeys(name for project in projects for name in project.other))
    yield ";".join(map(_cell, ["project_id", "cost", "votes", "name", "selected", *further])) + "\n"
    for project in projects:
        cells = [
            _cell(project.id),
            plain(project.cost),
            "" if project.votes is None else plain(project.votes),
            _cell(project.name, text=True),
            _cell(project.selected),
            *(_cell(project.other.get(name, ""), text=True) for name in further),
        ]
        yield ";".join(cells) + "\n"


def _cell(value: str, text: bool = False) -> str:
    """Quoted when it is text, or has in it what would end a cell."""
    if text or any(mark in value for mark in ';"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def plain(value: Number) -> str:
    """12 or 612.5; a fraction that does not end in decimals as its nearest one."""
    return str(value) if isinstance(value, int) or value.denominator == 1 else repr(float(value))
