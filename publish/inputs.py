"""What a build depends on: how it is called, and the files that it reads. Light: no Flask, no content.

Files are told from what they were by size, times and inode, not by their content.
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path

from civic.files import RACY
from civic.links import is_passed_over

ROOT = Path(__file__).resolve().parent.parent
CODE = ("build.py", "civic", "publish", "templates", "forms_api")  # forms_api: its words are in the font
KIT = "node_modules/krds-uiux"


@dataclass(frozen=True, eq=False, repr=False)  # quick to load
class Request:
    """One call of the build."""

    content: Path
    out: Path
    now: datetime
    base_url: str = ""  # "" for the one in site.toml
    demo: bool = False  # every page says that it is a demonstration
    live: bool = False  # pages load themselves anew after each build
    full: bool = False  # nothing is taken over
    strict: bool = False  # any mistake stops all
    draft: bool = False  # drafts stand at unlisted addresses
    jobs: int = 1
    patience: float = 60.0  # seconds to wait for another build
    previous: Path | None = None  # the site that this one follows; None for the one it replaces
    results: Path | None = None  # where the server puts those of light polls

    @property
    def wishes(self) -> str:
        """What makes the site another one, apart from files and the clock."""
        content, previous = str(self.content.resolve()), str(self.previous or "")
        return repr((content, self.base_url, self.demo, self.live, self.draft, previous))


def look_at(*places: Path, endings: tuple[str, ...] = ()) -> tuple[str, bool]:
    """The files below these places as a digest of their times, and can they be told by them: is none too fresh?

    endings: of the only ones that count; () for all.
    """
    lines, latest, began = [], 0, time.time_ns()
    for path, found in chain.from_iterable(files_below(str(place)) for place in places):
        if path.endswith("/"):
            if not endings:  # that it is there: its times change with hidden files too
                lines.append(f"{path} {found.st_ino}")
        elif path.endswith(endings or ""):
            latest = max(latest, found.st_mtime_ns, found.st_ctime_ns)
            lines.append(f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}")
    return _digest(lines), latest < began - RACY


def look(request: Request) -> tuple[str, bool]:
    """The same of all that a build would read, and of how it is called."""
    # Not the package itself, which loads Jinja; a test may have put it elsewhere.
    folder = getattr(sys.modules.get("templates"), "FOLDER", ROOT / "templates")
    results = [request.results] if request.results else []
    found, is_settled = look_at(request.content, *results, *asset_places(ROOT, folder))
    return _digest([request.wishes, found]), is_settled


def files_of(request: Request) -> str:
    """The same digest; "" where a file is too fresh."""
    found, is_settled = look(request)
    return found if is_settled else ""


def asset_places(root: Path, templates: Path) -> list[Path]:
    """What stylesheet, scripts and fonts are made from, besides the characters in use."""
    kit = [
        root / KIT / name for name in ("package.json", "resources/css", "resources/fonts", "resources/img")
    ]
    return [root / "static", templates, *kit]


@cache
def stamp_of_program(root: Path) -> str:
    """The program that runs, and its libraries: with another one, no memory holds.

    Worked out once, as early as can be: whatever becomes of the files later, this process goes on with what it loaded.
    """
    libraries = sorted(
        entry.name
        for folder in sys.path
        if folder.endswith("site-packages")
        for entry in os.scandir(folder)
        if entry.name.endswith(".dist-info")
    )
    code, is_settled = look_at(*(root / name for name in CODE), endings=(".py",))
    # What is too fresh to be told by its times is remembered by nobody.
    now = "" if is_settled else f"{time.time_ns()} {os.getpid()}"
    return _digest([sys.version, *libraries, code, now])


def files_below(
    place: str, around: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[str, os.stat_result]]:
    """(path, state) of a file, or of every file and folder ("…/") below one, in the order of the names; none where there is none.

    A link that leads nowhere counts as what it is; what goes away meanwhile was not there.
    around: device and inode of the folders that this one lies in; a link back to one of them is not followed.
    """
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except NotADirectoryError:
        yield place, os.stat(place)  # noqa: PTH116 (thousands of them)
        return
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name == "__pycache__" or is_passed_over(entry.name):
            continue
        with suppress(FileNotFoundError):
            try:
                is_folder, found = entry.is_dir(), entry.stat()
            except OSError:
                is_folder, found = False, entry.stat(follow_symlinks=False)
            yield f"{entry.path}/" if is_folder else entry.path, found
            here = (found.st_dev, found.st_ino)
            if is_folder and here not in around:
                yield from files_below(entry.path, around | {here})


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
