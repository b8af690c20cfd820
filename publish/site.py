"""The Flask app that the build freezes: every page and file of the site over a Library. Never opens a store."""

import warnings
from collections.abc import Iterable, Iterator
from mimetypes import guess_type
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response
from flask_frozen import Freezer, FrozenFlaskWarning

from civic.errors import NotFound
from publish.builds import BuildFailed
from publish.edition import Edition
from publish.render import Address, View, explain
from publish.routes import routes


class SiteApp(Flask):
    """What a view makes is the answer."""

    def make_response(self, rv: Any) -> Response:
        if isinstance(rv, View):
            kind = guess_type(f"page{rv.ending}")[0] or "application/octet-stream"
            return Response(rv.make(), mimetype=kind)
        return super().make_response(rv)


def create_app(edition: Edition) -> Flask:
    """The site as a Flask app."""
    app = SiteApp("publish", static_folder=None, template_folder=None)
    app.register_error_handler(NotFound, lambda wrong: (str(wrong), wrong.status))
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.extensions["edition"] = edition
    for route in routes(edition):
        for rule in route.rules if any(True for _ in route.values()) else ():
            app.add_url_rule(rule, route.endpoint, cast(Any, route.view))
    return app


def addresses(app: Flask) -> Iterator[Address]:
    """Everything the site consists of, linked or not, in a fixed order: each page beside what the search knows of it."""
    edition: Edition = app.extensions["edition"]
    found = [(route.endpoint, values) for route in routes(edition) for values in route.values()]

    def page(address: Address) -> str:
        endpoint, values = address
        if endpoint == "search_page":
            return edition.searched[values["number"]][0].link
        return f"/{'/'.join(values.values())}/" if endpoint == "page" else ""

    yield from sorted(found, key=page)


class Planner(Freezer):  # type: ignore[misc]  # Frozen-Flask has no types
    """Frozen-Flask, which finds every address and checks that none is forgotten; no page is asked for."""

    root = Path()  # nothing is written

    def __init__(self, app: Flask, addresses: Iterable[Address]) -> None:
        app.config["FREEZER_REMOVE_EXTRA_FILES"] = False
        super().__init__(app, with_static_files=False, with_no_argument_rules=False, log_url_for=False)
        self.found: dict[str, Address] = {}
        # The third is Frozen-Flask's time of the last change; it is handed to _build_one as it is.
        self.register_generator(lambda: ((*address, address) for address in addresses))

    def _build_one(self, url: str, last_modified: Any = None) -> Path:
        self.found[self.urlpath_to_filepath(url)] = last_modified
        return self.root


def plan(edition: Edition) -> dict[str, Address]:
    """The address of every file of the site, by its name. Raises BuildFailed."""
    app = create_app(edition)
    planner = Planner(app, addresses(app))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FrozenFlaskWarning)
            planner.freeze()
    except Exception as wrong:
        raise BuildFailed(explain(wrong)) from wrong
    return planner.found
