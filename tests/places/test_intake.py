"""Taking sign-ups in, without the web: time to the millisecond, retries, promotion, what is kept and what is not."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL, FixedClock
from civic.errors import Closed, Invalid, NotEligible, NotOpen, Refused, WrongCode
from civic.library import load
from civic.places import application as module
from civic.places.application import Application
from civic.places.intake import Intake
from civic.places.status import form_of, status
from civic.store import open_store
from civic.store.entry import Entry
from civic.store.key_file import load_or_create
from tests.builders import a_lecture_file, a_phone, a_round, an_application, write_content
from tests.places.conftest import OPENS

CLOSES = datetime(2023, 9, 1, tzinfo=SEOUL)
MOMENT = timedelta(milliseconds=1)


# One place and a line of two.
ROUND = a_round(places=1, waiting=2, starts="2023-09-07T10:00:00")
LECTURES = {"essay": a_lecture_file("에세이", [ROUND], [{"name": "why", "label": "왜"}])}


def send(desk: Intake, **changes: Any) -> tuple[Entry, int | None, bool]:
    payload = an_application(answers={"why": "배우고 싶어서"}, **changes)
    return desk.apply(desk.check(*desk.form("lectures", "essay"), payload))[0]


def nothing_kept(desk: Intake) -> bool:
    return desk.store.subjects() == []


def test_one_millisecond_early_or_late(desk: Intake, clock: FixedClock) -> None:
    """Refused with the name of it, and nothing is kept."""
    clock.at = OPENS - MOMENT
    with pytest.raises(NotOpen):
        send(desk)
    assert nothing_kept(desk)
    clock.at = CLOSES - MOMENT
    kept = send(desk)[0]
    assert kept.state == "confirmed"
    for at in (CLOSES, CLOSES + MOMENT):
        clock.at = at
        with pytest.raises(Closed):
            send(desk)
    with desk.store.open("lectures/essay") as book:
        assert book.entries() == [kept]


def test_the_time_is_that_of_the_decision(desk: Intake, clock: FixedClock) -> None:
    """Checked in time but decided too late is too late; an entry carries the time of its decision."""
    applications = [checked(desk) for _ in range(2)]
    clock.at = CLOSES - MOMENT
    ((entry, _, _),) = desk.apply(applications[0])
    assert entry.received == CLOSES - MOMENT
    clock.at = CLOSES
    with pytest.raises(Closed):
        desk.apply(applications[1])
    with desk.store.open("lectures/essay") as book:
        assert book.entries() == [entry]


def test_places_line_and_refusal(desk: Intake) -> None:
    """One place, two in line, then full."""
    results = [send(desk)[:2] for _ in range(3)]
    assert [(entry.state, entry.rank, position) for entry, position in results] == [
        ("confirmed", 1, None),
        ("waiting", 2, 1),
        ("waiting", 3, 2),
    ]
    with pytest.raises(Refused, match=r"^정원 1명과 대기 2명이 모두 찼습니다\.$"):
        send(desk)


def test_cancelling_promotes_in_the_same_transaction(desk: Intake, clock: FixedClock) -> None:
    """The first in line is confirmed with the cause and the time; who did what stands in the journal."""
    holder, first = (send(desk)[0] for _ in range(2))
    clock.at = OPENS + timedelta(hours=1)
    found = desk.cancel(holder.number)
    assert (found.entry.state, found.entry.cause) == ("cancelled", "cancelled-by-citizen")
    assert not found.can_cancel
    promoted = desk.store.find(first.number)
    assert promoted
    assert (promoted.state, promoted.cause, promoted.changed) == ("confirmed", "promoted", clock.at)
    changes = desk.store.history(first.number)
    assert [(c.before, c.after, c.cause, c.who) for c in changes] == [
        ("", "waiting", "applied", "citizen"),
        ("waiting", "confirmed", "promoted", "citizen"),
    ]
    told = [parcel.row[:3:2] for parcel in desk.store.outbox.take(clock.at)]
    both = {("confirmed", holder.number), ("waiting", first.number)}  # due at one time: in any order
    assert (set(told[:2]), told[2:]) == (both, [("confirmed", first.number)])
    with pytest.raises(NotEligible):
        desk.cancel(holder.number)


def test_staff_cancel_after_the_beginning_with_a_reason(desk: Intake, clock: FixedClock) -> None:
    """A citizen is told to phone; whoever takes the call was told to phone too. The reason stays with the entry."""
    entry = send(desk)[0]
    clock.at = datetime(2023, 9, 7, 10, tzinfo=SEOUL)
    with pytest.raises(NotEligible, match="전화해 주세요"):
        desk.cancel(entry.number)
    with pytest.raises(NotEligible, match="--reason에 까닭을"):
        desk.cancel(entry.number, "staff:kim")
    gone = desk.cancel(entry.number, "staff:kim", "전화로 알려 오심").entry
    assert (gone.state, gone.cause) == ("cancelled", "cancelled-by-staff: 전화로 알려 오심")
    assert desk.store.history(entry.number)[-1].who == "staff:kim"
    with pytest.raises(NotEligible, match="이미 취소한"):
        desk.cancel(entry.number, "staff:kim", "다시")


def test_wrong_number_and_wrong_digits_do_the_same_work(
    desk: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up and one comparison either way, and one answer."""
    phone = a_phone()
    entry = send(desk, phone=phone)[0]
    compared: list[tuple[str, str]] = []
    real = desk.keys.same
    monkeypatch.setattr(desk.keys, "same", lambda a, b: compared.append((a, b)) or real(a, b))
    said = set()
    for number, last4 in ((entry.number, "nope"), ("ZZZZ-ZZZZ", phone[-4:]), ("", ""), ("ZZZZ-ZZZZ", "")):
        with pytest.raises(WrongCode) as refused:
            desk.lookup(number, last4)
        said.add(refused.value.detail)
    assert len(said) == 1
    assert len(compared) == 4
    assert desk.lookup(f" {entry.number.lower()} ", phone[-4:]).entry == entry


