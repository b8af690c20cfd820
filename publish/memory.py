"""Facts of content files, from one build to the next. Light: no Flask, no templates."""

from __future__ import annotations

import time
from collections.abc import Mapping

from civic.content.facts import TEXT, Facts, Stamp
from publish.cache import Cache
from publish.inputs import RACY
from publish.report import Teller


class FileMemory:
    """Facts of content files, by file and stamp."""

    def __init__(self, cache: Cache | None, tell: Teller | None = None) -> None:
        self._tell = tell
        self._old: Mapping[str, tuple[Stamp, Facts]] = cache.all("file") if cache else {}
        self.fresh: dict[str, tuple[Stamp, Facts]] = {}
        self._seen: set[str] = set()
        self.read: set[str] = set()  # files that had to be read
        self.edited: set[str] = set()  # what of them is another now, in the words of publish.pages.Page.shows

    def recall(self, file: str, stamp: Stamp) -> Facts | None:
        kept = self.fresh.get(file) or self._old.get(file)
        if kept is None or kept[0] != stamp:
            return None
        self._seen.add(file)
        return kept[1]

    def keep(self, file: str, stamp: Stamp, facts: Facts) -> None:
        self.read.add(file)
        self.edited.add(f"{file}{TEXT}")
        old = self._old.get(file)
        if old is None or old[1].head != facts.head:
            self.edited.add(file)
        if self._tell:
            self._tell("글", len(self.read), 0)
        if max(stamp[1], stamp[2]) < time.time_ns() - RACY:  # else it may change once more at this very time
            self.fresh[file] = stamp, facts
            self._seen.add(file)

    @property
    def gone(self) -> set[str]:
        """Files that are no longer there, or not as they were kept."""
        return self._old.keys() - self._seen
