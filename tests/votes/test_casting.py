"""Casting: codes, ballots, receipts, the board. Fakes instead of a network; the box is a real file."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from civic.clock import FixedClock
from civic.codes import from_text, new_code, to_text
from civic.contacts.budget import Budget
from civic.contacts.proof import Asked
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.errors import (
    Closed,
    Invalid,
    LateCode,
    NotEligible,
    NotFound,
    NotOpen,
    OutOfTexts,
    Refused,
    TooMany,
    UsedCode,
    WrongCode,
)
from civic.store import open_box
from civic.store.box import Code
from civic.store.folder import BOX_FILE
from civic.store.outbox import Letter
from civic.votes.box_key import signed_words
from civic.votes.casting import Polling
from civic.votes.contact import Post
from civic.votes.envelope import BadEnvelope, Slot, receipt_of, seal
from civic.votes.opening import open_all
from civic.votes.partial import PartialFile
from tests.ballot_samples import (
    CLOSES,
    DURING,
    OPENS,
    a_poll,
    a_proposal,
    rehearsed,
    some_keys,
    some_proposals,
)

KIM, LEE = "010-1234-5678", "010-8765-4321"
KEYS = some_keys()
PROPOSALS = some_proposals()


class Shelf:
    """A library of polls and proposals."""

    def __init__(self, *polls: Poll) -> None:
        self.polls = {poll.slug: poll for poll in polls}
        self.proposals = [
            each.model_copy(update={"vote": poll.slug}) for poll in polls for each in PROPOSALS.values()
        ]

    def get(self, folder: str, slug: str) -> Document | None:
        return self.polls.get(slug) if folder == "votes" else None

    def of(self, noun: str) -> tuple[Document, ...]:
        return tuple(self.proposals)


class SecretBook:
    """The same secrets for the same purpose."""

    def derived(self, purpose: str) -> bytes:
        return (purpose * 32).encode()[:32]


class Mailbox:
    """A sender that keeps what was sent; `broken` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.broken: Exception | None = None

    def send(self, contact: str, letter: Letter) -> None:
        if self.broken:
            raise self.broken
        self.sent.append((contact, letter.key, letter.text))

    def code(self) -> str:
        found = re.search(r"\d{6}", self.sent[-1][2])
        assert found
        return found[0]


class Town:
    """A poll in a running town: everything a test of casting needs."""

    def __init__(self, folder: Path, *polls: Poll, **options: Any) -> None:
        self.folder = folder
        self.clock = FixedClock(DURING)
        self.shelf = Shelf(*(polls or (a_ready_poll(),)))
        self.box = open_box(f"tinydb://{folder}")
        self.polling = Polling(self.shelf, self.box, SecretBook(), self.clock, demo=True, **options)
        self.mail = Mailbox()

    def code(self, contact: str = KIM, slug: str = "budget") -> str:
        self.ask(slug, contact)
        self.polling.codes.deliver(self.mail)
        return self.mail.code()

    def ask(self, slug: str, contact: str, address: str = "") -> Asked:
        """Ask for a code, as the page does."""
        return self.polling.codes.send(self.polling.opened(slug).poll, contact, address)

    def cast(self, *choices: str, contact: str = KIM, slug: str = "budget") -> Any:
        return self.polling.cast(slug, Post(contact, self.code(contact, slug), choices=choices))

    @property
    def slot(self) -> Slot:
        return self.polling.setup("budget").slot

    def opened(self) -> dict[str, tuple[str, ...]]:
        standing = self.polling.setup("budget")
        with self.box.open("budget") as box:
            receipts, envelopes = box.receipts(), [envelope for _, envelope in box.cast()]
        parts = [PartialFile.of(key, "0" * 64, envelopes) for key in KEYS[1:]]
        found = open_all(
            envelopes, receipts, standing.slot, "0" * 64, parts, standing.poll, standing.proposals
        )
        assert not found.void
        return {ballot.tracker: ballot.choices for ballot in found.ballots}


