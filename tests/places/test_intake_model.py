"""The whole intake against a plain model: random lives of a form, and planted faults that must all be noticed."""

import copy
import itertools
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from civic.clock import SEOUL, FixedClock
from civic.codes import NUMBER_SIGNS, clean_number
from civic.content.form import FormSpec
from civic.content.pages import Document, Lecture
from civic.content.rounds import Consent, Limit, Round
from civic.errors import Refused
from civic.places import application, draw, draw_list, line, rules
from civic.places.application import Application
from civic.places.form_round import FormRound, round_of
from civic.places.intake import Intake
from civic.store import open_store, statements
from civic.store.book import Book
from civic.store.entry import Counts, Entry, Seat
from civic.store.seal import Keys
from civic.store.store import Store
from tests.postgres import a_database, ask
from tests.queue_model import HELD, LEDGER_MAX, LIVE, Model, No, Rules, drawn_as

OPENS = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CLOSES = OPENS + timedelta(days=3)
SEED = "3 11 14 18 26 27"
PHONES = [f"+8210{7000_0000 + n}" for n in range(7)]
KEYS = Keys(b"m" * 32, b"p" * 32, b"l" * 32)
_lives = itertools.count()


class OneForm:
    """A library of one lecture, whose places staff may change."""

    def __init__(self, doc: Lecture) -> None:
        self.doc = doc

    def get(self, folder: str, slug: str) -> Document | None:
        return self.doc if f"{folder}/{slug}" == self.doc.subject else None

    def subjects(self) -> tuple[Document, ...]:
        return (self.doc,)

    def takers(self) -> tuple[Document, ...]:
        return (self.doc,)


