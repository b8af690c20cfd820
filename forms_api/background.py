"""What a server does without being asked: lets offers lapse, moves lines up, tells people what became of them, sends
codes, erases answers whose time is over, counts light polls, and follows the built site."""

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

from flask import Flask

from civic.contacts.budget import CONTACT_DAY, DAY
from civic.content.meetings import Invite, calendar_file
from civic.errors import ContentMistakes, Refused
from civic.library import load
from civic.people import is_mobile
from civic.places import messages, retention
from civic.places.intake import Found
from civic.places.messages import SETTLED, TOLD, Appointments, days_told, told_of
from civic.store.entry import Message, latest
from civic.store.outbox import STUCK, Letter, Parcel, PutOff
from civic.store.seal import Erased, WrongKey
from civic.store.store import Store
from civic.votes.light import due, follow
from forms_api.metrics import EventLog
from forms_api.operations import SERVICES, Services
from forms_api.senders import PATIENCE
from forms_api.settings import Settings

ROUND = 2.0  # seconds between two looks at offers and messages
OUTBOX = 1.0  # seconds between two looks for codes to send, when nobody wakes it
LOOK = 1.0  # seconds between two looks at the built site
RUSH, GIVES_WAY = 0.05, 1.0  # seconds between two sign-ups; that a few messages wait for those who sign up
LEADING = 10.0  # seconds, by the store's clock; then another process may lead
COUNTING = 1.0  # seconds between two times that a process tells the others what it has counted
PAGES_PAUSE = 20.0  # seconds between two looks at what the pages say of time and place
KEEPING_PAUSE = 3600.0  # seconds between two looks at what is kept too long
WAYS = ("email", "phone")  # the one last that costs most when it goes twice
PAUSE = timedelta(minutes=10)  # between two looks whether a way is set by which somebody can be reached
Act = Callable[["Every"], object]