def a_ready_poll(slug: str = "budget", **changes: Any) -> Poll:
    mine = {s: p.model_copy(update={"vote": slug}) for s, p in PROPOSALS.items()}
    return rehearsed(a_poll(KEYS, slug=slug, **changes), mine)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.box.close()


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 1_000_000:06}"


def test_both_ways_of_casting_come_out_of_the_box(town: Town) -> None:
    """Sealed by the browser or by the server: both open, each under the tracker that its voter knows."""
    tracker = new_code()
    sealed = to_text(seal(["lamp", "bus"], town.slot, tracker))
    one = town.polling.cast("budget", Post(KIM, town.code(), envelope=sealed))
    two = town.cast("bench", contact=LEE)
    assert one.tracker == "" and one.receipt == receipt_of(from_text(sealed))
    assert town.opened() == {tracker: ("bus", "lamp"), two.tracker: ("bench",)}


def test_the_last_ballot_counts(town: Town) -> None:
    """Voting again replaces; however the contact is spelled, it is one voter."""
    town.cast("lamp")
    town.clock.at += timedelta(minutes=1)
    last = town.cast("bus", contact="+82 10 1234 5678")
    assert town.opened() == {last.tracker: ("bus",)}


def test_two_posts_at_once_make_one_ballot(town: Town) -> None:
    """Eight threads, eight envelopes, one code: one is in the box and all others are told that the code is used."""
    code = town.code()
    # Fewer threads than tries would hide a race between them: four fit into five tries.
    envelopes = [to_text(seal(["lamp"], town.slot)) for _ in range(4)]

    def post(envelope: str) -> str:
        try:
            return str(town.polling.cast("budget", Post(KIM, code, envelope=envelope)).receipt)
        except Refused as refusal:
            return type(refusal).__name__

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, envelopes))
    assert sorted(answers).count("UsedCode") == 3
    with town.box.open("budget") as box:
        assert box.receipts() == [answer for answer in answers if answer != "UsedCode"]


def test_five_wrong_codes_end_a_code(town: Town) -> None:
    """After four the right one is right; after five even that is wrong, and a new code works."""

    def guessed(times: int) -> str:
        code = town.code()
        for by in range(1, times + 1):
            with pytest.raises(WrongCode):
                town.polling.cast("budget", Post(KIM, wrong(code, by), choices=["lamp"]))
        return code

    assert town.polling.cast("budget", Post(KIM, guessed(4), choices=["lamp"])).receipt
    code = guessed(5)
    with pytest.raises(WrongCode) as late:
        town.polling.cast("budget", Post(KIM, code, choices=["lamp"]))
    assert type(late.value) is WrongCode
    assert town.cast("lamp").receipt


def test_a_code_lives_five_minutes(town: Town) -> None:
    """The last moment before is in time; at five minutes it is late and says so, to who knows it only."""
    code = town.code()
    town.clock.at += timedelta(minutes=4, seconds=59)
    assert town.polling.cast("budget", Post(KIM, code, choices=["lamp"])).receipt
    code = town.code()
    town.clock.at += timedelta(minutes=5)
    with pytest.raises(LateCode):
        town.polling.cast("budget", Post(KIM, code, choices=["bus"]))
    with pytest.raises(WrongCode) as guess:
        town.polling.cast("budget", Post(KIM, wrong(code), choices=["bus"]))
    assert type(guess.value) is WrongCode
    assert list(town.opened().values()) == [("lamp",)]


def test_a_new_code_replaces_the_old(town: Town) -> None:
    """Only the last one sent opens the door."""
    old = town.code()
    new = town.code()
    if old != new:
        with pytest.raises(WrongCode):
            town.polling.cast("budget", Post(KIM, old, choices=["lamp"]))
    assert town.polling.cast("budget", Post(KIM, new, choices=["lamp"])).receipt


def test_a_code_belongs_to_poll_and_contact(tmp_path: Path) -> None:
    """Another contact's code and another poll's code are wrong codes; without any code too."""
    town = Town(tmp_path, a_ready_poll(), a_ready_poll("second"))
    code = town.code()
    for slug, contact in (("budget", LEE), ("second", KIM)):
        with pytest.raises(WrongCode):
            town.polling.cast(slug, Post(contact, code, choices=["lamp"]))
        town.code(contact, slug)
        if town.mail.code() != code:
            with pytest.raises(WrongCode):
                town.polling.cast(slug, Post(contact, code, choices=["lamp"]))
    assert town.polling.cast("budget", Post(KIM, code, choices=["lamp"])).receipt
    town.box.close()


