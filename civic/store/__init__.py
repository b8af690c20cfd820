"""Where entries are kept: one transaction at a time, durable when the block ends. What is behind an address is loaded
only where it is wanted: the packages behind PostgreSQL are optional."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from civic.errors import Misuse
from civic.store.box import BOX_FILE
from civic.store.boxes import Box, box_file

if TYPE_CHECKING:
    from civic.store.store import Store


def open_store(url: str) -> Store:
    """The store of an address: `tinydb://var/data` (from here), `tinydb:///srv/data`, `postgresql://…`.

    A folder is made when missing; any number of processes may work on one at once. Raises Misuse when the address is
    wrong or the place cannot be used: says what to do.
    """
    from civic.store.start import open_database, open_folder

    folder = folder_of(url)
    return open_folder(folder) if folder else open_database(url)


def open_beside(url: str) -> Store:
    """As `open_store`, for the command line: a folder in which there is no data yet, or no more, is refused."""
    from civic.store.folder import check_there

    folder = folder_of(url)
    if folder:
        check_there(folder)
    return open_store(url)


def open_box(url: str) -> Box:
    """The ballot boxes beside the entries of an address. Raises Misuse when it is wrong or cannot be used."""
    folder = folder_of(url)
    if folder:
        return Box(box_file(folder / BOX_FILE))
    from civic.store.postgresql import PostgresDatabase

    return Box(PostgresDatabase(url))


def migrate(url: str) -> tuple[int, int]:
    """Bring the tables of an address to this version: (before, after); 0 is none. Raises InUse, Misuse."""
    folder = folder_of(url)
    if folder:
        from civic.store.folder import migrate_folder

        return migrate_folder(folder)
    from civic.store.postgresql_server import migrate

    return migrate(url)


def folder_of(url: str) -> Path | None:
    """The data folder of an address; None: it is a database's. Raises Misuse when it is neither's."""
    kind, _, rest = url.partition("://")
    if not rest or kind not in ("tinydb", "postgresql"):
        raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")
    return Path(rest) if kind == "tinydb" else None
