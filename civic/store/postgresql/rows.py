"""An entry as a row and back. No connection, no decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from civic.clock import SEOUL
from civic.store.book import Change, Message
from civic.store.entry import HELD, LIVE, Cap, Counts, Entry
from civic.store.postgresql.tables import ENTRIES, JOURNAL, OUTBOX

Held = list[
    tuple[str, int, tuple[str, ...]]
]  # of each cap: key, amount, states besides the live ones that count

# In the order of Entry's and Change's and Message's fields, so that a row becomes one by position.
ENTRY = [ENTRIES.c[name] for name in Entry.__dataclass_fields__]
CHANGE = [JOURNAL.c[name] for name in Change.__dataclass_fields__]
MESSAGE = [OUTBOX.c[name] for name in Message.__dataclass_fields__]
RECEIVED, CHANGED, DEADLINE = (
    list(Entry.__dataclass_fields__).index(n) for n in ("received", "changed", "deadline")
)


def in_seoul(at: datetime | None) -> datetime | None:
    """The same moment as every page writes it; None stays None."""
    return at.astimezone(SEOUL) if at else None


def to_entry(row: Row[*tuple[Any, ...]]) -> Entry:
    """The entry of a row that begins with the columns `ENTRY`."""
    values = list(row[: len(ENTRY)])
    for i in (RECEIVED, CHANGED, DEADLINE):
        values[i] = in_seoul(values[i])
    return Entry(*values)


def to_change(row: Row[*tuple[Any, ...]]) -> Change:
    """A line of the journal."""
    values = list(row)
    values[-1] = values[-1].astimezone(SEOUL)
    return Change(*values)


def to_message(row: Row[*tuple[Any, ...]]) -> Message:
    """A message that waits to be sent."""
    values = list(row)
    values[-1] = values[-1].astimezone(SEOUL)
    return Message(*values)


def parameters(entry: Entry) -> dict[str, Any]:
    """An entry's fields as parameters of a statement."""
    return {name: getattr(entry, name) for name in Entry.__dataclass_fields__}


def caps_as_json(caps: Sequence[Cap]) -> str:
    """What the entry holds of each cap, so that giving it back is exact whatever the form says by then."""
    return json.dumps([[cap.key, cap.amount, cap.kept_in] for cap in caps], ensure_ascii=False)


def held(caps: Held, state: str) -> dict[str, int]:
    """How much of each cap an entry in this state uses up: key -> amount."""
    found: dict[str, int] = {}
    for key, amount, kept in caps:
        if state in LIVE or state in kept:
            found[key] = found.get(key, 0) + amount
    return found


def weight(state: str, size: int) -> Counts:
    """What an entry in this state adds to its round's counters."""
    return Counts(
        taken=size if state in HELD else 0,
        waiting=size if state == "waiting" else 0,
        received=size if state == "received" else 0,
    )
