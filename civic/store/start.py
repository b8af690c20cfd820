"""A store is opened: what was lost is noticed, and what a crash left over is finished. No decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.store import folder as files
from civic.store.keys import KeyTable, key_file
from civic.store.session import Database
from civic.store.sqlite import SqliteDatabase
from civic.store.store import Store

if TYPE_CHECKING:
    from civic.store.postgresql_server import Limits


def open_folder(folder: Path) -> Store:
    """The store of a data folder, made when missing. Raises Misuse."""
    path = folder / files.KEYS

    def keys() -> KeyTable:
        if files.is_blank(path):  # before it is made anew
            check_keys(database, str(path), set())
        return KeyTable(key_file(path))

    with files.explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = SqliteDatabase(folder / files.ENTRIES)
        return _checked(database, keys, str(path))


def open_database(url: str, limits: Limits | None = None) -> Store:
    """The store of a PostgreSQL database. Raises Misuse."""
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import PostgresDatabase

    database = PostgresDatabase(url, limits)
    return _checked(database, lambda: KeyTable(database), "keys 표")


def check_keys(database: Database, place: str, known: set[str]) -> None:
    """Refuse sealed entries whose subject's wrapped key is lost: a new key would not open them. Raises Misuse.

    known: subjects of which the place of keys says something, be it that the key was destroyed.
    """
    rows = database.read("SELECT DISTINCT subject FROM rounds WHERE last_rank > 0")
    sealed = f"SELECT 1 FROM entries WHERE subject = ? AND {database.dialect.field('sealed')} <> '' LIMIT 1"  # noqa: S608
    lost = sorted(name for (name,) in rows if name not in known and database.read(sealed, (name,)))
    if lost:
        raise Misuse(
            f"봉인된 신청이 있는데 감싼 열쇠({place})가 없습니다: {', '.join(lost)}. 새 열쇠로는 지난 신청을 열 수 없어 "
            f"시작하지 않습니다. 백업에서 {files.KEYS}(PostgreSQL은 keys 표)를 되살리세요. 백업이 없으면 "
            "‘python -m forms_api doctor --save 새폴더’로 내용만 잃은 자료를 저장해 쓰세요."
        )


def _checked(database: Database, keys_of: Callable[[], KeyTable], place: str) -> Store:
    """Finish what a crash left of keys whose destruction is a fact. Raises Misuse where keys were lost."""
    statement = "SELECT subject, count(*) FROM facts WHERE round = 'key' GROUP BY subject"
    try:
        keys = keys_of()
        destroyed: dict[str, int] = dict(database.read(statement))
        known = keys.everything()
        for subject, wrapped, _, generation in known:
            if wrapped and generation < destroyed.get(subject, 0):
                keys.drop(subject, datetime.now(SEOUL), destroyed[subject])
        check_keys(database, place, {subject for subject, *_ in known})
        return Store(database, keys)
    except BaseException:
        database.close()
        raise
