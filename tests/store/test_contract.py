"""What every store promises: places, persons, caps, the line, retries, the journal, keys. Runs on all back ends."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from civic.clock import FixedClock
from civic.errors import AlreadyApplied, Full, Invalid, LimitReached, NotFound
from civic.store import open_beside, open_store
from civic.store.book import CALM
from civic.store.contents import counted
from civic.store.entry import STATES, Cap, Counts, NumberTaken, Seat
from civic.store.outbox import LEASE, Parcel, PutOff
from civic.store.store import Store
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, at_once, move

HOUR = timedelta(hours=1)
HOURS = Cap("ledger:allowance", 40, 100, ("attended",))
TWO_AND_ONE = (Seat("confirmed", 2), Seat("waiting", 1))


def test_empty_store_answers_with_nothing(store: Store) -> None:
    """No entry yet: zero counts, empty lists, None."""
    assert store.subjects() == []
    assert store.counts(SUBJECT) == {}
    assert store.find("7K3F-9QXM") is None
    assert store.history("7K3F-9QXM") == []
    assert store.trouble == ""
    assert store.wrapped_key(SUBJECT) is None
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
    """Entries of a draw that is to come hold no place; a round that gives no seat keeps nobody."""
    with pytest.raises(Full):
        add(store, an_entry(), ())
    assert store.subjects() == []
    add(store, an_entry("a"), (Seat("received", 100),))
    add(store, an_entry("b"), (Seat("received", 100),))
    assert store.counts(SUBJECT) == {"r1": Counts(received=2)}
    with pytest.raises(Full):
        add(store, an_entry("c"), (Seat("received", 2),))


def test_rounds_and_subjects_have_their_own_places(store: Store) -> None:
    """One place each: the same person may take both rounds and another subject, and is the first of each."""
    for place in ({"round": "r1"}, {"round": "r2"}, {"subject": "programs/tour"}):
        assert add(store, an_entry(**place), (Seat("confirmed", 1),)).rank == 1
    assert store.counts(SUBJECT) == {"r1": Counts(taken=1), "r2": Counts(taken=1)}
    assert store.counts("programs/tour") == {"r1": Counts(taken=1)}
    assert store.subjects() == [SUBJECT, "programs/tour"]


@pytest.mark.parametrize("state", STATES)
def test_counts_follow_from_the_entries(store: Store, state: str) -> None:
    """Whatever an entry becomes: what the store counts is what a move and the doctor count anew."""
    entry = move(store, add(store, an_entry(size=2), TWO_AND_ONE), state)
    taken, waiting, received, *_ = counted([entry])[0][SUBJECT, "r1"]
    assert store.counts(SUBJECT)["r1"] == Counts(taken, waiting, received)
    assert taken == (2 if state in ("confirmed", "offered", "attended", "absent") else 0)


def test_a_place_that_fits_nobody_in_line_may_go_over_it(store: Store) -> None:
    """A pair waits (all of it) for one place: nobody passes them but where the caller has seen the line; never beyond the places."""
    two, over = (Seat("confirmed", 2),), (Seat("confirmed", 2, over_line=True),)
    add(store, an_entry("a"), two)
    with pytest.raises(Full):
        add(store, an_entry("b", size=2), (*two, Seat("waiting", 1)))
    assert add(store, an_entry("b", size=2), (*two, Seat("waiting", 2))).state == "waiting"
    with pytest.raises(Full):
        add(store, an_entry("c"), two)
    assert add(store, an_entry("c"), over).rank == 3  # without a gap for those who were refused
    with pytest.raises(Full):
        add(store, an_entry("d"), over)
    assert store.counts(SUBJECT)["r1"] == Counts(taken=2, waiting=2)


@pytest.mark.parametrize("state", ["cancelled", "declined", "rejected", "attended", "absent"])
def test_a_finished_entry_does_not_bar_the_person(store: Store, state: str) -> None:
    """After the entry is over the person may apply again and gets the next rank."""
    move(store, add(store, an_entry("kim")), state)
    assert add(store, an_entry("kim")).rank == 2


@pytest.mark.parametrize("state", ["confirmed", "waiting", "received"])
def test_one_live_entry_per_person_and_round(store: Store, state: str) -> None:
    """A second one is refused, whatever the first, and so is reviving a cancelled one beside it."""
    old = move(store, add(store, an_entry("kim")), "cancelled")
    add(store, an_entry("kim"), (Seat(state, 5),))
    with pytest.raises(AlreadyApplied):
        add(store, an_entry("kim"))
    with pytest.raises(AlreadyApplied):
        move(store, old, "confirmed")
    found = store.find(old.number)
    assert found and found.state == "cancelled"


def test_same_submission_is_the_same_entry(store: Store) -> None:
    """A retry with a new number gets the kept entry as it stands now, also when the round is full; nothing is added."""
    kept = add(store, an_entry("kim", submission="s-1"), (Seat("confirmed", 1),))
    assert add(store, an_entry("kim", submission="s-1"), (Seat("confirmed", 1),)) == kept
    assert store.counts(SUBJECT)["r1"] == Counts(taken=1)
    with store.open(SUBJECT) as book:
        assert book.repeated("s-1", "kim") == kept
        assert book.repeated("s-2", "kim") is None
    gone = move(store, kept, "cancelled")
    assert add(store, an_entry("kim", submission="s-1")) == gone


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
    """Who gives up gives the amount back; who came, or stayed away, has used it; who is taken back is charged again."""
    entry = move(store, add(store, an_entry(), caps=(Cap("limit:a", 3, 3),)), state)
    with store.open(SUBJECT) as book:
        assert book.used("kim", "limit:a") == left
        book.move(entry.moved("confirmed", NOON, "revived"))
        assert book.used("kim", "limit:a") == 3


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
        for entries in (book.entries, partial(store.entries, SUBJECT)):
            assert entries() == [a, c, b]
            assert entries("r1") == [a, c]
            assert entries(states=["confirmed"]) == [a, b]
            assert entries("r1", ["cancelled", "waiting"]) == [c]


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    """Entry, move, caps, message, fact and journal of a broken block are all undone; so is the rank."""
    first = add(store, an_entry("a"))
    lost = an_entry("b")

    class Stop(Exception):
        pass

    with pytest.raises(Stop), store.open(SUBJECT) as book:
        book.add(lost, EVERYBODY, (Cap("limit:a", 1, 5),))
        book.move(first.moved("cancelled", NOON, "test"))
        book.tell("cancelled", first.number, NOON)
        book.fix("r1", "closed", "early", NOON)
        assert book.counts("r1") == Counts(taken=1)
        raise Stop
    assert store.find(lost.number) is None
    assert store.find(first.number) == first
    assert store.counts(SUBJECT) == {"r1": Counts(taken=1)}
    assert [each.row[2] for each in store.outbox.take(NOON + CALM)] == [first.number]  # its own sign-up
    assert store.fixed(SUBJECT) == {}
    assert len(store.history(first.number)) == 1
    with store.open(SUBJECT) as book:
        assert book.used("b", "limit:a") == 0
        assert book.fixed("r1") == {}
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


def test_the_journal_tells_every_change(store: Store) -> None:
    """Who, why, when, from what to what; oldest first."""
    entry = add(store, an_entry())
    move(store, entry, "cancelled", "cancelled-by-staff")
    first, second = store.history(entry.number)
    assert (first.before, first.after, first.cause, first.who) == ("", "confirmed", "applied", "citizen")
    assert (first.subject, first.number, first.time) == (SUBJECT, entry.number, NOON)
    assert (second.before, second.after, second.cause) == ("confirmed", "cancelled", "cancelled-by-staff")
    assert (second.who, second.time) == ("staff:kim", NOON + timedelta(minutes=1))


def test_messages_wait_until_they_went_out(store: Store) -> None:
    """Whoever comes into a state is told, but not what they did themselves; one message of a kind each; when due."""
    clock, sent = FixedClock(NOON + CALM), []

    def send(parcel: Parcel) -> PutOff | None:
        sent.append(parcel.row[0])
        return {"reminder": PutOff(NOON + HOUR), "changed": PutOff(row=(*parcel.row[:-1], "email"))}.get(
            parcel.row[0]
        )

    first = add(store, an_entry("a"))
    second = add(store, an_entry("b"))
    with store.open(SUBJECT) as book:
        for kind in ("changed", "changed", "reminder"):
            book.tell(kind, first.number, NOON)
        book.move(second.moved("cancelled", NOON, "cancelled-by-citizen"))
        book.tell("late", first.number, NOON + 2 * HOUR)
    assert store.outbox.deliver(clock, send) == 4
    assert sorted(sent) == ["changed", "confirmed", "confirmed", "reminder"]
    assert store.outbox.deliver(clock, send) == 0
    clock.at += timedelta(seconds=2)
    for tries in range(1, 8):
        assert [(each.tries, each.row[-1]) for each in store.outbox.take(clock.at)] == [(tries, "email")]
        assert store.outbox.take(clock.at) == [] and store.outbox.stuck() == 0
        clock.at += LEASE  # whoever had it died
        assert store.outbox.deliver(clock, send) == 1
        clock.at += timedelta(seconds=2 * 2**tries)
    assert store.outbox.stuck() == 1
    clock.at = NOON + 2 * HOUR
    assert sorted(each.row[0] for each in store.outbox.take(clock.at)) == ["changed", "late", "reminder"]


def test_a_message_put_in_anew_is_not_forgotten_with_the_old_one(store: Store) -> None:
    """While the old one is on its way the same kind of news comes again: it goes too, under a key of its own."""
    entry, keys = add(store, an_entry()), []

    def send(parcel: Parcel) -> None:
        keys.append(parcel.row[3])
        if len(keys) == 1:
            with store.open(SUBJECT) as book:
                book.tell("confirmed", entry.number, NOON)

    while store.outbox.deliver(FixedClock(NOON + CALM), send):
        pass
    assert len(keys) == len(set(keys)) == 2


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


def test_the_first_fact_counts_for_good(store: Store) -> None:
    """A second word about the same thing changes nothing; the journal tells each."""
    with store.open(SUBJECT, who="clock") as book:
        assert book.fixed("r1") == {}
        assert book.fix("r1", "closed", "early", NOON) == "early"
        assert book.fixed("r1") == {"closed": "early"}
    assert store.fixed(SUBJECT) == {"r1": {"closed": "early"}}
    with store.open(SUBJECT, who="clock") as book:
        assert book.fix("r1", "closed", "time", NOON + timedelta(days=1)) == "early"
        assert book.fix("r1", "drawn", "seed", NOON) == "seed"
        assert book.fixed("r2") == store.fixed("lectures/other") == {}
        with pytest.raises(ValueError, match="no such fact"):
            book.fix("r1", "anything", "", NOON)
    told = [(change.before, change.after, change.who) for change in store.history("")]
    assert told == [("r1", "closed", "clock"), ("r1", "drawn", "clock")]


def test_offers_are_found_by_rank(store: Store) -> None:
    """Those offered, and nobody else; each holds its place; gone when they have answered."""
    entries = [add(store, an_entry(person)) for person in "abcd"]
    for entry in (entries[2], entries[0]):
        offered = move(store, entry, "offered", deadline=NOON + timedelta(days=1))
        assert store.find(entry.number) == offered
    assert store.counts(SUBJECT)["r1"] == Counts(taken=4)
    with store.open(SUBJECT) as book:
        assert [each.number for each in book.offers("r1")] == [entries[0].number, entries[2].number]
        assert book.offers("r2") == []
    move(store, entries[0], "declined")
    with store.open(SUBJECT) as book:
        assert [each.number for each in book.offers("r1")] == [entries[2].number]
        assert book.counts("r1") == Counts(taken=3)


def test_a_visitor_has_the_same_book(address: str, store: Store) -> None:
    """Beside a running server: facts and offers; a cap follows the new amount, and giving it back gives back that."""
    entry = add(store, an_entry(hours=40), caps=(HOURS,))
    with closing(open_beside(address)) as visitor:
        with visitor.open(SUBJECT, who="staff:kim") as book:
            assert book.used("kim", HOURS.key) == 40
            assert book.fix("r1", "closed", "early", NOON) == "early"
            assert book.fixed("r1") == {"closed": "early"}
            book.move(entry.moved("offered", NOON, "offer", NOON), {HOURS.key: 10})
            assert [each.number for each in book.offers("r1")] == [entry.number]
            assert book.used("kim", HOURS.key) == 10
        assert visitor.fixed(SUBJECT) == store.fixed(SUBJECT) == {"r1": {"closed": "early"}}
    with store.open(SUBJECT) as book:
        worked = book.move(entry.moved("attended", NOON, "worked"), {HOURS.key: 25})
        assert book.used("kim", HOURS.key) == 25
    with store.open(SUBJECT) as book:
        book.move(worked.moved("absent", NOON, "mistake"))
        assert book.used("kim", HOURS.key) == 0


def test_everything_is_there_after_a_restart(address: str) -> None:
    """Entries, counts, caps, ranks, the line, submissions, messages, journal, facts, keys."""
    with closing(open_store(address)) as store:
        seats = (Seat("confirmed", 1), Seat("waiting", 9))
        a = add(store, an_entry("a", submission="s-1"), seats, (Cap("limit:a", 2, 3),))
        b = add(store, an_entry("b"), seats)
        c = move(store, add(store, an_entry("c"), seats), "cancelled")
        with store.open(SUBJECT) as book:
            book.tell("reminder", b.number, NOON)
            book.fix("r1", "closed", "early", NOON)
        store.keep_key("programs/tour", b"dropped")
        store.drop_key("programs/tour", NOON)

    with closing(open_store(address)) as store:
        assert store.counts(SUBJECT) == {"r1": Counts(taken=1, waiting=1)}
        assert [store.find(entry.number) for entry in (a, b, c)] == [a, b, c]
        assert store.fixed(SUBJECT) == {"r1": {"closed": "early"}}
        assert ("r1", "closed") in [(change.before, change.after) for change in store.history("")]
        assert [change.after for change in store.history(c.number)] == ["waiting", "cancelled"]
        waiting = store.outbox.take(NOON + timedelta(minutes=1), most=9)
        assert ("reminder", b.number) in [(each.row[0], each.row[2]) for each in waiting] and len(
            waiting
        ) == 5
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


def test_a_phone_stands_for_so_many_people_however_fast_they_are(store: Store) -> None:
    """Nine of them at once, each in a round of their own: five get in; and one of another phone (the control)."""

    def sign_up(person: int, contact: str = "phone") -> str:
        with store.open(SUBJECT) as book:
            if book.people_of(contact, f"p{person}") >= 5:
                raise LimitReached
            entry = an_entry(f"p{person}", round=f"r{person}", contact=contact, sealed=b"")
            return book.add(entry, EVERYBODY).state

    answers = at_once([partial(sign_up, person) for person in range(9)])
    assert [isinstance(answer, LimitReached) for answer in answers].count(True) == 4
    assert sign_up(9, "other") == "confirmed"
    assert [entry.person for entry in store.of_contact("other")] == ["p9"]
    assert len(store.of_contact("phone")) == 5
