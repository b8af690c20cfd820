"""`votes publish`: counts an opened box with the paper ballots and other bodies' scores, and writes the result.

Nothing is written while anything does not hold; every breach is named.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from civic.ballots import Spoiled
from civic.models import Poll
from civic.paper import ACCEPTED, Counted, PaperMistake, accept, read_document
from civic.published import DrawFile, Drawn
from civic.result_files import Board, result_files
from civic.results import candidates_of, rules_of, tally
from civic.scores import ScoreMistake, read_scores
from civic.tally import Ballot, Number, RulesMistake, TieStops, count
from civic.tally_check import check
from forms_api.cli.front_matter import write
from forms_api.cli.poll import A_FILE, CONTENT, NOW, OPENED, Standing, give_up, read_json, time_of

A_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("publish")
@click.argument("opened", type=A_FILE)
@click.option("--draw", type=A_FILE, help="동점을 정한 공개 추첨의 기록(TOML). docs/voting.md#draw")
@click.option("--paper", type=A_FOLDER, help="두 사람의 입력이 맞은 종이 표의 폴더(votes paper enter)")
@click.option("--scores", type=A_FOLDER, help="다른 기구의 점수표 폴더. 파일 이름은 기구의 키.csv")
@CONTENT
@NOW
def publish(
    opened: Path, draw: Path | None, paper: Path | None, scores: Path | None, content: Path, now: str | None
) -> None:
    """연 표를 세고 결과를 content/results/에 씁니다. 맞지 않는 것이 있으면 쓰지 않습니다."""
    at = time_of(now)
    given = read_json(opened, OPENED)
    standing = Standing.of(content, str(given["poll"]), at)
    poll, proposals = standing.poll, list(standing.proposals.values())
    if given["rules"] != standing.slot.rules:
        give_up("연 표의 규칙 지문이 글의 규칙 지문과 다릅니다.")
    tables = read_tables(poll, standing, scores)
    batches = read_batches(standing, paper)
    ballots = [Ballot(each["tracker"], tuple(each["choices"])) for each in given["ballots"]]
    void = [Spoiled(each["receipt"], each["fault"]) for each in given["void"]]
    receipts = tuple(given["receipts"])
    sheets = sum(len(each.ballots) + len(each.void) for each in batches)
    if sheets != given["papers"]:
        give_up(f"종이로 투표한 사람은 {given['papers']}명인데 입력이 맞은 종이 표는 {sheets}장입니다.")
    for each in batches:
        ballots += each.ballots
        void += each.void
    drawn = read_draw(draw, poll) if draw else None
    order = list(drawn.order) if drawn else []
    try:
        result = tally(poll, proposals, ballots, tables, order)
    except (TieStops, RulesMistake) as stop:
        give_up(str(stop))
    sums = [each.batch for each in batches]
    breaches = check(
        ballots,
        count(ballot.choices for ballot in ballots),
        rules_of(poll),
        candidates_of(poll, proposals),
        len(receipts) + given["papers"],
        len(void),
        sums,
    )
    if breaches:
        give_up(*(str(breach) for breach in breaches))
    files = result_files(
        poll,
        proposals,
        result,
        ballots,
        at,
        void=void,
        batches=sums,
        tables=tables,
        draw=order,
        drawn=Drawn(**drawn.model_dump(exclude={"poll", "order"})) if drawn and result.tie else None,
        board=Board(receipts, given["digest"]),
    )
    base = content / "results"
    (base / poll.slug).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():  # the record comes last: it never names a file that is not there
        write(base / name, text)
    click.echo(f"결과를 {base / poll.slug}.toml에 썼습니다. 다음 빌드에 나옵니다.")
    for winner in result.winners:
        click.echo(f"선정: {standing.proposals[winner].title}")


def read_draw(file: Path, poll: Poll) -> DrawFile:
    """The record of a public draw. Gives up naming what is missing."""
    try:
        record = DrawFile.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        give_up(f"{file}: TOML로 읽을 수 없습니다.")
    except ValidationError as wrong:
        give_up(
            *(
                f"{file}: {'.'.join(map(str, error['loc'])) or '기록'}: {error['msg']}"
                for error in wrong.errors(include_url=False, include_input=False)
            )
        )
    if record.poll != poll.slug:
        give_up(f"{file}: 다른 투표의 추첨입니다 (found {record.poll})")
    if record.at < poll.closes:
        give_up(f"{file}: at: 추첨은 투표가 끝난 뒤에 합니다.")
    return record


def read_tables(poll: Poll, standing: Standing, folder: Path | None) -> dict[str, dict[str, Number]]:
    """The points of every body of the poll. Gives up naming each table that is missing or wrong."""
    if folder is None and poll.bodies:
        files = ", ".join(f"{body.id}.csv" for body in poll.bodies)
        give_up(f"--scores: 다른 기구의 점수표가 있는 폴더를 적으세요. 필요한 파일: {files}")
    tables: dict[str, dict[str, Number]] = {}
    wrong: list[str] = []
    for body in poll.bodies:
        file = (folder or Path()) / f"{body.id}.csv"
        try:
            tables[body.id] = read_scores(file.read_text("utf-8"), poll, standing.proposals)
        except OSError:
            wrong.append(f"{file}: {body.label}의 점수표가 없습니다.")
        except UnicodeDecodeError:
            wrong.append(f"{file}: UTF-8로 저장하세요.")
        except ScoreMistake as mistake:
            wrong += [f"{file}: {line}" for line in mistake.lines]
    if wrong:
        give_up(*wrong)
    return tables


def read_batches(standing: Standing, folder: Path | None) -> Sequence[Counted]:
    """Every accepted batch of this poll in the folder, judged again. Gives up naming what cannot be counted."""
    batches: list[Counted] = []
    wrong: list[str] = []
    for file in sorted(folder.glob("*.json")) if folder else ():
        try:
            document = json.loads(file.read_text("utf-8"))
        except ValueError:
            document = None
        if not isinstance(document, dict) or document.get("format") != ACCEPTED:
            continue  # an entry that waits for the second person
        try:
            first, second = (read_document(each) for each in document["entries"])
            if (first.poll, first.rules) != (standing.poll.slug, standing.slot.rules):
                raise PaperMistake(["다른 투표나 다른 규칙의 종이 표입니다"])
            batches.append(accept(first, second, standing.poll, standing.proposals))
        except PaperMistake as mistake:
            wrong += [f"{file}: {line}" for line in mistake.lines]
        except (KeyError, TypeError, ValueError):
            wrong.append(f"{file}: 깨진 파일입니다.")
    if wrong:
        give_up(*wrong)
    return batches


COMMANDS = (publish,)
