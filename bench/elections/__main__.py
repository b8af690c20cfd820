"""`python -m bench.elections FILE.pb [--json]`: counts a public election by the rule that its file declares."""

import json
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import click

from bench.elections.count import Recount, recount
from bench.elections.election import PublicElection, oddities
from bench.elections.reader import decode, parse
from civic.errors import ContentMistakes, why
from civic.votes.count import RulesMistake

INPUT_WRONG = 1  # exit code: each mistake on its own line


@click.command("elections")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="기계가 읽을 한 줄로 찍습니다.")
def main(file: Path, as_json: bool) -> None:
    """FILE.pb의 표를 처음부터 세어, 그 파일이 정한 규칙으로 선정합니다."""
    election = _read(file)
    try:
        result = recount(election)
    except RulesMistake as err:
        _give_up(f"{file}: {err}")
    for note in result.notes:
        click.echo(f"{file}: {note}", err=True)
    if as_json:
        click.echo(json.dumps(summary(result), ensure_ascii=False))
        return
    for note in oddities(election):
        click.echo(f"{file}: {note}", err=True)
    click.echo("\n".join(_table(election, result)))


def summary(result: Recount) -> dict[str, object]:
    """What --json prints: votes of every project, winners best first, the first tie that mattered."""
    return {
        "votes": {slug: _plain(votes) for slug, votes in result.votes.items()},
        "winners": list(result.winners),
        "tie": list(result.tie) if result.tie else None,
    }


def _plain(value: int | Fraction) -> int | float:
    return value if isinstance(value, int) else int(value) if value.denominator == 1 else float(value)


def _read(file: Path) -> PublicElection:
    try:
        return parse(decode(file.read_bytes(), str(file)), str(file))
    except ContentMistakes as err:
        _give_up(str(err))
    except OSError as err:
        _give_up(f"{file}: 읽을 수 없습니다 ({why(err)})")


def _give_up(message: str) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(INPUT_WRONG)


def _table(election: PublicElection, result: Recount) -> list[str]:
    """The count for people: one line per project, winners first, then by score."""
    winners = {slug: place for place, slug in enumerate(result.winners, 1)}
    verdicts = {line.slug: line.wording for line in result.outcome.lines}
    rows = [f"표 {len(election.votes)}장, 제안 {len(election.projects)}건, 예산 {_plain(election.budget):,}"]
    last = len(winners) + 1
    order = sorted(result.votes, key=lambda slug: (winners.get(slug, last), -result.scores[slug], slug))
    for slug in order:
        project = election.projects[slug]
        points = f", {_plain(result.scores[slug]):,}점" if result.scores[slug] != result.votes[slug] else ""
        figures = f"{_plain(result.votes[slug]):,}표{points}, 예산 {_plain(project.cost):,}"
        rows.append(f"{verdicts[slug]}: {slug} {project.name} ({figures})")
    if result.tie:
        rows.append(
            f"동점이 당락을 갈랐습니다: {', '.join(result.tie)} (예산이 적은 것, 그다음 번호 순서로 정함)"
        )
    return rows


if __name__ == "__main__":
    main(prog_name="python -m bench.elections")
