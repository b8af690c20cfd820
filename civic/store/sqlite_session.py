"""One transaction on a SQLite connection: of the one that writes, or of one that reads."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from civic.store.dialect import SQLITE
from civic.store.session import Result, Transaction


class SqliteSession(Transaction):
    """The running block of the connection that writes."""

    dialect = SQLITE
    is_marked = False  # has it written anything?

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def mark(self) -> None:
        """Nothing to do: there is no other writer, so that what was seen is what is found."""

    def back(self) -> None:
        raise sqlite3.DatabaseError("damaged: an index disagrees with its table")

    def undo(self) -> None:
        """Leave nothing of this block in the batch."""
        self._queue.clear()
        if self.is_marked:
            self._connection.execute("ROLLBACK TO block")

    def run(self, statement: str, values: Sequence[Any] = ()) -> Result:
        """As the base's; nothing is gained by sending much at once."""
        if self._queue:
            queue, self._queue = self._queue, []
            for each in queue:
                each.count = self.run(each.statement, each.values).number
        if not self.is_marked and not statement.startswith("SELECT"):
            # Not released afterwards: the commit does that, and an inner one of the same name goes before it.
            self._connection.execute("SAVEPOINT block")
            self.is_marked = True
        cursor = self._connection.execute(statement, values)
        if cursor.description is None:
            return Result([], cursor.rowcount)
        rows = cursor.fetchall()
        return Result(rows, len(rows))


class SnapshotSession(SqliteSession):
    """A connection whose transaction is the caller's: no block to take back."""

    is_marked = True
