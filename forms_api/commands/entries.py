"""`entries`: what staff do with sign-ups until the staff pages come; works beside a running server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from civic import korean
from civic.clock import Clock, SteadyClock, parse_time
from civic.codes import clean_number
from civic.content.form import FormSpec, Round
from civic.content.pages import Document
from civic.errors import Misuse, NotFound, Unavailable
from civic.files import write
from civic.library import load
from civic.people import show_phone
from civic.places import line
from civic.places.intake import Intake
from civic.store import open_beside
from civic.store.book import Store
from civic.store.entry import STATES, Entry
from civic.store.seal import Erased, Keys
from forms_api import access
from forms_api.commands import staff_words
from forms_api.demonstration import mark_of
from forms_api.export import ERASED, Opened, to_csv
from forms_api.settings import Settings, read_settings


@dataclass(frozen=True)
class Desk:
    """A member of staff at work: the intake, and the log of what was looked at."""

    intake: Intake
    settings: Settings

    def note(self, act: str, subject: str, number: str = "", count: int = 1) -> None:
        """Write down that data is looked at, before it is shown."""
        access.note(self.settings.access_log_file, self.intake.clock.now(), act, subject, number, count)

    def entry(self, number: str) -> Entry:
        """The entry of a receipt number. Raises NotFound."""
        found = self.intake.store.find(clean_number(number))
        if found is None:
            raise NotFound("그런 접수번호가 없습니다.")
        return found

    def spec(self, subject: str) -> FormSpec | None:
        """The form of a subject; None when its page is gone. Raises NotFound when it never took entries."""
        folder, _, slug = subject.partition("/")
        doc = self.intake.library.get(folder, slug)
        spec = doc.spec if doc else None
        if spec is None and subject not in self.intake.store.subjects():
            raise NotFound(f"{subject}: 그런 신청서가 없습니다. 예: lectures/essay")
        return spec

    def form(self, subject: str) -> tuple[Document, FormSpec]:
        """The page and form of a subject that is on the site. Raises NotFound."""
        folder, _, slug = subject.partition("/")
        return self.intake.form(folder, slug)

    def round(self, subject: str, id: str) -> tuple[FormSpec, Round]:
        """One round of a subject. Raises NotFound, naming those there are."""
        spec = self.form(subject)[1]
        each = spec.round(id)
        if each is None:
            raise NotFound(f"{id}: 그런 회차가 없습니다. 있는 회차: {', '.join(r.id for r in spec.rounds)}")
        return spec, each

    def of(self, subject: str, round: str | None, states: tuple[str, ...]) -> list[Entry]:
        """Entries of a subject by round and rank. Raises NotFound for a round that neither page nor entries know."""
        with self.intake.store.open(subject, who=access.who()) as book:
            found = book.entries(round, states)
            is_known = round is None or found or book.entries(round, ())
        if not is_known:
            self.round(subject, round or "")
        return found

    def opened(self, entry: Entry) -> dict[str, Any] | None:
        """What the person typed; None when it has been erased."""
        try:
            plain = self.intake.keys.unseal(self.intake.store, entry.subject, entry.number, entry.sealed)
        except Erased:
            return None
        answers: dict[str, Any] = json.loads(plain)
        return answers


@contextmanager
def desk(data: str | None, content: str | None, now: str | None) -> Iterator[Desk]:
    """Open everything for one command. Raises ContentMistakes, Misuse."""
    settings = read_settings(os.environ, data=data, content=content)
    store = open_beside(settings.data)
    try:
        clock, is_real = clock_beside(store, now)
        # Without the published draws: a file of theirs that is wrong must stop no command, least of all the one that
        # writes it anew. Before anything else is made or changed: main() says that nothing was.
        library = load(settings.content_dir, clock.now(), draws=False)
        keys = Keys.load_or_create(settings.keys_dir / "keys.json", settings.data_dir)
        yield Desk(Intake(library, store, keys, clock, remembers=is_real), settings)
    except Unavailable as err:
        # A citizen is asked to come back later; staff must learn what is wrong and what to do.
        raise Unavailable(store.trouble or staff_words(err)) from err
    finally:
        store.close()


def clock_beside(store: Store, now: str | None) -> tuple[Clock, bool]:
    """The clock of a command on that store, and whether it is the machine's: everything but a demonstration's.

    now: what was given as --now. Raises Misuse where it is not a time, or the store is no demonstration's.
    """
    at, mark = read_time(now) if now else None, mark_of(store)
    if mark is None or mark.start is None:
        if at:
            raise Misuse("--now는 시연 서버(serve --now)의 자료에만 씁니다. 이 자료의 때는 바꿀 수 없습니다.")
        return SteadyClock(), True
    return SteadyClock(at) if at else mark.clock(), False


def read_time(now: str) -> datetime:
    """The time of a --now. Raises Misuse."""
    try:
        return parse_time(now)
    except ValueError:
        raise Misuse("--now는 2023-08-16T09:00:00+09:00처럼 적으세요.") from None


def common(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command of this group takes."""
    for option in (
        click.option("--data", help="신청을 두는 곳: tinydb://폴더 또는 postgresql://…"),
        click.option("--content", help="글 폴더"),
        click.option("--now", help="시연 자료에서만: 이때로 봅니다. 빼면 시연 서버의 시계를 따릅니다."),
    ):
        command = option(command)
    return command


