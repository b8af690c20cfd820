"""The ballot box of one poll: sealed envelopes, one per voter, and what lets a voter in. Every statement on its rows,
the same for both databases; opens no connection. All boxes together: `boxes.py`.

No method takes a choice, a name, a phone or an address: voters are keyed hashes, contents are sealed.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Literal

from civic.clock import SEOUL
from civic.errors import Closed
from civic.store.session import Row, Transaction

OF_A_POLL = ("box_ballots", "box_replaced", "box_proofs", "box_roll", "box_papers", "box_voted", "box_sealed")
KEPT_LATE = timedelta(minutes=5)  # for an expired code: its owner is to hear "late" and not "wrong"
HIT = (
    "INSERT INTO box_hits (name, until, times) VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
    " times = CASE WHEN box_hits.until > ? THEN box_hits.times + 1 ELSE 1 END,"
    " until = CASE WHEN box_hits.until > ? THEN box_hits.until ELSE excluded.until END"
    " WHERE box_hits.until <= ? OR box_hits.times < ?"
)
TIMES = "SELECT coalesce(max(times), 0) FROM box_hits WHERE name = ? AND until > ?"
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


class PollBox:
    """The box of one poll inside one transaction."""

    def __init__(self, poll: str, session: Transaction) -> None:
        self.poll = poll
        self._rows, self._session = session.rows, session

    def _of(self, table: str, columns: str = "1", **where: str) -> list[Row]:
        """The rows of this poll in which these columns are so."""
        so = "".join(f" AND {name} = ?" for name in where)
        return self._rows(f"SELECT {columns} FROM {table} WHERE poll = ?{so}", (self.poll, *where.values()))  # noqa: S608 (own names)

    def _put(self, table: str, *values: object) -> None:
        """Keep a row; times as seconds."""
        plain = [value.timestamp() if isinstance(value, datetime) else value for value in values]
        self._session.later(f"INSERT INTO {table} VALUES ({', '.join('?' * len(plain))})", plain)  # noqa: S608

    def _drop(self, table: str, **where: str) -> None:
        """Remove the rows of this poll in which these columns are so."""
        so = "".join(f" AND {name} = ?" for name in where)
        self._session.later(f"DELETE FROM {table} WHERE poll = ?{so}", (self.poll, *where.values()))  # noqa: S608

    def state(self) -> Literal["open", "closed", "destroyed"]:
        """Whether the box still takes ballots: by the staff's act, not by the clock."""
        for (destroyed,) in self._of("box_states", "destroyed"):
            return "destroyed" if destroyed else "closed"
        return "open"

    def hit(self, key: str, most: int, period: timedelta, now: datetime) -> bool:
        """Count one more act under this key; False when there were already `most` in its running period.

        key: a keyed hash; period: to the end of an hour or a day, the same for everybody, so that it tells nobody's time.
        """
        until, at = (now + period).timestamp(), now.timestamp()
        return most > 0 and self._session.run(HIT, (key, until, at, at, at, most)).rowcount > 0

    def times(self, key: str, now: datetime) -> int:
        """How many acts are counted under this key in its running period."""
        return int(self._rows(TIMES, (key, now.timestamp()))[0][0])

    def put_code(self, code: Code) -> None:
        """Keep a code beside the voter's others: who else asks for one does not take this one away."""
        # Not "the newest by its time": a demonstration's clock starts anew with the server.
        self._rows("UPDATE box_proofs SET bare = -1 WHERE poll = ? AND voter = ?", (self.poll, code.voter))
        self._drop("box_proofs", voter=code.voter, asked=code.asked)
        own = (self.poll, code.voter, code.asked, code.hash, code.until)
        self._put("box_proofs", *own, code.tries, code.bare, code.receipt)

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
        self._put("box_tickets", ticket.hash, ticket.contact, ticket.until, ticket.fresh)

    def drop_ticket(self, hash: str) -> None:
        """Forget a browser's proof, if it is there."""
        self._rows("DELETE FROM box_tickets WHERE hash = ?", (hash,))

    def drop_stale(self, now: datetime) -> None:
        """Forget codes, tickets, messages and counters of all polls whose time is over."""
        for table in ("box_proofs", "box_hits", "box_outgoing", "box_tickets"):
            end = now - (KEPT_LATE if table == "box_proofs" else timedelta(0))
            self._session.later(f"DELETE FROM {table} WHERE until <= ?", (end.timestamp(),))  # noqa: S608 (own names)

    def queue(self, sealed: bytes, until: datetime) -> None:
        """Keep what is to be sent, in the same transaction as its reason; its random id tells nothing of order.

        sealed: under a key that is not in the store; until: worthless afterwards.
        """
        self._put("box_outgoing", secrets.token_hex(16), sealed, until, 0, 0)

    def enrol(self, people: Iterable[Sequence[str]]) -> int:
        """Add people to the roll, each with every voter's hash that stands for them; how many people were new."""
        new = 0
        for voters in people:
            known = next(filter(None, map(self._person, voters)), "")
            for voter in set(voters):
                if not self._person(voter):
                    self._put("box_roll", self.poll, voter, known or min(voters))
            new += not known
        return new

    def _person(self, voter: str) -> str:
        return next((str(person) for (person,) in self._of("box_roll", "person", voter=voter)), "")

    def same_person(self, voter: str) -> list[str]:
        """All that stand for the same person on the roll; the voter alone where it is not on it."""
        person = self._person(voter)
        return [each for (each,) in self._of("box_roll", "voter", person=person)] if person else [voter]

    def on_roll(self, voter: str) -> bool:
        return bool(self._person(voter))

    def rolled(self) -> int:
        """People on the roll."""
        return int(self._of("box_roll", "COUNT(DISTINCT person)")[0][0])

    def mark_paper(self, voter: str) -> bool:
        """The voter takes a paper ballot. False, and no mark, when they voted online or have the mark already."""
        if self.has_voted(voter) or self.is_paper(voter):
            return False
        self._put("box_papers", self.poll, voter)
        return True

    def has_voted(self, voter: str, *, by_another: bool = False) -> bool:
        """Is there an online ballot of this person? by_another: by another contact than this."""
        who = [each for each in self.same_person(voter) if not (by_another and each == voter)]
        return any(self._of(table, voter=each) for table in ("box_ballots", "box_voted") for each in who)

    def is_paper(self, voter: str) -> bool:
        return any(self._of("box_papers", voter=each) for each in self.same_person(voter))

    def papers(self) -> int:
        """Voters who took a paper ballot."""
        return int(self._of("box_papers", "COUNT(*)")[0][0])

    def put(self, sealed: Sealed) -> None:
        """Keep an envelope in place of the voter's last one. Raises Closed, Copied."""
        if self.state() != "open":
            raise Closed
        if self._rows(
            "SELECT 1 FROM box_ballots WHERE poll = ? AND voter <> ? AND (receipt = ? OR once = ?)",
            (self.poll, sealed.voter, sealed.receipt, sealed.once),
        ):
            raise Copied
        self._drop("box_replaced", receipt=sealed.receipt)
        self._session.later(REPLACE, (self.poll, sealed.voter, sealed.receipt))
        # Taken out and put in, not updated: the row carries nothing of its earlier self.
        self._drop("box_ballots", voter=sealed.voter)
        self._put("box_ballots", self.poll, *astuple(sealed))

    def receipts(self) -> list[str]:
        """All receipts, sorted: as many as voters who cast online. Empty after destruction."""
        return [receipt for receipt, _ in self.cast()]

    def replaced(self) -> list[str]:
        """Receipts of ballots in whose place their voters put later ones, sorted. Empty after destruction."""
        return sorted(receipt for (receipt,) in self._of("box_replaced", "receipt"))

    def cast(self) -> list[tuple[str, bytes]]:
        """(receipt, envelope) of every voter, sorted here: databases sort text each in their own way."""
        table = "box_ballots" if self.state() == "open" else "box_sealed"
        found = self._of(table, "receipt, envelope")
        return sorted((receipt, bytes(envelope)) for receipt, envelope in found)

    def close(self, at: datetime) -> datetime:
        """Take no more ballots and forget who cast which: envelopes and voters, each sorted and written anew.

        When it was closed: a second close changes nothing. `Box.scrub` afterwards leaves no trace in the files.
        """
        for (closed,) in self._of("box_states", "closed"):
            return datetime.fromisoformat(closed).astimezone(SEOUL)
        cast, replaced = self.cast(), self.replaced()
        voters = sorted(voter for (voter,) in self._of("box_ballots", "voter"))
        for receipt, envelope in cast:
            self._put("box_sealed", self.poll, receipt, envelope)
        for voter in voters:
            self._put("box_voted", self.poll, voter)
        self._forget("box_ballots", "box_proofs", "box_replaced")
        for receipt in replaced:
            self._put("box_replaced", self.poll, receipt)
        self._put("box_states", self.poll, at.isoformat(), "", len(voters))
        return at

    def destroy(self, at: datetime) -> None:
        """Remove envelopes and voters; the number of voters stays."""
        self.close(at)
        self._forget(*OF_A_POLL)
        self._rows("UPDATE box_states SET destroyed = ? WHERE poll = ?", (at.isoformat(), self.poll))

    def _forget(self, *tables: str) -> None:
        """The counters of all polls too: their names do not tell of which they are, and they begin anew each hour."""
        self._session.later("DELETE FROM box_hits")
        for table in tables:
            self._drop(table)


def fingerprint(once: bytes) -> str:
    """How a one-time key is kept beside its envelope."""
    return hashlib.sha256(once).hexdigest()
