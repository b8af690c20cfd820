"""Everything that a build reads, told from what it was by size, times and inode: the files, not their content."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from civic.links import is_passed_over

CODE = ("build.py", "civic", "publish", "templates", "forms_api")  # forms_api: its words are in the font
KIT = "node_modules/krds-uiux"
RACY = 50_000_000  # ns: a file changed so lately may change again without another time


@cache
def stamp_of_program(root: Path) -> str:
    """The program that runs, and its libraries: with another one, no cache holds.

    Worked out once, as early as can be: whatever becomes of the files later, this process goes on with what it loaded.
    """
    libraries = sorted(
        entry.name
        for folder in sys.path
        if folder.endswith("site-packages")
        for entry in os.scandir(folder)
        if entry.name.endswith(".dist-info")
    )
    look = Inputs(root, root / "templates")
    lines = [sys.version, *libraries, *look.of_code()]
    # What is too fresh to be told by its times is remembered by nobody.
    return _digest(lines if look.are_settled else [*lines, f"{time.time_ns()} {os.getpid()}"])


class Inputs:
    """Looks at files, and notes whether one of them is too fresh to be told by its times."""

    def __init__(self, root: Path, templates: Path) -> None:
        self._root, self._templates = root, templates
        self._now = time.time_ns()
        self.are_settled = True

    def of_code(self) -> list[str]:
        """The files of the program."""
        return list(self._listed([self._root / name for name in CODE], (".py",)))

    def of_assets(self) -> str:
        """What stylesheet, scripts and fonts are made from, besides the characters in use."""
        own = self._listed([self._root / "static", self._templates], ())
        kit = self._listed([self._root / KIT / "package.json", self._root / KIT / "resources/fonts"], ())
        kit_css = self._listed([self._root / KIT / "resources/css", self._root / KIT / "resources/img"], ())
        return _digest([*own, *kit, *kit_css])

    def of_content(self, content: Path) -> str:
        """The folder of content."""
        return _digest(self._listed([content], ()))

    def _listed(self, places: Iterable[Path], endings: tuple[str, ...]) -> Iterator[str]:
        for place in places:
            for path, found in _files(str(place)):
                if path.endswith("/"):
                    if not endings:  # that it is there: its times change with hidden files too
                        yield f"{path} {found.st_ino}"
                elif path.endswith(endings or ""):
                    latest = max(found.st_mtime_ns, found.st_ctime_ns)
                    self.are_settled &= latest < self._now - RACY
                    yield f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def _files(
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
        try:
            is_folder, found = entry.is_dir(), entry.stat()
        except OSError:
            try:
                is_folder, found = False, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
        if is_folder:
            yield f"{entry.path}/", found
            here = (found.st_dev, found.st_ino)
            if here not in around:
                yield from _files(entry.path, around | {here})
        else:
            yield entry.path, found


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
