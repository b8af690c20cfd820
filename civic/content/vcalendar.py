"""iCalendar text (RFC 5545): components of properties, escaped and folded. No zones, no repetition; nothing is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

LONGEST = 75  # bytes of a line, its end not counted (3.1)
_SIGN = re.compile(r"\\?.", re.DOTALL)  # what no line may be divided within
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # not allowed in a text, escaped or not (3.3.11)


def component(name: str, properties: Iterable[tuple[str, str]], inside: Iterable[str] = ()) -> str:
    """BEGIN:name to END:name. properties: names and values as they are to be written; inside: components."""
    lines = [folded(f"{key}:{value}") for key, value in properties]
    return "\r\n".join([f"BEGIN:{name}", *lines, *inside, f"END:{name}"])


def text(value: str) -> str:
    """Words as a TEXT value."""
    if not value.isprintable():
        value = _CONTROL.sub("", value.replace("\r\n", "\n"))
    return value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def utc(at: datetime) -> str:
    """An aware time as a DATE-TIME in UTC: no rules of a zone have to stand beside it (3.6.5)."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def folded(line: str) -> str:
    """A line of any length as lines of at most 75 bytes."""
    if len(line.encode()) <= LONGEST:
        return line
    rows = [""]
    size = 0
    for sign in _SIGN.findall(line):
        more = len(sign.encode())
        if size + more > LONGEST:
            rows.append(" ")
            size = 1
        rows[-1] += sign
        size += more
    return "\r\n".join(rows)
