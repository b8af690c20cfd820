"""Where entries are kept: one transaction at a time, durable when the block ends."""

from __future__ import annotations

from pathlib import Path

from civic.errors import Misuse
from civic.store.book import Store
from civic.store.box import BOX_FILE
from civic.store.boxes import Box, box_file


def open_store(url: str) -> Store:
    """The store of an address: `tinydb://var/data` (from here), `tinydb:///srv/data`, `postgresql://…`.

    A folder is made when missing; any number of processes may work on one at once. Raises Misuse when the address is
    wrong or the place cannot be used: says what to do.
    """
    kind, rest = _parts(url)
    if kind == "tinydb":
        from civic.store.store import open_folder

        return open_folder(Path(rest))
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.store import open_database

    return open_database(url)


def open_beside(url: str) -> Store:
    """As `open_store`, for the command line: a folder in which there is no data yet, or no more, is refused."""
    kind, rest = _parts(url)
    if kind == "tinydb":
        from civic.store.folder import ENTRIES, check_entries

        folder = Path(rest)
        check_entries(folder)
        if not (folder / ENTRIES).exists():
            raise Misuse(f"자료 폴더 {folder}에 신청이 없습니다. --data에 적은 주소를 확인하세요.")
    return open_store(url)


def open_box(url: str) -> Box:
    """The ballot boxes beside the entries of an address. Raises Misuse when it is wrong or cannot be used."""
    kind, rest = _parts(url)
    if kind == "tinydb":
        return Box(box_file(Path(rest) / BOX_FILE))
    from civic.store.postgresql import PostgresDatabase

    return Box(PostgresDatabase(url))


def migrate(url: str) -> tuple[int, int]:
    """Bring the tables of an address to this version: (before, after); 0 is none. Raises InUse, Misuse."""
    kind, rest = _parts(url)
    if kind == "tinydb":
        from civic.store.folder import migrate_folder

        return migrate_folder(Path(rest))
    from civic.store.postgresql_server import migrate

    return migrate(url)


def _parts(url: str) -> tuple[str, str]:
    kind, _, rest = url.partition("://")
    if rest and kind in ("tinydb", "postgresql"):
        return kind, rest
    raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")
