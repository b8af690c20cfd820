"""What a server does without being asked: lets offers lapse, moves lines up, tells people what became of them, and
erases answers whose time is over."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask

from civic import korean
from civic.errors import Refused
from civic.links import link
from civic.places import retention
from civic.places.intake import Intake
from civic.store.book import Message
from civic.store.entry import Entry
from civic.store.seal import Erased, WrongKey
from forms_api.desk import EXTENSION
from forms_api.log import EventLog
from forms_api.senders import PATIENCE, Reaching
from forms_api.services import Services

PAUSE = 2.0  # seconds between two rounds
LEASE = timedelta(minutes=5)  # how long another server leaves a message to the one that took it
RETRY = timedelta(minutes=1)
KEEPING_PAUSE = 3600.0  # seconds between two looks at what is kept too long

TEXTS = {
    "promoted": "기다리던 자리가 확정되었습니다.",
    "confirmed": "신청이 확정되었습니다.",
    "waiting": "대기 순서를 받았습니다. 순서는 ‘내 신청 확인’에서 볼 수 있습니다.",
    "offer": "자리가 났습니다. {deadline}까지 수락하거나 사양해 주세요. 기한이 지나면 다음 순서로 갑니다.",
    "lapsed": "대답할 기한이 지나 자리가 다음 순서로 갔습니다.",
    "rejected": "이번에는 선정되지 않았습니다. {why}",
    "called-off": "신청하신 회차를 열지 않게 되었습니다. {why}",
}


class Rounds:
    """Goes round every PAUSE seconds, in a thread of its own, until it is stopped."""

    def __init__(self, intake: Intake, sender: Reaching, base_url: str, log: EventLog) -> None:
        self._intake, self._sender, self._base_url, self._log = intake, sender, base_url, log
        self._later: dict[int, datetime] = {}  # message -> not before
        self._kept_seen = -KEEPING_PAUSE  # when what is kept was last looked at, by the monotonic clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier server left."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message under way."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE + 1)

    def once(self) -> int:
        """One round; how many messages went out."""
        self._intake.advance()
        gone = self.deliver()
        if time.monotonic() - self._kept_seen >= KEEPING_PAUSE:
            self.erase()
            self._kept_seen = time.monotonic()
        return gone

    def erase(self) -> list[str]:
        """Erase answers that have been kept as long as their pages say; those subjects."""
        intake = self._intake
        erased = retention.follow(intake.library, intake.store, intake.keys, intake.clock.now())
        for subject in erased:
            self._log.event("answers-erased", subject=subject)
        return erased

    def deliver(self) -> int:
        """Send what is due; what cannot go now is tried again, what never can is given up."""
        store, now, gone = self._intake.store, self._intake.clock.now(), 0
        for message in store.messages(now):
            if self._over.is_set() or self._later.get(message.id, now) > now:
                continue
            if not store.claim(message, now + LEASE):
                continue
            entry = store.find(message.number)
            if entry is not None and not self._tell(message, entry, now):
                self._later[message.id] = now + RETRY
                continue
            store.sent(message)
            self._later.pop(message.id, None)
            gone += 1
        return gone

    def _tell(self, message: Message, entry: Entry, now: datetime) -> bool:
        """Send one; False to try again later."""
        try:
            contacts = self._contacts(entry)
        except (Erased, WrongKey):
            return True  # nobody can be reached any more
        for contact in contacts:
            try:
                self._sender.check(contact)
                self._sender.send(contact, *self._words(message, entry))
                return True
            except (Refused, OSError):
                continue  # the other contact may do
            except ValueError:
                return True  # this contact will never do
        return False

    def _contacts(self, entry: Entry) -> list[str]:
        plain = self._intake.keys.unseal(self._intake.store, entry.subject, entry.number, entry.sealed)
        given = json.loads(plain)
        return [given[name] for name in ("phone", "email") if given.get(name)]

    def _words(self, message: Message, entry: Entry) -> tuple[str, str]:
        folder, _, slug = entry.subject.partition("/")
        doc = self._intake.library.get(folder, slug)
        title = doc.title if doc else "신청"
        deadline = korean.short_moment(entry.deadline) if entry.deadline else "곧"
        text = TEXTS.get(message.kind, "신청의 상태가 바뀌었습니다.")
        why = entry.cause.partition(": ")[2].rstrip(". ")
        said = text.format(deadline=deadline, why=f"까닭: {why}." if why else "").strip()
        return (
            f"[{title}] 신청 안내",
            f"[{title}] {said} 접수번호 {entry.number}, {self._base_url}{link('my')}",
        )

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.once()
            except Refused:
                pass  # the store says by itself, at /readyz, what is wrong
            except Exception as err:  # the thread must outlive whatever one round meets
                self._log.failure("rounds", err)
            self._over.wait(PAUSE)


def start_notices(app: Flask) -> Rounds:
    """The rounds of this app, under way."""
    parts = cast(Services, app.extensions["madang"])
    sender = cast(Any, app.extensions[EXTENSION]).sender
    rounds = Rounds(parts.intake, sender, parts.site.base_url, parts.log)
    rounds.start()
    return rounds
