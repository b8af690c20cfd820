"""How a form gives places, what happens next, and what has happened, in sentences for citizens. No decisions, no files."""

from datetime import datetime

from civic import korean
from civic.content.form import FormSpec
from civic.places.form_round import FormRound
from civic.store.entry import LIVE

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
SELECTIONS = {
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
