"""What waits to be sent, kept by the transaction that causes it: codes beside the boxes, messages beside the entries.

One process at a time has a parcel; what cannot go is tried again after growing pauses. Nothing here sends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from civic.clock import Clock
from civic.store.session import PlainDatabase

LEASE = timedelta(seconds=90)  # of one taker: a mail server that answers nothing holds it a minute
LONGEST = timedelta(hours=6)  # between two tries
STUCK = 8  # tries: after eight minutes staff are told


@dataclass(frozen=True)
class Letter:
    """What one person is told."""

    subject: str
    text: str
    kind: str  # "code", or what a message is about: the name of a gateway's template
    key: str  # the same at every try, and no other letter's: whoever gets it twice knows it again
    calendar: str = ""  # the same as an iCalendar file, for mail


class Sender(Protocol):
    """Brings a letter to a contact. Raises OSError when it cannot now; ValueError when it never will."""

    def send(self, contact: str, letter: Letter) -> None: ...


@dataclass(frozen=True)
class Parcel:
    """One thing to send, taken until `leased`. row: what its table has in the outbox's columns."""

    id: str
    tries: int  # that failed so far
    leased: datetime
    row: tuple[Any, ...]


@dataclass(frozen=True)
class PutOff:
    """It did not go. at: when it may; None: it failed, and is tried again. noted: what its row says from now on."""

    at: datetime | None = None
    noted: Mapping[str, str] | None = None


class Outbox:
    """The parcels of one table."""

    def __init__(self, database: PlainDatabase, table: str, columns: str) -> None:
        """table: with id, due and tries, and these columns beside them."""
        self._database, self._table = database, table
        self._due = f"SELECT id, due, tries, {columns} FROM {table} WHERE due <= ? ORDER BY due, id LIMIT ?"  # noqa: S608

    def deliver(self, clock: Clock, send: Callable[[Parcel], PutOff | None]) -> int:
        """Send a few of what is due; how many were looked at. send: None when it went, or never can."""
        taken = self.take(clock.now())
        for parcel in taken:
            if clock.now() >= parcel.leased:
                break  # those before took too long: another process may have it by now
            again = send(parcel)
            if again is None:
                self.sent(parcel)
                continue
            due = again.at or clock.now() + min(LONGEST, timedelta(seconds=2 * 2 ** min(parcel.tries, 20)))
            changes = {
                "due": due.timestamp(),
                "tries": parcel.tries + (again.at is None),
                **(again.noted or {}),
            }
            names = ", ".join(f"{name} = ?" for name in changes)
            self._run(f"UPDATE {{}} SET {names}", tuple(changes.values()), parcel)  # noqa: S608 (own names)
        return len(taken)

    def take(self, now: datetime, most: int = 4) -> list[Parcel]:
        """What is due, the oldest first, and nobody else's until its lease is over."""
        due = self._database.read(self._due, (now.timestamp(), most))
        if not due:
            return []
        until, lease = now + LEASE, f"UPDATE {self._table} SET due = ? WHERE id = ? AND due = ?"  # noqa: S608
        with self._database.transaction() as session:
            return [
                Parcel(id, tries, until, tuple(row))
                for id, at, tries, *row in due
                if session.run(lease, (until.timestamp(), id, at)).number
            ]

    def sent(self, parcel: Parcel) -> None:
        """Forget it."""
        self._run("DELETE FROM {}", (), parcel)

    def stuck(self) -> int:
        """How many were tried so often in vain that staff must know."""
        count = f"SELECT count(*) FROM {self._table} WHERE tries >= ?"  # noqa: S608
        return int(self._database.read(count, (STUCK,))[0][0])

    def _run(self, statement: str, values: tuple[Any, ...], parcel: Parcel) -> None:
        """On its row, unless it is somebody else's by now, or was put in anew."""
        with self._database.transaction() as session:
            mine = f"{statement.format(self._table)} WHERE id = ? AND due = ?"
            session.run(mine, (*values, parcel.id, parcel.leased.timestamp()))
