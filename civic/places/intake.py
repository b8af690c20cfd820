"""Taking sign-ups in: decided in one transaction, looked up, cancelled. No web.

The web hands over a payload, `application` reads it; every decision is in `rules`, in the form's
own spec, or in the store's book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from civic import people
from civic.clock import Clock
from civic.codes import clean_number, new_number
from civic.content.form import FormSpec, Round
from civic.content.pages import Document
from civic.errors import Closed, FieldError, Invalid, NotEligible, NotFound, NotOpen, WrongCode
from civic.places import line, retention, rules
from civic.places.application import Application, read_application, refuse_forbidden
from civic.store.book import Book, NumberTaken, Store
from civic.store.entry import Counts, Entry
from civic.store.seal import Keys
from civic.text import clean


class Pages(Protocol):
    """What intake needs of the Library."""

    def get(self, folder: str, slug: str) -> Document | None: ...

    def subjects(self) -> tuple[Document, ...]: ...

    def takers(self) -> tuple[Document, ...]: ...


@dataclass(frozen=True)
class Found:
    """An entry with what a citizen is shown beside it."""

    entry: Entry
    position: int | None  # place in the waiting line, 1 is next; None when not waiting or not settled yet
    doc: Document | None  # None when the page is gone
    round: Round | None
    can_cancel: bool


class Intake:
    """Sign-ups of every form in a library, kept in one store."""

    def __init__(
        self, library: Pages, store: Store, keys: Keys, clock: Clock, remembers: bool = True
    ) -> None:
        """remembers: a closing time that has passed stays passed, also for a clock that jumps back between two
        starts; False for a clock that was set by hand (a demonstration may begin again)."""
        self.library = library
        self.store = store
        self.keys = keys
        self.clock = clock
        self._remembers = remembers

    def form(self, folder: str, slug: str) -> tuple[Document, FormSpec]:
        """The page and its form. Raises NotFound."""
        doc = self.library.get(folder, slug)
        if doc is None or doc.spec is None:
            raise NotFound("그런 신청서가 없습니다.")
        return doc, doc.spec

    def check(self, folder: str, slug: str, payload: Mapping[str, Any]) -> Application:
        """Everything that can be checked without the store.

        payload: as the API takes it (docs/api.md). Raises NotFound (form or round), NotOpen, Closed, and
        Invalid with every field that must be corrected.
        """
        doc, spec = self.form(folder, slug)
        refuse_forbidden(payload)  # first: whatever else is wrong with the post, this must be told
        given = payload.get("round")
        each = spec.round(clean(given)) if isinstance(given, str) else None
        if given and isinstance(given, str) and each is None:
            said = "그런 회차가 없습니다."
            raise NotFound(said, [FieldError("round", f"{said} 다시 골라 주세요.")])
        now = self.clock.now()
        if each is None:
            return read_application(doc, spec, each, payload, now.date())
        try:
            self._check_time(doc.subject, spec, each, now)
        except (NotOpen, Closed) as refusal:
            # A retry that comes late gets its answer.
            try:
                late = read_application(doc, spec, each, payload, now.date())
            except Invalid:
                raise refusal from None
            with self.store.open(doc.subject) as book:
                if book.repeated(late.submission, self.keys.person(late.phone, late.birth_date)) is None:
                    raise
            return late
        return read_application(doc, spec, each, payload, now.date())

    def apply(self, application: Application) -> tuple[Entry, int | None, bool]:
        """Keep a checked application: (entry, place in the waiting line, is it new?).

        The same submission again gives the entry as it stands now, also after closing. The time of
        reception is the moment of the decision. Raises NotOpen, Closed, Invalid, AlreadyApplied, Full,
        LimitReached, Unavailable.
        """
        spec, each = application.spec, application.round
        person = self.keys.person(application.phone, application.birth_date)
        caps = rules.caps(spec, each, application.subject)
        while True:
            draft = self._draft(application, person)
            facts = self.store.fixed(application.subject).get(each.id)
            try:
                with self.store.open(application.subject, who="citizen") as book:
                    now = self.clock.now()
                    try:
                        rules.check_time(spec, each, now, facts)
                        entry = line.admit(book, spec, each, draft.but(received=now, changed=now), caps)
                    except (NotOpen, Closed):
                        # A retry that comes late gets its answer; in time, `admit` itself knows it again.
                        late = book.repeated(application.submission, person)
                        if late is None:
                            raise
                        entry = late
                    if entry.number == draft.number and entry.rank == 1:
                        retention.note(book, application.doc, each.id, now)
                    position = _position(book, spec, each, entry)
            except NumberTaken:
                continue
            except Closed:
                self._remember(application.subject, spec, each, self.clock.now())
                raise
            return entry, position, entry.number == draft.number

    def lookup(self, number: str, last4: str) -> Found:
        """The entry of that receipt number, for whoever knows the phone's last four digits.

        Raises WrongCode alike for a wrong number and wrong digits, after the same work.
        """
        return self.found(self._proven(number, last4))

    def found(self, entry: Entry) -> Found:
        """The entry with its place in line, page and round."""
        position, now = None, self.clock.now()
        doc, each = self._place(entry)
        if doc and doc.spec and each and rules.has_lapsed(entry, each, now):
            with self.store.open(entry.subject, who="clock") as book:
                line.advance(book, doc.spec, each, now)
                entry = book.get(entry.number) or entry
        if entry.state == "waiting":
            with self.store.open(entry.subject) as book:
                entry = book.get(entry.number) or entry
                position = _position(book, doc.spec if doc else None, each, entry)
        try:
            rules.check_cancel(entry, each, now)
        except NotEligible:
            return Found(entry, position, doc, each, can_cancel=False)
        return Found(entry, position, doc, each, can_cancel=True)

    def receipt(self, number: str) -> Found:
        """The entry of a receipt number that we signed ourselves. Raises NotFound."""
        entry = self.store.find(number)
        if entry is None:
            raise NotFound("그런 접수증이 없습니다.")
        return self.found(entry)

    def cancel(self, number: str, last4: str) -> Found:
        """Cancel an entry and give its place to the first in line, in one transaction.

        Raises WrongCode, NotEligible (already over, or the activity has begun), Unavailable.
        """
        return self._cancel(self._proven(number, last4), line.CANCELLED, "citizen")

    def cancel_by_staff(self, number: str, who: str, reason: str = "") -> Found:
        """As `cancel`, by an office (who: for the journal, "staff:<id>"), with a reason also after the beginning.

        reason: kept with the cause and shown to the citizen. Raises NotFound, NotEligible, Unavailable.
        """
        entry = self.store.find(clean_number(number))
        if entry is None:
            raise NotFound("그런 접수번호가 없습니다.")
        now, each = self.clock.now(), self._place(entry)[1]
        rules.check_cancel(entry, None, now)
        if each and rules.has_begun(each, now) and not reason:
            raise NotEligible("활동이 시작된 신청입니다. --reason에 까닭을 적으면 취소합니다.")
        cause = f"cancelled-by-staff: {reason}" if reason else "cancelled-by-staff"
        return self._cancel(entry, cause, who, even_begun=bool(reason))

    def accept(self, number: str, last4: str) -> Found:
        """Take the place that is offered; again gives the same answer.

        Raises WrongCode, NotEligible (nothing is offered, or the deadline has passed), Unavailable.
        """
        return self._answer(self._proven(number, last4), line.accept, line.ACCEPTED)

    def decline(self, number: str, last4: str) -> Found:
        """Give the offered place to the next in line; again gives the same answer. Raises as `accept`."""
        return self._answer(self._proven(number, last4), line.decline, line.DECLINED)

    def advance(self, only: str = "") -> int:
        """What is due whoever asks: offers lapse, windows that need no draw are settled, the line moves up.

        only: one subject. Returns how many were given or offered a place. Cheap when nothing is due.
        """
        moved = 0
        for doc in self.library.subjects():
            if doc.spec is None or (only and doc.subject != only):
                continue
            counts = self.store.counts(doc.subject)
            for each in doc.spec.rounds:
                now = self.clock.now()
                self._remember(doc.subject, doc.spec, each, now)
                if _may_move(doc.spec, each, now, counts.get(each.id, rules.NOBODY)):
                    with self.store.open(doc.subject, who="clock") as book:
                        moved += len(line.advance(book, doc.spec, each, now, "more-places"))
        return moved

    def counts(self, subject: str) -> dict[str, Counts]:
        """People per round of a subject, and which rounds are closed for good; rounds may be missing."""
        found = dict(self.store.counts(subject))
        facts = self.store.fixed(subject)
        folder, _, slug = subject.partition("/")
        doc = self.library.get(folder, slug) if facts else None
        for each in doc.spec.rounds if doc and doc.spec else ():
            if doc and doc.spec and rules.is_closed(doc.spec, each, facts.get(each.id)):
                found[each.id] = replace(found.get(each.id, rules.NOBODY), closed=True)
        return found

    def status(self) -> dict[str, Any]:
        """State of every form with a count per round: the document of GET /api/status."""
        now = self.clock.now()
        forms: dict[str, Any] = {}
        for doc in self.library.subjects():
            spec = doc.spec
            if spec is None:
                continue
            counts = self.counts(doc.subject)
            rounds = {}
            for each in spec.rounds:
                held = counts.get(each.id, rules.NOBODY)
                self._remember(doc.subject, spec, each, now)
                rounds[each.id] = {"places": each.places, "taken": held.taken, "waiting": held.waiting}
            forms[doc.subject] = {
                "state": rules.form_state(spec, now, counts),
                "opens": spec.opens.isoformat(),
                "closes": spec.closes.isoformat(),
                "rounds": rounds,
            }
        return {"now": now.isoformat(timespec="seconds"), "forms": forms}

    def _draft(self, application: Application, person: str) -> Entry:
        """The entry as it will be offered to the book, sealed under a new number."""
        number, now = new_number(), self.clock.now()
        return Entry(
            number=number,
            subject=application.subject,
            round=application.round.id,
            state="received",
            rank=0,
            person=person,
            pin=self.keys.pin(number, application.phone[-4:]),
            submission=application.submission,
            received=now,
            changed=now,
            size=application.party,
            hours=application.round.hours if application.spec.ledger else 0,
            cause="applied",
            sealed=self.keys.seal(self.store, application.subject, number, application.personal()),
        )

    def _proven(self, number: str, last4: str) -> Entry:
        number = clean_number(number)
        entry = self.store.find(number)
        pin = self.keys.pin(number, people.last_four(last4))
        # Compared even when there is no entry: the answer must not tell which part was wrong, nor its time.
        right = self.keys.same(pin, entry.pin if entry else self.keys.pin("", ""))
        if entry is None or not right:
            raise WrongCode("접수번호나 휴대전화 번호 뒤 네 자리가 맞지 않습니다.")
        return entry

    def _place(self, entry: Entry) -> tuple[Document | None, Round | None]:
        folder, _, slug = entry.subject.partition("/")
        doc = self.library.get(folder, slug)
        return doc, doc.spec.round(entry.round) if doc and doc.spec else None

    def _cancel(self, entry: Entry, cause: str, who: str, even_begun: bool = False) -> Found:
        doc, each = self._place(entry)
        with self.store.open(entry.subject, who=who) as book:
            spec = doc.spec if doc else None
            current = line.cancel(book, spec, each, entry.number, self.clock.now(), cause, even_begun)
        return Found(current, None, doc, each, can_cancel=False)

    def _answer(self, entry: Entry, act: Callable[..., Entry], cause: str) -> Found:
        doc, each = self._place(entry)
        if doc is None or doc.spec is None or each is None:
            raise NotEligible("지금은 내린 글입니다. 담당 부서에 문의해 주세요.")
        with self.store.open(entry.subject, who="citizen") as book:
            current = act(book, doc.spec, each, entry.number, self.clock.now())
        if current.cause != cause:  # after the block: what lapsed has lapsed
            rules.check_offer(current)
        return self.found(current)

    def _check_time(self, subject: str, spec: FormSpec, round_: Round, now: datetime) -> None:
        """As rules.check_time, with what is fixed about the round; a closing that is noticed is remembered."""
        try:
            rules.check_time(spec, round_, now, self.store.fixed(subject).get(round_.id))
        except Closed:
            self._remember(subject, spec, round_, now)
            raise

    def _remember(self, subject: str, spec: FormSpec, round_: Round, now: datetime) -> None:
        """Fix that the round's closing time has passed, once."""
        fact = rules.passed(spec, round_)
        if not self._remembers or now < spec.closes_for(round_):
            return
        if fact not in self.store.fixed(subject).get(round_.id, {}):
            with self.store.open(subject, who="clock") as book:
                book.fix(round_.id, fact, "time", now)


def _may_move(spec: FormSpec, round_: Round, now: datetime, counts: Counts) -> bool:
    """Could anything be due in the round? Says yes a little too often, never no too often."""
    if spec.promotion == "offer" and counts.taken:
        return True
    if counts.waiting and rules.for_line(spec, round_, now, counts):
        return True
    return rules.needs_no_draw(spec, round_, now, counts)


def _position(book: Book, spec: FormSpec | None, round_: Round | None, entry: Entry) -> int | None:
    """The place in line, as far as it is settled: while a draw will send others before the line, nobody has one."""
    if spec and round_ and rules.is_behind_a_draw(spec, book.counts(round_.id)):
        return None
    return book.position(entry)
