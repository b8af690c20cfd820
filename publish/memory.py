"""What builds remember from one to the next. A damaged memory or that of another program is thrown away, never trusted.

Values are pickled: the files lie beside the site, where only its owner writes. Light: no Flask, no templates.
"""

import hashlib
import os
import pickle
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from civic.files import write
from publish.builds import listing
from publish.command import BuildReport

PACKS = 64  # files of a kind, many values to each: an edit writes one or two of them anew
PROOF = hashlib.sha256().digest_size


class State(NamedTuple):
    """The last build, as it is remembered."""

    files: str  # how it was called and what was read, see files_of
    listing: str  # of its files as they were left
    made: datetime  # the time that its pages show
    frame: str  # see frame_of in publish.build
    report: BuildReport
    holidays: dict[int, dict[date, str]]  # see civic.content.sessions: working them out is slow

    def holds_at(self, now: datetime) -> bool:
        """Does the clock change nothing until then?"""
        return self.made <= now and (self.report.due is None or now < self.report.due)

    def answers(self, now: datetime, files: str, live: Path | None) -> bool:
        """Is the site just what this build would make? All files by their times; a few milliseconds.

        files: see files_of; live: the build that is the site now.
        """
        if live is None or files == "" or (self.report.build, self.files) != (live.name, files):
            return False
        return self.holds_at(now) and self.listing == listing(live)


class Kept:
    """Contents by name, one file each. One that is not what was put there, or was put by another program, is as none."""

    def __init__(self, folder: Path, stamp: str) -> None:
        """stamp: of the program and its libraries."""
        self.folder, self.stamp = folder, stamp

    def get(self, name: str, made_from: str) -> bytes | None:
        """What was put under that name, if it was made from the same."""
        try:
            kept = (self.folder / name).read_bytes()
        except OSError:
            return None
        return kept[PROOF:] if kept[:PROOF] == self._proof(name, made_from, kept[PROOF:]) else None

    def put(self, name: str, made_from: str, content: bytes) -> None:
        """Keep it in place of what was there. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / name, self._proof(name, made_from, content) + content, durable=False)

    def made(self, name: str, made_from: str, make: Callable[[], bytes], anew: bool = False) -> bytes:
        """The same; where it is not there, or anew, it is made, and kept where that can be done."""
        found = None if anew else self.get(name, made_from)
        if found is None:
            found = make()
            with suppress(OSError):  # then it is made again
                self.put(name, made_from, found)
        return found

    def _proof(self, name: str, made_from: str, content: bytes) -> bytes:
        named = [self.stamp.encode(), name.encode(), made_from.encode(), content]
        return hashlib.sha256(b"\0".join(named)).digest()


class Cache:
    """Values by kind and name, and the state of the last build. The state is written last and vouches for all the others."""

    def __init__(self, folder: Path, stamp: str) -> None:
        """Only looks: no file is changed before `save`. stamp: see Kept; of another program nothing is found."""
        self.kept = Kept(folder, stamp)
        self._packs: dict[tuple[str, int], dict[str, Any]] = {}  # of the kinds that were asked for
        self._marks: dict[tuple[str, int], str] = {}  # (kind, pack) -> by which save it was written
        self.state: State | None = None
        found = self.kept.get("state", "")
        if found:
            self.state, self._marks = pickle.loads(found)  # noqa: S301 (proved to be what we wrote)

    def all(self, kind: str) -> dict[str, Any]:
        """Everything of a kind, by name. A file that is not what was written throws all away, the state too."""
        found: dict[str, Any] = {}
        for (_, pack), mark in [item for item in self._marks.items() if item[0][0] == kind]:
            kept = self.kept.get(f"{kind}-{pack}", mark)
            if kept is None:
                self.throw_away()
                return {}
            self._packs[kind, pack] = pickle.loads(kept)  # noqa: S301 (proved to be what we wrote)
            found |= self._packs[kind, pack]
        return found

    def save(
        self, state: State, values: Mapping[str, Mapping[str, Any]], gone: Mapping[str, Iterable[str]]
    ) -> bool:
        """Write values[kind][name] and forget gone[kind]. False where that fails: then nothing is kept."""
        mark = os.urandom(8).hex()
        if self.state is None:
            self.throw_away()
        for kind, named in values.items():
            for name in gone[kind]:
                self._pack(kind, name, mark).pop(name, None)
            for name, value in named.items():
                self._pack(kind, name, mark)[name] = value
        try:
            for (kind, pack), written in self._marks.items():
                if written == mark:
                    content = pickle.dumps(self._packs[kind, pack], pickle.HIGHEST_PROTOCOL)
                    self.kept.put(f"{kind}-{pack}", mark, content)
            self.kept.put("state", "", pickle.dumps((state, self._marks)))
        except OSError:
            self.throw_away()
            return False
        return True

    def throw_away(self) -> None:
        """Begin with nothing."""
        self._packs.clear()
        self._marks.clear()
        self.state = None
        folder = self.kept.folder
        with suppress(OSError):  # noticed where something is kept
            shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()

    def _pack(self, kind: str, name: str, mark: str) -> dict[str, Any]:
        """Where a value of that name is kept, marked as changed."""
        key = kind, zlib.crc32(name.encode()) % PACKS
        self._marks[key] = mark
        return self._packs.setdefault(key, {})
