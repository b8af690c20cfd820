"""The rows of ballot boxes and every statement on them, the same for both databases. Opens no connection."""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

from civic.clock import SEOUL
from civic.errors import Closed
from civic.store.box import Code, Copied, Outgoing, Sealed

Run = Callable[[str, Sequence[Any]], list[Any]]  # statement with "?" and its values -> rows

LEASE = timedelta(seconds=90)  # a mail server that answers nothing holds a message about a minute
OF_A_POLL = ("box_ballots", "box_proofs", "box_roll", "box_papers", "box_voted", "box_sealed")
SCRUBBED = ("box_ballots", "box_proofs", "box_outgoing", "box_roll", "box_papers", "box_voted", "box_sealed")


def fingerprint(once: bytes) -> str:
    """How a one-time key is kept beside its envelope."""
    return hashlib.sha256(once).hexdigest()


class RowBox:
    """One poll's box over rows. See `civic.store.box.PollBox` for what each method promises."""

    def __init__(self, poll: str, run: Run) -> None:
        self.poll = poll
        self._run = run

    def state(self) -> Literal["open", "closed", "destroyed"]:
        rows = self._run("SELECT destroyed FROM box_states WHERE poll = ?", (self.poll,))
        if not rows:
            return "open"
        return "destroyed" if rows[0][0] else "closed"

    def hit(self, key: str, most: int, period: timedelta, now: datetime) -> bool:
        rows = self._run("SELECT until, times FROM box_hits WHERE name = ?", (key,))
        if rows and rows[0][0] > now.timestamp():
            if rows[0][1] >= most:
                return False
            self._run("UPDATE box_hits SET times = times + 1 WHERE name = ?", (key,))
            return True
        self._run(
            "INSERT INTO box_hits VALUES (?, ?, 1)"
            " ON CONFLICT (name) DO UPDATE SET until = excluded.until, times = 1",
            (key, (now + period).timestamp()),
        )
        return True

    def times(self, key: str, now: datetime) -> int:
        rows = self._run("SELECT times FROM box_hits WHERE name = ? AND until > ?", (key, now.timestamp()))
        return int(rows[0][0]) if rows else 0

    def put_code(self, code: Code) -> None:
        # Not "the newest by its time": a demonstration's clock starts anew with the server.
        self._run("UPDATE box_proofs SET bare = -1 WHERE poll = ? AND voter = ?", (self.poll, code.voter))
        self._run(
            "INSERT INTO box_proofs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (poll, voter, asked) DO UPDATE SET"
            " hash = excluded.hash, until = excluded.until, tries = excluded.tries, bare = excluded.bare,"
            " receipt = excluded.receipt",
            (
                *(self.poll, code.voter, code.asked, code.hash, code.until.timestamp()),
                *(code.tries, code.bare, code.receipt),
            ),
        )

    def code(self, voter: str, asked: str = "") -> Code | None:
        rows = self._run(
            "SELECT hash, until, tries, receipt, asked, bare FROM box_proofs"
            " WHERE poll = ? AND voter = ? AND (? = '' OR asked = ?) ORDER BY bare DESC LIMIT 1",
            (self.poll, voter, asked, asked),
        )
        if not rows:
            return None
        hash, until, tries, receipt, asked, bare = rows[0]
        return Code(voter, hash, _time(until), tries, receipt, asked, bare)

    def take_try(self, voter: str, asked: str = "") -> Code | None:
        code = self.code(voter, asked)
        if code is None:
            return None
        if (code.tries if asked else code.bare) <= 0:
            return None
        column = "tries" if asked else "bare"
        self._run(
            f"UPDATE box_proofs SET {column} = {column} - 1 WHERE poll = ? AND voter = ? AND asked = ?",  # noqa: S608 (own names)
            (self.poll, voter, code.asked),
        )
        return self.code(voter, code.asked)

    def use_code(self, code: Code, receipt: str) -> None:
        self._run(
            "UPDATE box_proofs SET receipt = ? WHERE poll = ? AND voter = ? AND asked = ?",
            (receipt, self.poll, code.voter, code.asked),
        )

    def drop_stale(self, now: datetime) -> None:
        for table in ("box_proofs", "box_hits", "box_outgoing"):
            # An expired code stays one period longer, so that its owner hears "late" and not "wrong".
            kept = timedelta(minutes=5) if table == "box_proofs" else timedelta(0)
            self._run(f"DELETE FROM {table} WHERE until <= ?", ((now - kept).timestamp(),))  # noqa: S608 (own names)

    def ballot(self, voter: str) -> Sealed | None:
        rows = self._run(
            "SELECT envelope, receipt, once FROM box_ballots WHERE poll = ? AND voter = ?", (self.poll, voter)
        )
        return Sealed(voter, bytes(rows[0][0]), rows[0][1], rows[0][2]) if rows else None

    def put(self, sealed: Sealed) -> None:
        if self.state() != "open":
            raise Closed
        if self._run(
            "SELECT 1 FROM box_ballots WHERE poll = ? AND voter <> ? AND (receipt = ? OR once = ?)",
            (self.poll, sealed.voter, sealed.receipt, sealed.once),
        ):
            raise Copied
        # Taken out and put in, not updated: the row carries nothing of its earlier self.
        self._run("DELETE FROM box_ballots WHERE poll = ? AND voter = ?", (self.poll, sealed.voter))
        self._run(
            "INSERT INTO box_ballots VALUES (?, ?, ?, ?, ?)",
            (self.poll, sealed.voter, sealed.envelope, sealed.receipt, sealed.once),
        )

    def enrol(self, voters: Iterable[str]) -> int:
        new = [voter for voter in sorted(set(voters)) if not self.on_roll(voter)]
        for voter in new:
            self._run("INSERT INTO box_roll VALUES (?, ?)", (self.poll, voter))
        return len(new)

    def on_roll(self, voter: str) -> bool:
        return self._has("box_roll", voter)

    def mark_paper(self, voter: str) -> bool:
        if any(self._has(table, voter) for table in ("box_papers", "box_ballots", "box_voted")):
            return False
        self._run("INSERT INTO box_papers VALUES (?, ?)", (self.poll, voter))
        return True

    def is_paper(self, voter: str) -> bool:
        return self._has("box_papers", voter)

    def papers(self) -> int:
        return int(self._run("SELECT COUNT(*) FROM box_papers WHERE poll = ?", (self.poll,))[0][0])

    def receipts(self) -> list[str]:
        return [receipt for receipt, _ in self._cast()]

    def envelopes(self) -> list[bytes]:
        return [envelope for _, envelope in self._cast()]

    def closed_at(self) -> datetime | None:
        rows = self._run("SELECT closed FROM box_states WHERE poll = ?", (self.poll,))
        return datetime.fromisoformat(rows[0][0]).astimezone(SEOUL) if rows else None

    def close(self, at: datetime) -> int:
        rows = self._run("SELECT voters FROM box_states WHERE poll = ?", (self.poll,))
        if rows:
            return int(rows[0][0])
        cast = self._cast()
        voters = sorted(
            row[0] for row in self._run("SELECT voter FROM box_ballots WHERE poll = ?", (self.poll,))
        )
        for receipt, envelope in cast:
            self._run("INSERT INTO box_sealed VALUES (?, ?, ?)", (self.poll, receipt, envelope))
        for voter in voters:
            self._run("INSERT INTO box_voted VALUES (?, ?)", (self.poll, voter))
        for table in ("box_ballots", "box_proofs"):
            self._run(f"DELETE FROM {table} WHERE poll = ?", (self.poll,))  # noqa: S608 (own names)
        self._run("INSERT INTO box_states VALUES (?, ?, '', ?)", (self.poll, at.isoformat(), len(voters)))
        return len(voters)

    def destroy(self, at: datetime) -> None:
        self.close(at)
        for table in OF_A_POLL:
            self._run(f"DELETE FROM {table} WHERE poll = ?", (self.poll,))  # noqa: S608 (own names)
        self._run("UPDATE box_states SET destroyed = ? WHERE poll = ?", (at.isoformat(), self.poll))

    def queue(self, message: Outgoing) -> None:
        self._run(
            "INSERT INTO box_outgoing VALUES (?, ?, ?, 0, ?)",
            (message.id, message.sealed, message.until.timestamp(), message.tries),
        )

    def _cast(self) -> list[tuple[str, bytes]]:
        """(receipt, envelope), sorted here: databases sort text each in their own way."""
        table = "box_ballots" if self.state() == "open" else "box_sealed"
        rows = self._run(f"SELECT receipt, envelope FROM {table} WHERE poll = ?", (self.poll,))  # noqa: S608 (own names)
        return sorted((receipt, bytes(envelope)) for receipt, envelope in rows)

    def _has(self, table: str, voter: str) -> bool:
        found = self._run(f"SELECT 1 FROM {table} WHERE poll = ? AND voter = ?", (self.poll, voter))  # noqa: S608 (own names)
        return bool(found)


