"""From the app to files: Frozen-Flask names and checks every address; a page that is the same is taken over.

Frozen-Flask asks each page through a test client. Here the same views are called in one request context, and asked
first what their page is made from: only what changed since the build before is rendered, on all processors.
"""

from __future__ import annotations

import hashlib
import os
import time
import traceback
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Set
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from flask_frozen import Freezer, FrozenFlaskWarning
from jinja2 import TemplateNotFound, TemplateSyntaxError

from civic.errors import ContentMistakes, trouble
from civic.library.parallel import is_shared, mapped
from publish.app import addresses
from publish.checking import Outline, outline_of
from publish.edition import Edition
from publish.pages import Page, PagesApp, page_of
from publish.request import FileState, file_state
from publish.span import Span, WatchedClock

ROOT = Path(__file__).resolve().parent.parent


class FreezeFailed(Exception):
    """A page could not be made. Says where, in one line."""


class CannotWrite(FreezeFailed):
    """A page could be made, but not written."""


@dataclass(frozen=True)
class Record:
    """One file of a build: what it was made from, for how long that holds, and how to know it again."""

    key: str
    begins: datetime
    ends: datetime
    asked: Mapping[str, str]  # what it asked beyond its key -> what it was told
    texts: frozenset[str]  # see Page
    digest: str  # SHA-256
    state: FileState


@dataclass
class Frozen:
    """A frozen site: all its files, and those that are new or other than before, with what the check needs."""

    records: dict[str, Record] = field(default_factory=dict)
    outlines: dict[str, Outline | None] = field(default_factory=dict)  # of files that were made
    changed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)  # of files that were made


@dataclass(frozen=True)
class Before:
    """The build before: where it lies, and its files.

    texts: content files that have been read anew, where nothing but texts can be other than then; else None.
    """

    folder: Path = Path()
    records: Mapping[str, Record] = field(default_factory=dict)
    texts: Set[str] | None = None

    def is_in_doubt(self, name: str) -> bool:
        """May this file be another one, where nothing but texts can be other than then?"""
        record = self.records[name]
        return not record.key or not record.texts.isdisjoint(self.texts or ())


Progress = Callable[[int, int], None]  # pages done, of how many


class Planner(Freezer):  # type: ignore[misc]  # Frozen-Flask has no types
    """Frozen-Flask, which finds every address and checks that none is forgotten; pages are only planned."""

    def __init__(self, app: PagesApp, folder: Path) -> None:
        app.config["FREEZER_DESTINATION"] = str(folder)
        app.config["FREEZER_REMOVE_EXTRA_FILES"] = False
        super().__init__(app, with_static_files=False, with_no_argument_rules=False, log_url_for=False)
        self.pages: dict[str, Page] = {}
        self.page = ""  # that is being asked, for messages
        self.register_generator(self._addresses)

    def _addresses(self) -> Iterator[tuple[str, dict[str, Any], Any]]:
        for endpoint, values in addresses(self.app):
            self.page = " ".join([endpoint, *map(str, values.values())])
            # The third is Frozen-Flask's time of the last change; it is handed to _build_one as it is.
            yield endpoint, values, (endpoint, values)

    @cached_property
    def root(self) -> Path:
        """The folder; Frozen-Flask would work it out anew for each page."""
        return Path(self.app.config["FREEZER_DESTINATION"])

    def _build_one(self, url: str, last_modified: Any = None) -> Path:
        endpoint, values = last_modified
        name: str = self.urlpath_to_filepath(url)
        ending = f".{name.rpartition('.')[2]}"
        page = page_of(self.app.view_functions[endpoint](**values), ending)
        if page.ending != ending:
            raise ValueError(f"{name}: {page.ending}")
        self.pages[name] = page
        return self.root  # only planned: no file is there yet to be named


def plan(app: PagesApp, folder: Path) -> dict[str, Page]:
    """Every file of the site by its name. Raises FreezeFailed."""
    planner = Planner(app, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FrozenFlaskWarning)
            planner.freeze()
    except Exception as wrong:
        raise FreezeFailed(f"{explain(wrong)} (화면: {planner.page})") from wrong
    return planner.pages


def plan_again(app: PagesApp, names: Iterable[str]) -> dict[str, Page]:
    """These files of a site whose plan is known to hold. Raises what a view raises."""
    found = {}
    with app.test_request_context():
        addresses = app.url_map.bind("")
        for name in names:
            endpoint, values = addresses.match("/" + name.removesuffix("index.html"))
            found[name] = page_of(app.view_functions[endpoint](**values), f".{name.rpartition('.')[2]}")
    return found


