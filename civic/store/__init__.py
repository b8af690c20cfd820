"""Where entries are kept: one transaction at a time, durable when the block ends.

A store is opened here: what was lost is noticed, and what a crash left over is finished. What is behind an address is
loaded only where it is wanted: the packages behind PostgreSQL are optional.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from civic.errors import Misuse

if TYPE_CHECKING:
    from civic.store.boxes import Box
    from civic.store.postgresql_server import Limits
    from civic.store.session import Database
    from civic.store.store import Store


def open_store(url: str, limits: Limits | None = None) -> Store:
    """The store of an address: `tinydb://var/data` (from here), `tinydb:///srv/data`, `postgresql://…`.

    A folder is made when missing; any number of processes may work on one at once. limits: of a database. Raises Misuse
    when the address is wrong or the place cannot be used: says what to do.
    """
    from civic.store import folder as files

    folder = folder_of(url)
    if folder is None:
        from civic.store.postgresql import PostgresDatabase
        from civic.store.postgresql_server import usable

        server = PostgresDatabase(url, limits)
        with usable(url):
            return _checked(server, lambda: server, "keys 표")
    from civic.store.private_file import PrivateFile
    from civic.store.sqlite import SqliteDatabase
    from civic.store.tables import KEYS

    path = folder / files.KEYS

    def keys() -> PrivateFile:
        if files.is_blank(path):  # before it is made anew
            _check_keys(database, str(path), set())
        return PrivateFile(path, KEYS)

    with files.explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = SqliteDatabase(folder / files.ENTRIES)
        return _checked(database, keys, str(path))


def open_beside(url: str) -> Store:
    """As `open_store`, for the command line: a folder in which there is no data yet, or no more, is refused."""
    if folder := folder_of(url):
        from civic.store.folder import check_there

        check_there(folder)
    return open_store(url)


def open_box(url: str) -> Box:
    """The ballot boxes beside the entries of an address. Raises Misuse when it is wrong or cannot be used."""
    from civic.store.boxes import Box

    if folder := folder_of(url):
        from civic.store import folder as files
        from civic.store.private_file import PrivateFile
        from civic.store.tables import BOXES

        with files.explained(path := folder / files.BOX_FILE):
            files.check_box(path)
        return Box(PrivateFile(path, BOXES))
    from civic.store.postgresql import PostgresDatabase

    return Box(PostgresDatabase(url))


def migrate(url: str) -> tuple[int, int]:
    """Bring the tables of an address to this version: (before, after); 0 is none. Raises Misuse.

    A folder's are made at its first start.
    """
    if folder_of(url):
        from civic.store.tables import VERSION

        open_beside(url).close()
        return VERSION, VERSION
    from civic.store.postgresql_server import migrate

    return migrate(url)


def folder_of(url: str) -> Path | None:
    """The data folder of an address; None: it is a database's. Raises Misuse when it is neither's."""
    kind, _, rest = url.partition("://")
    if not rest or kind not in ("tinydb", "postgresql"):
        raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")
    return Path(rest) if kind == "tinydb" else None


def _checked(database: Database, keys_of: Callable[[], Database], place: str) -> Store:
    """Finish what a crash left of keys whose destruction is a fact. Raises Misuse where keys were lost."""
    from civic.store.store import Store

    try:
        store = Store(database, keys_of())
        _check_keys(database, place, store.finish_destroying())
        return store
    except BaseException:
        database.close()
        raise


def _check_keys(database: Database, place: str, known: set[str]) -> None:
    """Refuse sealed entries whose subject's wrapped key is lost: a new key would not open them. Raises Misuse.

    known: subjects of which the place of keys says something, be it that the key was destroyed.
    """
    rows = database.read("SELECT DISTINCT subject FROM rounds WHERE last_rank > 0")
    content = database.dialect.field.format("sealed")
    sealed = f"SELECT 1 FROM entries WHERE subject = ? AND {content} <> '' LIMIT 1"  # noqa: S608 (own words)
    lost = sorted(name for (name,) in rows if name not in known and database.read(sealed, (name,)))
    if lost:
        raise Misuse(
            f"봉인된 신청이 있는데 감싼 열쇠({place})가 없습니다: {', '.join(lost)}. 새 열쇠로는 지난 신청을 열 수 없어 "
            "시작하지 않습니다. 백업에서 keys.sqlite3(PostgreSQL은 keys 표)를 되살리세요. 백업이 없으면 "
            "‘python -m forms_api doctor --save 새폴더’로 내용만 잃은 자료를 저장해 쓰세요."
        )