class RowBoxes(ABC):
    """All boxes. See `civic.store.box.Box`."""

    @contextmanager
    def open(self, poll: str) -> Iterator[RowBox]:
        with self._transaction(poll) as run:
            yield RowBox(poll, run)

    def polls(self) -> list[str]:
        tables = (*OF_A_POLL, "box_states")
        with self._transaction() as run:
            rows = run(" UNION ".join(f"SELECT poll FROM {table}" for table in tables), ())  # noqa: S608 (own names)
        return sorted(row[0] for row in rows)

    def outgoing(self, now: datetime, most: int = 4) -> list[Outgoing]:
        """As the contract says; a process that dies with a lease leaves the message to whoever looks after it ran out."""
        leased = now + LEASE
        with self._transaction() as run:
            run("DELETE FROM box_outgoing WHERE until <= ?", (now.timestamp(),))
            rows = run(
                "SELECT id, sealed, until, tries FROM box_outgoing WHERE due <= ? ORDER BY id LIMIT ?",
                (now.timestamp(), most),
            )
            for id, *_ in rows:
                run("UPDATE box_outgoing SET due = ? WHERE id = ?", (leased.timestamp(), id))
        return [Outgoing(id, bytes(sealed), _time(until), tries, leased) for id, sealed, until, tries in rows]

    def sent(self, message: Outgoing) -> None:
        with self._transaction() as run:
            run("DELETE FROM box_outgoing WHERE id = ?", (message.id,))

    def put_off(self, message: Outgoing, due: datetime) -> None:
        again = "UPDATE box_outgoing SET due = ?, tries = tries + 1 WHERE id = ?"
        with self._transaction() as run:
            run(again, (due.timestamp(), message.id))

    @abstractmethod
    def scrub(self) -> None: ...

    @abstractmethod
    def shut(self) -> None: ...

    @abstractmethod
    def _transaction(self, poll: str = "") -> AbstractContextManager[Run]: ...


def new_message(sealed: bytes, until: datetime) -> Outgoing:
    """A message to queue; its random id tells nothing of order."""
    return Outgoing(secrets.token_hex(8), sealed, until, 0)


def _time(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, SEOUL)
