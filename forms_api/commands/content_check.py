"""`content-check`: what the content would change for people who have signed up; before it is published, and to let it."""

from __future__ import annotations

import sys
from functools import partial

import click

from civic.errors import Misuse, NotFound
from civic.places.rules import check_reason
from forms_api import accepted
from forms_api.commands import INPUT_WRONG
from forms_api.commands.access import StaffAccess, with_access
from forms_api.commands.account import who


@click.command("content-check")
@click.option(
    "--accept", "subject", metavar="SUBJECT", help="이 글의 변경을 알면서 받아들입니다. 예: lectures/essay"
)
@click.option("--reason", default="", help="받아들이는 까닭. 기록에 남습니다.")
@partial(with_access, is_checked=False)
def content_check(staff: StaffAccess, subject: str | None, reason: str) -> None:
    """글을 고친 것이 이미 신청한 사람에게 알린 것과 어긋나는지 봅니다. 올리기 전에 쓰세요."""
    if reason and not subject:
        raise Misuse("--reason은 --accept와 함께 쓰세요.")
    if subject:
        reason = check_reason(reason)
        if subject not in {each.subject for each in staff.held}:
            raise NotFound(f"{subject}: 받아들일 변경이 없습니다.")
        staff.note(subject, reason=reason)
        accepted.accept(staff.intake.store, staff.written, subject, who(), reason, staff.now)
        click.echo(f"{subject}: 받아들였습니다. 다음에 누리집을 만들면 바뀝니다.")
        return
    for each in staff.held:
        click.echo(str(each.mistake), err=True)
    if staff.held:
        click.echo(
            f"{len(staff.held)}곳이 신청한 사람에게 알린 것과 어긋납니다. 올려도 서버는 전의 신청서로 받습니다.",
            err=True,
        )
        sys.exit(INPUT_WRONG)
    click.echo("신청한 사람에게 알린 것과 어긋나는 곳이 없습니다.")