@click.group()
def entries() -> None:
    """신청을 보고, 정하고, 취소하고, 파일로 내려받습니다."""


@entries.command("list")
@click.argument("subject", required=False)
@click.option("--round", "round_id", help="한 회차만")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="이 상태만(여러 번 쓸 수 있음)"
)
@common
def list_entries(subject: str | None, round_id: str | None, states: tuple[str, ...], **where: Any) -> None:
    """신청 목록을 보여 줍니다. SUBJECT를 빼면 신청이 있는 글을 보여 줍니다. 이름과 번호는 나오지 않습니다."""
    with desk(**where) as opened:
        if subject is None:
            for each in opened.intake.store.subjects():
                held = opened.intake.counts(each).values()
                taken, waiting = sum(c.taken for c in held), sum(c.waiting for c in held)
                received = sum(c.received for c in held)
                click.echo(f"{each}\t확정 {taken}\t대기 {waiting}\t접수 {received}")
            return
        opened.spec(subject)
        found = opened.of(subject, round_id, states)
        opened.note("list", subject, count=len(found))
        for entry in found:
            state = korean.ENTRY_STATES[entry.state]
            click.echo(
                f"{entry.number}\t{entry.round}\t{entry.rank}\t{state}\t{entry.received:%Y-%m-%d %H:%M:%S}"
            )
        click.echo(f"모두 {len(found)}건", err=True)


@entries.command()
@click.argument("number")
@common
def show(number: str, **where: Any) -> None:
    """접수번호 하나의 내용을 보여 줍니다. 본 사람과 때가 기록됩니다."""
    with desk(**where) as opened:
        entry = opened.entry(number)
        opened.note("show", entry.subject, entry.number)
        click.echo(f"접수번호\t{entry.number}")
        click.echo(f"신청한 곳\t{entry.subject} {entry.round}")
        click.echo(f"상태\t{korean.ENTRY_STATES[entry.state]}")
        answers = opened.opened(entry)
        if answers is None:
            click.echo(f"내용\t{ERASED}")
        else:
            click.echo(f"이름\t{answers.get('name', '')}")
            click.echo(f"휴대전화\t{show_phone(answers['phone'])}")
            for label, name in (("이메일", "email"), ("생년월일", "birth_date"), ("인원", "party")):
                if answers.get(name):
                    click.echo(f"{label}\t{answers[name]}")
            for name, answer in answers.get("answers", {}).items():
                click.echo(f"{name}\t{answer}")
        for change in opened.intake.store.history(entry.number):
            after = korean.ENTRY_STATES.get(change.after, change.after)
            click.echo(f"{change.at:%Y-%m-%d %H:%M:%S}\t{after}\t{change.cause}\t{change.who}")


