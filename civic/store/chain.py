"""The rounds of a subject inside a transaction, and the chain of journal lines that each has: whoever lacks the key cannot
change, take out, add or reorder a line unseen.

A line's keyed hash covers it and the head of the chain before it; the head, made from the newest line's hash by the same
key, stands with the count in the round's row. So lines cut off at the end need an older head, which is nowhere. What
people typed (behind ": " in a cause) enters as a keyed digest and can be blacked out to that digest.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from civic.errors import Misuse
from civic.people import keyed
from civic.store.entry import line_sum, summed, to_time
from civic.store.session import Later, Row, Transaction
from civic.store.statements import HOLD, JOURNAL, KEPT, KEPT_ROUND, NOTE, REWORD, ROUND, RoundRow

STAFF = "staff"  # of a line on what staff did: in place of its subject and receipt number; it has no round
HEX = 32  # of a hash of 64: nobody finds 2^128
WORDS = ": "  # before what somebody typed
BLACKED = re.compile(rf"blacked-out-([0-9a-f]{{{HEX}}})")
NEWEST = 1000  # lines that a start reads
FACTS = (  # what is fixed, and what the journal says of it
    "SELECT subject, round, name, text FROM facts",
    "SELECT subject, before, after, cause FROM journal WHERE number = ''",
)
SAID = {
    "changed": "기록의 {}번째 줄이 적은 뒤에 바뀌었습니다.",
    "missing": "기록의 {}번째 줄이 없습니다.",
    "added": "기록의 {}번째 줄이 끼어들었거나 자리가 바뀌었습니다.",
    "head": "기록의 끝({}번째 줄)이 적어 둔 것과 다릅니다.",
    "fact": "정해진 것({})이 기록과 다릅니다.",
}
KEPT_OF = attrgetter(*KEPT)  # the columns of a RoundRow
BEHIND = timedelta(minutes=5)
TOO_EARLY = (
    "이 컴퓨터의 시계({:%Y-%m-%d %H:%M})가 마지막 기록({:%Y-%m-%d %H:%M})보다 늦어 저장을 멈추었습니다. 시계를 맞추세요. "
    "지금 시계가 맞다면 ‘python -m forms_api doctor --accept-clock’을 하세요."
)
REMEDY = "누가 자료를 고쳤는지 확인하고 백업과 견주세요."
Heads = Mapping[tuple[str, str], tuple[int, str]]  # (subject, round): lines, head


class Line(NamedTuple):
    """A row of the journal: which entry went from which state to which, why, by whose hand, when."""

    id: int
    subject: str
    number: str  # "" of a fact
    before: str  # "" for a new entry
    after: str
    cause: str  # as in Entry.cause
    who: str  # as given to `open`: "citizen", "staff:<id>", "clock" …; never a name or phone
    at: str
    round: str
    line: int  # 1, 2, 3 … in its round
    mac: str
    checksum: int

    @property
    def time(self) -> datetime:
        """Of the change, in Seoul."""
        return to_time(self.at)


class BrokenLine(NamedTuple):
    """A line that is not as it was written, or none where one was."""

    subject: str
    round: str
    line: int | str  # the number of the line in its round; of a fact its name
    what: str  # a key of SAID

    def __str__(self) -> str:
        where = "열람 기록" if self.subject == STAFF else f"{self.subject} {self.round}"
        return f"{where}: {SAID[self.what].format(self.line)} {REMEDY}"


class Chain:
    """The hashes under one key."""

    def __init__(self, key: bytes) -> None:
        self._keyed = keyed(key)

    def mac(self, head: str, line: int, subject: str, round: str, *columns: str) -> str:
        """Of a line behind that head. columns: number, before, after, cause, who, at."""
        number, before, after, cause, who, at = columns
        code, _, words = cause.partition(WORDS)
        digest = self._digest(words) if words else ""
        return self._hash(head, str(line), subject, round, number, before, after, code, digest, who, at)

    def head(self, mac: str) -> str:
        """What the next line follows on."""
        return self._hash("head", mac)

    def blacked_out(self, cause: str) -> str:
        """The cause without what somebody typed; its line stays as true as it was."""
        code, _, words = cause.partition(WORDS)
        return f"{code}{WORDS}blacked-out-{self._digest(words)}" if words else cause

    def faults(self, rows: Iterable[Row], heads: Heads, is_whole: bool = True) -> Iterator[BrokenLine]:
        """What is wrong with rows of the journal (in the order of their ids) and the heads of their rounds.

        is_whole: else these are the newest rows: a round's first one is only followed, and other rounds are passed over.
        """
        last: dict[tuple[str, str], Line] = {}
        for line in map(Line._make, rows):
            key = (line.subject, line.round)
            previous = last.get(key)
            expected, head = (previous.line + 1, self.head(previous.mac)) if previous else (1, "")
            last[key] = line
            if not previous and not is_whole and line.line != 1:
                continue
            if line.line != expected:
                yield BrokenLine(
                    *key, min(line.line, expected), "missing" if line.line > expected else "added"
                )
            elif line.mac != self.mac(head, line.line, *key, *line[2:8]):
                yield BrokenLine(*key, line.line, "changed")
        for key in last.keys() | (heads.keys() if is_whole else ()):
            count, head = heads.get(key, (0, ""))
            newest = last.get(key)
            there = newest.line if newest else 0
            if count != there:
                yield BrokenLine(*key, min(count, there) + 1, "missing" if count > there else "added")
            elif head != (self.head(newest.mac) if newest else ""):
                yield BrokenLine(*key, there, "head")

    def rechained(self, rows: Iterable[Row]) -> tuple[list[Row], dict[tuple[str, str], tuple[int, str]]]:
        """The same lines as a chain without a gap, and its heads: for what was saved out of damaged data."""
        found: list[Row] = []
        heads: dict[tuple[str, str], tuple[int, str]] = {}
        for row in map(Line._make, rows):
            key = (row.subject, row.round)
            count, head = heads.get(key, (0, ""))
            mac = self.mac(head, count + 1, *key, *row[2:8])
            heads[key] = count + 1, self.head(mac)
            found.append((row.id, *summed(*row[1:9], count + 1, mac)))
        return found, heads

    def _digest(self, words: str) -> str:
        blacked = BLACKED.fullmatch(words)
        return blacked[1] if blacked else self._hash("words", words)

    def _hash(self, *parts: str) -> str:
        one = self._keyed.copy()  # kept and copied: making it anew would cost more than the hash
        one.update("\x00".join(parts).encode())
        return one.finalize().hex()[:HEX]


class Rounds:
    """A subject's rows of counters and heads that are read once and written when the transaction ends; nobody else changes them meanwhile."""

    def __init__(self, session: Transaction, chain: Chain, subject: str, who: str) -> None:
        self._session, self._chain, self._subject, self._who = session, chain, subject, who
        self._known: dict[str, RoundRow] = {}

    def __contains__(self, name: str) -> bool:
        if name not in self._known and (left := self._session.before.get((self._subject, name))):
            self.learn(name, left)
        return name in self._known

    def of(self, name: str) -> RoundRow:
        """The row of a round, which nobody else changes from here on until the block ends; a new one is all zero."""
        if name not in self._known and name not in self:
            values = (self._subject, name)
            if self._session.dialect.row_locks:
                self._session.later(HOLD, values)
            rows = self._session.rows(ROUND + self._session.dialect.lock, values)
            self.learn(name, rows[0] if rows else (None,))
        return self._known[name]

    def hold(self, name: str) -> Later | None:
        """Keep everybody else from the row with whatever is asked next; its count says then if there was one to hold."""
        if not self._session.dialect.row_locks:
            return None
        return self._session.later(ROUND + self._session.dialect.lock, (self._subject, name))

    def learn(self, name: str, row: Row) -> None:
        """Take a row that was read while it was held; of NULLs where there was none."""
        self._known[name] = RoundRow() if row[0] is None else RoundRow(*row)

    def journal(self, name: str, number: str, before: str, after: str, cause: str, at: datetime) -> str:
        """Add a line to the chain of a round; its keyed hash."""
        round = self.of(name)
        line = (number, before, after, cause, self._who, at.isoformat())
        mac = self._chain.mac(round.head, round.lines + 1, self._subject, name, *line)
        round.lines, round.head, round.is_changed = round.lines + 1, self._chain.head(mac), True
        self._session.note(NOTE, summed(self._subject, *line, name, round.lines, mac))
        return mac

    def black_out(self, number: str) -> None:
        """Take what somebody typed out of an entry's lines."""
        for row in self._session.rows(f"{JOURNAL} WHERE number = ? ORDER BY id", (number,)):
            cause = self._chain.blacked_out(row[5])
            if cause != row[5]:
                values = (*row[1:5], cause, *row[6:11])
                self._session.later(REWORD, (cause, line_sum(*values), row[0]))

    def settle(self) -> None:
        """Write what is changed; it goes with the commit."""
        for name in sorted(self._known):
            round = self._known[name]
            if round.is_changed:
                row = KEPT_OF(round)
                self._session.known[self._subject, name] = row
                self._session.note(KEPT_ROUND, (self._subject, name, *row))


