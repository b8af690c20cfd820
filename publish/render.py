"""A page, and how it becomes a file of the site: asked for, rendered, written and looked at, on all processors.

Frozen-Flask names every address and checks that none is forgotten. Instead of asking each page through a test client,
as it would, the same views are called in one request context. A file that is as before is taken over from the build before.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from flask import Flask, Response
from flask_frozen import Freezer, FrozenFlaskWarning
from jinja2 import TemplateNotFound, TemplateSyntaxError

from civic.content.parallel import mapped
from civic.errors import ContentMistakes, trouble
from publish.builds import BuildFailed, FileState, Fresh, folders, make_folder, state_of, take_over
from publish.check import Outline, outline_of
from publish.inputs import ROOT
from templates import NotText

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Address = tuple[str, Mapping[str, Any]]  # endpoint and its values, as Flask's url_for takes them


@dataclass(frozen=True)
class View:
    """What a view answers with.

    ending: of the file, which gives its type; shows: whose words it shows: "lectures/essay.md" for title and summary,
    "lectures/essay.md#text" for the text; None where that is not known.
    """

    make: Callable[[], str | bytes]
    ending: str = ".html"
    shows: frozenset[str] | None = frozenset()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The page as an answer to a request: so Flask takes it from a view."""
        kind = mimetypes.guess_type(f"page{self.ending}")[0] or "application/octet-stream"
        return Response(self.make(), mimetype=kind)(environ, start_response)


def page_at(app: Flask, address: Address, ending: str) -> View:
    """The page at an address. Raises ValueError when it is not of that ending."""
    endpoint, values = address
    answer: Any = app.view_functions[endpoint](**values)
    if not isinstance(answer, View):
        content = answer.get_data() if isinstance(answer, Response) else answer
        return View(lambda: content, ending, None)
    if answer.ending != ending:
        raise ValueError(f"{ending}: {answer.ending}")
    return answer


class Record(NamedTuple):
    """One file of a build: where it comes from, whose words it shows, and how to know it again."""

    address: Address
    shows: frozenset[str] | None  # see View
    digest: str  # SHA-256
    state: FileState


@dataclass(frozen=True)
class Before:
    """The build before: where it lies, and its files.

    edited: the words that are others now (see View.shows), where nothing but words can be other than then: the site
    has the same files, and only those that show such words are made. None: all are made.
    """

    folder: Path = Path()
    records: Mapping[str, Record] = field(default_factory=dict)
    edited: Set[str] | None = None

    def holds(self, name: str) -> bool:
        """Is this file still what it was?"""
        shows = self.records[name].shows
        return self.edited is not None and shows is not None and shows.isdisjoint(self.edited)


@dataclass
class Frozen:
    """A frozen site: all its files; of those that were made what the check needs, and which have other bytes than before."""

    records: dict[str, Record] = field(default_factory=dict)
    outlines: dict[str, Outline | None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class Made(NamedTuple):
    """One file that was made."""

    name: str
    record: Record
    outline: Outline | None
    is_changed: bool  # other bytes than before, or a new file


class Planner(Freezer):  # type: ignore[misc]  # Frozen-Flask has no types
    """Frozen-Flask, which finds every address and checks that none is forgotten; no page is asked for yet."""

    def __init__(self, app: Flask, addresses: Iterable[Address], folder: Path) -> None:
        app.config["FREEZER_DESTINATION"] = str(folder)
        app.config["FREEZER_REMOVE_EXTRA_FILES"] = False
        super().__init__(app, with_static_files=False, with_no_argument_rules=False, log_url_for=False)
        self.found: dict[str, Address] = {}
        # The third is Frozen-Flask's time of the last change; it is handed to _build_one as it is.
        self.register_generator(lambda: ((*address, address) for address in addresses))

    def _build_one(self, url: str, last_modified: Any = None) -> Path:
        self.found[self.urlpath_to_filepath(url)] = last_modified
        return cast(Path, self.root)


def plan(app: Flask, addresses: Iterable[Address], folder: Path) -> dict[str, Address]:
    """The address of every file of the site, by its name. Raises BuildFailed."""
    planner = Planner(app, addresses, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FrozenFlaskWarning)
            planner.freeze()
    except Exception as wrong:
        raise BuildFailed(explain(wrong)) from wrong
    return planner.found


def freeze(app: Flask, addresses: Iterable[Address], fresh: Fresh, before: Before, jobs: int) -> Frozen:
    """Write every address of the app into a fresh folder. Raises BuildFailed, ContentMistakes, OSError."""
    frozen = Frozen()
    with app.test_request_context():
        if before.edited is None:
            planned = plan(app, addresses, fresh.folder)
        else:
            planned = {name: record.address for name, record in before.records.items()}
            frozen.records = _taken_over(before, fresh)
        todo = [name for name in planned if name not in frozen.records]
        with closing(mapped(Maker(app, planned, fresh.folder, before).make, todo, jobs)) as each:
            for made in each:
                if isinstance(made, Exception):
                    raise made
                frozen.records[made.name] = made.record
                frozen.outlines[made.name] = made.outline
                if made.is_changed:
                    frozen.changed.add(made.name)
    frozen.records = {name: frozen.records[name] for name in sorted(frozen.records)}
    return frozen


@dataclass(frozen=True)
class Maker:
    """Makes files of one build."""

    app: Flask
    planned: Mapping[str, Address]
    folder: Path
    before: Before

    def make(self, names: Sequence[str]) -> Iterator[Made | Exception]:
        """One file after the other. An exception is given back, because it may have to cross to another process.

        First all are rendered, then all are written and looked at: in turn each would drive the other's code and data
        from the processor's cache, which costs a tenth of the time.
        """
        for ready in [self.render(name) for name in names]:
            yield ready if isinstance(ready, Exception) else self._write(*ready)

    def render(self, name: str) -> tuple[str, View, bytes] | Exception:
        """A file's page and content."""
        try:
            page = page_at(self.app, self.planned[name], f".{name.rpartition('.')[2]}")
            content = page.make()
        except ContentMistakes as wrong:
            return wrong
        except Exception as wrong:
            return BuildFailed(f"{explain(wrong)} (화면: {name})")
        return name, page, content.encode() if isinstance(content, str) else content

    def _write(self, name: str, page: View, content: bytes) -> Made | Exception:
        digest = hashlib.sha256(content).hexdigest()
        old, place = self.before.records.get(name), f"{self.folder}/{name}"
        try:
            make_folder(place.rpartition("/")[0])
            is_same = bool(
                old and old.digest == digest and take_over(old.state, self.before.folder, self.folder, name)
            )
            if not is_same:
                # Never in place: other builds are links to the same file.
                with suppress(FileNotFoundError):
                    os.unlink(place)  # noqa: PTH108 (thousands of them)
                with open(place, "xb") as file:  # noqa: PTH123
                    file.write(content)
            record = Record(self.planned[name], page.shows, digest, state_of(place))
        except OSError as wrong:
            return BuildFailed(f"쓸 수 없습니다: {trouble(wrong, self.folder / name)}")
        return Made(name, record, outline_of(name, content), not is_same)


def _taken_over(before: Before, fresh: Fresh) -> dict[str, Record]:
    """Those files of the build before that hold, now also in the fresh folder."""
    same = {name: record for name, record in before.records.items() if before.holds(name)}
    for parent in sorted(folders(same) - folders(fresh.there)):
        make_folder(f"{fresh.folder}/{parent}")
    return {
        name: record
        for name, record in same.items()
        if take_over(record.state, before.folder, fresh.folder, name, name in fresh.there)
    }


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