@entries.command()
@click.argument("number")
@click.option(
    "--reason", default="", help="취소하는 까닭. 신청한 사람에게 보입니다. 활동이 시작된 뒤에는 꼭 적습니다."
)
@common
def cancel(number: str, reason: str, **where: Any) -> None:
    """신청 하나를 취소합니다. 자리는 기다리는 사람에게 갑니다."""
    with desk(**where) as opened:
        entry = opened.entry(number)
        opened.note("cancel", entry.subject, entry.number)
        opened.intake.cancel_by_staff(entry.number, access.who(), reason.strip())
        click.echo(f"{entry.number}: 취소했습니다.")


@entries.command("call-off")
@click.argument("subject")
@click.argument("round_id", metavar="ROUND")
@click.option("--reason", required=True, help="신청한 사람에게 알릴 까닭")
@common
def call_off(subject: str, round_id: str, reason: str, **where: Any) -> None:
    """최소 인원을 채우지 못한 회차를 취소합니다. 신청한 사람 모두에게 알립니다."""
    with desk(**where) as opened:
        spec, each = opened.round(subject, round_id)
        opened.note("call-off", subject)
        with opened.intake.store.open(subject, who=access.who()) as book:
            gone = line.call_off(book, spec, each, opened.intake.clock.now(), reason)
        click.echo(f"{subject} {each.label}: 회차를 취소하고 {len(gone)}건에 알립니다.")


@entries.command()
@click.argument("number")
@click.option("--confirm", "state", flag_value="confirmed", help="확정")
@click.option("--wait", "state", flag_value="waiting", help="대기")
@click.option("--reject", "state", flag_value="rejected", help="선정하지 않음")
@click.option("--reason", required=True, help="정한 이유. 신청한 사람에게 보입니다.")
@common
def decide(number: str, state: str | None, reason: str, **where: Any) -> None:
    """심사하는 신청이나 심사 뒤 대기하는 신청의 결과를 이유와 함께 적습니다."""
    if state is None:
        raise Misuse("--confirm, --wait, --reject 가운데 하나를 쓰세요.")
    with desk(**where) as opened:
        entry = opened.entry(number)
        spec, each = opened.round(entry.subject, entry.round)
        opened.note("decide", entry.subject, entry.number)
        with opened.intake.store.open(entry.subject, who=access.who()) as book:
            now = opened.intake.clock.now()
            _, passed = line.decide(book, spec, each, entry.number, state, reason, now)
        click.echo(f"{entry.number}: {korean.ENTRY_STATES[state]}")
        if passed:
            numbers = ", ".join(each.number for each in passed)
            click.echo(f"먼저 대기하던 신청 {len(passed)}건보다 앞서 확정했습니다: {numbers}", err=True)


@entries.command()
@click.argument("subject")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="쓸 파일. 빼면 화면에 씁니다.")
@click.option("--round", "round_id", help="한 회차만")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="이 상태만(여러 번 쓸 수 있음)"
)
@common
def export(
    subject: str, out: Path | None, round_id: str | None, states: tuple[str, ...], **where: Any
) -> None:
    """신청을 엑셀에서 여는 CSV로 내려받습니다. 본 사람과 때가 기록됩니다."""
    with desk(**where) as opened:
        spec = opened.spec(subject)
        found = opened.of(subject, round_id, states)
        opened.note("export", subject, count=len(found))
        rows: list[Opened] = [(entry, opened.opened(entry)) for entry in found]
        table = to_csv(spec, rows)
    if out is None:
        sys.stdout.buffer.write(table.encode())
        return
    write(out, table, mode=0o600)
    click.echo(f"{out}: {len(rows)}건을 썼습니다.", err=True)
