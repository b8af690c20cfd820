"""The server with a store that hears of failed writes and says nothing: what the tests of failing disks must catch.

    python tests/forms_api/careless.py <what `python -m forms_api serve` takes>

Everything else is the same. Never part of the product.
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from civic.errors import Unavailable
from civic.store.sqlite import SqliteDatabase
from civic.store.store import Store
from forms_api.commands import serve as serving
from tests.store.faulty import swallowing

REAL_BEGIN, REAL_WRITE, REAL_KEEP = serving.begin, SqliteDatabase._commit, Store.keep_key


def deaf_keep(store: Store, subject: str, wrapped: bytes) -> bytes:
    """The key as if it had been written."""
    return swallowing(REAL_KEEP, Unavailable)(store, subject, wrapped) or wrapped


def begin(*given: Any) -> Any:
    """In the serving process: the product's own beginning, with deaf files."""
    SqliteDatabase._commit = swallowing(REAL_WRITE, sqlite3.Error)  # type: ignore[method-assign]
    Store.keep_key = deaf_keep  # type: ignore[method-assign]
    return REAL_BEGIN(*given)


if __name__ == "__main__":
    serving.begin = begin
    serving.serve()