class Every:
    """Does something again and again in a thread of its own, with a pause between; begins at once."""

    def __init__(self, name: str, pause: float, act: Act, log: EventLog, call: Event | None = None) -> None:
        """call: set by whoever wants it done now."""
        self._pause, self._act, self._log = pause, act, log
        self._call = call or Event()
        self.is_over = self.is_woken = False
        self.thread = Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End after what is under way, without waiting; the act itself may look at `is_over` and `is_woken`."""
        self.is_over = True
        self._call.set()

    def _run(self) -> None:
        while not self.is_over:
            try:
                self._act(self)
            except Exception as err:  # the thread must outlive whatever it meets
                self._log.failure(self.thread.name, err)
            self.is_woken = self._call.wait(self._pause)
            self._call.clear()


class Lead:
    """One of the processes on a store leads a task. That saves work; every act is still claimed or decided by itself."""

    def __init__(self, store: Store, task: str, settings: Settings) -> None:
        """settings: one process on a folder leads without a word: there is nothing to agree on."""
        self._store, self._task = store, task
        self._is_alone = settings.processes == 1 and bool(settings.data_dir)
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._until = 0.0  # by the monotonic clock: well before the store's own end of the lease

    def has(self) -> bool:
        """Does this process lead now? Raises Unavailable."""
        if not self._is_alone and time.monotonic() >= self._until:
            if not self._store.lease(self._task, self._holder, LEADING):
                return False
            self._until = time.monotonic() + LEADING / 2
        return True


class Notices:
    """What is due for the entries of one intake: moves, erasing, and messages, by text message and by mail."""

    def __init__(self, parts: Services) -> None:
        self._parts, self._appointments = parts, Appointments()
        self._lead = Lead(parts.intake.store, "notices", parts.settings)
        # When they were last looked at, by the monotonic clock: what is kept, what the pages say of their times.
        self._kept_seen, self._pages_seen = -KEEPING_PAUSE, -PAGES_PAUSE

    def look(self, loop: Every) -> None:
        """One round; given up where the store refuses, which says by itself, at /readyz, what is wrong."""
        intake = self._parts.intake
        with suppress(Refused):
            if not self._lead.has():
                return
            intake.advance()
            if time.monotonic() - self._pages_seen >= PAGES_PAUSE:
                self._appointments.follow(intake.library, intake.store, intake.clock.now())
                self._pages_seen = time.monotonic()
            while not loop.is_over and self.deliver():
                until = time.monotonic() + GIVES_WAY
                while time.monotonic() < min(until, self._parts.metrics.kept_at + RUSH):
                    time.sleep(RUSH)
            if time.monotonic() - self._kept_seen >= KEEPING_PAUSE:
                # Answers that have been kept as long as their pages say.
                now = intake.clock.now()
                for subject in retention.follow(intake.library, intake.store, intake.keys, now):
                    self._parts.log.event("answers-erased", subject=subject)
                retention.forget(intake.store, now)
                intake.store.scrub()  # while somebody reads for long it fails, and is done in an hour
                self._kept_seen = time.monotonic()

    def deliver(self) -> int:
        """Send some of what is due; how many were looked at. Without a sender they wait for the day when there is one."""
        intake = self._parts.intake
        return intake.store.outbox.deliver(intake.clock, self._send) if self._parts.sender.can_send else 0

    def _send(self, parcel: Parcel) -> PutOff | None:
        """See `Outbox.deliver`."""
        message, intake = Message(*parcel.row), self._parts.intake
        now, entry = intake.clock.now(), intake.store.find(message.number)
        if entry is None:
            return None
        try:
            given = json.loads(intake.keys.unseal(intake.store, entry.subject, entry.number, entry.sealed))
        except (Erased, WrongKey):
            return None  # nobody can be reached any more
        found = intake.found(entry)
        facts = intake.store.fixed(entry.subject).get(entry.round, {})
        if not messages.is_true(message.kind, found, now):
            return None
        if entry.cause == "applied":  # anybody may have typed this number, again and again
            lately = [each for each in intake.store.of_contact(entry.contact) if each.received > now - DAY]
            if len(lately) > CONTACT_DAY:
                return None
        if message.kind == messages.CHANGED and found.round and latest(facts, TOLD) != told_of(found.round):
            return PutOff(now + SETTLED)  # it is being changed again
        days = [*days_told(facts), messages.begins(found.round)]
        at = messages.may_go(message.kind, found, now, days)
        if at > now:
            return PutOff(at)
        return self._go(message, found, given, parcel.tries)

    def _go(self, message: Message, found: Found, given: dict[str, Any], tries: int) -> PutOff | None:
        """By every way that is left; see `Outbox.deliver`."""
        parts, facts = self._parts, {"subject": found.entry.subject, "kind": message.kind}
        contacts = {
            way: given[way] for way in WAYS if "@" in given.get(way, "") or is_mobile(given.get(way, ""))
        }
        done, has_failed = message.done.split(), False
        for way, contact in tuple(contacts.items()):
            if way in done:
                continue
            try:
                parts.sender.send(contact, self._letter(message, found, contact))
                done.append(way)
            except Refused:
                pass  # no such way is set
            except OSError:
                has_failed = True
            except ValueError:  # this contact will never do
                del contacts[way]
        if not contacts:  # also of whom staff entered with a landline: they must ring
            parts.log.event("not-told", **facts)
        parts.metrics.add("messages_total", kind=message.kind, how="failed" if has_failed else "sent")
        if has_failed and tries + 1 == STUCK:
            parts.log.event("message-stuck", **facts)
        if has_failed:
            return PutOff(row=(*astuple(message)[:-1], " ".join(done)))
        return None if done or not contacts else PutOff(parts.intake.clock.now() + PAUSE)

    def _letter(self, message: Message, found: Found, contact: str) -> Letter:
        parts = self._parts
        receipt = parts.site.base_url + parts.receipt(found.entry.number)
        office = parts.library.contacts(found.doc)[0]
        letter = messages.letter(message, found, parts.intake.clock.now(), receipt, office)
        calendar = self._calendar(message.kind, found, contact) if "@" in contact else ""
        return replace(letter, calendar=calendar)

    def _calendar(self, kind: str, found: Found, contact: str) -> str:
        """What the person's own calendar takes over; "" where nothing changes there."""
        parts, entry, doc, round_ = self._parts, found.entry, found.doc, found.round
        is_off = entry.state == "cancelled" or getattr(doc, "status", "") == "cancelled"
        if not doc or not round_ or kind == messages.REMINDER or not (is_off or entry.state == "confirmed"):
            return ""
        facts = parts.intake.store.fixed(entry.subject).get(entry.round, {})
        method = "CANCEL" if is_off else "REQUEST"
        invite = Invite(method, parts.settings.mail_from, contact, len(days_told(facts)))
        return calendar_file(parts.site, [(doc, round_.round)], parts.told(), invite).decode()


