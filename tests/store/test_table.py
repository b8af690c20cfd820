"""Our TinyDB table does what stock TinyDB does: random programs on both, compared after every step."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.operations import delete, increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document, Table

from civic.store.rows import Work
from civic.store.table import RowDatabase, RowStorage, RowTable

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
STEPS = st.one_of(
    st.tuples(st.just("insert"), DOCUMENTS),
    st.tuples(st.just("insert_at"), IDS, DOCUMENTS),
    st.tuples(st.just("insert_multiple"), st.lists(DOCUMENTS, max_size=3)),
    st.tuples(st.just("update"), DOCUMENTS, CONDITIONS),
    st.tuples(st.just("update_ids"), DOCUMENTS, st.lists(IDS, max_size=3, unique=True)),
    st.tuples(st.just("update_all"), DOCUMENTS),
    st.tuples(st.just("update_deep"), CONDITIONS),
    st.tuples(st.just("delete_field"), CONDITIONS),
    st.tuples(st.just("upsert"), DOCUMENTS, CONDITIONS),
    st.tuples(st.just("upsert_at"), IDS, DOCUMENTS),
    st.tuples(st.just("remove"), CONDITIONS),
    st.tuples(st.just("remove_ids"), st.lists(IDS, max_size=3, unique=True)),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("reads"), CONDITIONS, IDS),
    st.tuples(st.just("drop_table")),
    st.tuples(st.just("reopen")),
)


def deepen(document: dict[str, Any]) -> None:
    """Change a document in depth, as an update function may."""
    for value in document.values():
        if isinstance(value, list):
            value.append(7)


ACTS: dict[str, Callable[..., Any]] = {
    "insert": lambda table, document: table.insert(document),
    "insert_at": lambda table, id, document: table.insert(Document(document, id)),
    "insert_multiple": lambda table, documents: table.insert_multiple(documents),
    "update": lambda table, fields, condition: table.update(fields, condition),
    "update_ids": lambda table, fields, ids: table.update(fields, doc_ids=ids),
    "update_all": lambda table, fields: table.update(fields),
    "update_deep": lambda table, condition: table.update(deepen, condition),
    "delete_field": lambda table, condition: table.update(delete("a"), condition & where("a").exists()),
    "upsert": lambda table, document, condition: table.upsert(document, condition),
    "upsert_at": lambda table, id, document: table.upsert(Document(document, id)),
    "remove": lambda table, condition: table.remove(condition),
    "remove_ids": lambda table, ids: table.remove(doc_ids=ids),
    "truncate": lambda table: table.truncate(),
    "reads": lambda table, condition, id: (
        table.search(condition),
        table.get(condition),
        table.get(doc_id=id),
        sorted_by_id(table.get(doc_ids=[id, id + 1])),
        table.contains(condition),
        table.contains(doc_id=id),
        table.count(condition),
        len(table),
    ),
}


def sorted_by_id(documents: list[Document]) -> list[tuple[int, Document]]:
    """Documents with their ids, in one order."""
    return sorted(((document.doc_id, document) for document in documents), key=lambda pair: pair[0])


def outcome(act: Callable[..., Any], table: Table, given: tuple[Any, ...]) -> Any:
    """What a call returns, or the name of what it raises."""
    try:
        return act(table, *given)
    except ValueError:
        return "ValueError"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=12))
def test_random_programs_agree_with_stock_tinydb(program: list[tuple[Any, ...]]) -> None:
    """Same answers, same documents, same ids, after every step, and after reopening our file."""
    run_program(program)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=30))
def test_many_random_programs_agree_with_stock_tinydb(program: list[tuple[Any, ...]]) -> None:
    """The same, longer and more often."""
    run_program(program)


class JsonInMemory(MemoryStorage):
    """TinyDB's stock JSON storage without the file: documents share nothing, as after a write and a read."""

    def read(self) -> Any:
        return json.loads(json.dumps(self.memory))

    def write(self, data: Any) -> None:
        self.memory = json.loads(json.dumps(data))

    def reopen(self) -> None:
        """Ours comes back in the order of ids, stock in the order of insertion: the one known difference."""
        tables = self.memory or {}
        self.memory = {
            name: dict(sorted(documents.items(), key=lambda pair: int(pair[0])))
            for name, documents in tables.items()
        }


def run_program(program: list[tuple[Any, ...]]) -> None:
    """Run the steps on stock TinyDB in memory and on ours; compare after each."""
    folder = Path(tempfile.mkdtemp())
    memory = JsonInMemory()
    stock = TinyDB(storage=lambda: memory)
    ours = RowDatabase(folder / "t.sqlite3", storage=RowStorage)
    try:
        for name, *given_values in program:
            if name == "reopen":
                ours.close()
                ours = RowDatabase(folder / "t.sqlite3", storage=RowStorage)
                memory.reopen()
                stock._tables.clear()  # a reopened TinyDB counts its ids anew
                continue
            if name == "drop_table":
                stock.drop_table("t")
                ours.drop_table("t")
            else:
                values = tuple(given_values)
                answers = [outcome(ACTS[name], db.table("t"), values) for db in (stock, ours)]
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


def test_only_what_changed_is_written(database: RowDatabase) -> None:
    """An update that matches one of a thousand documents writes one row; a no-op writes none."""
    table = database.table("t")
    table.insert_multiple({"n": i} for i in range(1000))
    storage = database.storage
    assert isinstance(storage, RowStorage)
    written: list[int] = []
    real = storage.rows.write

    def watched(batch: Sequence[Work]) -> None:
        written.extend(len(work.bodies) for work in batch)
        real(batch)

    storage.rows.write = watched  # type: ignore[method-assign]
    table.update({"n": -1}, where("n") == 500)
    table.update({"n": -1}, where("n") == -1)
    table.insert({"n": 1000})
    table.remove(doc_ids=[1])
    assert written == [1, 1, 1]


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


def test_threads_may_use_tinydbs_api(database: RowDatabase) -> None:
    """Eight threads insert, update and search at once: nothing is lost, no id is given twice."""
    problems: list[BaseException] = []

    def go(k: int) -> None:
        try:
            for i in range(30):
                id = database.insert({"k": k, "i": i})
                database.update({"seen": True}, doc_ids=[id])
                assert database.count(where("k") == k) == i + 1
        except BaseException as err:
            problems.append(err)

    threads = [threading.Thread(target=go, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert len(database) == 240
    assert database.count(where("seen") == True) == 240  # noqa: E712  # TinyDB's query language
