"""Our TinyDB table does what stock TinyDB does: random programs on both, compared after every step."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.operations import delete, increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document, Table

from civic.store.postgresql import PostgresDatabase
from civic.store.store import Store
from civic.store.tiny import ReadOnlyError, RowDatabase, RowStorage, RowTable
from tests.postgres import ask
from tests.store.conftest import SUBJECT, add, an_entry, at_once, move

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("가a", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=3,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "n"]), VALUES, max_size=3)
IDS = st.integers(1, 6)
CONDITIONS = st.sampled_from([
    where("a").exists(),
    ~where("a").exists(),
    where("a") == 1,
    where("n").test(lambda value: isinstance(value, int) and value > 0),
    where("b").any([1]) | (where("a") == "가"),
    where("missing") == 1,
])  # fmt: skip


def deepen(document: dict[str, Any]) -> None:
    """Change a document in depth, as an update function may."""
    for value in document.values():
        if isinstance(value, list):
            value.append(7)


ID_LISTS = st.lists(IDS, max_size=3, unique=True)
# name -> what is given, and what is done with it.
ACTS: dict[str, tuple[tuple[Any, ...], Callable[..., Any]]] = {
    "insert": ((DOCUMENTS,), lambda table, document: table.insert(document)),
    "insert_at": ((IDS, DOCUMENTS), lambda table, id, document: table.insert(Document(document, id))),
    "insert_multiple": ((st.lists(DOCUMENTS, max_size=3),), lambda table, some: table.insert_multiple(some)),
    "update": ((DOCUMENTS, CONDITIONS), lambda table, fields, condition: table.update(fields, condition)),
    "update_ids": ((DOCUMENTS, ID_LISTS), lambda table, fields, ids: table.update(fields, doc_ids=ids)),
    "update_all": ((DOCUMENTS,), lambda table, fields: table.update(fields)),
    "update_deep": ((CONDITIONS,), lambda table, condition: table.update(deepen, condition)),
    "delete_field": (
        (CONDITIONS,),
        lambda table, when: table.update(delete("a"), when & where("a").exists()),
    ),
    "upsert": ((DOCUMENTS, CONDITIONS), lambda table, document, condition: table.upsert(document, condition)),
    "upsert_at": ((IDS, DOCUMENTS), lambda table, id, document: table.upsert(Document(document, id))),
    "remove": ((CONDITIONS,), lambda table, condition: table.remove(condition)),
    "remove_ids": ((ID_LISTS,), lambda table, ids: table.remove(doc_ids=ids)),
    "truncate": ((), lambda table: table.truncate()),
    "reads": (
        (CONDITIONS, IDS),
        lambda table, condition, id: (
            table.search(condition),
            table.get(condition),
            table.get(doc_id=id),
            sorted_by_id(table.get(doc_ids=[id, id + 1])),
            table.contains(condition),
            table.contains(doc_id=id),
            table.count(condition),
            len(table),
        ),
    ),
}
STEPS = st.one_of(
    *(st.tuples(st.just(name), *given) for name, (given, _) in ACTS.items()),
    *(st.tuples(st.just(name)) for name in ("drop_table", "reopen")),
)


def sorted_by_id(documents: list[Document]) -> list[tuple[int, Document]]:
    """Documents with their ids, in one order."""
    return sorted(((document.doc_id, document) for document in documents), key=lambda pair: pair[0])


def outcome(act: Callable[..., Any], table: Table, given: tuple[Any, ...]) -> Any:
    """What a call returns, or the name of what it raises."""
    try:
        return act(table, *given)
    except ValueError:
        return "ValueError"


@pytest.mark.parametrize(
    ("back_end", "programs", "steps"),
    [("tinydb", 60, 12), ("postgresql", 15, 8), pytest.param("tinydb", 2000, 30, marks=pytest.mark.long)],
)
def test_random_programs_agree_with_stock_tinydb(
    back_end: str, programs: int, steps: int, request: pytest.FixtureRequest
) -> None:
    """Same answers, same documents, same ids, after every step, and after reopening ours."""
    url = request.getfixturevalue("url") if back_end == "postgresql" else ""

    @settings(
        max_examples=programs, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(st.lists(STEPS, max_size=steps))
    def compare(program: list[tuple[Any, ...]]) -> None:
        if url:
            ask(url, "TRUNCATE names, documents")
        run_program(program, url)

    compare()


class JsonInMemory(MemoryStorage):
    """TinyDB's stock JSON storage without the file; sorted by id as ours is, the one known difference (stock's: insertion)."""

    def read(self) -> Any:
        return json.loads(json.dumps(self.memory))

    def write(self, data: Any) -> None:
        self.memory = {
            name: dict(sorted(documents.items(), key=lambda pair: int(pair[0])))
            for name, documents in json.loads(json.dumps(data)).items()
        }


def run_program(program: list[tuple[Any, ...]], url: str = "") -> None:
    """Run the steps on stock TinyDB in memory and on ours; compare after each. url: of PostgreSQL."""
    folder = Path(tempfile.mkdtemp())
    memory = JsonInMemory()
    stock = TinyDB(storage=lambda: memory)

    def opened() -> RowDatabase:
        if url:
            return RowDatabase(storage=RowStorage, database=PostgresDatabase(url))
        return RowDatabase(folder / "t.sqlite3", storage=RowStorage)

    ours = opened()
    try:
        for name, *given_values in program:
            if name == "reopen":
                ours.close()
                ours = opened()
                stock._tables.clear()  # a reopened TinyDB counts its ids anew
                continue
            if name == "drop_table":
                stock.drop_table("t")
                ours.drop_table("t")
            else:
                values = tuple(given_values)
                answers = [outcome(ACTS[name][1], db.table("t"), values) for db in (stock, ours)]
                assert answers[0] == answers[1], (name, values)
            assert sorted_by_id(stock.table("t").all()) == sorted_by_id(ours.table("t").all()), name
    finally:
        ours.close()
        shutil.rmtree(folder)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[RowDatabase]:
    """An empty database."""
    opened = RowDatabase(tmp_path / "t.sqlite3", storage=RowStorage)
    yield opened
    opened.close()


def test_queries_and_operations_work(database: RowDatabase) -> None:
    """TinyDB's own way of working, by its default table too."""
    database.insert({"name": "kim", "age": 30})
    database.insert({"name": "lee", "age": 40})
    database.update(increment("age"), where("name") == "kim")
    assert database.search(where("age") == 31) == [{"name": "kim", "age": 31}]
    assert isinstance(database.table("_default"), RowTable)
    assert database.tables() == {"_default"}
    database.drop_tables()
    assert len(database) == 0


