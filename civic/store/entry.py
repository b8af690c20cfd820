"""One person's sign-up for one round, the places it may take, what is told of it; and how it is kept: as a TinyDB document
(plain JSON values), the text of a row. No store, no clock, no web.
"""

import base64
import json
import re
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from civic.clock import SEOUL
from civic.errors import Unavailable

# States that hold a place. Who came, and who did not, had it: nobody else gets it afterwards.
HELD = ("confirmed", "offered", "attended", "absent")
GONE = "gone:"  # begins what stands for a person who was forgotten
LIVE = ("received", "confirmed", "waiting", "offered")  # states in which a person may not apply again
FINAL = ("declined", "cancelled", "rejected", "attended", "absent")
STATES = (*LIVE, *FINAL)
BY_CITIZEN = "-by-citizen"  # ends the cause of what a person gave up by their own hand
# What can be fixed about a round: a line of the journal without a number, `before` the round, `cause` the text.
# "closed:<time>" is a closing time that was seen to pass; staff may still put a later one into the page.
# "clock:<n>" is no round's but the whole store's: which clock its servers keep (forms_api/clock_mark.py);
# "clock-accepted:<time>": staff confirmed the machine's clock, which lay behind the journal's newest line.
# "keys:<name>" too: the fingerprint of a key that seals here (key_file.py).
# "listed" is who is drawn, when sign-up ended; "half:<pair>:<side>" and "bits:…" what two persons add to a seed;
# "hidden:<draw number>" that the reason of one who was left out is blacked out.
# "forgotten:<n>" says that nothing leads to a person any more of whose answers the n-th key was destroyed.
# "kept:<when it was noticed>" is until when answers are kept; the latest counts.
# "told:<n>" is the time, place and state of which its people know, "reminded:<beginning>" that they were.
# "accepted:<time>" is why staff let a page be changed against what its people were promised; of no round.
FACTS = (
    *("closed", "listed", "frozen", "half", "bits", "drawn", "hidden", "called-off"),
    *("clock", "clock-accepted", "keys", "kept", "accepted", "forgotten", "told", "reminded"),
)

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # PostgreSQL cannot take it out of a body
Document = dict[str, Any]


def is_fact(name: str) -> bool:
    """Is that a name under which something is fixed?"""
    return name.partition(":")[0] in FACTS


def latest(facts: Mapping[str, str], name: str) -> str | None:
    """The text of the fact "<name>:<n>" with the highest n; None without one."""
    numbers = [int(each[len(name) + 1 :]) for each in facts if each.startswith(f"{name}:")]
    return facts[f"{name}:{max(numbers)}"] if numbers else None


class NumberTaken(Exception):
    """Another entry has this receipt number (once in a million): make a new one, seal again, add again."""


class KeyGone(NumberTaken):
    """The data key with which the entry was sealed was destroyed meanwhile: seal again, add again."""


