"""How people get in and how the waiting line moves, inside one transaction of the store. No web, no clock.

Every function takes an open book and the time; what it decides is in `rules`. Rules for citizens: docs/rules.md#waiting.
"""

from collections.abc import Mapping
from datetime import datetime

from civic.content.form import FormSpec
from civic.errors import Closed, Full, LimitReached, NotEligible, NotOpen
from civic.places import draw_freeze, draw_list, retention, rules
from civic.places.form_round import FormRound
from civic.store.book import Book
from civic.store.entry import BY_CITIZEN, HELD, LIVE, Entry, Seat

# Causes, as they stand in the journal. A promotion's own cause says what freed the place.
# CANCELLED: by the person themselves; every other cause of a cancellation is somebody else's.
CANCELLED = f"cancelled{BY_CITIZEN}"
ACCEPTED, DECLINED, LAPSED, ENOUGH = "accepted", f"declined{BY_CITIZEN}", "lapsed", "enough-places"
# With what freed the place behind it: "" (somebody cancelled), "-after-decline", "-after-lapse", "-more-places".
PROMOTED, OFFERED = "promoted", "offered"
CALLED_OFF = "called-off"  # + ": reason"
CHANGED = "changed"  # noted of an entry whose state stays


def admit(book: Book, round_: FormRound, draft: Entry) -> Entry:
    """Keep an application that came in time; the entry as it stands when the block ends.

    draft.received: the moment of the decision. Raises Closed (closed early, frozen or called off meanwhile),
    Invalid (more people together than places), LimitReached (the phone stands for enough people), Full, and what `Book.add` raises.
    """
    now, spec, counts = draft.received, round_.spec, rules.NOBODY
    moment = now
    if spec.close_at is not None or spec.promotion == "offer" or spec.party > 1 or spec.is_drawn:
        # More than places and line is looked at: from here on nobody else changes the round until the block ends.
        book.counts(round_.id)
        facts = book.fixed(round_.id)
        rules.check_time(round_, now, facts)
        if draft.size > round_.round.places and book.repeated(draft.submission, draft.person) is None:
            rules.check_size(round_, draft.size)
        advance(book, round_, now)
        counts = book.counts(round_.id)
        if "listed" in facts:
            # Nobody joins a settled list, even if the clock has jumped back into the window.
            moment = max(now, round_.window_end)
    _check_phone(book, round_, draft)
    try:
        entry = book.add(draft, rules.seats(round_, moment, counts), rules.caps(round_))
    except Full:
        raise Full(round_.round.places, round_.round.waiting) from None
    is_new = entry.number == draft.number
    if is_new and spec.close_at is not None and rules.closes_now(round_, book.counts(round_.id)):
        book.fix(round_.id, "closed", "early", now)
    return entry


def hand_over(book: Book, round_: FormRound, number: str, draft: Entry) -> Entry:
    """The place of an entry for the same person under another phone, in its state and turn; the old one ends.

    Raises NotEligible (over, begun, or in the list of a draw), LimitReached, and what `Book.add` raises.
    """
    book.counts(round_.id)  # from here on nobody else changes the round until the block ends
    old, now = _get(book, number), draft.received
    rules.check_cancel(old, round_, now)
    if "listed" in book.fixed(round_.id):
        raise NotEligible("추첨할 명단이 정해져 번호를 바꿀 수 없습니다. 담당 부서에 문의해 주세요.")
    _check_phone(book, round_, draft)
    seat = Seat(old.state, rules.NO_CEILING, over_line=True)
    entry = book.add(draft.but(deadline=old.deadline), [seat], rules.caps(round_))
    book.move(old.moved("cancelled", now, CANCELLED).but(rank=entry.rank), rules.given_back(old))
    return book.move(entry.but(rank=old.rank), noted=CHANGED)


def _check_phone(book: Book, round_: FormRound, draft: Entry) -> None:
    """Raises LimitReached where the phone stands for enough people; where it is the person, nobody else has it."""
    spec = round_.spec
    if spec.person != "phone" and book.people_of(draft.contact, draft.person) >= spec.people_per_contact:
        raise LimitReached(f"휴대전화 번호 하나로 {spec.people_per_contact}명까지 신청할 수 있습니다.")


def take_in(
    book: Book, round_: FormRound, draft: Entry, facts: Mapping[str, str], now: datetime
) -> tuple[Entry, int | None, bool]:
    """As `admit`, in time or sent again after it: (entry, place in the waiting line, is it new?). facts: about the round.

    Raises NotOpen too.
    """
    try:
        rules.check_time(round_, now, facts)
        entry = admit(book, round_, draft.but(received=now, changed=now))
    except (NotOpen, Closed):
        # A retry that comes late gets its answer; in time, `admit` itself knows it again.
        late = book.repeated(draft.submission, draft.person)
        if late is None:
            raise
        entry = late
    is_new = entry.number == draft.number
    if is_new and entry.rank == 1 and round_.doc:
        retention.note(book, round_.doc, round_.id, now)
    return entry, position(book, round_, entry), is_new


