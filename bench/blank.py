"""The server with a store that keeps nothing: what a sign-up costs without durability. For measuring only.

    python bench/blank.py <what `python -m forms_api serve` takes>

Everything else is the same: guards, validation, sealing, receipt, log. Never part of the product.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from civic.store.entry import Counts, Entry
from forms_api.commands import serve as serving


class Blank:
    """Store and book in one: confirms everybody, forgets everything."""

    trouble = ""
    guesses: Any = None

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[Blank]:
        yield self

    def add(self, entry: Entry, seats: Any, caps: Any = ()) -> Entry:
        return replace(entry, state="confirmed", rank=2)  # the first of a round does more

    def repeated(self, submission: str, person: str) -> None:
        return None

    def position(self, entry: Entry) -> None:
        return None

    def counts(self, name: str) -> Any:
        return {} if "/" in name else Counts()

    def fixed(self, name: str) -> dict[str, Any]:
        return {}

    def fix(self, round: str, fact: str, text: str, at: Any) -> str:
        return text

    def overview(self) -> dict[str, Any]:
        return {}

    def history(self, number: str) -> list[Any]:
        return []

    def used(self, person: str, key: str) -> int:
        return 0

    def subjects(self) -> list[str]:
        return []

    def messages(self, now: Any, most: int = 100) -> list[Any]:
        return []

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        return []

    offers = line

    def wrapped_key(self, subject: str) -> bytes | None:
        return self._keys.get(subject)

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        return self._keys.setdefault(subject, wrapped)

    def close(self) -> None:
        return None


REAL_BEGIN = serving.begin


def begin(*given: Any) -> Any:
    """In the serving process: the product's own beginning, with the other store."""
    serving.open_store = lambda url: Blank()  # type: ignore[assignment,return-value]
    return REAL_BEGIN(*given)


if __name__ == "__main__":
    serving.begin = begin
    serving.serve()
