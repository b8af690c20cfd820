"""What the library needs to know of one file, and whoever remembers it from one build to the next. No decisions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a build that has nothing to do loads no shapes
    from civic.content.pages import Document

TEXT = "#text"  # after the name of a file: its text, and not its title and summary
Stamp = tuple[int, int, int, int]  # size, mtime and ctime in ns, inode: another stamp, another content


@dataclass(frozen=True)
class Facts:
    """One page: all that the other pages and the checks need of it."""

    digest: str  # SHA-256 of the file
    head: str  # of its front matter
    frame: str  # of what is chosen, ordered and addressed by: its front matter but for mere words
    document: Document | None  # None where the front matter has mistakes
    names: Mapping[str, str]  # keys that name something elsewhere: {"department": "jobs"}
    links: tuple[tuple[int, str, bool], ...]  # (line of the file, target, is it a picture)
    silent: tuple[int, ...]  # lines of pictures without words
    mentions: tuple[str, ...] | None  # what looks like an address of the site; None where it cannot be seen
    characters: str  # each character of front matter and text once, in no order


class Memory(Protocol):
    """Facts of files that have not changed. A library with a memory leaves the texts of its pages on disk."""

    def recall(self, file: str, stamp: Stamp) -> Facts | None:
        """What was kept of the file with this very stamp."""

    def keep(self, file: str, stamp: Stamp, facts: Facts) -> None:
        """Remember a file without mistakes."""


def stamp(found: os.stat_result) -> Stamp:
    """What tells one state of a file from another without reading it."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
