"""One transaction, and the database behind it: what the book and TinyDB's tables need of either database. No SQL."""

from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from civic.store.dialect import Dialect

Row = tuple[Any, ...]
# Can anything be kept now? A write like any other; what it writes means nothing.
PROBE = "INSERT INTO leases VALUES ('probe', '', 0) ON CONFLICT (task) DO UPDATE SET until = leases.until + 1"
# For those whose own write failed: it may or may not be there, and the same form sent again is safe.
UNKNOWN = (
    "신청을 저장했는지 확인하지 못했습니다. 잠시 뒤 같은 화면에서 다시 보내 주세요. 두 번 접수되지 않습니다."
)


class Result(NamedTuple):
    """What a statement gave: its rows, and how many rows it read or changed."""

    rows: list[Row]
    number: int


class Later:
    """A statement that is sent together with the next; how many rows it changed is known then, at least one until then."""

    __slots__ = ("count", "statement", "values")

    def __init__(self, statement: str, values: Sequence[Any]) -> None:
        self.statement, self.values, self.count = statement, values, 1


class Transaction(ABC):
    """One running transaction. Statements are written with "?" for their values."""

    dialect: Dialect

    def __init__(self) -> None:
        self._queue: list[Later] = []
        self.notes: list[tuple[str, Sequence[Any]]] = []
        # What is written at the end as earlier blocks of the same commit left it, and as this one leaves it, by key.
        self.known: ChainMap[Any, Any] = ChainMap()

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
    def run(self, statement: str, values: Sequence[Any] = ()) -> Result:
        """Send what is queued and this statement, in this order; what this one gave."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a SELECT."""
        return self.run(statement, values).rows

    def settle(self) -> None:
        """Send what is queued."""
        if self._queue:
            last = self._queue.pop()
            self.run(last.statement, last.values)


class PlainDatabase(Protocol):
    """Where some tables are: the entries', or a file beside them. Every call raises Unavailable when it cannot answer."""

    dialect: Dialect

    @property
    def trouble(self) -> str: ...  # as Store.trouble

    # Durable when the block ends; an exception inside leaves nothing behind.
    def transaction(self) -> AbstractContextManager[Transaction]: ...

    # Of one SELECT: only what is durable.
    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Row]: ...

    # Leaves nothing of what was removed from these tables in their files.
    def vacuum(self, names: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class Database(PlainDatabase, Protocol):
    """Where the entries are."""

    def snapshot(self) -> AbstractContextManager[Transaction]: ...  # all of one moment; nobody waits for it
