"""The store: entries, journal, facts, messages and wrapped keys in a database. One for SQLite and PostgreSQL."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tinydb import where

from civic.clock import SEOUL
from civic.errors import Misuse, Unavailable
from civic.store.book import Change, Message, Overview, is_fact
from civic.store.documents import document_of, line_sum, to_change, to_entry, to_message
from civic.store.entry import Counts, Entry
from civic.store.folder import ENTRIES as ENTRIES_FILE
from civic.store.folder import KEYS, check_keys, explain, is_blank
from civic.store.keys import KeyTable, key_file
from civic.store.promises import RowPromises
from civic.store.rows import RowBook
from civic.store.session import Database
from civic.store.sqlite import SqliteDatabase
from civic.store.staff_log import StaffLog
from civic.store.statements import ERASED, GENERATION, KEY_ROUND, chosen
from civic.store.tiny import ENTRIES, RowDatabase, RowStorage

if TYPE_CHECKING:
    from civic.store.postgresql_server import Limits

KNOWN = 1.0  # seconds for which facts and keys that were read count
EMPTIED_AT_ONCE = 300  # entries of which the answers are taken out in one block: nobody waits long for it
CHANGE = "SELECT subject, number, before, after, cause, who, at FROM journal"
MESSAGE = "SELECT id, kind, subject, number, due FROM messages"
log = logging.getLogger("madang.store")


class RowStore:
    """See `civic.store.book.Store` for what each method promises."""

    def __init__(self, database: Database, keys: KeyTable) -> None:
        """Takes both over: they end with the store."""
        self._database = database
        self._keys = keys
        self._storage = RowStorage(database=database)
        self.database = RowDatabase(storage=lambda: self._storage)  # TinyDB's way to the same documents
        self._table = self.database.table(ENTRIES)
        # Facts lately read, and until when they count; of other subjects there were none until then.
        self._known_facts: dict[str, tuple[dict[str, dict[str, str]], float]] = {}
        self._no_others_until = 0.0
        self._known_keys: dict[
            str, tuple[bytes, int, float]
        ] = {}  # wrapped, generation, until when they count
        self._here = threading.local()  # generation of the key that this thread was given last, by subject

    @property
    def trouble(self) -> str:
        return self._database.trouble or self._keys.place.trouble

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[RowBook]:
        with self._database.transaction() as session, self._storage.using(session):
            book = RowBook(
                session, self._storage, self._table, subject, who, self._sealed_with().get(subject)
            )
            yield book
            book.settle()
        if book.has_fixed:
            self._known_facts[subject] = {}, 0.0

    def find(self, number: str) -> Entry | None:
        found = self._database.read("SELECT id, body, checksum FROM entries WHERE number = ?", (number,))
        return to_entry(document_of(ENTRIES, *found[0])) if found else None

    def of_contact(self, contact: str) -> list[Entry]:
        """The durable entries of a contact (keyed hash) in all subjects, newest first."""
        found = self._database.read("SELECT id, body, checksum FROM entries WHERE contact = ?", (contact,))
        entries = [to_entry(document_of(ENTRIES, *row)) for row in found]
        return sorted(entries, key=lambda entry: entry.received, reverse=True)

    def counts(self, subject: str) -> dict[str, Counts]:
        statement = "SELECT round, taken, waiting, received FROM rounds WHERE subject = ? AND last_rank > 0"
        return {round: Counts(*numbers) for round, *numbers in self._database.read(statement, (subject,))}

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        known, until = self._known_facts.get(subject, ({}, self._no_others_until))
        if time.monotonic() < until:
            return known
        found: dict[str, dict[str, str]] = {}
        rows = self._database.read("SELECT round, name, text FROM facts WHERE subject = ?", (subject,))
        for round, name, text in rows:
            if is_fact(name):
                found.setdefault(round, {})[name] = text
        self._known_facts[subject] = found, time.monotonic() + KNOWN
        return found

    def overview(self) -> dict[str, Overview]:
        found: dict[str, Overview] = {}
        for subject, round, name, text, *numbers in self._database.read(
            "SELECT subject, round, '', '', taken, waiting, received FROM rounds WHERE last_rank > 0 "
            "UNION ALL SELECT subject, round, name, text, 0, 0, 0 FROM facts"
        ):
            each = found.get(subject)
            if each is None:
                each = found[subject] = Overview()
            if not name:
                each.counts[round] = Counts(*numbers)
            elif is_fact(name):
                each.facts.setdefault(round, {})[name] = text
        until = time.monotonic() + KNOWN
        self._known_facts = {subject: (each.facts, until) for subject, each in found.items()}
        self._no_others_until = until
        return found

    def subjects(self) -> list[str]:
        rows = self._database.read("SELECT DISTINCT subject FROM rounds WHERE last_rank > 0")
        return sorted(subject for (subject,) in rows)

    def entries(self, subject: str, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        with self._database.snapshot() as session:
            rows = session.rows(*chosen(subject, round, states))
        return [to_entry(document_of(ENTRIES, *row)) for row in rows]

    def history(self, number: str) -> list[Change]:
        return [
            to_change(*row)
            for row in self._database.read(f"{CHANGE} WHERE number = ? ORDER BY id", (number,))
        ]

    def messages(self, now: datetime, most: int = 100) -> list[Message]:
        rows = self._database.read(
            f"{MESSAGE} WHERE due <= ? ORDER BY due, id LIMIT ?", (now.timestamp(), most)
        )
        return [to_message(*row) for row in rows]

    def claim(self, message: Message, until: datetime) -> bool:
        due = until.timestamp()
        kept = line_sum(message.kind, message.subject, message.number, due)
        with self._database.transaction() as session:
            mine = "UPDATE messages SET due = ?, checksum = ? WHERE id = ? AND due = ?"
            return bool(session.run(mine, (due, kept, message.id, message.due.timestamp())).number)

    def sent(self, message: Message) -> None:
        with self._database.transaction() as session:
            session.run("DELETE FROM messages WHERE id = ?", (message.id,))

    def lease(self, task: str, holder: str, seconds: float) -> bool:
        now = self._database.dialect.now
        statement = (
            f"INSERT INTO leases (task, holder, until) VALUES (?, ?, {now} + ?) "  # noqa: S608 (own words)
            "ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, until = excluded.until "
            f"WHERE leases.holder = excluded.holder OR leases.until <= {now}"
        )
        with self._database.transaction() as session:
            return bool(session.run(statement, (task, holder, seconds)).number)

    def log(self, key: bytes) -> StaffLog:
        return StaffLog(self.database, self._storage, key)

    @property
    def promises(self) -> RowPromises:
        return RowPromises(self.database, self._storage)

    # ------------------------------------------------------------ keys

    def wrapped_key(self, subject: str) -> bytes | None:
        """As the contract says; that another process destroyed it is noticed a second later, and by `add` at once."""
        known = self._known_keys.get(subject)
        if known is None or time.monotonic() >= known[2]:
            generation = self._generation(subject)
            wrapped = self._keys.get(subject, generation)
            if wrapped is None:
                self._known_keys.pop(subject, None)
                self._sealed_with()[subject] = generation
                return None
            known = self._known_keys[subject] = wrapped, generation, time.monotonic() + KNOWN
        self._sealed_with()[subject] = known[1]
        return known[0]

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        generation = self._generation(subject)
        kept = self._keys.keep(subject, wrapped, generation)
        self._sealed_with()[subject] = generation
        return kept

    def wrapped_keys(self) -> dict[str, bytes]:
        return {subject: wrapped for subject, wrapped, *_ in self._keys.everything() if wrapped}

    def rewrap(self, rewrapped: Callable[[str, bytes], bytes | None]) -> int:
        count = 0
        for subject, wrapped in self.wrapped_keys().items():
            fresh = rewrapped(subject, wrapped)
            count += bool(fresh and self._keys.replace(subject, wrapped, fresh))
        self._known_keys.clear()
        self._keys.place.vacuum(("keys",))
        return count

    def drop_key(self, subject: str, at: datetime) -> None:
        """The fact decides: from then on nothing is sealed with the key, and `open` finishes what a crash left over."""
        if not self._empty(subject) and self._keys.get(subject, self._generation(subject)) is None:
            return
        with self.open(subject, who="clock") as book:
            book.counts(KEY_ROUND)  # one at a time
            ids = self._sealed(subject)
            self._take_out(ids)
            ((times,),) = self._storage.rows(GENERATION, (subject,))
            book.state(KEY_ROUND, f"destroyed:{times + 1}", "retention", at)
        self._keys.drop(subject, at)
        self._known_keys.pop(subject, None)

    def scrub(self) -> bool:
        due = self._database.read("SELECT until FROM leases WHERE task = 'scrub'")
        if due:
            self._keys.place.vacuum(("keys",))
            self._database.vacuum(("entries", "caps"))
            with self._database.transaction() as session:
                session.run("DELETE FROM leases WHERE task = 'scrub' AND until = ?", due[0])
        return bool(due)

    def checked(self, place: str) -> Self:
        """Finish what a crash left of keys whose destruction is a fact. Raises Misuse where keys were lost."""
        destroyed: dict[str, int] = dict(
            self._database.read("SELECT subject, count(*) FROM facts WHERE round = 'key' GROUP BY subject")
        )
        known = self._keys.everything()
        for subject, wrapped, _, generation in known:
            if wrapped and generation < destroyed.get(subject, 0):
                self._keys.drop(subject, datetime.now(SEOUL), destroyed[subject])
        lost = sealed_subjects(self._database, {subject for subject, *_ in known})
        if lost:
            raise Misuse(
                f"봉인된 신청이 있는데 감싼 열쇠(keys 표)가 없습니다: {', '.join(lost)}. 새 열쇠로는 지난 신청을 열 수 없어 "
                f"시작하지 않습니다. 백업에서 keys 표를 되살리세요. ({place.rpartition('@')[2]})"
            )
        return self

    def close(self) -> None:
        """Let go of everything; a block that is open in another thread still ends properly."""
        self._keys.place.close()
        self._database.close()

    def _generation(self, subject: str) -> int:
        return int(self._database.read(GENERATION, (subject,))[0][0])

    def _sealed_with(self) -> dict[str, int]:
        if not hasattr(self._here, "generations"):
            self._here.generations = {}
        found: dict[str, int] = self._here.generations
        return found

    def _sealed(self, subject: str) -> list[int]:
        """Ids of the entries of a subject that hold answers."""
        return [
            document.doc_id
            for document in self._table.search(where("subject") == subject)
            if document["sealed"]
        ]

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


def open_folder(folder: Path) -> RowStore:
    """The store of a data folder, made when missing. Raises Misuse."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise Misuse(explain(err, folder)) from err
    database = SqliteDatabase(folder / ENTRIES_FILE)
    try:
        path = folder / KEYS
        if is_blank(path):
            check_keys(path, sealed_subjects(database, set()))
        keys = KeyTable(key_file(path))
        known = {subject for subject, *_ in keys.everything()}
        check_keys(path, sealed_subjects(database, known), known)
        return RowStore(database, keys).checked(str(folder))
    except Unavailable as err:
        database.close()
        raise Misuse(explain(err, folder)) from err
    except BaseException:
        database.close()
        raise


def open_database(url: str, limits: Limits | None = None) -> RowStore:
    """The store of a PostgreSQL database. Raises Misuse."""
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import PostgresDatabase

    database = PostgresDatabase(url, limits)
    try:
        return RowStore(database, KeyTable(database)).checked(url)
    except BaseException:
        database.close()
        raise


def sealed_subjects(database: Database, known: set[str]) -> list[str]:
    """Subjects of which something is sealed, but for those that are known; sorted."""
    rows = database.read("SELECT DISTINCT subject FROM rounds WHERE last_rank > 0")
    sealed = f"SELECT 1 FROM entries WHERE subject = ? AND {database.dialect.field('sealed')} <> '' LIMIT 1"  # noqa: S608
    return sorted(
        subject for (subject,) in rows if subject not in known and database.read(sealed, (subject,))
    )
