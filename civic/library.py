"""Everything the site says, loaded from content/ and checked as a whole by `load`. No web, no templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from civic.content.advice import advice, too_early
from civic.content.beside import INDEX
from civic.content.checks import broken_links, broken_references, doubled, mixed_persons, uneven_proposals
from civic.content.dates import YEAR
from civic.content.facts import Memory
from civic.content.front_matter import body_of, read_source
from civic.content.held import Name, settled
from civic.content.pages import Document
from civic.content.particulars import Contact
from civic.content.poll import Poll, Proposal, candidates
from civic.content.prose import page_behind
from civic.content.reading import KINDS, Reading, read_content
from civic.content.site import Site
from civic.content.snapshot import Snapshot, as_read
from civic.errors import Mistake
from civic.files import whole_file
from civic.links import FOLDERS
from civic.places.rules import form_state

if TYPE_CHECKING:  # a site without results loads no shapes of votes and draws
    from civic.places.draw_record import PublishedDraw
    from civic.recount import Published
    from civic.votes.light import PollResult
    from civic.votes.result_files import VoteResult

CHECKS = (broken_references, doubled, mixed_persons, broken_links, uneven_proposals)  # between files


@dataclass(frozen=True)
class Library:
    """The visible content at one moment: drafts, pages not yet published and expired ones are left out."""

    site: Site
    now: datetime
    hidden: frozenset[str] = frozenset()  # addresses of pages that exist but are not shown now
    digests: Mapping[str, str] = field(default_factory=dict)  # file -> SHA-256 of its bytes
    _by_folder: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    results: Mapping[str, VoteResult] = field(default_factory=dict)  # vote -> its published result
    counted: Mapping[str, PollResult] = field(default_factory=dict)  # light poll -> its result
    draws: Mapping[str, PublishedDraw] = field(default_factory=dict)  # "lectures-essay" -> its published draw
    content: Path = Path()
    mentions: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)  # see Facts
    frames: Mapping[str, str] = field(default_factory=dict)  # file of a page -> see Facts
    characters: frozenset[str] = frozenset()  # every character of every page
    warnings: tuple[Mistake, ...] = ()  # what staff should look at; nothing stops for it
    refused: tuple[Mistake, ...] = ()  # why pages are not shown as they are written
    held: frozenset[Name] = frozenset()  # those pages: they are as they were accepted last, or not there
    drafts: tuple[Document, ...] = ()  # that stand at an address, see `with_drafts`
    _pages: tuple[Document, ...] = ()  # also those that are not shown now
    _counted: tuple[VoteResult, ...] = ()  # also those that are not published yet
    _whole: Site | None = None  # with menu entries of pages that are not shown now

    def at(self, now: datetime) -> Self:
        """The same content as it is to be seen at another time; no file is read again."""
        site = self._whole or self.site
        shown: dict[str, list[Document]] = {folder: [] for folder in KINDS}
        for page in self._pages:
            if is_shown(page, now):
                shown[page.folder].append(page)
        hidden = frozenset(page.link for page in self._pages if not is_shown(page, now))
        banner = site.banner if site.banner and now < site.banner.until else None
        if banner and page_behind(banner.to) in hidden:
            banner = banner.model_copy(update={"to": ""})
        menu = tuple(item for item in site.menu if item.to not in hidden)
        return replace(
            self,
            site=site.model_copy(update={"menu": menu, "banner": banner}),
            now=now,
            hidden=hidden,
            results={each.slug: each for each in self._counted if each.record.published_at <= now},
            _by_folder={
                folder: {page.slug: page for page in in_list_order(pages, now)}
                for folder, pages in shown.items()
            },
        )

    def at_address(self, base_url: str) -> Self:
        """The same content with this public address instead of the one in site.toml."""
        address = {"base_url": base_url}
        whole = (self._whole or self.site).model_copy(update=address)
        return replace(self, site=self.site.model_copy(update=address), _whole=whole)

    def with_drafts(self, name: Callable[[str], str]) -> Self:
        """The same with drafts at addresses of their own, for who knows them. name: in its address, by its file."""
        drafts = [page.model_copy(update={"slug": name(page.file)}) for page in self._pages if page.draft]
        return replace(self, drafts=tuple(each for each in drafts if not isinstance(each, Poll | Proposal)))

    def collecting(self) -> tuple[Document, ...]:
        """Pages whose sign-ups are taken, will be or are still kept, also those that have gone from the site."""
        shown = (
            page for page in self.takers() if not page.draft and (page.publish_at or self.now) <= self.now
        )
        return tuple(page for page in shown if page.kept_until and self.now < page.kept_until)

    def holding(self, pages: Mapping[str, Document | None]) -> Self:
        """The same with these pages in place of what the files say, by subject; None: without that page."""
        kept = [page for page in self._pages if page.spec is None or page.subject not in pages]
        return replace(self, _pages=(*kept, *filter(None, pages.values()))).at(self.now)

    @property
    def changes(self) -> datetime | None:
        """When a page, result or banner next appears or goes, or a poll's rules must hold; None when nothing is to come."""
        moments = [each.record.published_at for each in self._counted]
        moments += [page.opens for page in self._pages if isinstance(page, Poll) and page.rehearsed]
        moments += [
            at for page in self._pages if not page.draft for at in (page.publish_at, page.expire_at) if at
        ]
        moments += [self.site.banner.until] if self.site.banner else []
        return min((at for at in moments if at > self.now), default=None)

    def ended(self) -> tuple[Document, ...]:
        """Pages that were on the site and are no longer: their addresses say so."""
        return tuple(
            page for page in self._pages if not page.draft and page.expire_at and page.expire_at <= self.now
        )

    def of(self, noun: str) -> tuple[Document, ...]:
        """The visible pages of a kind, in the order of its list. Raises KeyError for an unknown noun."""
        return tuple(self._by_folder.get(FOLDERS[noun], {}).values())

    def proposals(self, vote: str) -> tuple[Proposal, ...]:
        """The visible proposals on the ballot of a vote, in the order of their list."""
        poll = self.get("votes", vote)
        options = poll.as_proposals if isinstance(poll, Poll) else ()
        return options or tuple(candidates(self.of("proposal"), vote))

    def stage(self, proposal: Proposal) -> str:
        """How far a proposal has come: its own word, or what the published result made of one on the ballot."""
        result = self.results.get(proposal.vote) if proposal.stage == "on-ballot" else None
        lines = [line for line in result.document.lines if line.slug == proposal.slug] if result else []
        if not lines or lines[0].reason == "not-voted":
            return proposal.stage
        return "chosen" if lines[0].won else "not-chosen"

    def get(self, folder: str, slug: str) -> Document | None:
        """The visible page of that folder that has that name, or once had it; or None."""
        pages = self._by_folder.get(folder, {})
        drafts = (page for page in self.drafts if (page.folder, page.slug) == (folder, slug))
        once = (page for page in pages.values() if slug in page.aliases)
        return pages.get(slug) or next(chain(drafts, once), None)

    def subjects(self) -> tuple[Document, ...]:
        """Visible pages that take sign-ups."""
        return tuple(page for page in self.everything() if page.spec)

    def takers(self) -> tuple[Document, ...]:
        """Pages that take sign-ups, also those that are not shown now."""
        return tuple(page for page in self._pages if page.spec)

    def everything(self) -> tuple[Document, ...]:
        """All visible pages, kind by kind."""
        return tuple(page for folder in KINDS for page in self._by_folder.get(folder, {}).values())

    def body(self, doc: Document) -> str:
        """The text of a page. Raises ContentMistakes when its file is no longer the one that was loaded."""
        if doc.body or doc.file not in self.digests:
            return doc.body
        return body_of(as_read(self.content, doc.file, self.digests[doc.file]))

    @property
    def sources(self) -> dict[str, str]:
        """Every file of the content that counts, and SHA-256 of its bytes, in the order of their names."""
        found = {file: digest for file, digest in self.digests.items() if not file.startswith("/")}
        for page in self._pages:
            folder = page.file.removesuffix(INDEX)
            found |= {f"{folder}{each.name}": each.digest for each in page.files}
        return found

    def misread(self, doc: Document, line: int) -> Mistake:
        """A line of a page's text (0 is the first) that does not come out as it was typed."""
        try:
            source, _ = read_source(doc.file, whole_file(f"{self.content}/{doc.file}"))
        except OSError:
            source = None
        said = "적은 대로 보이지 않는 글이 있습니다. 이 줄과 그 위의 기호를 살펴보세요"
        return Mistake(doc.file, (source.body_line if source else 1) + line, "", said)

    def draw_of(self, subject: str) -> PublishedDraw | None:
        """The published draw of a subject, or None."""
        return self.draws.get(subject.replace("/", "-"))

    def result_of(self, doc: Document) -> str:
        """Where the published result of its vote or of its draw stands; "" before."""
        if isinstance(doc, Poll):
            counted = self.results.get(doc.slug) or self.counted.get(doc.slug)
            return counted.link if counted else ""
        drawn = self.draw_of(doc.subject)
        return drawn.link if drawn and drawn.document.is_drawn else ""

    def contacts(self, doc: Document | None) -> tuple[Contact, ...]:
        """Whom to ask about a page, the first one where one is needed: its own contacts, or its office (else the general one)."""
        office = self.site.departments[getattr(doc, "department", "") or self.site.contact]
        return getattr(doc, "contacts", ()) or (office,)


