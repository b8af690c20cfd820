"""What a server does without being asked: lets offers lapse, moves lines up, tells people what became of them, sends
codes, erases answers whose time is over, and follows the built site."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from civic.errors import ContentMistakes, Refused
from civic.library import load
from civic.places import retention
from civic.places.appointments import Appointments
from civic.store import open_box
from civic.store.seal import Sealer
from civic.store.store import Store
from civic.votes.casting import Polling
from civic.votes.light import Vault, due, follow
from forms_api.gateway import PATIENCE
from forms_api.notices import Postman
from forms_api.operations import SERVICES, EventLog, Services
from forms_api.settings import Settings

if TYPE_CHECKING:  # loaded only where one is set
    from forms_api.oidc import Provider

CASTING = "madang.casting"
ROUND = 2.0  # seconds between two looks at offers and messages
OUTBOX = 1.0  # seconds between two looks for codes to send, when nobody wakes it
LOOK = 1.0  # seconds between two looks at the built site
LEADING = 10.0  # seconds, by the store's clock; then another process may lead
COUNTING = 1.0  # seconds between two times that a process tells the others what it has counted
PAGES_PAUSE = 20.0  # seconds between two looks at what the pages say of time and place
KEEPING_PAUSE = 3600.0  # seconds between two looks at what is kept too long


class Every:
    """Does something again and again in a thread of its own, with a pause between; begins at once."""

    def __init__(self, name: str, pause: float, act: Callable[[Every], object], log: EventLog) -> None:
        self._pause, self._act, self._log = pause, act, log
        self._call = threading.Event()
        self.is_over = self.is_woken = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do it now."""
        self._call.set()

    def stop(self) -> None:
        """End after what is under way; the act itself may look at `is_over` and `is_woken`."""
        self.is_over = True
        self._call.set()
        self._thread.join(PATIENCE + 1)

    def _run(self) -> None:
        while not self.is_over:
            try:
                self._act(self)
            except Exception as err:  # the thread must outlive whatever it meets
                self._log.failure(self._thread.name, err)
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
        if self._is_alone or time.monotonic() < self._until:
            return True
        if not self._store.lease(self._task, self._holder, LEADING):
            return False
        self._until = time.monotonic() + LEADING / 2
        return True


class Notices:
    """What is due for the entries of one intake: moves, messages, erasing."""

    def __init__(self, parts: Services) -> None:
        self._intake, self._log, self._postman = parts.intake, parts.log, Postman(parts)
        self._appointments = Appointments()
        self._lead = Lead(self._intake.store, "notices", parts.settings)
        # When they were last looked at, by the monotonic clock: what is kept, what the pages say of their times.
        self._kept_seen, self._pages_seen = -KEEPING_PAUSE, -PAGES_PAUSE

    def look(self, loop: Every) -> None:
        """One round; given up where the store refuses, which says by itself, at /readyz, what is wrong."""
        with suppress(Refused):
            if not self._lead.has():
                return
            self._intake.advance()
            if time.monotonic() - self._pages_seen >= PAGES_PAUSE:
                self._appointments.follow(self._intake.library, self._intake.store, self._intake.clock.now())
                self._pages_seen = time.monotonic()
            while not loop.is_over and self._postman.deliver():
                pass
            if time.monotonic() - self._kept_seen >= KEEPING_PAUSE:
                self.erase()
                self._kept_seen = time.monotonic()

    def erase(self) -> None:
        """Erase answers that have been kept as long as their pages say."""
        intake = self._intake
        for subject in retention.follow(intake.library, intake.store, intake.keys, intake.clock.now()):
            self._log.event("answers-erased", subject=subject)
        retention.forget(intake.store, intake.clock.now())
        intake.store.scrub()  # while somebody reads for long it fails, and is done in an hour


