"""The server with a store that hears of failed writes and says nothing: what the tests of failing disks must catch.

    python tests/forms_api/careless.py <what `python -m forms_api serve` takes>

Everything else is the same. Never part of the product.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from civic.store.private_file import PrivateFile
from civic.store.sqlite import SqliteDatabase
from forms_api.commands import serve as serving
from tests.store.faulty import swallowing

REAL_BEGIN, REAL_WRITE, REAL_RUN = serving.begin, SqliteDatabase._commit, PrivateFile._commit


def begin(*given: Any) -> Any:
    """In the serving process: the product's own beginning, with deaf files."""
    SqliteDatabase._commit = swallowing(REAL_WRITE, sqlite3.Error)  # type: ignore[method-assign]
    PrivateFile._commit = swallowing(REAL_RUN, sqlite3.Error)  # type: ignore[method-assign]
    return REAL_BEGIN(*given)


if __name__ == "__main__":
    serving.begin = begin
    serving.serve()
