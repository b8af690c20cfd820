"""`ledger show | work | approve`: hours of activity, from reserved to approved, within one person's limit."""

import click

from civic import korean
from civic.content.form import FormSpec
from civic.errors import Misuse, NotEligible
from civic.places import line
from civic.store.entry import LIVE, Entry
from forms_api.commands.access import StaffAccess, StaffGroup


@click.group(cls=StaffGroup)
def ledger() -> None:
    """활동 시간 장부: 신청한 시간, 활동한 시간, 인정한 시간."""


@ledger.command()
@click.argument("number")
def show(staff: StaffAccess, number: str) -> None:
    """그 접수번호의 사람이 같은 장부에서 쓴 시간을 모두 보여 줍니다. 본 사람과 때가 기록됩니다."""
    person = staff.entry(number)
    spec = _spec(staff, person)
    total = 0
    for doc in staff.intake.library.subjects():
        if doc.spec is None or doc.spec.ledger != spec.ledger:
            continue
        for entry in staff.entries(doc.subject, states=(*LIVE, "attended")):
            if entry.person == person.person:
                total += entry.hours
                where = f"{entry.number}\t{doc.subject}\t{entry.round}"
                click.echo(f"{where}\t{_stage(entry)}\t{entry.hours}시간")
    click.echo(f"모두 {total}시간 / {spec.ledger_max}시간")


@ledger.command()
@click.argument("number")
@click.option("--hours", type=click.IntRange(0, 1000), help="활동한 시간")
@click.option("--absent", is_flag=True, help="오지 않았습니다. 신청한 시간은 돌려줍니다.")
def work(staff: StaffAccess, number: str, hours: int | None, absent: bool) -> None:
    """활동이 시작한 뒤, 활동한 시간을 적습니다. 신청한 시간 대신 이 시간을 셉니다."""
    if absent == (hours is not None):
        raise Misuse("--hours 시간 또는 --absent 가운데 하나를 쓰세요.")
    _write(staff, number, hours, "worked")


@ledger.command()
@click.argument("number")
@click.option("--hours", type=click.IntRange(0, 1000), required=True, help="인정하는 시간")
def approve(staff: StaffAccess, number: str, hours: int) -> None:
    """활동한 시간을 인정합니다. 인정한 뒤에는 고치지 않습니다."""
    _write(staff, number, hours, "approved")


def _write(staff: StaffAccess, number: str, hours: int | None, cause: str) -> None:
    entry = staff.entry(number)
    spec, round_ = _spec(staff, entry), staff.intake.round(entry)
    with staff.book(entry.subject) as book:
        moved = line.work(book, round_, entry.number, spec, hours, staff.now, cause)
    click.echo(f"{moved.number}\t{_stage(moved)}\t{moved.hours if hours is not None else 0}시간")


def _spec(staff: StaffAccess, entry: Entry) -> FormSpec:
    """The form of an entry, which names the ledger that it counts in. Raises NotEligible when it names none."""
    spec = staff.spec(entry.subject)
    if spec is None or not spec.ledger:
        raise NotEligible("활동 시간을 세지 않는 신청입니다.")
    return spec


def _stage(entry: Entry) -> str:
    if entry.state == "attended":
        return "인정" if entry.cause == "approved" else "활동"
    return "불참" if entry.state == "absent" else f"신청({korean.ENTRY_STATES[entry.state]})"