def test_only_what_changed_is_written(database: RowDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that matches one of a thousand documents writes one row; a no-op writes none."""
    table = database.table("t")
    table.insert_multiple({"n": i} for i in range(1000))
    written: list[int] = []
    real = RowTable.send

    def watched(table: RowTable, session: Any, id: int, body: str | None, is_new: bool) -> None:
        written.append(id)
        real(table, session, id, body, is_new)

    monkeypatch.setattr(RowTable, "send", watched)
    table.update({"n": -1}, where("n") == 500)
    table.update({"n": -1}, where("n") == -1)
    table.insert({"n": 1000})
    table.remove(doc_ids=[1])
    assert written == [501, 1001, 1]


def test_callers_cannot_reach_into_the_store(database: RowDatabase) -> None:
    """What was inserted, or found, can be changed by its holder without changing what is kept."""
    given_document = {"list": [1]}
    id = database.insert(given_document)
    given_document["list"].append(2)
    assert database.get(doc_id=id) == {"list": [1]}
    found = database.get(doc_id=id)
    assert isinstance(found, dict)
    found["list"] = "changed"
    assert database.get(doc_id=id) == {"list": [1]}


def test_what_is_no_json_is_refused_whole(database: RowDatabase) -> None:
    """Of three documents the second cannot be kept: none is."""
    with pytest.raises(TypeError):
        database.insert_multiple([{"n": 1}, {"n": object()}, {"n": 3}])
    with pytest.raises(ValueError, match="JSON"):
        database.insert({"n": float("nan")})
    with pytest.raises(ValueError, match="U\\+0000"):
        database.insert({"n": "a\x00b"})
    database.remove(doc_ids=[database.insert({"n": "a\\u0000b"})])  # a backslash, not the sign
    assert len(database) == 0
    assert database.insert({"n": 1}) >= 1


def test_a_joined_transaction_is_undone_together(database: RowDatabase) -> None:
    """Several calls of TinyDB's API in one block: all or nothing."""
    storage = database.storage
    assert isinstance(storage, RowStorage)
    database.insert({"n": 1})
    with pytest.raises(ZeroDivisionError), storage.joined():
        database.insert({"n": 2})
        database.update({"n": 9})
        database.table("other").insert({"n": 3})
        raise ZeroDivisionError
    assert database.all() == [{"n": 1}]
    assert len(database.table("other")) == 0


def opened(place: str) -> RowDatabase:
    """A database of either kind."""
    if place.startswith("postgresql"):
        return RowDatabase(storage=RowStorage, database=PostgresDatabase(place))
    return RowDatabase(Path(place) / "t.sqlite3", storage=RowStorage)


@pytest.fixture(params=["tinydb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where `opened` finds a database."""
    return str(request.getfixturevalue("url") if request.param == "postgresql" else tmp_path)


def test_dropping_a_table_takes_nothing_from_others(place: str) -> None:
    """Another process writes into its own tables meanwhile: all of it stays, whichever is dropped."""
    one, two = opened(place), opened(place)

    def drop() -> None:
        for i in range(40):
            one.table("x").insert({"i": i})
            one.drop_table("x")

    def write() -> None:
        for i in range(60):
            two.table("other").insert({"i": i})
            two.table(f"n{i}").insert({"i": i})

    assert at_once([drop, write]) == [None, None]
    assert one.tables() == {"other", *(f"n{i}" for i in range(60))}
    assert [document["i"] for document in one.table("other")] == list(range(60))
    two.drop_tables()
    assert one.tables() == set()
    for database in (one, two):
        database.close()


def test_stock_tables_work_on_rows(tmp_path: Path) -> None:
    """TinyDB with its own tables, which write everything at once, keeps it in the same rows; entries stay as they are."""
    with TinyDB(path=tmp_path / "t.sqlite3", storage=RowStorage) as stock:
        stock.insert_multiple([{"a": 1}, {"a": 2}])
        stock.table("other").insert({"b": 1})
        stock.update({"a": 3}, where("a") == 2)
        with pytest.raises(ReadOnlyError):
            stock.table("entries").insert({"number": "x"})
    with RowDatabase(tmp_path / "t.sqlite3", storage=RowStorage) as rows:
        assert (rows.all(), rows.table("other").all()) == ([{"a": 1}, {"a": 3}], [{"b": 1}])


@pytest.mark.parametrize("id", [True, None, 1.5, "x", 2**63, -(2**63) - 1, float("nan")])
def test_an_id_is_a_whole_number_that_sql_knows(place: str, id: Any) -> None:
    """Anything else is refused in the same way by both, and leaves nothing; one that fits is the same on both."""
    database = opened(place)
    for act in (database.insert, lambda document: database.insert_multiple([{"a": 1}, document])):
        with pytest.raises(ValueError, match=r"(?i)\bid\b"):
            act(Document({"a": 1}, id))
    assert database.all() == []
    assert database.insert(Document({"a": 1}, 2**63 - 1)) == 2**63 - 1
    with pytest.raises(ValueError, match=r"(?i)\bid\b"):
        database.insert({"b": 1})
    assert [document.doc_id for document in database] == [2**63 - 1]
    database.close()


def test_a_name_of_a_table_is_text(place: str) -> None:
    """Numbers, nothing, U+0000: refused by both; whatever else can be typed is a name."""
    database = opened(place)
    for wrong in (5, None, ("a",), "a\x00b"):
        with pytest.raises(ValueError, match="name"):
            database.table(wrong)  # type: ignore[arg-type]  # as a careless caller would
    names = {"", " ", "names", "a'b", "가나", "x" * 2000}
    for name in names:
        database.table(name).insert({"name": name})
    assert database.tables() == names
    assert database.table("a'b").all() == [{"name": "a'b"}]
    database.close()


def test_threads_may_use_tinydbs_api(database: RowDatabase) -> None:
    """Eight threads insert, update and search at once: nothing is lost, no id is given twice."""

    def go(k: int) -> None:
        for i in range(30):
            id = database.insert({"k": k, "i": i})
            database.update({"seen": True}, doc_ids=[id])
            assert database.count(where("k") == k) == i + 1

    assert at_once([partial(go, k) for k in range(8)]) == [None] * 8
    assert len(database) == 240
    assert database.count(where("seen") == True) == 240  # noqa: E712  # TinyDB's query language


def entries_of(store: Any) -> RowTable:
    """TinyDB's table of entries."""
    assert isinstance(store, Store)
    table: RowTable = store.database.table("entries")
    return table


def test_entries_are_documents(store: Store, beside: Store) -> None:
    """What a book keeps is found by TinyDB's queries, by an index where it asks for equality, beside a running store."""
    first, second = add(store, an_entry("kim")), add(store, an_entry("lee"))
    move(store, second, "cancelled")
    table = entries_of(beside)
    assert [d["number"] for d in table.search(where("state") == "confirmed")] == [first.number]
    found = table.get((where("person") == "lee") & (where("subject") == SUBJECT) & (where("size") == 1))
    assert found and found["state"] == "cancelled"
    assert table.count(where("rank").test(lambda rank: rank > 0)) == len(table) == 2
    assert table.search(where("state") == "no\nsuch") == table.search(where("rank") == "1") == []
    assert beside.database.tables() == {"entries"}  # type: ignore[attr-defined]


def test_equality_reads_only_what_may_meet_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and whole numbers on derived columns go to SQL; what Python and SQL see differently is scanned."""
    for person in "abc":
        add(store, an_entry(person))
    table, asked = entries_of(store), []
    real = RowTable.select
    monkeypatch.setattr(RowTable, "select", lambda *given: asked.append(given[1:]) or real(*given))
    for query, found in (
        (where("person") == "b", 1),
        ((where("rank") == 2) & (where("cause") == "applied"), 1),
        (where("rank") == True, 1),  # noqa: E712  # 1 == True in Python
        (~(where("person") == "b"), 2),
        ((where("person") == "b") | (where("person") == "c"), 2),
    ):
        assert table.count(query) == found
    assert [bool(given) for given in asked] == [True, True, False, False, False]


def test_entries_are_changed_by_a_book_alone(store: Store) -> None:
    """A stray write would pass by counters and journal: refused, whichever way it comes; other tables are free."""
    entry = add(store, an_entry())
    table = entries_of(store)
    for write in (
        lambda: table.insert({"number": "X"}),
        lambda: table.update({"state": "cancelled"}),
        lambda: table.remove(where("number") == entry.number),
        table.truncate,
        store.database.drop_tables,  # type: ignore[attr-defined]
    ):
        with pytest.raises(ReadOnlyError):
            write()
    store.database.table("notes").insert({"a": 1})  # type: ignore[attr-defined]
    assert store.find(entry.number) == entry
