"""`entries`: what staff do with sign-ups until the staff pages come; works beside a running server."""

import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from civic import korean
from civic.content.form import FormSpec
from civic.content.questions import CheckboxQuestion
from civic.errors import Misuse, NotEligible
from civic.files import csv_text, write
from civic.people import show_phone
from civic.places import line, retention
from civic.places.draw_list import BY_STAFF
from civic.places.rules import check_reason
from civic.store.entry import LIVE, STATES, Entry
from forms_api.commands.access import StaffAccess, StaffGroup
from forms_api.commands.server_data import who

ERASED = "(지움)"  # the retention period is over: the answers can never be read again
CHANNELS = ("전화", "방문", "서면")
PERSONAL = ("이름", "휴대전화", "이메일", "생년월일")
APPLICANT = "신청한 사람"
HEAD = ("접수번호", "회차", "상태", "순번", "접수한 때", *PERSONAL, "인원")
ROUND = click.option("--round", help="한 회차만")
STATE = click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="이 상태만(여러 번 쓸 수 있음)"
)


@click.group(cls=StaffGroup)
def entries() -> None:
    """신청을 보고, 정하고, 취소하고, 파일로 내려받습니다."""


@entries.command("list")
@click.argument("subject", required=False)
@ROUND
@STATE
def list_entries(staff: StaffAccess, subject: str | None, **chosen: Any) -> None:
    """신청 목록을 보여 줍니다. SUBJECT를 빼면 신청이 있는 글을 보여 줍니다. 이름과 번호는 나오지 않습니다."""
    if subject is None:
        staff.note()
        for name in staff.store.subjects():
            held = staff.intake.counts(name).values()
            taken, waiting = sum(c.taken for c in held), sum(c.waiting for c in held)
            click.echo(f"{name}\t확정 {taken}\t대기 {waiting}\t접수 {sum(c.received for c in held)}")
        return
    found = staff.entries(subject, **chosen)
    staff.note(subject, (entry.number for entry in found))
    for entry in found:
        state = korean.ENTRY_STATES[entry.state]
        _say(entry.number, entry.round, entry.rank, state, f"{entry.received:%Y-%m-%d %H:%M:%S}")
    click.echo(f"모두 {len(found)}건", err=True)


@entries.command()
@click.argument("number")
def show(staff: StaffAccess, number: str) -> None:
    """접수번호 하나의 내용을 보여 줍니다. 본 사람과 때가 기록됩니다."""
    entry = staff.entry(number)
    _say("접수번호", entry.number)
    _say("신청한 곳", f"{entry.subject} {entry.round}")
    _say("상태", korean.ENTRY_STATES[entry.state])
    answers = staff.answers(entry)
    if answers is None:
        _say("내용", ERASED)
    else:
        more = {"인원": answers.get("party"), APPLICANT: answers.get("applicant")}
        for label, text in (_personal(answers) | more).items():
            if text:
                _say(label, text)
        for name, answer in answers.get("answers", {}).items():
            _say(name, *(answer.values() if isinstance(answer, dict) else (answer,)))
    for change in staff.store.history(entry.number):
        after = korean.ENTRY_STATES.get(change.after, change.after)
        _say(f"{change.time:%Y-%m-%d %H:%M:%S}\t{after}", change.cause, change.who)


def _say(label: str, *values: object) -> None:
    """One line of a table; whatever was typed in several lines or columns stays within its own cell."""
    cells = (str(value).replace("\t", " ").replace("\n", "\n\t| ") for value in values)
    click.echo("\t".join((label, *cells)))


@entries.command()
@click.argument("subject")
@click.argument("round_id", metavar="ROUND")
@click.option("--channel", required=True, type=click.Choice(CHANNELS), help="어떻게 신청했는지")
def add(staff: StaffAccess, subject: str, round_id: str, channel: str) -> None:
    """휴대전화가 없는 사람의 신청을 대신 넣습니다. 자리와 규칙은 같고 유선 전화도 됩니다. 내용은 한 줄씩 묻습니다."""
    doc, spec = staff.form(subject)
    round_ = staff.round(subject, round_id)
    staff.note(doc.subject)
    payload = {**_asked(spec), "round": round_.round.id, "submission_id": str(uuid.uuid4())}
    application = staff.intake.check(doc, spec, payload, landlines=True)
    ((entry, position, _),) = staff.intake.apply(application, who(), f"{BY_STAFF}: {channel}")
    place = f" {position}번" if position else ""
    click.echo(f"{entry.number}\t{korean.ENTRY_STATES[entry.state]}{place}")


