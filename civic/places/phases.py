"""What a page says of itself in each phase: one table of sentences for home, lists, pages, receipts and feeds; how a form
gives places, and what comes next. No decisions, no store, no web.

Two axes: the form (upcoming, open, full, closed, drawing, decided; "" without one) and what it is for (ahead, running,
over). What was put off or called off says only that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from civic import korean
from civic.content.form import FormSpec
from civic.content.meetings import meetings
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.content.rounds import Round
from civic.places.form_round import FormRound, rounds_of
from civic.places.rules import form_state, has_begun, round_state
from civic.store.entry import LIVE, Entry

OVER = ("끝남", "끝났습니다.")
# (form, what it is for) -> the badge, and the sentence. {begins} and {result} are whole sentences, or nothing.
PHASES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("", "ahead"): ("", "{begins}"),
    ("", "running"): ("진행 중", "지금 하고 있습니다."),
    ("", "over"): OVER,
    ("upcoming", "ahead"): ("접수예정", "신청은 {opens}에 시작합니다."),
    ("upcoming", "running"): ("접수예정", "이미 시작한 활동입니다. 다음 신청은 {opens}에 시작합니다."),
    ("upcoming", "over"): ("접수예정", "신청은 {opens}에 시작합니다."),
    ("open", "ahead"): ("접수중", "신청을 {closes}까지 받습니다."),
    ("open", "running"): ("접수중", "이미 시작했지만, 신청을 {closes}까지 받습니다."),
    ("open", "over"): ("접수중", "신청을 {closes}까지 받습니다."),
    ("full", "ahead"): (
        "정원마감",
        "정원이 모두 찼습니다. {closes}까지 자리가 나면 다시 신청할 수 있습니다.",
    ),
    ("full", "running"): ("정원마감", "정원이 모두 찼고, 이미 시작했습니다."),
    ("full", "over"): OVER,
    ("closed", "ahead"): ("접수마감", "신청을 마감했습니다. {begins}"),
    ("closed", "running"): ("진행 중", "신청을 마감했고, 지금 하고 있습니다."),
    ("closed", "over"): OVER,
    ("drawing", "ahead"): ("결과 전", "신청을 마감했습니다. {result}"),
    ("drawing", "running"): ("진행 중", "신청을 마감했고, 지금 하고 있습니다."),
    ("drawing", "over"): OVER,
    ("decided", "ahead"): ("결과 나옴", "추첨 결과가 나왔습니다. {begins}"),
    ("decided", "running"): ("진행 중", "추첨 결과가 나왔고, 지금 하고 있습니다."),
    ("decided", "over"): ("끝남", "끝났습니다. 추첨 결과는 계속 볼 수 있습니다."),
}
VOTES: Mapping[str, tuple[str, str]] = {
    "upcoming": ("투표 예정", "투표는 {opens}에 시작합니다."),
    "open": ("투표 중", "{closes}까지 투표할 수 있습니다."),
    "closed": ("투표 마감", "투표가 끝났습니다. 결과는 세는 일이 끝나면 이 누리집에 올립니다."),
    "decided": ("결과 나옴", "투표 결과가 나왔습니다."),
}
STRESSED = {"upcoming": "opens", "open": "closes"}
# State of an entry -> what stands over its receipt, and the sentence. {lost}, {place}, {begins}, {result}: sentences, or nothing.
ENTRIES: Mapping[str, tuple[str, str]] = {
    "received": ("신청을 마쳤습니다", "신청을 접수했습니다. {result}"),
    "confirmed": ("신청을 마쳤습니다", "신청이 확정되었습니다. {begins}"),
    "waiting": ("대기자로 접수했습니다", "{lost}{place}"),
    "offered": ("자리를 맡아 두었습니다", "자리가 났습니다. {until}까지 수락하거나 사양해 주세요."),
    "declined": ("자리를 사양했습니다", "자리를 사양한 신청입니다."),
    "lapsed": ("자리가 다음 순서로 갔습니다", "대답할 기한이 지나 자리가 다음 순서로 갔습니다."),
    "cancelled": ("신청을 취소했습니다", "취소한 신청입니다."),
    "rejected": ("신청한 결과입니다", "이번에는 선정되지 않았습니다."),
    "attended": ("참여를 마쳤습니다", "참여를 마쳤습니다."),
    "absent": ("참여하지 않은 신청입니다", "참여하지 않은 신청입니다."),
    "confirmed-over": ("확정되었던 신청입니다", "끝난 활동입니다."),
    "waiting-over": ("대기가 끝났습니다", "자리가 나지 않은 채 활동이 시작되어 대기가 끝났습니다."),
}
KEEP = "접수번호를 적어 두세요. ‘내 신청 확인’에서 접수번호와 휴대전화 번호 뒤 네 자리로 볼 수 있습니다."
KEPT = "적은 내용은 아래에 그대로 있습니다."
NEXT = {  # refusal -> what can be done now; see civic.errors
    "not-open": f"{KEPT} 시작하면 아래 버튼을 눌러 주세요.",
    "closed": f"{KEPT} 이 신청은 더 받지 않습니다.",
    "full": f"{KEPT} 자리가 나면 다시 신청할 수 있습니다.",
    "already-applied": "한 사람이 한 번만 신청할 수 있습니다. 신청한 것을 보고, 바꾸거나 취소할 수 있습니다.",
    "limit-reached": f"{KEPT} 다른 신청을 취소하면 이것을 신청할 수 있습니다.",
}
LATER = f"{KEPT} 잠시 뒤에 아래 버튼을 다시 눌러 주세요. 여러 번 눌러도 한 번만 접수됩니다."
SELECTIONS = {  # how places are given; {line}, {window}: of the form
    "first-come": "신청한 차례대로 자리를 드리고, 정원이 차면 {line}.",
    "draw": "접수가 끝날 때까지 신청한 사람이 정원보다 많으면 추첨으로 정하며, 일찍 신청해도 더 유리하지 않습니다.",
    "window-draw": "접수를 시작하고 {window}분 안에 들어온 신청은 모두 동시에 온 것으로 보아 정원보다 많으면 "
    "추첨으로 차례를 정하고, 그 뒤의 신청은 온 차례대로 그 뒤에 섭니다.",
    "review": "담당 부서가 신청 내용을 살펴 정하고, 정한 이유를 함께 알려 드립니다.",
}
BY_REVIEW = "대기하는 신청은 담당 부서가 정하거나, 자리를 받은 사람이 취소하면 그 자리를 차례대로 받습니다."
OFFERED = (
    "빈자리가 나면 대기 순서대로 알려 드리고 {}시간 동안 자리를 맡아 둡니다. "
    "기한이 밤 9시부터 아침 9시 사이이면 아침 10시까지 기다립니다."
)
BEGINS = " 활동이 그 전에 시작하면 그때까지만 기다립니다."
TOGETHER = (
    "함께 신청한 사람은 모두 같이 자리를 받습니다. 남은 자리가 모자라면 차례를 지킨 채 기다리고, "
    "그 자리는 다음 차례 가운데 맞는 신청이 먼저 받습니다."
)
CLOSES_AT = "확정되거나 기다리는 사람을 모두 더해 정원의 {:g}배가 되면 마감 시각 전이라도 접수를 마치고, 다시 열지 않습니다."
HOURS = "한 사람의 활동 시간은 신청한 시간과 활동한 시간을 더해 {}시간까지입니다."


@dataclass(frozen=True)
class Phase:
    """Where a page stands. form, happening: as in PHASES; of a vote, `form` is as in VOTES and `happening` ""."""

    form: str
    happening: str
    badge: str
    said: str
    date: str = ""  # the part of what is said that is stressed: until when, or from when

    @property
    def is_over(self) -> bool:
        """Is there nothing to do or to come to any more?"""
        return self.badge in (OVER[0], korean.OFF["cancelled"])


def phase_of(doc: Document, now: datetime, is_decided: bool = False, state: str = "") -> Phase:
    """The phase of a page at a time. is_decided: its draw or its vote has a published result.

    state: as if its form were "upcoming", "open", "full" or "closed"; "" is what the clock says (never "full").
    """
    happens, spec = happening(doc, now), doc.spec
    if doc.off:
        said = f"{doc.off}되었습니다. {getattr(doc, 'status_reason', '')}"
        return Phase("closed" if spec else "", happens, doc.off, said)
    form, times = "", {"begins": _begins(doc, now)}
    if isinstance(doc, Poll):
        clock = "upcoming" if now < doc.opens else "open" if now < doc.closes else "closed"
        form, happens = "decided" if is_decided else state or clock, ""
        times = _times(doc.opens, doc.closes, now)
    elif spec:
        form = state = state or form_state(spec, now)
        if state == "closed" and spec.selection != "first-come":
            form = "decided" if is_decided else "drawing"
        rounds = [each for each in rounds_of(doc) if round_state(each, now) == state] or rounds_of(doc)
        times |= _times(min(each.opens for each in rounds), max(each.closes for each in rounds), now)
        times["result"] = result_told(spec, now)
    badge, said = VOTES[form] if isinstance(doc, Poll) else PHASES[form, happens]
    date = times.get(STRESSED.get(form, ""), "")
    return Phase(form, happens, badge, said.format(**times).strip(), date)


def happening(doc: Document, now: datetime) -> str:
    """ "ahead" until what the page is for begins or while no date is set, "running", "over"."""
    rounds = [each.round for each in rounds_of(doc)]
    spans = [doc.span or (None, None), *((each.starts, each.ends) for each in rounds)]
    starts, ends = ([at for at in times if at] for times in zip(*spans, strict=True))
    if not starts or now < min(starts):
        return "ahead"
    return "over" if now >= max(ends or starts) else "running"


def result_told(spec: FormSpec, now: datetime, round_: Round | None = None) -> str:
    """When the result of a draw or review comes, and how one is told; "" where places are given at once.

    round_: of one who signed up for it; None: of all rounds together.
    """
    if spec.selection == "first-come":
        return ""
    ends = [spec.window_end(each) for each in ((round_,) if round_ else spec.rounds)]
    after = korean.closing(spec.seed_at or spec.freeze_at or max(ends), now)
    when = f"{korean.short_moment(spec.result_at, now)}에" if spec.result_at else f"{after} 뒤에"
    how = "추첨해" if spec.is_drawn else "정해"
    return f"결과는 {when} {how} 적어 주신 휴대전화로 알려 드리고, ‘내 신청 확인’에서도 볼 수 있습니다."


def entry_said(
    entry: Entry, doc: Document | None, round_: Round, position: int | None, now: datetime
) -> tuple[str, str]:
    """What stands over the receipt of an entry, and what its state means in one sentence. doc: None when its page is gone."""
    spec = doc.spec if doc else None
    begun = spec is not None and has_begun(FormRound(doc, spec, round_), now)
    name = "lapsed" if entry.cause == "lapsed" else entry.state
    if (name == "confirmed" and doc and happening(doc, now) == "over") or (name == "waiting" and begun):
        name += "-over"
    title, said = ENTRIES[name]
    words = {
        "begins": "" if begun else _begins(doc, now, round_),
        "result": result_told(spec, now, round_) if spec else "",
        "lost": "추첨에서 자리를 받지 못했습니다. " if entry.cause.startswith("drawn") else "",
        "place": f"지금 대기 {position}번입니다."
        if position
        else "추첨을 기다리는 신청이 먼저입니다. 대기 순서는 추첨이 끝난 뒤에 정해집니다.",
        "until": korean.closing(entry.deadline, now) if entry.deadline else "곧",
    }
    return title, said.format(**words).strip()


def next_step(refusal: str) -> str:
    """What somebody whose sign-up was refused can do now. refusal: its name."""
    return NEXT.get(refusal, LATER)


def explain(spec: FormSpec) -> list[str]:
    """How places are given, in sentences for the page: the selection first, then what else this form says."""
    line, is_drawn = any(each.waiting for each in spec.rounds), spec.is_drawn
    begins = any(each.starts or each.ends for each in spec.rounds)
    seed = f"미리 정한 공개 값인 ‘{spec.seed}’이며" if spec.seed else "두 사람이 저마다 만든 무작위 값이며"
    more = (
        (spec.selection == "review", BY_REVIEW),
        (is_drawn, "추첨에는 접수증에 적힌 추첨 번호만 공개합니다."),
        (is_drawn, f"추첨 값은 {seed}, 결과는 누구나 다시 계산해 볼 수 있습니다."),
        (spec.promotion == "offer", OFFERED.format(spec.offer_hours) + (BEGINS if begins else "")),
        (spec.party > 1 and (line or is_drawn), TOGETHER),
        (spec.close_at is not None, CLOSES_AT.format(spec.close_at or 0)),
        *((True, f"같은 묶음에서 한 사람이 {each.max}개까지 신청할 수 있습니다.") for each in spec.limits),
        (spec.ledger, HOURS.format(spec.ledger_max)),
        (not spec.reentry, "스스로 취소하거나 사양하면 같은 회차에 다시 신청할 수 없습니다."),
    )
    how = SELECTIONS[spec.selection].format(
        window=spec.window, line="대기 순서를 드립니다" if line else "더 받지 않습니다"
    )
    return [how, *(text for is_so, text in more if is_so)]


def next_steps(round_: FormRound, state: str, now: datetime) -> list[str]:
    """What happens next, in sentences for the receipt, beside what its state means (`phases.entry_said`); empty when it is over."""
    spec, starts = round_.spec, round_.round.starts
    is_offered, is_reviewed = spec.promotion == "offer", spec.selection == "review"
    moves = "자리를 받은 분이 취소하면" if is_reviewed else "자리가 나면"
    placed = "알려 드립니다. 기한 안에 수락하면 확정됩니다." if is_offered else "바로 확정됩니다."
    steps = {
        "confirmed": ["오지 못하게 되면 미리 취소해 주세요. 기다리는 분에게 자리가 갑니다."],
        "waiting": [f"{moves} 대기 순서대로 {placed}"],
        "offered": ["‘내 신청 확인’에서 답할 수 있습니다. 기한이 지나면 다음 순서로 갑니다."],
    }.get(state, [])
    if state == "waiting" and starts:
        steps.append(f"{korean.short_moment(starts, now)}에 활동이 시작하면 대기는 끝납니다.")
    if state == "received" and spec.selection == "window-draw":
        end = korean.short_moment(round_.window_end, now)
        steps.append(f"{end}까지 온 신청은 모두 동시에 온 것으로 봅니다. 정원보다 많으면 추첨해서 정합니다.")
    return [*steps, KEEP] if state in LIVE else []


def _times(opens: datetime, closes: datetime, now: datetime) -> dict[str, str]:
    return {"opens": korean.short_moment(opens, now), "closes": korean.closing(closes, now)}


def _begins(doc: Document | None, now: datetime, round_: Round | None = None) -> str:
    ahead = [each.starts for each in meetings(doc, round_) if each.starts > now]
    return f"{korean.short_moment(min(ahead), now)}에 시작합니다." if ahead else ""