class Follower:
    """Looks at the built site and at the clock, and gives the app the library that they ask for.

    The forms follow what the site was built from and not the files that staff are just writing. Content with mistakes
    changes nothing; no build yet is no change.
    """

    def __init__(self, parts: Services) -> None:
        self._parts, self._seen = parts, stamp(parts.settings.site_dir)

    def look(self, _: Every) -> None:
        """Once: another build is there, or a moment has passed at which something appears or goes."""
        parts, log = self._parts, self._parts.log
        written, now, found = parts.written, parts.intake.clock.now(), stamp(parts.settings.site_dir)
        if found and found != self._seen:
            try:
                parts.follow(load(parts.settings.sources, now))
            except ContentMistakes as wrong:
                parts.refused = wrong.mistakes
                log.event("content-refused", mistakes=len(wrong.mistakes), first=str(wrong.mistakes[0]))
            else:
                parts.refused = ()
                log.event("content-followed", pages=len(parts.library.everything()))
            self._seen = found
        elif written.changes and now >= written.changes:
            parts.follow(written.at(now))
            log.event("content-changed-by-time", pages=len(parts.library.everything()))
        elif not parts.is_settled:
            parts.follow(written)


def stamp(site_dir: Path) -> tuple[tuple[int, int, int], ...]:
    """What tells one build from another, whether a link was swapped or files were copied over; () where none is."""
    try:
        found = [(site_dir / name).stat() for name in ("", "index.html")]
    except OSError:
        return ()
    return tuple((each.st_dev, each.st_ino, each.st_mtime_ns) for each in found)


def send_codes(parts: Services, lead: Lead, loop: Every) -> None:
    """Whoever was asked for a code sends it at once; what was left over is the leader's."""
    with suppress(Refused):
        is_ours = loop.is_woken or lead.has()
        while is_ours and not loop.is_over and parts.polling.codes.deliver(parts.sender):
            pass


def count_polls(parts: Services, _: Every) -> None:
    """Light polls that are over are counted, and erased when their objections are."""
    polling, now, folder = parts.polling, parts.intake.clock.now(), Path(parts.settings.results)
    with suppress(Refused):  # the store says by itself, at /readyz, what is wrong
        for poll in due(parts.library.of("vote"), now, folder):
            for event in follow(poll, polling.box, polling.vault, now, folder):
                parts.log.event(event, poll=poll.slug)


def start_background(app: Flask) -> list[Callable[[], None]]:
    """Begin what a server does beside its answers; what to call at its end, the last first: all are told, then waited for."""
    parts = cast(Services, app.extensions[SERVICES])
    codes = partial(send_codes, parts, Lead(parts.intake.store, "codes", parts.settings))
    loops = (
        Every("outbox", OUTBOX, codes, parts.log, parts.queued),
        Every("follower", LOOK, Follower(parts).look, parts.log),
        Every("notices", ROUND, Notices(parts).look, parts.log),
        Every("metrics", COUNTING, lambda _: parts.metrics.publish(), parts.log),
        Every("polls", ROUND, partial(count_polls, parts), parts.log),
    )
    waits = (partial(loop.thread.join, PATIENCE + 1) for loop in loops)
    return [parts.polling.box.close, *waits, *(loop.stop for loop in loops)]
