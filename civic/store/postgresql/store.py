"""Entries in PostgreSQL: any number of processes on any number of hosts may work on one database at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Result, delete, exc, func, select, text, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from civic.errors import Unavailable
from civic.store.book import Change, Message, is_fact
from civic.store.entry import Counts, Entry
from civic.store.postgresql.book import PostgresBook
from civic.store.postgresql.connection import Limits, answering, engine_for, is_outage, shown
from civic.store.postgresql.rows import CHANGE, ENTRY, MESSAGE, to_change, to_entry, to_message
from civic.store.postgresql.schema import check, check_sealed, why
from civic.store.postgresql.tables import ENTRIES, JOURNAL, KEYS, OUTBOX, ROUNDS

FRESH = 5.0  # seconds for which a successful answer of the server counts as health
KEY_KNOWN = 1.0  # seconds; every sign-up of a rush needs its subject's key
NOT_KNOWN = (
    "접수되었는지 확인하지 못했습니다. 잠시 뒤에 같은 화면에서 다시 보내 주세요. 두 번 접수되지는 않습니다."
)


class PostgresStore:
    """The store behind `postgresql://user@host/name`."""

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        """Raises Misuse, with what to do, when the server cannot be reached, loses acknowledged
        entries at a power cut (synchronous_commit off), its tables are not of this version, or keys were lost.
        """
        self._limits = limits or Limits()
        asking = engine_for(url, self._limits)
        try:
            level = check(asking)
            check_sealed(asking)
        finally:
            asking.dispose()
        self._engine = engine_for(url, self._limits, synchronous_commit=level)
        # The same pool; a single reading statement needs no transaction around it.
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._answered = time.monotonic()
        self._here = threading.local()
        self._facts: dict[str, tuple[dict[str, dict[str, str]], float]] = {}  # lately read, and until when
        self._keys: dict[str, tuple[bytes, float]] = {}  # wrapped keys lately read, and until when they count

    @property
    def trouble(self) -> str:
        if time.monotonic() - self._answered < FRESH:
            return ""
        try:
            self._read(text("SELECT 1"))
        except Unavailable as err:
            where = f"{shown(self._engine)}: {why(err.__cause__)}"
            return f"PostgreSQL 서버가 답하지 않습니다({where}). 서버와 연결을 확인하세요."
        return ""

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[PostgresBook]:
        if getattr(self._here, "open", False):
            raise RuntimeError("a book is open in this thread already")
        retry_after = self._limits.retry_after
        with answering(retry_after):
            connection = self._engine.connect()
        self._here.open = True
        try:
            book = PostgresBook(connection, subject, who, retry_after)
            yield book
            book.settle()
            # The answer to a commit can get lost after the server has done it: the citizen must not
            # be told that nothing was kept. The same submission id finds out.
            with answering(retry_after, NOT_KNOWN):
                connection.commit()
            if book.learned:
                self._facts.pop(subject, None)
            self._answered = time.monotonic()
        except BaseException:
            _undo(connection)
            raise
        finally:
            self._here.open = False
            connection.close()

    def find(self, number: str) -> Entry | None:
        row = self._read(select(*ENTRY).where(ENTRIES.c.number == number)).one_or_none()
        return to_entry(row) if row else None

    def counts(self, subject: str) -> dict[str, Counts]:
        columns = (ROUNDS.c.round, ROUNDS.c.taken, ROUNDS.c.waiting, ROUNDS.c.received)
        rows = self._read(select(*columns).where(ROUNDS.c.subject == subject, ROUNDS.c.last_rank > 0))
        return {row[0]: Counts(*row[1:]) for row in rows}

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        """As the contract says; what another process fixes is noticed within KEY_KNOWN seconds."""
        known, until = self._facts.get(subject, ({}, 0.0))
        if time.monotonic() < until:
            return known
        here = (JOURNAL.c.number == "", JOURNAL.c.subject == subject)
        lines = select(JOURNAL.c.before, JOURNAL.c.after, JOURNAL.c.cause).where(*here)
        found: dict[str, dict[str, str]] = {}
        for round, fact, said in self._read(lines.order_by(JOURNAL.c.id)):
            if is_fact(fact):
                found.setdefault(round, {}).setdefault(fact, said)
        self._facts[subject] = found, time.monotonic() + KEY_KNOWN
        return found

    def subjects(self) -> list[str]:
        return sorted(self._read(select(ROUNDS.c.subject).where(ROUNDS.c.last_rank > 0).distinct()).scalars())

    def history(self, number: str) -> list[Change]:
        lines = select(*CHANGE).where(JOURNAL.c.number == number).order_by(JOURNAL.c.id)
        return [to_change(row) for row in self._read(lines)]

    def messages(self, now: datetime, most: int = 100) -> list[Message]:
        due = select(*MESSAGE).where(OUTBOX.c.due <= now).order_by(OUTBOX.c.due, OUTBOX.c.id)
        return [to_message(row) for row in self._read(due.limit(most))]

    def claim(self, message: Message, until: datetime) -> bool:
        mine = update(OUTBOX).where(OUTBOX.c.id == message.id, OUTBOX.c.due == message.due).values(due=until)
        return self._read(mine.returning(OUTBOX.c.id)).first() is not None

    def sent(self, message: Message) -> None:
        self._read(delete(OUTBOX).where(OUTBOX.c.id == message.id))

    def wrapped_key(self, subject: str) -> bytes | None:
        """As the contract says; another process that destroys the key is noticed within KEY_KNOWN seconds."""
        known, until = self._keys.get(subject, (None, 0.0))
        if known and time.monotonic() < until:
            return known
        found: bytes | None = self._read(select(KEYS.c.wrapped).where(KEYS.c.subject == subject)).scalar()
        if found:
            self._keys[subject] = found, time.monotonic() + KEY_KNOWN
        else:
            self._keys.pop(subject, None)
        return found

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        new = insert(KEYS).values(subject=subject, wrapped=wrapped)
        kept = new.on_conflict_do_update(
            index_elements=[KEYS.c.subject],
            set_={"wrapped": func.coalesce(KEYS.c.wrapped, new.excluded.wrapped), "dropped": None},
        )
        found: bytes = self._read(kept.returning(KEYS.c.wrapped)).scalar_one()
        return found

    def drop_key(self, subject: str, at: datetime) -> None:
        # Three tables, one statement: the key is gone if and only if the answers are and the journal says so.
        emptied = (
            update(ENTRIES).where(ENTRIES.c.subject == subject, ENTRIES.c.sealed != b"").values(sealed=b"")
        )
        gone = insert(KEYS).values(subject=subject, wrapped=None, dropped=at)
        gone = gone.on_conflict_do_update(
            index_elements=[KEYS.c.subject], set_={"wrapped": None, "dropped": gone.excluded.dropped}
        )
        line = Change(subject, "", "key", "destroyed", "retention", "clock", at)
        self._read(plain_insert(JOURNAL).values(vars(line)).add_cte(gone.cte("gone"), emptied.cte("emptied")))
        self._keys.pop(subject, None)

    def close(self) -> None:
        """Let the connections go; a block that is open in another thread still ends properly."""
        self._engine.dispose()

    def _read(self, statement: Executable) -> Result[*tuple[Any, ...]]:
        """One statement, whole by itself: durable when it returns if it changes anything."""
        with answering(self._limits.retry_after), self._reading.connect() as connection:
            result = connection.execute(statement)
            self._answered = time.monotonic()
            # All rows, before the connection goes back to the pool.
            return result.freeze()() if result.returns_rows else result


def _undo(connection: Any) -> None:
    """Roll back; where the connection is gone the server has done it."""
    try:
        connection.rollback()
    except exc.SQLAlchemyError as err:
        if not is_outage(err):
            raise
