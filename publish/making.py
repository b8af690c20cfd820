"""Files of a build: each page asked for, rendered, written and looked at, or taken over from the build before."""

from __future__ import annotations

import hashlib
import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import TemplateNotFound, TemplateSyntaxError

from civic.errors import ContentMistakes, trouble
from publish.checking import Outline, outline_of
from publish.edition import Edition
from publish.pages import Page, PagesApp, page_of
from publish.request import ROOT, FileState, file_state
from publish.site import Address
from publish.span import Span, WatchedClock
from templates import NotText


class FreezeFailed(Exception):
    """A page could not be made. Says where, in one line."""


class CannotWrite(FreezeFailed):
    """A page could be made, but not written."""


class Record(NamedTuple):
    """One file of a build: what it was made from, for how long that holds, and how to know it again."""

    key: str
    begins: datetime
    ends: datetime
    asked: Mapping[str, str]  # what it asked beyond its key -> what it was told
    shows: frozenset[str]  # see Page
    digest: str  # SHA-256
    state: FileState


@dataclass(frozen=True)
class Before:
    """The build before: where it lies, and its files.

    edited: the words that are others now (see Page.shows), where nothing but words can be other than then (see
    Edition.frame): then the files of the site are still the same ones. Else None.
    """

    folder: Path = Path()
    records: Mapping[str, Record] = field(default_factory=dict)
    edited: Set[str] | None = None

    def is_in_doubt(self, name: str) -> bool:
        """May this file be another one?"""
        record = self.records[name]
        return self.edited is None or not record.key or not record.shows.isdisjoint(self.edited)


class Pages(dict[str, Page]):
    """The pages of the site by the names of their files, each asked for when it is first needed."""

    def __init__(self, app: PagesApp, planned: Mapping[str, Address]) -> None:
        """planned: the address of a file that is not in it is found by its name."""
        super().__init__()
        self.app, self._planned = app, planned
        self._rules = app.url_map.bind("")

    def __missing__(self, name: str) -> Page:
        page = self[name] = self.ask(name)
        return page

    def ask(self, name: str) -> Page:
        """The page of a file. Raises FreezeFailed."""
        ending = f".{name.rpartition('.')[2]}"
        try:
            endpoint, values = self._planned.get(name) or self._rules.match(
                f"/{name.removesuffix('index.html')}"
            )
            page = page_of(self.app.view_functions[endpoint](**values), ending)
            if page.ending != ending:
                raise ValueError(f"{name}: {page.ending}")
        except Exception as wrong:
            raise FreezeFailed(f"{explain(wrong)} (화면: {name})") from wrong
        return page


class Made(NamedTuple):
    """One file that was made."""

    name: str
    record: Record
    outline: Outline | None
    is_changed: bool  # other bytes than before, or a new file
    seconds: float


class Begun(NamedTuple):
    """A page that has been asked for. span: for how long that and what was done ahead hold."""

    name: str
    page: Page
    span: Span
    seconds: float


class Rendered(NamedTuple):
    """A page that is ready to be written."""

    name: str
    page: Page
    span: Span
    asked: Mapping[str, str]
    content: bytes
    seconds: float


