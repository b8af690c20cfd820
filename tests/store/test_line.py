"""Who gets in and who moves up, on every store: small lives of one round, each with its story."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from civic.clock import SEOUL, FixedClock
from civic.content.pages import Document, Lecture
from civic.content.rounds import Round
from civic.errors import Closed, Full, Invalid, LimitReached, NotEligible
from civic.places import draw, line
from civic.places.application import Application
from civic.places.form_round import FormRound
from civic.places.intake import Intake
from civic.places.status import form_of, status
from civic.store.entry import Entry
from civic.store.seal import Keys
from civic.store.store import Store
from tests.content.test_form import a_form

OPENS = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CLOSES = OPENS + timedelta(days=3)
STARTS = OPENS + timedelta(days=10)
HOUR = timedelta(hours=1)


class Office:
    """One lecture with one round, at a clock that the test moves; also the library of it."""

    def __init__(self, store: Store, round: dict[str, Any], form: dict[str, Any]) -> None:
        self.each = Round(**{"id": "r1", "label": "r1", **round})
        self.spec = a_form(**{"opens": OPENS, "closes": CLOSES, "rounds": [self.each], **form})
        self.doc = Lecture(title="강좌", where="곳", audience="누구나", slug="x", file="x", form=self.spec)
        self.clock, self.store = FixedClock(OPENS), store
        self.intake = Intake(self, store, Keys(b"m" * 32, b"p" * 32, b"l" * 32), self.clock)
        self.people = 0

    def get(self, folder: str, slug: str) -> Document | None:
        return self.doc if f"{folder}/{slug}" == self.doc.subject else None

    def subjects(self) -> tuple[Document, ...]:
        return (self.doc,)

    def apply(self, party: int = 1, who: int = 0) -> Entry:
        """A new person, or the one of that number."""
        self.people += 1
        phone = f"+8210{7000_0000 + (who or 100 + self.people)}"
        sent = str(uuid.uuid4())
        application = Application(self.doc, self.spec, self.each, "홍길동", phone, sent, party=party)
        return self.intake.apply(application)[0][0]

    @property
    def round(self) -> FormRound:
        return FormRound(self.doc, self.spec, self.each)

    def act(self, act: Callable[..., Any], *given: Any) -> Any:
        """One act of staff in a transaction of its own, at the clock's time."""
        with self.store.open(self.doc.subject, who="staff:kim") as book:
            return act(book, self.round, *given, self.clock.now())

    def decide(self, entry: Entry, state: str, reason: str = "경력") -> list[Entry]:
        passed: list[Entry] = self.act(line.decide, entry.number, state, reason)[1]
        return passed

    def work(self, entry: Entry, hours: int | None, cause: str = "worked") -> Entry:
        with self.store.open(self.doc.subject, who="staff:kim") as book:
            return line.work(book, self.round, entry.number, self.spec, hours, self.clock.now(), cause)

    def call_off(self, reason: str = "인원 부족") -> list[Entry]:
        with self.store.open(self.doc.subject, who="staff:kim") as book:
            return line.call_off(book, self.round.id, self.clock.now(), reason)

    def change(self, **changes: Any) -> None:
        """Staff rewrite the round."""
        self.each = self.each.model_copy(update=changes)
        self.spec = self.spec.model_copy(update={"rounds": (self.each,)})
        self.doc = self.doc.model_copy(update={"form": self.spec})

    def find(self, entry: Entry) -> Entry:
        """The entry as it stands now."""
        found = self.store.find(entry.number)
        assert found
        return found

    def states(self) -> list[str]:
        """Of all entries, in the order of arrival."""
        with self.store.open(self.doc.subject) as book:
            return [entry.state for entry in book.entries()]

    @property
    def page(self) -> str:
        state: str = status(
            self.intake, [form_of(doc, doc.spec) for doc in self.intake.library.subjects() if doc.spec]
        )["forms"][self.doc.subject]["state"]
        return state


Open = Callable[..., Office]


@pytest.fixture
def office(store: Store) -> Open:
    """Open an office: what its round says, then what its form says."""

    def begin(round: dict[str, Any], **form: Any) -> Office:
        return Office(store, {"places": 1, **round}, form)

    return begin


def test_writing_down_who_came_gives_nobody_their_place(office: Open) -> None:
    """Two came, or stayed away: the two who wait are not confirmed for an activity that is over."""
    desk = office({"places": 2, "waiting": 5, "hours": 4, "starts": STARTS}, ledger="led")
    first, second, *_ = (desk.apply() for _ in range(4))
    desk.clock.at = STARTS
    desk.work(first, 4)
    desk.work(second, None)
    assert desk.intake.advance() == 0
    assert desk.states() == ["attended", "absent", "waiting", "waiting"]


def test_a_form_that_is_still_open_does_not_sell_the_place_of_who_came(office: Open) -> None:
    """Without a start: attendance is written while people still apply. The only place is gone."""
    desk = office({"hours": 4}, ledger="led")
    desk.work(desk.apply(), 4)
    assert desk.page == "full"
    with pytest.raises(Full):
        desk.apply()