class Life(RuleBasedStateMachine):
    """The life of one form with two rounds; every step is made on both sides, then both are compared."""

    address = ""
    store: Store
    forced: ClassVar[dict[str, Any]] = {}  # of the form: narrows the lives of a control

    @initialize(
        selection=st.sampled_from(["first-come", "draw", "window-draw", "review", "first-come"]),
        promotion=st.sampled_from(["auto", "offer"]),
        offer_hours=st.sampled_from([1, 5, 13]),
        party=st.sampled_from([1, 3]),
        close_at=st.sampled_from([None, None, None, "1.5", "1.0"]),
        limit=st.sampled_from([None, None, None, 1]),
        reentry=st.booleans(),
        places=st.integers(1, 3),
        waiting=st.integers(0, 5),
        starts_in=st.sampled_from([None, None, 30, 96]),
        hours=st.sampled_from([0, 4]),
        minimum=st.integers(0, 3),
        crowd=st.lists(
            st.tuples(st.sampled_from("aaab"), st.integers(0, 6), st.integers(1, 3)), min_size=4, max_size=8
        ),
    )
    def begin(self, places: int, crowd: list[tuple[str, int, int]], **form: Any) -> None:
        number = next(_lives)
        form |= self.forced
        if self.address.startswith("tinydb"):  # a folder for each life: a restart reads only what is its own
            type(self).store.close()
            type(self).address = f"{self.address.rpartition('/')[0]}/{number}"
            type(self).store = open_store(self.address)
        else:
            ask(self.address, "TRUNCATE rounds, entries, caps, facts, journal, messages, keys")
        # The same numbers in every life: else a draw comes out otherwise when a life is lived again.
        dice = random.Random(0)  # no secret
        numbers: list[str] = []
        application.new_number = lambda: (
            numbers.append(clean_number("".join(dice.choices(NUMBER_SIGNS, k=8)))) or numbers[-1]
        )
        application.new_draw_number = lambda: drawn_as(numbers[-1])
        places = max(form.pop("places", places), form["party"])  # else the page is a mistake
        form["minimum"] = min(form["minimum"], places)
        if form["close_at"] and form["selection"] != "review":
            form["waiting"] = max(form["waiting"], places)
        hours_until = form.pop("starts_in")
        form["starts"] = OPENS + timedelta(hours=hours_until) if hours_until else None
        self.rules = Rules(opens=OPENS, closes=CLOSES, window=60, **form)
        self.model = Model(self.rules, places)
        given = dict(form)
        limit = given.pop("limit")
        each = {name: given.pop(name) for name in ("waiting", "starts", "hours", "minimum")}
        given["close_at"] = float(given["close_at"]) if given["close_at"] else None
        if form["selection"] == "window-draw":
            given["window"] = 60
        spec = FormSpec(
            opens=OPENS,
            closes=CLOSES,
            rounds=tuple(Round(id=id, label=id, places=places, **each) for id in "ab"),
            ledger=f"hours-{number}" if form["hours"] else "",
            ledger_max=LEDGER_MAX,
            limits=(Limit(group=f"g{number}", max=limit),) if limit else (),
            consent=Consent(purpose="접수", items=("이름",), keep_days=30),
            **given,
        )
        slug = f"life-{number}-{uuid.uuid4().hex[:6]}"
        self.library = OneForm(
            Lecture(title="강좌", where="곳", audience="누구나", slug=slug, file="x", form=spec)
        )
        self.clock = FixedClock(OPENS)
        self.intake = Intake(self.library, type(self).store, KEYS, self.clock)
        self.sent: list[tuple[str, int, int, str]] = []
        for id, who, size in crowd:
            self.apply(id, who, size)

    @rule(id=st.sampled_from("ab"), who=st.integers(0, len(PHONES) - 1), size=st.integers(1, 3))
    def apply(self, id: str, who: int, size: int) -> None:
        self._send(id, who, min(size, self.rules.party), str(uuid.uuid4()))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """A double click, or a retry long after."""
        self._send(*data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self._entries())
    @rule(data=st.data(), cause=st.sampled_from([line.CANCELLED, "cancelled-by-staff"]))
    def cancel(self, data: st.DataObject, cause: str) -> None:
        entry = self._pick(data, LIVE)
        self._staff(
            lambda now: self.model.cancel(entry.round, entry.number, now, cause),
            lambda book, now: line.cancel(book, self._round(entry.round), entry.number, now, cause, False),
        )

    @precondition(lambda self: self._entries())
    @rule(data=st.data(), yes=st.booleans(), hours=st.sampled_from([0, 0, 0, 14]))
    def answer(self, data: st.DataObject, yes: bool, hours: int) -> None:
        """An offer is answered at once, or after a night's sleep."""
        entry = self._pick(data, ("offered",))
        if entry.state == "offered":
            self.clock.at += timedelta(hours=hours)
        self._both(
            lambda now: self.model.answer(entry.round, entry.number, yes, now),
            lambda now: self.intake.answer(entry.number, yes),
        )

    @rule()
    def tick(self) -> None:
        self._both(self.model.tick, lambda now: self.intake.advance())

    @rule(id=st.sampled_from("ab"), places=st.integers(1, 4))
    def change_places(self, id: str, places: int) -> None:
        """Staff write another number into the page."""
        self.model.rounds[id].places = places
        spec = self.library.doc.form
        assert spec
        changed = [r.model_copy(update={"places": places}) if r.id == id else r for r in spec.rounds]
        form = spec.model_copy(update={"rounds": tuple(changed)})
        self.library.doc = self.library.doc.model_copy(update={"form": form})

    @rule(id=st.sampled_from("ab"), places=st.integers(2, 4), who=st.integers(0, len(PHONES) - 1))
    def somebody_comes_as_places_are_added(self, id: str, places: int, who: int) -> None:
        """Before the server itself has looked whom the new places belong to."""
        self.change_places(id, places)
        self.apply(id, who, 1)

    @rule(minutes=st.sampled_from([40, 70, 300, 780, 1500, 4320]))
    def time_passes(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)

    @rule(minutes=st.sampled_from([1, 90, 4320]))
    def clock_jumps_back(self, minutes: int) -> None:
        self.clock.at = max(self.clock.at - timedelta(minutes=minutes), OPENS - timedelta(minutes=1))

    @precondition(lambda self: self.rules.selection in ("draw", "window-draw") and self._entries())
    @rule(data=st.data())
    def exclude(self, data: st.DataObject) -> None:
        """Staff leave somebody out before the freeze."""
        entry, why = self._pick(data, ("received",)), "자격이 없음"
        self._staff(
            lambda now: self.model.exclude(entry.round, entry.number, why, now),
            lambda book, now: draw.exclude(book, self._round(entry.round), entry.number, why, now),
        )

    @precondition(lambda self: self.rules.selection == "review" and self._entries())
    @rule(data=st.data(), state=st.sampled_from(["confirmed", "waiting", "rejected"]))
    def decide(self, data: st.DataObject, state: str) -> None:
        entry = self._pick(data, ("received", "waiting"))
        self._staff(
            lambda now: self.model.decide(entry.round, entry.number, state, now),
            lambda book, now: line.decide(book, self._round(entry.round), entry.number, state, " 경력 ", now),
        )

    @precondition(lambda self: self.rules.hours and self._entries())
    @rule(
        data=st.data(),
        acts=st.lists(
            st.tuples(st.sampled_from(["worked", "approved"]), st.sampled_from([3, 7, 0, None])),
            min_size=1,
            max_size=4,
        ),
    )
    def work(self, data: st.DataObject, acts: list[tuple[str, int | None]]) -> None:
        """Staff write down who came and for how long, put it right, and approve it."""
        entry = self._pick(data, ("confirmed", "attended"))
        for cause, hours in acts:
            self._work(entry, cause if hours is not None else "worked", hours)

    def _work(self, entry: Entry, cause: str, hours: int | None) -> None:
        round_, approved = self._round(entry.round), cause == "approved"
        self._staff(
            lambda now: self.model.work(entry.round, entry.number, hours, approved, now),
            lambda book, now: line.work(book, round_, entry.number, round_.spec, hours, now, cause),
        )

    @rule(id=st.sampled_from("ab"))
    def call_off(self, id: str) -> None:
        self._staff(
            lambda now: self.model.call_off(id, now),
            lambda book, now: line.call_off(book, id, now, "인원 부족"),
        )

    @precondition(lambda self: self.rules.selection in ("draw", "window-draw"))
    @rule(id=st.sampled_from("ab"))
    def freeze(self, id: str) -> None:
        self._staff(
            lambda now: self.model.freeze(id, now),
            lambda book, now: draw.frozen_list(book, self._round(id), now),
        )

    @precondition(lambda self: self.rules.selection in ("draw", "window-draw"))
    @rule(id=st.sampled_from("ab"), hasty=st.booleans())
    def draw_day(self, id: str, hasty: bool) -> None:
        """The end comes, the list is frozen, somebody hasty tries to call the round off, the seed is drawn."""
        self.clock.at = max(
            self.clock.at, CLOSES if self.rules.selection == "draw" else self.model.window_end
        )
        self.freeze(id)
        if hasty:
            self.call_off(id)
        self.run_draw(id)

    @precondition(lambda self: any(each.frozen and not each.drawn for each in self.model.rounds.values()))
    @rule(id=st.sampled_from("ab"))
    def run_draw(self, id: str) -> None:
        # Where a seed may come from is not what is lived through here.
        with mock.patch.object(draw.FrozenList, "wrong_seed", lambda *_: ""):
            self._staff(
                lambda now: self.model.draw(id, SEED, now),
                lambda book, now: draw.run(book, self._round(id), SEED, "감사관", now),
            )

    @rule()
    def restart(self) -> None:
        """The server is stopped and started: nothing is forgotten."""
        type(self).store.close()
        type(self).store = open_store(self.address)
        self.intake = Intake(self.library, type(self).store, KEYS, self.clock)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        found = {
            (e.round, e.number): (e.state, e.cause, e.deadline, e.size, e.hours) for e in self._entries()
        }
        wanted = {
            (id, p.number): (p.state, p.cause, p.deadline, p.size, p.hours)
            for id, each in self.model.rounds.items()
            for p in each.people
        }
        assert found == wanted
        with self.store.open(self.library.doc.subject) as book:
            for id, each in self.model.rounds.items():
                counts = Counts(each.sum(*HELD), each.sum("waiting"), each.sum("received"))
                assert book.counts(id) == counts
                assert [e.number for e in book.line(id)] == [p.number for p in each.line]
                assert [book.position(e) for e in book.line(id)] == list(range(1, len(each.line) + 1))

    @invariant()
    def the_page_says_who_may_come(self) -> None:
        """Open, full or closed, as the next person will find it; not compared while something is due."""
        if not hasattr(self, "model"):
            return
        now, told = self.clock.now(), self.intake.counts(self.library.doc.subject)
        due = copy.deepcopy(self.model)
        for id, each in self.model.rounds.items():
            due.advance(id, now)
            # The page knows no frozen list: it sees a window that is still open, or one that needs no draw.
            in_order = now >= self.model.window_end and not each.sum("received")
            if due.rounds[id] == each and (in_order or not each.frozen):
                state = rules.round_state(self._round(id), now, told.get(id, Counts()))
                assert state == self.model.state(id, now)

    def _send(self, id: str, who: int, size: int, submission: str) -> None:
        round_ = self._round(id)
        phone = PHONES[who]
        application = Application(
            round_.doc, round_.spec, round_.round, "홍길동", phone, submission, party=size
        )
        now, number, refused = self.clock.now(), "", ""
        try:
            number = self.intake.apply(application)[0][0].number
        except Refused as refusal:
            refused = refusal.name
        try:
            expected = self.model.apply(id, who, size, submission, now, number)
        except No as no:
            assert refused == str(no)
            return
        assert (number, refused) == (expected, "")
        self.sent.append((id, who, size, submission))

    def _both(self, model: Callable[[datetime], object], real: Callable[[datetime], object]) -> None:
        said = []
        for side in (model, real):
            try:
                side(self.clock.now())
                said.append("")
            except No as no:
                said.append(str(no))
            except Refused as refusal:
                said.append(refusal.name)
        assert said[0] == said[1]

    def _staff(self, model: Callable[[datetime], object], real: Callable[[Book, datetime], object]) -> None:
        """The same, by staff: with the book open."""

        def opened(now: datetime) -> None:
            with self.store.open(self.library.doc.subject, who="staff:kim") as book:
                real(book, now)

        self._both(model, opened)

    def _round(self, id: str) -> FormRound:
        found = round_of(self.library.doc, id)
        assert found
        return found

    def _entries(self) -> list[Entry]:
        if not hasattr(self, "library"):
            return []
        with self.store.open(self.library.doc.subject) as book:
            return book.entries()

    def _pick(self, data: st.DataObject, liked: tuple[str, ...]) -> Entry:
        """An entry; mostly one in a state in which the step does something."""
        entries = self._entries()
        wanted = [entry for entry in entries if entry.state in liked]
        return data.draw(st.sampled_from(wanted if wanted and data.draw(st.integers(0, 4)) else entries))


