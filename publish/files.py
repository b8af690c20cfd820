"""What is no page: feeds (Atom), calendars, files beside a page, what search engines read, /assets/. No wall clock."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from civic.clock import SEOUL
from civic.content.facts import TEXT
from civic.content.meetings import calendar_file, meetings, told_json
from civic.content.pages import Document
from civic.files import place_of, whole_file
from civic.links import FOLDERS, LISTED, NOUNS, link
from publish.calendar import months
from publish.edition import IN_A_LIST, Edition, Route, Values, values_of
from publish.lists import catalogue, list_pages
from publish.pictures import derived, names_of
from publish.render import View, missing

if TYPE_CHECKING:
    from civic.places.draw_record import PublishedDraw

NEWEST = 30
_BEGINNING = datetime(2000, 1, 1, tzinfo=SEOUL)  # of a feed without entries: any fixed time will do


def routes(edition: Edition) -> Iterator[Route]:
    """Every file beside the pages."""
    library = edition.library
    dated = [doc for doc in library.everything() if meetings(doc)]

    def event_calendar(folder: str, slug: str) -> View:
        doc = library.get(folder, slug)
        return calendar(edition, [doc]) if doc and meetings(doc) else missing()

    def beside(slug: str, name: str, folder: str = "pages") -> View:
        return attachment(edition, library.get(folder, slug) or missing(), name)

    def attachments() -> Iterator[Values]:
        for doc in (*library.everything(), *library.drafts):
            yield from ({**values_of(doc), "name": name} for name in names_of(doc))

    def newest(folder: str = "") -> View:
        return feed(edition, NOUNS.get(folder, ""))

    page, kinds = f"{IN_A_LIST}/<slug>", [{}, *({"folder": FOLDERS[noun]} for noun in LISTED)]
    yield Route("attachment", ("/<slug>/<name>", f"{page}/<name>"), beside, attachments)
    yield Route("feed", ("/feed.xml", f"{IN_A_LIST}/feed.xml"), newest, lambda: kinds)
    yield Route("calendar", ("/calendar.ics",), lambda: calendar(edition, dated))
    events = [*map(values_of, dated)]
    yield Route("event_calendar", (f"{page}/event.ics",), event_calendar, lambda: events)
    yield Route(
        "published", ("/published.json",), lambda: edition.page((), lambda: told_json(edition.told), ".json")
    )
    yield Route("sitemap", ("/sitemap.xml",), lambda: sitemap(edition))
    yield Route("robots", ("/robots.txt",), lambda: robots(edition))
    names = [{"name": name} for name in sorted(edition.assets.files)]
    yield Route("asset", ("/assets/<path:name>",), lambda name: asset(edition, name), lambda: names)


def feed(edition: Edition, noun: str = "") -> View:
    """The newest pages and draws of a kind, or of all kinds, newest first. Pages without a date are left out."""
    site, of = edition.library.site, link(noun or "home")
    nouns = [noun] if noun else LISTED
    docs = (doc for each in nouns for doc in edition.library.of(each))
    dated: list[tuple[datetime, Document | FeedEntry]] = [
        (changed, doc) for doc in docs if (changed := edition.changed(doc)) is not None
    ]
    draws = edition.library.draws.values()
    dated += [_of_draw(draw) for draw in draws if NOUNS[draw.record.draw.partition("/")[0]] in nouns]
    entries = sorted(dated, key=lambda pair: (-pair[0].timestamp(), pair[1].link))[:NEWEST]
    return edition.render(
        "files/feed.xml",
        title=f"{site.name} | {edition.list_titles[noun]}" if noun else site.name,
        path=f"{of}feed.xml",
        trail=[],
        of=of,
        updated=entries[0][0] if entries else _BEGINNING,
        entries=entries,
    )


class FeedEntry(NamedTuple):
    """What stands in a feed and is no page of its own kind."""

    title: str
    link: str
    summary: str


def _of_draw(draw: "PublishedDraw") -> tuple[datetime, FeedEntry]:
    """A published draw with the hash of each list, so that many hold it before the seed is known."""
    hashes = (f"{round_.label}: 확인 값 {round_.commitment}" for round_ in draw.document.rounds.values())
    entry = FeedEntry(f"{draw.document.title} 추첨", draw.link, ", ".join(hashes))
    return draw.record.published_at, entry


def calendar(edition: Edition, docs: Iterable[Document]) -> View:
    """The fixed times of these pages as one iCalendar file; an empty calendar when there are none."""
    site, listed = edition.library.site, list(docs)
    return edition.page(
        [listed, site], lambda: calendar_file(site, ((doc, None) for doc in listed), edition.told), ".ics"
    )


def sitemap(edition: Edition) -> View:
    """Every page for search engines, with the time of the last change of what it shows."""
    library = edition.library
    shown: dict[str, Iterable[Document]] = {doc.link: (doc,) for doc in library.everything()}
    shown[link("home")] = library.everything()
    for noun, pick, page in list_pages(edition):
        if page == 1:
            shown[pick.address(noun)] = [card.doc for card in catalogue(edition, noun).chosen[pick]]
    for month, days in months(edition).items():
        shown[link("month", month)] = [doc for held in days.values() for doc, _ in held]
    others = [link("search"), *(each.link for each in library.results.values())]
    shown |= dict.fromkeys([*others, *(each.link for each in library.counted.values())], ())
    changes = {doc.link: changed for doc in library.everything() if (changed := edition.changed(doc))}
    entries = [
        (where, max((changes[doc.link] for doc in docs if doc.link in changes), default=None))
        for where, docs in sorted(shown.items())
    ]
    return edition.render("files/sitemap.xml", title="", path="/sitemap.xml", trail=[], entries=entries)


def robots(edition: Edition) -> View:
    """What search engines leave alone."""
    site = edition.library.site
    text = f"User-agent: *\nDisallow: /api/\n\nSitemap: {site.base_url}/sitemap.xml\n"
    return edition.page((), lambda: text, ".txt")


def attachment(edition: Edition, doc: Document, name: str) -> View:
    """A document beside a page as it is, or a picture in one of its widths."""
    found, width, kind = names_of(doc).get(name) or missing()
    place = place_of(edition.library.content, f"{doc.file.removesuffix('index.md')}{found.name}")

    def make() -> bytes:
        raw = whole_file(place)
        return derived(raw, found, width, kind, edition.derived) if kind else raw

    return View(make, f".{name.rpartition('.')[2]}", frozenset({f"{doc.file}{TEXT}"}))


def asset(edition: Edition, name: str) -> View:
    """A stylesheet, script, font or picture."""
    if name not in edition.assets.files:
        missing()
    return edition.page((), lambda: edition.assets.files[name], f".{name.rpartition('.')[2]}")
