"""What every store promises: places, persons, caps, the line, retries, the journal, keys. Runs on all back ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from civic.errors import AlreadyApplied, Full, Invalid, LimitReached, NotFound
from civic.store import open_store
from civic.store.book import NumberTaken, Store
from civic.store.contents import counted
from civic.store.entry import STATES, Cap, Counts, Seat
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, move

TWO_AND_ONE = (Seat("confirmed", 2), Seat("waiting", 1))


# ------------------------------------------------------------ places


def test_empty_store_answers_with_nothing(store: Store) -> None:
    """No entry yet: zero counts, empty lists, None."""
    assert store.subjects() == []
    assert store.counts(SUBJECT) == {}
    assert store.find("7K3F-9QXM") is None
    assert store.history("7K3F-9QXM") == []
    assert store.trouble == ""
    with store.open(SUBJECT) as book:
        assert book.subject == SUBJECT
        assert book.counts("r1") == Counts()
        assert book.get("7K3F-9QXM") is None
        assert book.line("r1") == book.entries() == book.entries("r1") == []
        assert book.used("kim", "limit:a") == 0


def test_kept_entry_comes_back_whole(store: Store) -> None:
    """Every field of an entry survives, and the store adds only state and rank."""
    offered = an_entry(size=2, hours=40, deadline=NOON + timedelta(hours=3))
    kept = add(store, offered)
    assert kept == replace(offered, state="confirmed", rank=1)
    assert store.find(kept.number) == kept
    with store.open(SUBJECT) as book:
        assert book.get(kept.number) == kept
        assert book.entries() == [kept]
    found = store.find(kept.number)
    assert found and str(found.received.tzinfo) == "Asia/Seoul"


def test_seats_fill_in_their_order(store: Store) -> None:
    """Two places and one waiting place: two confirmed, one waiting, then Full with both numbers in it."""
    states = [add(store, an_entry(person), TWO_AND_ONE).state for person in ("a", "b", "c")]
    assert states == ["confirmed", "confirmed", "waiting"]
    with pytest.raises(Full, match="정원 2명과 대기 1명") as refused:
        add(store, an_entry("d"), TWO_AND_ONE)
    assert refused.value.status == 409
    assert store.counts(SUBJECT) == {"r1": Counts(taken=2, waiting=1)}


def test_received_seats_are_counted_apart(store: Store) -> None:
    """Entries of a draw that is to come hold no place."""
    add(store, an_entry("a"), (Seat("received", 100),))
    add(store, an_entry("b"), (Seat("received", 100),))
    assert store.counts(SUBJECT) == {"r1": Counts(received=2)}
    with pytest.raises(Full):
        add(store, an_entry("c"), (Seat("received", 2),))


def test_no_seats_at_all_is_full(store: Store) -> None:
    """A round that gives no seat keeps nobody."""
    with pytest.raises(Full):
        add(store, an_entry(), ())
    assert store.subjects() == []


def test_freed_place_belongs_to_the_line(store: Store) -> None:
    """While somebody waits a newcomer gets no confirmed seat, even when one is free."""
    first = add(store, an_entry("a"), (Seat("confirmed", 1), Seat("waiting", 5)))
    add(store, an_entry("b"), (Seat("confirmed", 1), Seat("waiting", 5)))
    move(store, first, "cancelled")
    assert add(store, an_entry("c"), (Seat("confirmed", 1), Seat("waiting", 5))).state == "waiting"
    with pytest.raises(Full):
        add(store, an_entry("d"), (Seat("confirmed", 1),))


def test_a_party_is_seated_together_or_not_at_all(store: Store) -> None:
    """Three places, one taken: a party of three waits (all of it), counted in people."""
    seats = (Seat("confirmed", 3), Seat("waiting", 4))
    add(store, an_entry("a"), seats)
    assert add(store, an_entry("b", size=3), seats).state == "waiting"
    assert store.counts(SUBJECT)["r1"] == Counts(taken=1, waiting=3)
    with pytest.raises(Full):
        add(store, an_entry("c", size=2), seats)
    assert add(store, an_entry("d", size=1), seats).state == "waiting"


def test_rounds_and_subjects_have_their_own_places(store: Store) -> None:
    """One place each: the same person may take both rounds and another subject."""
    one = (Seat("confirmed", 1),)
    add(store, an_entry(round="r1"), one)
    add(store, an_entry(round="r2"), one)
    add(store, an_entry(subject="programs/tour"), one)
    assert store.counts(SUBJECT) == {"r1": Counts(taken=1), "r2": Counts(taken=1)}
    assert store.counts("programs/tour") == {"r1": Counts(taken=1)}
    assert store.subjects() == [SUBJECT, "programs/tour"]


def test_an_offer_holds_its_place(store: Store) -> None:
    """An offered seat is taken until it is declined."""
    first = add(store, an_entry("a"), TWO_AND_ONE)
    offered = move(store, first, "offered", deadline=NOON + timedelta(hours=24))
    assert store.counts(SUBJECT)["r1"] == Counts(taken=1)
    assert store.find(first.number) == offered
    move(store, offered, "declined")
    assert store.counts(SUBJECT)["r1"] == Counts()


@pytest.mark.parametrize("state", STATES)
def test_counts_follow_from_the_entries(store: Store, state: str) -> None:
    """Whatever an entry becomes: what the store counts is what a move and the doctor count anew."""
    entry = move(store, add(store, an_entry(size=2), TWO_AND_ONE), state)
    taken, waiting, received, *_ = counted([(entry, [])])[0][SUBJECT, "r1"]
    assert store.counts(SUBJECT)["r1"] == Counts(taken, waiting, received)
    assert taken == (2 if state in ("confirmed", "offered", "attended", "absent") else 0)


def test_a_place_that_fits_nobody_in_line_may_go_over_it(store: Store) -> None:
    """A pair waits for one place: refused as ever, given where the caller has seen the line; never beyond the places."""
    two, over = (Seat("confirmed", 2),), (Seat("confirmed", 2, over_line=True),)
    add(store, an_entry("a"), two)
    add(store, an_entry("b", size=2), (Seat("waiting", 2),))
    with pytest.raises(Full):
        add(store, an_entry("c"), two)
    assert add(store, an_entry("c"), over).state == "confirmed"
    with pytest.raises(Full):
        add(store, an_entry("d"), over)
    assert store.counts(SUBJECT)["r1"] == Counts(taken=2, waiting=2)


# ------------------------------------------------------------ one per person


def test_one_live_entry_per_person_and_round(store: Store) -> None:
    """The second entry of a person in a round is refused whether the first is confirmed or waiting."""
    add(store, an_entry("kim"), (Seat("waiting", 5),))
    with pytest.raises(AlreadyApplied):
        add(store, an_entry("kim"))


@pytest.mark.parametrize("state", ["cancelled", "declined", "rejected", "attended", "absent"])
def test_a_finished_entry_does_not_bar_the_person(store: Store, state: str) -> None:
    """After the entry is over the person may apply again and gets the next rank."""
    move(store, add(store, an_entry("kim")), state)
    assert add(store, an_entry("kim")).rank == 2


def test_nobody_comes_back_to_life_twice(store: Store) -> None:
    """A cancelled entry cannot be revived while the person has another live one in the round."""
    old = move(store, add(store, an_entry("kim")), "cancelled")
    add(store, an_entry("kim"))
    with pytest.raises(AlreadyApplied):
        move(store, old, "confirmed")
    found = store.find(old.number)
    assert found and found.state == "cancelled"


# ------------------------------------------------------------ retries


def test_same_submission_is_the_same_entry(store: Store) -> None:
    """A retry with a new number gets the kept entry; nothing is added."""
    kept = add(store, an_entry("kim", submission="s-1"))
    assert add(store, an_entry("kim", submission="s-1")) == kept
    assert store.counts(SUBJECT)["r1"] == Counts(taken=1)
    with store.open(SUBJECT) as book:
        assert book.repeated("s-1", "kim") == kept
        assert book.repeated("s-2", "kim") is None


def test_retry_sees_the_entry_as_it_stands_now(store: Store) -> None:
    """A retry after a cancellation does not apply again."""
    gone = move(store, add(store, an_entry("kim", submission="s-1")), "cancelled")
    assert add(store, an_entry("kim", submission="s-1")) == gone


def test_retry_is_safe_when_the_round_is_full(store: Store) -> None:
    """The last place was the retrier's own: no Full."""
    kept = add(store, an_entry("kim", submission="s-1"), (Seat("confirmed", 1),))
    assert add(store, an_entry("kim", submission="s-1"), (Seat("confirmed", 1),)) == kept


