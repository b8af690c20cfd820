"""The entries of one subject inside one PostgreSQL transaction.

Who only adds never waits for a reader. Who reads in order to decide (`get`, `counts`, `line`, …) first takes the
round's counter row, and keeps it until the block ends: nobody can change the round in between. Rows are
always locked in the same order (rounds by name, then caps by key and person), so that blocks do not deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, CursorResult, Executable, func, insert, select, text

from civic.errors import AlreadyApplied, FieldError, Full, Invalid, LimitReached, NotFound, Unavailable
from civic.store.book import NumberTaken, is_fact
from civic.store.entry import LIVE, Cap, Counts, Entry, Seat
from civic.store.postgresql import statements
from civic.store.postgresql.connection import answering
from civic.store.postgresql.rows import ENTRY, caps_as_json, held, parameters, to_entry, weight
from civic.store.postgresql.tables import CAPS, ENTRIES, JOURNAL, OUTBOX, ROUNDS

TRIES = 20  # each try is lost only to somebody else's success; so many in a row means something is wrong
USED_ELSEWHERE = FieldError(
    "submission_id", "이미 보낸 신청서입니다. 신청 화면을 새로 열어 다시 적어 주세요."
)


class PostgresBook:
    """One transaction; made by `PostgresStore.open`."""

    def __init__(self, connection: Connection, subject: str, who: str, retry_after: int) -> None:
        self.subject = subject
        self._connection = connection
        self._who = who
        self._retry_after = retry_after
        self.learned = False  # has a fact been fixed?
        self._touched = False  # has anything been changed or locked?
        self._rounds: set[str] = set()  # whose counter row this transaction holds
        self._owed: dict[
            tuple[str, str], int
        ] = {}  # (cap key, person): change of use, written when the block ends

    # Reading, to decide

    def get(self, number: str) -> Entry | None:
        found = self._run(select(ENTRIES.c.round).where(*self._is(number))).scalar()
        if found is None:
            return None
        self._hold(found)
        return self._entry(number)

    def repeated(self, submission: str, person: str) -> Entry | None:
        which = (ENTRIES.c.submission == submission, ENTRIES.c.person == person)
        row = self._run(select(*ENTRY).where(ENTRIES.c.subject == self.subject, *which)).one_or_none()
        return to_entry(row) if row else None

    def counts(self, round: str) -> Counts:
        self._hold(round)
        columns = (ROUNDS.c.taken, ROUNDS.c.waiting, ROUNDS.c.received)
        which = (ROUNDS.c.subject == self.subject, ROUNDS.c.round == round)
        return Counts(*self._run(select(*columns).where(*which)).one())

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        self._hold(round)
        ordered = select(*ENTRY).where(*self._waits(round)).order_by(ENTRIES.c.rank, ENTRIES.c.number)
        return [to_entry(row) for row in self._run(ordered.limit(most))]

    def position(self, entry: Entry) -> int | None:
        if entry.state != "waiting":  # as this book gave it: most applicants need no second look
            return None
        own = select(ENTRIES.c.rank).where(*self._waits(entry.round), ENTRIES.c.number == entry.number)
        rank = own.scalar_subquery()
        before = select(func.count()).where(*self._waits(entry.round), ENTRIES.c.rank < rank)
        found = self._run(select(rank.is_not(None), before.scalar_subquery())).one()
        return 1 + int(found[1]) if found[0] else None

    def offers(self, round: str) -> list[Entry]:
        self._hold(round)
        here = (ENTRIES.c.subject == self.subject, ENTRIES.c.round == round, ENTRIES.c.state == "offered")
        found = select(*ENTRY).where(*here).order_by(ENTRIES.c.rank, ENTRIES.c.number)
        return [to_entry(row) for row in self._run(found)]

    def fixed(self, round: str) -> dict[str, str]:
        self._hold(round)
        here = (JOURNAL.c.number == "", JOURNAL.c.subject == self.subject, JOURNAL.c.before == round)
        lines = select(JOURNAL.c.after, JOURNAL.c.cause).where(*here).order_by(JOURNAL.c.id.desc())
        # Newest first: the first to be kept has the last word.
        return {row.after: row.cause for row in self._run(lines) if is_fact(row.after)}

    def entries(self, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        wanted = list(states)
        if round is None:
            self._hold_all()
        else:
            self._hold(round)
        found = select(*ENTRY).where(ENTRIES.c.subject == self.subject)
        if round is not None:
            found = found.where(ENTRIES.c.round == round)
        if wanted:
            found = found.where(ENTRIES.c.state.in_(wanted))
        by_rank = (ENTRIES.c.round.collate("C"), ENTRIES.c.rank, ENTRIES.c.number)
        return [to_entry(row) for row in self._run(found.order_by(*by_rank))]

    def used(self, person: str, key: str) -> int:
        which = (CAPS.c.key == key, CAPS.c.person == person)
        # Locked: whoever reads a sum to decide on it must not be overtaken by a sign-up in another subject.
        kept = self._run(select(CAPS.c.used).where(*which).with_for_update()).scalar() or 0
        return kept + self._owed.get((key, person), 0)

    # Changing

    def add(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap] = ()) -> Entry:
        if entry.subject != self.subject:
            raise ValueError(f"entry of {entry.subject} in the book of {self.subject}")
        self.settle()  # a cap that was given back in this block may be what the new entry needs
        statement = statements.add(tuple((seat.state, seat.over_line) for seat in seats))
        values = parameters(entry) | {
            "who": self._who,
            "first": statements.first_seat(seats, entry.size),
            "caps": caps_as_json(caps),
            "keys": [cap.key for cap in caps],
            "amounts": [cap.amount for cap in caps],
            "ceilings": [cap.ceiling for cap in caps],
            **{f"c{i}": seat.ceiling for i, seat in enumerate(seats)},
        }
        for _ in range(TRIES):
            # What a try has changed before it failed is undone as a whole; one with nothing before it needs no savepoint.
            undo = self._connection.begin_nested() if self._touched else self._transaction()
            word, state, rank = self._quick(statement, values)
            if state:
                if self._touched:
                    undo.commit()
                self._touched = True
                self._rounds.add(entry.round)
                return replace(entry, state=state, rank=rank)
            undo.rollback()
            if word != "go":  # evident from what was committed before; "go" was overtaken: look again
                return self._refuse(word, entry, seats, caps)
        raise Unavailable(retry_after=self._retry_after)

    def move(self, entry: Entry, amounts: Mapping[str, int] | None = None) -> Entry:
        here = (*self._is(entry.number), ENTRIES.c.round == entry.round)
        self._hold(entry.round)
        row = self._run(select(*ENTRY, ENTRIES.c.caps).where(*here)).one_or_none()
        if row is None:
            raise NotFound
        old = to_entry(row)
        if (old.person, old.submission) != (entry.person, entry.submission):
            raise ValueError("a successor keeps its person and submission")
        if entry.state in LIVE and old.state not in LIVE and self._lives_on(entry):
            raise AlreadyApplied
        out, into = weight(old.state, old.size), weight(entry.state, entry.size)
        change = {n: getattr(into, n) - getattr(out, n) for n in ("taken", "waiting", "received")}
        # `received` is a time of the entry and a counter of the round; the statement needs only the counter.
        caps = [(key, (amounts or {}).get(key, amount), kept) for key, amount, kept in row.caps]
        more = {"before": old.state, "who": self._who, "caps": json.dumps(caps, ensure_ascii=False)}
        self._run(statements.MOVE, parameters(entry) | change | more)
        self._owe(entry.person, held(row.caps, old.state), held(caps, entry.state))
        return replace(entry, received=old.received)

    def fix(self, round: str, fact: str, text: str, at: datetime) -> str:
        if not is_fact(fact):
            raise ValueError(f"no such fact: {fact}")
        known = self.fixed(round).get(fact)
        if known is not None:
            return known
        line = {"before": round, "after": fact, "cause": text, "who": self._who, "at": at}
        self._run(insert(JOURNAL).values(subject=self.subject, number="", **line))
        self.learned = True
        return text

    def tell(self, kind: str, number: str, due: datetime) -> None:
        self._run(insert(OUTBOX).values(kind=kind, subject=self.subject, number=number, due=due))
        self._touched = True

    def settle(self) -> None:
        """Write what entries that moved took or gave back of their caps: sorted, so that no two blocks deadlock."""
        for (key, person), amount in sorted(self._owed.items()):
            if amount:
                self._run(statements.PAY, {"key": key, "person": person, "amount": amount})
        self._owed.clear()

    # Within

    def _run(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        with answering(self._retry_after):
            return self._connection.execute(statement, values)

    def _quick(self, statement: bytes, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The one row of a statement that goes to the driver as it is."""
        driver: psycopg.Connection[tuple[Any, ...]] = cast(Any, self._connection.connection.driver_connection)
        with answering(self._retry_after):
            try:
                row = driver.execute(statement, values).fetchone()
            except psycopg.Error:
                if (
                    driver.closed
                ):  # let SQLAlchemy see it too: it empties the pool of connections that died together
                    self._connection.execute(text("SELECT 1"))
                raise
        assert row is not None
        return row

    def _transaction(self) -> Any:
        return self._connection.get_transaction() or self._connection.begin()

    def _is(self, number: str) -> tuple[Any, ...]:
        return (ENTRIES.c.number == number, ENTRIES.c.subject == self.subject)

    def _waits(self, round: str) -> tuple[Any, ...]:
        return (ENTRIES.c.subject == self.subject, ENTRIES.c.round == round, ENTRIES.c.state == "waiting")

    def _entry(self, number: str) -> Entry | None:
        row = self._run(select(*ENTRY).where(*self._is(number))).one_or_none()
        return to_entry(row) if row else None

    def _hold(self, round: str) -> None:
        """Keep everybody else from changing this round until the block ends."""
        if round not in self._rounds:
            self._run(statements.HOLD, {"subject": self.subject, "round": round})
            self._rounds.add(round)
            self._touched = True

    def _hold_all(self) -> None:
        names = select(ROUNDS.c.round).where(ROUNDS.c.subject == self.subject).order_by(ROUNDS.c.round)
        self._rounds.update(self._run(names.with_for_update()).scalars())
        self._touched = True

    def _lives_on(self, entry: Entry) -> bool:
        same = (
            ENTRIES.c.subject == self.subject,
            ENTRIES.c.round == entry.round,
            ENTRIES.c.person == entry.person,
        )
        alive = select(ENTRIES.c.number).where(
            *same, ENTRIES.c.state.in_(LIVE), ENTRIES.c.number != entry.number
        )
        return self._run(alive).first() is not None

    def _owe(self, person: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        for key in before.keys() | after.keys():
            owed = after.get(key, 0) - before.get(key, 0)
            self._owed[key, person] = self._owed.get((key, person), 0) + owed

    def _refuse(self, word: str, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap]) -> Entry:
        """The entry that this submission made earlier; for every other word, its refusal."""
        if word == "same":
            row = self._run(select(*ENTRY).where(ENTRIES.c.submission == entry.submission)).one()
            old = to_entry(row)
            if (old.subject, old.round, old.person) == (entry.subject, entry.round, entry.person):
                return old
            raise Invalid([USED_ELSEWHERE])
        if word == "number":
            raise NumberTaken(entry.number)
        if word == "alive":
            raise AlreadyApplied
        if word == "full":
            ceilings = {seat.state: seat.ceiling for seat in seats}
            waiting = ceilings.pop("waiting", 0)
            raise Full(places=max(ceilings.values(), default=0), waiting=waiting)
        raise LimitReached(caps[int(word.removeprefix("cap ")) - 1].message or None)