@pytest.mark.parametrize("when", ["starts", "ends"])
def test_the_line_ends_with_the_start(office: Open, when: str) -> None:
    """More places are given after the start: nobody is called to what has begun, and nobody joins the line."""
    desk = office({"waiting": 5, when: OPENS + HOUR})
    desk.apply()
    desk.apply()
    desk.change(places=3)
    desk.clock.at = OPENS + HOUR
    assert (desk.intake.advance(), desk.states()) == (0, ["confirmed", "waiting"])
    assert desk.page == "full"
    with pytest.raises(Full):
        desk.apply()
    desk.clock.at = OPENS + HOUR - timedelta(seconds=1)
    assert (desk.intake.advance(), desk.states()) == (1, ["confirmed", "confirmed"])


def test_approved_hours_stay(office: Open) -> None:
    """60 approved, then 10 by mistake: refused. 60 once more: the same answer, and nothing is written."""
    desk = office({"hours": 60, "starts": STARTS}, ledger="led")
    entry = desk.apply()
    with pytest.raises(NotEligible, match="시작한 뒤에"):
        desk.work(entry, 60)
    desk.clock.at = STARTS
    desk.work(entry, 50)
    desk.work(entry, 60)
    approved = desk.work(entry, 60, "approved")
    told = desk.store.history(entry.number)
    assert desk.work(entry, 60, "approved") == approved
    for hours, cause in ((10, "approved"), (10, "worked"), (None, "worked")):
        with pytest.raises(NotEligible, match="이미 60시간을 인정한"):
            desk.work(entry, hours, cause)
    assert desk.store.history(entry.number) == told
    with desk.store.open(desk.doc.subject) as book:
        assert book.used(approved.person, "ledger:led") == 60


def test_whoever_fits_is_not_told_that_it_is_full(office: Open) -> None:
    """Three places, a pair in, a pair waits and fills the line. One person fits, and is confirmed as they apply."""
    desk = office({"places": 3, "waiting": 2}, party=2)
    assert [desk.apply(2).state, desk.apply(2).state, desk.page] == ["confirmed", "waiting", "open"]
    single = desk.apply()
    assert (single.state, single.cause, desk.page) == ("confirmed", "applied", "full")
    with pytest.raises(Full):
        desk.apply()


def test_a_newcomer_does_not_pass_those_in_line_who_fit(office: Open) -> None:
    """Staff add a place while a pair and one person wait: the one in line has it, not who comes then."""
    desk = office({"places": 2, "waiting": 5}, party=2)
    desk.apply(2)
    pair, one = desk.apply(2), desk.apply()
    desk.change(places=3)
    assert desk.apply().state == "waiting"
    assert desk.states() == ["confirmed", "waiting", "confirmed", "waiting"]
    assert (pair.state, one.state) == ("waiting", "waiting")


def test_a_party_larger_than_the_round_is_refused_by_name(office: Open) -> None:
    """Places were lowered beneath the party: it would wait for ever. A retry of an older one keeps its answer."""
    desk = office({"places": 3, "waiting": 9}, party=3)
    sent = Application(desk.doc, desk.spec, desk.each, "홍", "+821070000001", str(uuid.uuid4()), party=3)
    kept = desk.intake.apply(sent)[0][0]
    desk.change(places=2)
    with pytest.raises(Invalid) as refused:
        desk.apply(3)
    assert [error.field for error in refused.value.errors] == ["party"]
    retried = replace(sent, round=desk.each)
    assert desk.intake.apply(retried)[0][0] == kept


def test_a_word_of_staff_is_not_undone_a_second_later(office: Open) -> None:
    """Put into line while three places are free: stays there until somebody gives a place up."""
    desk = office({"places": 4, "waiting": 9}, selection="review")
    one, two, three = (desk.apply() for _ in range(3))
    for entry, state in ((one, "waiting"), (two, "waiting"), (three, "confirmed")):
        desk.decide(entry, state)
    assert (desk.intake.advance(), desk.states()) == (0, ["waiting", "waiting", "confirmed"])
    desk.intake.cancel(three.number, "staff:kim")
    assert desk.states() == ["confirmed", "waiting", "cancelled"]  # one place was given up: one moves up


def test_staff_are_told_whom_they_pass(office: Open) -> None:
    """Whoever waits is named when somebody else is confirmed; also when the second in line is."""
    desk = office({"places": 3}, selection="review")
    one, two, three = (desk.apply() for _ in range(3))
    assert desk.decide(one, "waiting") == desk.decide(two, "waiting") == []
    assert [entry.number for entry in desk.decide(three, "confirmed")] == [one.number, two.number]
    assert [entry.number for entry in desk.decide(two, "confirmed")] == [one.number]
    assert desk.decide(one, "rejected") == []


