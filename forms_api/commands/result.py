"""`votes publish`: counts an opened box with the paper ballots, and writes the result that enough holders signed.

Nothing is written while anything does not hold; every breach is named. A published result is never replaced silently:
`--correct` keeps when it was first published and records when and why it was changed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from civic.files import write
from civic.votes.box_key import is_signed, signed_words
from civic.votes.result import BALLOTS, BOARD, RESULTS, SignaturesFile
from civic.votes.result_files import ResultCorrection, VoteResult, result_files
from forms_api.commands.draft import CountedBox, SignatureFile, counted
from forms_api.commands.poll import A_FILE, give_up, of_each, read_shape, reading, tell_checker

COMPARED = (RESULTS, BALLOTS, BOARD)  # the others are the same again in another form, or the word for it


@click.command("publish")
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
        first, corrections = before.record.published_at, list(before.record.corrections)
        files = result_files(draft, signatures, first, corrections, page.town)
        corrections.append(_correction(before, files, draft.corrections[-1].reason, page.at))
    files = result_files(draft, signatures, first, corrections, page.town)
    base = page.content / "results"
    (base / slug).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():  # the record comes last: it never names a file that is not there
        write(base / name, text)
    for name in set(before.record.files if before else ()) - files.keys():
        (base / name).unlink(missing_ok=True)
    click.echo(f"결과를 {base / slug}.toml에 썼습니다. 다음 빌드에 나옵니다.")
    for winner in draft.vote.outcome.winners:
        click.echo(f"선정: {page.proposals[winner].title}")
    tell_checker()


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


def _correction(before: VoteResult, files: Mapping[str, str], reason: str, at: datetime) -> ResultCorrection:
    """The record of replacing a published result, with what each replaced file was."""
    replaced = {
        name: hashlib.sha256(before.offered[name]).hexdigest()
        for name in COMPARED
        if name in before.offered
        and before.offered[name] != files.get(f"{before.slug}/{name}", "").encode("utf-8")
    }
    return ResultCorrection(at=at, reason=reason, replaced=replaced)


COMMANDS = (publish,)
