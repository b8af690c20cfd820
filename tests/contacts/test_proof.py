"""Codes and tickets of contacts: how long they last, what is kept of them. The clock is ours; the box is a real file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from civic.clock import SEOUL, FixedClock
from civic.contacts.budget import USUAL
from civic.contacts.proof import Contacts, contact_key
from civic.errors import LateCode, TooMany, UsedCode, WrongCode
from civic.store import open_box

NOON = datetime(2023, 8, 16, 12, tzinfo=SEOUL)
KIM, LEE = "010-1234-5678", "+82 10 8765 4321"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Secrets:
    def derived(self, purpose: str) -> bytes:
        return (purpose * 32).encode()[:32]


@contextmanager
def contacts_in(folder: Path) -> Iterator[Contacts]:
    box = open_box(f"tinydb://{folder}")
    yield Contacts(Secrets(), box, FixedClock(NOON), USUAL)
    box.close()


@pytest.fixture
def contacts(tmp_path: Path) -> Iterator[Contacts]:
    with contacts_in(tmp_path) as made:
        yield made


def ticket(contacts: Contacts, contact: str, is_own: bool = False) -> str:
    asked = contacts.ask(contact, "누리집", "contacts")
    return contacts.give_ticket(contact, asked.code, asked.request, is_own)


def test_a_ticket_ends(contacts: Contacts) -> None:
    """After two hours, or thirty days on one's own device; it is fresh for half an hour; forgotten it is gone at once."""
    clock = contacts.clock
    assert isinstance(clock, FixedClock)
    usual, own, gone = ticket(contacts, KIM), ticket(contacts, KIM, is_own=True), ticket(contacts, LEE)
    contacts.forget_ticket(gone)
    assert contacts.ticket(gone) is None and contacts.ticket("") is None and contacts.ticket("x") is None
    for passed, lasting, is_fresh in (
        (30 * MINUTE - MINUTE, (usual, own), True),
        (30 * MINUTE, (usual, own), False),
        (2 * HOUR - MINUTE, (usual, own), False),
        (2 * HOUR, (own,), False),
        (30 * DAY - MINUTE, (own,), False),
        (30 * DAY, (), False),
    ):
        clock.at = NOON + passed
        found = {secret: contacts.ticket(secret) for secret in (usual, own)}
        assert [secret for secret, held in found.items() if held] == list(lasting), passed
        assert all((clock.at < held.fresh) == is_fresh for held in found.values() if held)
        assert {held.contact for held in found.values() if held} <= {contact_key(Secrets(), "+821012345678")}


def test_a_code_serves_one_purpose(contacts: Contacts) -> None:
    """Again for the same, for no other, for no other contact, not after five minutes, not after five wrong ones."""
    asked = contacts.ask(KIM, "누리집", "contacts")
    for _ in range(2):
        assert contacts.prove_by_code(KIM, asked.code, asked.request, "one") == contacts.key("+821012345678")
    with pytest.raises(UsedCode):
        contacts.prove_by_code(KIM, asked.code, asked.request, "two")
    with pytest.raises(WrongCode):
        contacts.prove_by_code(LEE, asked.code, asked.request, "one")
    other = contacts.ask(KIM, "누리집", "contacts")
    for by in range(1, 6):
        with pytest.raises(WrongCode):
            contacts.prove_by_code(KIM, f"{(int(other.code) + by) % 10**6:06}", other.request, "one")
    with pytest.raises(WrongCode):
        contacts.prove_by_code(KIM, other.code, other.request, "one")
    late = contacts.ask(LEE, "누리집", "contacts")
    contacts.clock.at += 5 * MINUTE  # type: ignore[attr-defined]  # a FixedClock
    with pytest.raises(LateCode):
        contacts.prove_by_code(LEE, late.code, late.request, "one")


def test_nothing_in_the_file_names_anybody(tmp_path: Path) -> None:
    """No contact, request or ticket in any spelling; nor one thing for which a ticket was used. Four digits can stand in a
    random part by chance, but not in each of four files."""
    found = []
    for folder in (tmp_path / str(number) for number in range(4)):
        with contacts_in(folder) as contacts:
            asked = contacts.ask(KIM, "누리집", "lectures/essay")
            secret = contacts.give_ticket(KIM, asked.code, asked.request)
            assert contacts.ticket(secret)
            kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
            assert contacts.key("+821012345678").encode() in kept  # the control: the keyed hash is there
        secrets = {"phone": "1012345678", "last digits": "5678", "request": asked.request}
        secrets |= {"ticket": secret, "use": "essay"}
        found.append({name for name, each in secrets.items() if each.encode() in kept})
    assert not set.intersection(*found)


def test_one_contact_asks_a_few_times(contacts: Contacts) -> None:
    for _ in range(5):
        contacts.ask(KIM, "누리집", "contacts")
    with pytest.raises(TooMany):
        contacts.ask(KIM, "누리집", "contacts")
