"""Everything a store holds, read at one moment, put into another, and compared by counts and hashes. Opens nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from civic.clock import SEOUL
from civic.store.book import Change, Message
from civic.store.documents import (
    DamagedError,
    body_of,
    checksum,
    document_of,
    held,
    line_sum,
    to_change,
    to_document,
    to_entry,
    to_message,
)
from civic.store.entry import Entry
from civic.store.session import Row, Transaction
from civic.store.statements import COLUMNS, FIX, NOTE, TELL, RoundCounters
from civic.store.tables import BOXES

Held = list[
    tuple[str, int, list[str]]
]  # caps of an entry: key, amount, states besides the live ones that count
Key = tuple[
    str, bytes | None, datetime | None, int
]  # subject, wrapped key, when it was destroyed, generation
Fact = tuple[str, str, str, str]  # subject, round, name, text
Counters = dict[tuple[str, str], tuple[int, ...]]  # (subject, round): as rows.COLUMNS
NAMES = ("신청", "회차별 인원", "한도 사용량", "정해진 것", "기록", "보낼 알림", "열쇠", "투표함")
AT_ONCE = 1000  # rows that are sent together
ENTRY = "INSERT INTO entries (body, checksum) VALUES (?, ?)"
ROUND = f"INSERT INTO rounds (subject, round, {', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
KEY = "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, ?, ?)"


@dataclass
class Contents:
    """All that must arrive. `counters` and `used` follow from the entries; here they are as they were kept."""

    entries: list[tuple[Entry, Held]] = field(default_factory=list)
    counters: Counters = field(default_factory=dict)
    used: dict[tuple[str, str], int] = field(default_factory=dict)  # (cap key, person)
    facts: list[Fact] = field(default_factory=list)
    journal: list[Change] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    boxes: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing at all, not even a key."""
        return not any(
            (self.entries, self.facts, self.journal, self.messages, self.keys, *self.boxes.values())
        )

    def digests(self) -> dict[str, tuple[int, str]]:
        """What -> (how many, SHA-256): equal on both sides when and only when all of it is equal."""
        parts: tuple[Iterable[Any], ...] = (
            sorted(([*vars(entry).values()], caps) for entry, caps in self.entries),
            sorted([*key, *numbers] for key, numbers in self.counters.items()),
            sorted([*key, amount] for key, amount in self.used.items() if amount),
            sorted(self.facts),
            (list(vars(change).values()) for change in self.journal),
            sorted([m.due.timestamp(), m.kind, m.subject, m.number] for m in self.messages),
            sorted(self.keys, key=lambda key: key[0]),
            sorted([name, *row] for name, rows in self.boxes.items() for row in rows),
        )
        return {name: _digest(part) for name, part in zip(NAMES, parts, strict=True)}


def counted(entries: Iterable[tuple[Entry, Held]]) -> tuple[Counters, dict[tuple[str, str], int]]:
    """Counters per round and use per cap, worked out from the entries alone."""
    rounds: dict[tuple[str, str], RoundCounters] = {}
    used: dict[tuple[str, str], int] = {}
    for entry, caps in entries:
        round = rounds.setdefault((entry.subject, entry.round), RoundCounters())
        round.count(entry.state, entry.size)
        round.last_rank = max(round.last_rank, entry.rank)
        for key, amount in held(caps, entry.state).items():
            used[key, entry.person] = used.get((key, entry.person), 0) + amount
    return {key: tuple(getattr(round, name) for name in COLUMNS) for key, round in rounds.items()}, used