def asks(town: Town, contact: str, address: str = "") -> str:
    """How asking for a code ends: "" or the name of the refusal; "low" where it is the one to be told to staff."""
    try:
        return "low" if town.ask("budget", contact, address).is_low else ""
    except (TooMany, OutOfTexts) as refusal:
        assert 0 < refusal.retry_after <= 24 * 3600
        return refusal.name


def test_messages_are_rationed_per_contact(town: Town) -> None:
    """Five an hour and twelve a day, eight of them from one block of addresses; another block and day start anew."""
    hours = [[asks(town, KIM, "2001:db8:1:2::1") for _ in range(6)] for _ in range(3) if _later(town)]
    assert [hour.count("") for hour in hours] == [5, 3, 0]
    assert [asks(town, KIM, "2001:db8:2::1") for _ in range(5)] == [""] * 4 + ["too-many"]
    assert asks(town, "010-1111-2222", "2001:db8:1:2::1") == ""  # the control: others are not held back
    town.clock.at += timedelta(days=1)
    assert asks(town, KIM, "2001:db8:1:2::1") == ""


def _later(town: Town) -> bool:
    town.clock.at += timedelta(hours=1)
    return True


def test_messages_are_rationed_in_all_and_the_heaviest_wait_first(tmp_path: Path) -> None:
    """One script with new numbers from one block gets a third; neighbours go on to the last message; staff are told from the last fifth on."""
    phones = (f"010-2000-{number:04}" for number in range(1000))
    town = Town(tmp_path, budget=Budget(place_hour=60, day=100))
    script = [asks(town, next(phones), f"2001:db8:5:{n}::1") for n in range(40)]
    assert script == [""] * 20 + ["too-many"] * 20
    others = [asks(town, next(phones), f"192.0.{n}.1") for n in range(42)]
    assert (others.count(""), others.count("low"), others[-2:]) == (27, 13, ["out-of-texts"] * 2)
    _later(town)
    assert [asks(town, next(phones), f"192.0.{n}.1") for n in range(41)].count(
        "out-of-texts"
    ) == 1  # of the day
    town.box.close()
    free = Town(tmp_path / "free", budget=None)  # the control: without a budget nothing ends
    assert {asks(free, KIM, "192.0.2.1") for _ in range(120)} == {""}
    free.box.close()


def test_codes_go_only_to_countries_that_are_named(tmp_path: Path) -> None:
    """A premium number abroad gets none, unless staff name its country."""
    for name, budget, is_sent in (("a", Budget(), False), ("b", Budget(countries=("82", "1")), True)):
        town = Town(tmp_path / name, budget=budget)
        if is_sent:
            assert town.ask("budget", "+1 201 555 0123").request
        else:
            with pytest.raises(Invalid, match="고칠 곳"):
                town.ask("budget", "+1 201 555 0123")
        town.box.close()


def test_refusals_cost_next_to_nothing(town: Town) -> None:
    """Wrong codes and askings too many, a hundred of each: with a slow hash in the way they took five seconds."""
    began = time.process_time()
    for _ in range(100):
        asks(town, KIM)
        with pytest.raises(WrongCode):
            town.polling.cast("budget", Post(KIM, "123456", choices=["lamp"]))
    assert time.process_time() - began < 1


def test_mistakes_in_a_ballot_cost_no_try(town: Town) -> None:
    """Who picked too many may correct that a hundred times with one code; all that is wrong is said at once."""
    code = town.code()
    for _ in range(10):
        with pytest.raises(Invalid):
            town.polling.cast("budget", Post(KIM, code, choices=["bench", "lamp", "ramp"]))
    with pytest.raises(Invalid) as all_at_once:
        town.polling.cast("budget", Post("010", "12345", choices=["nothing"]))
    assert [error.field for error in all_at_once.value.errors] == ["contact", "code", "choices"]
    assert town.polling.cast("budget", Post(KIM, f" {code[:3]} {code[3:]} ", choices=["lamp"])).receipt


