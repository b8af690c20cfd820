"""A table of rows as TinyDB's own methods want to see it: to read, or to change. No SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from civic.store.documents import Document, body_of
from civic.store.session import Transaction

SMALLEST, LARGEST = -(2**63), 2**63 - 1  # ids and numbers that SQL knows


class Rows(Protocol):
    """What is needed of `RowTable`."""

    def select(
        self, condition: str = "", values: tuple[Any, ...] = ()
    ) -> list[tuple[int, str, Document]]: ...

    def count_rows(self) -> int: ...

    def send(self, session: Transaction, id: int, body: str | None, is_new: bool) -> None: ...


class ReadView(Mapping[str, Document]):
    """A table as TinyDB's reading methods want it: ids are text. One document is found without a scan."""

    def __init__(self, table: Rows) -> None:
        self._table = table

    def __getitem__(self, id: str) -> Document:
        try:
            number = int(id)
        except ValueError:
            raise KeyError(id) from None
        found = self._table.select("id = ?", (number,)) if SMALLEST <= number <= LARGEST else []
        if not found:
            raise KeyError(id)
        return found[0][2]

    def __len__(self) -> int:
        return self._table.count_rows()

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.items()))

    def items(self) -> Any:
        """All documents as they stand at this moment."""
        return [(str(id), document) for id, _, document in self._table.select()]


class WriteView(MutableMapping[int, Document]):
    """A table in the hands of one of TinyDB's updaters: it changes copies, and we learn which."""

    def __init__(self, table: Rows, fresh: int) -> None:
        self._table = table
        self._fresh = fresh  # an id that was given out just now
        self._bodies: dict[int, str | None] = {}  # as they are kept; None: not there
        self._copies: dict[int, Document | None] = {}  # None: removed
        self._is_whole = False

    def __getitem__(self, id: int) -> Document:
        document = self._look(id)
        if document is None:
            raise KeyError(id)
        return document

    def __setitem__(self, id: int, document: Document) -> None:
        self._look(id)
        self._copies[id] = dict(document)

    def __delitem__(self, id: int) -> None:
        if self._look(id) is None:
            raise KeyError(id)
        self._copies[id] = None

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int) and self._look(id) is not None

    def __iter__(self) -> Iterator[int]:
        if not self._is_whole:
            for id, body, document in self._table.select():
                if id not in self._copies:
                    self._bodies[id], self._copies[id] = body, document
            self._is_whole = True
        return iter(sorted(id for id, document in self._copies.items() if document is not None))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        for id in list(self):
            self._copies[id] = None

    def write(self, session: Transaction) -> None:
        """Send what is different now."""
        changes = [
            (id, body_of(copy) if copy is not None else None, self._bodies[id])
            for id, copy in self._copies.items()
        ]
        for id, body, before in changes:  # all bodies are JSON by now
            if body != before:
                self._table.send(session, id, body, is_new=before is None)

    def _look(self, id: int) -> Document | None:
        if id not in self._copies:
            found = []
            if not self._is_whole and id != self._fresh:
                found = self._table.select("id = ?", (id,))
            self._bodies[id], self._copies[id] = found[0][1:] if found else (None, None)
        return self._copies[id]
