"""What every store of ballot boxes promises."""

import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from civic.clock import FixedClock
from civic.errors import Closed, Misuse
from civic.store import open_box
from civic.store.box import Code, Copied, Sealed
from civic.store.boxes import Box
from civic.store.folder import BOX_FILE
from civic.store.outbox import LEASE, PutOff
from tests.store.conftest import NOON, a_box, at_once, raw_files

MINUTE = timedelta(minutes=1)


@pytest.fixture
def boxes(address: str) -> Iterator[Box]:
    with a_box(address) as opened:
        yield opened


def a_ballot(voter: str, number: int = 0) -> Sealed:
    return Sealed(voter, f"envelope {voter} {number}".encode(), f"R-{voter}-{number}", f"E-{voter}-{number}")


def test_the_last_ballot_of_a_voter_counts(address: str, boxes: Box) -> None:
    """Put twice, kept once; the other voter's stays, and the other poll's box too; another process sees it."""
    with boxes.open("a") as box:
        box.put(a_ballot("kim"))
        box.put(a_ballot("lee"))
        box.put(a_ballot("kim", 2))
        assert box.has_voted("kim") and not box.has_voted("park")
    with a_box(address) as others, others.open("a") as box:
        assert box.receipts() == ["R-kim-2", "R-lee-0"]
        assert box.cast() == [("R-kim-2", b"envelope kim 2"), ("R-lee-0", b"envelope lee 0")]
    with boxes.open("b") as box:
        assert box.receipts() == []


def test_an_exception_leaves_nothing_behind(boxes: Box) -> None:
    """Half a transaction is none."""
    with pytest.raises(RuntimeError), boxes.open("a") as box:
        box.put(a_ballot("kim"))
        raise RuntimeError
    with boxes.open("a") as box:
        assert not box.has_voted("kim")


def test_a_copied_envelope_is_refused(boxes: Box) -> None:
    """Another voter's receipt or one-time key; one's own may come again."""
    with boxes.open("a") as box:
        box.put(a_ballot("kim"))
        box.put(a_ballot("kim"))
        for copy in (Sealed("lee", b"x", "R-kim-0", "E-lee-0"), Sealed("lee", b"x", "R-lee-0", "E-kim-0")):
            with pytest.raises(Copied):
                box.put(copy)
        assert box.receipts() == ["R-kim-0"]
    with boxes.open("b") as box:
        box.put(a_ballot("kim"))


def test_tries_of_a_code_run_out(boxes: Box) -> None:
    """Two tries are two; the same asking anew starts anew; a used code knows its ballot."""
    code = Code("kim", "slow hash", NOON + 5 * MINUTE, 2, asked="mine")  # "mine": only who asked knows it
    with boxes.open("a") as box:
        assert box.take_try("kim", "mine") is None
        box.put_code(code)
        assert [found.tries for _ in range(2) if (found := box.take_try("kim", "mine"))] == [1, 0]
        assert box.take_try("kim", "mine") is None
        box.put_code(code)
        box.use_code(code, "R-kim-0")
        assert box.take_try("kim", "mine") == replace(code, tries=1, receipt="R-kim-0")
        assert box.code("lee") is None
    with boxes.open("b") as box:
        assert box.code("kim") is None


def test_strangers_use_up_no_tries(boxes: Box) -> None:
    """Who does not know the asking has tries of their own, of the newest code; who asks again takes nothing away."""
    mine = Code("kim", "one", NOON + 5 * MINUTE, 2, asked="mine", bare=1)
    with boxes.open("a") as box:
        box.put_code(mine)
        assert box.take_try("kim") == replace(mine, bare=0)
        assert box.take_try("kim") is None and box.take_try("kim", "guess") is None
        assert box.take_try("kim", "mine") == replace(mine, tries=1, bare=0)
        other = Code("kim", "two", NOON + 4 * MINUTE, 2, asked="other", bare=1)
        box.put_code(other)
        assert box.code("kim") == other and box.take_try("kim") == replace(other, bare=0)
        assert box.take_try("kim", "mine") == replace(mine, tries=0, bare=-1)


def test_stale_codes_and_counters_go(boxes: Box) -> None:
    """A late code is kept five minutes more, so that its owner can be told that it is late."""
    with boxes.open("a") as box:
        box.put_code(Code("kim", "h", NOON + 5 * MINUTE, 5))
        box.drop_stale(NOON + 9 * MINUTE)
        assert box.code("kim")
        box.drop_stale(NOON + 10 * MINUTE)
        assert box.code("kim") is None