@pytest.mark.parametrize("state", ["confirmed", "waiting", "rejected"])
def test_nothing_is_decided_without_a_reason(office: Open, state: str) -> None:
    desk = office({"minimum": 1}, selection="review")
    entry = desk.apply()
    for empty in ("", "  "):
        with pytest.raises(NotEligible, match="이유"):
            desk.decide(entry, state, empty)
        with pytest.raises(NotEligible, match="이유"):
            desk.call_off(empty)
    desk.decide(entry, state, " 경력 3년 ")
    assert desk.find(entry).cause == "reviewed: 경력 3년"


def test_an_early_close_of_a_review_counts_the_confirmed(office: Open) -> None:
    """Four places, one and a half times: six people, whatever staff have decided meanwhile."""
    desk = office({"places": 4}, selection="review", close_at=1.5, party=3)
    for entry in [desk.apply() for _ in range(4)]:
        desk.decide(entry, "confirmed")
    with pytest.raises(Full):
        desk.apply(3)
    assert desk.page == "open"
    desk.apply(2)
    assert desk.page == "closed"


def test_an_open_round_is_called_off(office: Open) -> None:
    """Ten have a place and no minimum is written; who comes with a look at the facts of before gets in no more."""
    desk = office({"places": 20})
    for _ in range(3):
        desk.apply()
    facts = desk.store.fixed(desk.doc.subject)
    assert [entry.state for entry in desk.call_off()] == ["cancelled"] * 3
    with mock.patch.object(desk.store, "fixed", lambda subject: facts), pytest.raises(Closed):
        desk.apply()


def test_a_round_is_called_off_before_or_after_its_draw_not_within(office: Open) -> None:
    """Frozen: the draw comes first. Called off: nothing is frozen any more, and nobody has anything to draw."""
    desk = office({"places": 20, "minimum": 3}, selection="draw")
    desk.apply()
    desk.clock.at = CLOSES
    assert desk.act(draw.frozen_list)
    with pytest.raises(NotEligible, match="명단을 확정한"):
        desk.call_off()
    desk.act(draw.run, "", "감사관")
    assert [entry.state for entry in desk.call_off()] == ["cancelled"]
    desk = office({"id": "r2", "label": "r2", "places": 20, "minimum": 3}, selection="draw")
    desk.apply()
    desk.clock.at = CLOSES
    desk.call_off()
    assert desk.act(draw.frozen_list) is None
    with pytest.raises(NotEligible, match="추첨할 것이 없는"):
        desk.act(draw.run, "", "감사관")


def test_an_offer_ends_with_the_start(office: Open) -> None:
    """Five hours before the start a day's offer holds for five hours; then it is too late, also when staff put it forward."""
    desk = office({"waiting": 3, "starts": OPENS + 5 * HOUR}, promotion="offer")
    holder, first, _ = (desk.apply() for _ in range(3))
    desk.intake.cancel(holder.number, "staff:kim")
    found = desk.find(first)
    assert (found.state, found.deadline) == ("offered", OPENS + 5 * HOUR)
    desk.clock.at = OPENS + 5 * HOUR
    with pytest.raises(NotEligible, match="기한이 지나"):
        desk.intake.answer(found.number, accepts=True)
    assert desk.states() == ["cancelled", "declined", "waiting"]
    desk = office({"id": "r2", "label": "r2", "waiting": 3, "starts": STARTS}, promotion="offer")
    holder, first = desk.apply(), desk.apply()
    desk.intake.cancel(holder.number, "staff:kim")
    desk.change(starts=OPENS + HOUR)  # before the deadline that was set for the later start
    desk.clock.at = OPENS + HOUR
    assert desk.act(line.answer, first.number, True).state == "declined"


def test_only_ones_own_cancelling_bars_a_second_try(office: Open) -> None:
    """Cancelled by staff, or an offer that lapsed: welcome again. By oneself, or declined: not."""
    desk = office({"places": 1, "waiting": 9}, reentry=False, promotion="offer", offer_hours=1)
    holder = desk.apply(who=1)
    desk.intake.cancel(holder.number, "staff:kim")
    again = desk.apply(who=1)
    lapses, declines = desk.apply(who=2), desk.apply(who=3)
    desk.intake.cancel(again.number)
    with pytest.raises(LimitReached, match="스스로 취소하거나"):
        desk.apply(who=1)
    desk.clock.at += HOUR
    desk.intake.advance()
    assert desk.find(lapses).cause == line.LAPSED
    assert desk.apply(who=2).state == "waiting"
    desk.intake.answer(declines.number, accepts=False)
    with pytest.raises(LimitReached):
        desk.apply(who=3)


def test_who_was_called_off_may_come_again(office: Open) -> None:
    """The round did not take place; a later one of the same name is open to them."""
    desk = office({"minimum": 1, "places": 2}, reentry=False)
    entry = desk.apply(who=1)
    desk.intake.cancel(entry.number, "staff:kim")
    desk.apply(who=1)
    desk.change(minimum=2)
    desk.clock.at = CLOSES
    (gone,) = desk.call_off()
    with desk.store.open(desk.doc.subject) as book:
        assert book.used(gone.person, f"once:{desk.doc.subject}:r1") == 0
