"""The wrapped data keys of subjects. A backup that was made before one was destroyed still holds it (docs/security.md).

On SQLite they lie in a file of their own, whose deleted bytes are overwritten; on PostgreSQL in a table.
"""

from datetime import datetime
from pathlib import Path

from civic.store import tables
from civic.store.dialect import SQLITE
from civic.store.private_file import PrivateFile
from civic.store.session import PlainDatabase

KEEP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, NULL, ?) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = NULL, generation = excluded.generation "
    "WHERE keys.wrapped IS NULL OR keys.generation < excluded.generation"
)
DROP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, NULL, ?, 0) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = NULL, dropped = excluded.dropped WHERE keys.generation < ?"
)
Key = tuple[str, bytes | None, str | None, int]  # subject, wrapped key, when it was destroyed, its generation


class KeyTable:
    """subject -> wrapped key. A key counts while its generation is the number of keys destroyed before it."""

    def __init__(self, place: PlainDatabase) -> None:
        """place: where the table lies."""
        self.place = place

    def get(self, subject: str, generation: int) -> bytes | None:
        """The wrapped key that counts, or None."""
        statement = "SELECT wrapped FROM keys WHERE subject = ? AND generation = ?"
        found = self.place.read(statement, (subject, generation))
        return bytes(found[0][0]) if found and found[0][0] else None

    def keep(self, subject: str, wrapped: bytes, generation: int) -> bytes:
        """Keep it unless there is one of this generation; the one that counts. Raises Unavailable."""
        with self.place.transaction() as session:
            session.run(KEEP, (subject, wrapped, generation))
        return self.get(subject, generation) or wrapped

    def replace(self, subject: str, wrapped: bytes, by: bytes) -> bool:
        """Put another in its place; False when it is no more what it was. Raises Unavailable."""
        change = "UPDATE keys SET wrapped = ? WHERE subject = ? AND wrapped = ?"
        with self.place.transaction() as session:
            return bool(session.run(change, (by, subject, wrapped)).number)

    def drop(self, subject: str, at: datetime, older_than: int = 2**31 - 1) -> None:
        """Destroy it; the time stays as evidence. Raises Unavailable."""
        with self.place.transaction() as session:
            session.run(DROP, (subject, at.isoformat(), older_than))

    def everything(self) -> list[Key]:
        """Of every subject that ever had one, by name."""
        rows = self.place.read("SELECT subject, wrapped, dropped, generation FROM keys")
        return sorted((s, bytes(wrapped) if wrapped else None, at, g) for s, wrapped, at, g in rows)


def keys_in(path: Path) -> KeyTable:
    """The wrapped keys of a folder, in that file. Raises Misuse."""
    # DELETE + EXTRA also syncs the folder.
    shape = [tables.shaped(line, SQLITE) for line in tables.KEYS]
    return KeyTable(PrivateFile(path, shape, ("journal_mode=DELETE", "synchronous=EXTRA")))
