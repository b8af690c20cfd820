"""The ballot box of one poll: sealed envelopes, one per voter, and what lets a voter in. Every statement on its rows,
the same for both databases; opens no connection. All boxes together: `boxes.py`.

No method takes a choice, a name, a phone or an address: voters are keyed hashes, contents are sealed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from civic.clock import SEOUL
from civic.errors import Closed
from civic.store.session import Transaction

BOX_FILE = "votes.sqlite3"
OF_A_POLL = ("box_ballots", "box_replaced", "box_proofs", "box_roll", "box_papers", "box_voted", "box_sealed")
KEPT_LATE = timedelta(minutes=5)  # for an expired code: its owner is to hear "late" and not "wrong"
HIT = (
    "INSERT INTO box_hits (name, until, times) VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
    " times = CASE WHEN box_hits.until > ? THEN box_hits.times + 1 ELSE 1 END,"
    " until = CASE WHEN box_hits.until > ? THEN box_hits.until ELSE excluded.until END"
    " WHERE box_hits.until <= ? OR box_hits.times < ?"
)
PUT_CODE = (
    "INSERT INTO box_proofs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (poll, voter, asked) DO UPDATE SET"
    " hash = excluded.hash, until = excluded.until, tries = excluded.tries, bare = excluded.bare,"
    " receipt = excluded.receipt"
)

REPLACE = "INSERT INTO box_replaced SELECT poll, receipt FROM box_ballots WHERE poll = ? AND voter = ? AND receipt <> ?"


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
class Ticket:
    """A browser's proof of a contact. Nothing says for what it was used."""

    hash: str  # of its secret
    contact: str  # keyed hash
    until: datetime
    fresh: datetime  # until then the proof is a new one


@dataclass(frozen=True)
class Outgoing:
    """A message on its way out, sealed under a key that is not in the store."""

    id: str  # random
    sealed: bytes
    until: datetime  # worthless afterwards
    tries: int  # so far
    leased: datetime | None = None  # until then no other process takes it


