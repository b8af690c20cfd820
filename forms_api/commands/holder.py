"""`votes key new | partial | sign`: a key holder's whole part, on the holder's own computer; and `keys add | receipt`.

No command takes two private keys. Each says what it checked, in words that its holder can repeat to others.
"""

from dataclasses import replace
from pathlib import Path

import click

from civic.codes import from_text, to_text
from civic.content.poll import MOST_HOLDERS
from civic.files import create, write
from civic.votes.box_key import HolderKey, HolderPart, new_key, read_key, receipt_signer, write_key
from civic.votes.opening import TrialBallot, same_box
from civic.votes.partial import PartialFile
from civic.votes.result import SignatureFile, as_json, digest_of
from forms_api.commands.box import BoxFile, check_box
from forms_api.commands.given import A_FILE, NEW_FILE, give_up, of_each, read_shape, reading, tell
from forms_api.commands.poll import Place, PollPage, votes, with_values
from forms_api.commands.result import CountedBox, counted
from forms_api.commands.server_data import open_data

SHORTEST = 8  # signs of a passphrase
KEY = click.option("--key", "key_file", type=A_FILE, required=True, help="내 열쇠 파일")


@votes.group("key")
def key() -> None:
    """열쇠를 맡은 사람이 자기 컴퓨터에서 자기 열쇠를 만듭니다."""


@key.command("new", has_content=False)
@click.argument("slug")
@click.option("--holder", required=True, help="맡는 사람의 직책. 투표 글과 결과 화면에 보입니다.")
@click.option(
    "--to", "file", type=NEW_FILE, required=True, help="열쇠를 둘 파일. 옆에 .public.json도 씁니다."
)
def new(slug: str, holder: str, file: Path) -> None:
    """투표함을 여는 열쇠와 서명하는 열쇠를 만들어 암호로 잠급니다."""
    public = file.with_suffix(".public.json")
    there = "{}: 이미 있습니다. 덮어쓰지 않습니다."
    if known := [each for each in (file, public) if each.exists()]:
        give_up(*map(there.format, known))
    made = new_key(slug, " ".join(holder.split()))
    try:
        part = HolderPart.of(made)
    except ValueError:
        give_up("투표의 이름은 영문 소문자와 숫자, 줄표로, 직책은 300자까지 적으세요.")
    asks = f"{made.holder}의 암호({SHORTEST}자 이상)"
    passphrase = str(click.prompt(asks, hide_input=True, confirmation_prompt=True))
    if len(passphrase) < SHORTEST:
        give_up(f"암호는 {SHORTEST}자 이상이어야 합니다. 열쇠를 만들지 않았습니다.")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not create(file, write_key(made, passphrase), mode=0o600):  # made while the passphrase was typed
        give_up(there.format(file))
    write(public, as_json(part))
    click.echo(f"{file}: 나만 가집니다. 암호와 함께 두지 말고, 봉인한 복사본을 따로 두세요.")
    click.echo(f"{public}: 투표를 준비하는 사람에게 보내세요. 비밀은 들어 있지 않습니다.")


def _own(file: Path, page: PollPage, board: str = "") -> HolderKey:
    """The holder's keys, which must be the poll's.

    board: noted in their file before anything signed leaves: these keys sign no other one. "" for a rehearsal.
    """
    passphrase = str(click.prompt(f"{file.name}의 암호", hide_input=True))
    try:
        own = read_key(file.read_text("utf-8", errors="replace"), passphrase)
    except ValueError as err:
        give_up(f"{file.name}: {err}")
    if own.poll != page.poll.slug or own.public not in page.poll.keys:
        give_up(
            f"{file.name}: {own.holder}: 이 투표({page.poll.slug})에 적힌 열쇠가 아닙니다 (found {own.poll})"
        )
    if board and own.board not in ("", board):
        give_up(
            f"{own.holder}: 이 열쇠는 이미 다른 명단에 서명했습니다.",
            f"그때의 지문 {own.board}",
            f"이 투표함 {board}",
            "투표함이 두 가지로 나왔다는 뜻일 수 있습니다. 다른 맡은 사람과 감사 부서에 알리세요.",
        )
    if board and not own.board:
        write(file, write_key(replace(own, board=board), passphrase), mode=0o600)
    return own


@votes.command("partial")
@click.argument("box", type=A_FILE)
@KEY
@click.option("--to", "file", type=NEW_FILE, required=True, help="공유값을 둘 파일")
def partial(at: Place, box: Path, key_file: Path, file: Path) -> None:
    """투표함(또는 시험 표)을 확인하고 명단에 서명한 뒤, 여는 데 쓸 내 공유값을 씁니다."""
    given = read_shape(box, BoxFile, TrialBallot)
    if isinstance(given, TrialBallot):
        page = at.poll(given.poll)
        envelopes, board = [given.checked(page.slot)], digest_of(given)
        own = _own(key_file, page)
        click.echo("시험 표입니다. 봉한 열쇠가 함께 있어 이 공유값으로는 다른 표를 열 수 없습니다.")
    elif isinstance(given, BoxFile):
        page, board = check_box(given, at, "열지 않습니다"), given.board.digest
        envelopes = list(same_box(given.envelopes, given.board.receipts, page.slot).values())
        own = _own(key_file, page, board)
        _tell_board(given, page)
    write(file, as_json(PartialFile.of(own, board, envelopes)), mode=0o600)
    click.echo(f"공유값을 {file}에 썼습니다. 여는 사람에게 보내세요. 이것만으로는 한 표도 열리지 않습니다.")


