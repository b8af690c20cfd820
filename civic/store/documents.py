"""An entry as a TinyDB document (plain JSON values) and back. No file, no lock."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from civic.clock import SEOUL
from civic.store.entry import LIVE, Cap, Entry

# What an entry holds of each cap: [key, amount, states besides the live ones in which it still counts].
Held = list[tuple[str, int, tuple[str, ...]]]


def to_document(entry: Entry, caps: Iterable[Cap] | Held = ()) -> dict[str, Any]:
    """The entry with the caps it holds, so that giving them back is exact whatever the form says by then."""
    return {
        "number": entry.number,
        "subject": entry.subject,
        "round": entry.round,
        "state": entry.state,
        "rank": entry.rank,
        "person": entry.person,
        "pin": entry.pin,
        "submission": entry.submission,
        "received": entry.received.isoformat(),
        "changed": entry.changed.isoformat(),
        "size": entry.size,
        "hours": entry.hours,
        "deadline": entry.deadline.isoformat() if entry.deadline else None,
        "cause": entry.cause,
        "sealed": base64.b64encode(entry.sealed).decode("ascii"),
        "caps": [
            [cap.key, cap.amount, list(cap.kept_in)]
            if isinstance(cap, Cap)
            else [cap[0], cap[1], list(cap[2])]
            for cap in caps
        ],
    }


def to_entry(document: Mapping[str, Any]) -> Entry:
    """The entry of a document; KeyError or ValueError when it is none."""
    deadline = document["deadline"]
    return Entry(
        number=document["number"],
        subject=document["subject"],
        round=document["round"],
        state=document["state"],
        rank=document["rank"],
        person=document["person"],
        pin=document["pin"],
        submission=document["submission"],
        received=_time(document["received"]),
        changed=_time(document["changed"]),
        size=document["size"],
        hours=document["hours"],
        deadline=_time(deadline) if deadline else None,
        cause=document["cause"],
        sealed=base64.b64decode(document["sealed"]),
    )


def caps_held(document: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(key, amount) of every cap that the entry uses up in its present state."""
    state = document["state"]
    held = ((key, amount) for key, amount, kept in document["caps"] if state in LIVE or state in kept)
    return [(key, amount) for key, amount in held if amount]


def sealed_subjects(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    """Subjects of which something is sealed: each needs its data key, or the note that it was destroyed."""
    return {document["subject"] for document in documents if document["sealed"]}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SEOUL)
