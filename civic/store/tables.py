"""The tables of every store, said once for both databases, in numbered versions. No connection.

A document is a row: id, body (JSON), checksum. What of an entry must be unique, counted or found quickly are columns
that the database derives from the body.
"""

from collections.abc import Callable

from civic.errors import Misuse
from civic.store.dialect import Dialect
from civic.store.entry import LIVE

ALIVE = "state IN ({})".format(", ".join(f"'{state}'" for state in LIVE))
# Columns derived from an entry's body, and whether each is a number.
TEXTS = ("number", "subject", "round", "state", "person", "submission", "contact")
DERIVED = {**dict.fromkeys(TEXTS, False), "rank": True}
ENTRIES = (
    "CREATE TABLE entries (id {serial}, body {json} NOT NULL, checksum BIGINT NOT NULL, {derived})",
    "CREATE UNIQUE INDEX entries_number ON entries (number)",
    "CREATE UNIQUE INDEX entries_submission ON entries (submission)",
    f"CREATE UNIQUE INDEX entries_live ON entries (subject, round, person) WHERE {ALIVE}",
    "CREATE INDEX entries_of_contact ON entries (contact)",
    "CREATE INDEX entries_in_order ON entries (subject, round, state, rank)",
)
# TinyDB's other tables, by name; nothing of them is derived.
DOCUMENTS = (
    "CREATE TABLE names (name {text} NOT NULL PRIMARY KEY)",
    "CREATE TABLE documents (name {text} NOT NULL, id BIGINT NOT NULL, body {json} NOT NULL, checksum BIGINT NOT NULL,"
    " PRIMARY KEY (name, id))",
)
# checksum: over the other columns, so that a flipped byte is noticed. rounds and caps follow from the entries.
# lines, head, line, mac: the chains of the journal (chain.py).
BESIDE = (
    "CREATE TABLE rounds (subject {text} NOT NULL, round {text} NOT NULL, taken INTEGER NOT NULL,"
    " waiting INTEGER NOT NULL, received INTEGER NOT NULL, offered INTEGER NOT NULL, last_rank INTEGER NOT NULL,"
    " lines INTEGER NOT NULL, head {text} NOT NULL,"
    " PRIMARY KEY (subject, round))",
    "CREATE TABLE caps (key {text} NOT NULL, person {text} NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (key, person))",
    "CREATE TABLE facts (subject {text} NOT NULL, round {text} NOT NULL, name {text} NOT NULL, text {text} NOT NULL,"
    " checksum BIGINT NOT NULL, PRIMARY KEY (subject, round, name))",
    "CREATE TABLE journal (id {serial}, subject {text} NOT NULL, number {text} NOT NULL, before {text} NOT NULL,"
    " after {text} NOT NULL, cause {text} NOT NULL, who {text} NOT NULL, at {text} NOT NULL,"
    " round {text} NOT NULL, line INTEGER NOT NULL, mac {text} NOT NULL, checksum BIGINT NOT NULL)",
    "CREATE INDEX journal_of_number ON journal (number, id)",
    "CREATE TABLE messages (id {serial}, kind {text} NOT NULL, subject {text} NOT NULL, number {text} NOT NULL,"
    " due DOUBLE PRECISION NOT NULL, checksum BIGINT NOT NULL)",
    "CREATE INDEX messages_due ON messages (due, id)",
    "CREATE TABLE leases (task {text} NOT NULL PRIMARY KEY, holder {text} NOT NULL, until DOUBLE PRECISION NOT NULL)",
)
# On SQLite the keys and the boxes lie in files of their own (decision 010). generation: how many keys of the subject
# had been destroyed before this one was made.
KEYS = (
    "CREATE TABLE IF NOT EXISTS keys (subject {text} NOT NULL PRIMARY KEY, wrapped {bytes}, dropped {text}, generation INTEGER NOT NULL)",
)
# No serial numbers and no row ids: what is kept is ordered by hashes, which tell nothing of time.
BOXES = {
    "box_ballots": "(poll {text} NOT NULL, voter {text} NOT NULL, envelope {bytes} NOT NULL, receipt {text} NOT NULL,"
    " once {text} NOT NULL, PRIMARY KEY (poll, voter), UNIQUE (poll, receipt), UNIQUE (poll, once))",
    "box_replaced": "(poll {text} NOT NULL, receipt {text} NOT NULL, PRIMARY KEY (poll, receipt))",
    "box_proofs": "(poll {text} NOT NULL, voter {text} NOT NULL, asked {text} NOT NULL, hash {text} NOT NULL,"
    " until DOUBLE PRECISION NOT NULL, tries INTEGER NOT NULL, bare INTEGER NOT NULL, receipt {text} NOT NULL,"
    " PRIMARY KEY (poll, voter, asked))",
    "box_hits": "(name {text} NOT NULL PRIMARY KEY, until DOUBLE PRECISION NOT NULL, times INTEGER NOT NULL)",
    "box_tickets": "(hash {text} NOT NULL PRIMARY KEY, contact {text} NOT NULL, until DOUBLE PRECISION NOT NULL,"
    " fresh DOUBLE PRECISION NOT NULL)",
    "box_roll": "(poll {text} NOT NULL, voter {text} NOT NULL, person {text} NOT NULL, PRIMARY KEY (poll, voter))",
    "box_papers": "(poll {text} NOT NULL, voter {text} NOT NULL, PRIMARY KEY (poll, voter))",
    "box_outgoing": "(id {text} NOT NULL PRIMARY KEY, sealed {bytes} NOT NULL, until DOUBLE PRECISION NOT NULL,"
    " due DOUBLE PRECISION NOT NULL, tries INTEGER NOT NULL)",
    "box_states": "(poll {text} NOT NULL PRIMARY KEY, closed {text} NOT NULL, destroyed {text} NOT NULL,"
    " voters INTEGER NOT NULL)",
    "box_voted": "(poll {text} NOT NULL, voter {text} NOT NULL, PRIMARY KEY (poll, voter))",
    "box_sealed": "(poll {text} NOT NULL, receipt {text} NOT NULL, envelope {bytes} NOT NULL,"
    " PRIMARY KEY (poll, receipt))",
}
# What was brought here from another store, as it was on arrival: who moves again may replace that and nothing else.
MOVES = (
    "CREATE TABLE moves (id {serial}, at {text} NOT NULL, source {text} NOT NULL, digests {text} NOT NULL)",
)

