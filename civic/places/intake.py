"""Taking sign-ups in: decided in one transaction, looked up, cancelled. No web.

The web hands over a payload, `application` reads it; every decision is in `rules`, in the form's
own spec, or in the store's book.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from civic import people
from civic.clock import Clock
from civic.codes import clean_number
from civic.content.form import FormSpec
from civic.content.pages import Document, Pages
from civic.errors import (
    Closed,
    FieldError,
    Full,
    Invalid,
    NotEligible,
    NotFound,
    NotOpen,
    Unavailable,
    WrongCode,
)
from civic.places import draw_freeze, line, rules
from civic.places.application import Application, draft_of, read_application, refuse_forbidden
from civic.places.form_round import FormRound, round_of, rounds_of
from civic.store.entry import LIVE, Counts, Entry, NumberTaken, Overview
from civic.store.seal import Keys
from civic.store.store import Store
from civic.text import clean

Kept = tuple[Entry, int | None, bool]  # an entry, its place in the waiting line, is it new?
SHUT = "지금은 인증번호를 보낼 수 없어 접수를 열지 못했습니다. 담당 부서에 문의해 주세요."


@dataclass(frozen=True)
class Found:
    """An entry with what a citizen is shown beside it."""

    entry: Entry
    position: int | None  # place in the waiting line, 1 is next; None when not waiting or not settled yet
    doc: Document | None  # None when the page is gone
    round: FormRound | None
    can_cancel: bool


@dataclass(eq=False)
class Intake:
    """Sign-ups of every form in a library, kept in one store.

    remembers: a closing time that has passed stays passed, also for a clock that jumps back between two
    starts; False for a clock that was set by hand (a demonstration may begin again).
    """

    library: Pages  # may be replaced by a newer one at any time
    store: Store
    keys: Keys
    clock: Clock
    remembers: bool = True
    can_prove: bool = True  # can phones be proven here? Without, forms that ask for it stay shut

    def form(self, folder: str, slug: str) -> tuple[Document, FormSpec]:
        """The page and its form. Raises NotFound."""
        doc = self.library.get(folder, slug)
        spec = doc.spec if doc else None
        if doc is None or spec is None:
            raise NotFound("그런 신청서가 없습니다.")
        return doc, spec

    def check(
        self,
        doc: Document,
        spec: FormSpec,
        payload: Mapping[str, Any],
        landlines: bool = False,
        is_clean: bool = False,
    ) -> Application:
        """Everything that can be checked without the store.

        payload: as the API takes it (docs/api.md); is_clean: it has passed `refuse_forbidden`. landlines: who has no mobile is
        entered by staff. Raises NotFound (the round), NotOpen, Closed, and Invalid with every field that must be corrected.
        """
        if not is_clean:
            refuse_forbidden(payload)  # first: whatever else is wrong with the post, this must be told
        given = payload.get("round")
        round_ = spec.round(clean(given)) if isinstance(given, str) else None
        if given and isinstance(given, str) and round_ is None:
            said = "그런 회차가 없습니다."
            raise NotFound(said, [FieldError("round", f"{said} 다시 골라 주세요.")])
        now = self.clock.now()
        if not self.can_prove and spec.needs_proof:
            raise NotOpen(detail=SHUT)
        try:
            application = read_application(doc, spec, round_, payload, now.date(), landlines)
        except Invalid:
            if round_:  # who comes too early or too late is told that, and not what else to correct
                asked = FormRound(doc, spec, round_)
                rules.check_time(asked, now, self.facts(asked, now))
            raise
        try:
            rules.check_time(application, now, self.facts(application, now))
        except (NotOpen, Closed):
            # A retry that comes late gets its answer.
            first = application.each[0]
            with self.store.open(doc.subject) as book:
                if book.repeated(first.submission, first.person(self.keys)) is None:
                    raise
        return application

    def check_room(self, application: Application) -> None:
        """Raises Full where nobody could be taken in now: before a message is spent on it. Decided later, in `apply`."""
        held = self.counts(application.subject).get(application.id, rules.NOBODY)
        if rules.round_state(application, self.clock.now(), held) == "full":
            raise Full(application.round.places, application.round.waiting)

    def apply(self, application: Application, who: str = "citizen", cause: str = "applied") -> list[Kept]:
        """Keep a checked application, all who take part or none.

        who: the hand that acts. The same submission again gives the entry as it stands now, also after closing. The time of
        reception is the moment of the decision. Raises NotOpen, Closed, Invalid, AlreadyApplied, Full,
        LimitReached, Unavailable.
        """
        while True:
            now = self.clock.now()
            facts, each = self.facts(application, now), application.each
            drafts = [draft_of(one, self.keys, self.store, now, cause) for one in each]
            try:
                with self.store.open(application.subject, who=who) as book:
                    kept = [
                        line.take_in(book, application, draft, facts, self.clock.now()) for draft in drafts
                    ]
                    fresh = {entry.state for entry, _, is_new in kept if is_new}
                    if len(fresh) > 1:  # some would have a place and some not: none is kept
                        raise Full(application.round.places, together=len(drafts))
            except NumberTaken:
                continue
            except Closed:
                self.facts(application, self.clock.now())
                raise
            return kept

    def lookup(self, number: str, last4: str) -> Found:
        """The entry of that receipt number, to look at, for whoever knows the phone's last four digits.

        Raises WrongCode alike for a wrong number and wrong digits, after the same work.
        """
        number = clean_number(number)
        entry = self.store.find(number)
        pin = self.keys.pin(number, people.last_four(last4))
        # Compared even when there is no entry: the answer must not tell which part was wrong, nor its time.
        right = self.keys.same(pin, entry.pin if entry else self.keys.pin("", ""))
        if entry is None or not right:
            raise WrongCode("접수번호나 휴대전화 번호 뒤 네 자리가 맞지 않습니다.")
        return self.found(entry)

    def found(self, entry: Entry) -> Found:
        """The entry with its place in line (None where nothing can be written now), page and round."""
        position, now = None, self.clock.now()
        doc, round_ = self.page(entry.subject), self.round(entry)
        lapsed = round_ if round_ and rules.has_lapsed(entry, round_, now) else None
        if lapsed or entry.state == "waiting":
            with suppress(Unavailable), self.store.open(entry.subject, who="clock") as book:
                if lapsed:
                    line.advance(book, lapsed, now)
                entry = book.get(entry.number) or entry
                position = line.position(book, round_, entry)
        can_cancel = entry.state in LIVE and not (round_ and rules.has_begun(round_, now))
        return Found(entry, position, doc, round_, can_cancel)

    def entry(self, number: str, said: str = "그런 접수번호가 없습니다.") -> Entry:
        """The entry of a receipt number, however it is spelled. Raises NotFound, saying so."""
        entry = self.store.find(clean_number(number))
        if entry is None:
            raise NotFound(said)
        return entry

    def receipt(self, number: str) -> Found:
        """The entry of a receipt number that we signed ourselves. Raises NotFound."""
        return self.found(self.entry(number, "그런 접수증이 없습니다."))

    def page(self, subject: str) -> Document | None:
        """The page of a subject; None when it is gone."""
        folder, _, slug = subject.partition("/")
        return self.library.get(folder, slug)

    def round(self, entry: Entry) -> FormRound | None:
        """The round of an entry; None when it or its page is gone."""
        return round_of(self.page(entry.subject), entry.round)

    def cancel(self, number: str, who: str = "citizen", reason: str = "") -> Found:
        """Cancel an entry and give its place to the first in line, in one transaction. The caller knows whose it is.

        who: the person themselves, or an office ("staff:<id>"), which with a reason cancels also after the beginning;
        the reason is kept with the cause and shown to the citizen. Raises NotFound, NotEligible (already over, or the
        activity has begun), Unavailable.
        """
        entry, now, cause = self.receipt(number).entry, self.clock.now(), line.CANCELLED
        round_, is_own = self.round(entry), who == "citizen"
        if not is_own:
            reason = rules.check_reason(reason) if reason else ""
            cause = f"cancelled-by-staff: {reason}" if reason else "cancelled-by-staff"
            rules.check_cancel(entry, None, now)
            if round_ and rules.has_begun(round_, now) and not reason:
                raise NotEligible("활동이 시작된 신청입니다. --reason에 까닭을 적으면 취소합니다.")
        with self.store.open(entry.subject, who=who) as book:
            current = line.cancel(book, round_, entry.number, now, cause, even_begun=bool(reason))
        return Found(current, None, self.page(entry.subject), round_, can_cancel=False)

    def answer(self, number: str, accepts: bool) -> Found:
        """Take the place that is offered, or give it to the next in line; again gives the same answer.

        The caller knows whose it is. Raises NotFound, NotEligible (nothing is offered, or its deadline has passed),
        Unavailable.
        """
        entry = self.receipt(number).entry
        round_ = self.round(entry)
        if round_ is None:
            raise NotEligible("지금은 내린 글입니다. 담당 부서에 문의해 주세요.")
        with self.store.open(entry.subject, who="citizen") as book:
            current = line.answer(book, round_, entry.number, accepts, self.clock.now())
        if current.cause != (line.ACCEPTED if accepts else line.DECLINED):
            rules.check_offer(current)  # after the block: what lapsed has lapsed
        return self.found(current)

    def advance(self, only: str = "") -> int:
        """What is due whoever asks: offers lapse, windows that need no draw are settled, the line moves up.

        only: one subject. Returns how many were given or offered a place. Cheap when nothing is due.
        """
        moved, known = 0, self.store.overview()
        for doc in self.library.subjects():
            if only and doc.subject != only:
                continue
            counts = known.get(doc.subject, Overview()).counts
            for round_ in rounds_of(doc):
                now = self.clock.now()
                self.facts(round_, now)
                facts = known.get(doc.subject, Overview()).facts.get(round_.id, {})
                held = counts.get(round_.id, rules.NOBODY)
                if rules.may_move(round_, now, held) or draw_freeze.is_due(round_, now, facts):
                    with self.store.open(doc.subject, who="clock") as book:
                        moved += len(line.advance(book, round_, now, "more-places"))
        return moved

    def counts(self, subject: str) -> dict[str, Counts]:
        """People per round of a subject, and which rounds are closed for good; rounds may be missing."""
        known = Overview(self.store.counts(subject), self.store.fixed(subject))
        return with_closed({each.id: each for each in rounds_of(self.page(subject))}, known)

    def state(self, spec: FormSpec, states: Iterable[str]) -> str:
        """As rules.whole_state; a form that needs a proof which nobody can give here is still to come."""
        found = rules.whole_state(states)
        return "upcoming" if not self.can_prove and spec.needs_proof and found != "closed" else found

    def facts(self, round_: FormRound, now: datetime) -> Mapping[str, str]:
        """What is fixed about a round; that its closing time has passed is fixed first, once."""
        facts = self.store.fixed(round_.subject).get(round_.id, {})
        if self.remembers and now >= round_.closes and round_.passed not in facts:
            with self.store.open(round_.subject, who="clock") as book:
                book.fix(round_.id, round_.passed, "time", now)
        return facts


def with_closed(rounds: Mapping[str, FormRound], known: Overview) -> dict[str, Counts]:
    """The counts of these rounds (by name), and which of them are closed for good."""
    closed = {id for id, facts in known.facts.items() if id in rounds and rounds[id].is_closed(facts)}
    ended = {id: known.counts.get(id, rules.NOBODY)._replace(closed=True) for id in closed}
    return {**known.counts, **ended}