@dataclass(frozen=True)
class Entry:
    """What the store keeps of a sign-up. Everything that could name a person is in `sealed`."""

    number: str  # receipt number
    subject: str  # "lectures/essay"
    round: str
    state: str  # one of STATES
    rank: int  # 1, 2, 3 … in the order of arrival within the round; 0 until the store gives it
    person: str  # keyed hash, see civic/people.py
    pin: str  # keyed hash of number and the phone's last four digits
    submission: str  # the client's uuid: the same one is the same entry
    received: datetime  # aware, Seoul
    changed: datetime
    size: int = 1  # people who come with this entry
    hours: int = 0  # hours it reserves in the form's ledger
    deadline: datetime | None = None  # of an offer
    cause: str = ""  # why the state is what it is, for staff and citizen: "applied", "promoted", …
    sealed: bytes = b""  # answers, name, phone: AES-256-GCM under the subject's data key
    draw: str = ""  # draw number: public in a draw, unlike the receipt number; "" where nothing is drawn
    contact: str = ""  # keyed hash of the phone, see civic/contacts/proof.py
    # What it holds of each cap, whatever the form says by then: key, amount, states besides LIVE in which it counts.
    caps: Sequence[tuple[str, int, Sequence[str]]] = field(default=(), compare=False)

    def moved(self, state: str, at: datetime, cause: str, deadline: datetime | None = None) -> Self:
        """The same entry in another state."""
        return self.but(state=state, changed=at, cause=cause, deadline=deadline)

    def forgotten(self) -> Self:
        """The same entry with random stand-ins for whatever leads to its person; what it counts for stays."""
        stand_in = f"{GONE}{secrets.token_hex(16)}"
        code = self.cause.partition(": ")[0]  # without words that somebody wrote
        return self.but(person=stand_in, submission=stand_in, pin="", contact="", sealed=b"", cause=code)

    def uses(self) -> dict[str, int]:
        """How much of each cap it uses up in its state: key -> amount; a cap of which it uses nothing is not there."""
        found: dict[str, int] = {}
        for key, amount, kept in self.caps:
            if amount and (self.state in LIVE or self.state in kept):
                found[key] = found.get(key, 0) + amount
        return found

    def is_news_after(self, before: Self) -> bool:
        """Is its person to be told? Not of what they did themselves and saw, nor of hours."""
        return self.state not in (before.state, "attended", "absent") and not self.cause.endswith(BY_CITIZEN)

    @property
    def is_forgotten(self) -> bool:
        """Does nothing lead to its person any more?"""
        return self.person.startswith(GONE)

    def but(self, **changes: Any) -> Self:
        """As dataclasses.replace, in a fifth of its time: it runs under the store's lock. Raises TypeError alike."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__.update(changes)
        if len(other.__dict__) != len(self.__dict__):
            raise TypeError(f"an entry has no such field: {', '.join(changes)}")
        return other


class Counts(NamedTuple):
    """People (not entries) in a round, by what they hold."""

    taken: int = 0  # in a state of HELD
    waiting: int = 0
    received: int = 0  # of a draw or review that is still to come
    closed: bool = False  # closed for good, whatever the clock says; stores count and leave this to intake


@dataclass(frozen=True)
class Seat:
    """One state an applicant may get, while the people in it stay at or under `ceiling`.

    A confirmed seat is given only while nobody waits: a freed place belongs to the line. Not so with `over_line`:
    whoever offers that seat has seen that nobody in line fits what is free.
    """

    state: str  # "confirmed", "waiting" or "received"
    ceiling: int
    over_line: bool = False

    def has_room(self, counts: Counts, size: int) -> bool:
        """Do `size` more people fit, as the round stands?"""
        if self.state == "confirmed":
            return (self.over_line or not counts.waiting) and counts.taken + size <= self.ceiling
        return (counts.waiting if self.state == "waiting" else counts.received) + size <= self.ceiling


@dataclass(frozen=True)
class Cap:
    """A sum over subjects that must not pass `ceiling`: courses of a group, hours of a ledger."""

    key: str  # "limit:humanities-2023" or "ledger:citizen-allowance-2023"; the store adds the person
    amount: int
    ceiling: int
    # Live entries always count. Which others still do: hours of an absent person are not worked, so a
    # ledger names only "attended"; a form without re-entry adds "cancelled" and "declined" to a cap of 1.
    kept_in: tuple[str, ...] = ("attended", "absent")
    message: str = ""  # what the refused person reads, in Korean; "" is LimitReached's own title


@dataclass(frozen=True)
class Message:
    """Something a person is to be told, kept in the same transaction as its reason."""

    kind: str  # a state that the entry came into, "reminder", or "changed": time, place or state of the page
    subject: str
    number: str  # the entry; its address is sealed in there
    key: str  # see Letter
    done: str = ""  # by which ways it has gone: "email", "phone"


@dataclass
class Overview:
    """What is known of a subject without its entries: counts per round, facts per round."""

    counts: dict[str, Counts] = field(default_factory=dict)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)


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


def summed(*values: object) -> tuple[Any, ...]:
    """These columns of a row, and its checksum behind them."""
    return (*values, line_sum(*values))


def document_of(name: str, id: int, body: str, kept: int) -> Document:
    """The document of a row. Raises DamagedError."""
    try:
        if zlib.crc32(body.encode()) == kept:
            document: Document = json.loads(body)
            return document
    except (ValueError, AttributeError):
        pass
    raise DamagedError(f"{name} {id}")


def to_document(entry: Entry) -> Document:
    """An entry as plain JSON values."""
    return {
        **entry.__dict__,
        "received": (received := entry.received.isoformat()),
        "changed": received if entry.changed is entry.received else entry.changed.isoformat(),
        "deadline": entry.deadline.isoformat() if entry.deadline else None,
        "sealed": base64.b64encode(entry.sealed).decode("ascii"),
    }


def to_entry(document: Mapping[str, Any]) -> Entry:
    """The entry of a document; KeyError, TypeError or ValueError when it is none."""
    return Entry(
        **{
            **document,
            "received": to_time(document["received"]),
            "changed": to_time(document["changed"]),
            "deadline": to_time(document["deadline"]) if document["deadline"] else None,
            "sealed": base64.b64decode(document["sealed"]),
        }
    )


def entry_of(id: int, body: str, kept: int) -> Entry:
    """The entry of a row. Raises DamagedError."""
    return to_entry(document_of("entries", id, body, kept))


def to_time(text: str) -> datetime:
    """A time as it is kept, in Seoul."""
    return datetime.fromisoformat(text).astimezone(SEOUL)