@dataclass(frozen=True)
class Maker:
    """Makes files of one build."""

    pages: Pages
    folder: Path
    clock: WatchedClock
    before: Before

    def make(self, names: Sequence[str]) -> Iterator[Made | Exception]:
        """One file after the other. An exception is given back, because it may have to cross to another process.

        All texts first, then all templates, then all files: in turn each would drive the others' code and data from
        the processor's cache, which costs a tenth of the time.
        """
        for ready in [self.render(begun) for begun in [self._begin(name) for name in names]]:
            yield ready if isinstance(ready, Exception) else self._write(ready)

    def _begin(self, name: str) -> Begun | Exception:
        """Ask for a page, here if nobody has yet, and do what can be done before it is rendered."""
        began = time.perf_counter()
        with self.clock.noting() as span:
            try:
                page = self.pages.pop(name, None) or self.pages.ask(name)
            except FreezeFailed as wrong:
                return wrong
            if page.ahead:
                with suppress(Exception):  # said where the page is rendered
                    page.ahead()
        return Begun(name, page, span, time.perf_counter() - began)

    def render(self, begun: Begun | Exception) -> Rendered | Exception:
        """The bytes of one file."""
        if isinstance(begun, Exception):
            return begun
        edition: Edition = self.pages.app.extensions["edition"]
        began = time.perf_counter()
        edition.asked.clear()
        try:
            with self.clock.noting() as span:
                content = begun.page.make()
        except ContentMistakes as wrong:
            return wrong
        except Exception as wrong:
            return FreezeFailed(f"{explain(wrong)} (화면: {begun.name})")
        begun.span.narrow(span.begins, span.ends)
        raw = content.encode() if isinstance(content, str) else content
        seconds = begun.seconds + time.perf_counter() - began
        return Rendered(begun.name, begun.page, begun.span, dict(edition.asked), raw, seconds)

    def _write(self, ready: Rendered) -> Made | Exception:
        name, page, span, asked, content, seconds = ready
        began = time.perf_counter()
        digest = hashlib.sha256(content).hexdigest()
        old = self.before.records.get(name)
        place = f"{self.folder}/{name}"
        try:
            make_folder(place.rpartition("/")[0])
            is_same = False
            if old and old.digest == digest:
                is_same = take_over(old, self.before.folder, self.folder, name)
            if not is_same:
                # Never in place: other builds are links to the same file.
                with suppress(FileNotFoundError):
                    os.unlink(place)  # noqa: PTH108
                with open(place, "xb") as file:  # noqa: PTH123
                    file.write(content)
            state = state_of(place)
        except OSError as wrong:
            return CannotWrite(f"쓸 수 없습니다: {trouble(wrong, self.folder / name)}")
        record = Record(page.key, span.begins, span.ends, asked, page.shows, digest, state)
        outline = outline_of(name, content)
        return Made(name, record, outline, not is_same, seconds + time.perf_counter() - began)


def take_over(record: Record, old: Path, new: Path, name: str, may_lie_there: bool = True) -> bool:
    """Link a file from the build before; False when it is gone or not as it was left there.

    may_lie_there: False in a fresh folder; in that of an older build it may be there already, see Builds.begin.
    """
    place = f"{new}/{name}"
    if may_lie_there:
        with suppress(FileNotFoundError):
            if state_of(place) == record.state:
                return True
            os.unlink(place)  # noqa: PTH108 (thousands of them)
    try:
        os.link(f"{old}/{name}", place)
    except OSError:  # gone, more links than the disk can count, or a disk without links: made anew
        return False
    if state_of(place) == record.state:
        return True
    os.unlink(place)  # noqa: PTH108
    return False


def make_folder(place: str) -> None:
    """Make a folder, if it is not there; those around it are looked for only where they are missing."""
    try:
        os.mkdir(place)  # noqa: PTH102 (thousands of them)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(place, exist_ok=True)  # noqa: PTH103


def state_of(place: str) -> FileState:
    return file_state(os.stat(place))  # noqa: PTH116


def explain(wrong: BaseException) -> str:
    """An unexpected error in one line: the template or source line where it arose, and what it says."""
    said = f"{type(wrong).__name__}: {wrong}"
    if isinstance(wrong, NotText):
        return str(wrong)
    if isinstance(wrong, TemplateNotFound):
        said = f"TemplateNotFound: {wrong.name}"
    if isinstance(wrong, TemplateSyntaxError):
        return f"templates/{wrong.name}:{wrong.lineno}: {said}"
    frames = [
        (frame, Path(frame.filename).relative_to(ROOT).as_posix())
        for frame in traceback.extract_tb(wrong.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT) and ".venv" not in frame.filename
    ]
    in_templates = [(frame, file) for frame, file in frames if file.endswith(".html")]
    where = (in_templates or frames)[-1:]
    return f"{where[0][1]}:{where[0][0].lineno}: {said}" if where else said
