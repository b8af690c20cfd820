"""One build from content to the published site: read, plan, render what changed, check, swap, remember."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import templates
from civic.errors import Mistake
from civic.library import Library, load
from publish.builds import Builds, whole_name
from publish.cache import Cache
from publish.checking import Outline, broken
from publish.edition import Edition
from publish.freezing import Frozen, freeze
from publish.inputs import Inputs
from publish.making import Before, CannotWrite
from publish.memory import FileMemory
from publish.pages import PagesApp, digest
from publish.remembering import Compiled, Drawer
from publish.report import Report, Teller
from publish.request import LIVE, ROOT, SUMS, Request, State, file_state, listed, listing, told
from publish.site import create_app
from publish.span import Span, WatchedClock
from templates.assets import Assets

LARGEST = 5
DRAWER = ROOT / ".builds/cache/program"


class NotWhole(Exception):
    """The built site has faults; one line for each."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(map(str, mistakes)))


class Building:
    """One build, under the lock of its site."""

    def __init__(self, request: Request, builds: Builds, cache: Cache, tell: Teller, report: Report) -> None:
        self.request, self.builds, self.cache, self.tell, self.report = request, builds, cache, tell, report
        self.clock = WatchedClock(request.now)
        self.frame = ""  # of this build, see Edition.frame
        self.drawer = Drawer(DRAWER, cache.stamp)

    def run(self, inputs: str, memory: FileMemory | None) -> None:
        """Make and publish the site. Raises ContentMistakes, FreezeFailed, NotWhole; then all is as it was.

        inputs: what was to be read, as it was before reading began; "" where that cannot be told.
        memory: of a first look, if there was one.
        """
        request, report = self.request, self.report
        with report.stage("글 읽기"):
            memory = memory or FileMemory(None if request.full else self.cache, self.tell)
            library = load(request.content, self.clock.now(), memory, request.jobs)
        with report.stage("화면 준비"):
            app = self._app(library)
            before = self._before(memory)
        reuse = bool(before.records) and before.folder == self.builds.current()
        try:
            site, frozen = self._publish(app, self.builds.begin(reuse), before)
        except CannotWrite:
            if not reuse:
                raise
            # What an old build left may not be ours to write over.
            site, frozen = self._publish(app, self.builds.begin(), before)
        with report.stage("기억하기"):
            self._remember(site, frozen, before, memory, inputs)

    def _publish(self, app: PagesApp, fresh: Path, before: Before) -> tuple[Path, Frozen]:
        """Freeze into the folder and make it the site, or leave the one that is the same already."""
        report = self.report
        try:
            with report.stage("화면 만들기"):
                frozen = freeze(app, fresh, self.clock, before, self.request.jobs, partial(self.tell, "화면"))
            with report.stage("살펴보기"):
                self._check(frozen, before)
                self._count(frozen, before)
            live = self.builds.current()
            same = not frozen.changed and not report.dropped and live == before.folder
            same = same and self._stands(before.folder)
            with report.stage("바꿔 놓기"):
                if same:
                    site = before.folder
                else:
                    (fresh / SUMS).write_text(sums(frozen), "utf-8")
                    if self.request.live:
                        (fresh / LIVE).write_text(told(whole_name(fresh)), "utf-8")
                    site = self.builds.publish(fresh)
            report.is_new, report.build = not same, site.name
        finally:
            with report.stage("치우기"):
                self.builds.abandon(fresh)
        return site, frozen

    def _stands(self, live: Path) -> bool:
        """Is the site still as the last build left it? What the new build has may be from an older one."""
        state: State | None = self.cache.get("state", "last")
        return state is not None and listing(live) == state.listing

    def _app(self, library: Library) -> PagesApp:
        request = self.request
        assets = self._assets(library)
        app = create_app(library, assets, self.clock, request.base_url, request.demo, request.live)
        edition: Edition = app.extensions["edition"]
        edition.env.bytecode_cache = Compiled(self.drawer)
        self.frame = edition.frame
        return app

    def _assets(self, library: Library) -> Assets:
        other = [file for file in library.digests if file not in library.heads]
        characters = library.characters.union(
            *((self.request.content / file).read_text("utf-8") for file in other)
        )
        key = digest(Inputs(ROOT, templates.FOLDER).of_assets(), "".join(sorted(characters)))
        name = f"assets-{key[0]}"  # at most sixteen lie there, however many sites are built
        kept = None if self.request.full else self.drawer.get(name, key)
        if kept:
            found: Assets = pickle.loads(kept)  # noqa: S301 (the drawer proved it to be what we wrote)
            return found
        self.tell("글꼴과 스타일", 0, 0)
        assets = Assets.collect(ROOT, characters)
        self.drawer.put(name, key, pickle.dumps(assets))
        return assets

    def _before(self, memory: FileMemory) -> Before:
        state: State | None = self.cache.get("state", "last")
        folder = self.builds.folder / state.build if state else None
        if self.request.full or not state or not folder or not folder.is_dir():
            return Before()
        same = state.frame == self.frame and state.begins <= self.request.now < state.ends
        if same:
            self.clock.span.narrow(state.begins, state.ends)  # what those read of it that are not asked again
        return Before(folder, self.cache.all("page"), memory.edited if same else None)

    def _check(self, frozen: Frozen, before: Before) -> None:
        """Every file that was made; all links again where something went away that they may point at."""
        kept = Outlines(frozen, self.cache)
        lost = before.records.keys() - frozen.records.keys() or any(
            old and new and not old.ids <= new.ids
            for name, new in frozen.outlines.items()
            if name in before.records
            for old in [self.cache.get("outline", name)]
        )
        mistakes = broken(kept, list(frozen.records) if lost else sorted(frozen.outlines))
        if mistakes:
            raise NotWhole(mistakes)

    def _count(self, frozen: Frozen, before: Before) -> None:
        report = self.report
        report.files = len(frozen.records)
        report.made, report.changed = len(frozen.outlines), len(frozen.changed)
        report.taken_over = report.files - report.made
        report.dropped = len(before.records.keys() - frozen.records.keys())
        pages = [(name, record.state[0]) for name, record in frozen.records.items() if name.endswith(".html")]
        report.largest = sorted(pages, key=lambda pair: -pair[1])[:LARGEST]
        report.slowest = sorted(frozen.seconds.items(), key=lambda pair: -pair[1])[:LARGEST]

    def _remember(self, site: Path, frozen: Frozen, before: Before, memory: FileMemory, inputs: str) -> None:
        span = Span(self.clock.span.begins, self.clock.span.ends)
        for record in frozen.records.values():
            span.narrow(record.begins, record.ends)
        self.report.due = span.due.isoformat() if span.due else ""
        states = {name: record.state for name, record in frozen.records.items()}
        states[SUMS] = file_state((site / SUMS).stat())
        state = State(
            self.request.wishes,
            inputs,
            site.name,
            listed(states),
            span.begins,
            span.ends,
            self.report.due,
            len(frozen.records),
            self.frame,
        )
        pages = {name: frozen.records[name] for name in frozen.outlines}
        dropped = before.records.keys() - frozen.records.keys()
        is_kept = self.cache.save(
            {
                "file": memory.fresh,
                "page": pages,
                "outline": frozen.outlines,
                "state": {"last": state},
            },
            {"file": memory.gone, "page": dropped, "outline": dropped},
        )
        if not is_kept:
            said = "기억을 적어 두지 못했습니다. 다음에는 모두 새로 만듭니다."
            self.report.notes.append(f"{self.builds.cache}: {said}")


class Outlines(Mapping[str, Outline | None]):
    """The outline of every file: of those just made, and as the cache keeps them."""

    def __init__(self, frozen: Frozen, cache: Cache) -> None:
        self._frozen, self._cache = frozen, cache
        self._kept: dict[str, Outline | None] = {}

    def __getitem__(self, name: str) -> Outline | None:
        if name not in self._frozen.records:
            raise KeyError(name)
        if name in self._frozen.outlines:
            return self._frozen.outlines[name]
        if name not in self._kept:
            self._kept[name] = self._cache.get("outline", name)
        return self._kept[name]

    def __contains__(self, name: object) -> bool:
        return name in self._frozen.records

    def __iter__(self) -> Any:
        return iter(self._frozen.records)

    def __len__(self) -> int:
        return len(self._frozen.records)


def sums(frozen: Frozen) -> str:
    """The manifest, as sha256sum writes it."""
    return "".join(f"{record.digest}  {name}\n" for name, record in frozen.records.items())
