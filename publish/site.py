"""The Flask app that the build freezes: one view for each sort of address."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from flask import Flask, abort

from civic.clock import Clock
from civic.content.pages import Document
from civic.library import Library
from civic.links import FOLDERS, LISTED, NOUNS, link
from publish import calendars, files, home, lists, views
from publish.draws import add_draws, draw_addresses
from publish.edition import Edition, Served
from publish.render import Address, Page
from publish.results import add_results, result_addresses


def create_app(
    library: Library, assets: Served, clock: Clock, base_url: str = "", demo: bool = False, live: bool = False
) -> Flask:
    """The site as a Flask app.

    base_url: the public address, instead of the one in site.toml; demo: every page says that it is one;
    live: pages ask for the next build and load themselves anew.
    """
    if base_url:
        site = library.site.model_copy(update={"base_url": base_url})
        library = dataclasses.replace(library, site=site)
    app = Flask("publish", static_folder=None, template_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    edition = Edition(library, assets, clock, demo, live)
    app.extensions["edition"] = edition
    _add_lists(app, edition)  # before plain pages: /lectures/ is a list, though "lectures" could be a name
    _add_pages(app, edition)
    _add_files(app, edition)
    add_draws(app, edition)
    add_results(app, edition)
    return app


def addresses(app: Flask) -> Iterator[Address]:
    """Everything the site consists of, linked or not, in a fixed order."""
    edition: Edition = app.extensions["edition"]
    for endpoint in ("home", "my", "not_found", "feed", "calendar", "sitemap", "robots"):
        yield endpoint, {}
    for noun, pick, page in lists.list_pages(edition):
        values: dict[str, Any] = {"by": pick.by, "key": pick.key} if pick.by else {}
        yield "list", {"folder": FOLDERS[noun], **values, **({"page": page} if page > 1 else {})}
    for noun in LISTED:
        yield "kind_feed", {"folder": FOLDERS[noun]}
    for doc in edition.library.everything():
        yield _detail_values(doc)
        if calendars.has_times(doc):
            yield "event_calendar", {"folder": doc.folder, "slug": doc.slug}
    yield from result_addresses(edition)
    yield from draw_addresses(edition)
    for name in sorted(edition.assets.files):
        yield "asset", {"name": name}


def _add_pages(app: Flask, edition: Edition) -> None:
    def detail(slug: str, folder: str = "pages") -> Page:
        return views.detail(edition, _document(edition, folder, slug))

    app.add_url_rule("/", "home", lambda: home.home(edition))
    app.add_url_rule("/my/", "my", lambda: views.my(edition))
    app.add_url_rule("/404.html", "not_found", lambda: views.not_found(edition))
    if edition.library.of("page"):
        app.add_url_rule("/<slug>/", "page", detail)
    if any(edition.library.of(noun) for noun in LISTED):
        app.add_url_rule(f"{_folders()}/<slug>/", "document", detail)


def _add_lists(app: Flask, edition: Edition) -> None:
    def view(folder: str, by: str = "", key: str = "", page: int = 1) -> Page:
        pick = lists.find_pick(edition, NOUNS[folder], by, key)
        if pick is None or not lists.has_page(edition, NOUNS[folder], pick, page):
            abort(404)
        return lists.list_page(edition, NOUNS[folder], pick, page)

    by = "/<any(status,vote,type,category,department):by>/<key>/"
    for rule in ("/", by, "/page/<int:page>/", f"{by}page/<int:page>/"):
        app.add_url_rule(_folders() + rule, "list", view)


def _add_files(app: Flask, edition: Edition) -> None:
    library = edition.library
    site = library.site

    def event_calendar(folder: str, slug: str) -> Page:
        doc = _document(edition, folder, slug)
        if not calendars.has_times(doc):
            abort(404)
        return edition.page([doc, site], lambda: calendars.calendar(edition, [doc]), ".ics")

    def feed(folder: str = "") -> Page:
        noun = NOUNS[folder] if folder else ""
        entries = files.entries(edition, noun)
        return edition.page([noun, entries, site], lambda: files.feed(edition, noun), ".xml")

    def calendar() -> Page:
        dated = [doc for doc in library.everything() if calendars.has_times(doc)]
        return edition.page([dated, site], lambda: calendars.calendar(edition, dated), ".ics")

    def sitemap() -> Page:
        listed = [pick.address(noun) for noun, pick, page in lists.list_pages(edition) if page == 1]
        results = [each.link for each in library.results.values()]
        entries = files.sitemap_entries(library, [link("home"), *listed, *results])
        return edition.page([entries, site], lambda: files.sitemap(site.base_url, entries), ".xml")

    def robots() -> Page:
        return edition.page([site], lambda: files.robots(edition), ".txt")

    def asset(name: str) -> Page:
        content = edition.assets.files[name]
        return Page(lambda: content, f".{name.rpartition('.')[2]}")

    app.add_url_rule("/feed.xml", "feed", feed)
    app.add_url_rule(f"{_folders()}/feed.xml", "kind_feed", feed)
    app.add_url_rule("/calendar.ics", "calendar", calendar)
    if any(calendars.has_times(doc) for doc in library.everything()):
        app.add_url_rule(f"{_folders()}/<slug>/event.ics", "event_calendar", event_calendar)
    app.add_url_rule("/sitemap.xml", "sitemap", sitemap)
    app.add_url_rule("/robots.txt", "robots", robots)
    if edition.assets.files:
        app.add_url_rule("/assets/<path:name>", "asset", asset)


def _document(edition: Edition, folder: str, slug: str) -> Document:
    doc = edition.library.get(folder, slug)
    if doc is None:
        abort(404)
    return doc


def _detail_values(doc: Document) -> Address:
    if doc.noun == "page":
        return "page", {"slug": doc.slug}
    return "document", {"folder": doc.folder, "slug": doc.slug}


def _folders() -> str:
    return f"/<any({','.join(FOLDERS[noun] for noun in LISTED)}):folder>"