def test_answers_are_sealed(desk: Intake, tmp_path: Path) -> None:
    """What was typed is in no file of the data folder, and opens only with the keys."""
    entry = send(desk, name="독고탁", phone="010-4321-8765", email="ada@example.com")[0]
    files = [file for file in (tmp_path / "data").iterdir() if file.is_file()]
    assert any(entry.number.encode() in file.read_bytes() for file in files)
    for secret in ("독고탁", "43218765", "ada@example.com", "배우고 싶어서"):
        assert not [file.name for file in files if secret.encode() in file.read_bytes()]
    opened = json.loads(desk.keys.unseal(desk.store, entry.subject, entry.number, entry.sealed))
    who = {"name": "독고탁", "phone": "+821043218765", "email": "ada@example.com"}
    assert opened == {**who, "party": 1, "answers": {"why": "배우고 싶어서"}}


def test_a_resident_number_is_kept_nowhere(desk: Intake, tmp_path: Path) -> None:
    """Refused before anything else is looked at."""
    with pytest.raises(Invalid) as refused:
        send(desk, name="김하나 900101-1234567")
    assert [error.field for error in refused.value.errors] == ["name"]
    assert nothing_kept(desk)
    files = [file for file in (tmp_path / "data").iterdir() if file.is_file()]
    assert not [file.name for file in files if b"1234567" in file.read_bytes()]


