"""What is asked of a build, and whether the site that stands already answers it. Light: no Flask, no content."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from publish.builds import Builds
from publish.inputs import Inputs

ROOT = Path(__file__).resolve().parent.parent
LIVE = "live.json"  # what a watched site says of itself; only such a site has one
SUMS = "sha256sums.txt"  # of every file of the site, so that `sha256sum -c` proves a copy

FileState = tuple[int, int, int]  # size, mtime in ns, inode


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
    sync: Path | None = None  # where the site is copied to

    @property
    def wishes(self) -> str:
        """What makes the site another one, apart from files and the clock."""
        return repr((str(self.content.absolute()), self.base_url, self.demo, self.live))


def told(build: str, mistakes: Sequence[str] = ()) -> str:
    """What open pages of a watched site are told, see static/js/live.js."""
    return json.dumps({"build": build, "mistakes": list(mistakes)}, ensure_ascii=False)


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
    states = {}
    skipped = len(str(folder)) + 1
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name != LIVE:
                    states[entry.path[skipped:]] = file_state(entry.stat(follow_symlinks=False))
    return listed(states)


def listed(states: Mapping[str, FileState]) -> str:
    """The same of files whose states are known."""
    lines = sorted(f"{name} {size} {changed} {inode}" for name, (size, changed, inode) in states.items())
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def file_state(found: os.stat_result) -> FileState:
    """What tells a file of a build from one that somebody changed."""
    return found.st_size, found.st_mtime_ns, found.st_ino


def inputs_of(request: Request) -> tuple[str, bool]:
    """What a build would read, and whether that can be told by the times of the files."""
    # Not the package itself, which loads Jinja; a test may have put it elsewhere.
    look = Inputs(ROOT, getattr(sys.modules.get("templates"), "FOLDER", ROOT / "templates"))
    return look.of_content(request.content) + look.of_assets(), look.are_settled


def is_current(request: Request, builds: Builds, state: State, inputs: str) -> bool:
    """Is the site just what this build would make? All files by their times; a few milliseconds."""
    live = builds.current()
    return (
        live is not None
        and (state.build, state.wishes, state.inputs) == (live.name, request.wishes, inputs)
        and state.begins <= request.now < state.ends
        and listing(live) == state.listing
    )
