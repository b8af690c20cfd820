"""What a page says of itself in each phase: one table of sentences for home, lists, pages, receipts and feeds. No store, no web.

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
from civic.store.entry import Entry

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
    if isinstance(doc, Poll):
        clock = "upcoming" if now < doc.opens else "open" if now < doc.closes else "closed"
        form = "decided" if is_decided else state or clock
        badge, said = VOTES[form]
        times = _times(doc.opens, doc.closes, now)
        return Phase(form, "", badge, said.format(**times), times.get(STRESSED.get(form, ""), ""))
    form, times = "", {"begins": _begins(doc, now)}
    if spec:
        form = state = state or form_state(spec, now)
        if state == "closed" and spec.selection != "first-come":
            form = "decided" if is_decided else "drawing"
        rounds = [each for each in rounds_of(doc) if round_state(each, now) == state] or rounds_of(doc)
        times |= _times(min(each.opens for each in rounds), max(each.closes for each in rounds), now)
        times["result"] = result_told(spec, now)
    badge, said = PHASES[form, happens]
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


def _times(opens: datetime, closes: datetime, now: datetime) -> dict[str, str]:
    return {"opens": korean.short_moment(opens, now), "closes": korean.closing(closes, now)}


def _begins(doc: Document | None, now: datetime, round_: Round | None = None) -> str:
    ahead = [each.starts for each in meetings(doc, round_) if each.starts > now]
    return f"{korean.short_moment(min(ahead), now)}에 시작합니다." if ahead else ""