@pytest.mark.parametrize("other", [{"person": "lee"}, {"round": "r2"}, {"subject": "programs/tour"}])
def test_submission_of_something_else_is_refused(store: Store, other: dict[str, str]) -> None:
    """A submission id belongs to one person, subject and round; the answer tells nothing of the other entry."""
    kept = add(store, an_entry("kim", submission="s-1"))
    with pytest.raises(Invalid) as refused:
        add(store, an_entry(**{"person": "kim", "submission": "s-1", **other}))
    assert [error.field for error in refused.value.errors] == ["submission_id"]
    assert kept.number not in refused.value.errors[0].message
    with store.open(SUBJECT) as book:
        assert book.repeated("s-1", "lee") is None


def test_number_of_another_entry_is_refused(store: Store) -> None:
    """A receipt number is given once in all subjects."""
    kept = add(store, an_entry("kim"))
    with pytest.raises(NumberTaken):
        add(store, an_entry("lee", number=kept.number, subject="programs/tour"))


# ------------------------------------------------------------ caps


def test_a_cap_counts_over_subjects(store: Store) -> None:
    """Two courses of a group per person: the third, in any subject, is refused with the cap's own words."""
    cap = Cap("limit:humanities", 1, 2, message="이 묶음은 한 사람이 2개까지 신청할 수 있습니다.")
    add(store, an_entry(subject="lectures/a"), caps=(cap,))
    add(store, an_entry(subject="lectures/b"), caps=(cap,))
    with pytest.raises(LimitReached, match="2개까지"):
        add(store, an_entry(subject="lectures/c"), caps=(cap,))
    add(store, an_entry("lee", subject="lectures/c"), caps=(cap,))
    with store.open("lectures/c") as book:
        assert (book.used("kim", cap.key), book.used("lee", cap.key)) == (2, 1)


