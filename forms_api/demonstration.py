"""One clock per store: a demonstration's runs from its --now, every other one's is the machine's. No command line.

A server marks its store with the fact of which clock it keeps, and since when; every process beside it reads the same
time from that. So no false clock can close a form, end an offer or open a draw among what citizens really sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from civic.clock import SEOUL, Clock, SteadyClock
from civic.errors import Misuse
from civic.store import open_box
from civic.store.book import Store

PLACE = "server"  # the subject under which the marks are kept; no page has that address


@dataclass(frozen=True)
class Mark:
    """What one start of a server says about the clock."""

    start: datetime | None  # what it showed at first; None is the machine's own clock
    began: datetime  # when that was, by the machine

    def clock(self) -> Clock:
        """The same clock, in this process."""
        if self.start is None:
            return SteadyClock()
        return SteadyClock(self.start + max(timedelta(0), datetime.now(SEOUL) - self.began))


def mark_of(store: Store) -> Mark | None:
    """The newest mark; None on a store that no server has marked yet."""
    return _newest(store.fixed(PLACE).get("", {}))


def take_up(store: Store, data: str, mine: Mark) -> Clock:
    """The clock of a server that starts with that mark, on the store of the address `data`.

    A demonstration begins its clock anew at each start. Raises Misuse for a demonstration on real data and for a real
    server on a demonstration's.
    """
    used = bool(store.subjects() or store.history("")) or (mine.start is not None and _has_ballots(data))
    with store.open(PLACE, who="clock") as book:
        facts = book.fixed("")
        last = _newest(facts)
        if mine.start is None and last and last.start:
            raise Misuse(
                "시연(--now)에 쓴 자료입니다. 진짜 접수에는 쓸 수 없습니다. 다른 자료를 --data로 정하거나 --now를 붙이세요."
            )
        if mine.start and (last.start is None if last else used):
            raise Misuse(
                "시연이 아닌 서버가 쓴 자료입니다. --now로 시각을 바꿀 수 없습니다. 시연에는 다른 자료를 --data로 정하세요."
            )
        if last != mine and (last is None or mine.start):  # the processes of one server share a mark
            start = mine.start.isoformat() if mine.start else ""
            text = json.dumps({"start": start, "began": mine.began.isoformat()})
            book.fix("", f"clock:{len(facts) + 1}", text, mine.began)
    return mine.clock()


def _newest(facts: dict[str, str]) -> Mark | None:
    marks = {int(name.partition(":")[2]): text for name, text in facts.items() if name.startswith("clock:")}
    if not marks:
        return None
    given = json.loads(marks[max(marks)])
    start = datetime.fromisoformat(given["start"]) if given["start"] else None
    return Mark(start, datetime.fromisoformat(given["began"]))


def _has_ballots(data: str) -> bool:
    boxes = open_box(data)
    try:
        return bool(boxes.polls())
    finally:
        boxes.shut()