def advance(book: Book, round_: FormRound, now: datetime, after: str = "", freed: int = 0) -> list[Entry]:
    """Let overdue offers lapse, settle a window that needs no draw, and give free places to the line.

    after: what freed a place, for the cause: "" (somebody cancelled), "decline" or "more-places"; freed: how many
    people gave theirs up. Returns those who were given or offered a place. Doing it twice does nothing more.
    """
    lapsed = [entry for entry in book.offers(round_.id) if rules.has_lapsed(entry, round_, now)]
    for entry in lapsed:
        book.move(entry.moved("declined", now, LAPSED), rules.given_back(entry))
        freed += entry.size
    after = "lapse" if lapsed else after
    counts = book.counts(round_.id)
    moved = []
    if rules.needs_no_draw(round_, now, counts) and "listed" not in book.fixed(round_.id):
        received = book.entries(round_.id, ("received",))
        moved = [book.move(entry.moved("confirmed", now, ENOUGH)) for entry in received]
        counts = book.counts(round_.id)
    free = rules.for_line(round_, now, counts, freed)
    draw_freeze.settle(book, round_, now)
    if not free or not counts.waiting:
        return moved
    state, cause, deadline = "confirmed", PROMOTED, None
    if round_.spec.promotion == "offer":
        state, cause, deadline = "offered", OFFERED, rules.offer_deadline(round_, now)
    cause += f"-after-{after}" if after else ""
    line = book.line(round_.id, most=None if round_.spec.party > 1 else free)
    lucky = draw_list.give(free, line)
    return [*moved, *(book.move(entry.moved(state, now, cause, deadline)) for entry in lucky)]


def position(book: Book, round_: FormRound | None, entry: Entry) -> int | None:
    """The place in line, as far as it is settled: while a draw will send others before the line, nobody has one."""
    is_drawn = round_ is not None and round_.spec.selection == "window-draw"
    return None if is_drawn and book.counts(entry.round).received else book.position(entry)


def answer(book: Book, round_: FormRound, number: str, accepts: bool, now: datetime) -> Entry:
    """Take the offered place, or give it back: it goes to the next in line. Again: the same answer.

    The caller checks afterwards with `rules.check_offer`.
    """
    advance(book, round_, now)
    entry = _get(book, number)
    if entry.state != "offered":
        return entry
    if accepts:
        return book.move(entry.moved("confirmed", now, ACCEPTED))
    entry = book.move(entry.moved("declined", now, DECLINED))
    advance(book, round_, now, "decline", entry.size)
    return entry


def cancel(
    book: Book, round_: FormRound | None, number: str, now: datetime, cause: str, even_begun: bool = False
) -> Entry:
    """Cancel an entry; its place goes to the line. round_: None when it or its page is gone.

    even_begun: also when the activity has begun, which only an office may. Raises NotEligible.
    """
    entry = _get(book, number)
    rules.check_cancel(entry, None if even_begun else round_, now)
    freed = entry.size if entry.state in HELD else 0
    own = cause == CANCELLED
    entry = book.move(entry.moved("cancelled", now, cause), {} if own else rules.given_back(entry))
    if round_:
        advance(book, round_, now, freed=freed)
    return entry


def call_off(book: Book, round: str, now: datetime, reason: str) -> list[Entry]:
    """A round does not take place, whether it is still open or not: everybody's entry ends, and all are told.

    round: as the store names it; its page may be gone. Returns them. Raises NotEligible without a reason, while its
    frozen list is not drawn, or when it was called off already.
    """
    reason = rules.check_reason(reason)
    book.counts(round)  # from here on nobody else changes the round until the block ends
    rules.check_call_off(book.fixed(round))
    book.fix(round, "called-off", reason, now)
    cause, live = f"{CALLED_OFF}: {reason}", book.entries(round, LIVE)
    return [book.move(entry.moved("cancelled", now, cause), rules.given_back(entry)) for entry in live]


def decide(
    book: Book, round_: FormRound, number: str, state: str, reason: str, now: datetime
) -> tuple[Entry, list[Entry]]:
    """Staff's word on an entry that is received or waits: confirmed, waiting or rejected, with the reason.

    Returns the entry, and those in line whom it passes when it is confirmed: staff are told. A place is given only
    while one is free. Raises NotEligible (no reason, not under review, none free).
    """
    reason = rules.check_reason(reason)
    counts, entry = book.counts(round_.id), _get(book, number)
    rules.check_decision(round_, entry, state, counts)
    ahead = book.line(round_.id) if state == "confirmed" else []
    if entry.state == "waiting":
        ahead = [other for other in ahead if other.rank < entry.rank]
    return book.move(entry.moved(state, now, f"reviewed: {reason}")), ahead


def work(
    book: Book,
    round_: FormRound | None,
    number: str,
    spec: FormSpec,
    hours: int | None,
    now: datetime,
    cause: str,
) -> Entry:
    """Hours worked ("worked") or approved ("approved") take the place of the hours reserved; None: was absent.

    round_: None when it is gone; spec: its form's. Approving the same hours again changes nothing. Raises NotEligible
    when the entry is not at that step, the activity has not begun, or the person's hours would pass the ledger's limit.
    """
    current = _get(book, number)
    rules.check_hours(round_, current, hours, cause == "approved", now)
    if rules.is_approved(current):
        return current
    if hours is None:
        return book.move(current.moved("absent", now, "absent"))
    key, most = f"ledger:{spec.ledger}", spec.ledger_max
    counted = current.hours if current.state != "absent" else 0
    if book.used(current.person, key) - counted + hours > most:
        raise NotEligible(
            f"이 사람의 활동 시간이 한도 {most}시간을 넘습니다. 장부(ledger show)를 확인하세요."
        )
    return book.move(current.moved("attended", now, cause).but(hours=hours), {key: hours})


def _get(book: Book, number: str) -> Entry:
    entry = book.get(number)
    if entry is None:
        raise NotEligible("그런 신청이 없습니다.")
    return entry
