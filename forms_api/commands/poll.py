"""`votes keys | rehearse | close | open | destroy`: a ballot box from its keys to its end (publish: publishing.py).

docs/voting.md says who does what. `open` needs no network, no server and no data folder: it reads the exported box,
the content and the halves. Every command does all of its work or none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from civic import korean
from civic.clock import SteadyClock
from civic.codes import new_code, to_text
from civic.content.poll import Poll, Proposal
from civic.errors import Misuse
from civic.files import write
from civic.library import load
from civic.recount import VoteResult, read_results
from civic.shape import Shape
from civic.store import open_beside, open_box
from civic.store.box import Box
from civic.votes.ballot import ReceiptBoard
from civic.votes.box_key import HalfMistake, is_sealed, match, new_half, read_half, write_half
from civic.votes.envelope import Slot, open_one, seal, slot_of
from civic.votes.opening import BoxBroken, open_all
from civic.votes.result import as_json
from civic.votes.result_files import record_text
from forms_api.commands.access import clock_beside, read_time
from forms_api.commands.box_files import BOX, OPENED, BoxFile, FileMistake, read_file
from forms_api.commands.front_matter import with_block
from forms_api.settings import read_settings

CONTENT = click.option(
    "--content",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("content"),
    help="글 폴더",
)
NOW = click.option("--now", help="시연 자료에서만: 이때로 봅니다. 예: 2023-08-26T00:00:00+09:00")
DATA = click.option("--data", help="자료를 두는 곳: tinydb://폴더 또는 postgresql://…")
HALF = click.option(
    "--half",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="열쇠 파일. 맡은 사람 수만큼 되풀이합니다.",
)
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Standing:
    """A poll as its content stands now."""

    poll: Poll
    proposals: dict[str, Proposal]
    slot: Slot
    file: Path  # of the poll's page

    @classmethod
    def of(cls, content: Path, slug: str, now: datetime) -> Standing:
        library = load(content, now)
        poll = library.get("votes", slug)
        if not isinstance(poll, Poll):
            give_up(f"{slug}: 그런 투표가 없습니다.")
        listed = [p for p in library.of("proposal") if isinstance(p, Proposal) and p.vote == slug]
        return cls(poll, {p.slug: p for p in listed}, slot_of(poll, listed), content / poll.file)


def give_up(*lines: str) -> NoReturn:
    """The input is wrong: each mistake on its own line, exit code 1, nothing changed."""
    for line in lines:
        click.echo(line, err=True)
    click.echo("아무것도 바뀌지 않았습니다.", err=True)
    raise SystemExit(1)


def not_before_closing(poll: Poll, at: datetime, act: str) -> None:
    """Gives up while votes may still come in; act: what is not done then."""
    if at < poll.closes:
        give_up(f"{poll.slug}: 투표는 {korean.closing(poll.closes)}에 끝납니다. 그 전에는 {act}.")


def time_of(now: str | None, data: str | None = None) -> datetime:
    """The time of the clock that the servers of the data keep; only a demonstration's lets `--now` choose it.

    data: the address of the box that the command acts on; where there is none, a new, empty box would pass for a poll
    without a vote. None for a command on files alone: where no data is at hand (another computer, or before the first
    start) it takes any time. Raises Misuse, InUse.
    """
    try:
        store = open_beside(data or read_settings(os.environ).data)
    except Misuse:
        if data:
            raise
        return read_time(now) if now else SteadyClock().now()
    try:
        return clock_beside(store, now)[0].now()
    finally:
        store.close()


# ---------------------------------------------------------------------------- keys


@click.command("keys")
@click.argument("slug")
@click.option("--holder", "holders", multiple=True, required=True, help="맡는 사람의 직책. 되풀이합니다.")
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="열쇠를 둘 폴더"
)
@click.option("--no-passphrase", is_flag=True, help="암호 없이 둡니다. 시연에만 쓰세요.")
@click.option("--anew", is_flag=True, help="이미 있는 열쇠를 바꿉니다. 투표를 시작하기 전에만 됩니다.")
@CONTENT
@NOW
def keys(
    slug: str,
    holders: tuple[str, ...],
    folder: Path,
    no_passphrase: bool,
    anew: bool,
    content: Path,
    now: str | None,
) -> None:
    """맡는 사람마다 투표함 열쇠를 만들고, 공개 열쇠를 투표 글에 적습니다."""
    at = time_of(now)
    standing = Standing.of(content, slug, at)
    if standing.poll.keys and not anew:
        give_up(f"{slug}: 열쇠가 이미 있습니다. 투표를 시작하기 전이면 --anew로 바꿀 수 있습니다.")
    if standing.poll.keys and at >= standing.poll.opens:
        # Whatever was cast already opens with the old keys only.
        give_up(f"{slug}: 투표를 시작한 뒤에는 열쇠를 바꿀 수 없습니다.")
    if len(holders) < 2 or len(set(holders)) < len(holders):
        give_up("서로 다른 사람 둘 넘게 적으세요. 한 사람이 혼자 열 수 있으면 안 됩니다.")
    files = [folder / f"{slug}-{number}.json" for number in range(1, len(holders) + 1)]
    there = [str(file) for file in files if file.exists()]
    if there:
        give_up(*(f"{file}: 이미 있습니다. 덮어쓰지 않습니다." for file in there))
    halves = [new_half(slug, holder) for holder in holders]
    texts = [write_half(half, "" if no_passphrase else ask_new(half.holder)) for half in halves]
    block = "\n\n".join(
        f'[[keys]]\nholder = {json.dumps(half.holder, ensure_ascii=False)}\npublic = "{half.public}"'
        for half in halves
    )
    page = with_block(standing.file.read_text("utf-8"), "[[keys]]", block)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, text in zip(files, texts, strict=True):
        write(file, text, mode=0o600)
    write(
        standing.file, page
    )  # last: a page that names keys which were never kept would lock the box for good
    for file, half in zip(files, halves, strict=True):
        click.echo(f"{half.holder}: {file}")
    click.echo(
        "열쇠 파일을 맡은 사람에게 각각 건네고 여기서는 지우세요. 하나라도 잃으면 투표함을 열 수 없습니다."
    )


def ask_new(holder: str) -> str:
    """A new passphrase, typed twice; empty is none."""
    return str(
        click.prompt(
            f"{holder}의 암호(비우면 암호 없음)",
            default="",
            hide_input=True,
            confirmation_prompt=True,
            show_default=False,
        )
    )


def read_halves(files: Sequence[Path], standing: Standing) -> tuple[Any, ...]:
    """The private keys in the poll's order; asks for passphrases. Gives up naming each wrong or missing half."""
    halves, wrong = [], []
    for file in files:
        text = file.read_text("utf-8", errors="replace")
        passphrase = click.prompt(f"{file.name}의 암호", hide_input=True) if is_sealed(text) else ""
        try:
            halves.append(read_half(text, passphrase))
        except ValueError as err:
            wrong.append(f"{file.name}: {err}")
    if wrong:
        give_up(*wrong)
    try:
        return match(standing.poll.slug, standing.poll.keys, halves)
    except HalfMistake as mistake:
        give_up(*mistake.lines)