def test_time_is_kept(town: Town) -> None:
    """Before opening and at the moment of closing nothing is taken, whatever code is at hand."""
    code = town.code()
    town.clock.at = OPENS - timedelta(seconds=1)
    with pytest.raises(NotOpen):
        town.ask("budget", KIM)
    town.clock.at = CLOSES - timedelta(seconds=1)
    code = town.code()
    town.clock.at = CLOSES
    with pytest.raises(Closed) as closed:
        town.polling.cast("budget", Post(KIM, code, choices=["lamp"]))
    assert closed.value.detail == "투표는 8월 25일(금) 24:00에 끝났습니다."
    with pytest.raises(Closed):
        town.ask("budget", KIM)
    assert town.opened() == {}


def test_closing_between_code_and_box_is_seen(town: Town) -> None:
    """The clock strikes while the code is being checked: the ballot stays out."""
    code, original = town.code(), town.polling.codes.prove

    def slow_prove(*given: Any) -> Code:
        proven = original(*given)
        town.clock.at = CLOSES
        return proven

    town.polling.codes.prove = slow_prove  # type: ignore[method-assign]
    with pytest.raises(Closed):
        town.polling.cast("budget", Post(KIM, code, choices=["lamp"]))
    assert town.opened() == {}


def test_a_closed_box_takes_nothing_whatever_the_clock_says(town: Town) -> None:
    """Staff closed the box: a server whose clock is behind cannot add to it."""
    code = town.code()
    with town.box.open("budget") as box:
        box.close(DURING)
    with pytest.raises(Refused):
        town.polling.cast("budget", Post(KIM, code, choices=["lamp"]))


@pytest.mark.parametrize(
    "poll",
    [
        a_poll(),
        a_poll(KEYS),
        a_ready_poll().model_copy(update={"max_picks": 2}),
        a_ready_poll().model_copy(update={"keys": a_poll(some_keys(4)[1:]).keys}),
        a_ready_poll(receipt_key=KEYS[0].public.signing),
    ],
    ids=["no keys", "no rehearsal", "rules changed since", "keys changed since", "another server's receipts"],
)
def test_no_vote_before_a_rehearsal_under_these_rules(tmp_path: Path, poll: Poll) -> None:
    """The box is not ready: nobody gets a code, and the state says that it is still to come."""
    town = Town(tmp_path, poll)
    assert town.polling.state(town.polling.setup("budget")) == "upcoming"
    with pytest.raises(NotOpen) as refused:
        town.ask("budget", KIM)
    assert "준비" in refused.value.detail
    town.box.close()


def test_a_roll_decides_who_gets_a_code(tmp_path: Path) -> None:
    """Assurance 2: a stranger gets the same answer and no message, and cannot cast."""
    town = Town(tmp_path, a_ready_poll(assurance=2))
    assert town.polling.enrol("budget", [KIM, "010 1234 5678"]) == 1
    town.ask("budget", LEE)
    assert town.polling.codes.deliver(town.mail) == 0
    assert town.cast("lamp").receipt
    # A person whose line has two contacts is one voter: the second contact is told so, and nothing is stored.
    assert town.polling.enrol("budget", [f"{KIM}, kim@example.org"]) == 0
    code = town.code("kim@example.org")
    with pytest.raises(NotEligible, match="함께 적힌 다른 연락처"):
        town.polling.cast("budget", Post("kim@example.org", code, choices=["bus"]))
    with town.box.open("budget") as box:
        assert len(box.receipts()) == box.rolled() == 1
    with pytest.raises(NotEligible):
        town.polling.mark_paper("budget", LEE)
    town.box.close()


