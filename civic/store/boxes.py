"""All ballot boxes of a store, beside the entries: in a file of their own on SQLite, in tables on PostgreSQL.

with boxes.open("budget-2024") as box:
    box.put(sealed)
# here it is durable; an exception inside the block leaves nothing behind
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from civic.clock import SEOUL
from civic.errors import Unavailable
from civic.store.box import OF_A_POLL, TIMES, PollBox, Ticket
from civic.store.outbox import Outbox
from civic.store.session import Database, Row

UNAVAILABLE = "지금은 처리할 수 없습니다. 잠시 뒤에 다시 해 주세요."
LOCKS = 0x6D616461  # "mada": our own class of advisory locks
# On PostgreSQL the versions of rows (xmin) tell an order: undone by `close`, where one transaction writes all anew.
SCRUBBED = (*OF_A_POLL, "box_outgoing", "box_hits", "box_tickets")


class Box:
    """Where all boxes are kept; any number of processes may use it at once."""

    def __init__(self, database: Database) -> None:
        """Takes the database over."""
        self._database = database
        self.outbox = Outbox(database, "box_outgoing", ("sealed", "until"))  # in no telling order

    @contextmanager
    def open(self, poll: str) -> Iterator[PollBox]:
        """A transaction on one poll's box. Raises Unavailable when the store cannot answer. Nothing slow inside."""
        with _in_words(), self._database.transaction() as session:
            if session.dialect.row_locks:
                # Decisions here read and then write: two processes must not do so on one poll at once.
                session.later("SELECT pg_advisory_xact_lock(?, hashtext(?))", (LOCKS, poll))
            yield PollBox(poll, session)

    def polls(self) -> list[str]:
        """Every poll of which anything is kept, sorted."""
        names = " UNION ".join(f"SELECT poll FROM {table}" for table in (*OF_A_POLL, "box_states"))  # noqa: S608
        return sorted(poll for (poll,) in self._read(names) if poll)

    def ticket(self, hash: str) -> Ticket | None:
        """The ticket of that hash, whether or not its time is over, or None. Waits for nobody: at an opening everybody asks."""
        statement = "SELECT contact, until, fresh FROM box_tickets WHERE hash = ?"
        for contact, *ends in self._read(statement, (hash,)):
            return Ticket(hash, contact, *(datetime.fromtimestamp(end, SEOUL) for end in ends))
        return None

    def times(self, key: str, now: datetime) -> int:
        """As `PollBox.times`, waiting for nobody."""
        return int(self._read(TIMES, (key, now.timestamp()))[0][0])

    def scrub(self) -> None:
        """Leave no trace of removed rows in files: after closing and destroying a box. Raises Unavailable."""
        with _in_words():
            self._database.vacuum(SCRUBBED)

    def close(self) -> None:
        """Let go of the store."""
        self._database.close()

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with _in_words():
            return self._database.read(statement, values)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except Unavailable as err:
        raise Unavailable(UNAVAILABLE, err.retry_after) from err.__cause__
