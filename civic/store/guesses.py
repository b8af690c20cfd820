"""How many wrong tries there were under a name (a keyed hash): for all servers of a store. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from civic.store.session import Database

ADD = (
    "INSERT INTO guesses (name, until, times) VALUES (?, ?, 1) ON CONFLICT (name) "
    "DO UPDATE SET times = guesses.times + 1"
)
TIMES = "SELECT times FROM guesses WHERE name = ? AND until > ?"
FORGET = "DELETE FROM guesses WHERE until <= ?"


class GuessTable:
    """Rows of name, number of tries, and when they are forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def times(self, name: str, now: datetime) -> int:
        """Wrong tries that count now. Raises Unavailable."""
        rows = self._database.read(TIMES, (name, now.timestamp()))
        return int(rows[0][0]) if rows else 0

    def add(self, names: Sequence[str], now: datetime, until: datetime) -> list[int]:
        """One more under each name; how many there are then. until: when a first one is forgotten. Raises Unavailable."""
        at = now.timestamp()
        with self._database.transaction() as session:
            session.later(FORGET, (at,))
            for name in sorted(names):  # in one order: no two servers wait for each other
                session.later(ADD, (name, until.timestamp()))
            return [int(session.rows(TIMES, (name, at))[0][0]) for name in names]
