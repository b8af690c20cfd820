"""TinyDB on rows: its normal API, its documents in a database's tables, through its own extension points.

    db = RowDatabase(storage=RowStorage, path=Path("t.sqlite3"))
    db.table("entries").search(where("state") == "waiting")

A call is a transaction of its own, durable when it returns; inside `RowStorage.joined` all calls of the thread are one.
The table "entries" can only be read, except by a book: a stray write would pass by the counters and the journal.
"""

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument
from tinydb.table import Table

from civic.store.entry import Document, body_of, checksum, document_of
from civic.store.session import Database, Row, Transaction
from civic.store.sqlite import SqliteDatabase
from civic.store.tables import DERIVED

ENTRIES = "entries"
NEW_ENTRY = "INSERT INTO entries (id, body, checksum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
NEW_DOCUMENT = "INSERT INTO documents (name, id, body, checksum) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
NAMES = "SELECT name FROM names UNION SELECT 'entries' WHERE EXISTS (SELECT 1 FROM entries)"
HOLD_NAME = "SELECT name FROM names WHERE name = ?"
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # ids and numbers that SQL knows


class ReadOnlyError(Exception):
    """Entries are changed by `store.open(subject)` alone."""


class Taken(Exception):
    """A document was not inserted: another has its unique fields."""


class _Here(threading.local):
    """This thread's running transaction; is it a book's?"""

    session: Transaction | None = None
    is_book = False


class RowStorage(Storage):
    """The tables of a database as TinyDB's storage."""

    def __init__(self, path: Path | str = "", database: Database | None = None) -> None:
        """path: a file of its own, made when missing; database: one that is open already. Raises Misuse."""
        self.database = database or SqliteDatabase(Path(path))
        self.here = _Here()

    @contextmanager
    def using(self, session: Transaction, is_book: bool = True) -> Iterator[Transaction]:
        """This thread's calls belong to a transaction until the block ends."""
        self.here.session, self.here.is_book = session, is_book
        try:
            yield session
        finally:
            self.here.session, self.here.is_book = None, False

    @contextmanager
    def joined(self) -> Iterator[Transaction]:
        """Inside this thread's transaction, or in one of its own that is durable when the block ends."""
        if self.here.session:
            yield self.here.session
        else:
            with self.database.transaction() as session, self.using(session, is_book=False):
                yield session

    def rows(self, statement: str, values: Any = ()) -> list[Row]:
        """What a SELECT finds: in this thread's transaction, else what is durable."""
        session = self.here.session
        return session.rows(statement, values) if session else self.database.read(statement, values)

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Everything, as TinyDB's stock tables want it: ids are text."""
        return {name: RowTable(self, name)._read_table() for (name,) in self.rows(NAMES)} or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace everything but the entries, as stock tables do: what others wrote since it was read is undone, which
        a `RowTable` never does. Raises ReadOnlyError when entries would change."""
        with self.joined() as session:
            if data.get(ENTRIES, {}) != (self.read() or {}).get(ENTRIES, {}):
                raise ReadOnlyError
            session.run("DELETE FROM documents")
            session.run("DELETE FROM names")
            for name in data.keys() - {ENTRIES}:
                session.run("INSERT INTO names VALUES (?)", (name,))
                for id, document in data[name].items():
                    body = body_of(document)
                    session.later(NEW_DOCUMENT, (name, int(id), body, checksum(body)))

    def close(self) -> None:
        """Close the database."""
        self.database.close()


class RowTable(Table):
    """TinyDB's table over `RowStorage`: a write costs what it changes, not what there is."""

    def __init__(self, storage: RowStorage, name: str, **options: Any) -> None:
        if not isinstance(name, str) or "\x00" in name:
            raise ValueError("a table's name is a text without U+0000")
        self._rows, self._name = storage, name
        self._is_entries = name == ENTRIES
        self._where = "entries WHERE true" if self._is_entries else "documents WHERE name = ?"
        self._mine = () if self._is_entries else (name,)
        # cache_size=0: TinyDB's query cache is not safe among threads, and knows nothing of other processes.
        super().__init__(storage, name, **{**options, "cache_size": 0})

    def search(self, cond: Any) -> list[TinyDocument]:
        """As TinyDB's; what is asked for by equality is found by an index, and `cond` decides again."""
        return [self.document_class(document, id) for id, _, document in self._asked(cond) if cond(document)]

    def get(self, cond: Any = None, doc_id: Any = None, doc_ids: Any = None) -> Any:
        """As TinyDB's."""
        if doc_id is not None:
            found = self.of_id(doc_id)
        elif doc_ids is None and cond is not None:
            found = [row for row in self._asked(cond) if cond(row[2])]
        else:
            return super().get(cond, doc_id, doc_ids)
        return next((self.document_class(document, id) for id, _, document in found), None)

    def insert(self, document: Any) -> int:
        """As TinyDB's; the id and the document are one transaction. A book gives the id, which nobody has."""
        if self._is_entries:
            self.send(self._book(), document.doc_id, body_of(document), is_new=True)
            return int(document.doc_id)
        with self.held():
            return super().insert(document)

    def insert_multiple(self, documents: Any) -> list[int]:
        """As TinyDB's."""
        with self.held():
            return super().insert_multiple(documents)

    def __len__(self) -> int:
        return int(self._rows.rows(f"SELECT count(*) FROM {self._where}", self._mine)[0][0])  # noqa: S608

    def select(
        self, condition: str = "true", values: tuple[Any, ...] = ()
    ) -> list[tuple[int, str, Document]]:
        """(id, text, document) of the rows for which an SQL condition holds, in the order of their ids."""
        statement = f"SELECT id, body, checksum FROM {self._where} AND {condition} ORDER BY id"  # noqa: S608
        rows = self._rows.rows(statement, (*self._mine, *values))
        return [(id, body, document_of(self.name, id, body, kept)) for id, body, kept in rows]

    def of_id(self, id: Any) -> list[tuple[int, str, Document]]:
        """As `select`; none for what cannot be an id."""
        return self.select("id = ?", (id,)) if _is_id(id) else []

    def send(self, session: Transaction, id: int, body: str | None, is_new: bool) -> None:
        """Insert, update or (None) remove one row, with the next statement at the latest. Raises Taken."""
        if body is None:
            session.later(f"DELETE FROM {self._where} AND id = ?", (*self._mine, id))  # noqa: S608 (own names)
        elif is_new:
            new = NEW_ENTRY if self._is_entries else NEW_DOCUMENT
            if not session.insert(new, (*self._mine, id, body, checksum(body))):
                raise Taken
        else:
            change = f"UPDATE {self._where.replace('WHERE', 'SET body = ?, checksum = ? WHERE')} AND id = ?"
            session.later(change, (body, checksum(body), *self._mine, id))

    def _read_table(self) -> Any:
        return {str(id): document for id, _, document in self.select()}

    @contextmanager
    def held(self) -> Iterator[Transaction]:
        """A transaction in which nobody else writes into this table. Raises ReadOnlyError."""
        if self._is_entries:
            yield self._book()
            return
        with self._rows.joined() as session:
            session.later("INSERT INTO names VALUES (?) ON CONFLICT DO NOTHING", self._mine)
            session.run(HOLD_NAME + session.dialect.lock, self._mine)
            yield session

    def _book(self) -> Transaction:
        here = self._rows.here
        if not (here.is_book and here.session):
            raise ReadOnlyError
        return here.session

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        with self.held() as session:
            table = Changes(self)
            updater(table)
            table.write(session)

    def _get_next_id(self) -> int:
        ((last,),) = self._rows.rows(f"SELECT coalesce(max(id), 0) FROM {self._where}", self._mine)  # noqa: S608
        known: int | None = self._next_id
        given = max(known or 0, int(last) + 1)
        self._next_id = given + 1  # type: ignore[assignment]  # TinyDB declares it as None only
        return given

    def _asked(self, cond: Any) -> list[tuple[int, str, Document]]:
        """The rows that may meet a query; all, where it does not say."""
        equal = _equalities(getattr(cond, "_hash", None)) if self._is_entries else {}
        if not equal:
            return self.select()
        return self.select(" AND ".join(f"{field} = ?" for field in equal), tuple(equal.values()))


