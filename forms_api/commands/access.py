"""How a command reaches the data: opened for that command, and each look noted before anything is shown.

staff_acts.py says what is noted.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import click

from civic.clock import Clock, SteadyClock, parse_time
from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.content.snapshot import Snapshot
from civic.errors import Misuse, NotFound, Unavailable
from civic.library import Library, load
from civic.places.form_round import FormRound, round_of
from civic.places.intake import Intake
from civic.store import open_beside
from civic.store.book import Book
from civic.store.entry import Entry
from civic.store.key_file import keys_of
from civic.store.seal import Erased, Keys
from civic.store.store import Store
from forms_api import accepted
from forms_api.accepted import HeldBack
from forms_api.clock_mark import PLACE, mark_of
from forms_api.commands import staff_words
from forms_api.commands.staff_acts import note, who
from forms_api.settings import Settings, read_settings

UNSWEPT = (
    "지웠습니다. 다만 누가 자료를 오래 읽고 있어 파일에 흔적이 아직 남아 있습니다. 켜져 있는 서버가 한 시간 안에 다시 합니다. "
    "서버를 켜 두지 않으면 purge를 다시 하세요."
)


@dataclass(frozen=True)
class StaffAccess:
    """What one command of a member of staff works on."""

    intake: Intake
    settings: Settings
    written: Library  # what the content says
    held: tuple[HeldBack, ...] = ()  # what of it is held back: the intake goes by what counts

    @property
    def now(self) -> datetime:
        """The time of the data's clock."""
        return self.intake.clock.now()

    def note(self, subject: str = "", numbers: Iterable[str] = (), reason: str = "") -> None:
        """Write down an act before it is done; see `staff_acts.note`. Raises Misuse when that cannot be done."""
        try:
            note(self.intake.store, self.now, subject, numbers, reason)
        except Unavailable as err:
            told = self.intake.store.trouble or staff_words(err)
            raise Misuse(f"열람 기록을 쓸 수 없어 아무것도 보여 주거나 바꾸지 않습니다. {told}") from err

    def scrub(self) -> None:
        """Leave no trace in the files of what was erased; says so where that must wait."""
        try:
            self.intake.store.scrub()
        except Unavailable:
            click.echo(UNSWEPT, err=True)

    def book(self, subject: str) -> AbstractContextManager[Book]:
        """A transaction in the name of the member of staff."""
        return self.intake.store.open(self._subject(subject), who=who())

    def spec(self, subject: str) -> FormSpec | None:
        """The form of a subject; None when its page is gone. Raises NotFound when it never took entries."""
        doc = self.intake.page(subject)
        spec = doc.spec if doc else None
        if spec is None and subject not in self.intake.store.subjects():
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

    def entries(self, subject: str, round: str | None, states: tuple[str, ...]) -> list[Entry]:
        """Entries of a subject by round and rank. Raises NotFound for a round that neither page nor entries know."""
        kept = None if round is None else self.kept_as(subject, round)
        return self.intake.store.entries(self._subject(subject), kept, states)

    def kept_as(self, subject: str, round: str) -> str:
        """The name under which a round's sign-ups are kept, also when its page is gone. Raises NotFound."""
        if round in self.intake.store.counts(self._subject(subject)):
            return round
        return self.round(subject, round).id

    def _subject(self, typed: str) -> str:
        """The name under which a page's sign-ups are kept, from any that it ever had."""
        doc = self.intake.page(typed)
        return doc.subject if doc else typed

    def answers(self, entry: Entry) -> dict[str, Any] | None:
        """What the person typed; None when it has been erased."""
        try:
            plain = self.intake.keys.unseal(self.intake.store, entry.subject, entry.number, entry.sealed)
        except Erased:
            return None
        answers: dict[str, Any] = json.loads(plain)
        return answers


def with_access(command: Callable[..., None], is_checked: bool = True) -> Callable[..., None]:
    """A command that is called with a StaffAccess first, and the options that say where everything is.

    is_checked: what the site was made from, and another town's content is refused; else what staff have written since.
    """

    @wraps(command)
    def opened(*, data: str | None, content: str | None, now: str | None, **given: Any) -> None:
        with open_access(data, content, now, is_checked) as staff:
            command(staff, **given)

    for option in (
        click.option("--data", help="신청을 두는 곳: tinydb://폴더 또는 postgresql://…"),
        click.option("--content", help="글 폴더"),
        click.option("--now", help="시연 자료에서만: 이때로 봅니다. 빼면 시연 서버의 시계를 따릅니다."),
    ):
        opened = option(opened)
    return opened


@contextmanager
def open_access(
    data: str | None, content: str | None, now: str | None, is_checked: bool = True
) -> Iterator[StaffAccess]:
    """Open everything for one command. Raises ContentMistakes, Misuse."""
    settings = read_settings(data=data, content=content)
    store = open_beside(settings.data)
    try:
        clock, is_real = clock_beside(store, now)
        # Without the published draws: a file of theirs that is wrong must stop no command, least of all the one that
        # writes it anew. Before anything else is made or changed: main() says that nothing was.
        place = settings.sources if is_checked else settings.content_dir
        kept = Snapshot.of(settings.site_dir, settings.content_dir)
        written = load(place, clock.now(), draws=False, accepted=kept)
        force = accepted.in_force(store, written, clock.now())
        if is_checked:
            accepted.check_town(force)
        keys = keys_of(store, settings.key_file, settings.data_dir)
        if is_real:
            store.watch(clock)
        intake = Intake(force.library, store, keys, clock, remembers=is_real)
        yield StaffAccess(intake, settings, written, force.held)
    except Unavailable as err:
        # A citizen is asked to come back later; staff must learn what is wrong and what to do.
        raise Unavailable(store.trouble or staff_words(err)) from err
    finally:
        store.close()


def server_keys(settings: Settings) -> Keys:
    """Those of the server beside whose data the command runs. Raises Misuse."""
    with closing(open_beside(settings.data)) as store:
        return keys_of(store, settings.key_file, settings.data_dir)


def accept_clock_of(settings: Settings) -> None:
    """Confirm that the machine's clock is right, though the journal's newest line is later. Raises Misuse, Unavailable."""
    with closing(open_beside(settings.data)) as store:
        keys_of(store, settings.key_file, settings.data_dir)
        clock, is_real = clock_beside(store, None)
        if not is_real:
            raise Misuse("시연 자료의 시계는 확인할 것이 없습니다.")
        with store.open(PLACE, who=who()) as book:
            book.fix("", f"clock-accepted:{clock.now().isoformat()}", "", clock.now())


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