def test_all_caps_must_hold_and_a_refusal_uses_none(store: Store) -> None:
    """The second of two caps is full: the first is not charged and no place is taken."""
    wide, narrow = Cap("limit:wide", 1, 9), Cap("ledger:hours", 40, 100)
    for round in ("r1", "r2"):
        add(store, an_entry(round=round), caps=(wide, narrow))
    with pytest.raises(LimitReached):
        add(store, an_entry(round="r3"), caps=(wide, narrow))
    with store.open(SUBJECT) as book:
        assert (book.used("kim", "limit:wide"), book.used("kim", "ledger:hours")) == (2, 80)
        assert book.counts("r3") == Counts()


def test_full_is_said_before_a_cap(store: Store) -> None:
    """A person over the cap who asks for a full round reads that it is full."""
    add(store, an_entry("lee"), (Seat("confirmed", 1),))
    with pytest.raises(Full):
        add(store, an_entry("kim"), (Seat("confirmed", 1),), (Cap("limit:a", 2, 1),))


@pytest.mark.parametrize(
    ("state", "left"),
    [("cancelled", 0), ("declined", 0), ("rejected", 0), ("attended", 3), ("absent", 3), ("waiting", 3)],
)
def test_caps_follow_the_state(store: Store, state: str, left: int) -> None:
    """Who gives up gives the amount back; who came, or stayed away without a word, has used it."""
    entry = add(store, an_entry(), caps=(Cap("limit:a", 3, 3),))
    move(store, entry, state)
    with store.open(SUBJECT) as book:
        assert book.used("kim", "limit:a") == left


