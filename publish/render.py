"""A page, and how it becomes a file of the site: asked for, rendered, written and looked at, on all processors.

Frozen-Flask names every address (publish/site.py). Instead of asking each page through a test client, as it would, the
same views are called. A file that is as before is taken over from the build before. No Flask: an edit needs none.
"""

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from jinja2 import TemplateNotFound, TemplateSyntaxError

from civic.content.pages import Document
from civic.content.parallel import mapped
from civic.errors import ContentMistakes, Mistake, NotFound, trouble
from publish.builds import BuildFailed, FileState, state_of, take_over
from publish.check import Outline, outline_of
from publish.inputs import ROOT
from templates import NotText

Address = tuple[str, Mapping[str, Any]]  # endpoint and its values, as Flask's url_for takes them
NOWHERE: Address = ("", {})  # of a file that is made from the others, when they are there


@dataclass(frozen=True)
class View:
    """What a view answers with.

    ending: of the file, which gives its type; shows: whose words it shows: "lectures/essay.md" for title and summary,
    "lectures/essay.md#text" for the text.
    """

    make: Callable[[], str | bytes]
    ending: str = ".html"
    shows: frozenset[str] = frozenset()


def missing() -> NoReturn:
    """There is no such address."""
    raise NotFound


class Record(NamedTuple):
    """One file of a build: where it comes from, whose words it shows, and how to know it again."""

    address: Address
    shows: frozenset[str]  # see View
    digest: str  # SHA-256
    state: FileState
    outline: Outline


@dataclass(frozen=True)
class Before:
    """The build before: where it lies, and its files.

    edited: the words that are others now (see View.shows), where nothing but words can be other than then: the site
    has the same files, and only those that show such words are made. None: all are made.
    """

    folder: Path = Path()
    records: Mapping[str, Record] = field(default_factory=dict)
    edited: Set[str] | None = None

    def stands(self, name: str) -> bool:
        """Does that file lie there as it was left?"""
        with suppress(OSError, KeyError):
            return state_of(f"{self.folder}/{name}") == self.records[name].state
        return False

    def listed(self, name: str, docs: Sequence[Document]) -> list[Any]:
        """What a JSON file that lists these documents said of each; None of one whose title or summary is another now."""
        if self.edited is None or not self.stands(name):
            return [None] * len(docs)
        old = json.loads((self.folder / name).read_bytes())
        return [None if doc.file in self.edited else said for doc, said in zip(docs, old, strict=True)]


@dataclass(frozen=True)
class Maker:
    """Makes files of one build. views: by endpoint; planned: the address of every file that is asked for, by its name."""

    views: Mapping[str, Callable[..., View]]
    planned: Mapping[str, Address]
    folder: Path
    before: Before

    def freeze(self, jobs: int) -> tuple[dict[str, Record], list[str]]:
        """Write every planned file below a fresh folder: all by name, and the names of those that were made.

        Raises BuildFailed, ContentMistakes, OSError.
        """
        before, edited, records = self.before, self.before.edited, dict[str, Record]()
        for name, old in before.records.items() if edited is not None else ():
            is_same = old.shows.isdisjoint(edited or ())
            if is_same and take_over(old.state, before.folder, self.folder, name):
                records[name] = old
        todo = [name for name in self.planned if name not in records]
        mistakes: list[Mistake] = []
        with closing(mapped(self.make, todo, jobs)) as each:
            for made in each:
                if isinstance(made, ContentMistakes):
                    mistakes += made.mistakes
                elif isinstance(made, Exception):
                    raise made
                else:
                    name, records[name] = made
        if mistakes:  # each once: a text is made for its page and for the search
            raise ContentMistakes(dict.fromkeys(mistakes))
        return records, todo

    def make(self, names: Sequence[str]) -> Iterator[tuple[str, Record] | Exception]:
        """One file after the other. An exception is given back, because it may have to cross to another process.

        First all are rendered, then all are written and looked at: in turn each would drive the other's code and data
        from the processor's cache, which costs a tenth of the time.
        """
        for ready in [self.render(name) for name in names]:
            try:
                yield ready if isinstance(ready, Exception) else (ready[0], self.write(*ready))
            except BuildFailed as wrong:
                yield wrong

    def render(self, name: str) -> tuple[str, frozenset[str], bytes] | Exception:
        """A file: its name, whose words it shows, and its content."""
        try:
            endpoint, values = self.planned[name]
            page = self.views[endpoint](**values)
            if not name.endswith(page.ending):
                raise ValueError(page.ending)
            content = page.make()
        except ContentMistakes as wrong:
            return wrong
        except Exception as wrong:
            return BuildFailed(f"{explain(wrong)} (화면: {name})")
        return name, page.shows, content.encode() if isinstance(content, str) else content

    def write(self, name: str, shows: frozenset[str], content: bytes) -> Record:
        """Put a file in its place, or that of the build before where it is the same. Raises BuildFailed."""
        digest, place = hashlib.sha256(content).hexdigest(), f"{self.folder}/{name}"
        old = self.before.records.get(name)
        try:
            if not (
                old and old.digest == digest and take_over(old.state, self.before.folder, self.folder, name)
            ):
                os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
                # Never in place: other builds are links to the same file.
                with suppress(FileNotFoundError):
                    os.unlink(place)  # noqa: PTH108 (thousands of them)
                with open(place, "xb") as file:  # noqa: PTH123
                    file.write(content)
            state = state_of(place)
        except OSError as wrong:
            raise BuildFailed(f"쓸 수 없습니다: {trouble(wrong, self.folder / name)}") from wrong
        return Record(self.planned.get(name, NOWHERE), shows, digest, state, outline_of(name, content))


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
        (Path(frame.filename).relative_to(ROOT).as_posix(), frame.lineno)
        for frame in traceback.extract_tb(wrong.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT) and ".venv" not in frame.filename
    ]
    where = ([each for each in frames if each[0].endswith(".html")] or frames)[-1:]
    return f"{where[0][0]}:{where[0][1]}: {said}" if where else said