def _tell_board(given: BoxFile, page: PollPage) -> None:
    board = given.board
    tell(
        "확인한 것:",
        f"- 규칙 지문이 글과 같습니다. 접수증에 적힌 것과도 견주세요: {page.slot.rules}",
        f"- 접수증 {len(board.receipts)}장과 봉투가 하나씩 맞습니다. 다시 투표해 바뀐 접수증 {len(board.replaced)}장",
        f"- 종이를 받은 사람 {board.marked}명, 함마다 읽지 않고 센 종이 "
        + (", ".join(f"{urn} {count}장" for urn, count in sorted(board.urns.items())) or "없음"),
        f"- 명부 {board.roll}명, 다른 기구의 점수표 {len(board.tables)}개",
        f"명단에 서명했습니다. 다른 맡은 사람과 소리 내어 읽어 견주세요: {board.digest}",
    )


@votes.command("sign")
@KEY
@click.option("--to", "file", type=NEW_FILE, required=True, help="서명을 둘 파일")
@counted
def sign(recount: CountedBox, key_file: Path, file: Path) -> None:
    """투표함 전체를 이 컴퓨터에서 다시 열고 세어, 모두 맞으면 결과에 서명합니다."""
    given, page, vote = recount.given, recount.page, recount.draft.vote
    own = _own(key_file, page, given.board.digest)
    results, ballots = recount.draft.digests
    signed = SignatureFile(
        format="madang-signature/1",
        poll=own.poll,
        holder=own.holder,
        results=results,
        ballots=ballots,
        signature=own.sign("result", results, ballots),
    )
    write(file, as_json(signed))
    tell(
        "확인한 것:",
        f"- 봉투 {len(given.envelopes)}장을 다시 열었고, 연 표가 모두 같습니다. 공유값의 증명도 맞습니다.",
        f"- 유효한 표 {len(vote.ballots)}장과 무효 {len(vote.void)}장이 명단의 접수증과 종이의 수와 같습니다.",
        f"- 규칙 지문 {given.board.rules}. 접수증에 적힌 것과 견주세요.",
        f"- 선정: {', '.join(page.proposals[slug].title for slug in vote.outcome.winners) or '없음'}",
        f"결과에 서명했습니다: {results}",
    )


@votes.group("keys")
def keys() -> None:
    """맡은 사람의 공개 열쇠와 접수증의 공개 열쇠를 투표 글에 적습니다. 비밀 열쇠는 받지 않습니다."""


@keys.command("add")
@click.argument("slug")
@click.argument("files", nargs=-1, required=True, type=A_FILE)
@click.option(
    "--anew", is_flag=True, help="이미 있는 열쇠를 이 열쇠로 바꿉니다. 투표를 시작하기 전에만 됩니다."
)
def add(at: Place, slug: str, files: tuple[Path, ...], anew: bool) -> None:
    """맡은 사람이 `votes key new`로 만든 공개 파일을 확인하고 투표 글에 더합니다."""
    page = at.poll(slug)
    _not_after_opening(page)
    found = [] if anew else list(page.poll.keys)

    def join(file: Path) -> None:
        part = read_shape(file, HolderPart)
        with reading(file):
            if part.poll != slug:
                give_up(f"다른 투표의 열쇠입니다 (found {part.poll})")
            try:
                key = part.proven()
            except ValueError:
                give_up("비밀 열쇠를 가진 사람이 쓴 파일이 아닙니다")
            if key.holder in {each.holder for each in found}:
                give_up(f"{key.holder}: 이 사람이 이미 있습니다")
            if {key.public, key.signing} & {text for each in found for text in (each.public, each.signing)}:
                give_up(f"{key.holder}: 같은 열쇠가 이미 있습니다")
            found.append(key)

    of_each(files, join)
    if len(found) > MOST_HOLDERS:
        give_up(f"{slug}: 열쇠는 {MOST_HOLDERS}명까지 맡습니다 (found {len(found)})")
    write(page.file, with_values(page.file, keys=[key.model_dump() for key in found]))
    click.echo(f"열쇠를 맡은 사람 {len(found)}명: {', '.join(key.holder for key in found)}")
    click.echo(
        f"이 가운데 {page.poll.keys_needed}명이 모이면 투표함이 열립니다. 모두 더했으면 시험 개표를 하세요."
    )


def _not_after_opening(page: PollPage) -> None:
    if page.at >= page.poll.opens and page.poll.rehearsed:
        # Whatever was cast already opens with the old keys only.
        give_up(f"{page.poll.slug}: 투표를 시작한 뒤에는 열쇠를 바꿀 수 없습니다.")


@keys.command("receipt")
@click.argument("slug")
@click.option("--key", help="서버의 `GET /api/votes/<투표>`가 알려 준 receipt_key. 서버가 다른 컴퓨터일 때")
def receipt(at: Place, slug: str, key: str | None) -> None:
    """접수증에 서명할 서버의 공개 열쇠를 투표 글에 적습니다. 규칙 지문에 들어가, 누구나 접수증을 확인할 수 있습니다."""
    page = at.poll(slug)
    _not_after_opening(page)
    if key is None:
        secret = None
        if not at.is_demo:
            with open_data(at.settings) as found:
                secret = found.keys
        key = to_text(receipt_signer(secret).public_key().public_bytes_raw())
    try:
        is_key = len(from_text(key)) == 32
    except ValueError:
        is_key = False
    if not is_key:
        give_up(f"--key: 접수증 열쇠가 아닙니다 (found {key[:60]})")
    write(page.file, with_values(page.file, receipt_key=key))
    click.echo(f"접수증의 공개 열쇠 {key}")
