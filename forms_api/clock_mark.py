"""Which clock the servers of a store keep: what the first of them wrote down, taken up by every other. No settings."""

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from civic.clock import SEOUL, Clock, SteadyClock
from civic.errors import Misuse
from civic.store import open_box
from civic.store.entry import latest
from civic.store.key_file import PLACE as KEYS_PLACE
from civic.store.store import Store

PLACE = "server"  # the subject under which the marks of the clock are kept; no page has that address


@dataclass(frozen=True)
class ClockMark:
    """What one start of a server says about the clock of its store, for every process beside it.

    A store has one clock: a demonstration's runs from its --now, every other one's is the machine's. So no false clock
    can close a form, end an offer or open a draw among what citizens really sent.
    """

    start: datetime | None  # what it showed at first; None is the machine's own clock
    began: datetime  # when that was, by the machine

    def clock(self) -> Clock:
        """The same clock, in this process."""
        if self.start is None:
            return SteadyClock()
        return SteadyClock(self.start + max(timedelta(0), datetime.now(SEOUL) - self.began))


def mark_of(store: Store) -> ClockMark | None:
    """The newest mark; None on a store that no server has marked yet."""
    return newest(store.fixed(PLACE).get("", {}))


def take_up(store: Store, data: str, mark: ClockMark) -> Clock:
    """The clock of a server that starts with that mark, on the store of the address `data`.

    A demonstration begins its clock anew at each start. Raises Misuse for a demonstration on real data and for a real
    server on a demonstration's.
    """
    noted = any(change.subject != KEYS_PLACE for change in store.history(""))
    used = bool(store.subjects() or noted)
    if mark.start and not used:
        with closing(open_box(data)) as boxes:
            used = bool(boxes.polls())
    with store.open(PLACE, who="clock") as book:
        facts = book.fixed("")
        last = newest(facts)
        if mark.start is None and last and last.start:
            raise Misuse(
                "시연(--now)에 쓴 자료입니다. 진짜 접수에는 쓸 수 없습니다. 다른 자료를 --data로 정하거나 --now를 붙이세요."
            )
        if mark.start and (last.start is None if last else used):
            raise Misuse(
                "시연이 아닌 서버가 쓴 자료입니다. --now로 시각을 바꿀 수 없습니다. 시연에는 다른 자료를 --data로 정하세요."
            )
        if last != mark and (last is None or mark.start):  # the processes of one server share a mark
            start = mark.start.isoformat() if mark.start else ""
            text = json.dumps({"start": start, "began": mark.began.isoformat()})
            book.fix("", f"clock:{len(facts) + 1}", text, mark.began)
    return mark.clock()


def newest(facts: dict[str, str]) -> ClockMark | None:
    """The newest mark among what is fixed of PLACE; None without one."""
    text = latest(facts, "clock")
    if text is None:
        return None
    given = json.loads(text)
    start = datetime.fromisoformat(given["start"]) if given["start"] else None
    return ClockMark(start, datetime.fromisoformat(given["began"]))