def test_ceilings_hold_for_their_period(boxes: Box) -> None:
    """Two are two in a running period; the next one starts from nothing."""
    with boxes.open("a") as box:
        assert [box.hit("k", 2, MINUTE, NOON) for _ in range(3)] == [True, True, False]
        assert box.hit("other", 2, MINUTE, NOON)
        assert not box.hit("k", 2, MINUTE, NOON + timedelta(seconds=59))
        assert box.hit("k", 2, MINUTE, NOON + MINUTE)


def test_paper_and_online_are_never_both(boxes: Box) -> None:
    """One mark per voter, none for whoever voted online; before closing and after."""
    with boxes.open("a") as box:
        box.put(a_ballot("kim"))
        assert not box.mark_paper("kim")
        assert box.mark_paper("lee") and not box.mark_paper("lee")
        assert box.is_paper("lee") and not box.is_paper("kim") and box.papers() == 1
        box.close(NOON)
        assert not box.mark_paper("kim") and box.mark_paper("park")


def test_the_roll_keeps_each_voter_once(boxes: Box) -> None:
    """Enrolled twice is enrolled; another poll has another roll."""
    with boxes.open("a") as box:
        assert box.enrol([["kim"], ["lee", "lee2"], ["kim"]]) == 2
        assert box.enrol([["kim"], ["park"], ["lee2", "lee3"]]) == 1  # Lee is one, however many contacts come
        assert box.on_roll("park") and box.on_roll("lee3") and not box.on_roll("choi")
        assert box.rolled() == 3 and sorted(box.same_person("lee")) == ["lee", "lee2", "lee3"]
        box.put(a_ballot("lee2"))
        assert box.has_voted("lee", by_another=True) and not box.has_voted("lee2", by_another=True)
        assert not box.mark_paper("lee3") and not box.has_voted("kim")
    with boxes.open("b") as box:
        assert not box.on_roll("kim")


def test_closing_forgets_who_cast_which(boxes: Box) -> None:
    """Envelopes and receipts stay, voters stay marked, the tie between them is gone; nothing more comes in."""
    with boxes.open("a") as box:
        for voter in ("kim", "lee", "park"):
            box.put(a_ballot(voter))
        box.put_code(Code("kim", "h", NOON + MINUTE, 5))
        before = box.cast()
        assert box.state() == "open" and len(before) == 3
        assert box.close(NOON) == NOON and box.state() == "closed"
        assert box.cast() == before
        assert box._of("box_ballots") == [] and box.code("kim") is None
        assert box.close(NOON + MINUTE) == NOON
        with pytest.raises(Closed):
            box.put(a_ballot("choi"))
    boxes.scrub()
    with boxes.open("a") as box:
        assert box.cast() == before


def test_destroying_leaves_only_the_number(boxes: Box) -> None:
    """Envelopes and voters are gone; how many there were stays known; the neighbour's box is untouched."""
    for poll in ("a", "b"):
        with boxes.open(poll) as box:
            box.put(a_ballot("kim"))
            box.enrol([["kim"]])
    with boxes.open("a") as box:
        box.close(NOON)
        box.destroy(NOON + MINUTE)
        assert box.state() == "destroyed" and box.receipts() == box.cast() == []
        assert not box.on_roll("kim") and box.close(NOON + MINUTE) == NOON
        assert box._of("box_states", "voters") == [(1,)]
    boxes.scrub()
    with boxes.open("b") as box:
        assert box.receipts() == ["R-kim-0"] and box.on_roll("kim")


def test_codes_wait_until_they_went_out(boxes: Box) -> None:
    """Kept with their reason, looked at when due, forgotten when sent or worthless."""
    with boxes.open("a") as box:
        for word in (b"one", b"two"):
            box.queue(word, NOON + 5 * MINUTE)
    clock = FixedClock(NOON)
    assert boxes.outbox.deliver(clock, lambda each: None if bytes(each.row[0]) == b"one" else PutOff()) == 2
    clock.at = NOON + MINUTE
    assert [(bytes(each.row[0]), each.tries) for each in boxes.outbox.take(clock.at)] == [(b"two", 1)]
    with boxes.open("a") as box:
        box.drop_stale(NOON + 5 * MINUTE)
    assert boxes.outbox.take(NOON + 9 * MINUTE) == []


