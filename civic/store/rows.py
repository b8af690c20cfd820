"""The file beneath TinyDB: documents, journal and messages as rows of one SQLite database.

WAL with synchronous=FULL: when `write` returns, what it wrote survives the loss of power. One writer
at a time (the batch that is being committed); any number of readers in other processes.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.store.book import Change, Message
from civic.store.entry import Counts
from civic.store.folder import KEYS, check_entries, connect, explain, is_blank

VERSION = 1  # of the tables below, kept in SQLite's user_version
TABLES = """
CREATE TABLE documents (
    name TEXT NOT NULL,      -- TinyDB's table
    id INTEGER NOT NULL,     -- TinyDB's doc_id
    body TEXT NOT NULL,      -- JSON
    crc INTEGER NOT NULL,    -- of the body: a flipped bit is noticed
    PRIMARY KEY (name, id)
) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL, number TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    cause TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX journal_number ON journal (number);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, subject TEXT NOT NULL, number TEXT NOT NULL, due REAL NOT NULL
);
CREATE INDEX messages_due ON messages (due);
"""

# One insertion into this view writes a batch's documents and journal lines, given as JSON. Between two steps of SQLite
# the interpreter lock is let go, and among busy threads each return to it takes longer than a row: so it is one step.
BATCH = """
CREATE TEMP VIEW batch (kept, lines) AS SELECT NULL, NULL;
CREATE TEMP TRIGGER batch_written INSTEAD OF INSERT ON batch BEGIN
    INSERT INTO documents (name, id, body, crc)
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
            json_extract(value, '$[3]')
        FROM json_each(NEW.kept) WHERE true
        ON CONFLICT (name, id) DO UPDATE SET body = excluded.body, crc = excluded.crc;
    INSERT INTO journal (subject, number, before, after, cause, who, at)
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
            json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
            json_extract(value, '$[6]')
        FROM json_each(NEW.lines) ORDER BY key;
