"""The store: entries, journal, facts, messages and wrapped keys in a database. One for SQLite and PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

from tinydb import where

from civic.clock import SEOUL, Clock
from civic.errors import Unavailable
from civic.store.book import Book
from civic.store.chain import BrokenLine, Chain, Line, Rounds, acts_of_staff, check_newest, too_early
from civic.store.entry import Counts, Entry, Overview, entry_of, is_fact
from civic.store.outbox import Outbox
from civic.store.session import Database
from civic.store.statements import DROP_KEY, ENTRY, ERASED, GENERATION, JOURNAL, KEEP_KEY, KEY_ROUND, chosen
from civic.store.tiny import ENTRIES, RowDatabase, RowStorage

MESSAGE = ("kind", "subject", "number", "key", "done")  # as in Message
KNOWN = 1.0  # seconds for which facts and keys that were read count
EMPTIED_AT_ONCE = 300  # entries of which the answers are taken out in one block: nobody waits long for it
NEWEST = "SELECT at FROM journal ORDER BY id DESC LIMIT 1"
T = TypeVar("T")


class _Given(threading.local):
    """Generation of the key that this thread was given last, by subject."""

    def __init__(self) -> None:
        self.generations: dict[str, int] = {}


class Store:
    """A place that keeps entries; `open` gives one transaction. Every method raises Unavailable when it cannot answer."""

    def __init__(self, database: Database, keys: Database) -> None:
        """keys: where the wrapped data keys lie. Takes both over: they end with the store."""
        self._database, self._keys = database, keys
        self._chain = Chain(b"")
        self._clock: Clock | None = None
        self._storage = RowStorage(database=database)
        self.database = RowDatabase(storage=lambda: self._storage)  # TinyDB's way to the same documents
        self._table = self.database.table(ENTRIES)
        self.outbox = Outbox(database, "messages", MESSAGE, is_summed=True)
        # What was read lately, and until when it counts.
        self._known: dict[tuple[str, str], tuple[Any, float]] = {}
        self._here = _Given()

    @property
    def trouble(self) -> str:
        """ "" where something can be kept now (it is tried, and may take as long as a sign-up waits); otherwise what is
        wrong and what staff must do, in Korean."""
        return self._database.trouble or self._keys.trouble or self._behind()

    def trust(self, key: bytes) -> None:
        """Chain the journal under this key, which lies outside the data, from now on."""
        self._chain = Chain(key)

    def check_journal(self) -> None:
        """Raises Misuse where the newest lines or the facts are not as they were kept under the key that is trusted."""
        with self._database.snapshot() as session:
            check_newest(session, self._chain)

    def watch(self, clock: Clock) -> None:
        """Keep nothing while this clock lies more than BEHIND before the journal's newest line: somebody set it wrong."""
        self._clock = clock

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[Book]:
        """A transaction on one subject: one at a time per thread; nothing slow inside. who: the hand that acts."""
        if self._behind():
            raise Unavailable(retry_after=60)
        with self._database.transaction() as session, self._storage.using(session):
            rounds = Rounds(session, self._chain, subject, who)
            book = Book(session, self._table, rounds, subject, self._here.generations.get(subject))
            yield book
            book.settle()
        if book.has_fixed:
            self._known.pop(("facts", subject), None)

    def find(self, number: str) -> Entry | None:
        """The durable entry of a receipt number in any subject, or None."""
        found = self._database.read(f"{ENTRY} WHERE number = ?", (number,))
        return entry_of(*found[0]) if found else None

    def of_contact(self, contact: str) -> list[Entry]:
        """The durable entries of a contact (keyed hash) in all subjects, newest first."""
        found = self._database.read(f"{ENTRY} WHERE contact = ?", (contact,))
        return sorted((entry_of(*row) for row in found), key=lambda entry: entry.received, reverse=True)

    def counts(self, subject: str) -> dict[str, Counts]:
        """Durable counts per round: read by every status request, outside any transaction."""
        statement = "SELECT round, taken, waiting, received FROM rounds WHERE subject = ? AND last_rank > 0"
        return {round: Counts(*numbers) for round, *numbers in self._database.read(statement, (subject,))}

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        """The facts about each round of a subject, cheap: round -> name -> text. May be a second old."""

        def read() -> dict[str, dict[str, str]]:
            found: dict[str, dict[str, str]] = {}
            rows = self._database.read("SELECT round, name, text FROM facts WHERE subject = ?", (subject,))
            for round, name, text in rows:
                if is_fact(name):
                    found.setdefault(round, {})[name] = text
            return found

        return self._lately(("facts", subject), read)

    def overview(self) -> dict[str, Overview]:
        """Counts and facts of every subject that has any, in one question."""
        found: dict[str, Overview] = {}
        for subject, round, name, text, taken, waiting, received in self._database.read(
            "SELECT subject, round, '', '', taken, waiting, received FROM rounds WHERE last_rank > 0 "
            "UNION ALL SELECT subject, round, name, text, 0, 0, 0 FROM facts"
        ):
            each = found.get(subject) or found.setdefault(subject, Overview())
            if not name:
                each.counts[round] = Counts(taken, waiting, received)
            elif is_fact(name):
                each.facts.setdefault(round, {})[name] = text
        return found

    def subjects(self) -> list[str]:
        """Every subject that has entries, sorted."""
        rows = self._database.read("SELECT DISTINCT subject FROM rounds WHERE last_rank > 0")
        return sorted(subject for (subject,) in rows)

    def entries(self, subject: str, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        """As `Book.entries`, of one moment and to be shown, not decided by: no sign-up waits for it."""
        with self._database.snapshot() as session:
            rows = session.rows(*chosen(subject, round, states))
        return [entry_of(*row) for row in rows]

    def history(self, number: str) -> list[Line]:
        """What happened to an entry, oldest first."""
        rows = self._database.read(f"{JOURNAL} WHERE number = ? ORDER BY id", (number,))
        return list(map(Line._make, rows))

    def lease(self, task: str, holder: str, seconds: float) -> bool:
        """Lead a task for so long, by the database's clock, or go on leading it; False while another does."""
        now = self._database.dialect.now
        statement = (
            f"INSERT INTO leases (task, holder, until) VALUES (?, ?, {now} + ?) "  # noqa: S608 (own words)
            "ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, until = excluded.until "
            f"WHERE leases.holder = excluded.holder OR leases.until <= {now}"
        )
        with self._database.transaction() as session:
            return bool(session.run(statement, (task, holder, seconds)).rowcount)

    def acts_of_staff(self) -> tuple[list[Line], list[BrokenLine]]:
        """What staff did, oldest first, and what of it is not as it was kept under the key that is trusted."""
        with self._database.snapshot() as session:
            return acts_of_staff(session, self._chain)

    def wrapped_key(self, subject: str) -> bytes | None:
        """The subject's data key, wrapped by the master key; None before `keep_key` or after destruction.

        That another process destroyed it is noticed a second later, and by `add` at once.
        """

        def read() -> tuple[bytes | None, int]:
            generation = self._generation(subject)
            return self._key(subject, generation), generation

        wrapped, generation = self._lately(("key", subject), read)
        if wrapped is None:  # another process may make one
            self._known.pop(("key", subject), None)
        self._here.generations[subject] = generation
        return wrapped

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        """Keep a wrapped data key unless the subject has one; returns the one that counts."""
        generation = self._generation(subject)
        with self._keys.transaction() as session:
            session.run(KEEP_KEY, (subject, wrapped, generation))
        self._here.generations[subject] = generation
        return self._key(subject, generation) or wrapped

    def wrapped_keys(self) -> dict[str, bytes]:
        """Every wrapped key that is there, by subject."""
        rows = self._keys.read("SELECT subject, wrapped FROM keys WHERE dropped = '' ORDER BY subject")
        return {subject: bytes(wrapped) for subject, wrapped in rows}

    def rewrap(self, rewrapped: Callable[[str, bytes], bytes | None]) -> int:
        """Put each wrapped key anew, and leave no trace of the old ones; how many. rewrapped: None leaves one as it is."""
        count, change = 0, "UPDATE keys SET wrapped = ? WHERE subject = ? AND wrapped = ?"
        for subject, wrapped in self.wrapped_keys().items():
            if fresh := rewrapped(subject, wrapped):
                with self._keys.transaction() as session:
                    count += session.run(change, (fresh, subject, wrapped)).rowcount
        self._known.clear()
        self._keys.vacuum(("keys",))
        return count

    def drop_key(self, subject: str, at: datetime) -> None:
        """Destroy the subject's data key and take its sealed answers out: they can never be read here again.

        Numbers, states, ranks, times and keyed hashes stay. Again it changes nothing more. The fact decides: from then
        on nothing is sealed with the key, and the next start finishes what a crash left over.
        """
        if not self._empty(subject) and self._key(subject, self._generation(subject)) is None:
            return
        with self.open(subject, who="clock") as book:
            book.counts(KEY_ROUND)  # one at a time
            ids = self._sealed(subject)
            self._take_out(ids)
            ((times,),) = self._storage.rows(GENERATION, (subject,))
            book.state(KEY_ROUND, f"destroyed:{times + 1}", "retention", at)
        self._destroy(subject, at, times + 1)

    def finish_destroying(self) -> set[str]:
        """Destroy the keys of which that is a fact, as a crash left them; all subjects that ever had a key."""
        facts = "SELECT subject, count(*) FROM facts WHERE round = 'key' GROUP BY subject"
        destroyed: dict[str, int] = dict(self._database.read(facts))
        known = self._keys.read("SELECT subject, dropped, generation FROM keys")
        for subject, dropped, generation in known:
            if not dropped and generation < destroyed.get(subject, 0):
                self._destroy(subject, datetime.now(SEOUL), destroyed[subject])
        return {subject for subject, *_ in known}

    def scrub(self) -> bool:
        """Write the files anew when something was erased since the last time, so that nothing of it is left in them.

        False when nothing was. Others wait meanwhile. Raises Unavailable: then it stays to be done.
        """
        due = self._database.read("SELECT until FROM leases WHERE task = 'scrub'")
        if due:
            self._keys.vacuum(("keys",))
            self._database.vacuum(("entries", "caps", "journal"))
            with self._database.transaction() as session:
                session.run("DELETE FROM leases WHERE task = 'scrub' AND until = ?", due[0])
        return bool(due)

    def close(self) -> None:
        """Let go of everything; a block that is open in another thread still ends properly."""
        self._keys.close()
        self._database.close()

    def _behind(self) -> str:
        """ "" or what is wrong with the clock."""
        if self._clock is None:
            return ""
        rows = self._lately(("newest", ""), lambda: self._database.read(NEWEST))
        return too_early(self._clock.now(), datetime.fromisoformat(rows[0][0]) if rows else None)

    def _lately(self, key: tuple[str, str], read: Callable[[], T]) -> T:
        """What was read less than KNOWN seconds ago, or is read now."""
        found, until = self._known.get(key, (None, 0.0))
        if time.monotonic() >= until:
            found = read()
            self._known[key] = found, time.monotonic() + KNOWN
        return cast("T", found)

    def _generation(self, subject: str) -> int:
        """How many keys of the subject were destroyed: the key of that generation counts."""
        return int(self._database.read(GENERATION, (subject,))[0][0])

    def _key(self, subject: str, generation: int) -> bytes | None:
        statement = "SELECT wrapped FROM keys WHERE subject = ? AND generation = ? AND dropped = ''"
        found = self._keys.read(statement, (subject, generation))
        return bytes(found[0][0]) if found else None

    def _destroy(self, subject: str, at: datetime, generation: int) -> None:
        """Of all generations before; the time stays as evidence."""
        with self._keys.transaction() as session:
            session.run(DROP_KEY, (subject, b"", at.isoformat(), generation))
        self._known.pop(("key", subject), None)

    def _sealed(self, subject: str) -> list[int]:
        """Ids of the entries of a subject that hold answers."""
        found = self._table.search((where("subject") == subject) & (where("sealed") != ""))
        return [document.doc_id for document in found]

    def _empty(self, subject: str) -> bool:
        """Take what was sealed out of a subject's entries, a few at a time; was there any?"""
        ids = self._sealed(subject)
        for start in range(0, len(ids), EMPTIED_AT_ONCE):
            with self.open(subject, who="clock"):
                self._take_out(ids[start : start + EMPTIED_AT_ONCE])
        return bool(ids)

    def _take_out(self, ids: list[int]) -> None:
        self._table.update({"sealed": ""}, doc_ids=ids)
        self._storage.rows(ERASED)