def _asked(spec: FormSpec) -> dict[str, Any]:
    """What a form asks, line by line: nothing that names a person stands in the command, which others can read."""

    def ask(label: str, required: bool = True) -> str:
        said = label if required else f"{label} (선택)"
        return str(click.prompt(said, default=None if required else "", show_default=False, err=True))

    given: dict[str, Any] = {"name": ask("이름"), "phone": ask("전화번호")}
    if spec.person == "phone+birth_date":
        given["birth_date"] = ask("생년월일")
    if spec.has_participants:
        child = {"name": ask("참여하는 사람 이름"), "birth_date": ask("참여하는 사람 생년월일")}
        given["participants"] = [child]
    if spec.email != "none":
        given["email"] = ask("이메일", spec.email == "required")
    if spec.party > 1:
        given["party"] = ask("함께 신청하는 사람 수")
    answers: dict[str, Any] = {}
    for question in spec.fields:
        several = isinstance(question, CheckboxQuestion) and question.options
        typed = ask(f"{question.label}{' (쉼표로 여럿)' if several else ''}", question.required)
        answers[question.name] = [each.strip() for each in typed.split(",")] if several and typed else typed
    consent = click.confirm("개인정보 수집·이용에 동의했습니까?", err=True)
    return {**given, "consent": consent, **({"answers": answers} if answers else {})}


@entries.command()
@click.argument("number")
@click.option(
    "--reason", default="", help="취소하는 까닭. 신청한 사람에게 보입니다. 활동이 시작된 뒤에는 꼭 적습니다."
)
def cancel(staff: StaffAccess, number: str, reason: str) -> None:
    """신청 하나를 취소합니다. 자리는 기다리는 사람에게 갑니다."""
    entry = staff.entry(number, reason)
    staff.intake.cancel(entry.number, who(), reason.strip())
    click.echo(f"{entry.number}: 취소했습니다.")


@entries.command()
@click.argument("number")
@click.option(
    "--reason", required=True, help="지우는 까닭(예: 본인 요청). 지나온 일에 남고 신청한 사람에게 보입니다."
)
def erase(staff: StaffAccess, number: str, reason: str) -> None:
    """신청 하나에 적은 이름과 연락처, 답을 지웁니다. 되돌릴 수 없습니다. 상태와 자리는 그대로 둡니다."""
    reason = check_reason(reason)
    entry = staff.entry(number, reason)
    if not entry.sealed:
        raise NotEligible("이미 지운 신청입니다.")
    with staff.book(entry.subject) as book:
        retention.erase_one(book, entry, reason, staff.now)
    staff.scrub()
    click.echo(
        f"{entry.number}: 적은 내용을 지웠습니다. 예전 백업과 내려받은 파일에는 남아 있으니 기한에 지우세요."
    )
    if entry.state in LIVE:
        said = "비우려면 entries cancel을 하세요. 이제 이 사람에게 알릴 수 없습니다."
        click.echo(f"자리는 그대로입니다. {said}", err=True)


@entries.command("call-off")
@click.argument("subject")
@click.argument("round_id", metavar="ROUND")
@click.option("--reason", required=True, help="신청한 사람에게 알릴 까닭")
def call_off(staff: StaffAccess, subject: str, round_id: str, reason: str) -> None:
    """회차를 취소합니다. 접수하고 있어도, 글에서 없어졌어도 됩니다. 신청한 사람 모두에게 알립니다."""
    known = staff.kept_as(subject, round_id)
    staff.note(f"{subject} {known}", reason=reason)
    with staff.book(subject) as book:
        gone = line.call_off(book, known, staff.now, reason)
    click.echo(f"{subject} {round_id}: 회차를 취소하고 {len(gone)}건에 알립니다.")