def test_a_cap_says_itself_in_which_states_it_is_kept(store: Store) -> None:
    """No re-entry: cancelled still counts. Hours: absent does not. The entry remembers, not the form."""
    once = Cap("once:essay", 1, 1, kept_in=("cancelled", "declined", "attended", "absent"))
    hours = Cap("ledger:h", 40, 100, kept_in=("attended",))
    entry = add(store, an_entry(), caps=(once, hours))
    move(store, entry, "absent")
    with store.open(SUBJECT) as book:
        assert (book.used("kim", once.key), book.used("kim", hours.key)) == (1, 0)
    move(store, entry, "cancelled")
    with pytest.raises(LimitReached):
        add(store, an_entry(), caps=(once,))


def test_what_is_given_back_is_free_again(store: Store) -> None:
    """The amount becomes 0 with the move, twice for the same person; nothing of it is left to stumble over."""
    once = Cap("once:essay", 1, 1, kept_in=("cancelled",))
    for _ in range(2):
        entry = add(store, an_entry(), caps=(once,))
        with store.open(SUBJECT) as book:
            book.move(entry.moved("cancelled", NOON, "cancelled-by-staff"), {once.key: 0})
    with store.open(SUBJECT) as book:
        for gone in book.entries():
            book.move(gone.moved("rejected", NOON, "test"))
        assert book.used("kim", once.key) == 0


def test_a_revived_entry_is_charged_again(store: Store) -> None:
    """Staff take back a cancellation: the cap counts it once more, exactly."""
    entry = add(store, an_entry(), caps=(Cap("limit:a", 2, 5),))
    move(store, move(store, entry, "cancelled"), "confirmed")
    with store.open(SUBJECT) as book:
        assert book.used("kim", "limit:a") == 2


# ------------------------------------------------------------ line and order


def test_ranks_are_the_order_of_arrival(store: Store) -> None:
    """1, 2, 3 per round, without a gap for those who were refused."""
    seats = (Seat("confirmed", 2),)
    assert add(store, an_entry("a"), seats).rank == 1
    assert add(store, an_entry("b"), seats).rank == 2
    with pytest.raises(Full):
        add(store, an_entry("c"), seats)
    assert add(store, an_entry("c"), (Seat("confirmed", 3),)).rank == 3
    assert add(store, an_entry("a", round="r2")).rank == 1


def test_the_line_is_in_order_and_says_positions(store: Store) -> None:
    """First come, first in line; a promotion moves everybody up."""
    waiting = (Seat("waiting", 10),)
    a, b, c = (add(store, an_entry(person), waiting) for person in "abc")
    with store.open(SUBJECT) as book:
        assert book.line("r1") == [a, b, c]
        assert book.line("r1", most=1) == [a]
        assert book.line("r1", most=0) == []
        assert [book.position(entry) for entry in (a, b, c)] == [1, 2, 3]
        promoted = book.move(a.moved("confirmed", NOON, "promoted"))
        assert book.position(promoted) is None
        assert [book.position(entry) for entry in (b, c)] == [1, 2]
    assert store.counts(SUBJECT)["r1"] == Counts(taken=1, waiting=2)


