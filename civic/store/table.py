"""TinyDB on rows: its normal API over documents in memory; only changed documents are written.

TinyDB's own extension points: a Storage and a Table class (`_update_table`, `_read_table`, `_get_next_id`).

    db = TinyDB(storage=RowStorage, path=Path("var/data/madang.sqlite3"))   # with RowTable as table_class
    db.table("entries").search(where("state") == "waiting")

A call outside `RowStorage.transaction` is a transaction of its own, durable when it returns. Inside, all calls
of the thread that opened it are undone together when the block raises. After reopening, a table's documents
come in the order of their ids; stock TinyDB keeps the order of insertion.
"""

from __future__ import annotations

import copy
import gc
import json
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from civic.errors import Unavailable
from civic.store.batches import Batches, refusal
from civic.store.rows import Document, Rows, Work

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
LOCK_TIMEOUT = 10.0  # seconds; a transaction takes well under a millisecond


class Watcher(Protocol):
    """Told of every document that changes, under the lock: an index. Undoing calls it the other way round."""

    def changed(self, table: str, id: int, old: Document | None, new: Document | None) -> None: ...


class RowStorage(Storage):
    """All documents in memory, each transaction written to `Rows` in batches. One per file and process."""

    def __init__(self, path: Path, written: Callable[[list[Work]], None] | None = None) -> None:
        """written: called after a batch is durable, in its order. Raises Misuse (see Rows)."""
        self.rows = Rows(path)
        self.batches: Batches[Work] = Batches(self._write)
        self._written = written
        try:
            with _without_collector():
                self._tables = self.rows.load()
        except BaseException:
            self.rows.close()
            raise
        self._watchers: list[Watcher] = []
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._undo: list[tuple[str, int, Document | None]] = []
        self.work = Work()  # of the running transaction

    # ------------------------------------------------------------ TinyDB's Storage

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Everything, as TinyDB's stock tables want it: a copy in which ids are text."""
        with self.settled():
            tables = {name: {str(id): d for id, d in docs.items()} for name, docs in self._tables.items()}
        return tables or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace everything; only the difference reaches the disk."""
        with self.joined():
            for name in [*self._tables, *(name for name in data if name not in self._tables)]:
                wanted = {int(id): document for id, document in data.get(name, {}).items()}
                have = self._tables.get(name, {})
                self.change(name, {id: None for id in have if id not in wanted} | wanted)
                if name not in data:
                    self._tables.pop(name, None)
                else:
                    self._tables.setdefault(name, {})

    def close(self) -> None:
        """Write what is still waiting and close the file."""
        with self._lock:
            try:
                if not self.batches.failure:
                    self.batches.wait(self.batches.last)
            finally:
                self.rows.close()

    # ------------------------------------------------------------ transactions

    @property
    def is_mine(self) -> bool:
        """Is this thread inside a transaction?"""
        return self._owner == threading.get_ident()

    def begin(self) -> None:
        """Start a transaction of this thread. Raises Unavailable after a failed write or a long wait."""
        if self.is_mine:
            raise RuntimeError("this thread has a transaction open already")
        if self.batches.failure:
            raise refusal()
        if not self._lock.acquire(timeout=LOCK_TIMEOUT):
            raise Unavailable
        self._owner = threading.get_ident()
        self._undo = []
        self.work = Work()

    def commit(self, mark: Callable[[int], None] | None = None) -> int:
        """End the transaction in memory; the answer is the ticket to wait for before anyone is told.

        mark: called with the ticket before the lock is let go; 0 for a transaction that changed nothing.
        """
        try:
            ticket = self.batches.hand_in(self.work) if self.work else 0
            if mark and ticket:
                mark(ticket)
            return ticket
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._end()

    def abort(self) -> None:
        """End the transaction and leave nothing behind."""
        try:
            self._roll_back()
        finally:
            self._end()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Inside this thread's transaction, or in one of its own that is durable when the block ends."""
        if self.is_mine:
            yield
            return
        self.begin()
        try:
            yield
        except BaseException:
            self.abort()
            raise
        self.batches.wait(self.commit() or self.batches.last)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """For reading: no other thread's transaction is half done, and what is read is durable at the end."""
        if self.is_mine:
            yield
            return
        with self._lock:
            yield
            last = self.batches.last
        self.batches.wait(last)

    # ------------------------------------------------------------ documents

    def documents(self, name: str) -> Mapping[int, Document]:
        """The documents of a table, by id. Not a copy: look, inside a transaction or `settled`."""
        return self._tables.get(name, {})

    def change(self, name: str, changes: Mapping[int, Mapping[str, Any] | None]) -> None:
        """Put documents (None removes), inside this thread's transaction.

        A document is kept as JSON gives it back, so that memory and a reopened file are the same.
        Raises TypeError or ValueError, with nothing changed, when it is not JSON.
        """
        bodies = {
            id: None if document is None else ENCODER.encode(document) for id, document in changes.items()
        }
        for id, body in bodies.items():
            self._put(name, id, None if body is None else json.loads(body), body)

    def watch(self, watcher: Watcher) -> None:
        """Tell it of all documents there are, and of every change from now on."""
        with _without_collector():
            for name, documents in self._tables.items():
                for id, document in documents.items():
                    watcher.changed(name, id, None, document)
        self._watchers.append(watcher)

    def _put(self, name: str, id: int, document: Document | None, body: str | None) -> None:
        documents = self._tables.setdefault(name, {})
        old = documents.get(id)
        self._undo.append((name, id, old))
        self._set(name, id, old, document)
        self.work.bodies[name, id] = body

    def _set(self, name: str, id: int, old: Document | None, new: Document | None) -> None:
        if new is None:
            self._tables[name].pop(id, None)
        else:
            self._tables.setdefault(name, {})[id] = new
        for watcher in self._watchers:
            watcher.changed(name, id, old, new)

    def _roll_back(self) -> None:
        for name, id, old in reversed(self._undo):
            self._set(name, id, self._tables.get(name, {}).get(id), old)

    def _end(self) -> None:
        self._undo = []
        self._owner = None
        self._lock.release()

    def _write(self, batch: Any) -> None:
        self.rows.write(batch)
        if self._written:
            self._written(batch)


