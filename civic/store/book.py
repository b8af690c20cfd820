"""The entries of one subject inside one transaction: every decision, in SQL that both databases understand.

with store.open("lectures/essay") as book:
    entry = book.add(entry, seats, caps)
# here it is durable; an exception inside the block leaves nothing behind

A round's counters are a row. Whoever reads in order to decide holds that row first (on PostgreSQL; on SQLite there is
one writer at a time) and keeps it until the block ends; what was read of it stays true meanwhile and is kept here.
Rows are locked in one order, rounds before caps by key before entries, so that blocks do not deadlock.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tinydb.table import Document, Table

from civic.errors import (
    AlreadyApplied,
    Closed,
    FieldError,
    Full,
    Invalid,
    LimitReached,
    NotFound,
    Unavailable,
)
from civic.store import statements as sql
from civic.store.chain import STAFF, Rounds
from civic.store.entry import (
    LIVE,
    Cap,
    Counts,
    Entry,
    KeyGone,
    NumberTaken,
    Seat,
    entry_of,
    is_fact,
    summed,
    to_document,
)
from civic.store.session import Later, Transaction
from civic.store.tiny import Taken

# Who signs up reads the page first: when many come at once, nothing else is done meanwhile.
CALM = timedelta(seconds=10)
TRIES = 20  # each is lost only to somebody else's success; so many in a row means something is wrong
USED_ELSEWHERE = FieldError(
    "submission_id", "이미 보낸 신청서입니다. 신청 화면을 새로 열어 다시 적어 주세요."
)


class Book:
    """One transaction on the entries of one subject."""

    def __init__(
        self, session: Transaction, table: Table, rounds: Rounds, subject: str, generation: int | None
    ) -> None:
        """generation: of the key with which this process seals for the subject; None when it has not asked for one."""
        self.subject, self.has_fixed = subject, False
        self._session, self._table, self._dialect = session, table, session.dialect
        self._rounds, self._generation = rounds, generation
        self._facts: dict[str, dict[str, str]] = {}  # of the rounds asked for
        self._owed: dict[tuple[str, str], int] = {}  # (cap key, person): change of use, written at the end

    def get(self, number: str) -> Entry | None:
        """The entry of that receipt number in this subject, or None."""
        found = self._entries("number = ? AND subject = ?", (number, self.subject))
        if found and found[0].round not in self._rounds and self._dialect.row_locks:
            self._rounds.of(found[0].round)
            found = self._entries("number = ?", (number,))
        return found[0] if found else None

    def repeated(self, submission: str, person: str) -> Entry | None:
        """The entry that this person sent with this submission id, as it stands now, or None."""
        found = self._entries("submission = ?", (submission,))
        return found[0] if found and (found[0].subject, found[0].person) == (self.subject, person) else None

    def people_of(self, contact: str, besides: str) -> int:
        """How many people besides that one have a live entry with this contact; nobody adds one until the block ends."""
        if self._dialect.row_locks:
            self._session.later(sql.ONE_AT_A_TIME, (f"{self.subject}\x1f{contact}",))
        return int(self._session.rows(sql.PEOPLE_OF, (self.subject, contact, besides))[0][0])

    def counts(self, round: str) -> Counts:
        """People in the round now; all zero when nobody has applied."""
        found = self._rounds.of(round)
        return Counts(found.taken, found.waiting, found.received)

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        """Those who wait, first in line (lowest rank) first; at most `most` of them."""
        return self.entries(round, ("waiting",), most) if self._rounds.of(round).waiting else []

    def offers(self, round: str) -> list[Entry]:
        """Those to whom a place is offered, by rank."""
        return self.entries(round, ("offered",)) if self._rounds.of(round).offered else []

    def position(self, entry: Entry) -> int | None:
        """1 for the first in line (entries, not people); None when the entry does not wait."""
        if not self._rounds.of(entry.round).waiting:
            return None
        where = (self.subject, entry.round)
        asked = (*where, entry.number, *where, *where, entry.number)
        ((rank, before),) = self._session.rows(sql.POSITION, asked)
        return None if rank is None else 1 + int(before)

    def entries(
        self, round: str | None = None, states: Iterable[str] = (), most: int | None = None
    ) -> list[Entry]:
        """Entries of the subject (or one round; or only in these states), by round and rank; at most `most` of them."""
        if round is not None:
            self._rounds.of(round)
        elif self._dialect.row_locks:
            for (name,) in self._session.rows(sql.ROUNDS, (self.subject,)):
                self._rounds.of(name)
        chosen = self._session.rows(*sql.chosen(self.subject, round, states, most))
        return [entry_of(*row) for row in chosen]

    def used(self, person: str, key: str) -> int:
        """How much of a cap this person has used up, over all subjects; 0 when nothing. It stays so until the block ends."""
        kept = self._session.rows(sql.USED + self._dialect.lock, (key, person))
        return sum(int(used) for (used,) in kept) + self._owed.get((key, person), 0)

    def fixed(self, round: str) -> dict[str, str]:
        """The facts about a round: name -> text."""
        if round not in self._facts:
            self._rounds.of(round)
            rows = self._session.rows(sql.FACTS, (self.subject, round))
            self._facts[round] = {name: text for name, text in rows if is_fact(name)}
        return dict(self._facts[round])

    def add(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap] = ()) -> Entry:
        """Keep a new entry in the first of `seats` that has room, and count it against every cap.

        Returns the entry as kept: with its state and rank (1, 2, 3 … per round). An entry with the same submission is
        returned as it stands now and nothing is added: retries are safe. Checks, in this order: NumberTaken (KeyGone
        comes last); Invalid (the submission was used for another person, subject or round); AlreadyApplied (a live
        entry of this person in this round); Closed (called off); Full; LimitReached (with the cap's message).
        """
        if entry.subject != self.subject:
            raise ValueError(f"entry of {entry.subject} in the book of {self.subject}")
        self._pay_back()  # a cap that was given back in this block may be what the new entry needs
        held = [(cap.key, cap.amount, cap.kept_in) for cap in caps]
        for _ in range(TRIES):
            state, id = self._decide(entry, seats, caps)
            if state == "same":
                same = self.repeated(entry.submission, entry.person)
                if same is None or same.round != entry.round:
                    raise Invalid([USED_ELSEWHERE])
                return same
            round = self._rounds.of(entry.round)
            kept = entry.but(state=state, rank=round.last_rank + 1, caps=held)
            if caps and self._dialect.row_locks:
                self._session.later("SAVEPOINT seat")
            paid = [
                self._session.later(sql.PAY, (cap.key, entry.person, cap.amount, cap.ceiling))
                for cap in sorted(caps, key=lambda cap: cap.key)
            ]
            if self._insert(kept, id, paid):
                round.count(state, kept.size)
                round.last_rank += 1
                self._rounds.journal(kept.round, kept.number, "", state, kept.cause, kept.changed)
                self.tell(state, kept.number, kept.changed + CALM)
                return kept
            if caps:
                self._session.later("ROLLBACK TO SAVEPOINT seat")  # overtaken by another subject: look again
        raise Unavailable

    def move(self, entry: Entry, amounts: Mapping[str, int] | None = None, noted: str = "") -> Entry:
        """Replace an entry by its successor (`entry.moved(…)`, or another rank after a draw).

        amounts: what it uses up of its caps from now on, by key (hours worked instead of hours reserved). noted: what
        the journal says, else the entry's cause. Counts and caps follow its state. Places are not checked: a promotion
        counts first. Raises NotFound (no such entry in this subject), AlreadyApplied (back to life beside another live
        entry of the person).
        """
        round = self._rounds.of(entry.round)
        rows = self._session.rows(f"{sql.ENTRY} WHERE number = ?", (entry.number,))
        before = entry_of(*rows[0]) if rows else None
        if before is None or (before.subject, before.round) != (self.subject, entry.round):
            raise NotFound
        if (before.person, before.submission) != (entry.person, entry.submission) and not entry.is_forgotten:
            raise ValueError("a successor keeps its person and submission")
        same = (self.subject, entry.round, entry.person, entry.number)
        if entry.state in LIVE and before.state not in LIVE and self._session.rows(sql.LIVES_ON, same):
            raise AlreadyApplied
        caps = [(key, (amounts or {}).get(key, amount), kept) for key, amount, kept in before.caps]
        after = entry.but(received=before.received, caps=caps)
        self._table.update(to_document(after), doc_ids=[rows[0][0]])
        round.count(before.state, -before.size)
        round.count(after.state, after.size)
        round.last_rank = max(round.last_rank, after.rank)
        for one, times in ((before, -1), (after, 1)):
            for key, amount in one.uses().items():
                self._owed[key, one.person] = self._owed.get((key, one.person), 0) + times * amount
        if before.person != after.person:
            self._pay_back()
            self._session.later(sql.FREE, (before.person,))
            self._rounds.black_out(before.number)
        if (before.person, before.sealed) != (after.person, after.sealed):
            self._session.later(sql.ERASED)
        cause = noted or after.cause
        self._rounds.journal(after.round, after.number, before.state, after.state, cause, after.changed)
        if after.is_news_after(before):
            self.tell(after.state, after.number, after.changed)
        return after

    def fix(self, round: str, fact: str, text: str, at: datetime) -> str:
        """Keep a fact (one of FACTS) about a round for good, in the journal: the first of its name counts and is returned."""
        if not is_fact(fact):
            raise ValueError(f"no such fact: {fact}")
        if fact not in self.fixed(round):
            self.state(round, fact, text, at)
            self._facts[round][fact] = text
        return self._facts[round][fact]

    def state(self, round: str, name: str, text: str, at: datetime) -> None:
        """Put down a fact that is not there yet, and a line of the journal."""
        self._session.later(sql.FIX, summed(self.subject, round, name, text))
        self._rounds.journal(round, "", round, name, text, at)
        self.has_fixed = True

    def note(self, text: str, at: datetime) -> str:
        """A line of the journal that is of no entry and no fact: what staff did. Its keyed hash."""
        return self._rounds.journal("", STAFF, "", "", text, at)

    def tell(self, kind: str, number: str, due: datetime) -> None:
        """Keep a message to send, in the same transaction; whoever comes into a state is told by `add` and `move`."""
        id, key = f"{number}/{kind}", secrets.token_hex(16)
        self._session.note(sql.TELL, summed(due.timestamp(), 0, id, kind, self.subject, number, key, ""))

    def settle(self) -> None:
        """Write what is counted here; it goes with the commit."""
        self._rounds.settle()
        self._pay_back()

    def _decide(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap]) -> tuple[str, int]:
        """(state that the entry gets, its id); ("same", 0) for a submission that was kept before. Raises as `add`."""
        is_known = entry.round in self._rounds
        held_row = None if is_known else self._rounds.hold(entry.round)
        where = (self.subject, entry.round)
        here = (entry.submission, entry.number, *where, entry.person, *where, self.subject)
        asked = [value for cap in caps for value in (cap.key, entry.person)]
        statement = sql.look(len(caps), self._dialect.next_entry)
        (found,) = self._session.rows(statement, (*here, *asked, *where))
        same, number, alive, is_off, generation, id, *numbers = found[: 6 + len(sql.KEPT)]
        used = found[6 + len(sql.KEPT) :]
        if held_row and not held_row.count:
            # No row to hold, even if somebody has made it since: it is made, held, and all is looked at anew.
            self._rounds.of(entry.round)
            return self._decide(entry, seats, caps)
        if not is_known:
            self._rounds.learn(entry.round, tuple(numbers))
        if same:
            return "same", 0
        if number:
            raise NumberTaken(entry.number)
        if alive:
            raise AlreadyApplied
        if is_off:  # the caller's facts may be a moment old
            raise Closed
        state = self._seat(entry, seats)
        for cap, amount in zip(caps, used, strict=True):
            if (amount or 0) + cap.amount > cap.ceiling:
                raise LimitReached(cap.message or None)
        if entry.sealed and self._generation not in (None, generation):
            raise KeyGone(entry.number)
        return state, id

    def _seat(self, entry: Entry, seats: Sequence[Seat]) -> str:
        counts = self.counts(entry.round)
        for seat in seats:
            if seat.has_room(counts, entry.size):
                return seat.state
        ceilings = {seat.state: seat.ceiling for seat in seats}
        waiting = ceilings.pop("waiting", 0)
        raise Full(places=max(ceilings.values(), default=0), waiting=waiting)

    def _insert(self, entry: Entry, id: int, paid: list[Later]) -> bool:
        """Keep the entry; False when another took its number, its submission or what is left of a cap."""
        try:
            self._table.insert(Document(to_document(entry), id))
        except Taken:
            return False
        return all(each.count for each in paid)

    def _entries(self, condition: str, values: Sequence[Any]) -> list[Entry]:
        rows = self._session.rows(f"{sql.ENTRY} WHERE {condition}", values)
        return [entry_of(*row) for row in rows]

    def _pay_back(self) -> None:
        """Write what entries that moved took or gave back of their caps: sorted, so that no two blocks deadlock."""
        for (key, person), amount in sorted(self._owed.items()):
            if amount:
                self._session.later(sql.OWE, (key, person, amount))
        self._owed.clear()