def freeze(
    app: PagesApp,
    folder: Path,
    clock: WatchedClock,
    before: Before,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Frozen:
    """Write every address of the app below the folder. Raises FreezeFailed (CannotWrite), ContentMistakes.

    Files whose pages are as before are links to those of the build before.
    """
    edition: Edition = app.extensions["edition"]
    frozen = Frozen()
    names: Mapping[str, object]  # a mapping: they are looked up by the thousand
    if before.texts is None:
        names = pages = plan(app, folder)
    else:
        names = before.records
        pages = plan_again(app, (name for name in names if before.is_in_doubt(name)))
    same = {
        name: record
        for name in names
        if (record := before.records.get(name))
        and (name not in pages or is_same(record, pages[name], clock.at, edition))
    }
    try:
        there = clear(folder, names)
        for parent in sorted({name.rpartition("/")[0] for name in same} - there):
            os.makedirs(f"{folder}/{parent}", exist_ok=True)  # noqa: PTH103 (thousands of them)
        frozen.records = {
            name: record for name, record in same.items() if take_over(record, before.folder, folder, name)
        }
    except OSError as wrong:
        raise CannotWrite(trouble(wrong, folder)) from wrong
    todo = [name for name in names if name not in frozen.records]
    pages |= plan_again(app, (name for name in todo if name not in pages))  # files that somebody touched
    edition.compile_templates(is_shared(todo, jobs))
    make = partial(make_file, pages, folder, clock, before, edition)
    with closing(mapped(make, todo, jobs)) as each:
        for done, made in enumerate(each, 1):
            if isinstance(made, Exception):
                raise made
            frozen.records[made.name] = made.record
            frozen.outlines[made.name] = made.outline
            frozen.seconds[made.name] = made.seconds
            if made.is_changed:
                frozen.changed.add(made.name)
            if progress:
                progress(done, len(todo))
    frozen.records = {name: frozen.records[name] for name in sorted(frozen.records)}
    return frozen


def clear(folder: Path, wanted: Container[str]) -> set[str]:
    """Remove what lies in the folder and is not wanted; the folders below it that stay."""
    stay = set()
    skipped = len(str(folder)) + 1
    for here, _, files in os.walk(folder, topdown=False):
        base = f"{here}/"[skipped:]
        kept = [name for name in files if base + name in wanted]
        for name in files if len(kept) < len(files) else ():
            if base + name not in wanted:
                os.unlink(f"{here}/{name}")  # noqa: PTH108
        if kept:
            stay.add(base[:-1])
        elif base:
            with suppress(OSError):  # it still holds folders
                os.rmdir(here)  # noqa: PTH106
    return stay


def is_same(record: Record, page: Page, now: datetime, edition: Edition) -> bool:
    """Would the page be made just as it was?"""
    return (
        bool(page.key)
        and record.key == page.key
        and record.begins <= now < record.ends
        and all(edition.answer(question) == told for question, told in record.asked.items())
    )


def take_over(record: Record, old: Path, new: Path, name: str) -> bool:
    """Link a file from the build before; False when it is gone or not as it was left there."""
    place = f"{new}/{name}"
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


def state_of(place: str) -> FileState:
    return file_state(os.stat(place))  # noqa: PTH116


@dataclass(frozen=True)
class Made:
    """One file that was made."""

    name: str
    record: Record
    outline: Outline | None
    is_changed: bool  # other bytes than before, or a new file
    seconds: float


def make_file(
    pages: Mapping[str, Page], folder: Path, clock: WatchedClock, before: Before, edition: Edition, name: str
) -> Made | Exception:
    """Render one page and write it. An exception is given back, because it may have to cross to another process."""
    page = pages[name]
    began = time.perf_counter()
    edition.asked.clear()
    try:
        with clock.noting() as span:
            content = page.make()
    except ContentMistakes as wrong:
        return wrong
    except Exception as wrong:
        return FreezeFailed(f"{explain(wrong)} (화면: {name})")
    try:
        return _written(
            Made(name, _record(page, span, edition), None, True, 0.0),
            content.encode() if isinstance(content, str) else content,
            folder,
            before,
            began,
        )
    except OSError as wrong:
        return CannotWrite(f"쓸 수 없습니다: {trouble(wrong, folder / name)}")


def _record(page: Page, span: Span, edition: Edition) -> Record:
    return Record(page.key, span.begins, span.ends, dict(edition.asked), page.texts, "", (0, 0, 0))


def _written(made: Made, content: bytes, folder: Path, before: Before, began: float) -> Made:
    digest = hashlib.sha256(content).hexdigest()
    old = before.records.get(made.name)
    place = f"{folder}/{made.name}"
    os.makedirs(place.rpartition("/")[0], exist_ok=True)  # noqa: PTH103
    is_changed = not (old and old.digest == digest and take_over(old, before.folder, folder, made.name))
    if is_changed:
        # Never in place: other builds are links to the same file.
        with suppress(FileNotFoundError):
            os.unlink(place)  # noqa: PTH108
        with open(place, "xb") as file:  # noqa: PTH123
            file.write(content)
    return replace(
        made,
        record=replace(made.record, digest=digest, state=state_of(place)),
        outline=outline_of(made.name, content),
        is_changed=is_changed,
        seconds=time.perf_counter() - began,
    )


def explain(wrong: BaseException) -> str:
    """An unexpected error in one line: the template or source line where it arose, and what it says."""
    said = f"{type(wrong).__name__}: {wrong}"
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
