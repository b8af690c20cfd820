"""One build, under the lock of its site: from the library to the site that everybody sees.

One rule says what is made. Where nothing but words of pages (texts, titles, summaries) can be other than in the build
before: the pages that show those words. Else, a moment that the clock has come to included: all pages.
"""

import hashlib
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from stat import S_ISREG

import templates
from civic.clock import SEOUL, FixedClock
from civic.content.facts import Memory
from civic.content.meetings import meetings, told_from, told_json
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.content.sessions import holidays
from civic.content.snapshot import Snapshot, keep
from civic.errors import ContentMistakes
from civic.files import whole_file
from civic.library import Library
from civic.links import notice_of
from publish.builds import LIVE, SUMS, BuildFailed, Builds, FileState, listed, listing, state_of, told
from publish.calendar import turns
from publish.check import broken
from publish.command import BuildReport, outcome
from publish.edition import Compiled, Edition
from publish.inputs import ROOT, Request, asset_places, files_below, look_at
from publish.memory import Cache, Kept, State
from publish.pages import SOON
from publish.render import NOWHERE, Before, Maker, Record
from publish.routes import routes
from publish.search import add_index
from templates import text_of
from templates.assets import Assets

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Building:
    """One build of a library. files: what is known of its files; builds, cache: under the lock; accepted: what the site
    is made from that this one takes the place of."""

    request: Request
    library: Library
    files: Memory
    builds: Builds
    cache: Cache
    accepted: Snapshot

    def run(self, inputs: str) -> BuildReport:
        """Make and publish the site. inputs: what the library was read from, see files_of.

        Raises ContentMistakes, BuildFailed; then all is as it was.
        """
        library, accepted = self.library, self.accepted
        same = {
            file: digest
            for file, digest in accepted.files.items()
            if not self.request.full or notice_of(file) in library.held
        }
        try:
            keep(self.builds.sources, library.content, library.sources, replace(accepted, files=same))
            return replace(self, library=replace(library, content=self.builds.sources))._run(inputs)
        finally:
            shutil.rmtree(self.builds.sources, ignore_errors=True)

    def _run(self, inputs: str) -> BuildReport:
        edition = self._edition()
        frame = frame_of(self.request, edition)
        before = edition.before = self._before(frame)
        if before.edited is None:
            edition.compile_templates()
        site, records, made = self._publish(edition, before)
        states, dropped = states_of(records), before.records.keys() - records.keys()
        library, same = edition.library, self.cache.state if before.edited is not None else None
        report = BuildReport(
            len(states),
            len(made),
            len(dropped),
            site.name,
            is_new=site != before.folder,
            due=same.report.due if same else due(library, self.request.demo),
            mistakes=outcome(self.library),
            warnings=tuple(map(str, library.warnings)),
            said=tuple(f"초안 {each.file}: {library.site.base_url}{each.link}" for each in library.drafts),
        )
        left = listed({**states, SUMS: state_of(f"{site}/{SUMS}")})
        state = State(inputs, left, self.request.now, frame, report, holidays)
        pages, gone = {name: records[name] for name in made}, {"file": self.files.gone, "page": dropped}
        if not self.cache.save(state, {"file": self.files.fresh, "page": pages}, gone):
            said = f"{self.builds.cache}: 기억을 적어 두지 못했습니다. 다음에는 모두 새로 만듭니다."
            report.said = (*report.said, said)
        return report

    def _edition(self) -> Edition:
        request, shared = self.request, shared_cache(self.builds)
        program = Kept(shared / "program", self.cache.kept.stamp)
        assets = _assets(self.library, program, shared / "fonts", request.full)
        site = self.library.site
        logo = whole_file(self.library.content / site.logo) if site.logo else b""
        assets = assets.complete(site.colour, logo, site.logo)
        library = self.library.at_address(request.base_url or site.base_url)
        if request.draft:
            library = library.with_drafts(self.builds.draft_name)
        clock, before = FixedClock(request.now), told_from(request.previous or self.builds.current())
        edition = Edition(library, assets, clock, request.demo, request.live, before)
        edition.env.bytecode_cache = Compiled(program)
        edition.derived = Kept(shared / "pictures", "1")  # made from a picture, a width and a kind alone
        return edition

    def _before(self, frame: str) -> Before:
        records = self.cache.all("page")
        state = self.cache.state
        if not state or not (self.builds.folder / state.report.build).is_dir():
            return Before()
        same = state.frame == frame and state.holds_at(self.request.now)
        return Before(self.builds.folder / state.report.build, records, self.files.edited if same else None)

    def _publish(self, edition: Edition, before: Before) -> tuple[Path, dict[str, Record], list[str]]:
        """Freeze into a fresh folder and make it the site, or leave the one that is the same already."""
        fresh = self.builds.begin(() if before.edited is None else before.records)
        try:
            planned = {name: old.address for name, old in before.records.items() if old.address != NOWHERE}
            if before.edited is None:
                from publish.site import plan  # here: an edit loads no Flask

                planned = plan(edition)
            views = {route.endpoint: route.view for route in routes(edition)}
            maker = Maker(views, planned, fresh, before)
            pages, made = maker.freeze(self.request.jobs)
            made += add_index(replace(maker, planned={}), pages, made)
            records, library = {name: pages[name] for name in sorted(pages)}, edition.library
            self._check(library, records, made, before)
            state, is_live = self.cache.state, before.folder == self.builds.current()
            is_same = is_live and states_of(records) == states_of(before.records)
            is_same &= self.accepted.files == self.library.sources
            # As it was left, too: what the new build has may be from an older one.
            if is_same and state and listing(before.folder) == state.listing:
                return before.folder, records, made
            unlisted = tuple(doc.link[1:] for doc in library.drafts) or "/"
            listed_names = (name for name in records if not name.startswith(unlisted))
            manifest = "".join(f"{records[name].digest}  {name}\n" for name in listed_names)
            (fresh / SUMS).write_text(manifest, "utf-8")
            if self.request.live:
                (fresh / LIVE).write_text(told(fresh.stem), "utf-8")
            return self.builds.publish(fresh), records, made
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _check(
        self, library: Library, records: Mapping[str, Record], made: Sequence[str], before: Before
    ) -> None:
        """Every file that was made; all links again where something went away that they may point at.

        Raises ContentMistakes where only notices are wrong that can give way to what was accepted, else BuildFailed.
        """
        outlines = {name: record.outline for name, record in records.items()}
        old = {name: before.records[name].outline for name in made if name in before.records}
        lost = before.records.keys() - outlines.keys() or any(
            not outline.ids <= outlines[name].ids for name, outline in old.items()
        )
        pages = (*library.everything(), *library.drafts)
        sources = {f"{doc.link[1:]}index.html": doc.file for doc in pages}
        mistakes = broken(sorted(outlines if lost else made), outlines, sources)
        if not mistakes:
            return
        concerned = {notice_of(sources.get(each.file, "")) for each in mistakes}
        if not self.accepted.files or None in concerned or concerned & library.held:
            raise BuildFailed(*mistakes)
        raise ContentMistakes(replace(each, file=sources[each.file], line=0, hint="") for each in mistakes)