@contextmanager
def lives(address: str) -> Iterator[type[Life]]:
    """The machine on a store of its own."""
    machine = type("LifeHere", (Life,), {"address": address, "store": open_store(address)})
    numbers = application.new_number, application.new_draw_number
    try:
        yield machine
    finally:
        application.new_number, application.new_draw_number = numbers
        machine.store.close()


@contextmanager
def memory_folder() -> Iterator[str]:
    """A data folder in memory where there is one: thousands of syncs."""
    fast = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="madang-model-", dir=fast if fast.is_dir() else None)
    try:
        yield f"tinydb://{folder}/data"
    finally:
        shutil.rmtree(folder)


def run(machine: type[Life], examples: int, steps: int, shrink: bool = True) -> None:
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    ("place", "examples", "steps"),
    [
        (memory_folder, 100, 40),
        (a_database, 10, 25),
        pytest.param(memory_folder, 2000, 80, marks=pytest.mark.long),
        pytest.param(a_database, 60, 25, marks=pytest.mark.long),
    ],
)
def test_the_intake_does_what_the_model_does(place: Any, examples: int, steps: int) -> None:
    """Applying, retrying, cancelling, offers, lapses, draws, places and clocks that change, restarts; on both stores."""
    with place() as address, lives(address) as machine:
        run(machine, examples, steps)


