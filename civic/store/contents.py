"""Everything a store holds, as rows: read at one moment, put into another as it is, compared by counts and hashes; and
whether its entries, counters, journal and keys tell the same story.

The tables have the same columns in both databases (tables.py), so that rows travel unchanged. Opens nothing.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from civic.store.chain import STAFF, Chain, Line
from civic.store.entry import LIVE, DamagedError, Entry, document_of, entry_of, line_sum
from civic.store.folder import BOX_FILE, ENTRIES, KEYS
from civic.store.session import Row, Transaction
from civic.store.statements import COLUMNS, RoundRow
from civic.store.tables import BOXES, TABLES

Counters = dict[tuple[str, str], tuple[int, ...]]  # (subject, round): as COLUMNS
Used = Counter[tuple[str, str]]  # (cap key, person)
# What a move names -> the tables of it. In each the first columns are its key. Leases belong to processes and stay.
PARTS: dict[str, tuple[str, ...]] = {
    "신청": ("entries",),
    "회차별 인원": ("rounds",),
    "한도 사용량": ("caps",),
    "정해진 것": ("facts",),
    "기록": ("journal",),
    "보낼 알림": ("messages",),
    "다른 문서": ("names", "documents"),
    "열쇠": ("keys",),
    "투표함": tuple(BOXES),
}
IN_FILE = tuple(name for name in TABLES if name != "leases")
FILES = {ENTRIES: IN_FILE, KEYS: ("keys",), BOX_FILE: tuple(BOXES)}  # of a data folder
EVERYTHING = tuple(name for names in FILES.values() for name in names)
ENTRY = ("id", "body", "checksum")  # the other columns follow from the body
# Tables whose last column is a sum over those from this one on.
SUMMED = {"facts": 0, "journal": 1, "messages": 0}
AT_ONCE = 1000  # rows that are sent together
RECOUNT = "‘python -m forms_api doctor --save 새폴더’로 저장하면 신청에서 다시 셉니다."
IN_BACKUP = "백업에서 이 신청을 확인하세요."
MOST = 20  # findings of one kind that are named one by one


@dataclass
class Contents:
    """The rows of each table that was read, in the order of their keys."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)  # receipt numbers by id, as their index has them
    entries: list[Entry] = field(default_factory=list)  # that `check` found whole

    def of(self, table: str) -> list[Row]:
        """The rows of a table; empty when it was not read."""
        return self.rows.setdefault(table, [])

    @property
    def journal(self) -> list[Line]:
        return list(map(Line._make, self.of("journal")))

    @property
    def extent(self) -> str:
        """How much it is, for staff."""
        return f"신청 {len(self.entries):,}건, 기록 {len(self.of('journal')):,}줄"

    def fixed(self, subject: str) -> dict[str, str]:
        """What is fixed of a subject that has no rounds: name -> text."""
        return {name: text for of, _, name, text, _ in self.of("facts") if of == subject}

    def digests(self) -> dict[str, tuple[int, str]]:
        """Part -> (how many rows, SHA-256): equal on both sides when and only when all of it is equal."""
        found = {}
        for part, names in PARTS.items():
            rows, whole = [(name, *row) for name in names for row in self.of(name)], hashlib.sha256()
            for row in rows:
                whole.update(json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n")
            found[part] = len(rows), whole.hexdigest()
        return found

    def check(self) -> list[tuple[str, str]]:
        """Take out every row that is not as it was written: what it is, and its receipt number or ""."""
        damaged = []
        self.entries = []
        for name in ("entries", "documents", *SUMMED):
            rows, self.rows[name] = self.of(name), []
            for row in rows:
                try:
                    self._take(name, row)
                    self.rows[name].append(row)
                except (DamagedError, KeyError, ValueError, TypeError):
                    is_entry = name == "entries"
                    what = f"신청 {row[0]}" if is_entry else f"{name} {row[0]!r}"
                    damaged.append((what, self.numbers.get(row[0], "") if is_entry else ""))
        return damaged

    def _take(self, name: str, row: Row) -> None:
        """Raises DamagedError, KeyError, ValueError, TypeError where a row is not as it was written."""
        if name == "entries":
            self.entries.append(entry_of(*row))
        elif name == "documents":
            document_of(*row)
        elif line_sum(*row[SUMMED[name] : -1]) != row[-1]:
            raise DamagedError(name)

    def recount(self, key: bytes | None = None) -> None:
        """Let counters and caps follow from the entries, as they should.

        key: of the journal, whose lines become chains without a gap, where not all of it is there.
        """
        counters, used = counted(self.entries)
        heads = {row[:2]: row[2 + len(COLUMNS) :] for row in self.of("rounds")}
        if key:
            self.rows["journal"], heads = Chain(key).rechained(self.of("journal"))
        nobody, first, rounds = (0,) * len(COLUMNS), (0, ""), sorted({*counters, *heads}, key=_order)
        self.rows["rounds"] = [(*at, *counters.get(at, nobody), *heads.get(at, first)) for at in rounds]
        self.rows["caps"] = [(*at, amount) for at, amount in sorted(used.items())]


def counted(entries: Iterable[Entry]) -> tuple[Counters, Used]:
    """Counters per round and use per cap, worked out from the entries alone."""
    rounds: dict[tuple[str, str], RoundRow] = defaultdict(RoundRow)
    used: Used = Counter()
    for entry in entries:
        round = rounds[entry.subject, entry.round]
        round.count(entry.state, entry.size)
        round.last_rank = max(round.last_rank, entry.rank)
        for key, amount in entry.uses().items():
            used[key, entry.person] += amount
    return {key: tuple(getattr(round, name) for name in COLUMNS) for key, round in rounds.items()}, used


def read_rows(session: Transaction, names: Iterable[str]) -> dict[str, list[Row]]:
    """Every row of these tables, in the order of their keys, which is the same in both databases."""
    found = {}
    for name in names:
        columns = ", ".join(ENTRY) if name == "entries" else "*"
        rows = session.rows(f"SELECT {columns} FROM {name}")  # noqa: S608 (own names)
        found[name] = sorted(rows, key=_order)
    return found


def write_rows(session: Transaction, rows: dict[str, list[Row]]) -> None:
    """Put rows into empty tables."""
    for name, lines in rows.items():
        if lines:
            columns = f" ({', '.join(ENTRY)})" if name == "entries" else ""
            statement = f"INSERT INTO {name}{columns} VALUES ({', '.join('?' * len(lines[0]))})"  # noqa: S608
            for start in range(0, len(lines), AT_ONCE):
                for line in lines[start : start + AT_ONCE]:
                    session.later(statement, line)
                session.settle()


def _order(row: Row) -> list[tuple[str, Any]]:
    """By the columns of its key; in a damaged file any of them may be of any type."""
    return [(type(value).__name__, value) for value in map(_plain, row[:3])]


def _plain(value: Any) -> Any:
    """Bytes as hex: the same text whichever store they came from."""
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def agreement(contents: Contents, lost: list[str]) -> list[str]:
    """Sentences on what does not fit together; empty when all does. Adds to `lost` what only the journal knows of."""
    entries = contents.entries
    journal = [line for line in contents.journal if line.number not in ("", STAFF)]
    missing = sorted({line.number for line in journal} - {entry.number for entry in entries} - set(lost))
    lost += missing
    kinds: tuple[Iterable[str], ...] = (
        (f"{number}: 기록에는 있는데 신청이 없습니다. {IN_BACKUP}" for number in missing),
        _twice(entries),
        _against_journal(entries, journal),
        _counters(contents),
        _facts(contents),
        (
            f"{subject}: 봉인된 신청의 감싼 열쇠가 없습니다. 백업에서 keys.sqlite3을 되살리세요."
            for subject in without_key(contents)
        ),
    )
    return [sentence for kind in kinds for sentence in shortened(kind)]


def shortened(kind: Iterable[str]) -> list[str]:
    """The first sentences of a kind, and how many more there are."""
    sentences = list(kind)
    more = len(sentences) - MOST
    return [*sentences[:MOST], *([f"위와 같은 문제가 {more}개 더 있습니다."] if more > 0 else [])]


def _twice(entries: list[Entry]) -> Iterator[str]:
    for what, names in (
        ("접수번호", Counter(entry.number for entry in entries)),
        ("제출 번호", Counter(entry.submission for entry in entries)),
    ):
        for name, times in names.items():
            if times > 1:
                yield f"{what} {name}: 신청 {times}건이 함께 쓰고 있습니다. 백업과 견주어 하나를 고르세요."
    people: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        if entry.state in LIVE:
            people.setdefault((entry.subject, entry.round, entry.person), []).append(entry.number)
    for (subject, round, _), numbers in people.items():
        if len(numbers) > 1:
            yield f"{subject} {round}: 한 사람의 신청이 둘입니다({', '.join(sorted(numbers))}). 하나를 취소하세요."


def _against_journal(entries: list[Entry], journal: list[Line]) -> Iterator[str]:
    latest: dict[str, Line] = {}
    for line in journal:
        previous = latest.get(line.number)
        if line.before != (previous.after if previous else ""):
            yield f"{line.number}: 기록이 이어지지 않습니다(‘{line.before}’ 앞이 빠짐). {IN_BACKUP}"
        latest[line.number] = line
    for entry in entries:
        last = latest.get(entry.number)
        if last is None:
            yield f"{entry.number}: 신청은 있는데 기록이 없습니다. {IN_BACKUP}"
        elif (last.after, last.subject) != (entry.state, entry.subject):
            yield f"{entry.number}: 신청의 상태({entry.state})와 마지막 기록({last.after})이 다릅니다. {IN_BACKUP}"


def _counters(contents: Contents) -> Iterator[str]:
    counters, used = counted(contents.entries)
    nobody = (0,) * len(COLUMNS)
    rounds = {row[:2]: row[2 : 2 + len(COLUMNS)] for row in contents.of("rounds")}
    for key in sorted(rounds.keys() | counters.keys(), key=_order):
        kept, right = rounds.get(key, nobody), counters.get(key, nobody)
        if kept[:-1] != right[:-1] or (kept[-1] or 0) < right[-1]:
            yield (
                f"{key[0]} {key[1]}: 적어 둔 인원(확정 {kept[0]}, 대기 {kept[1]}, 접수 {kept[2]}, 마지막 순번 {kept[4]})이 "
                f"신청(확정 {right[0]}, 대기 {right[1]}, 접수 {right[2]}, 마지막 순번 {right[4]})과 다릅니다. {RECOUNT}"
            )
    uses = Used({row[:2]: row[2] for row in contents.of("caps")})
    for use in sorted(uses.keys() | used.keys(), key=_order):
        if uses[use] != used[use]:
            yield f"한도 {use[0]}: 한 사람이 쓴 양({uses[use]})이 신청({used[use]})과 다릅니다. {RECOUNT}"


def _facts(contents: Contents) -> Iterator[str]:
    """What is fixed stands in the journal too."""
    noted = {
        (line.subject, line.before, line.after, line.cause) for line in contents.journal if not line.number
    }
    for fact in sorted({row[:4] for row in contents.of("facts")} ^ noted, key=_order):
        yield f"{fact[0]} {fact[1]}: 정해진 것({fact[2]})이 기록과 다릅니다. 백업과 견주어 확인하세요."


def without_key(contents: Contents) -> list[str]:
    """Subjects with sealed entries of whose data key nothing is known, not even that it was destroyed; sorted."""
    known = {subject for subject, *_ in contents.of("keys")}
    return sorted({entry.subject for entry in contents.entries if entry.sealed} - known)
