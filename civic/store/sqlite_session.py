"""One transaction on a SQLite connection: of the one that writes, or of one that reads."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from civic.store.dialect import SQLITE
from civic.store.session import Later, Result, Transaction


class SqliteSession(Transaction):
    """The running block of the connection that writes."""

    dialect = SQLITE
    is_marked = has_written = False  # has it a savepoint? Was anything changed?

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._new: list[Later] = []  # which must change a row

    def insert(self, statement: str, values: Sequence[Any]) -> bool:
        """True, and sent later: there is no other writer, so that what was seen is what is found."""
        self._new.append(self.later(statement, values))
        return True

    def undo(self) -> None:
        """Leave nothing of this block in the batch."""
        self._queue.clear()
        if self.is_marked:
            self._connection.execute("ROLLBACK TO block")

    def run(self, statement: str, values: Sequence[Any] = ()) -> Result:
        """As the base's; nothing is gained by sending much at once."""
        if self._queue or not statement.startswith("SELECT"):
            self._begin()
        self._send()
        cursor = self._connection.execute(statement, values)
        if cursor.description is None:
            return Result([], cursor.rowcount)
        rows = cursor.fetchall()
        return Result(rows, len(rows))

    def settle(self) -> None:
        if len(self._queue) > 1:  # one alone is done, or leaves nothing behind
            self._begin()
        self._send()

    def _begin(self) -> None:
        if not self.is_marked:
            # Not released afterwards: the commit does that, and an inner one of the same name goes before it.
            self._connection.execute("SAVEPOINT block")
        self.is_marked = self.has_written = True

    def _send(self) -> None:
        queue, new, self._queue, self._new = self._queue, self._new, [], []
        for each in queue:
            each.count = self._connection.execute(each.statement, each.values).rowcount
            self.has_written = True
        if not all(each.count for each in new):
            raise sqlite3.DatabaseError("damaged: an index disagrees with its table")


class SnapshotSession(SqliteSession):
    """A connection whose transaction is the caller's: no block to take back."""

    is_marked = True
