"""What a message tells one person of their entry, whether it is still true, and when it may go; and who must be told when
a page says another time, place or state, or the day comes near. No sending, no web.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from civic.content.meetings import meetings, when, where
from civic.content.pages import Pages
from civic.content.particulars import Contact
from civic.places import rules
from civic.places.form_round import FormRound, rounds_of
from civic.places.intake import Found
from civic.places.phases import KEEP, entry_said, next_steps
from civic.places.promises import people
from civic.store.entry import LIVE, Message, Overview, latest
from civic.store.outbox import Letter
from civic.store.store import Store

CHANGED, REMINDER = "changed", "reminder"
TOLD, REMINDED = "told", "reminded"  # facts
SETTLED = timedelta(minutes=10)  # how long a page must say the same before people are told
HOUR = 10  # of the day before, when people are reminded
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


class Appointments:
    """Follows the pages. What a page has begun to say is known here alone: a new leader waits anew."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[str, datetime]] = {}

    def follow(self, pages: Pages, store: Store, now: datetime) -> None:
        """Queue what people must be told now. Raises Unavailable."""
        known = store.overview()
        for page in pages.subjects():
            there = known.get(page.subject, Overview())
            for round_ in rounds_of(page) if there.counts else ():
                if people(there.counts.get(round_.id)):
                    facts = there.facts.get(round_.id, {})
                    self._follow_page(store, round_, facts, now)
                    _remind(store, round_, facts, now)

    def _follow_page(self, store: Store, round_: FormRound, facts: Mapping[str, str], now: datetime) -> None:
        said, at = told_of(round_), (round_.subject, round_.id)
        before = latest(facts, TOLD)
        if said == before:
            self._seen.pop(at, None)
            return
        text, since = self._seen.get(at, ("", now))
        if text != said:
            self._seen[at] = said, now
        if before is None or (text == said and now - since >= SETTLED):
            with store.open(round_.subject, who="clock") as book:
                facts = book.fixed(round_.id)
                if latest(facts, TOLD) != before:
                    return  # another process was faster
                book.fix(round_.id, f"{TOLD}:{len(days_told(facts)) + 1}", said, now)
                for entry in book.entries(round_.id, LIVE) if before is not None else ():
                    if entry.received < since:  # who came later has read the page as it is
                        book.tell(CHANGED, entry.number, now)


def _remind(store: Store, round_: FormRound, facts: Mapping[str, str], now: datetime) -> None:
    starts = begins(round_)
    name = f"{REMINDED}:{starts.isoformat() if starts else ''}"
    if starts is None or name in facts or now >= starts or (round_.doc and round_.doc.off):
        return
    if now >= starts.replace(hour=HOUR, minute=0, second=0, microsecond=0) - timedelta(days=1):
        with store.open(round_.subject, who="clock") as book:
            if name not in book.fixed(round_.id):
                book.fix(round_.id, name, "", now)
                for entry in book.entries(round_.id, ("confirmed",)):
                    book.tell(REMINDER, entry.number, now)


def told_of(round_: FormRound) -> str:
    """Time, place and state of a round as its page says them, to be compared."""
    page = round_.doc
    times = [
        [each.starts.isoformat(), each.ends and each.ends.isoformat()]
        for each in meetings(page, round_.round)
    ]
    place = where(page, round_.round)
    said = times, getattr(page, "when", ""), place.full if place else "", getattr(page, "status", "")
    return json.dumps(said, ensure_ascii=False)


def days_told(facts: Mapping[str, str]) -> list[datetime | None]:
    """When a round was to begin each time that its people were told, the first time counted; None: no date yet."""
    times = [json.loads(text)[0] for name, text in facts.items() if name.partition(":")[0] == TOLD]
    return [datetime.fromisoformat(each[0][0]) if each else None for each in times]
