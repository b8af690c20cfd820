"""`votes publish`: what an opened box comes to, counted again by whoever signs or publishes it, and the signed result.

Nothing is written while anything does not hold; every breach is named. A published result is never replaced silently:
`--correct` keeps when it was first published and records when and why it was changed.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from civic import korean
from civic.content.poll import Poll
from civic.files import write
from civic.people import check_public, personal_data_in
from civic.votes.ballot import Judged
from civic.votes.box_key import is_signed, signed_words
from civic.votes.check import check, differences
from civic.votes.count import RulesMistake, TieStops
from civic.votes.paper import PaperBatch, TypedBatch, accept
from civic.votes.result import (
    BALLOTS,
    BOARD,
    RESULTS,
    Replaced,
    SignatureFile,
    SignaturesFile,
    TieDraw,
    TieDrawFile,
    as_json,
    digest_of,
)
from civic.votes.result_files import FILES, Draft, ResultCorrection, VoteResult, result_files
from civic.votes.tally import VoteCount
from forms_api.commands.box import OpenedFile, check_box, opened_again, published_result
from forms_api.commands.given import A_FILE, A_FOLDER, give_up, of_each, read_shape, reading, tell
from forms_api.commands.poll import Place, PollPage, votes

CORRECT = "이미 공개한 결과를 바로잡는 까닭. 결과 화면에 보입니다. docs/voting.md#correct"


@dataclass(frozen=True)
class CountedBox:
    """An opened box, opened once more and counted."""

    given: OpenedFile
    page: PollPage
    draft: Draft
    before: VoteResult | None  # the published result that this one takes the place of


def counted(command: Callable[..., None]) -> Callable[..., None]:
    """A command on an opened box and what is counted beside it, called with its CountedBox first: to sign or publish it.

    Gives up naming whatever does not hold; for another result than the published one, without a reason.
    """

    @click.argument("opened", type=A_FILE)
    @click.option("--draw", type=A_FILE, help="동점을 정한 공개 추첨의 기록(TOML). docs/voting.md#draw")
    @click.option("--paper", type=A_FOLDER, help="두 사람의 입력이 맞은 종이 표의 폴더(votes paper enter)")
    @click.option("--correct", "reason", help=CORRECT)
    @wraps(command)
    def recounted(
        at: Place, opened: Path, draw: Path | None, paper: Path | None, reason: str | None, **more: Any
    ) -> None:
        given = read_shape(opened, OpenedFile)
        page = check_box(given, at, "공개하지 않습니다")
        again = opened_again(given, given.parts, page)
        if (again.ballots, again.void) != (given.ballots, given.void):
            give_up(f"{opened}: 연 표가 봉투를 다시 연 것과 다릅니다. 파일이 바뀌었습니다.")
        vote, drawn = _count(given, page, _read_batches(page, paper), draw)
        before = published_result(at.content, page.poll.slug)
        if reason is not None and before is None:
            give_up(f"{page.poll.slug}: 공개한 결과가 없습니다. --correct 없이 공개하세요.")
        standing = before.document.corrections if before else ()
        draft = Draft(vote, given.board, drawn, standing)
        if before and (draft.results, draft.ballots) != (before.document, before.ballots):
            said = _checked_reason(before, draft, reason, page.at)
            replaced = Replaced(reason=said, results=digest_of(before.document))
            draft = Draft(vote, given.board, drawn, (*standing, replaced))
        command(CountedBox(given, page, draft, before), **more)

    return recounted


def _count(
    given: OpenedFile, page: PollPage, batches: Mapping[str, Judged], draw: Path | None
) -> tuple[VoteCount, TieDraw | None]:
    """Online and paper ballots counted together, and the draw that settled a tie. Gives up naming every breach."""
    board = given.board
    sheets = {name: len(each.ballots) + len(each.void) for name, each in batches.items()}
    hint = "" if batches else " 입력이 맞은 종이 표의 폴더를 --paper로 주세요."
    counts = {name: (board.urns.get(name, 0), sheets.get(name, 0)) for name in sorted({*sheets, *board.urns})}
    if wrong := [
        f"{name}: 센 종이 {counted}장, 입력이 맞은 종이 표 {typed}장.{hint}"
        for name, (counted, typed) in counts.items()
        if counted != typed
    ]:
        give_up(*wrong)
    ballots = [*given.ballots, *(ballot for batch in batches.values() for ballot in batch.ballots)]
    void = [*given.void, *(sheet for batch in batches.values() for sheet in batch.void)]
    record = _read_draw(draw, page.poll) if draw else None
    sums = [PaperBatch(name, len(each.ballots)) for name, each in batches.items()]
    order = record.order if record else ()
    vote = VoteCount(page.poll, page.proposals, ballots, void, sums, board.tables, order)
    try:
        tie = vote.outcome.tie
    except (TieStops, RulesMistake) as stop:
        give_up(str(stop))
    if breaches := check(vote, board.voters):
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


def _read_batches(page: PollPage, folder: Path | None) -> dict[str, Judged]:
    """Every batch of this poll that two people typed in, judged again. Gives up naming what cannot be counted."""
    slug, typed = page.poll.slug, defaultdict[str, list[TypedBatch]](list)
    files = sorted(folder.glob(f"{slug}-*.json")) if folder else ()
    for entry in of_each(files, lambda file: read_shape(file, TypedBatch)):
        if entry.poll == slug:
            typed[entry.batch].append(entry)

    def batch(pair: list[TypedBatch]) -> tuple[str, Judged]:
        with reading(Path(pair[0].batch)):
            if any(entry.rules != page.slot.rules for entry in pair):
                give_up("다른 규칙의 종이 표입니다")
            return pair[0].batch, accept(pair[0], pair[1], page.poll, page.proposals)

    # Others wait for the second person.
    return dict(of_each((pair for pair in typed.values() if len(pair) == 2), batch))


def _changes(before: VoteResult, draft: Draft) -> list[str]:
    """In what a new count differs from the published one, a line each."""
    found = [f"{RESULTS}: {line}" for line in differences(before.document, draft.results)]
    was, now = ({*each.ballots} if each else set() for each in (before.ballots, draft.ballots))
    if other := len({ballot.tracker for ballot in was ^ now}):
        found.append(f"{BALLOTS}: 내용이 다르거나 한쪽에만 있는 표 {other}장")
    return found or [f"{BALLOTS}: 무효표가 다릅니다"]


def _checked_reason(before: VoteResult, draft: Draft, reason: str | None, at: datetime) -> str:
    """Why a published result is replaced. Gives up where none may be, or without a reason."""
    slug, record = before.slug, before.record
    lines = [f"{slug}: 이미 공개한 결과와 다릅니다.", *_changes(before, draft)]
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
    return reason


@votes.command("publish")
@click.option(
    "--signature", "signed", multiple=True, type=A_FILE, help="결과의 서명 파일(votes sign). 되풀이합니다."
)
@counted
def publish(recount: CountedBox, signed: tuple[Path, ...]) -> None:
    """서명한 결과를 content/results/에 씁니다. 맞지 않는 것이나 모자라는 서명이 있으면 쓰지 않습니다."""
    page, draft, before = recount.page, recount.draft, recount.before
    slug = page.poll.slug
    if before and draft.results == before.document:
        click.echo(f"{slug}: 이미 공개한 결과와 같습니다. 아무것도 바뀌지 않았습니다.")
        return
    signatures = _read_signatures(signed, recount)
    first, corrections = page.at, []
    if before:
        first = before.record.published_at
        corrections = [*before.record.corrections, _correction(before, draft, page.at)]
    files = result_files(draft, signatures, first, corrections, page.town)
    base = page.content / "results"
    (base / slug).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():  # the record comes last: it never names a file that is not there
        write(base / name, text)
    for name in set(FILES) - {place.partition("/")[2] for place in files}:
        (base / slug / name).unlink(missing_ok=True)
    click.echo(f"결과를 {base / slug}.toml에 썼습니다. 다음 빌드에 나옵니다.")
    tell(*(f"선정: {page.proposals[winner].title}" for winner in draft.vote.outcome.winners))


def _read_signatures(files: Sequence[Path], recount: CountedBox) -> SignaturesFile:
    """The holders' signatures of board and result. Gives up naming each that is wrong, and too few of them."""
    poll, digests = recount.page.poll, recount.draft.digests
    keys = {key.holder: key.signing for key in poll.keys}
    found: dict[str, str] = {}

    def add(file: Path) -> None:
        each = read_shape(file, SignatureFile)
        with reading(file):
            if each.poll != poll.slug or each.holder not in keys:
                give_up(f"{each.holder}: 이 투표의 열쇠를 맡은 사람이 아닙니다.")
            if each.holder in found:
                give_up(f"{each.holder}: 같은 사람의 서명이 두 번 있습니다.")
            if (each.results, each.ballots) != digests:
                give_up(f"{each.holder}: 다른 결과에 한 서명입니다 ({each.results[:12]}…).")
            if not is_signed(keys[each.holder], each.signature, signed_words("result", *digests)):
                give_up(f"{each.holder}: 서명이 맞지 않습니다.")
        found[each.holder] = each.signature

    of_each(files, add)
    if len(found) < poll.keys_needed:
        give_up(f"결과에 {poll.keys_needed}명이 서명해야 합니다. 지금 {len(found)}명입니다(votes sign).")
    return SignaturesFile(
        format="madang-signatures/1",
        poll=poll.slug,
        board={part.holder: part.signature for part in recount.given.parts},
        result=found,
    )


def _correction(before: VoteResult, draft: Draft, at: datetime) -> ResultCorrection:
    """The record of replacing a published result, with what each file was that changes; the others say the same again."""
    documents = {RESULTS: draft.results, BALLOTS: draft.ballots, BOARD: draft.board}
    texts = {name: as_json(document) if document else "" for name, document in documents.items()}
    replaced = {
        name: hashlib.sha256(was).hexdigest()
        for name, was in before.offered.items()
        if was.decode() != texts.get(name, was.decode())
    }
    return ResultCorrection(at=at, reason=draft.corrections[-1].reason, replaced=replaced)
