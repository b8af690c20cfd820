"""`lapse`, `purge`: what the server does by itself when its time has come, done now or only shown."""

import click

from civic.errors import Misuse, NotFound
from civic.places import retention
from forms_api.commands.access import StaffAccess, StaffCommand


@click.command(cls=StaffCommand)
@click.argument("subject", required=False, default="")
def lapse(staff: StaffAccess, subject: str) -> None:
    """기한이 지난 제안을 거두고 빈자리를 다음 순서에 줍니다. SUBJECT를 빼면 모든 글을 봅니다."""
    if subject:
        staff.form(subject)
    staff.note(subject)
    click.echo(f"자리를 받거나 제안받은 신청 {staff.intake.advance(subject)}건")


@click.command(cls=StaffCommand)
@click.argument("subject", required=False)
@click.option("--dry-run", is_flag=True, help="지우지 않고, 보관하는 답과 지우는 날을 모두 보여 줍니다.")
@click.option("--early", is_flag=True, help="보관 기한 전이거나 기한을 모르는 글 하나의 답을 지금 지웁니다.")
def purge(staff: StaffAccess, subject: str | None, dry_run: bool, early: bool) -> None:
    """보관 기한이 지난 이름과 연락처, 답을 지웁니다. 되돌릴 수 없습니다. SUBJECT를 적으면 그 글만 봅니다.

    접수번호와 상태, 때는 남습니다. 서버가 켜져 있으면 기한이 지난 것을 스스로 지웁니다.
    """
    if early and not subject:
        raise Misuse("--early는 글 하나를 적을 때만 씁니다. 예: purge lectures/essay --early")
    now = staff.now
    if subject and subject not in staff.store.subjects():
        raise NotFound(f"{subject}: 신청이 없는 글입니다. 예: lectures/essay")
    kept = [
        k for k in retention.kept_answers(staff.intake.library, staff.store) if subject in (None, k.subject)
    ]
    over = [keeping for keeping in kept if early or keeping.is_over(now)]
    staff.note(subject or "")
    for keeping in kept:
        done = "지울 것" if keeping in over else "보관 중"
        if keeping in over and not dry_run:
            entries = staff.entries(keeping.subject)
            staff.note(keeping.subject, (entry.number for entry in entries))
            staff.keys.erase(staff.store, keeping.subject, now)
            done = f"{len(entries)}건의 답을 지웠습니다."
        if keeping in over or dry_run:
            until = f"{keeping.until:%Y-%m-%d %H:%M}" if keeping.until else "모름"
            click.echo(f"{keeping.subject}\t{until}\t{done}")
        if keeping.until is None and keeping not in over:
            said = f"{keeping.subject}: 글도 기록도 없어 지울 날을 모릅니다. 확인하고 --early로 지우세요."
            click.echo(said, err=True)
    if not dry_run:
        retention.forget(staff.store, now)
        staff.scrub()
    if not over:
        click.echo("지울 것이 없습니다.", err=True)
    elif not dry_run:
        click.echo("예전 백업에는 아직 있습니다. 보관 기간이 지난 백업을 지우세요.", err=True)
