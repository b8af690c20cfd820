"""The statements that give and change places, each of them a whole decision. No Python decides here.

`ADD` reads what stands against the entry, takes the seat, pays the caps, keeps the entry and notes it in the
journal: one round trip. Two that run at once meet at the counter row (`rounds`), at the person's row in `caps`
and at the unique indexes of `entries`; PostgreSQL lets the second wait and looks at the newest row again, so
the condition beside each update is the decision. What the statement *read* beforehand may be a moment old: that
is enough to refuse, never to give. Rows are locked in one order: counter, caps by key, entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from civic.store.entry import Seat
from civic.store.postgresql.tables import ALIVE

DRIVER = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
COLUMNS = {"confirmed": "taken", "waiting": "waiting", "received": "received"}  # state of a seat: counter

ADD = """
WITH verdict AS (SELECT CASE
        WHEN EXISTS (SELECT FROM entries WHERE submission = :submission) THEN 'same'
        WHEN EXISTS (SELECT FROM entries WHERE number = :number) THEN 'number'
        WHEN EXISTS (SELECT FROM entries WHERE subject = :subject AND round = :round AND person = :person
                     AND {alive}) THEN 'alive'
        WHEN CAST(:first AS text) = '' OR EXISTS (SELECT FROM rounds r WHERE r.subject = :subject AND r.round = :round
                     AND ({pick}) IS NULL) THEN 'full'
        WHEN cardinality(CAST(:keys AS text[])) = 0 THEN 'go'
        ELSE coalesce((SELECT 'cap ' || w.n
            FROM unnest(CAST(:keys AS text[]), CAST(:amounts AS int[]), CAST(:ceilings AS int[]))
                 WITH ORDINALITY AS w(key, amount, ceiling, n)
            LEFT JOIN caps c ON c.key = w.key AND c.person = :person
            WHERE coalesce(c.used, 0) + w.amount > w.ceiling ORDER BY w.n LIMIT 1), 'go')
        END AS word),
    seat AS (
        INSERT INTO rounds AS r (subject, round, taken, waiting, received, last_rank, given)
        SELECT :subject, :round, {begin}, 1, :first FROM verdict WHERE word = 'go'
        ON CONFLICT (subject, round) DO UPDATE SET {take}, last_rank = r.last_rank + 1, given = {pick}
        WHERE ({pick}) IS NOT NULL
        RETURNING given, last_rank),
    paid AS (
        INSERT INTO caps AS c (key, person, used, ceiling)
        SELECT w.key, :person, w.amount, w.ceiling
        FROM seat, unnest(CAST(:keys AS text[]), CAST(:amounts AS int[]), CAST(:ceilings AS int[]))
             AS w(key, amount, ceiling) ORDER BY w.key
        ON CONFLICT (key, person) DO UPDATE SET used = c.used + excluded.used, ceiling = excluded.ceiling
        WHERE c.used + excluded.used <= excluded.ceiling
        RETURNING key),
    kept AS (
        INSERT INTO entries (number, subject, round, state, rank, person, pin, submission, received, changed, size,
                             hours, deadline, cause, sealed, caps)
        SELECT :number, :subject, :round, given, last_rank, :person, :pin, :submission, :received, :changed, :size,
               :hours, :deadline, :cause, :sealed, CAST(:caps AS jsonb)
        FROM seat WHERE (SELECT count(*) FROM paid) = cardinality(CAST(:keys AS text[]))
        ON CONFLICT DO NOTHING
        RETURNING number, state, rank),
    noted AS (
        INSERT INTO journal (subject, number, before, after, cause, who, at)
        SELECT :subject, number, '', state, :cause, :who, :changed FROM kept)
SELECT verdict.word, kept.state, kept.rank FROM verdict LEFT JOIN kept ON true
"""

MOVE = text("""
WITH moved AS (
        UPDATE entries SET state = :state, rank = :rank, changed = :changed, deadline = :deadline, cause = :cause,
               pin = :pin, sealed = :sealed, size = :size, hours = :hours, caps = CAST(:caps AS jsonb)
        WHERE number = :number),
    counted AS (
        UPDATE rounds SET taken = taken + :taken, waiting = waiting + :waiting, received = received + :received
        WHERE subject = :subject AND round = :round)
INSERT INTO journal (subject, number, before, after, cause, who, at)
VALUES (:subject, :number, :before, :state, :cause, :who, :changed)
""")

# The lock on a round: made when missing, held until the transaction ends, its counters returned as they are by then.
HOLD = text("""
INSERT INTO rounds AS r (subject, round, taken, waiting, received, last_rank, given)
VALUES (:subject, :round, 0, 0, 0, 0, '')
ON CONFLICT (subject, round) DO UPDATE SET given = r.given
RETURNING taken, waiting, received
""")

# The row is there: adding the entry made it.
PAY = text("UPDATE caps SET used = used + :amount WHERE key = :key AND person = :person")


def first_seat(seats: Sequence[Seat], size: int) -> str:
    """The state that the first to come to an empty round gets; "" when not even they fit."""
    return next((seat.state for seat in seats if size <= seat.ceiling), "")


@cache
def add(seats: tuple[tuple[str, bool], ...]) -> bytes:
    """`ADD` for seats of these (state, over_line), in this order; ceilings are the parameters c0, c1 …

    A confirmed seat is given only while nobody waits, or over the line. As the driver takes it: the one statement that a rush
    consists of goes past SQLAlchemy's own work, which costs as much as psycopg's.
    """
    cases = ["WHEN false THEN ''"]  # no seats at all: nobody fits
    for i, (state, over_line) in enumerate(seats):
        line = "r.waiting = 0 AND " if state == "confirmed" and not over_line else ""
        cases.append(f"WHEN {line}r.{COLUMNS[state]} + :size <= :c{i} THEN '{state}'")
    pick = f"CASE {' '.join(cases)} END"
    take = ", ".join(
        f"{column} = r.{column} + CASE WHEN ({pick}) = '{state}' THEN :size ELSE 0 END"
        for state, column in COLUMNS.items()
    )
    begin = ", ".join(
        f"CASE WHEN CAST(:first AS text) = '{state}' THEN CAST(:size AS int) ELSE 0 END" for state in COLUMNS
    )
    whole = text(ADD.format(alive=ALIVE, pick=pick, take=take, begin=begin))
    return str(whole.compile(dialect=DRIVER)).encode()
