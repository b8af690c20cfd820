"""What sign-ups should do, worked out once more with plain lists: the model that the real intake is compared with.

Written from docs/rules.md, not from the code: it shares no function with civic/ but the words for states.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

LIVE = ("received", "confirmed", "waiting", "offered")
HELD = ("confirmed", "offered")


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


class No(Exception):
    """Refused, with the name of the refusal."""


@dataclass
class Round:
    """One round."""

    places: int
    people: list[Person] = field(default_factory=list)
    early: bool = False
    seen_closed: bool = False
    frozen: tuple[int, list[tuple[str, int]]] | None = None  # places, (number, size)
    drawn: bool = False
    last_turn: int = 0

    def sum(self, *states: str) -> int:
        return sum(each.size for each in self.people if each.state in states)

    def of(self, number: str) -> Person:
        return next(each for each in self.people if each.number == number)

    @property
    def line(self) -> list[Person]:
        return sorted((p for p in self.people if p.state == "waiting"), key=lambda p: p.turn)


class Model:
    """Two rounds of one form."""

    def __init__(self, rules: Rules, places: int) -> None:
        self.rules = rules
        self.rounds = {"a": Round(places), "b": Round(places)}

    # ------------------------------------------------------------ citizens

    def apply(self, id: str, who: int, size: int, submission: str, now: datetime, number: str) -> str:
        """The receipt number that answers: `number` for a new entry, an older one for a retry. Raises No."""
        before = copy.deepcopy(self.rounds)
        try:
            return self._apply(id, who, size, submission, now, number)
        except No:
            self.rounds = before
            if now >= self.rules.closes:
                self.rounds[id].seen_closed = True
            raise

    def _apply(self, id: str, who: int, size: int, submission: str, now: datetime, number: str) -> str:
        rules, round = self.rules, self.rounds[id]
        same = [p.number for p in round.people if p.submission == submission]
        closed = now >= rules.closes or round.early or round.seen_closed
        closed = closed or (rules.selection == "draw" and round.frozen is not None)
        if closed or now < rules.opens:
            if same:
                return same[0]
            raise No("closed" if closed else "not-open")
        exclusive = rules.promotion == "offer" or rules.close_at or rules.selection != "first-come"
        if exclusive:
            self.advance(id, now)
        if same:
            return same[0]
        if any(p.who == who and p.state in LIVE for p in round.people):
            raise No("already-applied")
        state = self._seat(round, size, now)
        if not rules.reentry and any(
            p.who == who and p.state in ("cancelled", "declined") for p in round.people
        ):
            raise No("limit-reached")
        mine = [p for r in self.rounds.values() for p in r.people if p.who == who and p.state in LIVE]
        if rules.limit is not None and len(mine) + 1 > rules.limit:
            raise No("limit-reached")
        round.last_turn += 1
        round.people.append(Person(number, who, size, submission, state, round.last_turn))
        most = self._most(round)
        if most is not None and round.sum(*LIVE) >= most:
            round.early = True
        if state == "waiting" and rules.party > 1:
            self.advance(id, now)
        return number

    def _most(self, round: Round) -> int | None:
        if self.rules.close_at is None:
            return None
        return -int(-Fraction(self.rules.close_at) * round.places // 1)

    def _seat(self, round: Round, size: int, now: datetime) -> str:
        rules, most = self.rules, self._most(round)
        taken, waiting, received = round.sum(*HELD), round.sum("waiting"), round.sum("received")
        at_once = rules.selection == "draw" or (
            rules.selection == "window-draw" and now < self.window_end and round.frozen is None
        )
        if at_once:
            if most is not None and received + size > most:
                raise No("full")
            return "received"
        room = rules.waiting if most is None else min(rules.waiting, max(0, most - round.places))
        if received:  # the draw of the window is still to come
            room -= max(0, received - max(0, round.places - taken))
        elif not waiting and taken + size <= round.places:
            return "confirmed"
        if waiting + size > room:
            raise No("full")
        return "waiting"

    @property
    def window_end(self) -> datetime:
        return self.rules.opens + timedelta(minutes=self.rules.window)

    def cancel(self, id: str, number: str, now: datetime) -> None:
        person = self.rounds[id].of(number)
        if person.state not in LIVE:
            raise No("not-eligible")
        _to(person, "cancelled", "cancelled-by-citizen")
        self.advance(id, now)

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
            self.advance(id, now, "-after-decline")

    # ------------------------------------------------------------ the line

    def advance(self, id: str, now: datetime, after: str = "") -> None:
        """Lapse; a window that is not full; then the line."""
        rules, round = self.rules, self.rounds[id]
        for person in round.people:
            if person.state == "offered" and person.deadline and person.deadline <= now:
                _to(person, "declined", "lapsed")
                after = "-after-lapse"
        fits = round.sum(*HELD, "received") <= round.places
        if rules.selection == "window-draw" and now >= self.window_end and fits and round.frozen is None:
            for person in round.people:
                if person.state == "received":
                    _to(person, "confirmed", "enough-places")
        if rules.selection in ("draw", "window-draw") and round.sum("received"):
            return
        for person in round.line:
            if round.sum(*HELD) + person.size > round.places:
                continue
            if rules.promotion == "auto":
                _to(person, "confirmed", "promoted" + after)
            else:
                _to(person, "offered", "offered" + after)
                end = now + timedelta(hours=rules.offer_hours)
                while end.hour >= 21 or end.hour < 9:  # wait for the morning, hour by hour, then until ten
                    end = (end + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
                    if end.hour == 9:
                        end = end.replace(hour=10)
                person.deadline = end

    def tick(self, now: datetime) -> None:
        """What the server does by itself."""
        for id, round in self.rounds.items():
            if now >= self.rules.closes:
                round.seen_closed = True
            self.advance(id, now, "-after-more-places")

    # ------------------------------------------------------------ the draw

    def exclude(self, id: str, number: str, reason: str) -> None:
        person = self.rounds[id].of(number)
        if self.rounds[id].frozen is not None:
            raise No("not-eligible")
        if person.state != "received":
            raise No("not-found")
        _to(person, "rejected", f"excluded: {reason}")

    def freeze(self, id: str, now: datetime) -> None:
        rules, round = self.rules, self.rounds[id]
        if round.frozen is not None:
            return
        due = rules.closes if rules.selection == "draw" else self.window_end
        if now < due and not round.early and not round.seen_closed:
            raise No("not-eligible")
        self.advance(id, now)
        if rules.selection == "window-draw" and not round.sum("received"):
            return
        listed = sorted((p.number, p.size) for p in round.people if p.state == "received")
        round.frozen = max(0, round.places - round.sum(*HELD)), listed

    def draw(self, id: str, seed: str, now: datetime) -> None:
        round = self.rounds[id]
        if round.frozen is None:
            raise No("not-eligible")
        if round.drawn:
            return
        round.drawn = True
        places, listed = round.frozen
        by_lot = sum(size for _, size in listed) > places
        if by_lot:
            listed = sorted(listed, key=lambda pair: hashlib.sha256((seed + pair[0]).encode()).digest())
        turns = sorted(round.of(number).turn for number, _ in listed)
        for (number, size), turn in zip(listed, turns, strict=True):
            person, lucky = round.of(number), size <= places
            places -= size if lucky else 0
            if person.state == "received":
                person.turn = turn
                _to(person, "confirmed" if lucky else "waiting", "drawn" if by_lot else "enough-places")
        self.advance(id, now)


def _to(person: Person, state: str, cause: str) -> None:
    person.state, person.cause, person.deadline = state, cause, None