PLAIN = {"close_at": None, "limit": None, "starts_in": None, "hours": 0}
FIRST_COME = {**PLAIN, "selection": "first-come", "waiting": 5}
OFFERED = {**FIRST_COME, "promotion": "offer", "offer_hours": 1}
DRAWN = {**PLAIN, "selection": "draw"}
REVIEWED = {**PLAIN, "selection": "review"}
WORKED = {**FIRST_COME, "hours": 4, "reentry": True}

_seat, _give, _seats = Book._seat, draw_list.give, rules.seats
_for_line, _check_call_off, _offer_deadline = rules.for_line, rules.check_call_off, rules.offer_deadline
_check_hours = rules.check_hours


def forgets_the_line(book: Book, entry: Entry, seats: Any) -> str:
    """A freed place goes to whoever comes first."""
    counts = book.counts(entry.round)
    for seat in seats:
        if seat.state == "confirmed" and counts.taken + entry.size <= seat.ceiling:
            return "confirmed"
    return _seat(book, entry, seats)


def jumps_the_queue(free: int, waiting: Any) -> list[Entry]:
    """The last in line goes first."""
    return _give(free, list(reversed(waiting)))


def lets_a_group_block(*given: Any) -> list[Seat]:
    """While a group waits that does not fit, nobody else gets the place that is free."""
    return [replace(seat, over_line=False) for seat in _seats(*given)]