def read_contents(session: Transaction, damaged: list[tuple[str, str]]) -> Contents:
    """All but keys and boxes. damaged: gets (what a row is, its receipt number or "") of each that is not as written."""
    contents = Contents()
    for number, *row in session.rows("SELECT number, id, body, checksum FROM entries ORDER BY id"):
        try:
            document = document_of("entries", *row)
            caps = [(key, amount, list(states)) for key, amount, states in document["caps"]]
            contents.entries.append((to_entry(document), caps))
        except (DamagedError, KeyError, ValueError, TypeError):
            damaged.append((f"신청 {row[0]}", str(number or "")))
    rounds = session.rows(f"SELECT subject, round, {', '.join(COLUMNS)} FROM rounds WHERE last_rank > 0")  # noqa: S608
    contents.counters = {(subject, round): tuple(numbers) for subject, round, *numbers in rounds}
    contents.used = {
        (key, person): used for key, person, used in session.rows("SELECT key, person, used FROM caps")
    }
    contents.facts = [
        (row[0], row[1], row[2], row[3])
        for row in _summed(session, "facts", "subject, round, name, text", "subject, round, name", damaged)
    ]
    journal = _summed(session, "journal", "subject, number, before, after, cause, who, at", "id", damaged)
    contents.journal = [to_change(*row) for row in journal]
    messages = _summed(session, "messages", "kind, subject, number, due", "due, id", damaged)
    contents.messages = [to_message(0, *row) for row in messages]
    for name, id, *rest in session.rows("SELECT name, id, body, checksum FROM documents"):
        try:
            document_of(name, id, *rest)
        except DamagedError as err:
            damaged.append((err.what, ""))
    return contents


def read_boxes(session: Transaction, there: Iterable[str] = BOXES) -> dict[str, list[Row]]:
    """Every row of the ballot boxes, in the order of their keys, which tells nothing of time."""
    return {name: sorted(session.rows(f"SELECT * FROM {name}")) for name in BOXES if name in there}  # noqa: S608


def write_contents(session: Transaction, contents: Contents) -> None:
    """Put everything but keys and boxes into empty tables."""
    lines: list[tuple[str, Sequence[Any]]] = []
    for entry, caps in contents.entries:
        body = body_of(to_document(entry, caps))
        lines.append((ENTRY, (body, checksum(body))))
    lines += [(ROUND, (*key, *numbers)) for key, numbers in contents.counters.items()]
    lines += [
        ("INSERT INTO caps (key, person, used) VALUES (?, ?, ?)", (*k, n)) for k, n in contents.used.items()
    ]
    lines += [(FIX, (*fact, line_sum(*fact))) for fact in contents.facts]
    for change in contents.journal:
        values = (*list(vars(change).values())[:-1], change.at.isoformat())
        lines.append((NOTE, (*values, line_sum(*values))))
    for message in contents.messages:
        told = (message.kind, message.subject, message.number, message.due.timestamp())
        lines.append((TELL, (*told, line_sum(*told))))
    write_rows(session, lines)


def write_keys(session: Transaction, keys: Iterable[Key]) -> None:
    """Put keys into an empty table."""
    write_rows(
        session, [(KEY, (s, wrapped, at.isoformat() if at else None, g)) for s, wrapped, at, g in keys]
    )


def write_boxes(session: Transaction, boxes: dict[str, list[Row]]) -> None:
    """Put the rows of ballot boxes into empty tables."""
    for name, rows in boxes.items():
        if rows:
            statement = f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608 (own names)
            write_rows(session, [(statement, row) for row in rows])


def write_rows(session: Transaction, lines: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Send statements, many at a time."""
    for start in range(0, len(lines), AT_ONCE):
        for statement, values in lines[start : start + AT_ONCE]:
            session.later(statement, values)
        session.settle()


def to_keys(rows: Iterable[Row]) -> list[Key]:
    """Keys from the columns of their table: subject, wrapped, dropped, generation."""
    return [
        (
            subject,
            bytes(wrapped) if wrapped else None,
            datetime.fromisoformat(at).astimezone(SEOUL) if at else None,
            g,
        )
        for subject, wrapped, at, g in rows
    ]


def _summed(
    session: Transaction, table: str, columns: str, order: str, damaged: list[tuple[str, str]]
) -> list[Row]:
    """The rows of a table whose checksum is right."""
    found = []
    for *values, kept in session.rows(f"SELECT {columns}, checksum FROM {table} ORDER BY {order}"):  # noqa: S608
        if line_sum(*values) == kept:
            found.append(tuple(values))
        else:
            damaged.append((f"{table} {values[0]!r}", ""))
    return found


def _digest(lines: Iterable[Any]) -> tuple[int, str]:
    """How many lines there are, and the hash of all of them in their order."""
    whole, count = hashlib.sha256(), 0
    for line in lines:
        whole.update(json.dumps(line, ensure_ascii=False, default=_plain).encode() + b"\n")
        count += 1
    return count, whole.hexdigest()


def _plain(value: Any) -> str:
    """A time as UTC, bytes as hex: the same text whichever store it came from."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(type(value).__name__)
