"""The default store: TinyDB's documents in memory, SQLite rows beneath, decisions under one lock.

In the data folder: `lock` (one server at a time), `madang.sqlite3` (entries, journal, messages), `keys.sqlite3`
(wrapped data keys), and while a server runs `door`, the socket by which the command line acts beside it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from civic.errors import AlreadyApplied, FieldError, Full, Invalid, LimitReached, NotFound, Unavailable
from civic.store.book import Change, Message, NumberTaken, is_fact
from civic.store.documents import sealed_subjects, to_document, to_entry
from civic.store.door import Door
from civic.store.entry import LIVE, Cap, Counts, Entry, Seat
from civic.store.folder import ENTRIES, KEYS, Hold, explain
from civic.store.indexes import TABLE, EntryIndex
from civic.store.keys import KeyFile
from civic.store.rows import Work
from civic.store.table import RowDatabase, RowStorage

NOBODY = Counts()
EMPTIED_AT_ONCE = 500  # entries: some ten milliseconds under the lock
T = TypeVar("T")
Facts = dict[str, dict[str, dict[str, str]]]  # subject -> round -> name -> text
log = logging.getLogger("madang.store")


class TinyStore:
    """One data folder. See `civic.store.book.Store` for what each method promises."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder (made when missing). Raises InUse, Misuse (cannot be used: says what to do).

        Nobody else can get in until `open_door`.
        """
        self.folder = folder
        self._hold = Hold(folder)
        try:
            self._storage = RowStorage(folder / ENTRIES, self._written)
            try:
                sealed = sealed_subjects(self._storage.documents(TABLE).values())
                self._keys = KeyFile(folder / KEYS, sealed)
            except BaseException:
                self._storage.close()
                raise
        except BaseException:
            self._hold.release()
            raise
        self.database = RowDatabase(storage=lambda: self._storage)
        self._table = self.database.table(TABLE)
        self._index = EntryIndex()
        self._storage.watch(self._index)
        self._touched: dict[tuple[str, str], int] = {}  # ticket of the last change of a (subject, round)
        self._counts: dict[
            str, dict[str, Counts]
        ] = {  # durable; replaced, never changed: read without a lock
            subject: {round: each.counts for round, each in rounds.items()}
            for subject, rounds in self._index.rounds.items()
        }

        self._facts: Facts = {}  # replaced, never changed: read without a lock
        for change in self._storage.rows.history(""):
            _learn(self._facts, change)
        self._door: Door | None = None

    def open_door(self) -> None:
        """Let the command line in beside this process, until `close`."""
        try:
            self._door = Door(self.folder, self)
        except OSError as err:
            log.warning("the command line cannot work beside this server: %s", err)

    @property
    def trouble(self) -> str:
        """ "" or, after a failed write, what is wrong and what staff must do."""
        failure = self._storage.batches.failure or self._keys.failure
        return (
            explain(failure, self.folder)
            if isinstance(failure, Exception)
            else "저장이 중단되었습니다."
            if failure
            else ""
        )

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[TinyBook]:
        """One transaction: in memory under the lock, then durable together with its neighbours."""
        storage = self._storage
        storage.begin()
        book = TinyBook(subject, who, storage, self._table, self._index, self._touched, self._facts)
        try:
            yield book
        except BaseException:
            seen = book.seen
            storage.abort()
            storage.batches.wait(seen)  # nobody is told of another's entry that may still be lost
            raise
        for round in book.changed:
            index = self._index.round(subject, round)
            storage.work.counts[subject, round] = index.counts if index else NOBODY
        ticket = storage.commit(book.mark)
        storage.batches.wait(max(ticket, book.seen))

    def find(self, number: str) -> Entry | None:
        """The entry of a number, after it is durable."""
        with self._storage.settled():
            id = self._index.by_number.get(number)
            return None if id is None else to_entry(self._storage.documents(TABLE)[id])

    def counts(self, subject: str) -> dict[str, Counts]:
        """Durable counts per round; no lock, no wait."""
        self._refuse_in_trouble()
        return self._counts.get(subject, {})

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        """The facts about each round of a subject; no lock, no wait."""
        return self._facts.get(subject, {})

    def subjects(self) -> list[str]:
        """Every subject that has entries, sorted."""
        with self._storage.settled():
            return sorted(self._index.rounds)

    def history(self, number: str) -> list[Change]:
        """The journal's lines of an entry, oldest first."""
        self._refuse_in_trouble()
        return _read(lambda: self._storage.rows.history(number))

    def messages(self, now: datetime, most: int = 100) -> list[Message]:
        """Messages that are due, oldest first."""
        self._refuse_in_trouble()
        return _read(lambda: self._storage.rows.messages(now, most))

    def claim(self, message: Message, until: datetime) -> bool:
        """One process holds the folder: nobody else sends."""
        return True

    def sent(self, message: Message) -> None:
        """Forget a message."""
        with self._storage.joined():
            self._storage.work.sent.append(message.id)

    def wrapped_key(self, subject: str) -> bytes | None:
        """The subject's wrapped data key, or None."""
        return self._keys.get(subject)

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        """Keep a wrapped key unless there is one; the one that counts."""
        return self._keys.keep(subject, wrapped)

    def drop_key(self, subject: str, at: datetime) -> None:
        """Take out what was sealed, destroy the key it was sealed with; the journal says when."""
        # First: after a crash in between the key still says that there is something to do.
        self._empty(subject)
        self._keys.drop(subject, at)
        with self._storage.joined():
            self._storage.work.changes.append(
                Change(subject, "", "key", "destroyed", "retention", "clock", at)
            )

    def close(self) -> None:
        """Write what waits, close the files, let go of the folder."""
        if self._door:
            self._door.close()
        try:
            self.database.close()
        finally:
            self._keys.close()
            self._hold.release()

    def _empty(self, subject: str) -> None:
        """Take what was sealed out of every entry of a subject; a few at a time, so that nobody waits long."""
        with self._storage.settled():
            rounds = self._index.rounds.get(subject, {}).values()
            ids = [id for round in rounds for id in round.members]
        for start in range(0, len(ids), EMPTIED_AT_ONCE):
            with self._storage.joined():
                documents = self._storage.documents(TABLE)
                part = {id: {**documents[id], "sealed": ""} for id in ids[start : start + EMPTIED_AT_ONCE]}
                self._storage.change(TABLE, part)

    def _refuse_in_trouble(self) -> None:
        if self._storage.batches.failure:
            raise Unavailable(retry_after=60)

    def _written(self, batch: Sequence[Work]) -> None:
        for work in batch:
            for (subject, round), counts in work.counts.items():
                self._counts[subject] = {**self._counts.get(subject, {}), round: counts}