# ---------------------------------------------------------------------------- rehearse


@click.command("rehearse")
@click.argument("slug")
@HALF
@CONTENT
@NOW
def rehearse(slug: str, files: tuple[Path, ...], content: Path, now: str | None) -> None:
    """시험 표를 봉하고 모든 열쇠로 열어 봅니다. 성공하면 투표를 시작할 수 있습니다."""
    at = time_of(now)
    standing = Standing.of(content, slug, at)
    privates = read_halves(files, standing)
    poll, slot = standing.poll, standing.slot
    pickable = {kind.id for kind in poll.types if kind.max}
    choice = next(
        (p.slug for p in standing.proposals.values() if p.type in pickable and not p.withdrawn), None
    )
    if choice is None:
        give_up(f"{slug}: 고를 수 있는 제안이 없습니다.")
    tracker, most = new_code(), ["x" * 80] * poll.max_picks
    if open_one(seal([choice], slot, tracker), slot, privates) != (tracker, (choice,)):
        give_up(f"{slug}: 시험 표가 봉한 대로 나오지 않았습니다.")
    seal(most, slot, tracker)  # raises where the longest ballot would not fit
    block = f'[rehearsed]\nat = {at.isoformat(timespec="seconds")}\nrules = "{slot.rules}"'
    write(standing.file, with_block(standing.file.read_text("utf-8"), "[rehearsed]", block))
    click.echo(f"시험 표가 열렸습니다. 규칙 지문 {slot.rules}")


# ---------------------------------------------------------------------------- close


@click.command("close")
@click.argument("slug")
@click.option("--to", "file", type=NEW_FILE, help="투표함을 내보낼 파일 [기본: <투표>-box.json]")
@DATA
@CONTENT
@NOW
def close(slug: str, file: Path | None, data: str | None, content: Path, now: str | None) -> None:
    """마감한 투표함을 봉하고 접수증 명단과 함께 내보냅니다. 서버가 켜져 있어도 됩니다."""
    data = read_settings(os.environ, data=data).data
    at = time_of(now, data)
    standing = Standing.of(content, slug, at)
    not_before_closing(standing.poll, at, "닫지 않습니다")
    boxes = open_box(data)
    try:
        exported, board = _close(boxes, standing, at)
    finally:
        boxes.shut()
    target = file or Path(f"{slug}-box.json")
    write(target, as_json(exported), mode=0o600)
    click.echo(f"투표한 사람 {board.voters}명(온라인 {len(board.receipts)}, 종이 {board.papers})")
    click.echo(f"접수증 명단의 지문 {board.digest}")
    click.echo(f"투표함을 {target}에 내보냈습니다. 인터넷에 연결하지 않은 컴퓨터에서 여세요.")


