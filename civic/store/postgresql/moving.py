"""Everything that another store held, put into a database in one transaction: all of it arrives, or nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, insert, select, text

from civic.errors import Unavailable
from civic.store import open_box
from civic.store.moving import BOXES, Contents
from civic.store.postgresql.connection import Limits, answering, engine_for
from civic.store.postgresql.rows import CHANGE, ENTRY, MESSAGE, in_seoul, to_change, to_entry, to_message
from civic.store.postgresql.schema import check
from civic.store.postgresql.tables import CAPS, ENTRIES, JOURNAL, KEYS, MOVES, OUTBOX, ROUNDS

PATIENCE = Limits(connections=1, lock=10, statement=1800, idle=1800)
OURS = ("rounds", "entries", "caps", "journal", "outbox", "keys")


class OccupiedError(Unavailable):
    """The database holds entries that did not come from an earlier move, or has changed since."""

    def __init__(self) -> None:
        super().__init__(
            "옮길 곳에 이미 다른 신청이 있어 아무것도 바꾸지 않았습니다. 빈 데이터베이스를 쓰세요. "
            "(앞서 옮긴 뒤 바뀌지 않은 자료만 다시 옮길 수 있습니다.)"
        )


class DifferentError(Unavailable):
    """What arrived is not what was sent; nothing was kept."""

    def __init__(self, where: str) -> None:
        super().__init__(f"옮긴 자료가 원본과 달라 모두 되돌렸습니다: {where}")


def receive(url: str, contents: Contents, source: str, at: datetime) -> dict[str, tuple[int, str]]:
    """Put everything into the database and read it back; the digests of what is there, equal to the source's.

    May be repeated: what an earlier move brought, and nobody has changed since, is replaced. Raises
    OccupiedError, DifferentError, Misuse (the database is not ready: says what to do), Unavailable.
    """
    engine = engine_for(url, PATIENCE)
    try:
        level = check(engine)
    finally:
        engine.dispose()
    open_box(url).shut()  # its tables are there from now on
    engine = engine_for(url, PATIENCE, synchronous_commit=level)
    try:
        with answering(PATIENCE.retry_after), engine.begin() as connection:
            # enable_seqscan: whole tables are read here, and only here.
            connection.execute(text("SET LOCAL enable_seqscan = on"))
            connection.execute(text(f"LOCK TABLE {', '.join((*OURS, *BOXES))} IN ACCESS EXCLUSIVE MODE"))
            there = everything(connection)
            if not there.is_empty and _as_json(there.digests()) != _last(connection):
                raise OccupiedError
            connection.execute(text(f"TRUNCATE {', '.join((*OURS, *BOXES))} RESTART IDENTITY"))
            _write(connection, contents)
            arrived, sent = everything(connection).digests(), contents.digests()
            if arrived != sent:
                wrong = ", ".join(name for name in sent if arrived[name] != sent[name])
                raise DifferentError(str(wrong))
            connection.execute(insert(MOVES).values(at=at, source=source, digests=_as_json(arrived)))
        with answering(PATIENCE.retry_after), engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.execute(text("ANALYZE"))
        return arrived
    finally:
        engine.dispose()


def everything(connection: Connection) -> Contents:
    """All that the database holds."""
    run = connection.execute
    entries = [
        (to_entry(row), [(key, amount, states) for key, amount, states in row.caps])
        for row in run(select(*ENTRY, ENTRIES.c.caps).order_by(ENTRIES.c.number))
    ]
    rounds = run(select(ROUNDS).where(ROUNDS.c.last_rank > 0))
    return Contents(
        entries,
        {(r.subject, r.round): (r.taken, r.waiting, r.received, r.last_rank) for r in rounds},
        {(row.key, row.person): row.used for row in run(select(CAPS))},
        [to_change(row) for row in run(select(*CHANGE).order_by(JOURNAL.c.id))],
        [to_message(row) for row in run(select(*MESSAGE).order_by(OUTBOX.c.due, OUTBOX.c.id))],
        [(row.subject, row.wrapped, in_seoul(row.dropped)) for row in run(select(KEYS))],
        {
            name: [tuple(row) for row in run(text(f"TABLE {name}"))]
            for name in BOXES
            # Made with the first vote, not by a migration.
            if run(text("SELECT to_regclass(:name)"), {"name": name}).scalar()
        },
    )


def _write(connection: Connection, contents: Contents) -> None:
    fields = [column.name for column in ENTRY]
    copy = _copier(connection)
    copy(
        "entries",
        (*fields, "caps"),
        ((*(getattr(entry, name) for name in fields), json.dumps(held)) for entry, held in contents.entries),
    )
    copy(
        "rounds",
        ("subject", "round", "taken", "waiting", "received", "last_rank", "given"),
        ((*key, *numbers, "") for key, numbers in contents.counters.items()),
    )
    copy("caps", ("key", "person", "used", "ceiling"), ((*key, n, 0) for key, n in contents.used.items()))
    copy("journal", [column.name for column in CHANGE], (list(vars(c).values()) for c in contents.journal))
    copy(
        "outbox",
        ("kind", "subject", "number", "due"),
        ((m.kind, m.subject, m.number, m.due) for m in contents.messages),
    )
    copy("keys", ("subject", "wrapped", "dropped"), contents.keys)
    for name, rows in contents.boxes.items():
        copy(name, (), rows)


def _copier(connection: Connection) -> Any:
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)

    def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        names = (
            sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
            if columns
            else sql.SQL("")
        )
        statement = sql.SQL("COPY {} {} FROM STDIN").format(sql.Identifier(table), names)
        with driver.cursor() as cursor, cursor.copy(statement) as into:
            for row in rows:
                into.write_row(row)

    return copy


def _last(connection: Connection) -> Any:
    """The digests of what the last move brought; None when there was none."""
    return connection.execute(select(MOVES.c.digests).order_by(MOVES.c.id.desc()).limit(1)).scalar()


def _as_json(digests: dict[str, tuple[int, str]]) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in digests.items()}