def load(
    content: Path,
    now: datetime,
    memory: Memory | None = None,
    jobs: int = 1,
    results: Path | None = None,
    accepted: Snapshot | None = None,
    wrong: Iterable[Mistake] = (),
    draws: bool = True,
) -> Library:
    """The library as it is to be seen at `now` (aware). Raises ContentMistakes with all of them.

    memory: spares reading what has not changed; its pages come without their texts, see `Library.body`.
    jobs: processes that read. results: where the server puts those of light polls. accepted: stands in for notices with
    mistakes, see `Library.held`; wrong: such mistakes that are known already. draws: False leaves the published draws
    unread, for those who may have to write them anew.
    """
    reading = read_content(content, memory, jobs)
    published = _published(content, draws, results)
    reading.mistakes += [*(published.mistakes if published else ()), *wrong]
    site, refused, held = settled(reading, partial(_look, published, now), accepted, memory)
    return Library(
        site,
        now,
        content=content,
        mentions={file: facts.mentions for file, facts in reading.facts.items()},
        frames={file: facts.frame for file, facts in reading.facts.items()},
        warnings=advice(reading, now),
        refused=refused,
        held=held,
        characters=frozenset().union(*(facts.characters for facts in reading.facts.values())),
        digests=reading.digests | (published.digests if published else {}),
        counted={each.poll: each for each in (published.polls if published else ()) if each.closed <= now},
        draws={draw.slug: draw for draw in (published.draws if published else ())},
        _pages=tuple(reading.documents),
        _counted=tuple(published.results if published else ()),
        _whole=site,
    ).at(now)


