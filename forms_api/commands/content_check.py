"""`content-check`: what the content would change for people who have signed up; before it is published, and to let it."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import click

from civic.errors import ContentMistakes, Misuse, NotFound, Unavailable
from civic.places.rules import check_reason
from civic.store.entry import LIVE
from civic.store.seal import WrongKey
from forms_api import accepted
from forms_api.commands import INPUT_WRONG
from forms_api.commands.access import StaffAccess, StaffCommand, open_access
from forms_api.commands.server_data import who
from forms_api.settings import Settings


@click.command("content-check", cls=StaffCommand, is_checked=False)
@click.option(
    "--accept", "subject", metavar="SUBJECT", help="이 글의 변경을 알면서 받아들입니다. 예: lectures/essay"
)
@click.option("--reason", default="", help="받아들이는 까닭. 기록에 남습니다.")
def content_check(staff: StaffAccess, subject: str | None, reason: str) -> None:
    """글을 고친 것이 이미 신청한 사람에게 알린 것과 어긋나는지 봅니다. 올리기 전에 쓰세요."""
    if reason and not subject:
        raise Misuse("--reason은 --accept와 함께 쓰세요.")
    staff.note(subject or "", reason=reason)
    if subject:
        reason = check_reason(reason)
        if subject not in {each.subject for each in staff.held}:
            raise NotFound(f"{subject}: 받아들일 변경이 없습니다.")
        accepted.accept(staff.store, staff.written, subject, who(), reason, staff.now)
        click.echo(f"{subject}: 받아들였습니다. 누리집을 만들면 신청서도 바뀝니다.")
        return
    for wrong in (*staff.written.refused, *(each.mistake for each in staff.held)):
        click.echo(str(wrong), err=True)
    if staff.held:
        said = "신청한 사람에게 알린 것과 어긋납니다. 올려도 서버는 전의 신청서로 받습니다."
        click.echo(f"{len(staff.held)}곳이 {said}", err=True)
    elif staff.written.refused:
        click.echo("고칠 곳이 있는 글은 견주지 못했습니다.", err=True)
    if staff.held or staff.written.refused:
        sys.exit(INPUT_WRONG)
    click.echo("신청한 사람에게 알린 것과 어긋나는 곳이 없습니다.")


def told(settings: Settings) -> list[str]:
    """For `doctor`: what of the content is held back, and people whose page, round or question is gone; a line each."""
    try:
        with open_access(settings, is_checked=False) as staff:
            held = [str(each.mistake) for each in staff.held]
            is_ours = accepted.SITE not in {each.subject for each in staff.held}
            refused = map(str, staff.written.refused)
            return [*refused, *held, *(_gone(staff) if is_ours else ())]
    except ContentMistakes as wrong:
        return [f"글 폴더에 고칠 곳이 있어 신청과 견주지 못했습니다. {wrong.mistakes[0]}"]
    except (Misuse, Unavailable):  # said by `doctor` itself
        return []


def _gone(staff: StaffAccess) -> Iterator[str]:
    """Live entries whose page, round or question is in no file any more; those whose answers are erased are passed over."""
    store, pages = staff.store, {page.subject: page.spec for page in staff.written.takers()}
    for subject in store.subjects():
        spec = pages.get(subject)
        asked = {question.key for question in spec.fields} if spec else set()
        found: Counter[str] = Counter()
        for entry in store.entries(subject, None, LIVE) if store.wrapped_key(subject) else ():
            if spec is None:
                found["글이"] += 1
            elif entry.round not in {round_.key for round_ in spec.rounds}:
                found[f"회차 {entry.round}이(가)"] += 1
            answers: dict[str, Any] = {}
            with suppress(ValueError, WrongKey):  # what cannot be read is not for here to say
                answers = (staff.answers(entry) or {}).get("answers", {})
            found.update(f"질문 {name}이(가)" for name in answers if spec and name not in asked)
        for what, count in sorted(found.items()):
            yield f"{subject}: {what} 글 폴더에 없는 신청이 {count:,}건 있습니다."
