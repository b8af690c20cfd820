"""Where entries are kept: one transaction at a time, durable when the block ends."""

from __future__ import annotations

from pathlib import Path

from civic.errors import InUse, Misuse
from civic.store.book import Store
from civic.store.box import BOX_FILE, Box


def open_store(url: str) -> Store:
    """The store of an address, for a server: `tinydb://var/data` (from here), `tinydb:///srv/data`, `postgresql://…`.

    A data folder has one server at a time: a second gets InUse. Raises Misuse when the address is wrong or the
    place cannot be used; both say what to do.
    """
    kind, rest = _parts(url)
    if kind == "tinydb":
        from civic.store.tinydb import TinyStore

        store = TinyStore(Path(rest))
        store.open_door()
        return store
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import PostgresStore

    return PostgresStore(url)


def open_beside(url: str) -> Store:
    """The store of an address, for the command line: the same promises, whether a server runs or not.

    A data folder that a server holds is reached through that server's door, so that its memory, files and
    citizens all see what staff do. Raises as `open_store`, and Misuse when there is no data yet, or no more.
    """
    kind, rest = _parts(url)
    if kind != "tinydb":
        return open_store(url)
    from civic.store.door import Visit
    from civic.store.folder import ENTRIES, check_entries
    from civic.store.tinydb import TinyStore

    folder = Path(rest)
    check_entries(folder)
    if not (folder / ENTRIES).exists():
        raise Misuse(f"자료 폴더 {folder}에 신청이 없습니다. --data에 적은 주소를 확인하세요.")
    try:
        return TinyStore(folder)
    except InUse:
        return Visit(folder)


def open_box(url: str) -> Box:
    """The ballot boxes beside the entries of an address. Raises Misuse when it is wrong or cannot be used."""
    kind, rest = _parts(url)
    if kind == "tinydb":
        from civic.store.box_sqlite import SqliteBox

        return SqliteBox(Path(rest) / BOX_FILE)
    from civic.store.box_postgresql import PostgresBox

    return PostgresBox(url)


def _parts(url: str) -> tuple[str, str]:
    kind, _, rest = url.partition("://")
    if rest and kind in ("tinydb", "postgresql"):
        return kind, rest
    raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")