def test_a_draw_may_give_new_ranks(store: Store) -> None:
    """Received entries get their drawn order as rank; the line and lists follow it."""
    a, b, c = (add(store, an_entry(person), (Seat("received", 9),)) for person in "abc")
    with store.open(SUBJECT) as book:
        for entry, rank in ((a, 3), (b, 1), (c, 2)):
            book.move(replace(entry.moved("waiting", NOON, "drawn"), rank=rank))
    with store.open(SUBJECT) as book:
        assert [entry.person for entry in book.line("r1")] == ["b", "c", "a"]
        assert [entry.person for entry in book.entries("r1")] == ["b", "c", "a"]
        assert book.add(an_entry("d"), (Seat("waiting", 9),)).rank == 4


def test_entries_are_chosen_by_round_and_state(store: Store) -> None:
    """By round, then rank; other subjects never show."""
    b = add(store, an_entry("b", round="r2"))
    a = add(store, an_entry("a"))
    c = move(store, add(store, an_entry("c")), "cancelled")
    add(store, an_entry("d", subject="programs/tour"))
    with store.open(SUBJECT) as book:
        assert book.entries() == [a, c, b]
        assert book.entries("r1") == [a, c]
        assert book.entries(states=["confirmed"]) == [a, b]
        assert book.entries("r1", ["cancelled", "waiting"]) == [c]


# ------------------------------------------------------------ one transaction


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    """Entry, move, caps, message and journal of a broken block are all undone; so is the rank."""
    first = add(store, an_entry("a"))
    lost = an_entry("b")

    class Stop(Exception):
        pass

    with pytest.raises(Stop), store.open(SUBJECT) as book:
        book.add(lost, EVERYBODY, (Cap("limit:a", 1, 5),))
        book.move(first.moved("cancelled", NOON, "test"))
        book.tell("cancelled", first.number, NOON)
        assert book.counts("r1") == Counts(taken=1)
        raise Stop
    assert store.find(lost.number) is None
    assert store.find(first.number) == first
    assert store.counts(SUBJECT) == {"r1": Counts(taken=1)}
    assert store.messages(NOON) == []
    assert len(store.history(first.number)) == 1
    with store.open(SUBJECT) as book:
        assert book.used("b", "limit:a") == 0
        assert book.add(an_entry("c"), EVERYBODY).rank == 2


def test_a_block_sees_its_own_changes(store: Store) -> None:
    """Cancel and promote in one transaction."""
    seats = (Seat("confirmed", 1), Seat("waiting", 1))
    with store.open(SUBJECT) as book:
        first = book.add(an_entry("a"), seats)
        second = book.add(an_entry("b"), seats)
        book.move(first.moved("cancelled", NOON, "cancelled-by-citizen"))
        assert book.counts("r1") == Counts(waiting=1)
        book.move(book.line("r1")[0].moved("confirmed", NOON, "promoted"))
    found = store.find(second.number)
    assert found and (found.state, found.cause) == ("confirmed", "promoted")


def test_a_stranger_cannot_be_moved(store: Store) -> None:
    """Neither an unknown entry nor one of another subject."""
    other = add(store, an_entry(subject="programs/tour"))
    for entry in (an_entry(), other):
        with pytest.raises(NotFound), store.open(SUBJECT) as book:
            assert book.get(entry.number) is None
            book.move(entry.moved("cancelled", NOON, "test"))


# ------------------------------------------------------------ journal, messages, keys


def test_the_journal_tells_every_change(store: Store) -> None:
    """Who, why, when, from what to what; oldest first."""
    entry = add(store, an_entry())
    move(store, entry, "cancelled", "cancelled-by-staff")
    first, second = store.history(entry.number)
    assert (first.before, first.after, first.cause, first.who) == ("", "confirmed", "applied", "citizen")
    assert (first.subject, first.number, first.at) == (SUBJECT, entry.number, NOON)
    assert (second.before, second.after, second.cause) == ("confirmed", "cancelled", "cancelled-by-staff")
    assert (second.who, second.at) == ("staff:kim", NOON + timedelta(minutes=1))


