"""May this form be accepted, and which places are to be had? Pure checks: no clock, no store, no web.

Each check returns None or raises Refused.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from civic import korean
from civic.content.form import FormSpec
from civic.errors import Closed, FieldError, Invalid, NotEligible, NotOpen
from civic.people import check_public
from civic.places.form_round import FormRound
from civic.store.entry import LIVE, Cap, Counts, Entry, Seat
from civic.text import clean

NOBODY = Counts()
NO_CEILING = 1_000_000_000  # a draw or a review takes everyone who asks in time
NIGHT, MORNING, AWAKE = 21, 9, 10  # hours: no offer ends from 21:00 until 09:00; one that would ends at 10:00


def round_state(round_: FormRound, now: datetime, counts: Counts = NOBODY) -> str:
    """ "upcoming", "open", "full" (neither a place nor a waiting place for one person) or "closed"."""
    if counts.closed or now >= round_.closes:
        return "closed"
    if now < round_.opens:
        return "upcoming"
    if needs_no_draw(round_, now, counts):  # whoever asks next settles the window
        counts = counts._replace(taken=counts.taken + counts.received, received=0)
    return "open" if any(seat.has_room(counts, 1) for seat in seats(round_, now, counts)) else "full"


def form_state(spec: FormSpec, now: datetime) -> str:
    """The state of the whole form by the clock alone, as if nobody had come."""
    return whole_state(round_state(FormRound(None, spec, each), now) for each in spec.rounds)


def whole_state(states: Iterable[str]) -> str:
    """What the states of its rounds make of a form: open if any round is; else upcoming, full, closed, in this order."""
    seen = set(states)
    return next(state for state in ("open", "upcoming", "full", "closed") if state in seen)


def check_time(round_: FormRound, now: datetime, facts: Mapping[str, str] | None = None) -> None:
    """Raises NotOpen before the round opens, Closed from the moment it closes.

    facts: what is fixed about the round (see the store's book). One that was closed, frozen for its draw or called
    off takes nobody any more, whatever the clock says.
    """
    if round_.doc and round_.doc.off:
        raise Closed(why=f"{round_.doc.off}되어 신청을 받지 않습니다.")
    if now >= round_.closes:
        raise Closed(korean.closing(round_.closes, now))
    if round_.is_closed(facts):
        raise Closed
    if now < round_.opens:
        raise NotOpen(korean.short_moment(round_.opens, now), at=round_.opens)


def seats(round_: FormRound, now: datetime, counts: Counts = NOBODY) -> list[Seat]:
    """The states an applicant may get in this round, best first; never empty.

    First come: a place, then (where the round has a waiting line) a place in the line. Draw and review: received,
    without a ceiling but that of an early close; places are given out later. Window: received; after it first come,
    but while its draw is still to come only the line, with room left for those whom the draw will send there.

    Where groups may come, the line has moved up before anybody is seated (see `line.admit`): a place that is free
    by then fits nobody in line, and goes to a newcomer who fits. Nobody joins a line that moves no more.
    """
    spec, places = round_.spec, round_.round.places
    last = spec.closing_size(round_.round)
    is_behind_window = spec.selection == "window-draw" and now >= round_.window_end
    if spec.selection != "first-come" and not is_behind_window:
        room = NO_CEILING if last is None else max(0, last - counts.taken - counts.waiting)
        return [Seat("received", room)]
    moves = not has_begun(round_, now)
    room = round_.round.waiting if moves else 0
    if last is not None:
        room = min(room, max(0, last - places))
    if counts.received:
        surplus = max(0, counts.received - max(0, places - counts.taken))  # whom the draw sends into the line
        return [Seat("waiting", max(0, room - surplus))]
    line = [Seat("waiting", room)] if room else []
    return [Seat("confirmed", places, over_line=spec.party > 1 and moves), *line]


def needs_no_draw(round_: FormRound, now: datetime, counts: Counts) -> bool:
    """Is the window over, and not more people came than there are places? A list that is frozen is drawn all the same."""
    over = round_.spec.selection == "window-draw" and now >= round_.window_end
    return over and bool(counts.received) and counts.taken + counts.received <= round_.round.places


def check_size(round_: FormRound, size: int) -> None:
    """Raises Invalid when more people come together than the round has places: they could only wait for ever."""
    places = round_.round.places
    if size > places:
        said = f"이 회차의 정원은 {places}명입니다. 함께 오는 사람 수를 {places} 이하로 적어 주세요."
        raise Invalid([FieldError("party", said)])


def closes_now(round_: FormRound, counts: Counts) -> bool:
    """Have as many people come as close the round early?"""
    size = round_.spec.closing_size(round_.round)
    return size is not None and counts.taken + counts.waiting + counts.received >= size


def has_begun(round_: FormRound, now: datetime) -> bool:
    """Has the activity begun? False when the page says neither when it begins nor when it ends."""
    return round_.begins is not None and now >= round_.begins


def offer_deadline(round_: FormRound, now: datetime) -> datetime:
    """Until when an offer made now holds the place: the form's hours later, but never from 21:00 until 09:00.

    A time in the night is put off to 10:00 of the morning after it, so that nobody must answer asleep. No offer
    outlasts the moment at which the activity begins. Source: docs/rules.md#waiting.
    """
    end = now + timedelta(hours=round_.spec.offer_hours)
    if not MORNING <= end.hour < NIGHT:
        morning = end.replace(hour=AWAKE, minute=0, second=0, microsecond=0)
        end = morning if end.hour < MORNING else morning + timedelta(days=1)
    return min(end, round_.begins or end)


def has_lapsed(entry: Entry, round_: FormRound, now: datetime) -> bool:
    """Is it too late to answer the offer? Past its deadline, or past the start that staff have put forward."""
    late = entry.deadline is not None and entry.deadline <= now
    return entry.state == "offered" and (late or has_begun(round_, now))


def caps(round_: FormRound) -> list[Cap]:
    """What one sign-up uses up: one of each group limit, hours of the ledger, the only try of a round."""
    spec, hours = round_.spec, round_.round.hours
    said = "한 사람이 함께 신청할 수 있는 것은 {}개까지입니다."
    found = [Cap(f"limit:{each.group}", 1, each.max, message=said.format(each.max)) for each in spec.limits]
    if spec.ledger and hours:
        said = (
            f"한 사람이 쓸 수 있는 활동 시간 {spec.ledger_max}시간을 넘습니다. 이 활동은 {hours}시간입니다."
        )
        found.append(Cap(f"ledger:{spec.ledger}", hours, spec.ledger_max, ("attended",), said))
    if not spec.reentry:
        over = ("attended", "absent", "cancelled", "declined")
        said = "한 번만 신청할 수 있는 회차입니다. 스스로 취소하거나 사양한 뒤에는 다시 신청할 수 없습니다."
        found.append(Cap(f"once:{round_.subject}:{round_.id}", 1, 1, over, said))
    return found


def given_back(entry: Entry) -> dict[str, int]:
    """What an entry that ends by no act of its own person gives back of its caps: the only try of a round."""
    return {f"once:{entry.subject}:{entry.round}": 0}


def check_cancel(entry: Entry, round_: FormRound | None, now: datetime) -> None:
    """Raises NotEligible when the entry is over, or its activity has begun (round_: None when it is gone)."""
    if entry.state == "cancelled":
        raise NotEligible("이미 취소한 신청입니다.")
    if entry.state not in LIVE:
        raise NotEligible("끝난 신청은 취소할 수 없습니다.")
    if round_ and has_begun(round_, now):
        raise NotEligible("활동이 시작되어 여기에서는 취소할 수 없습니다. 담당 부서에 전화해 주세요.")


def for_line(round_: FormRound, now: datetime, counts: Counts, freed: int = 0) -> int:
    """How many places the line may have now; 0 once the activity has begun, and while a draw is to come.

    freed: people who have just given up their places. Under review the line gets only these: what else is free,
    staff give by their decisions. Source: docs/rules.md#review.
    """
    if has_begun(round_, now) or (counts.received and round_.spec.is_drawn):
        return 0
    free = max(0, round_.round.places - counts.taken)
    return min(free, freed) if round_.spec.selection == "review" else free


def may_move(round_: FormRound, now: datetime, counts: Counts) -> bool:
    """Could anything be due in the round? Says yes a little too often, never no too often."""
    is_offer = round_.spec.promotion == "offer" and counts.taken
    is_line_due = counts.waiting and for_line(round_, now, counts)
    return bool(is_offer or is_line_due) or needs_no_draw(round_, now, counts)


def check_offer(entry: Entry) -> None:
    """Raises NotEligible when no place is offered to this entry (any more)."""
    if entry.state == "offered":
        return
    if entry.cause == "lapsed":
        raise NotEligible("대답할 기한이 지나 제안이 끝났습니다.")
    raise NotEligible("지금은 제안된 자리가 없습니다.")


def check_call_off(facts: Mapping[str, str]) -> None:
    """Raises NotEligible when the round was called off already, and between freezing and drawing its list.

    facts: what is fixed about the round. A frozen list is announced, and drawn first.
    """
    if "called-off" in facts:
        raise NotEligible("이미 취소한 회차입니다.")
    if "frozen" in facts and "drawn" not in facts:
        raise NotEligible("명단을 확정한 회차입니다. 추첨한 뒤에(draw run) 정하세요.")


def check_reason(text: str) -> str:
    """The reason that people will read, without outer space. Raises NotEligible when none is given, or one that names somebody."""
    reason = clean(text)
    check_public("이유(--reason)", reason)
    if not reason:
        raise NotEligible("이유(--reason)를 적으세요. 신청한 사람에게 보입니다.")
    return reason


def check_decision(round_: FormRound, entry: Entry, state: str, counts: Counts) -> None:
    """Raises NotEligible unless staff may decide so: on what is received or waits, a place only while one is free."""
    if (
        round_.spec.selection != "review"
        or entry.state not in ("received", "waiting")
        or entry.state == state
    ):
        raise NotEligible("심사를 기다리는 신청이 아닙니다.")
    free, most = max(0, round_.round.places - counts.taken), round_.round.most_waiting
    if state == "confirmed" and entry.size > free:
        raise NotEligible(f"남은 자리가 {free}명이라 확정할 수 없습니다.")
    if state == "waiting" and most is not None and counts.waiting + entry.size > most:
        raise NotEligible(f"대기 인원(waiting) {most}명이 찼습니다.")


def check_hours(
    round_: FormRound | None, entry: Entry, hours: int | None, approved: bool, now: datetime
) -> None:
    """Raises NotEligible unless these hours (None: was absent) may be written down for the entry.

    After the activity has begun (round_: None when it is gone); worked hours may be put right until they are
    approved, and only worked hours are approved. Approved hours stay: only the same number is taken again.
    """
    starts = round_.round.starts if round_ else None
    if starts and now < starts:
        raise NotEligible(f"활동이 {korean.short_moment(starts, now)}에 시작합니다. 시작한 뒤에 적으세요.")
    if is_approved(entry) and not (approved and hours == entry.hours):
        raise NotEligible(f"이미 {entry.hours}시간을 인정한 신청입니다. 인정한 시간은 고치지 않습니다.")
    if entry.state not in (("attended",) if approved else ("confirmed", "attended", "absent")):
        raise NotEligible("확정되어 활동한 신청만 적을 수 있습니다.")


def is_approved(entry: Entry) -> bool:
    """Have its hours been approved?"""
    return entry.state == "attended" and entry.cause == "approved"
