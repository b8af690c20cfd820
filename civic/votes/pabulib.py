"""A result in Pabulib's `.pb` format (pabulib.org/format), for programs that count such elections. Text out: no files."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from civic.content.poll import Poll
from civic.votes.ballot import Ballot, Proposals
from civic.votes.result import ResultLine
from civic.votes.tally import rules_of

COUNTRY = "South Korea"

META_TEXTS = ("name", "description", "comment")  # always quoted, whatever stands in them
BARE = ("project_id", "cost", "votes", "selected")  # never; all else of PROJECTS is text
_WORD = re.compile(r"[\w./+-]*", re.ASCII)  # such a cell of META needs no quotes


def pb_of(
    poll: Poll, proposals: Proposals, ballots: Iterable[Ballot], lines: Iterable[ResultLine], town: str
) -> str:
    """The poll as such a file, without proposals that took no part. town: whose vote it was."""
    fates = {line.slug: line for line in lines if line.reason not in ("withdrawn", "not-voted")}
    rows = [
        {
            "project_id": slug,
            "cost": str(each.cost),
            "votes": str(fates[slug].votes),
            "name": each.title,
            "selected": "1" if fates[slug].won else "0",
            "category": each.type,
        }
        for slug, each in sorted(proposals.items())
        if slug in fates
    ]
    chosen = sorted(ballots, key=lambda ballot: ballot.tracker)
    columns = {
        "voter_id": [ballot.tracker for ballot in chosen],
        "vote": [",".join(ballot.choices) for ballot in chosen],
        "voting_method": ["paper" if ballot.batch else "internet" for ballot in chosen],
    }
    return write(_meta(poll, town, len(rows), len(chosen)), rows, columns)


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
        "date_begin": f"{poll.opens:%d.%m.%Y}",
        "date_end": f"{poll.closes - timedelta(microseconds=1):%d.%m.%Y}",  # the last moment still in it
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


def write(
    meta: Mapping[str, str], projects: Sequence[Mapping[str, str]], votes: Mapping[str, Sequence[str]]
) -> str:
    """`.pb` text: names, descriptions and all other free text quoted, LF line ends, no BOM.

    projects: a row each, all with the same names. votes: the columns, one item per ballot.
    """
    out = io.StringIO()
    out.write("META\nkey;value\n")
    for key, value in meta.items():
        out.write(f"{_cell(key)};{_cell(value, key in META_TEXTS or not _WORD.fullmatch(value))}\n")
    out.write("PROJECTS\n" + ";".join(map(_cell, projects[0] if projects else BARE)) + "\n")
    for row in projects:
        out.write(";".join(_cell(value, name not in BARE) for name, value in row.items()) + "\n")
    out.write("VOTES\n")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")  # numbers and picks: bare, so read at once
    writer.writerow(votes)
    writer.writerows(zip(*votes.values(), strict=True))
    return out.getvalue()


def _cell(value: str, text: bool = False) -> str:
    """Quoted when it is text, or has in it what would end a cell."""
    if text or any(mark in value for mark in ';"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value
