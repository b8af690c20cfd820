"""The Flask app that the build freezes: every page and file of the site over a Library. Never opens a store."""

from collections.abc import Iterator, Mapping

from flask import Flask

from civic.clock import Clock
from civic.content.meetings import Told
from civic.library import Library
from publish import calendar, files, lists, pages, search
from publish.edition import Edition, Route
from publish.render import Address
from templates.assets import Assets


def create_app(
    library: Library,
    assets: Assets,
    clock: Clock,
    demo: bool = False,
    live: bool = False,
    before: Mapping[str, Told] | None = None,
) -> Flask:
    """The site as a Flask app.

    demo: every page says that it is one; live: pages ask for the next build and load themselves anew; before: what the
    site before told of its meetings.
    """
    app = Flask("publish", static_folder=None, template_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    edition = Edition(library, assets, clock, demo, live, before or {})
    app.extensions["edition"] = edition
    for route in _routes(edition):
        for rule in route.rules if any(True for _ in route.values()) else ():
            app.add_url_rule(rule, route.endpoint, route.view)
    return app


def addresses(app: Flask) -> Iterator[Address]:
    """Everything the site consists of, linked or not, in a fixed order: each page beside what the search knows of it."""
    edition: Edition = app.extensions["edition"]
    found = [(route.endpoint, values) for route in _routes(edition) for values in route.values()]

    def page(address: Address) -> str:
        endpoint, values = address
        if endpoint == "search_page":
            return edition.searched[values["number"]][0].link
        return f"/{'/'.join(values.values())}/" if endpoint == "page" else ""

    yield from sorted(found, key=page)


def _routes(edition: Edition) -> Iterator[Route]:
    library = edition.library
    # Lists before plain pages: /lectures/ is a list, though "lectures" could be a name.
    for room in (lists, search, calendar, pages, files):
        yield from room.routes(edition)
    if library.results or library.draws or library.counted:
        from publish import results  # here: a site without any loads no shapes of votes and draws

        yield from results.routes(edition)
