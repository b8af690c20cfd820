"""Everything a store holds, taken out whole and compared by counts and hashes: for moving to another store."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.store.book import Change, Message
from civic.store.box import BOX_FILE
from civic.store.box_rows import TABLES
from civic.store.documents import sealed_subjects, to_entry
from civic.store.entry import HELD, LIVE, Entry
from civic.store.folder import ENTRIES, KEYS, Hold, check_box, check_entries, explain
from civic.store.indexes import TABLE
from civic.store.keys import KeyFile
from civic.store.rows import Rows

Held = list[
    tuple[str, int, list[str]]
]  # caps of an entry: key, amount, states besides the live ones that count
Key = tuple[str, bytes | None, datetime | None]  # subject, wrapped key, when it was destroyed
BOXES = tuple(table.split(" ", 1)[0] for table in TABLES)
NAMES = ("신청", "회차별 인원", "한도 사용량", "기록", "보낼 알림", "열쇠", "투표함")
FAR = datetime(9999, 1, 1, tzinfo=SEOUL)


@dataclass
class Contents:
    """All that must arrive. `counters` and `used` follow from the entries; a store that keeps them hands over its own."""

    entries: list[tuple[Entry, Held]] = field(default_factory=list)
    counters: dict[tuple[str, str], tuple[int, int, int, int]] = field(
        default_factory=dict
    )  # …, highest rank
    used: dict[tuple[str, str], int] = field(default_factory=dict)  # (cap key, person)
    journal: list[Change] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    boxes: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing at all, not even a key."""
        return not (self.entries or self.journal or self.messages or self.keys or any(self.boxes.values()))

    def digests(self) -> dict[str, tuple[int, str]]:
        """What -> (how many, SHA-256): equal on both sides when and only when all of it is equal."""
        entries = sorted(([*vars(entry).values()], held) for entry, held in self.entries)
        boxes = sorted([name, *row] for name, rows in self.boxes.items() for row in rows)
        parts: tuple[Iterable[Any], ...] = (
            entries,
            sorted([*key, *numbers] for key, numbers in self.counters.items()),
            sorted([*key, amount] for key, amount in self.used.items() if amount),
            (list(vars(change).values()) for change in self.journal),
            sorted([m.due.timestamp(), m.kind, m.subject, m.number] for m in self.messages),
            sorted(self.keys, key=lambda key: key[0]),
            boxes,
        )
        return {name: _digest(part) for name, part in zip(NAMES, parts, strict=True)}


def counted(entries: Sequence[tuple[Entry, Held]]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Counters per round and use per cap, worked out from the entries alone."""
    counters: dict[tuple[str, str], tuple[int, int, int, int]] = {}
    used: dict[tuple[str, str], int] = {}
    for entry, held in entries:
        taken, waiting, received, rank = counters.get((entry.subject, entry.round), (0, 0, 0, 0))
        counters[entry.subject, entry.round] = (
            taken + (entry.size if entry.state in HELD else 0),
            waiting + (entry.size if entry.state == "waiting" else 0),
            received + (entry.size if entry.state == "received" else 0),
            max(rank, entry.rank),
        )
        for key, amount, kept in held:
            if entry.state in LIVE or entry.state in kept:
                used[key, entry.person] = used.get((key, entry.person), 0) + amount
    return counters, used


def read_folder(folder: Path) -> Contents:
    """Everything in a data folder, which no server may hold meanwhile.

    Raises InUse (a server runs), Misuse (no data there, lost in part, or damaged: says what to do).
    """
    check_entries(folder)
    check_box(folder / BOX_FILE)
    if not (folder / ENTRIES).exists():
        raise Misuse(f"자료 폴더 {folder}에 신청이 없습니다. --from에 적은 주소를 확인하세요.")
    hold = Hold(folder)
    try:
        with ExitStack() as open_files:
            rows = open_files.enter_context(closing(Rows(folder / ENTRIES)))
            documents = rows.load().get(TABLE, {})
            sealed = sealed_subjects(documents.values())
            keys = open_files.enter_context(closing(KeyFile(folder / KEYS, sealed)))
            entries = [(to_entry(d), [(k, n, list(s)) for k, n, s in d["caps"]]) for d in documents.values()]
            counters, used = counted(entries)
            wrapped: list[Key] = [
                (subject, key, datetime.fromisoformat(at).astimezone(SEOUL) if at else None)
                for subject, key, at in keys.everything()
            ]
            messages = rows.messages(FAR, -1)  # SQLite: no limit
            return Contents(
                entries, counters, used, rows.journal(), messages, wrapped, read_boxes(folder / BOX_FILE)
            )
    except sqlite3.Error as err:
        raise Misuse(explain(err, folder)) from err
    finally:
        hold.release()


def read_boxes(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the ballot boxes, in the order of their keys, which tells nothing of time."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=10)) as file:
        there = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # The names are our own constants.
        return {
            name: file.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()  # noqa: S608
            for name in BOXES
            if name in there
        }


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
