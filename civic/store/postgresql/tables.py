"""The tables of the PostgreSQL store, as the newest migration leaves them. No statements, no connection."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from civic.store.entry import LIVE

METADATA = MetaData()
MOMENT = DateTime(timezone=True)
ALIVE = "state IN ({})".format(", ".join(f"'{state}'" for state in LIVE))

# One row for each round that anyone asked for: its counters, and the lock that orders all who change the round.
ROUNDS = Table(
    "rounds",
    METADATA,
    Column("subject", Text, nullable=False),
    Column("round", Text, nullable=False),
    Column("taken", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("last_rank", Integer, nullable=False),
    Column(
        "given", Text, nullable=False
    ),  # state that the newest entry got: how one statement tells the next
    PrimaryKeyConstraint("subject", "round"),
)

ENTRIES = Table(
    "entries",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("round", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("pin", Text, nullable=False),
    Column("submission", Text, nullable=False),
    Column("received", MOMENT, nullable=False),
    Column("changed", MOMENT, nullable=False),
    Column("size", Integer, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("deadline", MOMENT),
    Column("cause", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("caps", JSONB, nullable=False),  # [[key, amount, [states that keep counting]], …]
    Index("entries_submission", "submission", unique=True),
    Index("entries_one_live", "subject", "round", "person", unique=True, postgresql_where=text(ALIVE)),
    Index("entries_in_order", "subject", "round", "rank"),
    Index("entries_in_line", "subject", "round", "rank", postgresql_where=text("state = 'waiting'")),
)

CAPS = Table(
    "caps",
    METADATA,
    Column("key", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("used", Integer, nullable=False),
    Column(
        "ceiling", Integer, nullable=False
    ),  # as last asked for: the conditional statement compares with it
    PrimaryKeyConstraint("key", "person"),
)

JOURNAL = Table(
    "journal",
    METADATA,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Index("journal_of_number", "number", "id"),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("due", MOMENT, nullable=False),
    Index("outbox_due", "due", "id"),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("wrapped", LargeBinary),  # null once destroyed
    Column("dropped", MOMENT),
)

# What was brought here from another store, as it was on arrival: who moves again may replace that and nothing else.
MOVES = Table(
    "moves",
    METADATA,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("source", Text, nullable=False),
    Column("digests", JSONB, nullable=False),
)
