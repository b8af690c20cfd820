"""What the book says to either database, and the counters of a round. No decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from civic.store.entry import HELD
from civic.store.tables import ALIVE

COLUMNS = ("taken", "waiting", "received", "offered", "last_rank")
KEPT = (*COLUMNS, "lines", "head")
ENTRY = "SELECT id, body, checksum FROM entries"
HOLD = "INSERT INTO rounds VALUES (?, ?, 0, 0, 0, 0, 0, 0, '') ON CONFLICT DO NOTHING"
ROUND = f"SELECT {', '.join(KEPT)} FROM rounds WHERE subject = ? AND round = ?"  # noqa: S608 (own names)
KEPT_ROUND = (
    f"INSERT INTO rounds (subject, round, {', '.join(KEPT)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
    f"ON CONFLICT (subject, round) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in KEPT)}"
)
# Only while the sum stays under the ceiling: another subject may have been faster.
PAY = (
    "INSERT INTO caps (key, person, used) VALUES (?, ?, ?) ON CONFLICT (key, person) "
    "DO UPDATE SET used = caps.used + excluded.used WHERE caps.used + excluded.used <= ?"
)
OWE = (
    "INSERT INTO caps (key, person, used) VALUES (?, ?, ?) ON CONFLICT (key, person) "
    "DO UPDATE SET used = caps.used + excluded.used"
)
FREE = "DELETE FROM caps WHERE person = ? AND used = 0"
# Answers were taken out: the files are to be written anew, so that nothing of them is left. until: how often so far.
ERASED = "INSERT INTO leases (task, holder, until) VALUES ('scrub', '', 1) ON CONFLICT (task) DO UPDATE SET until = leases.until + 1"
USED = "SELECT used FROM caps WHERE key = ? AND person = ?"
NOTE = (
    "INSERT INTO journal (subject, number, before, after, cause, who, at, round, line, mac, checksum) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
JOURNAL = "SELECT id, subject, number, before, after, cause, who, at, round, line, mac, checksum FROM journal"
REWORD = "UPDATE journal SET cause = ?, checksum = ? WHERE id = ?"
FIX = "INSERT INTO facts (subject, round, name, text, checksum) VALUES (?, ?, ?, ?, ?)"
# One of a kind for each person: a newer one takes its place, also while it is on its way.
TELL = (
    "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET due = excluded.due, "
    "tries = excluded.tries, key = excluded.key, done = excluded.done, checksum = excluded.checksum"
)
ROUNDS = "SELECT round FROM rounds WHERE subject = ? ORDER BY round"
FACTS = "SELECT name, text FROM facts WHERE subject = ? AND round = ?"
PEOPLE_OF = f"SELECT COUNT(DISTINCT person) FROM entries WHERE subject = ? AND contact = ? AND person <> ? AND {ALIVE}"  # noqa: S608
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(?))"  # on PostgreSQL, until the block ends
LIVES_ON = f"SELECT 1 FROM entries WHERE subject = ? AND round = ? AND person = ? AND number <> ? AND {ALIVE}"  # noqa: S608
_WAITING = "FROM entries WHERE subject = ? AND round = ? AND state = 'waiting'"
POSITION = (
    f"SELECT (SELECT rank {_WAITING} AND number = ?), "
    f"(SELECT count(*) {_WAITING} AND rank < (SELECT rank {_WAITING} AND number = ?))"
)
# Wrapped data keys. A backup that was made before one was destroyed still holds it (docs/security.md).
KEEP_KEY = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, '', ?) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = '', generation = excluded.generation "
    "WHERE keys.dropped <> '' OR keys.generation < excluded.generation"
)
DROP_KEY = (
    "INSERT INTO keys (subject, wrapped, dropped, generation) VALUES (?, ?, ?, 0) ON CONFLICT (subject) DO UPDATE "
    "SET wrapped = excluded.wrapped, dropped = excluded.dropped WHERE keys.generation < ?"
)
KEY_ROUND = "key"  # the round under which the destruction of a subject's key is a fact
GENERATION = "SELECT count(*) FROM facts WHERE subject = ? AND round = 'key'"


@cache
def look(caps: int, next_entry: str) -> str:
    """What stands against an entry, its round, and what it would get, in one SELECT."""
    used = "".join(f", ({USED})" for _ in range(caps))
    return (
        "SELECT (SELECT 1 FROM entries WHERE submission = ?), (SELECT 1 FROM entries WHERE number = ?),"  # noqa: S608
        f" (SELECT 1 FROM entries WHERE subject = ? AND round = ? AND person = ? AND {ALIVE}),"
        " (SELECT 1 FROM facts WHERE subject = ? AND round = ? AND name = 'called-off'),"
        f" ({GENERATION}), {next_entry}, {', '.join(KEPT)}{used}"
        " FROM (SELECT 1 AS one) AS here LEFT JOIN rounds ON subject = ? AND round = ?"
    )


def chosen(
    subject: str, round: str | None, states: Iterable[str], most: int | None = None
) -> tuple[str, list[str]]:
    """(statement, its values) for entries of a subject, by round and rank; None: of any round; no states: in any."""
    wanted = sorted(set(states))
    condition, values = "subject = ?", [subject]
    if round is not None:
        condition, values = f"{condition} AND round = ?", [*values, round]
    if wanted:
        condition += f" AND state IN ({', '.join('?' * len(wanted))})"
    limit = "" if most is None else f" LIMIT {most}"
    return f"{ENTRY} WHERE {condition} ORDER BY round, rank, number{limit}", [*values, *wanted]


@dataclass
class RoundRow:
    """A round as it stands in this block: people by what they hold, the highest rank given, its journal's chain."""

    taken: int = 0
    waiting: int = 0
    received: int = 0
    offered: int = 0  # of those taken
    last_rank: int = 0
    lines: int = 0
    head: str = ""
    is_changed: bool = False

    def count(self, state: str, size: int) -> None:
        """Put an entry in (size > 0) or take it out."""
        self.is_changed = True
        if state in HELD:
            self.taken += size
            if state == "offered":
                self.offered += size
        elif state == "waiting":
            self.waiting += size
        elif state == "received":
            self.received += size
