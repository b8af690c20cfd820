"""One build, under the lock of its site: from the library to the site that everybody sees.

One rule says what is made. Where nothing but words of pages (texts, titles, summaries) can be other than in the build
before: the pages that show those words. Else, a moment that the clock has come to included: all pages.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

import templates
from civic.clock import FixedClock
from civic.content.pages import Document, Event, Lecture
from civic.content.poll import Poll
from civic.library import Library
from civic.links import is_passed_over
from publish.builds import LIVE, SUMS, BuildFailed, Builds, listed, listing, state_of, told, whole_name
from publish.check import Outline, broken
from publish.command import BuildReport
from publish.edition import Edition
from publish.inputs import ROOT, Look, Request, asset_places
from publish.memory import Cache, FileMemory, Kept, State
from publish.pages import SOON
from publish.render import Before, Frozen, freeze
from publish.site import addresses, create_app
from templates import text_of
from templates.assets import Assets

DAY = timedelta(days=1)
PROGRAM = ROOT / ".builds/cache/program"  # what is the same for all sites of this program


@dataclass(frozen=True)
class Building:
    """One build of a library. files: what is known of its files; builds, cache: under the lock."""

    request: Request
    library: Library
    files: FileMemory
    builds: Builds
    cache: Cache

    def run(self, inputs: str) -> BuildReport:
        """Make and publish the site. inputs: what the library was read from, see files_of.

        Raises ContentMistakes, BuildFailed; then all is as it was.
        """
        app = self._app()
        edition: Edition = app.extensions["edition"]
        frame = frame_of(self.request, edition)
        before = self._before(frame)
        if before.edited is None:
            edition.compile_templates()
        site, frozen = self._publish(app, before)
        states = {name: record.state for name, record in frozen.records.items()}
        state = State(
            wishes=self.request.wishes,
            files=inputs,
            build=site.name,
            listing=listed({**states, SUMS: state_of(f"{site}/{SUMS}")}),
            made=self.request.now,
            due=due(edition.library, self.request.demo),
            total=len(states),
            frame=frame,
        )
        report = self._report(state, frozen, before)
        if not self._remember(state, frozen, before):
            report.note = f"{self.builds.cache}: 기억을 적어 두지 못했습니다. 다음에는 모두 새로 만듭니다."
        return report

    def _app(self) -> Flask:
        request, program = self.request, Kept(PROGRAM, self.cache.kept.stamp)
        assets = _assets(self.library, program, request.full)
        clock = FixedClock(request.now)
        app = create_app(self.library, assets, clock, request.base_url, request.demo, request.live)
        app.extensions["edition"].env.bytecode_cache = Compiled(program)
        return app

    def _before(self, frame: str) -> Before:
        state = self.cache.state
        folder = self.builds.folder / state.build if state else None
        if not state or not folder or not folder.is_dir():
            return Before()
        same = state.frame == frame and state.holds_at(self.request.now)
        return Before(folder, self.cache.all("page"), self.files.edited if same else None)

    def _publish(self, app: Flask, before: Before) -> tuple[Path, Frozen]:
        """Freeze into a fresh folder and make it the site, or leave the one that is the same already."""
        fresh = self.builds.begin(() if before.edited is None else before.records)
        try:
            frozen = freeze(app, addresses(app), fresh, before, self.request.jobs)
            self._check(frozen, before)
            if not frozen.changed and frozen.records.keys() == before.records.keys() and self._stands(before):
                return before.folder, frozen
            manifest = "".join(f"{record.digest}  {name}\n" for name, record in frozen.records.items())
            (fresh.folder / SUMS).write_text(manifest, "utf-8")
            if self.request.live:
                (fresh.folder / LIVE).write_text(told(whole_name(fresh.folder)), "utf-8")
            return self.builds.publish(fresh.folder), frozen
        finally:
            self.builds.abandon(fresh.folder)

    def _stands(self, before: Before) -> bool:
        """Is the build before the site still, as it was left? What the new build has may be from an older one."""
        state = self.cache.state
        return bool(
            state and before.folder == self.builds.current() and listing(before.folder) == state.listing
        )

    def _check(self, frozen: Frozen, before: Before) -> None:
        """Every file that was made; all links again where something went away that they may point at."""

        def outline(name: str) -> Outline | None:
            return frozen.outlines[name] if name in frozen.outlines else self.cache.get("outline", name)

        lost = before.records.keys() - frozen.records.keys() or any(
            old and new and not old.ids <= new.ids
            for name, new in frozen.outlines.items()
            if name in before.records
            for old in [self.cache.get("outline", name)]
        )
        names = list(frozen.records) if lost else sorted(frozen.outlines)
        mistakes = broken(names, frozen.records, outline)
        if mistakes:
            raise BuildFailed(*mistakes)

    def _report(self, state: State, frozen: Frozen, before: Before) -> BuildReport:
        return BuildReport(
            files=state.total,
            made=len(frozen.outlines),
            changed=len(frozen.changed),
            dropped=len(before.records.keys() - frozen.records.keys()),
            build=state.build,
            is_new=state.build != before.folder.name,
            due=state.due,
        )

    def _remember(self, state: State, frozen: Frozen, before: Before) -> bool:
        dropped = before.records.keys() - frozen.records.keys()
        pages = {name: frozen.records[name] for name in frozen.outlines}
        return self.cache.save(
            state,
            {"file": self.files.fresh, "page": pages, "outline": frozen.outlines},
            {"file": self.files.gone, "page": dropped, "outline": dropped},
        )


class Compiled(BytecodeCache):
    """Templates as Jinja compiled them."""

    def __init__(self, program: Kept) -> None:
        self._program = program

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._program.get(bucket.key, bucket.checksum)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # then they are compiled again
            self._program.put(bucket.key, bucket.checksum, bucket.bytecode_to_string())


def frame_of(request: Request, edition: Edition) -> str:
    """Everything that pages are made from but the words of documents and the clock, as a digest. Raises NotText."""
    library = edition.library
    files = sorted(f"{file} {library.frames.get(file, whole)}" for file, whole in library.digests.items())
    sources = [
        f"{file.name} {text_of(file)}"
        for folder in (templates.FOLDER, ROOT / "static")
        for file in sorted(folder.rglob("*.*"))
        if file.is_file() and file.suffix != ".pyc" and not is_passed_over(file.name)
    ]
    parts = [request.wishes, *files, *sorted(edition.linked), *sorted(edition.assets.files), *sources]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def due(library: Library, is_demo: bool) -> datetime | None:
    """When the clock next makes a page of the site another one; None for never.

    It may name a time at which nothing changes after all, never one that is too late: whatever a view or template reads
    of the clock has its times here. is_demo: each page shows the day.
    """
    tomorrow = library.now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    shown = library.everything()
    times = {library.changes, *(at for page in shown for at in _times(page))}
    if is_demo or any(
        isinstance(page, Poll) and page.rehearsed and library.now < page.closes for page in shown
    ):
        times.add(tomorrow)  # the order on a ballot is turned by one each day
    return min((at for at in times if at and at > library.now), default=None)


def _times(page: Document) -> Iterator[datetime]:
    """When the state of a page changes, or its place on home page and lists."""
    if spec := page.spec:
        for round_ in spec.rounds:
            closes = spec.closes_for(round_)
            yield from (spec.opens_for(round_), closes - SOON, closes)
    match page:
        case Lecture(form=None, sessions=[first, *_]):
            yield first.starts
        case Event():
            yield page.ends
        case Poll():
            yield from (page.opens, page.closes)


def _assets(library: Library, program: Kept, anew: bool) -> Assets:
    other = [file for file in library.digests if file not in library.frames]
    characters = library.characters.union(*((library.content / file).read_text("utf-8") for file in other))
    key = Look().at(*asset_places(ROOT, templates.FOLDER)) + "".join(sorted(characters))
    name = f"assets-{hashlib.sha256(key.encode()).hexdigest()[0]}"  # at most sixteen lie there, however many sites are built
    kept = None if anew else program.get(name, key)
    if kept:
        found: Assets = pickle.loads(kept)  # noqa: S301 (proved to be what we wrote)
        return found
    assets = Assets.collect(ROOT, characters)
    with suppress(OSError):  # then they are made again
        program.put(name, key, pickle.dumps(assets))
    return assets
