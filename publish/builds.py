"""Where builds lie, how one takes over files of another, and how one becomes the site: by one atomic change of a link.

Readers see the old site or the new one, never a mixture; what is not ours is never touched.
"""

import fcntl
import hashlib
import hmac
import json
import marshal
import os
import re
import shutil
import sys
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from civic.content.snapshot import ENDING, beside
from civic.errors import InUse
from civic.files import create, sync_folder

KEPT = 5
OPEN = 0o755  # of folders; files have 0644
UNFINISHED = ".part"
LIVE = "live.json"  # what a watched site says of itself; only such a site has one
SUMS = "sha256sums.txt"  # of every file of the site, so that `sha256sum -c` proves a copy

# Size, mtime in ns, inode, mode: what tells a file of a build from one that somebody changed.
FileState = tuple[int, int, int, int]


class BuildFailed(Exception):
    """The site could not be made, or not put in its place. Its arguments are the reasons, a line for each."""


class Builds:
    """The builds behind one link: `site` points at `.builds/site-000007`."""

    def __init__(self, link: Path) -> None:
        self.link = link.absolute().parent.resolve() / link.name  # however it is spelt
        self.folder = self.link.parent / ".builds"
        self.cache = self.folder / f".{self.link.name}.cache"
        self.sources = self.folder / f".{self.link.name}{ENDING}"  # of the build that is being made
        self._name = re.compile(rf"{re.escape(self.link.name)}-(\d{{6,}})")

    def draft_name(self, file: str) -> str:
        """Under which name a draft stands: always the same, and to be guessed by nobody. Raises OSError."""
        key = self.folder / f".{self.link.name}.drafts"
        create(key, os.urandom(16), 0o600)
        return f"draft-{hmac.digest(key.read_bytes(), file.encode(), 'sha256').hex()[:20]}"

    def check_target(self) -> None:
        """Raises BuildFailed when the link's place is taken by something that no build made; it is left alone."""
        found = ""
        if self.link.is_symlink():
            target = Path(os.path.abspath(self.link.parent / self.link.readlink()))  # noqa: PTH100 (no resolving)
            if target.parent != self.folder or not self._name.fullmatch(target.name):
                found = "다른 곳을 가리키는 링크가"
        elif self.link.is_dir():
            found = "만들기가 만들지 않은 폴더가" if any(self.link.iterdir()) else ""
        elif self.link.exists():
            found = "같은 이름의 파일이"
        if found:
            raise BuildFailed(f"{self.link}: {found} 있습니다. 옮기거나 --out을 바꾸세요.")

    @contextmanager
    def alone(self, patience: float) -> Iterator[None]:
        """No other build of this link runs inside the block, and whatever is made in it can be read by everybody.

        patience: seconds to wait for another one. Raises InUse after them.
        """
        mask = os.umask(0o022)  # a site that only its maker can read is none
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not _is_readable(self.folder):
                self.folder.chmod(OPEN)
            with (self.folder / f".{self.link.name}.lock").open("a") as lock:
                _take(lock.fileno(), patience)
                yield
        finally:
            os.umask(mask)

    def begin(self, wanted: Container[str] = ()) -> Path:
        """A fresh folder for a build; what killed builds left is removed first, as far as that can be done.

        wanted: files that may lie in it already: those of the oldest build, which had to go anyway; most are right.
        """
        for _, left in self.numbered(UNFINISHED):
            shutil.rmtree(left, ignore_errors=True)
        finished, fresh = self.numbered(), self._next()
        oldest = finished[0][1] if len(finished) >= KEPT else None
        if wanted and oldest and oldest != self.current() and _is_readable(oldest):
            with suppress(OSError):
                clear(oldest.rename(fresh), wanted)
                return fresh
            fresh = self._next()  # the old one is not ours to change: left aside
        fresh.mkdir()
        return fresh

    def _next(self) -> Path:
        number = max((number for number, _ in [*self.numbered(), *self.numbered(UNFINISHED)]), default=0)
        return self.folder / f"{self.link.name}-{number + 1:06d}{UNFINISHED}"

    def numbered(self, ending: str = "") -> list[tuple[int, Path]]:
        """(number, folder) of all whole builds, or of those with an ending, oldest first."""
        # By the whole name: beside `site` there may be the builds of `site-en`.
        paths = self.folder.glob(f"*{ending}")
        found = {path: self._name.fullmatch(path.name.removesuffix(ending)) for path in paths}
        return sorted((int(match[1]), path) for path, match in found.items() if match and path.is_dir())

    def current(self) -> Path | None:
        """The build that is the site now; None where there is none."""
        if not self.link.is_symlink():
            return None
        found = self.folder / self.link.readlink().name
        return found if found.is_dir() else None

    def roll_back(self) -> Path | None:
        """Make the build before the present one the site again; None when none is left."""
        current = self.current()
        older = [path for _, path in self.numbered() if current is None or path.name < current.name]
        if older:
            self._point_at(older[-1])
        return older[-1] if older else None

    def publish(self, fresh: Path) -> Path:
        """Make a whole build the site, with its sources, durably and at once; older builds than the last five go, where they can."""
        _sync_disk(fresh)  # every file of the build is on disk before the link says so
        whole = fresh.with_suffix("")
        if self.sources.is_dir():
            shutil.rmtree(beside(whole), ignore_errors=True)  # of a build that somebody took away
            self.sources.rename(beside(whole))
        fresh.rename(whole)
        if self.link.is_dir() and not self.link.is_symlink():
            self.link.rmdir()  # empty, see check_target
        self._point_at(whole)
        for _, old in self.numbered()[:-KEPT]:
            if old != self.current():
                shutil.rmtree(old, ignore_errors=True)  # the site is there already: no reason to fail
        for left in self.folder.glob(f".*{ENDING}"):
            build = left.name[1:].removesuffix(ENDING)
            if self._name.fullmatch(build) and not (self.folder / build).is_dir():
                shutil.rmtree(left, ignore_errors=True)
        return whole

    def _point_at(self, whole: Path) -> None:
        ready = self.folder / f".{self.link.name}.link"
        ready.unlink(missing_ok=True)
        ready.symlink_to(os.path.relpath(whole, self.link.parent))
        ready.replace(self.link)
        sync_folder(self.folder)
        sync_folder(self.link.parent)


