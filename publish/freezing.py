"""From the app to files: Frozen-Flask names and checks every address; a page that is the same is taken over.

Frozen-Flask asks each page through a test client. Here the same views are called in one request context, and asked
first what their page is made from: only what changed since the build before is rendered, on all processors.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from flask_frozen import Freezer, FrozenFlaskWarning

from civic.content.parallel import FEWEST, mapped
from civic.errors import trouble
from publish.checking import Outline
from publish.edition import Edition
from publish.making import (
    Before,
    CannotWrite,
    FreezeFailed,
    Maker,
    Pages,
    Record,
    explain,
    make_folder,
    take_over,
)
from publish.pages import Page, PagesApp
from publish.site import Address, addresses
from publish.span import WatchedClock


@dataclass
class Frozen:
    """A frozen site: all its files, and those that are new or other than before, with what the check needs."""

    records: dict[str, Record] = field(default_factory=dict)
    outlines: dict[str, Outline | None] = field(default_factory=dict)  # of files that were made
    changed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)  # of files that were made


Progress = Callable[[int, int], None]  # pages done, of how many


class Nowhere:
    """In place of the path of a file that is only planned. Frozen-Flask works out where it lies, and we do not ask."""

    def relative_to(self, _: object) -> Nowhere:
        return self


NOWHERE = Nowhere()


class Planner(Freezer):  # type: ignore[misc]  # Frozen-Flask has no types
    """Frozen-Flask, which finds every address and checks that none is forgotten; no page is asked for yet."""

    def __init__(self, app: PagesApp, folder: Path) -> None:
        app.config["FREEZER_DESTINATION"] = str(folder)
        app.config["FREEZER_REMOVE_EXTRA_FILES"] = False
        super().__init__(app, with_static_files=False, with_no_argument_rules=False, log_url_for=False)
        self.found: dict[str, Address] = {}
        self.register_generator(self._addresses)

    def _addresses(self) -> Iterator[tuple[str, dict[str, Any], Any]]:
        for endpoint, values in addresses(self.app):
            # The third is Frozen-Flask's time of the last change; it is handed to _build_one as it is.
            yield endpoint, values, (endpoint, values)

    @cached_property
    def root(self) -> Path:
        """The folder; Frozen-Flask would work it out anew for each page."""
        return Path(self.app.config["FREEZER_DESTINATION"])

    def _build_one(self, url: str, last_modified: Any = None) -> Nowhere:
        self.found[self.urlpath_to_filepath(url)] = last_modified
        return NOWHERE


def plan(app: PagesApp, folder: Path) -> dict[str, Address]:
    """Every file of the site by its name. Raises FreezeFailed."""
    planner = Planner(app, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FrozenFlaskWarning)
            planner.freeze()
    except Exception as wrong:
        raise FreezeFailed(explain(wrong)) from wrong
    return planner.found


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
    with app.test_request_context():
        planned = plan(app, folder) if before.edited is None else {}
        names: Mapping[str, object] = planned or before.records  # a mapping: looked up by the thousand
        return _freeze(Pages(app, planned), names, folder, clock, before, jobs, progress)


def _freeze(
    pages: Pages,
    names: Mapping[str, object],
    folder: Path,
    clock: WatchedClock,
    before: Before,
    jobs: int,
    progress: Progress | None,
) -> Frozen:
    edition: Edition = pages.app.extensions["edition"]
    frozen = Frozen()
    same = {
        name: record
        for name in names
        if (record := before.records.get(name))
        and (not before.is_in_doubt(name) or is_same(record, pages[name], clock.at, edition))
    }
    try:
        there = clear(folder, names)
        for parent in sorted(folders(same) - folders(there)):
            make_folder(f"{folder}/{parent}")
        frozen.records = {
            name: record
            for name, record in same.items()
            if take_over(record, before.folder, folder, name, name in there)
        }
    except OSError as wrong:
        raise CannotWrite(trouble(wrong, folder)) from wrong
    todo = [name for name in names if name not in frozen.records]
    edition.compile_templates(jobs > 1 and len(todo) >= FEWEST)
    with closing(mapped(Maker(pages, folder, clock, before).make, todo, jobs)) as each:
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
    """Remove what lies in the folder and is not wanted, and folders that hold nothing; the files that stay."""
    stay: set[str] = set()

    def holds_any(here: str, base: str) -> bool:
        before = len(stay)
        with os.scandir(here) as entries:
            for entry in list(entries):
                name = base + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not holds_any(entry.path, f"{name}/"):
                        os.rmdir(entry.path)  # noqa: PTH106
                elif name in wanted:
                    stay.add(name)
                else:
                    os.unlink(entry.path)  # noqa: PTH108
        return len(stay) > before

    holds_any(str(folder), "")
    return stay


def folders(names: Iterable[str]) -> set[str]:
    """Where these files lie: "lectures/essay"."""
    return {name.rpartition("/")[0] for name in names}


def is_same(record: Record, page: Page, now: datetime, edition: Edition) -> bool:
    """Would the page be made just as it was?"""
    return (
        bool(page.key)
        and record.key == page.key
        and record.begins <= now < record.ends
        and all(edition.answer(question) == told for question, told in record.asked.items())
    )
