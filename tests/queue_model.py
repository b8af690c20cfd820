"""What sign-ups should do, worked out once more with plain lists: the model that the real intake is compared with.

Written from docs/rules.md, not from the code: it shares no function with civic/ but the words for states.
"""

import copy
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

LIVE = ("received", "confirmed", "waiting", "offered")
HELD = ("confirmed", "offered", "attended", "absent")
OVER = ("attended", "absent")
OWN = ("cancelled-by-citizen", "declined-by-citizen")  # acts of the person themselves
LEDGER_MAX = 10  # hours


@dataclass
class Person:
    """One sign-up in the model."""

    number: str
    who: int
    size: int
    submission: str
    state: str
    turn: int  # order in the line
    cause: str = "applied"
    deadline: datetime | None = None
    hours: int = 0


@dataclass
class Rules:
    """The form."""

    selection: str
    opens: datetime
    closes: datetime
    window: int
    promotion: str
    offer_hours: int
    party: int
    close_at: str | None  # decimal
    limit: int | None
    reentry: bool
    waiting: int
    starts: datetime | None
    hours: int  # of one round; 0: no ledger
    minimum: int


class No(Exception):
    """Refused, with the name of the refusal."""


@dataclass
class Round:
    """One round."""

    places: int
    people: list[Person] = field(default_factory=list)
    early: bool = False
    seen_closed: bool = False
    frozen: tuple[int, int, list[tuple[str, int]]] | None = None  # places, room in line, (number, size)
    listed: tuple[int, list[str]] | None = (
        None  # when sign-up ended: places, numbers; none where nobody is drawn
    )
    drawn: bool = False
    off: bool = False
    last_turn: int = 0

    def sum(self, *states: str) -> int:
        return sum(each.size for each in self.people if each.state in states)

    def of(self, number: str) -> Person:
        return next(each for each in self.people if each.number == number)

    @property
    def line(self) -> list[Person]:
        return sorted((p for p in self.people if p.state == "waiting"), key=lambda p: p.turn)


def drawn_as(number: str) -> str:
    """The draw number that belongs to a receipt number, in the tests only."""
    return f"{number}-{number[:4]}"


