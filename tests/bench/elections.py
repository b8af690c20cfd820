"""Public elections for tests: the samples, small files, and the command."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.elections.__main__ import main
from bench.elections.count import Recount
from bench.elections.election import PublicElection
from bench.elections.figures import plain
from bench.elections.reader import decode, parse
from civic.errors import ContentMistakes
from civic.votes.pabulib import write

SAMPLES = Path(__file__).parents[1] / "samples" / "pb"


def sample(name: str) -> PublicElection:
    file = f"{name}.pb"
    return parse(decode((SAMPLES / file).read_bytes(), file), file)


def a_file(
    votes: str = "1;a\n2;a,b\n",
    meta: str = "",
    projects: str = "a;10;첫째\nb;20;둘째\n",
    rule: str = "greedy",
    columns: str = "voter_id;vote",
    kind: str = "approval",
    budget: str = "30",
) -> str:
    return (
        f"META\nkey;value\nbudget;{budget}\nvote_type;{kind}\nrule;{rule}\n{meta}PROJECTS\nproject_id;cost;name\n"
        f"{projects}VOTES\n{columns}\n{votes}"
    )


def read(votes: str = "1;a\n2;a,b\n", **more: str) -> PublicElection:
    return parse(a_file(votes, **more), "x.pb")


def reasons(result: Recount) -> dict[str, str]:
    """Why each project won or did not."""
    assert result.outcome is not None
    return {line.slug: line.reason for line in result.outcome.lines}


def mistakes(text: str) -> list[str]:
    with pytest.raises(ContentMistakes) as caught:
        parse(text, "x.pb")
    return [str(each) for each in caught.value.mistakes]


def run(*words: str | Path) -> Result:
    """`python -m bench.elections …` in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def written(election: PublicElection) -> str:
    """The election as `.pb` text."""
    further = dict.fromkeys(name for project in election.projects.values() for name in project.other)
    rows = [
        {
            "project_id": each.id,
            "cost": plain(each.cost),
            "votes": "" if each.votes is None else plain(each.votes),
        }
        | {"name": each.name, "selected": each.selected}
        | {name: each.other.get(name, "") for name in further}
        for each in election.projects.values()
    ]
    counted = {"num_projects": str(len(rows)), "num_votes": str(len(election.votes))}
    columns = {"voter_id": election.voters, "vote": election.votes, **election.other}
    return write({**election.meta, **counted}, rows, columns)
