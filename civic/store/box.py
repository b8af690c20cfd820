"""The ballot boxes of all polls: sealed envelopes, one per voter, and what lets a voter in. Beside the Book.

with boxes.open("budget-2024") as box:
    box.put(sealed)
# here it is durable; an exception inside the block leaves nothing behind

No method takes a choice, a name, a phone or an address: voters are keyed hashes, contents are sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

BOX_FILE = "votes.sqlite3"


class Copied(Exception):
    """Another voter's envelope in this box is the same, or was sealed with the same one-time key."""


@dataclass(frozen=True)
class Sealed:
    """All that is kept of a voter's ballot. No time, no address, no number that counts up."""

    voter: str  # keyed hash of poll and contact
    envelope: bytes
    receipt: str
    once: str  # hash of the envelope's one-time key


@dataclass(frozen=True)
class Code:
    """A one-time code that was sent to a voter, or the ticket of one whom an identity provider named."""

    voter: str
    hash: str  # keyed: without the secret no guess can be tried
    until: datetime
    tries: int  # left to who asked for it
    receipt: str = ""  # of the ballot it let in; "" until then
    asked: str = ""  # fingerprint of the id that only who asked for it has
    bare: int = 0  # tries left to those who do not say who asked


@dataclass(frozen=True)
class Outgoing:
    """A message on its way out, sealed under a key that is not in the store."""

    id: str  # random
    sealed: bytes
    until: datetime  # worthless afterwards
    tries: int  # so far
    leased: datetime | None = None  # until then no other process takes it


class PollBox(Protocol):
    """The box of one poll inside one transaction."""

    poll: str

    def state(self) -> Literal["open", "closed", "destroyed"]:
        """Whether the box still takes ballots: by the staff's act, not by the clock."""
        ...

    def hit(self, key: str, most: int, period: timedelta, now: datetime) -> bool:
        """Count one more act under this key; False when there were already `most` in its running period."""
        ...

    def times(self, key: str, now: datetime) -> int:
        """How many acts are counted under this key in its running period."""
        ...

    def put_code(self, code: Code) -> None:
        """Keep a code beside the voter's others: who else asks for one does not take this one away."""
        ...

    def code(self, voter: str, asked: str = "") -> Code | None:
        """The voter's code of that asking as it stands, or None; "" is the newest."""
        ...

    def take_try(self, voter: str, asked: str = "") -> Code | None:
        """Use up one try and return the code as it then stands; None when there is no code or no try left.

        asked: "" uses up a try of those that do not say who asked, so that strangers never use up the others.
        """
        ...

    def use_code(self, code: Code, receipt: str) -> None:
        """Note which ballot the code let in: it lets in no other."""
        ...

    def drop_stale(self, now: datetime) -> None:
        """Forget codes, messages and counters whose time is over."""
        ...

    def ballot(self, voter: str) -> Sealed | None:
        """The voter's envelope, or None. None for everybody once the box is closed."""
        ...

    def put(self, sealed: Sealed) -> None:
        """Keep an envelope in place of the voter's last one. Raises Copied."""
        ...

    def enrol(self, voters: Iterable[str]) -> int:
        """Add voters to the roll; how many were new."""
        ...

    def on_roll(self, voter: str) -> bool: ...

    def mark_paper(self, voter: str) -> bool:
        """The voter takes a paper ballot. False, and no mark, when they voted online or have the mark already."""
        ...

    def is_paper(self, voter: str) -> bool: ...

    def papers(self) -> int:
        """Voters who took a paper ballot."""
        ...

    def receipts(self) -> list[str]:
        """All receipts, sorted: as many as voters who cast online. Empty after destruction."""
        ...

    def envelopes(self) -> list[bytes]:
        """All envelopes in the order of their receipts."""
        ...

    def closed_at(self) -> datetime | None: ...

    def close(self, at: datetime) -> int:
        """Take no more ballots and forget who cast which: envelopes and voters, each sorted and written anew.

        The number of voters. A second close changes nothing.
        """
        ...

    def destroy(self, at: datetime) -> None:
        """Remove envelopes and voters; the number of voters stays."""
        ...

    def queue(self, message: Outgoing) -> None:
        """Keep a message to be sent, in the same transaction as its reason."""
        ...


class Box(Protocol):
    """Where all boxes are kept."""

    def open(self, poll: str) -> AbstractContextManager[PollBox]:
        """A transaction on one poll's box. Raises Unavailable when the store cannot answer. Nothing slow inside."""
        ...

    def polls(self) -> list[str]:
        """Every poll of which anything is kept, sorted."""
        ...

    def outgoing(self, now: datetime, most: int = 4) -> list[Outgoing]:
        """Messages to be sent now, in no telling order; leased, so that no other process sends them too."""
        ...

    def sent(self, message: Outgoing) -> None:
        """Forget a message: it went out, or never can."""
        ...

    def put_off(self, message: Outgoing, due: datetime) -> None:
        """It did not go out: try again then."""
        ...

    def scrub(self) -> None:
        """Leave no trace of removed rows in files: after closing and destroying a box."""
        ...

    def shut(self) -> None:
        """Let go of the store."""
        ...
