"""What waits to be sent, kept by the transaction that causes it: codes beside the boxes, messages beside the entries.

One process at a time has a parcel; what cannot go is tried again after growing pauses. Nothing here sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from civic.clock import Clock
from civic.store.entry import line_sum
from civic.store.session import Database, Transaction

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
    """It did not go. at: when it may; None: it failed, and is tried again. row: what its row says from now on."""

    at: datetime | None = None
    row: tuple[Any, ...] | None = None


class Outbox:
    """The parcels of one table."""

    def __init__(
        self, database: Database, table: str, columns: tuple[str, ...], is_summed: bool = False
    ) -> None:
        """table: with due, tries and id, and these columns behind them, and a checksum over all of them."""
        self._database, self._table, self._is_summed = database, table, is_summed
        names = ", ".join(("due", "tries", "id", *columns))
        self._due = f"SELECT {names} FROM {table} WHERE due <= ? ORDER BY due, id LIMIT ?"  # noqa: S608 (own names)
        written = ("due", "tries", *columns, *(("checksum",) if is_summed else ()))
        changes = ", ".join(f"{name} = ?" for name in written)
        self._write = f"UPDATE {table} SET {changes} WHERE id = ? AND due = ?"  # noqa: S608

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
            later = Parcel(parcel.id, parcel.tries + (again.at is None), due, again.row or parcel.row)
            with self._database.transaction() as session:
                self._change(session, parcel.leased.timestamp(), later)
        return len(taken)

    def take(self, now: datetime, most: int = 4) -> list[Parcel]:
        """What is due, the oldest first, and nobody else's until its lease is over."""
        due = self._database.read(self._due, (now.timestamp(), most))
        if not due:
            return []
        wanted = [(at, Parcel(id, tries, now + LEASE, tuple(row))) for at, tries, id, *row in due]
        with self._database.transaction() as session:
            return [parcel for at, parcel in wanted if self._change(session, at, parcel)]

    def sent(self, parcel: Parcel) -> None:
        """Forget it, unless it is somebody else's by now, or was put in anew."""
        gone = f"DELETE FROM {self._table} WHERE id = ? AND due = ?"  # noqa: S608
        with self._database.transaction() as session:
            session.run(gone, (parcel.id, parcel.leased.timestamp()))

    def stuck(self) -> int:
        """How many were tried so often in vain that staff must know."""
        count = f"SELECT count(*) FROM {self._table} WHERE tries >= ?"  # noqa: S608
        return int(self._database.read(count, (STUCK,))[0][0])

    def _change(self, session: Transaction, was: float, parcel: Parcel) -> bool:
        """Write a row anew; False where its time is no longer what it was."""
        times = (parcel.leased.timestamp(), parcel.tries)
        kept = [line_sum(*times, parcel.id, *parcel.row)] if self._is_summed else []
        values = (*times, *parcel.row, *kept, parcel.id, was)
        return bool(session.run(self._write, values).rowcount)
