"""An entry as a TinyDB document (plain JSON values) and back, and a document as the text of a row. No file, no lock."""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from civic.clock import SEOUL
from civic.errors import Unavailable
from civic.store.entry import LIVE, Cap, Change, Entry

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # PostgreSQL cannot take it out of a body

Document = dict[str, Any]
# What an entry holds of each cap: key, amount, states besides the live ones in which it still counts.
Held = Iterable[tuple[str, int, Iterable[str]]]


class DamagedError(Unavailable):
    """What was read is not what was written."""

    def __init__(self, what: str) -> None:
        super().__init__(retry_after=60)
        self.what = what


def body_of(document: Mapping[str, Any]) -> str:
    """The text of a document's row. Raises TypeError or ValueError when it is not JSON, or holds U+0000."""
    body = ENCODER.encode(document)
    if "\\u0000" in body and _NUL.search(body):
        raise ValueError("a document cannot hold U+0000")
    return body


def checksum(body: str) -> int:
    """Over the exact bytes, so that a flipped bit is noticed. Raises ValueError for half a surrogate pair."""
    return zlib.crc32(body.encode())


def line_sum(*values: object) -> int:
    """The checksum of a row that is no document."""
    return checksum("\x1f".join(map(str, values)))


def document_of(name: str, id: int, body: str, kept: int) -> Document:
    """The document of a row. Raises DamagedError."""
    try:
        if zlib.crc32(body.encode()) == kept:
            document: Document = json.loads(body)
            return document
    except (ValueError, AttributeError):
        pass
    raise DamagedError(f"{name} {id}")


def to_document(entry: Entry, caps: Iterable[Cap] | Held = ()) -> Document:
    """The entry with the caps it holds, so that giving them back is exact whatever the form says by then."""
    held = ((cap.key, cap.amount, cap.kept_in) if isinstance(cap, Cap) else cap for cap in caps)
    return {
        **entry.__dict__,
        "received": (received := entry.received.isoformat()),
        "changed": received if entry.changed is entry.received else entry.changed.isoformat(),
        "deadline": entry.deadline.isoformat() if entry.deadline else None,
        "sealed": base64.b64encode(entry.sealed).decode("ascii"),
        "caps": [[key, amount, list(kept)] for key, amount, kept in held],
    }


def to_entry(document: Mapping[str, Any]) -> Entry:
    """The entry of a document; KeyError, TypeError or ValueError when it is none."""
    values = {
        **document,
        "received": _time(document["received"]),
        "changed": _time(document["changed"]),
        "deadline": _time(document["deadline"]) if document["deadline"] else None,
        "sealed": base64.b64decode(document["sealed"]),
    }
    del values["caps"]
    return Entry(**values)


def held(caps: Held, state: str) -> dict[str, int]:
    """How much of each cap an entry in this state uses up: key -> amount."""
    found: dict[str, int] = {}
    for key, amount, kept in caps:
        if amount and (state in LIVE or state in kept):
            found[key] = found.get(key, 0) + amount
    return found


def to_change(subject: str, number: str, before: str, after: str, cause: str, who: str, at: str) -> Change:
    """A line of the journal, from its columns."""
    return Change(subject, number, before, after, cause, who, _time(at))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SEOUL)