class PollBox:
    """The box of one poll inside one transaction."""

    def __init__(self, poll: str, session: Transaction) -> None:
        self.poll = poll
        self._rows, self._session = session.rows, session

    def state(self) -> Literal["open", "closed", "destroyed"]:
        """Whether the box still takes ballots: by the staff's act, not by the clock."""
        rows = self._rows("SELECT destroyed FROM box_states WHERE poll = ?", (self.poll,))
        if not rows:
            return "open"
        return "destroyed" if rows[0][0] else "closed"

    # ------------------------------------------------------------ codes

    def hit(self, key: str, most: int, period: timedelta, now: datetime) -> bool:
        """Count one more act under this key; False when there were already `most` in its running period.

        key: a keyed hash; period: to the end of an hour or a day, the same for everybody, so that it tells nobody's time.
        """
        until, at = (now + period).timestamp(), now.timestamp()
        return most > 0 and self._session.run(HIT, (key, until, at, at, at, most)).number > 0

    def times(self, key: str, now: datetime) -> int:
        """How many acts are counted under this key in its running period."""
        rows = self._rows("SELECT times FROM box_hits WHERE name = ? AND until > ?", (key, now.timestamp()))
        return int(rows[0][0]) if rows else 0

    def put_code(self, code: Code) -> None:
        """Keep a code beside the voter's others: who else asks for one does not take this one away."""
        # Not "the newest by its time": a demonstration's clock starts anew with the server.
        self._rows("UPDATE box_proofs SET bare = -1 WHERE poll = ? AND voter = ?", (self.poll, code.voter))
        own = (self.poll, code.voter, code.asked, code.hash, code.until.timestamp())
        self._rows(PUT_CODE, (*own, code.tries, code.bare, code.receipt))

    def code(self, voter: str, asked: str = "") -> Code | None:
        """The voter's code of that asking as it stands, or None; "" is the newest."""
        rows = self._rows(
            "SELECT hash, until, tries, receipt, asked, bare FROM box_proofs"
            " WHERE poll = ? AND voter = ? AND (? = '' OR asked = ?) ORDER BY bare DESC LIMIT 1",
            (self.poll, voter, asked, asked),
        )
        for hash, until, *rest in rows:
            return Code(voter, hash, datetime.fromtimestamp(until, SEOUL), *rest)
        return None

    def take_try(self, voter: str, asked: str = "") -> Code | None:
        """Use up one try and return the code as it then stands; None when there is no code or no try left.

        asked: "" uses up a try of those that do not say who asked, so that strangers never use up the others.
        """
        code = self.code(voter, asked)
        if code is None or (code.tries if asked else code.bare) <= 0:
            return None
        column = "tries" if asked else "bare"
        less = f"UPDATE box_proofs SET {column} = {column} - 1 WHERE poll = ? AND voter = ? AND asked = ?"  # noqa: S608
        self._rows(less, (self.poll, voter, code.asked))
        return self.code(voter, code.asked)

    def use_code(self, code: Code, receipt: str) -> None:
        """Note which ballot the code let in: it lets in no other."""
        used = "UPDATE box_proofs SET receipt = ? WHERE poll = ? AND voter = ? AND asked = ?"
        self._rows(used, (receipt, self.poll, code.voter, code.asked))

    def keep_ticket(self, ticket: Ticket) -> None:
        """Keep a browser's proof."""
        ends = (ticket.until.timestamp(), ticket.fresh.timestamp())
        self._rows("INSERT INTO box_tickets VALUES (?, ?, ?, ?)", (ticket.hash, ticket.contact, *ends))

    def drop_ticket(self, hash: str) -> None:
        """Forget a browser's proof, if it is there."""
        self._rows("DELETE FROM box_tickets WHERE hash = ?", (hash,))

    def drop_stale(self, now: datetime) -> None:
        """Forget codes, tickets, messages and counters of all polls whose time is over."""
        for table in ("box_proofs", "box_hits", "box_outgoing", "box_tickets"):
            end = now - (KEPT_LATE if table == "box_proofs" else timedelta(0))
            self._session.later(f"DELETE FROM {table} WHERE until <= ?", (end.timestamp(),))  # noqa: S608 (own names)
        self._session.settle()

    def queue(self, message: Outgoing) -> None:
        """Keep a message to be sent, in the same transaction as its reason."""
        values = (message.id, message.sealed, message.until.timestamp(), message.tries)
        self._rows("INSERT INTO box_outgoing VALUES (?, ?, ?, 0, ?)", values)

    # ------------------------------------------------------------ voters

    def enrol(self, voters: Iterable[str]) -> int:
        """Add voters to the roll; how many were new."""
        new = [voter for voter in sorted(set(voters)) if not self.on_roll(voter)]
        for voter in new:
            self._session.later("INSERT INTO box_roll VALUES (?, ?)", (self.poll, voter))
        return len(new)

    def on_roll(self, voter: str) -> bool:
        return self._has("box_roll", voter)

    def rolled(self) -> int:
        """Voters on the roll."""
        return self._count("box_roll")

    def mark_paper(self, voter: str) -> bool:
        """The voter takes a paper ballot. False, and no mark, when they voted online or have the mark already."""
        if any(self._has(table, voter) for table in ("box_papers", "box_ballots", "box_voted")):
            return False
        self._rows("INSERT INTO box_papers VALUES (?, ?)", (self.poll, voter))
        return True

    def is_paper(self, voter: str) -> bool:
        return self._has("box_papers", voter)

    def papers(self) -> int:
        """Voters who took a paper ballot."""
        return self._count("box_papers")

    def _count(self, table: str) -> int:
        return int(self._rows(f"SELECT COUNT(*) FROM {table} WHERE poll = ?", (self.poll,))[0][0])  # noqa: S608 (own names)

    def _has(self, table: str, voter: str) -> bool:
        return bool(self._rows(f"SELECT 1 FROM {table} WHERE poll = ? AND voter = ?", (self.poll, voter)))  # noqa: S608 (own names)

    # ------------------------------------------------------------ envelopes

    def ballot(self, voter: str) -> Sealed | None:
        """The voter's envelope, or None. None for everybody once the box is closed."""
        found = "SELECT envelope, receipt, once FROM box_ballots WHERE poll = ? AND voter = ?"
        rows = self._rows(found, (self.poll, voter))
        return Sealed(voter, bytes(rows[0][0]), rows[0][1], rows[0][2]) if rows else None

    def put(self, sealed: Sealed) -> None:
        """Keep an envelope in place of the voter's last one. Raises Closed, Copied."""
        if self.state() != "open":
            raise Closed
        if self._rows(
            "SELECT 1 FROM box_ballots WHERE poll = ? AND voter <> ? AND (receipt = ? OR once = ?)",
            (self.poll, sealed.voter, sealed.receipt, sealed.once),
        ):
            raise Copied
        self._rows("DELETE FROM box_replaced WHERE poll = ? AND receipt = ?", (self.poll, sealed.receipt))
        self._rows(REPLACE, (self.poll, sealed.voter, sealed.receipt))
        # Taken out and put in, not updated: the row carries nothing of its earlier self.
        self._rows("DELETE FROM box_ballots WHERE poll = ? AND voter = ?", (self.poll, sealed.voter))
        kept = (self.poll, sealed.voter, sealed.envelope, sealed.receipt, sealed.once)
        self._rows("INSERT INTO box_ballots VALUES (?, ?, ?, ?, ?)", kept)

    def receipts(self) -> list[str]:
        """All receipts, sorted: as many as voters who cast online. Empty after destruction."""
        return [receipt for receipt, _ in self._cast()]

    def replaced(self) -> list[str]:
        """Receipts of ballots in whose place their voters put later ones, sorted. Empty after destruction."""
        found = self._rows("SELECT receipt FROM box_replaced WHERE poll = ?", (self.poll,))
        return sorted(receipt for (receipt,) in found)

    def envelopes(self) -> list[bytes]:
        """All envelopes in the order of their receipts."""
        return [envelope for _, envelope in self._cast()]

    def _cast(self) -> list[tuple[str, bytes]]:
        """(receipt, envelope), sorted here: databases sort text each in their own way."""
        table = "box_ballots" if self.state() == "open" else "box_sealed"
        rows = self._rows(f"SELECT receipt, envelope FROM {table} WHERE poll = ?", (self.poll,))  # noqa: S608 (own names)
        return sorted((receipt, bytes(envelope)) for receipt, envelope in rows)

    # ------------------------------------------------------------ the end

    def closed_at(self) -> datetime | None:
        rows = self._rows("SELECT closed FROM box_states WHERE poll = ?", (self.poll,))
        return datetime.fromisoformat(rows[0][0]).astimezone(SEOUL) if rows else None

    def close(self, at: datetime) -> int:
        """Take no more ballots and forget who cast which: envelopes and voters, each sorted and written anew.

        The number of voters. A second close changes nothing. `Box.scrub` afterwards leaves no trace in the files.
        """
        rows = self._rows("SELECT voters FROM box_states WHERE poll = ?", (self.poll,))
        if rows:
            return int(rows[0][0])
        cast = self._cast()
        found = self._rows("SELECT voter FROM box_ballots WHERE poll = ?", (self.poll,))
        voters = sorted(voter for (voter,) in found)
        for receipt, envelope in cast:
            self._session.later("INSERT INTO box_sealed VALUES (?, ?, ?)", (self.poll, receipt, envelope))
        for voter in voters:
            self._session.later("INSERT INTO box_voted VALUES (?, ?)", (self.poll, voter))
        replaced = self.replaced()
        self._forget("box_ballots", "box_proofs", "box_replaced")
        for receipt in replaced:
            self._session.later("INSERT INTO box_replaced VALUES (?, ?)", (self.poll, receipt))
        self._rows("INSERT INTO box_states VALUES (?, ?, '', ?)", (self.poll, at.isoformat(), len(voters)))
        return len(voters)

    def destroy(self, at: datetime) -> None:
        """Remove envelopes and voters; the number of voters stays."""
        self.close(at)
        self._forget(*OF_A_POLL)
        self._rows("UPDATE box_states SET destroyed = ? WHERE poll = ?", (at.isoformat(), self.poll))

    def _forget(self, *tables: str) -> None:
        """The counters of all polls too: their names do not tell of which they are, and they begin anew each hour."""
        self._session.later("DELETE FROM box_hits")
        for table in tables:
            self._session.later(f"DELETE FROM {table} WHERE poll = ?", (self.poll,))  # noqa: S608 (own names)


def new_message(sealed: bytes, until: datetime) -> Outgoing:
    """A message to queue; its random id tells nothing of order."""
    return Outgoing(secrets.token_hex(8), sealed, until, 0)


def fingerprint(once: bytes) -> str:
    """How a one-time key is kept beside its envelope."""
    return hashlib.sha256(once).hexdigest()
