"""TinyDB on rows: its normal API, its documents in a database's tables, through its own extension points.

    db = RowDatabase(storage=RowStorage, path=Path("t.sqlite3"))
    db.table("entries").search(where("state") == "waiting")

A call is a transaction of its own, durable when it returns; inside `RowStorage.joined` all calls of the thread are one.
The table "entries" can only be read, except by a book: a stray write would pass by the counters and the journal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document as TinyDocument
from tinydb.table import Table

from civic.store.documents import Document, body_of, checksum, document_of
from civic.store.session import Database, Row, Transaction
from civic.store.sqlite import SqliteDatabase
from civic.store.tables import DERIVED
from civic.store.tiny_views import LARGEST, SMALLEST, ReadView, WriteView

ENTRIES = "entries"
HELD = "SELECT name FROM names WHERE name = ?"


class ReadOnlyError(Exception):
    """Entries are changed by `store.open(subject)` alone."""


class Taken(Exception):
    """A document was not inserted: another has its unique fields."""


class RowStorage(Storage):
    """The tables of a database as TinyDB's storage."""

    def __init__(self, path: Path | str = "", database: Database | None = None) -> None:
        """path: a file of its own, made when missing; database: one that is open already. Raises Misuse."""
        self.database = database or SqliteDatabase(Path(path))
        self._here = threading.local()

    @property
    def session(self) -> Transaction | None:
        """This thread's running transaction."""
        return getattr(self._here, "session", None)

    @contextmanager
    def using(self, session: Transaction) -> Iterator[None]:
        """This thread's calls belong to a book's transaction until the block ends."""
        self._here.session, self._here.is_book, self._here.next_id = session, True, 0
        try:
            yield
        finally:
            self._here.session = None
            self._here.is_book = False

    @contextmanager
    def joined(self) -> Iterator[Transaction]:
        """Inside this thread's transaction, or in one of its own that is durable when the block ends."""
        if self.session:
            yield self.session
            return
        with self.database.transaction() as session:
            self._here.session = session
            try:
                yield session
            finally:
                self._here.session = None

    def rows(self, statement: str, values: Any = ()) -> list[Row]:
        """What a SELECT finds: in this thread's transaction, else what is durable."""
        if self.session:
            return self.session.rows(statement, values)
        return self.database.read(statement, values)

    @property
    def is_book(self) -> bool:
        """Is this thread in a book?"""
        return getattr(self._here, "is_book", False)

    def offer_id(self, id: int) -> None:
        """The id that the next entry of this thread's book is to have: nobody has it."""
        self._here.next_id = id

    def take_id(self) -> int:
        """The offered id, once; else 0."""
        id, self._here.next_id = int(self._here.next_id), 0
        return id

    # ------------------------------------------------------------ TinyDB's Storage

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Everything, as TinyDB's stock tables want it: ids are text."""
        found: dict[str, dict[str, Any]] = {name: {} for (name,) in self.rows("SELECT name FROM names")}
        for name, id, *rest in self.rows("SELECT name, id, body, checksum FROM documents ORDER BY name, id"):
            found[name][str(id)] = document_of(name, id, *rest)
        entries = self.rows("SELECT id, body, checksum FROM entries ORDER BY id")
        if entries:
            found[ENTRIES] = {str(id): document_of(ENTRIES, id, *rest) for id, *rest in entries}
        return found or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace everything but the entries. Raises ReadOnlyError when those would change."""
        with self.joined() as session:
            if data.get(ENTRIES, {}) != (self.read() or {}).get(ENTRIES, {}):
                raise ReadOnlyError
            session.run("DELETE FROM documents")
            session.run("DELETE FROM names")
            for name in data:
                if name != ENTRIES:
                    session.run("INSERT INTO names VALUES (?)", (name,))
                    for id, document in data[name].items():
                        body = body_of(document)
                        values = (name, int(id), body, checksum(body))
                        session.later(
                            "INSERT INTO documents (name, id, body, checksum) VALUES (?, ?, ?, ?)", values
                        )

    def close(self) -> None:
        """Close the database."""
        self.database.close()


class RowTable(Table):
    """TinyDB's table over `RowStorage`: a write costs what it changes, not what there is."""

    def __init__(self, storage: RowStorage, name: str, **options: Any) -> None:
        # cache_size=0: TinyDB's query cache is not safe among threads, and knows nothing of other processes.
        self._rows = storage
        self._name = name
        super().__init__(storage, name, **{**options, "cache_size": 0})

    def search(self, cond: Any) -> list[TinyDocument]:
        """As TinyDB's; what is asked for by equality is found by an index, and `cond` decides again."""
        narrowed = self._narrowed(cond)
        if narrowed is None:
            return super().search(cond)
        return [self.document_class(document, id) for id, _, document in narrowed if cond(document)]

    def get(self, cond: Any = None, doc_id: Any = None, doc_ids: Any = None) -> Any:
        """As TinyDB's."""
        narrowed = self._narrowed(cond) if doc_id is None and doc_ids is None and cond is not None else None
        if narrowed is None:
            return super().get(cond, doc_id, doc_ids)
        found = (self.document_class(document, id) for id, _, document in narrowed if cond(document))
        return next(found, None)

    def insert(self, document: Any) -> int:
        """As TinyDB's; the id and the document are one transaction."""
        if self._rows.is_book:
            return super().insert(document)
        with self.held():
            return super().insert(document)

    def insert_multiple(self, documents: Any) -> list[int]:
        """As TinyDB's."""
        with self.held():
            return super().insert_multiple(documents)

    # ------------------------------------------------------------ rows

    def select(self, condition: str = "", values: tuple[Any, ...] = ()) -> list[tuple[int, str, Document]]:
        """(id, text, document) of the rows for which an SQL condition holds, in the order of their ids."""
        where, mine = self._where(condition)
        rows = self._rows.rows(f"SELECT id, body, checksum{where} ORDER BY id", (*mine, *values))
        return [(id, body, document_of(self.name, id, body, kept)) for id, body, kept in rows]

    def count_rows(self) -> int:
        """How many documents there are."""
        where, mine = self._where("")
        return int(self._rows.rows(f"SELECT count(*){where}", mine)[0][0])

    def send(self, session: Transaction, id: int, body: str | None, is_new: bool) -> None:
        """Insert, update or (None) remove one row. Raises Taken."""
        table, more = ("entries", {}) if self.name == ENTRIES else ("documents", {"name": self.name})
        if body is None:
            names = " AND ".join(f"{name} = ?" for name in (*more, "id"))
            session.run(f"DELETE FROM {table} WHERE {names}", (*more.values(), id))  # noqa: S608 (own names)
        elif not is_new:
            names = " AND ".join(f"{name} = ?" for name in (*more, "id"))
            change = f"UPDATE {table} SET body = ?, checksum = ? WHERE {names}"  # noqa: S608 (own names)
            session.run(change, (body, checksum(body), *more.values(), id))
        else:
            row = {**more, "id": id, "body": body, "checksum": checksum(body)}
            marks = ", ".join("?" * len(row))
            new = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
            if not session.run(new, tuple(row.values())).number:
                raise Taken

    # ------------------------------------------------------------ TinyDB's extension points

    def _read_table(self) -> Any:
        return ReadView(self)

    @contextmanager
    def held(self) -> Iterator[Transaction]:
        """A transaction in which nobody else writes into this table. Raises ReadOnlyError."""
        if self.name == ENTRIES:
            raise ReadOnlyError
        with self._rows.joined() as session:
            session.later("INSERT INTO names VALUES (?) ON CONFLICT DO NOTHING", (self.name,))
            session.run(HELD + session.dialect.lock, (self.name,))
            yield session

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        if self.name == ENTRIES and self._rows.session and self._rows.is_book:
            table = WriteView(self, self._rows.take_id())
            updater(table)
            table.write(self._rows.session)
            return
        with self.held() as session:
            table = WriteView(self, 0)
            updater(table)
            table.write(session)

    def _get_next_id(self) -> int:
        if self.name == ENTRIES:
            id = self._rows.take_id()
            self._rows.offer_id(id)  # for `_update_table`, which comes next
            return id
        where, mine = self._where("")
        ((free,),) = self._rows.rows(f"SELECT coalesce(max(id), 0) + 1{where}", mine)
        known: int | None = self._next_id
        given = max(known or 0, int(free))
        self._next_id = given + 1  # type: ignore[assignment]  # TinyDB declares it as None only
        return given

    def _where(self, condition: str) -> tuple[str, tuple[str, ...]]:
        conditions = [each for each in ("" if self.name == ENTRIES else "name = ?", condition) if each]
        source = f" FROM {'entries' if self.name == ENTRIES else 'documents'}"
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return source + where, () if self.name == ENTRIES else (self.name,)

    def _narrowed(self, cond: Any) -> list[tuple[int, str, Document]] | None:
        """The only documents that may meet a query; None: it does not say."""
        equal = _equalities(getattr(cond, "_hash", None)) if self.name == ENTRIES else {}
        if not equal:
            return None
        return self.select(" AND ".join(f"{field} = ?" for field in equal), tuple(equal.values()))


class RowDatabase(TinyDB):
    """TinyDB whose tables are `RowTable`: RowDatabase(storage=RowStorage, path=…)."""

    table_class = RowTable  # type: ignore[assignment]  # TinyDB declares exactly its own class


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


def _is_plain(value: str | int) -> bool:
    """Do Python and SQL mean the same by it?"""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return SMALLEST <= value <= LARGEST
    return "\x00" not in value and value.isprintable()
