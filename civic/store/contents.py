"""Everything a store holds, as rows: read at one moment, put into another as it is, compared by counts and hashes.

The tables have the same columns in both databases (tables.py), so that rows travel unchanged. Opens nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from civic.store.chain import Chain
from civic.store.documents import DamagedError, document_of, held, line_sum, to_change, to_entry
from civic.store.entry import Change, Entry
from civic.store.session import Row, Transaction
from civic.store.statements import COLUMNS, RoundRow
from civic.store.tables import BOXES

# Caps of an entry: key, amount, states besides the live ones that count.
Held = list[tuple[str, int, list[str]]]
Counters = dict[tuple[str, str], tuple[int, ...]]  # (subject, round): as COLUMNS
Used = dict[tuple[str, str], int]  # (cap key, person)
# What a move names -> the tables of it. In each the first columns are its key. Leases belong to processes and stay.
PARTS: dict[str, tuple[str, ...]] = {
    "신청": ("entries",),
    "회차별 인원": ("rounds",),
    "한도 사용량": ("caps",),
    "정해진 것": ("facts",),
    "기록": ("journal",),
    "보낼 알림": ("messages",),
    "다른 문서": ("names", "documents"),
    "열쇠": ("keys",),
    "투표함": tuple(BOXES),
}
BESIDE = ("keys", *BOXES)  # on SQLite these lie in files of their own
IN_FILE = tuple(name for names in PARTS.values() for name in names if name not in BESIDE)
ENTRY = ("id", "body", "checksum")  # the other columns follow from the body
# Tables whose last column is a sum over those from this one on.
SUMMED = {"facts": 0, "journal": 1, "messages": 0}
AT_ONCE = 1000  # rows that are sent together


@dataclass
class Contents:
    """The rows of each table that was read, in the order of their keys; the rest is what `check` found whole."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)  # receipt numbers by id, as their index has them
    entries: list[tuple[Entry, Held]] = field(default_factory=list)
    journal: list[Change] = field(default_factory=list)
    facts: list[tuple[str, str, str, str]] = field(default_factory=list)  # subject, round, name, text
    counters: Counters = field(default_factory=dict)  # as kept, of rounds that anybody signed up for
    used: Used = field(default_factory=dict)

    def of(self, table: str) -> list[Row]:
        """The rows of a table; empty when it was not read."""
        return self.rows.get(table, [])

    @property
    def keys(self) -> list[Row]:
        """Subject, wrapped key or "", when it was destroyed or "", generation."""
        return self.rows.setdefault("keys", [])

    def digests(self) -> dict[str, tuple[int, str]]:
        """Part -> (how many rows, SHA-256): equal on both sides when and only when all of it is equal."""
        return {part: _digest([(name, self.of(name)) for name in names]) for part, names in PARTS.items()}

    def check(self) -> list[tuple[str, str]]:
        """Take out every row that is not as it was written: what it is, and its receipt number or ""."""
        damaged = []
        self.entries, self.journal, self.facts = [], [], []
        for name in ("entries", "documents", *SUMMED):
            whole = []
            for row in self.of(name):
                try:
                    self._take(name, row)
                    whole.append(row)
                except (DamagedError, KeyError, ValueError, TypeError):
                    is_entry = name == "entries"
                    what = f"신청 {row[0]}" if is_entry else f"{name} {row[0]!r}"
                    damaged.append((what, self.numbers.get(row[0], "") if is_entry else ""))
            self.rows[name] = whole
        found = {row[:2]: row[2 : 2 + len(COLUMNS)] for row in self.of("rounds")}
        self.counters = {key: numbers for key, numbers in found.items() if numbers[-1]}
        self.used = {(key, person): amount for key, person, amount in self.of("caps")}
        return damaged

    def _take(self, name: str, row: Row) -> None:
        """Raises DamagedError, KeyError, ValueError, TypeError where a row is not as it was written."""
        if name == "entries":
            document = document_of(name, *row)
            caps = [(key, amount, list(states)) for key, amount, states in document["caps"]]
            self.entries.append((to_entry(document), caps))
        elif name == "documents":
            document_of(*row)
        elif line_sum(*row[SUMMED[name] : -1]) != row[-1]:
            raise DamagedError(name)
        elif name == "journal":
            self.journal.append(to_change(*row[1:8]))
        elif name == "facts":
            self.facts.append((row[0], row[1], row[2], row[3]))

    def recount(self, key: bytes | None = None) -> None:
        """Let counters and caps follow from the entries, as they should.

        key: of the journal, whose lines become chains without a gap, where not all of it is there.
        """
        counters, used = counted(self.entries)
        heads = {row[:2]: row[2 + len(COLUMNS) :] for row in self.of("rounds")}
        if key:
            self.rows["journal"], heads = Chain(key).rechained(self.of("journal"))
        nobody, first, rounds = (0,) * len(COLUMNS), (0, ""), sorted({*counters, *heads})
        self.rows["rounds"] = [(*at, *counters.get(at, nobody), *heads.get(at, first)) for at in rounds]
        self.rows["caps"] = [(*at, amount) for at, amount in sorted(used.items())]


def counted(entries: Iterable[tuple[Entry, Held]]) -> tuple[Counters, Used]:
    """Counters per round and use per cap, worked out from the entries alone."""
    rounds: dict[tuple[str, str], RoundRow] = {}
    used: Used = {}
    for entry, caps in entries:
        round = rounds.setdefault((entry.subject, entry.round), RoundRow())
        round.count(entry.state, entry.size)
        round.last_rank = max(round.last_rank, entry.rank)
        for key, amount in held(caps, entry.state).items():
            used[key, entry.person] = used.get((key, entry.person), 0) + amount
    return {key: tuple(getattr(round, name) for name in COLUMNS) for key, round in rounds.items()}, used


def read_rows(session: Transaction, names: Iterable[str]) -> dict[str, list[Row]]:
    """Every row of these tables, in the order of their keys, which is the same in both databases."""
    found = {}
    for name in names:
        columns = ", ".join(ENTRY) if name == "entries" else "*"
        rows = session.rows(f"SELECT {columns} FROM {name}")  # noqa: S608 (own names)
        found[name] = sorted(rows, key=lambda row: [_plain(value) for value in row[:3]])
    return found


def write_rows(session: Transaction, rows: dict[str, list[Row]]) -> None:
    """Put rows into empty tables."""
    for name, lines in rows.items():
        if lines:
            columns = f" ({', '.join(ENTRY)})" if name == "entries" else ""
            statement = f"INSERT INTO {name}{columns} VALUES ({', '.join('?' * len(lines[0]))})"  # noqa: S608
            for number, line in enumerate(lines, 1):
                session.later(statement, line)
                if number % AT_ONCE == 0:
                    session.settle()
            session.settle()


def _digest(tables: Sequence[tuple[str, list[Row]]]) -> tuple[int, str]:
    """How many rows there are, and the hash of all of them in their order."""
    whole = hashlib.sha256()
    for name, rows in tables:
        for row in rows:
            whole.update(json.dumps([name, *row], ensure_ascii=False, default=_plain).encode() + b"\n")
    return sum(len(rows) for _, rows in tables), whole.hexdigest()


def _plain(value: Any) -> Any:
    """Bytes as hex: the same text whichever store they came from."""
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value