@entries.command()
@click.argument("number")
@click.option("--confirm", "state", flag_value="confirmed", help="확정")
@click.option("--wait", "state", flag_value="waiting", help="대기")
@click.option("--reject", "state", flag_value="rejected", help="선정하지 않음")
@click.option("--reason", required=True, help="정한 이유. 신청한 사람에게 보입니다.")
def decide(staff: StaffAccess, number: str, state: str | None, reason: str) -> None:
    """심사하는 신청이나 심사 뒤 대기하는 신청의 결과를 이유와 함께 적습니다."""
    if state is None:
        raise Misuse("--confirm, --wait, --reject 가운데 하나를 쓰세요.")
    entry = staff.entry(number, reason)
    round_ = staff.round(entry.subject, entry.round)
    with staff.book(entry.subject) as book:
        _, passed = line.decide(book, round_, entry.number, state, reason, staff.now)
    click.echo(f"{entry.number}: {korean.ENTRY_STATES[state]}")
    if passed:
        numbers = ", ".join(other.number for other in passed)
        click.echo(f"먼저 대기하던 신청 {len(passed)}건보다 앞서 확정했습니다: {numbers}", err=True)


@entries.command()
@click.argument("subject")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="쓸 파일. 빼면 화면에 씁니다.")
@click.option("--reason", required=True, help="내려받는 까닭. 열람 기록에 남습니다.")
@ROUND
@STATE
def export(staff: StaffAccess, subject: str, out: Path | None, reason: str, **chosen: Any) -> None:
    """신청을 엑셀에서 여는 CSV로 내려받습니다. 본 사람과 때, 까닭이 기록됩니다."""
    if out and out.suffix.lower() not in ("", ".csv"):
        raise Misuse(f"{out.name}: CSV만 쓸 수 있습니다. 이름을 .csv로 끝내세요. 엑셀에서 바로 열립니다.")
    if not reason.strip():
        raise Misuse("--reason에 내려받는 까닭을 적으세요. 열람 기록에 남습니다.")
    found = staff.entries(subject, **chosen)
    staff.note(subject, (entry.number for entry in found), reason)
    table = to_csv(staff.spec(subject), [(entry, staff.answers(entry)) for entry in found])
    if out is None:
        sys.stdout.buffer.write(table.encode())
        return
    write(out, table, mode=0o600)
    click.echo(f"{out}: {len(found)}건을 썼습니다.", err=True)


def to_csv(spec: FormSpec | None, rows: Sequence[tuple[Entry, Mapping[str, Any] | None]]) -> str:
    """One line per entry, in the given order. rows: entries with their unsealed answers, None where they are erased."""
    labels = {round_.key: round_.label for round_ in spec.rounds} if spec else {}
    questions = {question.key: question.label for question in spec.fields} if spec else {}
    for _, answers in rows:  # questions that the form no longer asks
        for name in (answers or {}).get("answers", {}):
            questions.setdefault(name, name)
    if any(answers and "applicant" in answers for _, answers in rows):
        questions["applicant"] = APPLICANT

    def row(entry: Entry, answers: Mapping[str, Any] | None) -> list[Any]:
        state, received = korean.ENTRY_STATES[entry.state], f"{entry.received:%Y-%m-%d %H:%M:%S}"
        fixed = [entry.number, labels.get(entry.round, entry.round), state, entry.rank, received]
        if answers is None:
            return [*fixed, ERASED]
        given = {"applicant": answers.get("applicant", ""), **answers.get("answers", {})}
        personal = [*_personal(answers).values(), entry.size]
        return [*fixed, *personal, *(korean.answer(given.get(name, "")) for name in questions)]

    return csv_text([[*HEAD, *questions.values()], *(row(*each) for each in rows)])


def _personal(answers: Mapping[str, Any]) -> dict[str, str]:
    """What tells whose an entry is, by its label; "" where it was not asked."""
    given = [str(answers.get(key, "")) for key in ("name", "phone", "email", "birth_date")]
    given[1] = show_phone(given[1]) if given[1] else ""
    return dict(zip(PERSONAL, given, strict=True))
