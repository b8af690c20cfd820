"""`votes publish`: counts an opened box with the paper ballots and other bodies' scores, and writes the result.

Nothing is written while anything does not hold; every breach is named. A published result is never replaced silently:
`--correct` keeps when it was first published and records when and why it was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from civic import korean
from civic.content.poll import Poll
from civic.errors import Unusable
from civic.files import typed_text, write
from civic.people import check_public, personal_data_in
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.check import check
from civic.votes.count import Number, RulesMistake, TieStops
from civic.votes.paper import AcceptedBatch, PaperFile, accept
from civic.votes.result import BALLOTS, RECEIPTS, RESULTS, TieDraw, TieDrawFile
from civic.votes.result_files import ResultCorrection, VoteResult, result_files
from civic.votes.tally import VoteCount, read_scores
from forms_api.commands.box import OpenedFile, published_result
from forms_api.commands.poll import A_FILE, A_FOLDER, CONTENT, NOW, PollPage, give_up, read_shape

COMPARED = (RESULTS, BALLOTS, RECEIPTS)  # the others are the same again in another form


@click.command("publish")
@click.argument("opened", type=A_FILE)
@click.option("--draw", type=A_FILE, help="동점을 정한 공개 추첨의 기록(TOML). docs/voting.md#draw")
@click.option("--paper", type=A_FOLDER, help="두 사람의 입력이 맞은 종이 표의 폴더(votes paper enter)")
@click.option("--scores", type=A_FOLDER, help="다른 기구의 점수표 폴더. 파일 이름은 기구의 키.csv")
@click.option(
    "--correct",
    "reason",
    help="이미 공개한 결과를 바로잡는 까닭. 결과 화면에 보입니다. docs/voting.md#correct",
)
@CONTENT
@NOW
def publish(
    opened: Path,
    draw: Path | None,
    paper: Path | None,
    scores: Path | None,
    reason: str | None,
    content: Path,
    now: str | None,
) -> None:
    """연 표를 세고 결과를 content/results/에 씁니다. 맞지 않는 것이 있으면 쓰지 않습니다."""
    given = read_shape(opened, OpenedFile)
    page = PollPage.of(content, given.poll, now)
    page.not_before_closing("공개하지 않습니다")
    _check_opened(opened, given, page)
    vote, drawn = _count(given, page, _read_batches(page, paper), _read_tables(page, scores), draw)
    files_of = partial(result_files, vote, drawn=drawn, receipts=given.receipts, town=page.town)
    before = published_result(content, given.poll)
    if before is None and reason is not None:
        give_up(f"{given.poll}: 공개한 결과가 없습니다. --correct 없이 공개하세요.")
    files = files_of(page.at) if before is None else _replacing(before, files_of, reason, page.at)
    if files is None:
        click.echo(f"{given.poll}: 이미 공개한 결과와 같습니다. 아무것도 바뀌지 않았습니다.")
        return
    base = content / "results"
    (base / given.poll).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():  # the record comes last: it never names a file that is not there
        write(base / name, text)
    for name in set(before.record.files if before else ()) - files.keys():
        (base / name).unlink(missing_ok=True)
    click.echo(f"결과를 {base / given.poll}.toml에 썼습니다. 다음 빌드에 나옵니다.")
    for winner in vote.outcome.winners:
        click.echo(f"선정: {page.proposals[winner].title}")


def _check_opened(file: Path, given: OpenedFile, page: PollPage) -> None:
    """Gives up when the opened ballots are not of this poll, these rules and this board."""
    if given.rules != page.slot.rules:
        give_up(f"{file}: 연 표의 규칙 지문이 글의 규칙 지문과 다릅니다.")
    given.check_receipts(file)
    listed = set(given.receipts)
    if strange := [each.receipt for each in given.void if each.receipt not in listed]:
        give_up(*(f"{file}: 무효표 {receipt}: 접수증 명단에 없습니다." for receipt in strange))


# ---------------------------------------------------------------------------- the count


def _count(
    given: OpenedFile,
    page: PollPage,
    batches: Sequence[AcceptedBatch],
    tables: dict[str, dict[str, Number]],
    draw: Path | None,
) -> tuple[VoteCount, TieDraw | None]:
    """Online and paper ballots counted together, and the draw that settled a tie. Gives up naming every breach."""
    sheets = sum(len(each.ballots) + len(each.void) for each in batches)
    if sheets != given.papers:
        hint = "" if batches else " 입력이 맞은 종이 표의 폴더를 --paper로 주세요."
        give_up(f"종이로 투표한 사람은 {given.papers}명인데 입력이 맞은 종이 표는 {sheets}장입니다.{hint}")
    ballots = [Ballot(each.tracker, each.choices) for each in given.ballots]
    ballots += [ballot for batch in batches for ballot in batch.ballots]
    void = [Spoiled(each.receipt, each.fault) for each in given.void]
    void += [sheet for batch in batches for sheet in batch.void]
    record = _read_draw(draw, page.poll) if draw else None
    sums = [each.batch for each in batches]
    vote = VoteCount(page.poll, page.proposals, ballots, void, sums, tables, record.order if record else ())
    try:
        tie = vote.outcome.tie
    except (TieStops, RulesMistake) as stop:
        give_up(str(stop))
    if breaches := check(vote, vote.votes, len(given.receipts) + given.papers):
        give_up(*breaches)
    return vote, TieDraw(**record.model_dump(exclude={"poll", "order"})) if record and tie else None


def _read_draw(file: Path, poll: Poll) -> TieDrawFile:
    """The record of a public draw. Gives up naming what is missing."""
    record = read_shape(file, TieDrawFile, is_toml=True)
    if record.poll != poll.slug:
        give_up(f"{file}: 다른 투표의 추첨입니다 (found {record.poll})")
    if record.at < poll.closes:
        give_up(f"{file}: at: 추첨은 투표가 끝난 뒤에 합니다.")
    for name in ("where", "how"):
        check_public(f"{file}: {name}", getattr(record, name))
    check_public(f"{file}: by", ", ".join(record.by))
    return record


def _read_tables(page: PollPage, folder: Path | None) -> dict[str, dict[str, Number]]:
    """The points of every body of the poll. Gives up naming each table that is missing or wrong."""
    bodies = page.poll.bodies
    if folder is None and bodies:
        files = ", ".join(f"{body.id}.csv" for body in bodies)
        give_up(f"--scores: 다른 기구의 점수표가 있는 폴더를 적으세요. 필요한 파일: {files}")
    tables: dict[str, dict[str, Number]] = {}
    wrong: list[str] = []
    for body in bodies:
        file = (folder or Path()) / f"{body.id}.csv"
        try:
            tables[body.id] = read_scores(typed_text(file), page.poll, page.proposals)
        except OSError:
            wrong.append(f"{file}: {body.label}의 점수표가 없습니다.")
        except UnicodeDecodeError:
            wrong.append(f"{file}: UTF-8로 저장하세요.")
        except Unusable as mistake:
            wrong += [f"{file}: {line}" for line in mistake.lines]
    if wrong:
        give_up(*wrong)
    return tables


def _read_batches(page: PollPage, folder: Path | None) -> Sequence[AcceptedBatch]:
    """Every accepted batch of this poll in the folder, judged again. Gives up naming what cannot be counted."""
    batches: list[AcceptedBatch] = []
    wrong: list[str] = []
    for file in sorted(folder.glob("*.json")) if folder else ():
        try:
            text = file.read_text("utf-8")
            document = json.loads(text)
        except ValueError:
            wrong.append(f"{file}: JSON 파일이 아니거나 중간에 잘렸습니다.")
            continue
        if not isinstance(document, dict) or document.get("format") != "madang-paper/1":
            continue  # an entry that waits for the second person
        try:
            first, second = PaperFile.model_validate_json(text).entries
            if (first.poll, first.rules) != (page.poll.slug, page.slot.rules):
                raise Unusable(["다른 투표나 다른 규칙의 종이 표입니다"])
            batches.append(accept(first, second, page.poll, page.proposals))
        except Unusable as mistake:
            wrong += [f"{file}: {line}" for line in mistake.lines]
        except ValueError:
            wrong.append(f"{file}: 깨진 파일입니다.")
    if wrong:
        give_up(*wrong)
    return batches


# ---------------------------------------------------------------------------- a result that is there already


def _replacing(
    before: VoteResult, files_of: Callable[..., dict[str, str]], reason: str | None, at: datetime
) -> dict[str, str] | None:
    """The files of a count in place of a published result; None when they say the same. Gives up without a reason."""
    first, corrections = before.record.published_at, before.record.corrections
    files = files_of(first, corrections=corrections)
    found = _changes(before, files)
    if not found:
        return None
    correction = _correction(before, files, found, reason, at)
    return files_of(first, corrections=(*corrections, correction))


def _changes(before: VoteResult, files: Mapping[str, str]) -> list[str]:
    """In what a new count differs from the published one, a line each; empty when it is the same."""
    places = {name: f"{before.slug}/{name}" for name in COMPARED}
    old = {name: json.loads(before.files[name]) for name in COMPARED if name in before.files}
    new = {name: json.loads(files[place]) for name, place in places.items() if place in files}
    if old == new:
        return []
    found = []
    was, now = old[RESULTS], new[RESULTS]
    for key, label in (("voters", "투표한 사람"), ("ballots", "유효한 표"), ("void", "무효")):
        if was[key] != now[key]:
            found.append(f"{label}: 공개한 것 {was[key]}, 다시 센 것 {now[key]}")
    if was["winners"] != now["winners"]:
        listed = (", ".join(each["winners"]) or "없음" for each in (was, now))
        found.append("선정: 공개한 것 {}, 다시 센 것 {}".format(*listed))
    votes = {line["slug"]: line["votes"] for line in was["lines"]}
    for line in now["lines"]:
        told = votes.get(line["slug"], 0)
        if told != line["votes"]:
            found.append(f"{line['slug']}: 공개한 것 {told}표, 다시 센 것 {line['votes']}표")
    cast = [
        {(b["tracker"], *b["choices"]) for b in side.get(BALLOTS, {}).get("ballots", ())}
        for side in (old, new)
    ]
    if other := len({tracker for tracker, *_ in cast[0] ^ cast[1]}):
        found.append(f"내용이 다르거나 한쪽에만 있는 표: {other}장")
    return found or [f"{name}의 내용이 다릅니다" for name in COMPARED if old.get(name) != new.get(name)]


def _correction(
    before: VoteResult, files: Mapping[str, str], found: Sequence[str], reason: str | None, at: datetime
) -> ResultCorrection:
    """The record of replacing a published result. Gives up where none may be, or without a reason."""
    slug, record = before.slug, before.record
    lines = [f"{slug}: 이미 공개한 결과와 다릅니다.", *found]
    if record.destroyed_at:
        give_up(*lines, "투표함을 없앤 뒤에는 확인할 봉투가 없으므로 결과를 바꾸지 않습니다.")
    if reason is None:
        give_up(
            *lines, '바로잡는 것이면 --correct "까닭"을 붙이세요. 결과 화면에 보이고 이의 기간을 다시 셉니다.'
        )
    if at < record.told_at:
        give_up(f"{slug}: 결과를 알린 {korean.moment(record.told_at)}보다 앞선 때로 바로잡을 수 없습니다.")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 300 or personal_data_in(reason):
        give_up("--correct: 까닭을 300자까지 적으세요. 전화번호, 이메일, 주민등록번호는 적지 않습니다.")
    replaced = {
        name: hashlib.sha256(before.files[name]).hexdigest()
        for name in COMPARED
        if name in before.files and before.files[name] != files.get(f"{slug}/{name}", "").encode("utf-8")
    }
    return ResultCorrection(at=at, reason=reason, replaced=replaced)


COMMANDS = (publish,)