# Version 4: a person has one message of a kind at most, with the key by which a gateway knows it again. The checksum is over
# the other columns, 0 of those that were there before.
KINDS = "CASE kind WHEN 'promoted' THEN 'confirmed' WHEN 'offer' THEN 'offered' WHEN 'lapsed' THEN 'declined' WHEN 'called-off' THEN 'cancelled' ELSE kind END"
MESSAGES = (
    "ALTER TABLE messages RENAME TO messages_before",
    "DROP INDEX messages_due",
    "CREATE TABLE messages (due DOUBLE PRECISION NOT NULL, tries INTEGER NOT NULL, id {text} NOT NULL PRIMARY KEY,"
    " kind {text} NOT NULL, subject {text} NOT NULL, number {text} NOT NULL, key {text} NOT NULL, done {text} NOT NULL,"
    " checksum BIGINT NOT NULL)",
    "CREATE INDEX messages_due ON messages (due)",
    f"INSERT INTO messages SELECT due, 0, number || '/' || {KINDS}, {KINDS}, subject, number, 'before-' || id, '', 0"  # noqa: S608
    " FROM messages_before WHERE true ON CONFLICT DO NOTHING",
    "DROP TABLE messages_before",
)

FIRST = 3  # the first version of these tables; those of before were trials
# version -> what brings the version before it there; never changed once it is released.
STEPS: dict[int, tuple[str, ...]] = {FIRST: (*ENTRIES, *DOCUMENTS, *BESIDE), 4: MESSAGES}
VERSION = max(STEPS)
# The tables in which entries and what belongs to them are kept.
OURS = ("entries", "names", "documents", "rounds", "caps", "facts", "journal", "messages", "leases")


def shaped(statement: str, dialect: Dialect) -> str:
    """A statement of this module in the words of a database."""
    columns = ", ".join(dialect.derived(field, is_number) for field, is_number in DERIVED.items())
    return statement.format(**vars(dialect), derived=columns)


def boxes(dialect: Dialect) -> list[str]:
    """The statements that make the tables of ballot boxes, where they are missing."""
    rows = "" if dialect.row_locks else " WITHOUT ROWID"
    return [
        f"CREATE TABLE IF NOT EXISTS {name} {shaped(shape, dialect)}{rows}" for name, shape in BOXES.items()
    ]


def migrate(run: Callable[[str], object], dialect: Dialect, version: int) -> int:
    """Bring tables of a version (0: none yet) to the newest; the version they have then. One transaction of the caller's."""
    statements = [statement for step in sorted(STEPS) if step > version for statement in STEPS[step]]
    if version < FIRST and dialect.row_locks:
        statements += [*KEYS, *MOVES, *boxes(dialect)]
    for statement in statements:
        run(shaped(statement, dialect))
    return VERSION


def check_version(found: int, place: str) -> None:
    """Refuse data of another version. Raises Misuse: says what to do. place: for the message."""
    if found > VERSION:
        raise Misuse(
            f"자료({place})가 더 새로운 판의 마당에서 만들어졌습니다(자료 {found}, 프로그램 {VERSION}). "
            "다른 판의 자료이니 그 판의 프로그램을 쓰세요."
        )
    if 0 < found < FIRST:
        raise Misuse(f"시험판의 자료({place})라 쓸 수 없습니다. 새 자료 폴더나 새 데이터베이스를 정하세요.")
    if found < VERSION:
        state = f"의 판이 {found}이고 필요한 판은 {VERSION}입니다" if found else "에 아직 표가 없습니다"
        raise Misuse(f"자료({place}){state}. python -m forms_api migrate 를 실행하세요.")