class Follower:
    """Looks at the built site and at the clock, and gives the app the library that they ask for.

    The forms follow what the site was built from and not the files that staff are just writing. Content with mistakes
    changes nothing; no build yet is no change.
    """

    def __init__(self, parts: Services) -> None:
        self._parts, self._seen = parts, stamp(parts.settings.site_dir)

    def look(self, _: Every) -> None:
        """Once: another build is there, or a moment has passed at which something appears or goes."""
        written, log = self._parts.written, self._parts.log
        now, found = self._parts.intake.clock.now(), stamp(self._parts.settings.site_dir)
        if found and found != self._seen:
            try:
                self._parts.follow(load(self._parts.settings.sources, now))
            except ContentMistakes as wrong:
                first = str(wrong.mistakes[0])
                self._parts.refused = wrong.mistakes
                log.event("content-refused", mistakes=len(wrong.mistakes), first=first)
            else:
                self._parts.refused = ()
                log.event("content-followed", pages=len(self._parts.library.everything()))
            self._seen = found
        elif written.changes and now >= written.changes:
            self._parts.follow(written.at(now))
            log.event("content-changed-by-time", pages=len(self._parts.library.everything()))
        elif not self._parts.is_settled:
            self._parts.follow(written)


def stamp(site_dir: Path) -> tuple[tuple[int, int, int], ...]:
    """What tells one build from another, whether a link was swapped or files were copied over; () where none is."""
    try:
        found = [(site_dir / name).stat() for name in ("", "index.html")]
    except OSError:
        return ()
    return tuple((each.st_dev, each.st_ino, each.st_mtime_ns) for each in found)


class Casting:
    """The polls of this app with their box and the outbox of codes.

    Opened by the first who needs it, at the latest when the server begins: messages that an earlier server left go out.
    """

    def __init__(self, parts: Services, provider: Provider | None) -> None:
        self.provider = provider
        self.sealer = Sealer(parts.intake.keys.derived("votes: pockets"))
        self._parts = parts
        self._lock = threading.Lock()
        self._open: tuple[Polling, Every] | None = None

    @property
    def polling(self) -> Polling:
        """The polls. Raises Misuse when the box cannot be used."""
        with self._lock:
            if self._open is None:
                parts, settings, intake = self._parts, self._parts.settings, self._parts.intake
                box = open_box(settings.data)
                ways = settings.budget, parts.sender.can_send, settings.demo
                vault = Vault(intake.keys, intake.store)
                polling = Polling(parts.library, box, intake.keys, intake.clock, *ways, vault)
                lead = Lead(intake.store, "codes", settings)

                def deliver(outbox: Every) -> None:
                    # Whoever was asked for a code sends it at once; what was left over is the leader's.
                    with suppress(Refused):
                        is_ours = outbox.is_woken or lead.has()
                        while is_ours and not outbox.is_over and polling.codes.deliver(parts.sender):
                            pass

                self._open = polling, Every("outbox", OUTBOX, deliver, parts.log)
            polling, _ = self._open
        polling.library = self._parts.library  # a newer one may have come
        return polling

    def wake(self) -> None:
        """Send what was queued."""
        if self._open:
            self._open[1].wake()

    def count(self, _: Every) -> None:
        """Light polls that are over are counted, and erased when their objections are."""
        parts, now = self._parts, self._parts.intake.clock.now()
        folder = Path(parts.settings.results)
        with suppress(Refused):  # the store says by itself, at /readyz, what is wrong
            for poll in due(parts.library.of("vote"), now, folder):
                for event in follow(poll, self.polling.box, self.polling.vault, now, folder):
                    parts.log.event(event, poll=poll.slug)

    def close(self) -> None:
        """Stop sending and let go of the box."""
        with self._lock:
            if self._open:
                polling, outbox = self._open
                self._open = None
                outbox.stop()
                polling.box.close()


def casting() -> Casting:
    """That of the app that answers now."""
    return cast(Casting, current_app.extensions[CASTING])


def start_background(app: Flask) -> list[Callable[[], None]]:
    """Begin what a server does beside its answers; what to call at its end. Raises Misuse when the box cannot be used."""
    parts, votes = cast(Services, app.extensions[SERVICES]), cast(Casting, app.extensions[CASTING])
    _ = votes.polling  # before a folder can become read-only: wrong tries are counted in the box
    follower = Every("follower", LOOK, Follower(parts).look, parts.log)
    notices = Every("notices", ROUND, Notices(parts).look, parts.log)
    counts = Every("metrics", COUNTING, lambda _: parts.metrics.publish(), parts.log)
    polls = Every("polls", ROUND, votes.count, parts.log)
    return [follower.stop, notices.stop, counts.stop, polls.stop, votes.close]