class _Reading(Mapping[str, Document]):
    """A table as TinyDB's reading methods want it: ids are text. One document is found without a scan."""

    def __init__(self, storage: RowStorage, name: str) -> None:
        self._storage = storage
        self._name = name

    def __getitem__(self, id: str) -> Document:
        with self._storage.settled():
            return self._storage.documents(self._name)[int(id)]

    def __len__(self) -> int:
        with self._storage.settled():
            return len(self._storage.documents(self._name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.items()))

    def items(self) -> Any:
        """All documents as they stand at this moment."""
        with self._storage.settled():
            found = list(self._storage.documents(self._name).items())
        return [(str(id), document) for id, document in found]


class _Writing(MutableMapping[int, Document]):
    """A table in the hands of one of TinyDB's updaters: it changes copies, and we learn which."""

    def __init__(self, documents: Mapping[int, Document]) -> None:
        self._documents = documents
        self._copies: dict[int, Document | None] = {}  # None: removed

    def __getitem__(self, id: int) -> Document:
        if id not in self._copies:
            self._copies[id] = _copy(self._documents[id])
        document = self._copies[id]
        if document is None:
            raise KeyError(id)
        return document

    def __setitem__(self, id: int, document: Document) -> None:
        self._copies[id] = dict(document)

    def __delitem__(self, id: int) -> None:
        if id not in self:
            raise KeyError(id)
        self._copies[id] = None

    def __contains__(self, id: object) -> bool:
        return self._copies[id] is not None if id in self._copies else id in self._documents

    def __iter__(self) -> Iterator[int]:
        yield from [id for id in self._documents if id in self]
        yield from [id for id in list(self._copies) if id not in self._documents and id in self]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        self._copies = dict.fromkeys(self._documents)

    def changes(self) -> dict[int, Document | None]:
        """What is different now; unchanged copies are left out."""
        return {
            id: copy
            for id, copy in self._copies.items()
            if copy != self._documents.get(id) or (copy is not None and id not in self._documents)
        }


class RowTable(Table):
    """TinyDB's table over `RowStorage`: a write costs what it changes, not what there is."""

    def __init__(self, storage: RowStorage, name: str, **options: Any) -> None:
        # cache_size=0: TinyDB's query cache is not safe among threads.
        super().__init__(storage, name, **{**options, "cache_size": 0})
        self._rows = storage

    def _read_table(self) -> Any:
        return _Reading(self._rows, self.name)

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        with self._rows.joined():
            self._rows._tables.setdefault(self.name, {})  # an empty table counts as a table, as in TinyDB
            table = _Writing(self._rows.documents(self.name))
            updater(table)
            self._rows.change(self.name, table.changes())

    def _get_next_id(self) -> int:
        with self._rows.joined():  # two threads must not get the same
            known: int | None = self._next_id
            given = known if known is not None else max(self._rows.documents(self.name), default=0) + 1
            self._next_id = given + 1  # type: ignore[assignment]  # TinyDB declares it as None only
            return given


class RowDatabase(TinyDB):
    """TinyDB whose tables are `RowTable`: RowDatabase(storage=RowStorage, path=…)."""

    table_class = RowTable  # type: ignore[assignment]  # TinyDB declares exactly its own class


@contextmanager
def _without_collector() -> Iterator[None]:
    """Many objects come and none goes: looking for garbage again and again would take a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _copy(document: Document) -> Document:
    """A copy that an updater may change in depth; most documents are flat, and a shallow copy is enough."""
    return {
        key: copy.deepcopy(value) if isinstance(value, dict | list) else value
        for key, value in document.items()
    }
