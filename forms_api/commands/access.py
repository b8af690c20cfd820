"""What staff's commands on sign-ups work on: the content, the forms in force and the entries."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.content.snapshot import Snapshot
from civic.errors import NotFound, Unavailable
from civic.library import Library, load
from civic.places.form_round import FormRound, round_of
from civic.places.intake import Intake
from civic.store.book import Book
from civic.store.entry import Entry
from civic.store.seal import Erased
from forms_api import accepted
from forms_api.accepted import HeldBack
from forms_api.commands.server_data import DATA, ServerData, open_data, who
from forms_api.settings import Settings, read_settings

UNSWEPT = (
    "지웠습니다. 다만 누가 자료를 오래 읽고 있어 파일에 흔적이 아직 남아 있습니다. 켜져 있는 서버가 한 시간 안에 다시 합니다. "
    "서버를 켜 두지 않으면 purge를 다시 하세요."
)


@dataclass(frozen=True)
class StaffAccess(ServerData):
    """What one command of a member of staff works on."""

    intake: Intake
    settings: Settings
    written: Library  # what the content says
    held: tuple[HeldBack, ...]  # what of it is held back: the intake goes by what counts

    def scrub(self) -> None:
        """Leave no trace in the files of what was erased; says so where that must wait."""
        try:
            self.store.scrub()
        except Unavailable:
            click.echo(UNSWEPT, err=True)

    def book(self, subject: str) -> AbstractContextManager[Book]:
        """A transaction in the name of the member of staff."""
        return self.store.open(self._subject(subject), who=who())

    def spec(self, subject: str) -> FormSpec | None:
        """The form of a subject; None when its page is gone. Raises NotFound when it never took entries."""
        doc = self.intake.page(subject)
        spec = doc.spec if doc else None
        if spec is None and subject not in self.store.subjects():
            raise NotFound(f"{subject}: 그런 신청서가 없습니다. 예: lectures/essay")
        return spec

    def form(self, subject: str) -> tuple[Document, FormSpec]:
        """The page and form of a subject that is on the site. Raises NotFound."""
        return self.intake.form(*subject.partition("/")[::2])

    def round(self, subject: str, id: str) -> FormRound:
        """One round of a subject. Raises NotFound, naming those there are."""
        doc, spec = self.form(subject)
        found = round_of(doc, id)
        if found is None:
            raise NotFound(f"{id}: 그런 회차가 없습니다. 있는 회차: {', '.join(r.id for r in spec.rounds)}")
        return found

    def entry(self, number: str, reason: str = "") -> Entry:
        """The entry of a receipt number, noted before anything of it is shown or changed. Raises NotFound."""
        entry = self.intake.entry(number)
        self.note(entry.subject, [entry.number], reason)
        return entry

    def entries(self, subject: str, round: str | None = None, states: tuple[str, ...] = ()) -> list[Entry]:
        """Entries of a subject by round and rank. Raises NotFound for what neither pages nor entries know."""
        self.spec(subject)
        kept = None if round is None else self.kept_as(subject, round)
        return self.store.entries(self._subject(subject), kept, states)

    def kept_as(self, subject: str, round: str) -> str:
        """The name under which a round's sign-ups are kept, also when its page is gone. Raises NotFound."""
        if round in self.store.counts(self._subject(subject)):
            return round
        return self.round(subject, round).id

    def _subject(self, typed: str) -> str:
        """The name under which a page's sign-ups are kept, from any that it ever had."""
        doc = self.intake.page(typed)
        return doc.subject if doc else typed

    def answers(self, entry: Entry) -> dict[str, Any] | None:
        """What the person typed; None when it has been erased."""
        try:
            plain = self.keys.unseal(self.store, entry.subject, entry.number, entry.sealed)
        except Erased:
            return None
        answers: dict[str, Any] = json.loads(plain)
        return answers


@contextmanager
def open_access(settings: Settings, now: str | None = None, is_checked: bool = True) -> Iterator[StaffAccess]:
    """Open everything for one command. Raises ContentMistakes, Misuse, Unavailable.

    is_checked: what the site was made from, and another town's content is refused; else what staff have written since.
    """
    with open_data(settings, now) as found:
        # Without the published draws: a file of theirs that is wrong must stop no command, least of all the one that
        # writes it anew.
        place = settings.sources if is_checked else settings.content_dir
        kept = Snapshot.of(settings.site_dir, settings.content_dir)
        written = load(place, found.now, draws=False, accepted=kept)
        force = accepted.in_force(found.store, written, found.now)
        if is_checked:
            accepted.check_town(force)
        if not found.is_demo:
            found.store.watch(found.clock)
        intake = Intake(force.library, found.store, found.keys, found.clock, remembers=not found.is_demo)
        yield StaffAccess(**vars(found), intake=intake, settings=settings, written=written, held=force.held)


class StaffCommand(click.Command):
    """A command that is called with a StaffAccess, as `staff`; its options say where everything is."""

    def __init__(self, *given: Any, is_checked: bool = True, **named: Any) -> None:
        """is_checked: see `open_access`."""
        super().__init__(*given, **named)
        self.is_checked = is_checked
        where = {
            "--data": DATA,
            "--content": "글 폴더",
            "--now": "시연 자료에서만: 이때로 봅니다. 빼면 시연 서버의 시계를 따릅니다.",
        }
        self.params += [click.Option([name], help=text) for name, text in where.items()]

    def invoke(self, ctx: click.Context) -> Any:
        given = ctx.params
        settings = read_settings(data=given.pop("data"), content=given.pop("content"))
        with open_access(settings, given.pop("now"), self.is_checked) as given["staff"]:
            return super().invoke(ctx)


class StaffGroup(click.Group):
    """A group of such commands."""

    command_class = StaffCommand
