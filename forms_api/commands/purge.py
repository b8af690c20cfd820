"""`purge`: erase the answers whose time to be kept is over. The server does it by itself; this shows it or hastens it."""

from __future__ import annotations

from typing import Any

import click

from civic.errors import Misuse, NotFound
from civic.places import retention
from civic.places.retention import Keeping
from forms_api.commands.entries import common, desk


@click.command()
@click.argument("subject", required=False)
@click.option("--dry-run", is_flag=True, help="지우지 않고, 보관하는 답과 지우는 날을 모두 보여 줍니다.")
@click.option("--early", is_flag=True, help="보관 기한 전이거나 기한을 모르는 글 하나의 답을 지금 지웁니다.")
@common
def purge(subject: str | None, dry_run: bool, early: bool, **where: Any) -> None:
    """보관 기한이 지난 이름과 연락처, 답을 지웁니다. 되돌릴 수 없습니다. SUBJECT를 적으면 그 글만 봅니다.

    접수번호와 상태, 때는 남습니다. 서버가 켜져 있으면 기한이 지난 것을 스스로 지웁니다.
    """
    if early and not subject:
        raise Misuse("--early는 글 하나를 적을 때만 씁니다. 예: purge lectures/essay --early")
    with desk(**where) as opened:
        intake = opened.intake
        now = intake.clock.now()
        if subject and subject not in intake.store.subjects():
            raise NotFound(f"{subject}: 신청이 없는 글입니다. 예: lectures/essay")
        kept = [
            each
            for each in retention.keepings(intake.library, intake.store)
            if subject in (None, each.subject)
        ]
        over = [each for each in kept if early or each.is_over(now)]
        for each in kept if dry_run else over:
            if dry_run:
                click.echo(f"{each.subject}\t{_until(each)}\t{'지울 것' if each in over else '보관 중'}")
                continue
            opened.note("purge", each.subject)
            count = retention.erase(intake.keys, intake.store, each.subject, now)
            click.echo(f"{each.subject}\t{_until(each)}\t{count}건의 답을 지웠습니다.")
        for each in kept:
            if each.until is None and each not in over:
                said = f"{each.subject}: 글도 기록도 없어 지울 날을 모릅니다. 확인하고 --early로 지우세요."
                click.echo(said, err=True)
        if over and not dry_run:
            click.echo("예전 백업에는 아직 있습니다. 보관 기간이 지난 백업을 지우세요.", err=True)
        if not over:
            click.echo("지울 것이 없습니다.", err=True)


def _until(keeping: Keeping) -> str:
    return f"{keeping.until:%Y-%m-%d %H:%M}" if keeping.until else "모름"