def counts_only_received(round_: FormRound, now: Any = None, counts: Any = rules.NOBODY) -> list[Seat]:
    """Those whom staff have confirmed do not count towards the early close."""
    return _seats(round_, now, counts._replace(taken=0, waiting=0))


def moves_by_itself(round_: FormRound, *given: Any) -> int:
    """What staff leave free under review goes to the line."""
    return _for_line(replace(round_, spec=round_.spec.model_copy(update={"selection": "first-come"})), *given)


def calls_off_a_frozen_list(facts: Any) -> None:
    """Whether its draw is under way is not looked at."""
    _check_call_off({name: text for name, text in facts.items() if name != "frozen"})


def ends_at_night(round_: FormRound, now: datetime) -> datetime:
    """An offer lasts its hours, whatever the time of day."""
    return now + timedelta(hours=round_.spec.offer_hours)


def outlasts_the_start(round_: FormRound, now: datetime) -> datetime:
    """An offer is good after the activity has begun."""
    return _offer_deadline(replace(round_, round=round_.round.model_copy(update={"starts": None})), now)


def groups_count_as_one(free: int, drawn: Any) -> list[Any]:
    """A draw that gives places to sign-ups, not to people."""
    return list(drawn)[:free]


def accepts_late(book: Any, round_: Any, number: str, accepts: bool, now: datetime) -> Entry:
    """The deadline is not looked at."""
    entry = book.get(number)
    return book.move(entry.moved("confirmed", now, "accepted")) if entry.state == "offered" else entry


def loses_the_fact(book: Book, round: str, fact: str, text: str, at: datetime) -> str:
    """What closed is not remembered."""
    return text


