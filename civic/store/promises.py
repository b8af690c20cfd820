"""What of the content people rely on, as it was accepted: a text for each subject, in a table of its own. No rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tinydb.table import Document as TinyDocument

from civic.store.tiny import RowDatabase, RowStorage

TABLE = "promises"


class Promises:
    """What of the content people rely on, as it was accepted: a text for each subject."""

    def __init__(self, database: RowDatabase, storage: RowStorage) -> None:
        self._table, self._storage = database.table(TABLE), storage

    def all(self) -> dict[str, str]:
        """Subject -> text; empty before anything was accepted."""
        return {document["subject"]: document["text"] for document in self._table.all()}

    def keep(self, texts: Mapping[str, str]) -> None:
        """Accept these texts in place of those that there are, all or none, inside an open block with it.

        Raises Unavailable.
        """
        with self._storage.joined():
            for subject in sorted(texts):
                document = {"subject": subject, "text": texts[subject]}
                self._table.upsert(TinyDocument(document, _id(subject)))


def _id(subject: str) -> int:
    """The same for everybody: two who accept at once write one document."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:6])