def acts_of_staff(session: Transaction, chain: Chain) -> tuple[list[Line], list[BrokenLine]]:
    """What staff did, oldest first, and what of it is not as it was kept."""
    rows = session.rows(f"{JOURNAL} WHERE number = ? ORDER BY id", (STAFF,))
    faults = chain.faults(rows, _heads(session, "WHERE subject = ?", STAFF))
    return [Line._make(row) for row in rows], list(faults)


def _heads(session: Transaction, condition: str = "", *values: str) -> dict[tuple[str, str], tuple[int, str]]:
    rows = session.rows(f"SELECT subject, round, lines, head FROM rounds {condition}", values)  # noqa: S608
    return {(subject, round): (lines, head) for subject, round, lines, head in rows}


def check_newest(session: Transaction, chain: Chain) -> None:
    """Are the NEWEST lines of the journal as they were kept, and all facts as it says? Raises Misuse."""
    rows = session.rows(f"{JOURNAL} ORDER BY id DESC LIMIT {2 * NEWEST}")
    found = next(chain.faults(reversed(rows), _heads(session), is_whole=len(rows) < 2 * NEWEST), None)
    if not found:
        for one, other in (FACTS, FACTS[::-1]):
            for subject, round, name, _ in session.rows(f"{one} EXCEPT {other} LIMIT 1"):
                found = BrokenLine(subject, round, name, "fact")
    if found:
        raise Misuse(
            f"{found} 그때까지 시작하지 않습니다. ‘python -m forms_api doctor’로 모두 볼 수 있습니다."
        )


def too_early(now: datetime, newest: datetime | None) -> str:
    """ "" or what is wrong with a clock that lies more than BEHIND before the journal's newest line."""
    return TOO_EARLY.format(now, newest) if newest and now < newest - BEHIND else ""