def test_a_code_is_taken_by_one_process(address: str, boxes: Box) -> None:
    """Two servers over one store: each code goes to one of them; a dead one's comes back after its lease."""
    with boxes.open("a") as box:
        for number in range(12):
            box.queue(bytes([number]), NOON + 5 * MINUTE)
    taken: list[int] = []

    def take(boxes: Box) -> None:
        while found := boxes.outbox.take(NOON, most=1):
            taken.extend(bytes(each.row[0])[0] for each in found)

    with a_box(address) as others:
        assert at_once([partial(take, boxes), partial(take, others)]) == [None, None]
        assert sorted(taken) == list(range(12))
        assert others.outbox.take(NOON + LEASE - timedelta(seconds=1)) == []
        assert len(others.outbox.take(NOON + LEASE, most=20)) == 12


def test_what_is_replaced_closed_or_destroyed_leaves_the_files(address: str, boxes: Box) -> None:
    """Envelopes, voters, codes with their times and counters: what must not be there is in no byte of any file."""
    kim, late = "voter" + "5" * 59, NOON + timedelta(seconds=1234.567891)
    code = Code(kim, "code" + "7" * 60, late, 5, asked="asked" + "8" * 59)
    time = [struct.pack(order, late.timestamp()) for order in (">d", "<d")]
    with boxes.open("a") as box:
        box.put(Sealed(kim, b"CANARY-OLD" * 50, "R1", "once" + "1" * 60))
        box.put_code(code)
        assert box.hit("hit" + "9" * 61, 5, timedelta(hours=1), NOON)
    secret = [code.hash.encode(), code.asked.encode(), b"hit" + b"9" * 61]
    before = raw_files(address)
    assert all(each in before for each in secret) and any(each in before for each in time)  # the control
    with boxes.open("a") as box:
        box.put(Sealed(kim, b"CANARY-NEW" * 50, "R2", "once" + "2" * 60))
        box.close(NOON)
    boxes.scrub()
    closed = raw_files(address)
    assert not any(each in closed for each in (*secret, *time, b"CANARY-OLD", b"once" + b"1" * 60))
    assert b"CANARY-NEW" in closed and kim.encode() in closed  # to be opened; so that nobody votes twice
    with boxes.open("a") as box:
        box.destroy(NOON)
    if not address.startswith("tinydb"):
        assert kim.encode() in raw_files(address)  # the control: dead rows stay until they are swept out
    boxes.scrub()
    assert not any(each in raw_files(address) for each in (b"CANARY", kim.encode(), b"once" + b"2" * 60))


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """A file where the folder should be, a damaged box, an address of no kind: Misuse with a sentence."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / BOX_FILE).write_bytes(os.urandom(5000))
    for wrong in (f"tinydb://{tmp_path}/file", f"tinydb://{tmp_path}/broken", "redis://x", "tinydb://"):
        with pytest.raises(Misuse):
            open_box(wrong)


def link_by_row_versions(database: str, cast: list[str]) -> int:
    """How many of `cast` (receipts in the order of casting) the row versions of the kept envelopes give away."""
    with psycopg.connect(database) as connection:
        table = "box_ballots" if connection.execute("SELECT 1 FROM box_ballots").fetchall() else "box_sealed"
        rows = connection.execute(f"SELECT receipt FROM {table} ORDER BY xmin::text::bigint, ctid").fetchall()
    return sum(mine == theirs[0] for mine, theirs in zip(cast, rows, strict=True))


def test_row_versions_tell_no_order_after_closing(url: str) -> None:
    """PostgreSQL: sorted by xmin and place, open rows give all 100 away (the control); closed ones no more than chance."""
    cast = [f"R{(number * 37) % 101:03}" for number in range(1, 101)]
    with a_box(url) as boxes:
        for number, receipt in enumerate(cast):
            with boxes.open("a") as box:
                box.put(Sealed(f"voter {(number * 53) % 101:03}", receipt.encode(), receipt, receipt))
        assert link_by_row_versions(url, cast) == 100
        with boxes.open("a") as box:
            box.close(NOON)
        boxes.scrub()
    assert link_by_row_versions(url, cast) <= 5
