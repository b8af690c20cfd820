"""A build's memory: what the cache knows of content files and templates, and what is new to be kept."""

from __future__ import annotations

import time
from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from civic.library.facts import Facts, Stamp
from publish.cache import Cache
from publish.inputs import RACY


class FileMemory:
    """Facts of content files, by file and stamp."""

    def __init__(self, cache: Cache | None) -> None:
        self._old: dict[str, tuple[Stamp, Facts]] = dict(cache.all("file")) if cache else {}
        self.fresh: dict[str, tuple[Stamp, Facts]] = {}
        self._seen: set[str] = set()

    def recall(self, file: str, stamp: Stamp) -> Facts | None:
        kept = self.fresh.get(file) or self._old.get(file)
        if kept is None or kept[0] != stamp:
            return None
        self._seen.add(file)
        return kept[1]

    def keep(self, file: str, stamp: Stamp, facts: Facts) -> None:
        if max(stamp[1], stamp[2]) < time.time_ns() - RACY:  # else it may change once more at this very time
            self.fresh[file] = stamp, facts
            self._seen.add(file)

    @property
    def gone(self) -> set[str]:
        """Files that are no longer there, or not as they were kept."""
        return self._old.keys() - self._seen


class Compiled(BytecodeCache):
    """Templates as Jinja compiled them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.fresh: dict[str, Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._cache.get("compiled", bucket.key + bucket.checksum)
        if kept:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.fresh[bucket.key + bucket.checksum] = bucket.bytecode_to_string()
