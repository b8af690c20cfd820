"""What is asked of a build, and whether the site that stands already answers it. Light: no Flask, no content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LIVE = "live.json"  # what a watched site says of itself; not a file of the site
SUMS = "sha256sums.txt"  # of every file of the site, so that `sha256sum -c` proves a copy


@dataclass(frozen=True)
class Request:
    """One call of the build."""

    content: Path
    out: Path
    now: datetime
    base_url: str = ""  # "" for the one in site.toml
    demo: bool = False  # every page says that it is a demonstration
    live: bool = False  # pages load themselves anew after each build
    full: bool = False  # nothing is taken over
    jobs: int = 1
    patience: float = 60.0  # seconds to wait for another build

    @property
    def wishes(self) -> str:
        """What makes the site another one, apart from files and the clock."""
        return repr((str(self.content.absolute()), self.base_url, self.demo, self.live))


class State(NamedTuple):
    """The last build, as the cache keeps it."""

    wishes: str
    inputs: str  # "" where a file was too fresh to be told by its times
    build: str  # name of its folder
    listing: str  # its files as they were left
    begins: datetime  # begins <= now < ends: the clock changes nothing in between
    ends: datetime
    due: str  # `ends` as text; "" for never
    files: int
    frame: str  # see Edition.frame


def listing(folder: Path) -> str:
    """The files of a build by size, time and inode; another text when anybody touched one."""
    lines = []
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name != LIVE:
                    found = entry.stat(follow_symlinks=False)
                    lines.append(f"{entry.path} {found.st_size} {found.st_mtime_ns} {found.st_ino}")
    skipped = len(str(folder))
    return hashlib.sha256("\n".join(sorted(line[skipped:] for line in lines)).encode()).hexdigest()
