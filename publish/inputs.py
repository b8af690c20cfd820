"""Everything that a build reads, told from what it was by size, times and inode: the files, not their content."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

CODE = ("build.py", "civic", "publish", "templates", "forms_api")  # forms_api: its words are in the font
KIT = "node_modules/krds-uiux"
RACY = 50_000_000  # ns: a file changed so lately may change again without another time


class Inputs:
    """Looks at files, and notes whether one of them is too fresh to be told by its times."""

    def __init__(self, root: Path, templates: Path) -> None:
        self._root, self._templates = root, templates
        self._now = time.time_ns()
        self.are_settled = True

    def of_program(self) -> str:
        """The program and its libraries: with another one, no cache holds."""
        libraries = sorted(
            entry.name
            for folder in sys.path
            if folder.endswith("site-packages")
            for entry in os.scandir(folder)
            if entry.name.endswith(".dist-info")
        )
        files = [self._root / name for name in CODE]
        return _digest([sys.version, *libraries, *self._listed(files, (".py",))])

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
                if path.endswith(endings or ""):
                    latest = max(found.st_mtime_ns, found.st_ctime_ns)
                    self.are_settled &= latest < self._now - RACY
                    yield f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def _files(place: str) -> Iterator[tuple[str, os.stat_result]]:
    """(path, state) of a file, or of every file below a folder, in the order of the names; none where there is none."""
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except NotADirectoryError:
        yield place, os.stat(place)  # noqa: PTH116 (thousands of them)
        return
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _files(entry.path)
        else:
            yield entry.path, entry.stat()


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
