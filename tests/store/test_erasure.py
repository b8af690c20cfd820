"""What is erased is found in no byte of any file of the store; what is not stays, and counts as before."""

import base64
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from civic.errors import Unavailable
from civic.places import retention
from civic.store import open_store, postgresql_server
from civic.store.doctor import examine
from civic.store.entry import Cap, Entry
from civic.store.postgresql_server import Limits, migrate
from civic.store.seal import Erased, Keys
from civic.store.store import Store
from tests.postgres import ask, shared
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, move, raw_files

TOUR = "programs/tour"
CAP = Cap("limit:year", 1, 9)


def signed_up(store: Store, keys: Keys, subject: str, people: int = 60) -> list[Entry]:
    """Sealed entries, each changed once: pages split and rows have earlier selves."""
    kept = []
    for i in range(people):
        leads = {name: f"{name}-{subject[:4]}-{i:052}" for name in ("person", "pin", "contact")}
        plain = an_entry(subject=subject, **leads)
        sealed = keys.seal(store, subject, plain.number, b"answers" * 20)
        kept.append(add(store, plain.but(sealed=sealed), EVERYBODY, (CAP,)))
    return [move(store, entry, "attended", "a longer cause than before: " + "x" * 40) for entry in kept]


def answers(*entries: Entry) -> list[bytes]:
    """How the answers of entries stand in a file."""
    return [base64.b64encode(entry.sealed)[:60] for entry in entries]


def found(what: list[bytes], address: str) -> int:
    raw = raw_files(address)
    return sum(each in raw for each in what)


def test_purged_answers_and_their_key_leave_the_files(address: str, store: Store, keys: Keys) -> None:
    """Of 60 people nothing sealed and no wrapped key is left; those of another subject are all there."""
    gone, there = signed_up(store, keys, SUBJECT), signed_up(store, keys, TOUR)
    wrapped = store.wrapped_keys()
    secret = [*answers(*gone), wrapped[SUBJECT]]
    assert found([*secret, *answers(*there), wrapped[TOUR]], address) == 122
    keys.erase(store, SUBJECT, NOON)
    assert found(secret, address) > 0  # the control: erased, and still in logs and dead rows
    if address.startswith("tinydb"):  # the key itself is overwritten at once
        assert found([wrapped[SUBJECT]], address) == 0
    assert store.scrub() and not store.scrub()
    assert found(secret, address) == 0
    assert found([*answers(*there), wrapped[TOUR]], address) == 61
    assert keys.unseal(store, TOUR, there[0].number, there[0].sealed) == b"answers" * 20


def test_one_persons_answers_are_erased_and_nobody_elses(
    address: str, store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Row overwritten, a line in the journal with the reason, the place kept; all others open as before."""
    one, *others = signed_up(store, keys, SUBJECT)
    with store.open(SUBJECT, "staff:kim") as book:
        retention.erase_one(book, one, "본인 요청", NOON + timedelta(hours=1))
    assert store.scrub()
    assert found(answers(one), address) == 0 and found(answers(*others), address) == 59
    kept = store.find(one.number)
    assert kept and (kept.state, kept.cause, kept.sealed) == (one.state, one.cause, b"")
    assert store.history(one.number)[-1].cause == "answers-erased: 본인 요청"
    with pytest.raises(Erased):
        keys.unseal(store, SUBJECT, one.number, kept.sealed)
    assert keys.unseal(store, SUBJECT, others[0].number, others[0].sealed)
    assert examine(address, tmp_path / "keys/keys.json").wrong == []


def test_a_year_later_nothing_leads_to_the_people(
    address: str, store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Keyed hashes of person and number, submissions and written causes go; counts and caps stay in agreement."""
    entries = signed_up(store, keys, SUBJECT)
    keys.erase(store, SUBJECT, NOON)
    counts = store.counts(SUBJECT)
    leads = [
        each.encode()
        for entry in entries
        for each in (entry.person, entry.pin, entry.submission, entry.contact)
    ] + [b"x" * 40]
    store.scrub()
    retention.forget(store, NOON + retention.PEOPLE_KEPT - timedelta(seconds=1))
    assert found(leads, address) == 241 and not store.scrub()
    retention.forget(store, NOON + retention.PEOPLE_KEPT)
    assert store.scrub() and found(leads, address) == 0
    assert store.counts(SUBJECT) == counts
    with store.open(SUBJECT) as book:
        kept = book.entries()
        assert len(kept) == 60 and {book.used(entry.person, CAP.key) for entry in kept} == {1}
    assert examine(address, tmp_path / "keys/keys.json").wrong == []


@pytest.mark.parametrize("is_mended", [True, False], ids=["ours", "control"])
def test_statistics_keep_no_samples_of_people(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, is_mended: bool
) -> None:
    """PostgreSQL looks at the rows whenever it likes; what it then keeps for its planner is no row of anybody."""
    if not is_mended:
        monkeypatch.setattr(postgresql_server, "UNSAMPLED", "SELECT 1")
    url = shared().database()
    migrate(url)
    with closing(open_store(url)) as store:
        signed_up(store, keys, SUBJECT)
    ask(url, "ANALYZE")
    ((samples,),) = ask(url, "SELECT count(*) FROM pg_stats WHERE schemaname = current_schema()")
    assert (samples == 0) == is_mended


def test_dead_rows_that_somebody_still_sees_are_said(url: str, keys: Keys) -> None:
    """PostgreSQL keeps them while an older transaction reads: not swept, and said; afterwards it is."""
    with closing(open_store(url, Limits(lock=1))) as store:
        gone = signed_up(store, keys, SUBJECT, 3)
        with psycopg.connect(url) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1 FROM entries").fetchall()
            keys.erase(store, SUBJECT, NOON)
            with pytest.raises(Unavailable):
                store.scrub()
        assert found(answers(*gone), url) > 0
        assert store.scrub() and found(answers(*gone), url) == 0