def test_a_number_that_is_taken_is_made_anew(desk: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a million two numbers fall together: the citizen notices nothing."""
    numbers = iter(["AAAA-AAAA", "AAAA-AAAA", "CCCC-CCCC"])
    monkeypatch.setattr(module, "new_number", lambda: next(numbers))
    assert [send(desk)[0].number for _ in range(2)] == ["AAAA-AAAA", "CCCC-CCCC"]
    for number in ("AAAA-AAAA", "CCCC-CCCC"):
        entry = desk.store.find(number)
        assert entry and desk.keys.unseal(desk.store, entry.subject, number, entry.sealed)


def checked(desk: Intake, **changes: Any) -> Application:
    return desk.check(*desk.form("lectures", "essay"), an_application(answers={"why": "x"}, **changes))


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("+82-010-2234-5674", "+821022345674"),
        ("82-010-2234-5674", "+821022345674"),
        ("+8201022345674", "+821022345674"),
        ("+8801312345678", "+8801312345678"),
        ("+880 1312-345678", "+8801312345678"),
        ("008801312345678", "+8801312345678"),
    ],
)
def test_a_phone_that_looks_like_a_resident_number(desk: Intake, typed: str, phone: str) -> None:
    """Found with real numbers: whoever wrote the country's number was told to take a resident number out."""
    assert checked(desk, phone=typed).phone == phone


@pytest.mark.parametrize("typed", ["820102-2345674", "8201022345674", "+900101-1234567"])
def test_a_resident_number_typed_as_a_phone(desk: Intake, typed: str) -> None:
    """Only a whole number with + and its country is taken for a phone."""
    with pytest.raises(Invalid) as refused:
        checked(desk, phone=typed)
    assert "주민등록번호" in refused.value.errors[0].message


def test_a_submission_id_is_never_taken_for_a_resident_number(desk: Intake) -> None:
    """Found by a load of thousands: about one random UUID in 4,000 holds such digits, and its citizen was refused."""
    entry, _, created = send(desk, submission_id="2d35f3a1-8214-4668-b990-040195955381")
    assert created and entry.submission == "2d35f3a1-8214-4668-b990-040195955381"
    for id in ("a2a93111-8214-4668-b990-04019595a91e", "e807cc2d-82b8-45b8-a860-7316414387b7"):
        send(desk, phone=a_phone(), submission_id=id)
    with pytest.raises(Invalid):
        checked(desk, submission_id="900101-1234567")


def an_open_desk(folder: Path, at: datetime, remembers: bool = True, **form: str) -> Intake:
    """An intake as a server that starts at that time has it, over a lecture without questions."""
    content = write_content(folder / "content", {"essay": a_lecture_file("에세이", **form)})
    keys = load_or_create(folder / "keys.json")
    store = open_store(f"tinydb://{folder}/data")
    return Intake(load(content, OPENS), store, keys, FixedClock(at), remembers=remembers)


def state(desk: Intake) -> str:
    forms = [form_of(doc, doc.spec) for doc in desk.library.subjects() if doc.spec]
    return str(status(desk, forms)["forms"]["lectures/essay"]["state"])


def test_a_clock_that_jumps_back_opens_nothing(tmp_path: Path) -> None:
    """Closed at its time and told so; the machine restarts with a wrong clock: still closed. A later end: open."""
    first = an_open_desk(tmp_path, CLOSES)
    assert state(first) == "closed"
    first.store.close()

    second = an_open_desk(tmp_path, OPENS + timedelta(hours=1))
    assert state(second) == "closed"
    with pytest.raises(Closed):
        second.check(*second.form("lectures", "essay"), an_application())
    second.store.close()

    third = an_open_desk(tmp_path, OPENS + timedelta(hours=1), closes="2023-09-08T00:00:00")
    assert state(third) == "open"
    application = third.check(*third.form("lectures", "essay"), an_application())
    assert third.apply(application)[0][0].state == "confirmed"
    third.store.close()


def test_a_demonstration_may_begin_again(tmp_path: Path) -> None:
    """The control: with a clock set by hand nothing is remembered."""
    demonstration = an_open_desk(tmp_path, CLOSES, remembers=False)
    assert state(demonstration) == "closed"
    demonstration.clock = FixedClock(OPENS)
    assert state(demonstration) == "open"
    demonstration.store.close()