class Changes(MutableMapping[int, Document]):
    """A table in the hands of one of TinyDB's updaters: it changes copies, and we learn which."""

    def __init__(self, table: RowTable) -> None:
        self._table = table
        self._bodies: dict[int, str] = {}  # as they are kept
        self._copies: dict[int, Document | None] = {}  # None: removed
        self._is_whole = False

    def _take(self, rows: list[tuple[int, str, Document]]) -> None:
        for id, body, document in rows:
            if id not in self._copies:
                self._bodies[id], self._copies[id] = body, document

    def __getitem__(self, id: int) -> Document:
        if id not in self._copies and not self._is_whole:
            self._take(self._table.of_id(id))
        document = self._copies.get(id)
        if document is None:
            raise KeyError(id)
        return document

    def __setitem__(self, id: int, document: Document) -> None:
        if not _is_id(id):
            raise ValueError(f"no id of a document: {id!r}")
        self.get(id)
        self._copies[id] = dict(document)

    def __delitem__(self, id: int) -> None:
        self[id]
        self._copies[id] = None

    def __iter__(self) -> Iterator[int]:
        if not self._is_whole:
            self._take(self._table.select())
            self._is_whole = True
        return iter(sorted(id for id, document in self._copies.items() if document is not None))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        self._copies |= dict.fromkeys(self)

    def write(self, session: Transaction) -> None:
        """Send what is different now."""
        bodies = {id: None if copy is None else body_of(copy) for id, copy in self._copies.items()}
        for id, body in bodies.items():  # all are JSON by now
            if body != self._bodies.get(id):
                self._table.send(session, id, body, is_new=id not in self._bodies)


class RowDatabase(TinyDB):
    """TinyDB whose tables are `RowTable`: RowDatabase(storage=RowStorage, path=…)."""

    table_class = RowTable  # type: ignore[assignment]  # TinyDB declares exactly its own class
    _storage: RowStorage

    def tables(self) -> set[str]:
        """As TinyDB's."""
        return {name for (name,) in self._storage.rows(NAMES)}

    def drop_tables(self) -> None:
        """As TinyDB's: all or none."""
        with self._storage.joined():
            for name in self.tables():
                self.drop_table(name)

    def drop_table(self, name: str) -> None:
        """As TinyDB's; what others write into other tables meanwhile stays."""
        if name in self.tables():
            with self._storage.joined() as session:
                self.table(name).truncate()
                session.run("DELETE FROM names WHERE name = ?", (name,))
        self._tables.pop(name, None)


def _equalities(query: Any) -> dict[str, str | int]:
    """Derived columns that a query's own description says are equal to a text or a whole number."""
    match query:
        case ("and", frozenset() as parts):
            found: dict[str, str | int] = {}
            for part in parts:
                found |= _equalities(part)
            return found
        case ("==", (str() as field,), str() | int() as value) if field in DERIVED and _is_plain(value):
            return {field: value} if isinstance(value, int) == DERIVED[field] else {}
    return {}


def _is_id(id: Any) -> bool:
    return type(id) is int and SMALLEST <= id <= LARGEST


def _is_plain(value: str | int) -> bool:
    """Do Python and SQL mean the same by it?"""
    return _is_id(value) if isinstance(value, int) else "\x00" not in value and value.isprintable()
