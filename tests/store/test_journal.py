"""The journal's chains: no line is changed, taken out, added or moved unseen by whoever lacks the key; the clock too."""

import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL, FixedClock
from civic.errors import Misuse, Refused, Unavailable
from civic.store import open_store
from civic.store.chain import Chain, Line
from civic.store.doctor import examine
from civic.store.entry import line_sum
from civic.store.key_file import keys_of
from civic.store.seal import Keys
from civic.store.statements import JOURNAL
from civic.store.store import Store
from forms_api.clock_mark import ClockMark, take_up
from tests.postgres import ask
from tests.staff import call
from tests.store.conftest import NOON, SUBJECT, add, an_entry, at_once, move

a_plain = partial(an_entry, sealed=b"")  # no data key is needed
REASON = "called off: 강사 사정"


def fill(url: str) -> None:
    """Two rounds: eleven lines in r0, nine in r1, with a fact and a reason that somebody typed in each."""
    with closing(open_store(url)) as store:
        for i in range(12):
            entry = add(store, a_plain(f"p{i}", round=f"r{i % 2}"))
            if i % 3 == 0:
                move(store, entry, "cancelled", REASON)
        with store.open(SUBJECT, who="clock") as book:
            book.fix("r0", "closed", "", NOON)
            book.fix("r1", "called-off", "태풍", NOON)


def sql(url: str, *statements: str) -> list[Any]:
    """Run statements behind the store's back; the rows of the last."""
    if not url.startswith("tinydb://"):
        return ask(url, "; ".join(statements))
    path = f"{url.removeprefix('tinydb://')}/madang.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        return [file.execute(each).fetchall() for each in statements][-1]


def putting(*rows: Line) -> list[str]:
    """Statements that put rows of the journal in place of those with their ids, their checksums made to fit."""
    lines = []
    for row in rows:
        values = row._replace(checksum=line_sum(*row[1:-1]))
        literals = ", ".join(str(v) if isinstance(v, int) else f"'{v.replace(chr(39), '')}'" for v in values)
        lines += [f"DELETE FROM journal WHERE id = {row.id}", f"INSERT INTO journal VALUES ({literals})"]
    return lines


def edits(rows: list[Line], chance: random.Random) -> list[tuple[list[str], set[int]]]:
    """(statements, numbers of which one must be named) of every kind: bits, lines gone, added, in another place."""

    def flipped(row: Line) -> Line:
        name = chance.choice(["subject", "number", "before", "after", "cause", "who", "at", "mac"])
        old = getattr(row, name) or "x"
        at, bit = chance.randrange(len(old)), 1 << chance.randrange(5)
        return row._replace(**{name: old[:at] + chr(ord(old[at]) ^ bit or 1) + old[at + 1 :]})

    found = [(putting(flipped(row)), {row.line}) for row in chance.sample(rows, 12)]
    found += [([f"DELETE FROM journal WHERE id = {row.id}"], {row.line}) for row in chance.sample(rows, 6)]
    found += [(putting(row._replace(id=99, who="staff:lee")), {row.line}) for row in chance.sample(rows, 6)]
    for row in chance.sample([row for row in rows if row.line < 8], 6):
        other = next(each for each in rows if (each.round, each.line) == (row.round, row.line + 1))
        swapped = putting(row._replace(id=other.id), other._replace(id=row.id))
        found.append((swapped, {row.line, other.line}))
    return found


def named(url: str, keys: Path) -> list[str]:
    """What the doctor says of the journal."""
    return [line for line in examine(url, keys).wrong if "기록의" in line or "정해진 것" in line]