class TinyBook:
    """The entries of one subject inside one transaction. See `civic.store.book.Book`."""

    def __init__(
        self,
        subject: str,
        who: str,
        storage: RowStorage,
        table: Any,
        index: EntryIndex,
        touched: dict[tuple[str, str], int],
        facts: Facts,
    ) -> None:
        self.subject = subject
        self.changed: set[str] = set()  # rounds
        self.seen = 0  # ticket of the latest change that an answer of this book may rest on
        self._who = who
        self._storage = storage
        self._table = table
        self._index = index
        self._touched = touched
        self._facts = facts
        self._learned: list[Change] = []  # facts of this block

    def get(self, number: str) -> Entry | None:
        """The entry of that number in this subject, or None."""
        id = self._index.by_number.get(number)
        return None if id is None else self._mine(id)

    def repeated(self, submission: str, person: str) -> Entry | None:
        """The entry this person sent with this submission, or None."""
        id = self._index.by_submission.get(submission)
        found = None if id is None else self._mine(id)
        return found if found and found.person == person else None

    def add(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap] = ()) -> Entry:
        """Keep a new entry in the first seat that has room; see the contract for what is refused."""
        if entry.subject != self.subject:
            raise ValueError("the entry belongs to another subject")
        index = self._index
        repeated = index.by_submission.get(entry.submission)
        if repeated is not None:
            return self._same(repeated, entry)
        if entry.number in index.by_number:
            raise NumberTaken
        self._see(entry.round)
        if (entry.subject, entry.round, entry.person) in index.live:
            raise AlreadyApplied
        state = self._seat(entry, seats)
        for cap in caps:
            if index.used.get((cap.key, entry.person), 0) + cap.amount > cap.ceiling:
                self.seen = self._storage.batches.last  # the others may be in any subject
                raise LimitReached(cap.message or None)
        round = index.round(entry.subject, entry.round)
        kept = entry.but(state=state, rank=round.last_rank + 1 if round else 1)
        self._table.insert(to_document(kept, caps))
        self._note(kept, "")
        return kept

    def move(self, entry: Entry, amounts: Mapping[str, int] | None = None) -> Entry:
        """Replace an entry by its successor."""
        id = self._index.by_number.get(entry.number)
        before = None if id is None else self._mine(id)
        if id is None or before is None or before.round != entry.round:
            raise NotFound
        if (
            entry.state in LIVE
            and self._index.live.get((entry.subject, entry.round, before.person), id) != id
        ):
            raise AlreadyApplied
        caps = self._storage.documents(TABLE)[id]["caps"]
        if amounts:
            caps = [[key, amounts.get(key, amount), kept] for key, amount, kept in caps]
        self._table.update(to_document(entry, caps), doc_ids=[id])
        self._note(entry, before.state)
        return entry

    def counts(self, round: str) -> Counts:
        """People in the round now."""
        self._see(round)
        found = self._index.round(self.subject, round)
        return found.counts if found else NOBODY

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        """Those who wait, first in line first."""
        self._see(round)
        found = self._index.round(self.subject, round)
        ids = sorted(found.line, key=found.line.__getitem__)[:most] if found else []
        return [self._entry(id) for id in ids]

    def offers(self, round: str) -> list[Entry]:
        """Those to whom a place is offered, by rank."""
        self._see(round)
        found = self._index.round(self.subject, round)
        return (
            [self._entry(id) for id in sorted(found.offered, key=found.offered.__getitem__)] if found else []
        )

    def fix(self, round: str, fact: str, text: str, at: datetime) -> str:
        """Keep a fact about a round for good; the first one counts."""
        if not is_fact(fact):
            raise ValueError(f"no such fact: {fact}")
        known = self.fixed(round).get(fact)
        if known is not None:
            return known
        change = Change(self.subject, "", round, fact, text, self._who, at)
        self._learned.append(change)
        self._storage.work.changes.append(change)
        self.changed.add(round)
        return text

    def fixed(self, round: str) -> dict[str, str]:
        """The facts about a round."""
        self._see(round)
        found = dict(self._facts.get(self.subject, {}).get(round, {}))
        return found | {each.after: each.cause for each in self._learned if each.before == round}

    def position(self, entry: Entry) -> int | None:
        """1 for the first in line; None when the entry does not wait."""
        self._see(entry.round)
        found = self._index.round(self.subject, entry.round)
        id = self._index.by_number.get(entry.number)
        if not found or id not in found.line:
            return None
        own = found.line[id]
        return 1 + sum(rank < own for rank in found.line.values())

    def entries(self, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        """Entries of the subject, by round and rank."""
        wanted = frozenset(states)
        rounds = self._index.rounds.get(self.subject, {})
        found = []
        for name in sorted(rounds) if round is None else [round] if round in rounds else []:
            self._see(name)
            members = rounds[name].members
            found += [self._entry(id) for id in sorted(members, key=members.__getitem__)]
        return [entry for entry in found if not wanted or entry.state in wanted]

    def used(self, person: str, key: str) -> int:
        """How much of a cap this person has used up."""
        self.seen = self._storage.batches.last
        return self._index.used.get((key, person), 0)

    def tell(self, kind: str, number: str, due: datetime) -> None:
        """Keep a message to send."""
        self._storage.work.messages.append((kind, self.subject, number, due))

    def mark(self, ticket: int) -> None:
        """Remember which write the changed rounds rest on, and the new facts; called under the lock."""
        for round in self.changed:
            self._touched[self.subject, round] = ticket
        for change in self._learned:
            _learn(self._facts, change)

    def _seat(self, entry: Entry, seats: Sequence[Seat]) -> str:
        counts = self.counts(entry.round)
        for seat in seats:
            if seat.has_room(counts, entry.size):
                return seat.state
        ceilings = {seat.state: seat.ceiling for seat in seats}
        waiting = ceilings.pop("waiting", 0)
        raise Full(places=max(ceilings.values(), default=0), waiting=waiting)

    def _same(self, id: int, entry: Entry) -> Entry:
        """The answer to a submission that was kept before. Raises Invalid when it was not this one."""
        found = self._entry(id)
        if (found.person, found.subject, found.round) != (entry.person, entry.subject, entry.round):
            raise Invalid(
                [
                    FieldError(
                        "submission_id", "이미 보낸 신청서입니다. 신청 화면을 새로 열어 다시 적어 주세요."
                    )
                ]
            )
        return found

    def _mine(self, id: int) -> Entry | None:
        entry = self._entry(id)
        return entry if entry.subject == self.subject else None

    def _entry(self, id: int) -> Entry:
        document = self._storage.documents(TABLE)[id]
        self.seen = max(self.seen, self._touched.get((document["subject"], document["round"]), 0))
        return to_entry(document)

    def _see(self, round: str) -> None:
        self.seen = max(self.seen, self._touched.get((self.subject, round), 0))

    def _note(self, entry: Entry, before: str) -> None:
        self.changed.add(entry.round)
        self._storage.work.changes.append(
            Change(self.subject, entry.number, before, entry.state, entry.cause, self._who, entry.changed)
        )


def _learn(facts: Facts, change: Change) -> None:
    """Take in a line of the journal when it is a fact about a round."""
    if change.number == "" and is_fact(change.after):
        rounds = facts.get(change.subject, {})
        round = {change.after: change.cause} | rounds.get(change.before, {})
        facts[change.subject] = {**rounds, change.before: round}


def _read(question: Callable[[], T]) -> T:
    try:
        return question()
    except sqlite3.Error as err:
        log.error("reading failed: %s", err)
        raise Unavailable(retry_after=60) from err
