"""A result in Pabulib's `.pb` format (pabulib.org/format), for programs that count such elections. Text out: no files."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from civic.content.poll import Poll, Proposal
from civic.votes.ballot import Ballot
from civic.votes.count import Number
from civic.votes.result import ResultLine
from civic.votes.tally import rules_of

COUNTRY = "South Korea"

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


def election_of(
    poll: Poll,
    proposals: Iterable[Proposal],
    ballots: Iterable[Ballot],
    lines: Iterable[ResultLine],
    town: str = "",
) -> Election:
    """The poll as such a file, without proposals that took no part. town: whose vote it was."""
    fates = {line.slug: line for line in lines if line.reason not in ("withdrawn", "not-voted")}
    took_part = [each for each in sorted(proposals, key=lambda each: each.slug) if each.slug in fates]
    chosen = sorted(ballots, key=lambda ballot: ballot.tracker)
    return Election(
        meta=_meta(poll, town, len(fates), len(chosen)),
        projects={
            proposal.slug: Project(
                id=proposal.slug,
                cost=proposal.cost,
                name=proposal.title,
                votes=fates[proposal.slug].votes,
                selected="1" if fates[proposal.slug].won else "0",
                other={"category": proposal.type},
            )
            for proposal in took_part
        },
        voters=[ballot.tracker for ballot in chosen],
        votes=[",".join(ballot.choices) for ballot in chosen],
        other={"voting_method": ["paper" if ballot.batch else "internet" for ballot in chosen]},
    )


def _meta(poll: Poll, town: str, projects: int, votes: int) -> dict[str, str]:
    """The rule is named only where that format has a name for it. A proposal that nobody picked never wins here, so
    the smallest threshold written is 1."""
    standing = {kind.id for kind in poll.types if kind.max}
    pots = [pot for pot in rules_of(poll).pots if not standing.isdisjoint(pot.types)]
    stops = poll.when_too_big == "stop"
    if len(pots) != 1 or poll.bodies or poll.ties != "cost" or (poll.exclusions and stops):
        rule = "unknown"
    elif poll.exclusions:
        rule = "greedy-exclusive"
    else:
        rule = "greedy-no-skip" if stops else "greedy-threshold"
    meta = {
        "description": poll.title,
        "country": COUNTRY,
        "unit": town,
        "instance": poll.slug,
        "num_projects": str(projects),
        "num_votes": str(votes),
        "budget": str(sum(pot.budget for pot in pots)),
        "vote_type": "approval",
        "rule": rule,
        "date_begin": _day(poll.opens),
        "date_end": _day(poll.closes - timedelta(microseconds=1)),  # the last moment still in it
        "min_length": "0" if poll.blank_allowed else "1",
        "max_length": str(poll.max_picks),
        "language": "ko",
        "currency": "KRW",
        "min_project_score_threshold": str(max(1, poll.threshold)),
    }
    if poll.exclusions:
        pairs = (
            f"projects {', '.join(group[:-1])} and {group[-1]} are mutually exclusive"
            for group in poll.exclusions
        )
        meta["comment"] = " ".join(f"#{n}: {pair}." for n, pair in enumerate(pairs, 1))
    return meta


def _day(moment: datetime) -> str:
    return moment.strftime("%d.%m.%Y")


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
