"""`votes close | open | destroy`: a ballot box from closing to its end, and the two files it travels in.

`open` needs no network, no server and no data folder: it reads the exported box, the content and the holders' parts.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import click

from civic import korean
from civic.codes import to_text
from civic.content.poll import Body
from civic.files import typed_text, write
from civic.recount import read_published
from civic.shape import Many, Shape
from civic.store import open_box
from civic.store.boxes import Box
from civic.votes.ballot import Ballot, Judged, Spoiled
from civic.votes.opening import open_all
from civic.votes.paper import is_batch
from civic.votes.partial import PartialFile
from civic.votes.result import Board, as_json
from civic.votes.result_files import VoteResult
from civic.votes.tally import read_scores
from forms_api.commands.given import A_FILE, A_FOLDER, NEW_FILE, give_up, of_each, read_shape, reading
from forms_api.commands.poll import PARTS, Place, PollPage, votes


class BoxFile(Shape):
    """What `votes close` exports."""

    format: Literal["madang-box/2"]
    board: Board
    envelopes: Many[str]


class OpenedFile(Shape):
    """What `votes open` writes: all that it takes to open the box once more, and what came out."""

    format: Literal["madang-opened/2"]
    board: Board
    envelopes: Many[str]
    parts: Many[PartialFile]
    ballots: Many[Ballot]
    void: Many[Spoiled]


def check_box(given: BoxFile | OpenedFile, at: Place, act: str) -> PollPage:
    """The poll of that box. Gives up before its closing (act: what is not done then), and under other rules."""
    board = given.board
    page = at.poll(board.poll)
    page.not_before_closing(act)
    if board.rules != page.slot.rules:
        give_up(
            f"투표함의 규칙 지문({board.rules[:12]}…)이 글의 규칙 지문({page.slot.rules[:12]}…)과 다릅니다.",
            "마감할 때의 글로 여세요.",
        )
    if board.closed < page.poll.closes:
        give_up(f"투표가 끝나기 전에 닫은 투표함입니다 (found {board.closed.isoformat()}).")
    return page


@votes.command("close", has_data=True)
@click.argument("slug")
@click.option("--to", "file", type=NEW_FILE, help="투표함을 내보낼 파일 [기본: <투표>-box.json]")
@click.option(
    "--urn", "urns", multiple=True, help="종이 투표함마다 읽지 않고 센 종이의 수: 묶음=장수. 되풀이합니다."
)
@click.option("--scores", type=A_FOLDER, help="다른 기구의 점수표 폴더. 파일 이름은 기구의 키.csv")
def close(at: Place, slug: str, file: Path | None, urns: tuple[str, ...], scores: Path | None) -> None:
    """마감한 투표함을 봉하고, 열기 전에 아는 것을 모두 적은 명단과 함께 내보냅니다. 서버가 켜져 있어도 됩니다."""
    page = at.poll(slug)
    page.not_before_closing("닫지 않습니다")
    counted, tables = _read_urns(urns), _read_tables(page, scores)
    with closing(open_box(at.settings.data)) as boxes:
        exported = _close(boxes, page, counted, tables)
    target = file or Path(f"{slug}-box.json")
    write(target, as_json(exported), mode=0o600)
    board = exported.board
    online = len(board.receipts)
    click.echo(f"투표한 사람 {board.voters}명(온라인 {online}, 종이 {board.voters - online})")
    if unreturned := board.marked - (board.voters - online):
        click.echo(f"종이를 받고 내지 않은 사람 {unreturned}명")
    click.echo(f"명단의 지문 {board.digest}")
    click.echo(f"투표함을 {target}에 내보냈습니다. 열쇠를 맡은 사람들에게 보내세요(votes partial).")


def _close(boxes: Box, page: PollPage, urns: dict[str, int], tables: dict[str, dict[str, str]]) -> BoxFile:
    slug = page.poll.slug
    with boxes.open(slug) as box:
        marked, sheets = box.papers(), sum(urns.values())
        if box.state() == "destroyed":
            give_up(f"{slug}: 투표함을 이미 없앴습니다.")
        if sheets > marked or (marked and not urns):
            hint = "함마다 읽지 않고 센 종이의 수를 --urn 묶음=장수로 적으세요."
            give_up(f"{slug}: 종이를 받은 사람은 {marked}명인데 투표함의 종이는 {sheets}장입니다. {hint}")
        closed, cast = box.close(page.at), box.cast()
        board = Board(
            format="madang-board/1",
            poll=slug,
            rules=page.slot.rules,
            closed=closed,
            receipts=tuple(receipt for receipt, _ in cast),
            replaced=tuple(box.replaced()),
            roll=box.rolled(),
            marked=marked,
            urns=urns,
            tables=tables,
        )
    boxes.scrub()
    return BoxFile(
        format="madang-box/2", board=board, envelopes=tuple(to_text(envelope) for _, envelope in cast)
    )


def _read_urns(given: tuple[str, ...]) -> dict[str, int]:
    """Batch -> sheets. Gives up naming each that cannot be meant."""
    pairs = [each.rpartition("=") for each in given]
    names = [name for name, _, _ in pairs]
    for name, _, count in pairs:
        if not is_batch(name) or not count.isdecimal() or names.count(name) > 1:
            give_up(f"--urn {name}={count}: 묶음=장수로, 묶음마다 한 번 적으세요. 예: --urn songjeong=42")
    return {name: int(count) for name, _, count in pairs}


def _read_tables(page: PollPage, folder: Path | None) -> dict[str, dict[str, str]]:
    """The points of every body of the poll, as they are written. Gives up naming each table that is missing or wrong."""
    bodies = page.poll.bodies
    if folder is None and bodies:
        files = ", ".join(f"{body.id}.csv" for body in bodies)
        give_up(f"--scores: 다른 기구의 점수표가 있는 폴더를 적으세요. 필요한 파일: {files}")

    def table(body: Body) -> tuple[str, dict[str, str]]:
        file = (folder or Path()) / f"{body.id}.csv"
        with reading(file):
            points = read_scores(typed_text(file), page.poll, page.proposals)
        return body.id, {slug: str(score) for slug, score in points.items()}

    return dict(of_each(bodies, table))


@votes.command("open")
@click.argument("box", type=A_FILE)
@PARTS
@click.option("--to", "file", type=NEW_FILE, required=True, help="연 표를 둘 파일")
def open_(at: Place, box: Path, files: tuple[Path, ...], file: Path) -> None:
    """내보낸 투표함을 맡은 사람들의 공유값으로 엽니다. 하나라도 맞지 않으면 아무것도 열지 않습니다."""
    given = read_shape(box, BoxFile)
    page = check_box(given, at, "열지 않습니다")
    parts = of_each(files, lambda each: read_shape(each, PartialFile))
    opened = opened_again(given, parts, page)
    told = vars(given) | vars(opened) | {"format": "madang-opened/2", "parts": tuple(parts)}
    write(file, as_json(OpenedFile(**told)), mode=0o600)
    click.echo(f"표 {len(opened.ballots)}장을 열었습니다. 무효 {len(opened.void)}장.")


def opened_again(given: BoxFile | OpenedFile, parts: Sequence[PartialFile], page: PollPage) -> Judged:
    """The whole box opened with these parts, whoever opened it before."""
    board = given.board
    rules = (board.receipts, page.slot, board.digest, parts, page.poll, page.proposals)
    return open_all(given.envelopes, *rules)


@votes.command("destroy", has_data=True)
@click.argument("slug")
@click.option("--yes", is_flag=True, help="묻지 않습니다.")
def destroy(at: Place, slug: str, yes: bool) -> None:
    """이의 기간이 끝난 투표함의 봉투와 투표자 명단을 없앱니다. 되돌릴 수 없습니다."""
    page = at.poll(slug)
    result = published_result(at.content, slug)
    if result is None:
        give_up(f"{slug}: 결과를 아직 공개하지 않았습니다.")
    end = result.record.objections_end(page.poll.objection_days)
    if page.at < end:
        give_up(f"{slug}: 이의 기간이 {korean.moment(end)}까지입니다. 그 전에는 없애지 않습니다.")
    if not yes:
        click.confirm(f"{slug}의 봉투와 투표자 명단을 없앨까요? 되돌릴 수 없습니다.", abort=True)
    with closing(open_box(at.settings.data)) as boxes:
        with boxes.open(slug) as box:
            box.destroy(page.at)
        boxes.scrub()
    # Told on the result page; from now on nothing can prove another count, so `publish` refuses one.
    gone = result.record.model_copy(update={"destroyed_at": result.record.destroyed_at or page.at})
    write(at.content / "results" / f"{slug}.toml", gone.as_toml())
    click.echo(
        f"{slug}: 투표함을 없앴습니다. 내보낸 파일과 열쇠 파일, 백업도 맡은 사람이 없애고 서로 확인하세요."
    )


def published_result(content: Path, slug: str) -> VoteResult | None:
    """The result of this poll as it stands in content/results/, whatever the clock says; None when there is none."""
    found = next((each for each in read_published(content, draws=False).results if each.slug == slug), None)
    if found is None and (content / "results" / f"{slug}.toml").exists():
        give_up(f"{content / 'results' / slug}.toml: 이 투표의 결과가 아닌 기록이 있습니다.")
    return found