def take_over(state: FileState, old: Path, new: Path, name: str) -> bool:
    """Link a file of an old build into a new one, where it may lie already; False when it is not as it was left there."""
    place = f"{new}/{name}"
    with suppress(OSError):  # gone, more links than the disk can count, or a disk without links
        for _ in range(2):  # what lies there already may be another one
            try:
                os.link(f"{old}/{name}", place)
            except FileExistsError:
                pass
            except FileNotFoundError:
                os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
                continue
            if state_of(place) == state:
                return True
            os.unlink(place)  # noqa: PTH108 (thousands of them)
    return False


def clear(folder: Path | str, wanted: Container[str], base: str = "") -> bool:
    """Remove what lies in a folder and is not wanted, and folders that hold nothing; does anything stay?

    base: before its names: "lectures/" in that folder of a site.
    """
    stays = False
    with os.scandir(folder) as entries:
        for entry in list(entries):
            name = base + entry.name
            if entry.is_dir(follow_symlinks=False):
                if clear(entry.path, wanted, f"{name}/"):
                    stays = True
                else:
                    os.rmdir(entry.path)  # noqa: PTH106
            elif name in wanted:
                stays = True
            else:
                os.unlink(entry.path)  # noqa: PTH108
    return stays


def told(build: str, mistakes: Sequence[str] = ()) -> str:
    """What open pages of a watched site are told, see static/js/live.js."""
    return json.dumps({"build": build, "mistakes": list(mistakes)}, ensure_ascii=False)


def state_of(place: str) -> FileState:
    """The state of a file that is there."""
    found = os.stat(place)  # noqa: PTH116
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_mode


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
                else:
                    at = entry.stat(follow_symlinks=False)
                    states[entry.path[skipped:]] = at.st_size, at.st_mtime_ns, at.st_ino, at.st_mode
    states.pop(LIVE, None)
    return listed(states)


def listed(states: Mapping[str, FileState]) -> str:
    """The same of files whose states are known."""
    # Version 2: the same bytes for what is equal; later ones tell which objects are one.
    return hashlib.sha256(marshal.dumps(sorted(states.items()), 2)).hexdigest()


def _is_readable(folder: Path) -> bool:
    """May everybody look into it, and so into what was made with it?"""
    return folder.stat().st_mode & OPEN == OPEN


def _take(lock: int, patience: float) -> None:
    until = time.monotonic() + patience
    for waited in count():
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() >= until:
            raise InUse("다른 만들기가 끝나지 않았습니다. 잠시 뒤에 다시 하세요.")
        if not waited:
            print("다른 만들기가 끝나기를 기다립니다.", file=sys.stderr, flush=True)
        time.sleep(0.05)


def _sync_disk(folder: Path) -> None:
    """All that was written on the disk of this folder; other disks are left alone."""
    import ctypes  # here: where nothing changed, nothing is written

    handle = os.open(folder, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
        elif syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(handle)