def test_every_single_edit_is_named(
    address: str, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 of 30, with the number of a line, and no server starts; controls: no check, or a thief who has the key."""
    fill(address)
    key_file, unseen = tmp_path / "keys/keys.json", 0
    with closing(open_store(address)) as store:
        keys_of(store, key_file, None)
    rows = [Line._make(row) for row in sql(address, f"{JOURNAL} ORDER BY id")]
    assert named(address, key_file) == []
    cases = edits([row for row in rows if row.subject == SUBJECT], random.Random(7))
    assert len(cases) == 30
    for edit, numbers in cases:
        sql(address, *edit)
        wrong = named(address, key_file)
        assert any(f"{number}번째" in line for line in wrong for number in numbers), (numbers, wrong)
        with closing(open_store(address)) as store, pytest.raises(Misuse, match="시작하지 않습니다"):
            keys_of(store, key_file, None)
        with monkeypatch.context() as patch:
            patch.setattr(Chain, "faults", lambda *_: iter(()))
            unseen += not examine(address, key_file).wrong
        sql(address, "DELETE FROM journal", *putting(*rows))
    assert unseen > 3  # the control: without the chain, words and times changed unseen
    lies = [row._replace(who="staff:lee") if row.id == rows[4].id else row for row in rows]
    forged, heads = Chain(keys.journal).rechained(lies)
    fits = [
        f"UPDATE rounds SET head = '{head}' WHERE round = '{round}'"
        for (_, round), (_, head) in heads.items()
    ]
    sql(address, *putting(*map(Line._make, forged)), *fits)
    assert named(address, key_file) == []  # the control: the key must not lie with the data


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM facts WHERE name = 'closed'", "UPDATE facts SET name = 'frozen' WHERE name = 'closed'"],
)
def test_what_is_closed_stays_closed(address: str, tmp_path: Path, change: str) -> None:
    """A fact taken out or exchanged would open the round again: named, and no server starts; the end of a chain too."""
    fill(address)
    sql(address, change)
    assert any("closed" in line or "frozen" in line for line in named(address, tmp_path / "keys/keys.json"))
    with closing(open_store(address)) as store, pytest.raises(Misuse, match="정해진 것"):
        store.check_journal()


def test_a_start_reads_the_newest_lines(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    """Of a long journal a start reads the end; an older line is the doctor's to find."""
    monkeypatch.setattr("civic.store.chain.NEWEST", 10)
    for i in range(40):
        add(store, a_plain(f"p{i}"))
    rows = [Line._make(row) for row in sql(address, f"{JOURNAL} ORDER BY id")]
    sql(address, *putting(rows[5]._replace(who="staff:lee")))
    store.check_journal()
    assert any("6번째" in line for line in named(address, tmp_path / "keys/keys.json"))
    sql(address, *putting(rows[32]._replace(who="staff:lee")))
    with pytest.raises(Misuse, match="33번째"):
        store.check_journal()


def test_words_are_blacked_out_and_the_chain_holds(store: Store, address: str, tmp_path: Path) -> None:
    """What staff typed is gone from the line of a person who is forgotten; blacked out by another hand it is seen."""
    ours, others = add(store, a_plain("kim")), add(store, a_plain("lee"))
    for entry in (ours, others):
        move(store, entry, "cancelled", REASON)
    with store.open(SUBJECT, who="clock") as book:
        current = book.get(ours.number)
        assert current
        book.move(current.forgotten(), noted="forgotten")
    causes = [change.cause for change in store.history(ours.number)]
    assert causes[1].startswith("called off: blacked-out-") and "강사" not in "".join(causes)
    assert (
        store.history(others.number)[1].cause == REASON and named(address, tmp_path / "keys/keys.json") == []
    )
    row = next(Line._make(row) for row in sql(address, f"{JOURNAL} ORDER BY id") if row[5] == REASON)
    sql(address, *putting(row._replace(cause=f"called off: blacked-out-{'0' * 32}")))
    assert any(f"{row.line}번째" in line for line in named(address, tmp_path / "keys/keys.json"))


def test_many_write_the_chains(store: Store, beside: Store, address: str, tmp_path: Path) -> None:
    """Two stores, eight threads, three rounds, every act, some of them undone: the chains have no gap and no fork."""
    chance = random.Random(11)

    def act(here: Store, i: int) -> None:
        entry = add(here, a_plain(f"p{i}", round=f"r{i % 3}"))
        if i % 2:
            move(here, entry, chance.choice(["cancelled", "attended"]), REASON)
        if i % 5 == 0:
            with here.open(SUBJECT) as book:
                book.fix(f"r{i % 3}", f"closed:{i}", "", NOON)
        if i % 7 == 0:
            with pytest.raises(ZeroDivisionError), here.open(SUBJECT) as book:
                book.fix(f"r{i % 3}", f"kept:{i}", "", NOON)
                raise ZeroDivisionError

    acts = [partial(act, (store, beside)[i % 2], i) for i in range(160)]
    assert [
        answer
        for answer in at_once(acts, threads=8)
        if isinstance(answer, Exception) and not isinstance(answer, Refused)
    ] == []
    store.check_journal()
    assert examine(address, tmp_path / "keys/keys.json").wrong == []


def test_a_clock_set_back_stops_writing_until_staff_confirm(store: Store, address: str, keys: Keys) -> None:
    """More than five minutes behind the newest line nothing is kept, and it is said why; staff's word lets it go on."""
    del keys
    now = datetime.now(SEOUL)
    take_up(store, address, ClockMark(None, now))
    add(store, a_plain("kim", changed=now + timedelta(minutes=6)))
    store.watch(FixedClock(now + timedelta(minutes=2)))
    add(store, a_plain("lee", round="r2", changed=now + timedelta(minutes=6)))
    with closing(open_store(address)) as late:
        late.watch(FixedClock(now))
        with pytest.raises(Unavailable), late.open(SUBJECT):
            pass
        assert "시계" in late.trouble and "--accept-clock" in late.trouble and late.counts(SUBJECT)
        assert "시계" in call("doctor", data=address).stdout
        accepted = call("doctor", "--accept-clock", data=address)
        assert "다시 받습니다" in accepted.stdout and "늦어" not in accepted.stdout
    with closing(open_store(address)) as late:
        late.watch(FixedClock(now))
        assert late.trouble == "" and add(late, a_plain("park", changed=now)).number