def _published(content: Path, draws: bool, results: Path | None) -> Published | None:
    if not (content / FOLDERS["result"]).is_dir() and not (results and results.is_dir()):
        return None
    from civic.recount import read_published

    return read_published(content, draws, results)


def _look(published: Published | None, now: datetime, reading: Reading) -> Iterator[Mistake]:
    """What is wrong between the files."""
    for check in CHECKS:
        yield from check(reading)
    yield from too_early(reading, now.date() + YEAR)
    if any(isinstance(page, Poll) and page.rehearsed for page in reading.documents):
        from civic.recount import of_other_rules
        from civic.votes.ballot import changed_rules

        yield from changed_rules(reading.documents, now)
        yield from of_other_rules(published.results if published else (), reading.documents)


def is_shown(page: Document, now: datetime) -> bool:
    """Is the page on the site at this moment? publish_at <= now < expire_at."""
    is_over = page.expire_at is not None and now >= page.expire_at
    return not (page.draft or is_over) and (page.publish_at or now) <= now


def in_list_order(pages: Iterable[Document], now: datetime) -> list[Document]:
    """Pages of one kind, each in its place and equal ones in the order of their names."""
    state_of = partial(form_state, now=now)
    return sorted(pages, key=lambda page: (*page.place(now, state_of), page.slug))
