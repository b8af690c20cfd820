"""The site copied to another folder, for a server of its own: only what changed, in an order that readers survive.

First assets, which new pages need; then pages; then the manifest; then what is no longer there goes. Each file
appears whole, under its name at once. Only files that an earlier copy brought are ever removed.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from publish.builds import NotOurs
from publish.request import LIVE, SUMS

UNFINISHED = ".madang-sync"  # names that an unfinished copy was about to bring
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
    """Make the target like the site. Raises NotOurs for a folder that no copy made, OSError."""
    site = site.resolve()  # one build, even if another is published meanwhile
    if (site / LIVE).exists():
        raise NotOurs(f"{site}: --watch로 만든 누리집은 옮기지 않습니다. --full로 다시 만드세요.")
    wanted = read_sums(site / SUMS)
    target.mkdir(parents=True, exist_ok=True)
    there = read_sums(target / SUMS) if (target / SUMS).is_file() else {}
    begun = (target / UNFINISHED).read_text("utf-8").split("\n") if (target / UNFINISHED).is_file() else []
    if not there and not begun and any(target.iterdir()):
        raise NotOurs(f"{target}: --sync로 만들지 않은 폴더입니다. 빈 폴더를 쓰세요.")
    ours = {*there, *begun} - {""}
    todo = [
        name
        for name, digest in wanted.items()
        if there.get(name) != digest or not _is_like(site, target, name)
    ]
    if todo or ours != wanted.keys() or begun:
        (target / UNFINISHED).write_text("\n".join(sorted(ours | set(todo))), "utf-8")
    for name in sorted(todo, key=lambda name: (not name.startswith(ASSETS), name)):
        _copy(site, target, name)
    if todo or ours != wanted.keys() or begun:
        _copy(site, target, SUMS)
    gone = sorted(ours - wanted.keys(), reverse=True)
    for name in gone:
        (target / name).unlink(missing_ok=True)
        _remove_empty(target, (target / name).parent)
    (target / UNFINISHED).unlink(missing_ok=True)
    return Synced(len(todo), len(gone), len(wanted) - len(todo))


def read_sums(file: Path) -> dict[str, str]:
    """File -> SHA-256 of a manifest. Raises NotOurs when it is not one, or names a place outside of its folder."""
    found = {}
    for line in file.read_text("utf-8").splitlines():
        digest, gap, name = line.partition("  ")
        if len(digest) != 64 or not gap or name.startswith("/") or ".." in name.split("/"):
            raise NotOurs(f"{file}: 목록이 아닙니다.")
        found[name] = digest
    return found


def _is_like(site: Path, target: Path, name: str) -> bool:
    try:
        return (target / name).stat().st_size == (site / name).stat().st_size
    except FileNotFoundError:
        return False


def _copy(site: Path, target: Path, name: str) -> None:
    place = target / name
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.new")
    shutil.copyfile(site / name, fresh)
    fresh.replace(place)


def _remove_empty(target: Path, folder: Path) -> None:
    while folder != target:
        try:
            os.rmdir(folder)  # noqa: PTH106 (fails on purpose where something is left)
        except OSError:
            return
        folder = folder.parent
