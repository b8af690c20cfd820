"""Who among staff did what, as lines in the store: each carries a keyed hash over itself and the line before.

Whoever has no key cannot change, take out, add or reorder a line without a trace. A head beside the lines knows how
many there are. No account, no clock, no words: forms_api/commands/ says who acts, and what is found.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tinydb.table import Document as TinyDocument

from civic.store.documents import DamagedError
from civic.store.tiny import RowDatabase, RowStorage, RowTable

LINES, HEAD = "staff_log", "staff_log_head"


class StaffLog:
    """The chain of one store; any number of processes and hosts may write at once."""

    def __init__(self, database: RowDatabase, storage: RowStorage, key: bytes) -> None:
        """key: secret, kept outside the data."""
        self._lines: RowTable = database.table(LINES)  # type: ignore[assignment]  # TinyDB declares its own class
        self._head: RowTable = database.table(HEAD)  # type: ignore[assignment]
        self._storage, self._key = storage, key

    def append(self, line: Mapping[str, Any]) -> str:
        """Keep a line of plain JSON values, durable when this returns; its keyed hash. Raises Unavailable."""
        with self._storage.joined(), self._lines.held():  # one at a time, on every host
            last = self._lines.select("id = (SELECT max(id) FROM documents WHERE name = ?)", (LINES,))
            number, before = (last[0][0], last[0][2]["hash"]) if last else (0, "")
            hash = self._hash(number + 1, before, line)
            self._lines.insert(TinyDocument({"line": dict(line), "hash": hash}, number + 1))
            head = {"count": number + 1, "hash": self._hash(number + 1, hash, HEAD)}
            self._head.upsert(TinyDocument(head, 1))
        return hash

    def lines(self) -> Iterator[tuple[int, dict[str, Any], str]]:
        """(number, line, keyed hash) of every line, oldest first. Raises DamagedError."""
        for number, _, document in self._lines.select():
            yield number, document["line"], document["hash"]

    def fault(self) -> tuple[int, str] | None:
        """The first line that is not as it was kept, and "changed", "missing" or "head"; None when all are.

        "changed" also stands for a line that was put in or stands in another place; "head" for a head that was changed
        or is gone. Lines cut off at the end together with an older head are not seen here: their copies in the
        system's log show them.
        """
        try:
            # First: what is added meanwhile stands behind it.
            heads = self._head.select()
            kept = list(self.lines())
        except DamagedError as err:
            return int(err.what.rpartition(" ")[2]), "changed"
        before = ""
        head: dict[str, Any] = heads[0][2] if heads else {"count": 0, "hash": ""}
        for expected, (number, line, hash) in enumerate(kept, 1):
            if number != expected:
                return expected, "missing" if number > expected else "changed"
            if not hmac.compare_digest(hash, self._hash(number, before, line)):
                return number, "changed"
            before = hash
        if head["count"] > len(kept):
            return len(kept) + 1, "missing"
        last = kept[head["count"] - 1][2] if head["count"] > 0 else ""
        if bool(kept) != bool(heads) or (heads and head["hash"] != self._hash(head["count"], last, HEAD)):
            return head["count"], "head"
        return None

    def _hash(self, number: int, before: str, line: object) -> str:
        text = json.dumps([number, before, line], ensure_ascii=False, sort_keys=True)
        return hmac.digest(self._key, text.encode(), "sha256").hex()
