"""`votes close | open | destroy`: a ballot box from closing to its end, and the two files it travels in.

`open` needs no network, no server and no data folder: it reads the exported box, the content and the halves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import click
from pydantic import StringConstraints

from civic import korean
from civic.codes import NUMBER_SIGNS, to_text
from civic.files import write
from civic.recount import read_published
from civic.shape import Count, Digest, Many, SeoulTime, Shape, Slug
from civic.store import open_box
from civic.store.boxes import Box
from civic.votes.ballot import Ballot, Spoiled, receipts_digest
from civic.votes.opening import open_all
from civic.votes.result import as_json
from civic.votes.result_files import VoteResult
from forms_api.commands.poll import (
    A_FILE,
    CONTENT,
    DATA,
    HALF,
    NEW_FILE,
    NOW,
    PollPage,
    give_up,
    read_halves,
    read_shape,
)
from forms_api.settings import read_settings

Code = Annotated[str, StringConstraints(pattern=rf"^[{NUMBER_SIGNS}]{{4}}(-[{NUMBER_SIGNS}]{{4}}){{3}}$")]


class ClosedBox(Shape):
    """What both files say of the receipts that were told at closing."""

    format: str
    poll: Slug
    rules: Digest
    papers: Count
    digest: Digest
    receipts: Many[Code]

    def check_receipts(self, file: Path) -> None:
        """Gives up when the receipts have not the fingerprint that stands beside them."""
        if receipts_digest(self.receipts) != self.digest:
            give_up(f"{file}: 접수증 명단이 적힌 지문과 다릅니다. 파일이 바뀌었습니다.")


class BoxFile(ClosedBox):
    """What `votes close` exports."""

    format: Literal["madang-box/1"]
    closed: SeoulTime
    envelopes: Many[str]


class OpenedFile(ClosedBox):
    """What `votes open` writes."""

    format: Literal["madang-opened/1"]
    ballots: Many[Ballot]
    void: Many[Spoiled]


@click.command("close")
@click.argument("slug")
@click.option("--to", "file", type=NEW_FILE, help="투표함을 내보낼 파일 [기본: <투표>-box.json]")
@DATA
@CONTENT
@NOW
def close(slug: str, file: Path | None, data: str | None, content: Path, now: str | None) -> None:
    """마감한 투표함을 봉하고 접수증 명단과 함께 내보냅니다. 서버가 켜져 있어도 됩니다."""
    data = read_settings(os.environ, data=data).data
    page = PollPage.of(content, slug, now, data)
    page.not_before_closing("닫지 않습니다")
    with all_boxes(data) as boxes:
        exported = _close(boxes, page)
    target = file or Path(f"{slug}-box.json")
    write(target, as_json(exported), mode=0o600)
    online = len(exported.receipts)
    click.echo(f"투표한 사람 {online + exported.papers}명(온라인 {online}, 종이 {exported.papers})")
    click.echo(f"접수증 명단의 지문 {exported.digest}")
    click.echo(f"투표함을 {target}에 내보냈습니다. 인터넷에 연결하지 않은 컴퓨터에서 여세요.")


def _close(boxes: Box, page: PollPage) -> BoxFile:
    slug = page.poll.slug
    with boxes.open(slug) as box:
        if box.state() == "destroyed":
            give_up(f"{slug}: 투표함을 이미 없앴습니다.")
        box.close(page.at)
        receipts, papers, envelopes = tuple(box.receipts()), box.papers(), box.envelopes()
    boxes.scrub()
    return BoxFile(
        format="madang-box/1",
        poll=slug,
        rules=page.slot.rules,
        papers=papers,
        digest=receipts_digest(receipts),
        receipts=receipts,
        closed=page.at,
        envelopes=tuple(map(to_text, envelopes)),
    )


@click.command("open")
@click.argument("box", type=A_FILE)
@HALF
@click.option("--to", "file", type=NEW_FILE, required=True, help="연 표를 둘 파일")
@CONTENT
@NOW
def open_(box: Path, files: tuple[Path, ...], file: Path, content: Path, now: str | None) -> None:
    """내보낸 투표함을 모든 열쇠로 엽니다. 하나라도 맞지 않으면 아무것도 열지 않습니다."""
    given = read_shape(box, BoxFile)
    page = PollPage.of(content, given.poll, now)
    page.not_before_closing("열지 않습니다")
    if given.rules != page.slot.rules:
        give_up(
            f"투표함의 규칙 지문({given.rules[:12]}…)이 글의 규칙 지문({page.slot.rules[:12]}…)과 다릅니다.",
            "마감할 때의 글로 여세요.",
        )
    given.check_receipts(box)
    privates = read_halves(files, page.poll)
    opened = open_all(given.envelopes, given.receipts, page.slot, privates, page.poll, page.proposals)
    document = OpenedFile(
        **given.model_dump(include=ClosedBox.model_fields.keys() - {"format"}),
        format="madang-opened/1",
        ballots=opened.ballots,
        void=opened.spoiled,
    )
    write(file, as_json(document), mode=0o600)
    click.echo(f"표 {len(opened.ballots)}장을 열었습니다. 무효 {len(opened.spoiled)}장.")


@click.command("destroy")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="묻지 않습니다.")
@DATA
@CONTENT
@NOW
def destroy(slug: str, yes: bool, data: str | None, content: Path, now: str | None) -> None:
    """이의 기간이 끝난 투표함의 봉투와 투표자 명단을 없앱니다. 되돌릴 수 없습니다."""
    data = read_settings(os.environ, data=data).data
    page = PollPage.of(content, slug, now, data)
    result = published_result(content, slug)
    if result is None:
        give_up(f"{slug}: 결과를 아직 공개하지 않았습니다.")
    end = result.record.objections_end(page.poll.objection_days)
    if page.at < end:
        give_up(f"{slug}: 이의 기간이 {korean.moment(end)}까지입니다. 그 전에는 없애지 않습니다.")
    if not yes:
        click.confirm(f"{slug}의 봉투와 투표자 명단을 없앨까요? 되돌릴 수 없습니다.", abort=True)
    with all_boxes(data) as boxes:
        with boxes.open(slug) as box:
            box.destroy(page.at)
        boxes.scrub()
    # Told on the result page; from now on nothing can prove another count, so `publish` refuses one.
    gone = result.record.model_copy(update={"destroyed_at": result.record.destroyed_at or page.at})
    write(content / "results" / f"{slug}.toml", gone.as_toml())
    click.echo(
        f"{slug}: 투표함을 없앴습니다. 내보낸 파일과 열쇠 파일, 백업도 맡은 사람이 없애고 서로 확인하세요."
    )


@contextmanager
def all_boxes(data: str) -> Iterator[Box]:
    """The boxes of a store, beside a running server. Raises Misuse, InUse."""
    boxes = open_box(data)
    try:
        yield boxes
    finally:
        boxes.shut()


def published_result(content: Path, slug: str) -> VoteResult | None:
    """The result of this poll as it stands in content/results/, whatever the clock says; None when there is none."""
    found = next((each for each in read_published(content, draws=False).results if each.slug == slug), None)
    if found is None and (content / "results" / f"{slug}.toml").exists():
        give_up(f"{content / 'results' / slug}.toml: 이 투표의 결과가 아닌 기록이 있습니다.")
    return found


COMMANDS = (close, open_, destroy)