def test_messages_wait_until_they_are_due_and_sent(store: Store) -> None:
    """Oldest first; a sent one never comes back."""
    with store.open(SUBJECT) as book:
        book.tell("offer", "B", NOON + timedelta(minutes=5))
        book.tell("promoted", "A", NOON)
    assert [message.number for message in store.messages(NOON)] == ["A"]
    both = store.messages(NOON + timedelta(minutes=5))
    assert [(m.kind, m.subject, m.number) for m in both] == [
        ("promoted", SUBJECT, "A"),
        ("offer", SUBJECT, "B"),
    ]
    assert [m.number for m in store.messages(NOON + timedelta(minutes=5), most=1)] == ["A"]
    store.sent(both[0])
    store.sent(both[0])
    assert [message.number for message in store.messages(NOON + timedelta(minutes=5))] == ["B"]


def test_a_subject_has_one_data_key_until_it_is_dropped(store: Store) -> None:
    """The first key counts for everybody; a dropped one is gone."""
    assert store.wrapped_key(SUBJECT) is None
    assert store.keep_key(SUBJECT, b"one") == b"one"
    assert store.keep_key(SUBJECT, b"two") == b"one"
    assert store.wrapped_key(SUBJECT) == b"one"
    store.drop_key(SUBJECT, NOON)
    store.drop_key(SUBJECT, NOON)
    assert store.wrapped_key(SUBJECT) is None
    assert store.wrapped_key("programs/tour") is None


def test_what_was_sealed_goes_with_the_key(store: Store) -> None:
    """Of this subject alone; number, state, rank, counts, person and journal stay, and so does a retry's answer."""
    mine = add(store, an_entry("kim", submission="s-1", sealed=b"secret"))
    other = add(store, replace(an_entry("lee", sealed=b"secret"), subject="programs/tour"))
    store.keep_key(SUBJECT, b"one")
    before = store.history(mine.number), store.counts(SUBJECT)
    store.drop_key(SUBJECT, NOON)
    assert store.find(mine.number) == replace(mine, sealed=b"")
    assert store.find(other.number) == other
    assert (store.history(mine.number), store.counts(SUBJECT)) == before
    assert add(store, an_entry("kim", submission="s-1")).number == mine.number


# ------------------------------------------------------------ restart


def test_everything_is_there_after_a_restart(address: str) -> None:
    """Entries, counts, caps, ranks, the line, submissions, messages, journal, keys."""
    store = open_store(address)
    seats = (Seat("confirmed", 1), Seat("waiting", 9))
    a = add(store, an_entry("a", submission="s-1"), seats, (Cap("limit:a", 2, 3),))
    b = add(store, an_entry("b"), seats)
    c = move(store, add(store, an_entry("c"), seats), "cancelled")
    with store.open(SUBJECT) as book:
        book.tell("promoted", b.number, NOON)
    store.keep_key("programs/tour", b"dropped")
    store.drop_key("programs/tour", NOON)
    store.close()

    store = open_store(address)
    try:
        assert store.counts(SUBJECT) == {"r1": Counts(taken=1, waiting=1)}
        assert [store.find(entry.number) for entry in (a, b, c)] == [a, b, c]
        assert [change.after for change in store.history(c.number)] == ["waiting", "cancelled"]
        assert [message.number for message in store.messages(NOON)] == [b.number]
        assert (store.wrapped_key(SUBJECT), store.wrapped_key("programs/tour")) == (b"wrapped key", None)
        assert add(store, an_entry("a", submission="s-1"), seats) == a
        with store.open(SUBJECT) as book:
            assert book.line("r1") == [b]
            assert book.used("a", "limit:a") == 2
            assert book.add(an_entry("d"), seats).rank == 4
        with pytest.raises(AlreadyApplied):
            add(store, an_entry("a"), seats)
        with pytest.raises(NumberTaken):
            add(store, an_entry("x", number=c.number), seats)
    finally:
        store.close()