def keeps_the_place(
    book: Any, round_: Any, number: str, now: datetime, cause: str, even_begun: bool
) -> Entry:
    """Nobody moves up after cancelling."""
    rules.check_cancel(book.get(number), round_, now)
    moved: Entry = book.move(book.get(number).moved("cancelled", now, cause))
    return moved


EARLY = {**FIRST_COME, "close_at": "1.0"}
THREES = {**FIRST_COME, "party": 3}
CROWDED = {"places": 1, "waiting": 5, "party": 1, "limit": None}  # there is a line, and it moves
ONE_OFFERED = {**OFFERED, **CROWDED}

# What is planted, and the kind of form in which it can show.
FAULTS: dict[str, tuple[Any, str, Any, dict[str, Any]]] = {
    "a freed place goes to the open pool": (Book, "_seat", forgets_the_line, {**FIRST_COME, "party": 1, "promotion": "auto"}),
    "the last in line goes first": (draw_list, "give", jumps_the_queue, {**THREES, "places": 3, "promotion": "auto"}),
    "a draw counts a group as one": (draw_list, "give", groups_count_as_one, {**DRAWN, "party": 3}),
    "an order that the seed does not decide": (draw_list, "order", lambda numbers, seed: tuple(sorted(numbers)), DRAWN),
    "an offer ends at night": (rules, "offer_deadline", ends_at_night, {**OFFERED, "offer_hours": 13}),
    "an offer never lapses": (Book, "offers", lambda book, round: [], ONE_OFFERED),
    "a late answer is accepted": (line, "answer", accepts_late, ONE_OFFERED),
    "what closed opens again": (Book, "fix", loses_the_fact, EARLY),
    "the early close does not come": (rules, "closes_now", lambda round_, counts: False, EARLY),
    "limits and tries are not counted": (rules, "caps", lambda round_: [], {"limit": 1}),
    "nobody moves up": (line, "cancel", keeps_the_place, FIRST_COME),
    "a retry is not known again": (Book, "repeated", lambda book, submission, person: None, EARLY),
    "who came leaves their place to the line": (statements, "HELD", ("confirmed", "offered"), WORKED),
    "approved hours are changed": (rules, "is_approved", lambda entry: False, WORKED),
    "hours before the start": (rules, "check_hours", lambda _, *given: _check_hours(None, *given), {**WORKED, "starts_in": 96}),
    "a group in line keeps out whoever fits": (rules, "seats", lets_a_group_block, {**THREES, "waiting": 2}),
    "a party that never fits waits": (rules, "check_size", lambda round_, size: None, THREES),
    "the line moves when all has begun": (rules, "has_begun", lambda round_, now: False, {**FIRST_COME, "starts_in": 30}),
    "an offer outlasts the start": (rules, "offer_deadline", outlasts_the_start, {**OFFERED, "offer_hours": 48, "starts_in": 30}),
    "a line under review moves by itself": (rules, "for_line", moves_by_itself, {**REVIEWED, **CROWDED}),
    "an early close forgets the confirmed": (rules, "seats", counts_only_received, {**REVIEWED, "close_at": "1.5", "party": 3}),
    "a decision gives more places than there are": (rules, "check_decision", lambda *given: None, REVIEWED),
    "a call-off between freeze and draw": (rules, "check_call_off", calls_off_a_frozen_list, {**DRAWN, "minimum": 3, "places": 3, "party": 1}),
    "who was cancelled by staff may not come again": (rules, "given_back", lambda entry: {}, {**FIRST_COME, "reentry": False}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with this fault the comparison must fail."""
    *planted, form = FAULTS[fault]
    monkeypatch.setattr(*planted)
    with memory_folder() as address, lives(address) as machine:
        machine.forced = form
        with pytest.raises(AssertionError):
            run(machine, 1000, 30, shrink=False)