def test_the_board_is_shown_after_closing_only(town: Town) -> None:
    """No count before; afterwards all receipts, sorted, whoever came first; the same after staff closed the box."""
    receipts = [town.cast("lamp", contact=f"010-3000-000{n}").receipt for n in range(8)]
    with pytest.raises(NotOpen):
        town.polling.board("budget")
    town.clock.at = CLOSES
    board = town.polling.board("budget")
    assert board == (sorted(receipts), 0)
    with town.box.open("budget") as box:
        box.close(CLOSES)
    assert town.polling.board("budget") == board


def test_a_message_survives_a_crash(town: Town) -> None:
    """Queued, not sent, server gone: the next one sends it once."""
    town.ask("budget", KIM)
    town.box.close()
    again = Town(town.folder)
    assert again.polling.codes.deliver(again.mail) == 1
    assert again.mail.sent[0][0] == "+821012345678" and "직원은" in again.mail.sent[0][2]
    assert again.polling.codes.deliver(again.mail) == 0
    assert again.polling.cast("budget", Post(KIM, again.mail.code(), choices=["lamp"])).receipt
    again.box.close()


def test_a_gateway_that_is_down_is_tried_again(town: Town) -> None:
    """After two seconds, then four; a contact that can never be reached is given up at once."""
    town.ask("budget", KIM)
    town.mail.broken = ConnectionError("down")
    for seconds in (0, 2, 4):
        town.clock.at += timedelta(seconds=seconds)
        assert [town.polling.codes.deliver(town.mail) for _ in "12"] == [1, 0]
    town.mail.broken = None
    town.clock.at += timedelta(seconds=8)
    assert [town.polling.codes.deliver(town.mail) for _ in "12"] == [1, 0] and len(town.mail.sent) == 1
    town.ask("budget", LEE)
    town.mail.broken = ValueError("no such number")
    town.polling.codes.deliver(town.mail)
    town.mail.broken = None
    town.clock.at += timedelta(seconds=60)
    assert town.polling.codes.deliver(town.mail) == 0


def test_a_late_message_is_not_sent(town: Town) -> None:
    """A code that no longer opens anything need not be sent."""
    town.ask("budget", KIM)
    town.clock.at += timedelta(minutes=5)
    assert [town.polling.codes.deliver(town.mail) for _ in "12"] == [1, 0] and not town.mail.sent


def what_tells(town: Town) -> set[str]:
    """What of a ballot and of a code that waits to be sent stands in any file of a new town, in any spelling."""
    town.shelf.proposals.append(a_proposal("canary-choice-in-a-mine"))
    ready = rehearsed(town.shelf.polls["budget"], {p.slug: p for p in town.shelf.proposals})  # type: ignore[misc]
    town.shelf.polls["budget"] = ready
    tracker = new_code()
    sealed = to_text(seal(["canary-choice-in-a-mine"], town.slot, tracker))
    code = town.code()
    town.ask("budget", LEE)  # still in the outbox
    town.polling.cast("budget", Post(KIM, code, envelope=sealed))
    kept = b"".join(file.read_bytes() for file in town.folder.rglob("*") if file.is_file())
    assert from_text(sealed)[:200] in kept  # the control: the envelope itself is there
    secrets = {"choice": "canary", "tracker": tracker, "letters": tracker.replace("-", ""), "code": code}
    secrets |= {"phone": "1012345678", "last digits": "5678", "other phone": "87654321"}
    return {name for name, secret in secrets.items() if secret.encode() in kept}


def test_nothing_in_the_folder_tells_who_chose_what(tmp_path: Path) -> None:
    """Choice, tracker, contact, code: none of them stands in any file. A few digits can stand in a keyed hash by chance,
    but not in each of four towns."""
    towns = [Town(tmp_path / str(number)) for number in range(4)]
    found = [what_tells(town) for town in towns]
    for town in towns:
        town.box.close()
    assert not set.intersection(*found)