class Model:
    """Two rounds of one form."""

    def __init__(self, rules: Rules, places: int) -> None:
        self.rules = rules
        self.rounds = {"a": Round(places), "b": Round(places)}

    def apply(self, id: str, who: int, size: int, submission: str, now: datetime, number: str) -> str:
        """The receipt number that answers: `number` for a new entry, an older one for a retry. Raises No."""
        before = copy.deepcopy(self.rounds)
        try:
            return self._apply(id, who, size, submission, now, number)
        except No:
            self.rounds = before
            raise
        finally:  # also for a retry that comes late and gets its answer
            self.rounds[id].seen_closed |= now >= self.rules.closes

    def _apply(self, id: str, who: int, size: int, submission: str, now: datetime, number: str) -> str:
        rules, round = self.rules, self.rounds[id]
        same = [p.number for p in round.people if p.submission == submission]
        closed = self._is_closed(round, now)
        if closed or now < rules.opens:
            if same:
                return same[0]
            raise No("closed" if closed else "not-open")
        drawn = rules.selection in ("draw", "window-draw")
        if rules.promotion == "offer" or rules.close_at or rules.party > 1 or drawn:
            self.advance(id, now)
        if same:
            return same[0]
        if size > round.places:
            raise No("invalid")
        if any(p.who == who and p.state in LIVE for p in round.people):
            raise No("already-applied")
        state = self._seat(round, size, now)
        if not rules.reentry and any(
            p.who == who and (p.state in OVER or p.cause in OWN) for p in round.people
        ):
            raise No("limit-reached")
        mine = [p for p in self._all if p.who == who and p.state in (*LIVE, *OVER)]
        if rules.limit is not None and len(mine) + 1 > rules.limit:
            raise No("limit-reached")
        if rules.hours and self._hours(who) + rules.hours > LEDGER_MAX:
            raise No("limit-reached")
        round.last_turn += 1
        person = Person(number, who, size, submission, state, round.last_turn, hours=rules.hours)
        round.people.append(person)
        most = self._most(round)
        if most is not None and round.sum(*HELD, "waiting", "received") >= most:
            round.early = True
        return number

    def state(self, id: str, now: datetime) -> str:
        """What the page says of the round: "upcoming", "open", "full" or "closed"."""
        round = self.rounds[id]
        if self._is_closed(round, now):
            return "closed"
        if now < self.rules.opens:
            return "upcoming"
        try:
            self._seat(round, 1, now)
        except No:
            return "full"
        return "open"

    def _is_closed(self, round: Round, now: datetime) -> bool:
        closed = now >= self.rules.closes or round.early or round.seen_closed or round.off
        return closed or (self.rules.selection == "draw" and round.frozen is not None)

    @property
    def _all(self) -> list[Person]:
        return [person for round in self.rounds.values() for person in round.people]

    def _hours(self, who: int) -> int:
        return sum(p.hours for p in self._all if p.who == who and p.state in (*LIVE, "attended"))

    def _has_begun(self, now: datetime) -> bool:
        return self.rules.starts is not None and now >= self.rules.starts

    def _most(self, round: Round) -> int | None:
        if self.rules.close_at is None:
            return None
        return -int(-Fraction(self.rules.close_at) * round.places // 1)

    def _seat(self, round: Round, size: int, now: datetime) -> str:
        rules, most = self.rules, self._most(round)
        taken, waiting, received = round.sum(*HELD), round.sum("waiting"), round.sum("received")
        at_once = rules.selection in ("draw", "review") or (
            rules.selection == "window-draw" and now < self.window_end and round.listed is None
        )
        if at_once:
            if most is not None and taken + waiting + received + size > most:
                raise No("full")
            return "received"
        room = rules.waiting if most is None else min(rules.waiting, max(0, most - round.places))
        moves = not self._has_begun(now)
        room = room if moves else 0
        if received:  # the draw of the window is still to come
            room -= max(0, received - max(0, round.places - taken))
        elif taken + size <= round.places:
            # The line goes first; but what fits nobody in it does not stay empty.
            free = round.places - taken
            if not waiting or (moves and all(each.size > free for each in round.line)):
                return "confirmed"
        if waiting + size > room:
            raise No("full")
        return "waiting"

    @property
    def window_end(self) -> datetime:
        return self.rules.opens + timedelta(minutes=self.rules.window)

    def cancel(self, id: str, number: str, now: datetime, cause: str = OWN[0]) -> None:
        person = self.rounds[id].of(number)
        if person.state not in LIVE or self._has_begun(now):
            raise No("not-eligible")
        freed = person.size if person.state in HELD else 0
        _to(person, "cancelled", cause)
        self.advance(id, now, freed=freed)

    def answer(self, id: str, number: str, yes: bool, now: datetime) -> None:
        self.advance(id, now)
        person = self.rounds[id].of(number)
        if person.state != "offered":
            if person.cause == ("accepted" if yes else "declined-by-citizen"):
                return
            raise No("not-eligible")
        if yes:
            _to(person, "confirmed", "accepted")
        else:
            _to(person, "declined", "declined-by-citizen")
            self.advance(id, now, "-after-decline", person.size)

    def advance(self, id: str, now: datetime, after: str = "", freed: int = 0) -> None:
        """Lapse; a window that is not full; then the line."""
        rules, round = self.rules, self.rounds[id]
        for person in round.people:
            if person.state == "offered" and person.deadline and person.deadline <= now:
                _to(person, "declined", "lapsed")
                after, freed = "-after-lapse", freed + person.size
        fits = round.sum(*HELD, "received") <= round.places
        if rules.selection == "window-draw" and now >= self.window_end and fits and round.listed is None:
            for person in round.people:
                if person.state == "received":
                    _to(person, "confirmed", "enough-places")
        self._settle(round, now)
        if rules.selection in ("draw", "window-draw") and round.sum("received"):
            return
        if self._has_begun(now):
            return
        for person in round.line:
            if round.sum(*HELD) + person.size > round.places:
                continue
            if rules.selection == "review":  # the line gets what was given up, and nothing else by itself
                if person.size > freed:
                    continue
                freed -= person.size
            if rules.promotion == "auto":
                _to(person, "confirmed", "promoted" + after)
            else:
                _to(person, "offered", "offered" + after)
                end = now + timedelta(hours=rules.offer_hours)
                while end.hour >= 21 or end.hour < 9:  # wait for the morning, hour by hour, then until ten
                    end = (end + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
                    if end.hour == 9:
                        end = end.replace(hour=10)
                person.deadline = min(end, rules.starts or end)

    def tick(self, now: datetime) -> None:
        """What the server does by itself."""
        for id, round in self.rounds.items():
            if now >= self.rules.closes:
                round.seen_closed = True
            self.advance(id, now, "-after-more-places")

    def decide(self, id: str, number: str, state: str, now: datetime) -> None:
        round = self.rounds[id]
        person = round.of(number)
        if person.state not in ("received", "waiting") or person.state == state:
            raise No("not-eligible")
        if state == "confirmed" and round.sum(*HELD) + person.size > round.places:
            raise No("not-eligible")
        if state == "waiting" and round.sum("waiting") + person.size > self.rules.waiting:
            raise No("not-eligible")
        _to(person, state, "reviewed: 경력")

    def work(self, id: str, number: str, hours: int | None, approved: bool, now: datetime) -> None:
        """Hours come in (None: stayed away), once the activity has begun; what is approved is final."""
        person = self.rounds[id].of(number)
        if self.rules.starts is not None and not self._has_begun(now):
            raise No("not-eligible")
        if person.state == "attended" and person.cause == "approved":
            if approved and hours == person.hours:
                return
            raise No("not-eligible")
        if person.state not in (("attended",) if approved else ("confirmed", *OVER)):
            raise No("not-eligible")
        if hours is None:
            _to(person, "absent", "absent")
            return
        others = self._hours(person.who) - (person.hours if person.state != "absent" else 0)
        if others + hours > LEDGER_MAX:
            raise No("not-eligible")
        _to(person, "attended", "approved" if approved else "worked")
        person.hours = hours

    def call_off(self, id: str, now: datetime) -> None:
        """Once, and while no draw of it is under way."""
        round = self.rounds[id]
        under_way = round.frozen is not None and not round.drawn
        if round.off or under_way:
            raise No("not-eligible")
        round.off = True
        for person in round.people:
            if person.state in LIVE:
                _to(person, "cancelled", "called-off: 인원 부족")

    def exclude(self, id: str, number: str, reason: str, now: datetime) -> None:
        before = copy.deepcopy(self.rounds)
        self.advance(id, now)
        person = self.rounds[id].of(number)
        if self.rounds[id].frozen is not None or person.state != "received":
            is_frozen, self.rounds = self.rounds[id].frozen is not None, before
            raise No("not-eligible" if is_frozen else "not-found")
        _to(person, "rejected", f"excluded: {reason}")

    def _settle(self, round: Round, now: datetime) -> None:
        rules = self.rules
        if rules.selection not in ("draw", "window-draw") or round.frozen or round.off:
            return
        due = rules.closes if rules.selection == "draw" else self.window_end
        if now < due and not round.early and not round.seen_closed:
            return
        if round.listed is None:
            received = [p for p in round.people if p.state == "received" or p.cause.startswith("excluded")]
            if rules.selection == "window-draw" and not round.sum("received"):
                received = []
            round.listed = max(0, round.places - round.sum(*HELD)), [p.number for p in received]
        if now >= due and (round.listed[1] or rules.selection == "draw"):
            people = [round.of(number) for number in round.listed[1]]
            kept = sorted((p.number, p.size) for p in people if not p.cause.startswith("excluded"))
            round.frozen = round.listed[0], max(0, rules.waiting - round.sum("waiting")), kept

    def freeze(self, id: str, now: datetime) -> None:
        before = copy.deepcopy(self.rounds)
        self.advance(id, now)
        round = self.rounds[id]
        is_nothing = (
            self.rules.selection == "window-draw" and round.listed is not None and not round.listed[1]
        )
        if round.frozen is None and not round.off and not is_nothing:
            self.rounds = before
            raise No("not-eligible")

    def draw(self, id: str, seed: str, now: datetime) -> None:
        before = copy.deepcopy(self.rounds)
        self.advance(id, now)
        round = self.rounds[id]
        if round.frozen is None:
            self.rounds = before
            raise No("not-eligible")
        if round.drawn:
            return
        round.drawn = True
        places, room, listed = round.frozen
        by_lot = sum(size for _, size in listed) > places
        if by_lot:
            listed = sorted(
                listed, key=lambda pair: hashlib.sha256((seed + drawn_as(pair[0])).encode()).digest()
            )
        turns = sorted(round.of(number).turn for number, _ in listed)
        for (number, size), turn in zip(listed, turns, strict=True):
            person, lucky = round.of(number), size <= places
            waits = not lucky and size <= room
            places, room = places - (size if lucky else 0), room - (size if waits else 0)
            result = "confirmed" if lucky else "waiting" if waits else "rejected"
            if person.state == "received":
                person.turn = turn
                _to(person, result, "drawn" if by_lot else "enough-places")
        self.advance(id, now)


def _to(person: Person, state: str, cause: str) -> None:
    person.state, person.cause, person.deadline = state, cause, None
