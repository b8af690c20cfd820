"""The site copied to another folder, for a server of its own: only what changed, in an order that readers survive.

First assets, which new pages need; then pages; then the manifest; then what is no longer there goes. Each file
appears whole, under its name at once. Only a folder that was empty, or that an earlier copy marked as ours, is taken,
and in it only files that an earlier copy brought are written over or removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from civic.errors import InUse
from publish.builds import NotOurs
from publish.request import LIVE, SUMS

MARK = ".madang-sync"  # in the target: names of all files that a copy brought, or was about to bring
LOCK = ".madang-sync.lock"
PART = ".madang-sync.part"  # the one file that is being written; under the lock there is never a second
ASSETS = "assets/"


@dataclass(frozen=True)
class Synced:
    """What a copy did."""

    copied: int
    removed: int
    same: int

    def sentence(self, target: Path) -> str:
        """In one line."""
        return (
            f"{target}: {self.copied}개를 옮기고 {self.removed}개를 내렸습니다. {self.same}개는 그대로입니다."
        )


def sync(site: Path, target: Path) -> Synced:
    """Make the target like the site. Raises NotOurs for a folder that no copy made, InUse, OSError.

    The site must stay where it is meanwhile: call it under the lock of its builds.
    """
    site = site.resolve()
    if (site / LIVE).exists():
        raise NotOurs(f"{site}: --watch로 만든 누리집은 옮기지 않습니다. --watch 없이 다시 만드세요.")
    wanted = read_sums(site / SUMS)
    _check_target(target)
    target.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        _check_target(target)
        return _sync(site, wanted, target)


def _sync(site: Path, wanted: dict[str, str], target: Path) -> Synced:
    ours = _marked(target)
    there = _there(target)
    todo = [
        name
        for name, digest in wanted.items()
        if name not in ours or there.get(name) != digest or not _is_like(site, target, name)
    ]
    for name in [SUMS, *todo]:
        if name not in ours and os.path.lexists(target / name):
            raise NotOurs(f"{target / name}: --sync로 옮기지 않은 파일입니다. 치우고 다시 하세요.")
    gone = sorted(ours - wanted.keys() - {SUMS}, reverse=True)
    if todo or gone or there != wanted:
        _mark(target, ours | wanted.keys() | {SUMS})
        for name in sorted(todo, key=lambda name: (not name.startswith(ASSETS), name)):
            _copy(site, target, name)
        _copy(site, target, SUMS)
        for name in gone:
            (target / name).unlink(missing_ok=True)
            _remove_empty(target, (target / name).parent)
    if gone:
        _mark(target, {*wanted, SUMS})
    return Synced(len(todo), len(gone), len(wanted) - len(todo))


def read_sums(file: Path) -> dict[str, str]:
    """File -> SHA-256 of a manifest. Raises NotOurs when it is not one, or names a place outside of its folder."""
    found = {}
    for line in _lines(file):
        digest, gap, name = line.partition("  ")
        if len(digest) != 64 or not gap:
            raise NotOurs(f"{file}: 목록이 아닙니다.")
        found[_safe(file, name)] = digest
    return found


def _check_target(target: Path) -> None:
    """Raises NotOurs unless the target is marked as ours, or empty, or not there yet."""
    if (target / MARK).is_file() or not os.path.lexists(target):
        return
    if not target.is_dir():
        raise NotOurs(f"{target}: 폴더가 아닙니다. --sync에는 폴더를 쓰세요.")
    if {path.name for path in target.iterdir()} - {LOCK}:
        raise NotOurs(f"{target}: --sync로 만들지 않은 폴더입니다. 빈 폴더를 쓰세요.")


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """No other copy into this folder runs inside the block. Raises InUse."""
    with (target / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{target}: 다른 --sync가 옮기고 있습니다. 잠시 뒤에 다시 하세요.") from None
        (target / PART).unlink(missing_ok=True)
        yield


def _marked(target: Path) -> set[str]:
    mark = target / MARK
    return {_safe(mark, name) for name in _lines(mark)} if mark.is_file() else set()


def _mark(target: Path, names: Iterable[str]) -> None:
    (target / PART).write_text("".join(f"{name}\n" for name in sorted(names)), "utf-8")
    (target / PART).replace(target / MARK)


def _there(target: Path) -> dict[str, str]:
    """What the target's own manifest says; nothing where it says nothing that can be understood."""
    try:
        return read_sums(target / SUMS)
    except (NotOurs, FileNotFoundError):
        return {}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise NotOurs(f"{file}: 목록이 아닙니다.") from None


def _safe(file: Path, name: str) -> str:
    parts = name.split("/")
    if not name or name.startswith("/") or {"", ".", ".."} & set(parts) or "\0" in name:
        raise NotOurs(f"{file}: 폴더 밖을 가리키는 이름이 있습니다 (found {name})")
    return name


def _is_like(site: Path, target: Path, name: str) -> bool:
    try:
        return (target / name).stat().st_size == (site / name).stat().st_size
    except FileNotFoundError:
        return False


def _copy(site: Path, target: Path, name: str) -> None:
    place = target / name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(site / name, target / PART)
    (target / PART).replace(place)


def _remove_empty(target: Path, folder: Path) -> None:
    for parent in [folder, *folder.parents]:
        if parent == target:
            return
        try:
            parent.rmdir()
        except OSError:  # something is left in it
            return