def test_rows_are_ordered_by_hash_alone(town: Town) -> None:
    """Two towns, the same voters in opposite order, the same envelopes: the same file but for the free pages."""
    import sqlite3

    envelopes = {n: to_text(seal(["lamp"], town.slot)) for n in range(6)}
    dumps = []
    for order in (range(6), reversed(range(6))):
        folder = town.folder / str(len(dumps))
        other = Town(folder)
        for n in order:
            contact = f"010-3000-000{n}"
            other.polling.cast("budget", Post(contact, other.code(contact), envelope=envelopes[n]))
        other.box.close()
        with sqlite3.connect(folder / BOX_FILE) as file:
            dumps.append(file.execute("SELECT * FROM box_ballots").fetchall())
        file.close()
    assert dumps[0] == dumps[1] and len(dumps[0]) == 6


def test_a_receipt_carries_a_signature_that_holds(town: Town) -> None:
    """Over poll, rules and receipt; another receipt does not pass."""
    receipt = town.cast("lamp")
    key = Ed25519PublicKey.from_public_bytes(from_text(town.polling.receipt_key))
    key.verify(
        from_text(receipt.signature), signed_words("receipt", "budget", town.slot.rules, receipt.receipt)
    )
    with pytest.raises(InvalidSignature):
        key.verify(
            from_text(receipt.signature), signed_words("receipt", "budget", town.slot.rules, new_code())
        )


def test_the_same_envelope_again_gives_the_same_receipt(town: Town) -> None:
    """A lost answer may be asked for again with the same code; another envelope needs a new code."""
    sealed, code = to_text(seal(["lamp"], town.slot)), town.code()
    first = town.polling.cast("budget", Post(KIM, code, envelope=sealed))
    assert town.polling.cast("budget", Post(KIM, code, envelope=sealed)) == first
    with pytest.raises(UsedCode):
        town.polling.cast("budget", Post(KIM, code, envelope=to_text(seal(["bus"], town.slot))))
    assert list(town.opened().values()) == [("lamp",)]


def test_the_fifth_try_may_be_right(town: Town) -> None:
    """Four wrong ones leave one."""
    code = town.code()
    for by in range(1, 5):
        with pytest.raises(WrongCode):
            town.polling.cast("budget", Post(KIM, wrong(code, by), choices=["lamp"]))
    assert town.polling.cast("budget", Post(KIM, code, choices=["lamp"])).receipt


def test_envelopes_for_elsewhere_are_refused(town: Town) -> None:
    """Another poll's, other rules', too long, cut or copied: named, and nothing is kept."""
    here = town.slot
    good = to_text(seal(["lamp"], here))
    cases = {
        "other-poll": to_text(seal(["lamp"], Slot("second", here.rules, here.keys, here.room))),
        "other-rules": to_text(seal(["lamp"], Slot("budget", "0" * 64, here.keys, here.room))),
        "size": to_text(seal(["lamp"], Slot("budget", here.rules, here.keys, here.room + 512))),
        "format": "x",
    }
    code = town.code()
    for fault, envelope in cases.items():
        with pytest.raises(BadEnvelope) as refused:
            town.polling.cast("budget", Post(KIM, code, envelope=envelope))
        assert refused.value.fault == fault
    town.polling.cast("budget", Post(KIM, code, envelope=good))
    with pytest.raises(BadEnvelope) as copied:
        town.polling.cast("budget", Post(LEE, town.code(LEE), envelope=good))
    assert copied.value.fault == "copied"
    assert list(town.opened().values()) == [("lamp",)]


def test_one_of_envelope_and_choices_is_needed(town: Town) -> None:
    """Neither or both is a mistake; so is a poll that does not exist."""
    code = town.code()
    for given in ({}, {"envelope": "x", "choices": ["lamp"]}):
        with pytest.raises(Invalid):
            town.polling.cast("budget", Post(KIM, code, **given))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        town.ask("nothing", KIM)


def test_paper_and_online_are_never_both(town: Town) -> None:
    """Whoever took a paper ballot cannot cast online, and the other way round."""
    town.polling.mark_paper("budget", KIM)
    with pytest.raises(NotEligible):
        town.cast("lamp")
    town.cast("lamp", contact=LEE)
    with pytest.raises(NotEligible):
        town.polling.mark_paper("budget", LEE)
    town.clock.at = CLOSES
    receipts, papers = town.polling.board("budget")
    assert (papers, len(receipts)) == (1, 1)
