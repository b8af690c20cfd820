"""The library that counts now: after a new build its content, and at each publish_at and expire_at its own next state.

Views, forms and templates hold the shelf and never a library, so that a change is for all of them at once. Content
with mistakes changes nothing. The forms follow the built site and not the files that staff are just writing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, Template

from civic.clock import Clock
from civic.content.pages import Department, Document, Site
from civic.errors import ContentMistakes
from civic.library import Library, load
from forms_api.log import EventLog

PAUSE = 1.0  # seconds between two looks
Stamp = tuple[tuple[int, int, int], ...]


class Shelf:
    """Where the library stands that all of one app read."""

    def __init__(self, library: Library) -> None:
        self.library = library  # replaced, never changed: read without a lock

    @property
    def site(self) -> Site:
        return self.library.site

    def get(self, folder: str, slug: str) -> Document | None:
        """As `Library.get`, now."""
        return self.library.get(folder, slug)

    def of(self, noun: str) -> tuple[Document, ...]:
        """As `Library.of`, now."""
        return self.library.of(noun)

    def subjects(self) -> tuple[Document, ...]:
        """As `Library.subjects`, now."""
        return self.library.subjects()

    def takers(self) -> tuple[Document, ...]:
        """As `Library.takers`, now."""
        return self.library.takers()

    def department(self, key: str) -> Department | None:
        """As `Library.department`, now."""
        return self.library.department(key)


class Templates:
    """The templates over the library that stands on the shelf."""

    def __init__(self, shelf: Shelf, make: Callable[[Library], Environment]) -> None:
        self._shelf, self._make = shelf, make
        self._made = (shelf.library, make(shelf.library))

    def get_template(self, name: str) -> Template:
        """The template of that name."""
        library, environment = self._made
        if library is not self._shelf.library:
            library = self._shelf.library
            environment = self._make(library)
            self._made = library, environment
        return environment.get_template(name)


class Follower:
    """Looks at the built site and at the clock, and puts what they ask for on the shelf."""

    def __init__(
        self, shelf: Shelf, read: Callable[[datetime], Library], site_dir: Path, clock: Clock, log: EventLog
    ) -> None:
        """read: the content as it lies there, at a time; raises ContentMistakes. No build yet is no change."""
        self._shelf, self._read, self._site_dir, self._clock, self._log = shelf, read, site_dir, clock, log
        self._seen = stamp(site_dir)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look under way."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def look(self) -> None:
        """Once: another build is there, or a moment has passed at which something appears or goes."""
        library, now, found = self._shelf.library, self._clock.now(), stamp(self._site_dir)
        if found and found != self._seen:
            self._seen = found
            try:
                self._shelf.library = self._read(now)
            except ContentMistakes as wrong:
                first = str(wrong.mistakes[0])
                self._log.event("content-refused", mistakes=len(wrong.mistakes), first=first)
            else:
                self._log.event("content-followed", pages=len(self._shelf.library.everything()))
        elif library.changes and now >= library.changes:
            self._shelf.library = library.at(now)
            self._log.event("content-changed-by-time", pages=len(self._shelf.library.everything()))

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            try:
                self.look()
            except Exception as err:  # the thread must outlive whatever one look meets; the old library stays
                self._log.failure("follower", err)


def follow(shelf: Shelf, content: Path, site_dir: Path, clock: Clock, log: EventLog) -> Follower:
    """A follower of that content folder and site, under way."""
    follower = Follower(shelf, lambda now: load(content, now), site_dir, clock, log)
    follower.start()
    return follower


def stamp(site_dir: Path) -> Stamp:
    """What tells one build from another, whether a link was swapped or files were copied over; () where none is."""
    try:
        found = [(site_dir / name).stat() for name in ("", "index.html")]
    except OSError:
        return ()
    return tuple((each.st_dev, each.st_ino, each.st_mtime_ns) for each in found)
