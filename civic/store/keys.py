"""The wrapped data keys of subjects. A backup that was made before one was destroyed still holds it (docs/security.md).

On SQLite they lie in a file of their own, whose deleted bytes are overwritten; on PostgreSQL in a table.
"""

from datetime import datetime
from pathlib import Path

from civic.store.private_file import PrivateFile
from civic.store.session import Database
from civic.store.tables import KEYS

KEEP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, '', ?) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = '', generation = excluded.generation "
    "WHERE keys.dropped <> '' OR keys.generation < excluded.generation"
)
DROP = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, ?, 0) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = excluded.dropped WHERE keys.generation < ?"
)
Key = tuple[str, bytes, str, int]  # subject, wrapped key, when it was destroyed, its generation; "" is none


class KeyTable:
    """subject -> wrapped key. A key counts while its generation is the number of keys destroyed before it."""

    def __init__(self, place: Database) -> None:
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
            return bool(session.run(change, (by, subject, wrapped)).rowcount)

    def drop(self, subject: str, at: datetime, older_than: int = 2**31 - 1) -> None:
        """Destroy it; the time stays as evidence. Raises Unavailable."""
        with self.place.transaction() as session:
            session.run(DROP, (subject, b"", at.isoformat(), older_than))

    def everything(self) -> list[Key]:
        """Of every subject that ever had one, by name."""
        rows = self.place.read("SELECT subject, wrapped, dropped, generation FROM keys")
        return sorted((subject, bytes(wrapped), *rest) for subject, wrapped, *rest in rows)


def keys_in(path: Path) -> KeyTable:
    """The wrapped keys of a folder, in that file. Raises Misuse."""
    return KeyTable(PrivateFile(path, KEYS))