END;
"""
KEEP = "INSERT INTO batch (kept, lines) VALUES (?, ?)"
REMOVE = "DELETE FROM documents WHERE name = ? AND id = ?"
TELL = "INSERT INTO messages (kind, subject, number, due) VALUES (?, ?, ?, ?)"
SENT = "DELETE FROM messages WHERE id = ?"
AT_ONCE = 1000  # rows in one step

Document = dict[str, Any]


@dataclass
class Work:
    """What one transaction writes."""

    bodies: dict[tuple[str, int], str | None] = field(default_factory=dict)  # None removes the document
    changes: list[Change] = field(default_factory=list)
    messages: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    counts: dict[tuple[str, str], Counts] = field(default_factory=dict)  # (subject, round); not written

    def __bool__(self) -> bool:
        return bool(self.bodies or self.changes or self.messages or self.sent)


class Rows:
    """One SQLite file. Raises Misuse when it cannot be opened, sqlite3.Error when a write fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = threading.Lock()
        check_entries(path.parent)
        connections: list[sqlite3.Connection] = []
        try:
            for _ in range(2):
                connections.append(_connect(path))
            self._writer, self._reader = connections
            _prepare(self._writer, path)
            self._writer.execute("PRAGMA temp_store=MEMORY")  # a full /tmp is nobody's loss
            self._writer.executescript(BATCH)
            self._reader.execute("PRAGMA query_only=ON")
        except (sqlite3.Error, OSError) as err:
            for connection in connections:
                connection.close()
            raise Misuse(explain(err, path)) from err
        except Misuse:
            for connection in connections:
                connection.close()
            raise

    def load(self) -> dict[str, dict[int, Document]]:
        """Every document by table and id. Raises Misuse when a row is damaged."""
        tables: dict[str, dict[int, Document]] = {}
        try:
            rows = self._writer.execute("SELECT name, id, body, crc FROM documents ORDER BY name, id")
            for name, id, body, crc in rows:
                if zlib.crc32(body.encode()) != crc:
                    raise sqlite3.DatabaseError(f"damaged row {name} {id}")
                tables.setdefault(name, {})[id] = json.loads(body)
        except (sqlite3.Error, ValueError) as err:
            raise Misuse(explain(sqlite3.DatabaseError("damaged"), self.path)) from err
        return tables

    def write(self, batch: Sequence[Work]) -> None:
        """Make all of it durable, or nothing. The last word on a document counts."""
        bodies: dict[tuple[str, int], str | None] = {}
        for work in batch:
            bodies.update(work.bodies)
        kept = [(*key, body, zlib.crc32(body.encode())) for key, body in bodies.items() if body is not None]
        lines = [_journal_row(change) for work in batch for change in work.changes]
        steps: list[tuple[str, Sequence[Any]]] = [
            (KEEP, (_list(kept[start : start + AT_ONCE]), _list(lines[start : start + AT_ONCE])))
            for start in range(0, max(len(kept), len(lines)), AT_ONCE)
        ]
        steps += [(REMOVE, key) for key, body in bodies.items() if body is None]
        steps += [(TELL, (*words, due.timestamp())) for work in batch for *words, due in work.messages]
        steps += [(SENT, (id,)) for work in batch for id in work.sent]
        if len(steps) > 1:  # one statement is a transaction by itself
            steps = [("BEGIN IMMEDIATE", ()), *steps, ("COMMIT", ())]
        try:
            for statement, values in steps:
                self._writer.execute(statement, values)
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """What failed must stay absent after a restart too: a commit whose sync failed still lies in the log."""
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def history(self, number: str) -> list[Change]:
        """Journal lines of a receipt number, oldest first."""
        rows = self._read(
            "SELECT subject, number, before, after, cause, who, at FROM journal WHERE number = ? ORDER BY id",
            (number,),
        )
        return [_change(row) for row in rows]

    def journal(self) -> list[Change]:
        """The whole journal, oldest first."""
        rows = self._read(
            "SELECT subject, number, before, after, cause, who, at FROM journal ORDER BY id", ()
        )
        return [_change(row) for row in rows]

    def messages(self, now: datetime, most: int) -> list[Message]:
        """Messages due by then, oldest first."""
        rows = self._read(
            "SELECT id, kind, subject, number, due FROM messages WHERE due <= ? ORDER BY due, id LIMIT ?",
            (now.timestamp(), most),
        )
        return [
            Message(id, kind, subject, number, datetime.fromtimestamp(due, SEOUL))
            for id, kind, subject, number, due in rows
        ]

    def close(self) -> None:
        """Close the file; the last one to close leaves no WAL behind."""
        with self._reading:
            self._reader.close()
        self._writer.close()

    def _read(self, query: str, values: Iterable[Any]) -> list[Any]:
        with self._reading:
            return self._reader.execute(query, tuple(values)).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    connection = connect(path, timeout=5)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """A new file gets its tables; an old one is checked. Raises Misuse for a file of a newer Madang, or one without
    tables beside keys that were in use."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")  # pages: 16 MB of log before it is folded in
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 and not is_blank(path.with_name(KEYS)):
        raise sqlite3.DatabaseError("damaged: no tables")
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")
    elif version != VERSION:
        raise Misuse(f"자료 파일이 다른 판의 마당에서 만들어졌습니다(자료 {version}, 프로그램 {VERSION}).")
    else:
        # A folder that became read-only is noticed now, not at the first citizen's post.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _change(row: tuple[str, ...]) -> Change:
    subject, number, before, after, cause, who, at = row
    return Change(subject, number, before, after, cause, who, datetime.fromisoformat(at).astimezone(SEOUL))


def _list(rows: Sequence[tuple[Any, ...]]) -> str:
    return json.dumps(rows, ensure_ascii=False)


def _journal_row(change: Change) -> tuple[str, ...]:
    return (
        change.subject,
        change.number,
        change.before,
        change.after,
        change.cause,
        change.who,
        change.at.isoformat(),
    )
