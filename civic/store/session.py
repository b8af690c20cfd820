"""One transaction, and the database behind it: what the book and TinyDB's tables need of either; and that of SQLite."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from civic.store.tables import SQLITE, Dialect

Row = tuple[Any, ...]
# Can anything be kept now? A write like any other; what it writes means nothing.
PROBE = "INSERT INTO leases VALUES ('probe', '', 0) ON CONFLICT (task) DO UPDATE SET until = leases.until + 1"
# For those whose own write failed: it may or may not be there, and the same form sent again is safe.
UNKNOWN = (
    "신청을 저장했는지 확인하지 못했습니다. 잠시 뒤 같은 화면에서 다시 보내 주세요. 두 번 접수되지 않습니다."
)


@dataclass(slots=True)
class Later:
    """A statement that is sent together with the next; how many rows it changed is known then, at least one until then."""

    statement: str
    values: Sequence[Any]
    count: int = 1


class Transaction(ABC):
    """One running transaction. Statements are written with "?" for their values."""

    dialect: Dialect

    def __init__(self) -> None:
        self._queue: list[Later] = []
        self.notes: list[tuple[str, Sequence[Any]]] = []
        # What is written at the end, by key: as earlier blocks of the same commit left it, and as this one leaves it.
        self.before: Mapping[Any, Any] = {}
        self.known: dict[Any, Any] = {}

    def note(self, statement: str, values: Sequence[Any]) -> None:
        """Send a statement when the transaction ends: what it writes is read by nobody before."""
        self.notes.append((statement, values))

    def later(self, statement: str, values: Sequence[Any] = ()) -> Later:
        """Send a statement with the next one that must be answered, or when the transaction ends."""
        queued = Later(statement, values)
        self._queue.append(queued)
        return queued

    @abstractmethod
    def insert(self, statement: str, values: Sequence[Any]) -> bool:
        """Send a new row; False when somebody who writes at the same time has what is unique of it."""

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Send what is queued and this statement, in this order; the driver's cursor of this one."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a SELECT; none of any other statement."""
        cursor = self.run(statement, values)
        return cursor.fetchall() if cursor.description else []

    def settle(self) -> None:
        """Send what is queued."""
        if self._queue:
            last = self._queue.pop()
            self.run(last.statement, last.values)


class Database(Protocol):
    """Where some tables are: the entries', or a file beside them. Every call raises Unavailable when it cannot answer."""

    dialect: Dialect

    @property
    def trouble(self) -> str: ...  # as Store.trouble

    # Durable when the block ends; an exception inside leaves nothing behind.
    def transaction(self) -> AbstractContextManager[Transaction]: ...

    # Of one SELECT: only what is durable.
    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]: ...

    # All of one moment; nobody waits for it.
    def snapshot(self) -> AbstractContextManager[Transaction]: ...

    # Leaves nothing of what was removed from these tables in their files.
    def vacuum(self, names: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class SqliteSession(Transaction):
    """A running block of a connection."""

    dialect = SQLITE
    has_written = False

    def __init__(self, connection: sqlite3.Connection, is_marked: bool = True) -> None:
        """is_marked: False where there are other blocks in its transaction: it is to get a savepoint of its own."""
        super().__init__()
        self._connection, self._is_marked = connection, is_marked
        self._new: list[Later] = []  # which must change a row

    def insert(self, statement: str, values: Sequence[Any]) -> bool:
        """True, and sent later: there is no other writer, so that what was seen is what is found."""
        self._new.append(self.later(statement, values))
        return True

    def undo(self) -> None:
        """Leave nothing of this block in the batch."""
        self._queue.clear()
        if self._is_marked:
            self._connection.execute("ROLLBACK TO block")

    def run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """As the base's; nothing is gained by sending much at once."""
        if self._queue or not statement.startswith("SELECT"):
            self._begin()
        self._send()
        return self._connection.execute(statement, values)

    def settle(self) -> None:
        if len(self._queue) > 1:  # one alone is done, or leaves nothing behind
            self._begin()
        self._send()

    def _begin(self) -> None:
        if not self._is_marked:
            # Not released afterwards: the commit does that, and an inner one of the same name goes before it.
            self._connection.execute("SAVEPOINT block")
        self._is_marked = self.has_written = True

    def _send(self) -> None:
        queue, new, self._queue, self._new = self._queue, self._new, [], []
        for each in queue:
            each.count = self._connection.execute(each.statement, each.values).rowcount
            self.has_written = True
        if not all(each.count for each in new):
            raise sqlite3.DatabaseError("damaged: an index disagrees with its table")
