"""What a message tells one person of their entry, whether it is still true, and when it may go. Pure: no store, no sending."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from civic.content.meetings import meetings, when, where
from civic.content.particulars import Contact
from civic.places import rules
from civic.places.form_round import FormRound
from civic.places.intake import Found
from civic.places.phases import KEEP, entry_said, next_steps
from civic.store.entry import LIVE, Message
from civic.store.outbox import Letter

CHANGED, REMINDER = "changed", "reminder"
# What is new, by the kind of message and the cause of the entry's state, or the page's own state; the state itself is said by
# phases.py, as on the receipt.
NEWS = {
    "confirmed/promoted": "기다리던 자리가 났습니다.",
    "confirmed/drawn": "추첨에서 뽑혔습니다.",
    "confirmed/reviewed": "심사에서 뽑혔습니다.",
    "waiting/reviewed": "심사를 마쳤습니다.",
    "rejected/drawn": "추첨에서 뽑히지 않았습니다.",
    "cancelled": "담당 부서가 신청을 취소했습니다.",
    "cancelled/called-off": "신청하신 회차를 열지 않게 되었습니다.",
    "reminder": "곧 시작합니다.",
    "changed/planned": "일정이나 장소가 바뀌었습니다.",
    "changed/postponed": "연기되었습니다. 새 일정이 정해지면 다시 알려 드립니다.",
    "changed/cancelled": "취소되었습니다.",
}


def begins(round_: FormRound | None) -> datetime | None:
    """When a round's people must first be there; None while no date is set."""
    found = meetings(round_.doc, round_.round) if round_ else ()
    return found[0].starts if found else round_.begins if round_ else None


def is_true(kind: str, found: Found, now: datetime) -> bool:
    """Would it still tell how things are?"""
    entry, doc = found.entry, found.doc
    if doc and doc.needed_until and now >= doc.needed_until:
        return False
    if kind == REMINDER:
        starts = begins(found.round)
        return entry.state == "confirmed" and bool(starts and now < starts) and not (doc and doc.off)
    return entry.state in LIVE and doc is not None if kind == CHANGED else entry.state == kind


def may_go(kind: str, found: Found, now: datetime, days: Iterable[datetime | None]) -> datetime:
    """Now, or the end of the quiet hours for what can wait. days: on which people would come who were not told."""
    if rules.MORNING <= now.hour < rules.NIGHT:
        return now
    until = now.replace(hour=rules.MORNING, minute=0, second=0, microsecond=0)
    until += timedelta(days=now.hour >= rules.NIGHT)
    ends = {"offered": [found.entry.deadline], "cancelled": days, CHANGED: days}.get(kind, [])
    return now if any(end and now < end <= until for end in ends) else until


def letter(message: Message, found: Found, now: datetime, receipt: str, office: Contact) -> Letter:
    """What is sent, complete without its links. receipt: the whole address of the entry's."""
    kind, entry, doc, round_ = message.kind, found.entry, found.doc, found.round
    title, off = doc.title if doc else "신청하신 활동", doc.off if doc else ""
    is_live = entry.state in LIVE and not (off and kind == CHANGED)
    code, _, reason = entry.cause.partition(": ") if kind != REMINDER else ("", "", "")
    about = code.partition("-after-")[0]
    if kind == CHANGED:
        about, reason = getattr(doc, "status", "planned"), getattr(doc, "status_reason", "")
    label = f" {round_.label}" if round_ and len(round_.spec.rounds) > 1 else ""
    lines = [f"[{title}]{label}", NEWS.get(f"{kind}/{about}", NEWS.get(kind, ""))]
    if round_ and kind not in (CHANGED, "cancelled"):
        _, said = entry_said(entry, doc, round_.round, found.position, now)
        steps = next_steps(round_, entry.state, now) if is_live else []
        lines.append(" ".join([said, *(step for step in steps if step != KEEP)]))
    lines += [f"까닭: {reason.rstrip('. ')}."] if reason else []
    if is_live and round_:
        times, place = when(doc, round_.round, now), where(doc, round_.round)
        lines += [f"언제: {times[0]}{f' 외 {len(times) - 1}회' if len(times) > 1 else ''}"] if times else []
        lines += [f"어디서: {place.full}"] if place else []
    lines.append(f"접수번호 {entry.number}")
    if is_live and found.can_cancel and entry.state == "confirmed":
        lines.append(f"오지 못하시면 여기에서 ‘못 갑니다’를 눌러 주세요: {receipt}/cancel")
    elif is_live:
        lines.append(f"내 신청: {receipt}")
    lines.append(f"문의: {office.name} {office.phone}".rstrip())
    return Letter(f"[{title}] 신청 안내", "\n".join(filter(None, lines)), kind, message.key)
