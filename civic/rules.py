"""May this form be accepted, and which places are to be had? Pure checks: no clock, no store, no web.

Each check returns None or raises Refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from civic import wording
from civic.entries import LIVE, Cap, Counts, Entry, Seat
from civic.errors import Closed, NotEligible, NotOpen
from civic.forms import FormSpec, Round

NOBODY = Counts()
NO_CEILING = 1_000_000_000  # a draw or a review takes everyone who asks in time
NIGHT, MORNING, AWAKE = 21, 9, 10  # hours: no offer ends from 21:00 until 09:00; one that would ends at 10:00


def round_state(spec: FormSpec, each: Round, now: datetime, counts: Counts = NOBODY) -> str:
    """ "upcoming", "open", "full" (no place and no waiting place left) or "closed"; opens <= now < closes."""
    if counts.closed or now >= spec.closes_for(each):
        return "closed"
    if now < spec.opens_for(each):
        return "upcoming"
    if is_in_order(spec, each, now):
        no_place = counts.taken + counts.received >= each.places or counts.waiting > 0
        if no_place and counts.waiting + _surplus(each, counts) >= each.waiting:
            return "full"
    return "open"


def form_state(spec: FormSpec, now: datetime, counts: Mapping[str, Counts] | None = None) -> str:
    """The state of the whole form: open if any round is; else upcoming, full, closed, in this order."""
    states = {round_state(spec, each, now, (counts or {}).get(each.id, NOBODY)) for each in spec.rounds}
    return next(state for state in ("open", "upcoming", "full", "closed") if state in states)


def check_time(spec: FormSpec, each: Round, now: datetime, facts: Mapping[str, str] | None = None) -> None:
    """Raises NotOpen before the round opens, Closed from the moment it closes.

    facts: what is fixed about the round (see the store's book). One that was closed, frozen for its draw or called
    off takes nobody any more, whatever the clock says.
    """
    opens, closes = spec.opens_for(each), spec.closes_for(each)
    if now >= closes:
        raise Closed(wording.closing(closes))
    if is_closed(spec, each, facts):
        raise Closed
    if now < opens:
        raise NotOpen(wording.short_moment(opens))


def is_closed(spec: FormSpec, each: Round, facts: Mapping[str, str] | None) -> bool:
    """Do the facts about a round close it for good? A frozen window does not: others come behind it.

    A closing time that was seen to pass counts until staff put a later one into the page.
    """
    final = {"closed", "called-off", passed(spec, each)} | ({"frozen"} if spec.selection == "draw" else set())
    return bool(facts) and not final.isdisjoint(facts or {})


def passed(spec: FormSpec, each: Round) -> str:
    """The name of the fact that the round's closing time has passed."""
    return f"closed:{spec.closes_for(each).isoformat()}"


def window_end(spec: FormSpec, each: Round) -> datetime:
    """Until when all who apply have come at once: the end of the window; for a draw, the end of the form."""
    if spec.selection == "window-draw":
        return min(spec.opens_for(each) + timedelta(minutes=spec.window or 0), spec.closes_for(each))
    return spec.closes_for(each)


def is_in_order(spec: FormSpec, each: Round, now: datetime) -> bool:
    """Is whoever comes now behind those who came before? First come, or after the window."""
    return spec.selection == "first-come" or (
        spec.selection == "window-draw" and now >= window_end(spec, each)
    )


def is_drawn_later(spec: FormSpec) -> bool:
    """Does a draw give the places, or some of them?"""
    return spec.selection in ("draw", "window-draw")


def needs_the_round(spec: FormSpec) -> bool:
    """Must everybody else wait while one is taken in, because more than places and line is looked at?"""
    return spec.close_at is not None or spec.promotion == "offer" or is_drawn_later(spec)


def seats(spec: FormSpec, each: Round, now: datetime | None = None, counts: Counts = NOBODY) -> list[Seat]:
    """The states an applicant may get in this round, best first; never empty.

    First come: a place, then (where the round has a waiting line) a place in the line. Draw and review: received,
    without a ceiling; places are given out later. Window: received; after it first come, but while its draw
    is still to come only the line, with room left for those whom the draw will send there.
    """
    last = closing_size(spec, each)
    if spec.selection != "first-come" and (now is None or not is_in_order(spec, each, now)):
        return [Seat("received", NO_CEILING if last is None else last)]
    room = each.waiting if last is None else min(each.waiting, max(0, last - each.places))
    if counts.received:
        return [Seat("waiting", max(0, room - _surplus(each, counts)))]
    line = [Seat("waiting", room)] if room else []
    return [Seat("confirmed", each.places), *line]


def _surplus(each: Round, counts: Counts) -> int:
    """How many of those received in a window the draw will send into the line."""
    return max(0, counts.received - max(0, each.places - counts.taken))


def closing_size(spec: FormSpec, each: Round) -> int | None:
    """How many people close the round early: `close_at` times the places, rounded up; None without it."""
    # Decimal: 1.1 times 10 is 11, and not a little more.
    return None if spec.close_at is None else math.ceil(Decimal(str(spec.close_at)) * each.places)


def closes_now(spec: FormSpec, each: Round, counts: Counts) -> bool:
    """Have as many people come as close the round early?"""
    size = closing_size(spec, each)
    return size is not None and counts.taken + counts.waiting + counts.received >= size


def offer_deadline(now: datetime, hours: int) -> datetime:
    """Until when an offer made now holds the place: hours later, but never from 21:00 until 09:00.

    A time in the night is put off to 10:00 of the morning after it, so that nobody must answer asleep.
    Source: docs/rules.md#waiting.
    """
    end = now + timedelta(hours=hours)
    if MORNING <= end.hour < NIGHT:
        return end
    morning = end.replace(hour=AWAKE, minute=0, second=0, microsecond=0)
    return morning if end.hour < MORNING else morning + timedelta(days=1)


def caps(spec: FormSpec, each: Round, subject: str) -> list[Cap]:
    """What one sign-up uses up: one of each group limit, hours of the ledger, the only try of a round.

    subject: "lectures/essay", for a form that allows no second try after cancelling.
    """
    found = [
        Cap(
            f"limit:{limit.group}",
            1,
            limit.max,
            message=f"한 사람이 함께 신청할 수 있는 것은 {limit.max}개까지입니다.",
        )
        for limit in spec.limits
    ]
    if spec.ledger and each.hours:
        text = f"한 사람이 쓸 수 있는 활동 시간 {spec.ledger_max}시간을 넘습니다. 이 활동은 {each.hours}시간입니다."
        found.append(Cap(f"ledger:{spec.ledger}", each.hours, spec.ledger_max, ("attended",), text))
    if not spec.reentry:
        over = ("attended", "absent", "cancelled", "declined")
        found.append(
            Cap(f"once:{subject}:{each.id}", 1, 1, over, "취소한 뒤에는 다시 신청할 수 없는 신청입니다.")
        )
    return found


def check_cancel(entry: Entry, each: Round | None, now: datetime) -> None:
    """Raises NotEligible when the entry is over, or its activity has begun (each: None when the page is gone)."""
    if entry.state == "cancelled":
        raise NotEligible("이미 취소한 신청입니다.")
    if entry.state not in LIVE:
        raise NotEligible("끝난 신청은 취소할 수 없습니다.")
    if each and each.starts and now >= each.starts:
        raise NotEligible("활동이 시작되어 여기에서는 취소할 수 없습니다. 담당 부서에 전화해 주세요.")


def promoted(each: Round, counts: Counts, line: Sequence[Entry]) -> list[Entry]:
    """Those in the line, first in line first, who now have a place.

    Strict order: a group comes all or none; one that does not fit keeps its turn, and the next that fits goes.
    Empty when no place is free or nobody waits. The same rule as civic.draw.give; source: docs/rules.md#groups.
    """
    free = each.places - counts.taken
    lucky = []
    for entry in line:
        if entry.size <= free:
            free -= entry.size
            lucky.append(entry)
    return lucky


def check_offer(entry: Entry) -> None:
    """Raises NotEligible when no place is offered to this entry (any more)."""
    if entry.state == "offered":
        return
    if entry.cause == "lapsed":
        raise NotEligible("대답할 기한이 지나 자리가 다음 차례로 갔습니다.")
    raise NotEligible("지금은 제안된 자리가 없습니다.")


def check_call_off(each: Round, counts: Counts) -> None:
    """Raises NotEligible unless fewer people have a place than the round needs."""
    if counts.taken >= each.minimum:
        need = f"{counts.taken}명이 확정되어 최소 인원 {each.minimum}명을 채웠습니다"
        raise NotEligible(
            f"{need if each.minimum else '최소 인원(minimum)을 정하지 않은 회차입니다'}. 회차를 취소할 수 없습니다."
        )


def explain(spec: FormSpec) -> list[str]:
    """How places are given, in sentences for the page: the selection first, then what else this form says."""
    line = any(each.waiting for each in spec.rounds)
    said = [_selection(spec, line)]
    if is_drawn_later(spec) and spec.seed:
        said.append(
            f"추첨 씨앗은 미리 정한 공개 값인 ‘{spec.seed}’이며, 결과는 누구나 다시 계산해 볼 수 있습니다."
        )
    if spec.promotion == "offer":
        said.append(
            f"빈자리가 나면 대기 순서대로 알려 드리고 {spec.offer_hours}시간 동안 자리를 맡아 둡니다. "
            "기한이 밤 9시부터 아침 9시 사이이면 아침 10시까지 기다립니다."
        )
    if spec.party > 1 and (line or is_drawn_later(spec)):
        said.append(
            "함께 신청한 사람은 모두 같이 자리를 받습니다. 남은 자리가 모자라면 차례를 지킨 채 기다립니다."
        )
    if spec.close_at is not None:
        said.append(
            f"신청한 사람이 정원의 {spec.close_at:g}배가 되면 마감 시각 전이라도 접수를 마치고, 다시 열지 않습니다."
        )
    said += [f"같은 묶음에서 한 사람이 {limit.max}개까지 신청할 수 있습니다." for limit in spec.limits]
    if spec.ledger:
        said.append(
            f"한 사람의 활동 시간은 신청한 시간과 활동한 시간을 더해 {spec.ledger_max}시간까지입니다."
        )
    if not spec.reentry:
        said.append("취소하면 같은 회차에 다시 신청할 수 없습니다.")
    return said


def _selection(spec: FormSpec, line: bool) -> str:
    match spec.selection:
        case "draw":
            return "접수가 끝날 때까지 신청한 사람이 정원보다 많으면 추첨으로 정하며, 일찍 신청해도 더 유리하지 않습니다."
        case "window-draw":
            return (
                f"접수를 시작하고 {spec.window}분 안에 들어온 신청은 모두 동시에 온 것으로 보아 정원보다 많으면 "
                "추첨으로 차례를 정하고, 그 뒤의 신청은 온 차례대로 그 뒤에 섭니다."
            )
        case "review":
            return "담당 부서가 신청 내용을 살펴 정하고, 정한 이유를 함께 알려 드립니다."
        case _:
            more = ", 정원이 차면 대기 순서를 드립니다." if line else ", 정원이 차면 더 받지 않습니다."
            return f"신청한 차례대로 자리를 드리고{more}"


def next_steps(
    spec: FormSpec, each: Round, state: str, position: int | None = None, deadline: datetime | None = None
) -> list[str]:
    """What happens next, in sentences for the receipt; empty for an entry that is over.

    deadline: of an offer.
    """
    keep = "접수번호를 적어 두세요. ‘내 신청 확인’에서 접수번호와 휴대전화 번호 뒤 네 자리로 볼 수 있습니다."
    if state == "confirmed":
        steps = ["자리가 확정되었습니다."]
        if each.starts:
            steps.append(f"{wording.short_moment(each.starts)}에 시작합니다.")
        return [*steps, keep, "오지 못하게 되면 미리 취소해 주세요. 기다리는 분에게 자리가 갑니다."]
    if state == "waiting":
        place = f"대기 {position}번입니다. " if position else ""
        if spec.promotion == "offer":
            return [f"{place}자리가 나면 대기 순서대로 알려 드립니다. 기한 안에 수락하면 확정됩니다.", keep]
        return [f"{place}자리가 나면 대기 순서대로 바로 확정됩니다.", keep]
    if state == "offered":
        until = f"{wording.short_moment(deadline)}까지 " if deadline else ""
        return [f"자리가 났습니다. {until}‘내 신청 확인’에서 수락하거나 사양해 주세요.", keep]
    if state == "received":
        if spec.selection == "window-draw":
            end = wording.short_moment(window_end(spec, each))
            return [
                f"{end}까지 온 신청은 모두 동시에 온 것으로 봅니다. 정원보다 많으면 추첨해서 정합니다.",
                keep,
            ]
        closes = wording.closing(spec.closes_for(each))
        how = "심사해서" if spec.selection == "review" else "추첨해서"
        return [f"접수가 끝나는 {closes} 뒤에 {how} 정합니다.", keep]
    return []