def shared_cache(builds: Builds) -> Path:
    """Where that is kept which is the same for all sites of this program: with the program, where we may write there.

    As installed, it belongs to another account than the one that builds: then beside the site.
    """
    ours = ROOT / ".builds/cache"
    nearest = next(place for place in (ours, ours.parent, ROOT) if place.is_dir())
    return ours if os.access(nearest, os.W_OK) else builds.folder / "cache"


def states_of(records: Mapping[str, Record]) -> dict[str, FileState]:
    """The state of each file."""
    return {name: record.state for name, record in records.items()}


def frame_of(request: Request, edition: Edition) -> str:
    """Everything that pages are made from but the words of documents and the clock, as a digest. Raises NotText."""
    library = edition.library
    files = sorted(f"{file} {library.frames.get(file, whole)}" for file, whole in library.digests.items())
    sources = [
        f"{path} {text_of(Path(path))}"
        for path, found in chain(files_below(str(templates.FOLDER)), files_below(f"{ROOT}/static"))
        if S_ISREG(found.st_mode) and not path.endswith((".pyc", ".png"))
    ]
    parts = [request.wishes, told_json(edition.told), *files, *sorted(edition.linked)]
    parts += [*sorted(edition.assets.files), *sources]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def due(library: Library, is_demo: bool) -> datetime | None:
    """When the clock next makes a page of the site another one; None for never.

    It may name a time at which nothing changes after all, never one that is too late: whatever a view or template reads
    of the clock has its times here. is_demo: each page shows the day.
    """
    shown = library.everything()
    times = {library.changes, *(at for page in shown for at in _times(page))}
    times |= {page.kept_until for page in library.collecting()}
    ballots = [page for page in shown if isinstance(page, Poll) and (page.rehearsed or page.options)]
    if any(page.spec or meetings(page) or isinstance(page, Poll) for page in shown):
        times.add(datetime(library.now.year + 1, 1, 1, tzinfo=SEOUL))  # dates of the year before get theirs
    if is_demo or any(library.now < poll.closes for poll in ballots):
        # The order on a ballot is turned by one each day.
        times.add(library.now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY)
    return min((at for at in times if at and at > library.now), default=None)


def _times(page: Document) -> Iterator[datetime]:
    """When the state of a page changes, or its place on home page and lists."""
    if spec := page.spec:
        for round_ in spec.rounds:
            closes = spec.closes_for(round_)
            yield from (spec.opens_for(round_), closes - SOON, closes)
    held = meetings(page)
    yield from turns(held)
    for each in chain(held, *(meetings(page, round_) for round_ in (spec.rounds if spec else ()))):
        yield from (each.starts, each.ends or each.starts)
    if isinstance(page, Poll):
        yield from (page.opens, page.closes)


def _assets(library: Library, program: Kept, fonts: Path, anew: bool) -> Assets:
    other = [file for file in library.digests if file not in library.frames and file != library.site.logo]
    characters = library.characters.union(*((library.content / file).read_text("utf-8") for file in other))
    key = look_at(*asset_places(ROOT, templates.FOLDER))[0] + "".join(sorted(characters))
    name = f"assets-{hashlib.sha256(key.encode()).hexdigest()[0]}"  # at most sixteen lie there, however many sites are built
    made = program.made(name, key, lambda: pickle.dumps(Assets.collect(ROOT, characters, fonts)), anew)
    assets: Assets = pickle.loads(made)  # noqa: S301 (proved to be what we wrote)
    return assets
