"""Of which time, place and state the people of each round know: told anew when the page says otherwise, reminded the day before.

Everybody is told once, by a fact of the store. No sending, no web.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from civic.content.meetings import meetings, where
from civic.content.pages import Pages
from civic.places.form_round import FormRound, rounds_of
from civic.places.messages import CHANGED, REMINDER, begins
from civic.places.promises import people
from civic.store.entry import LIVE, Overview, latest
from civic.store.store import Store

TOLD, REMINDED = "told", "reminded"  # facts
SETTLED = timedelta(minutes=10)  # how long a page must say the same before people are told
HOUR = 10  # of the day before, when people are reminded


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