def _close(boxes: Box, standing: Standing, at: datetime) -> tuple[dict[str, Any], ReceiptBoard]:
    with boxes.open(standing.poll.slug) as box:
        if box.state() == "destroyed":
            give_up(f"{standing.poll.slug}: 투표함을 이미 없앴습니다.")
        box.close(at)
        board = ReceiptBoard(standing.poll.slug, standing.slot.rules, tuple(box.receipts()), box.papers())
        envelopes = box.envelopes()
    boxes.scrub()
    return {
        "format": BOX,
        "poll": board.poll,
        "rules": board.rules,
        "closed": at.isoformat(timespec="seconds"),
        "papers": board.papers,
        "digest": board.digest,
        "receipts": list(board.receipts),
        "envelopes": [to_text(envelope) for envelope in envelopes],
    }, board


# ---------------------------------------------------------------------------- open


@click.command("open")
@click.argument("box", type=A_FILE)
@HALF
@click.option("--to", "file", type=NEW_FILE, required=True, help="연 표를 둘 파일")
@CONTENT
@NOW
def open_(box: Path, files: tuple[Path, ...], file: Path, content: Path, now: str | None) -> None:
    """내보낸 투표함을 모든 열쇠로 엽니다. 하나라도 맞지 않으면 아무것도 열지 않습니다."""
    at = time_of(now)
    given = read_or_give_up(box, BoxFile)
    standing = Standing.of(content, given.poll, at)
    not_before_closing(standing.poll, at, "열지 않습니다")
    if given.rules != standing.slot.rules:
        give_up(
            f"투표함의 규칙 지문({given.rules[:12]}…)이 글의 규칙 지문({standing.slot.rules[:12]}…)과 다릅니다.",
            "마감할 때의 글로 여세요.",
        )
    if not given.is_as_told:
        give_up(f"{box}: 접수증 명단이 적힌 지문과 다릅니다. 파일이 바뀌었습니다.")
    board = ReceiptBoard(standing.poll.slug, given.rules, given.receipts, given.papers)
    privates = read_halves(files, standing)
    try:
        opened = open_all(
            given.envelopes, board.receipts, standing.slot, privates, standing.poll, standing.proposals
        )
    except BoxBroken as broken:
        give_up(*str(broken).splitlines())
    document = {
        "format": OPENED,
        "poll": board.poll,
        "rules": board.rules,
        "papers": board.papers,
        "digest": board.digest,
        "receipts": list(board.receipts),
        "ballots": [{"tracker": each.tracker, "choices": list(each.choices)} for each in opened.ballots],
        "void": [{"receipt": each.receipt, "fault": each.fault} for each in opened.spoiled],
    }
    write(file, as_json(document), mode=0o600)
    click.echo(f"표 {len(opened.ballots)}장을 열었습니다. 무효 {len(opened.spoiled)}장.")


# ---------------------------------------------------------------------------- destroy


@click.command("destroy")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="묻지 않습니다.")
@DATA
@CONTENT
@NOW
def destroy(slug: str, yes: bool, data: str | None, content: Path, now: str | None) -> None:
    """이의 기간이 끝난 투표함의 봉투와 투표자 명단을 없앱니다. 되돌릴 수 없습니다."""
    data = read_settings(os.environ, data=data).data
    at = time_of(now, data)
    standing = Standing.of(content, slug, at)
    result = published_result(content, slug)
    if result is None:
        give_up(f"{slug}: 결과를 아직 공개하지 않았습니다.")
    end = result.record.objections_end(standing.poll.objection_days)
    if at < end:
        give_up(f"{slug}: 이의 기간이 {korean.moment(end)}까지입니다. 그 전에는 없애지 않습니다.")
    if not yes:
        click.confirm(f"{slug}의 봉투와 투표자 명단을 없앨까요? 되돌릴 수 없습니다.", abort=True)
    boxes = open_box(data)
    try:
        with boxes.open(slug) as box:
            box.destroy(at)
        boxes.scrub()
    finally:
        boxes.shut()
    # Told on the result page; from now on nothing can prove another count, so `publish` refuses one.
    gone = result.record.model_copy(update={"destroyed_at": result.record.destroyed_at or at})
    write(content / "results" / f"{slug}.toml", record_text(gone))
    click.echo(
        f"{slug}: 투표함을 없앴습니다. 내보낸 파일과 열쇠 파일, 백업도 맡은 사람이 없애고 서로 확인하세요."
    )


def published_result(content: Path, slug: str) -> VoteResult | None:
    """The result of this poll as it stands in content/results/, whatever the clock says; None when there is none."""
    found = next((each for each in read_results(content).results if each.slug == slug), None)
    if found is None and (content / "results" / f"{slug}.toml").exists():
        give_up(f"{content / 'results' / slug}.toml: 이 투표의 결과가 아닌 기록이 있습니다.")
    return found


F = TypeVar("F", bound=Shape)


def read_or_give_up(file: Path, model: type[F]) -> F:
    """A file that an earlier command wrote. Gives up naming each field that is missing or wrong."""
    try:
        return read_file(file, model)
    except FileMistake as mistake:
        give_up(*mistake.lines)


COMMANDS = (keys, rehearse, close, open_, destroy)
