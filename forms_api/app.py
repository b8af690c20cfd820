"""Putting the app together: services, guards, headers, problems and views. No decisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g
from werkzeug.middleware.proxy_fix import ProxyFix

from civic.clock import Clock
from civic.library import Library
from civic.places.intake import Intake
from civic.store.book import Store
from civic.store.seal import Keys
from forms_api.board import StatusBoard
from forms_api.doors import READING, register_guards, the_request
from forms_api.entries import entries
from forms_api.files import Files
from forms_api.headers import register_headers
from forms_api.limits import Limits
from forms_api.log import EventLog
from forms_api.metrics import Metrics
from forms_api.operations import operations
from forms_api.problems import register_problems
from forms_api.receipts import receipts
from forms_api.render import Renderer
from forms_api.services import Services, services
from forms_api.settings import Settings
from forms_api.shelf import Shelf, Templates
from forms_api.signups import forms
from forms_api.site import pages
from forms_api.status import status
from forms_api.tokens import Receipts
from forms_api.voting import register_votes
from templates import Addressed, environment

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Answer(Response):
    """An answer that is there as a whole goes to the server as a whole.

    A server fetches an iterator's pieces from the thread that also reads and writes for everybody, which then waits
    for the interpreter lock at each piece.
    """

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        """A list where the body is known and sent; else what werkzeug makes of it."""
        if not self.is_sequence or environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304):
            return super().get_app_iter(environ)
        try:
            return list(self.iter_encoded())
        finally:
            self.close()


class App(Flask):
    """Flask, whose own log of errors would quote what was typed."""

    response_class = Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is asynchronous; Flask would look that up five times per request."""
        return func

    def log_exception(self, exc_info: Any) -> None:
        services().log.failure("app", exc_info[1])


def create_app(
    settings: Settings,
    library: Library,
    store: Store,
    keys: Keys,
    clock: Clock,
    assets: Addressed,
    site_dir: Path,
) -> Flask:
    """The whole writing side and the site beside it, as one WSGI app."""
    app = App("forms_api", static_folder=None, template_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # of the default provider
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # no redirect is ever made of an address that begins with //
    shelf = Shelf(library)
    base_url = library.site.base_url
    intake = Intake(shelf, store, keys, clock, remembers=not settings.demo)
    app.extensions["madang"] = Services(
        settings=settings,
        shelf=shelf,
        intake=intake,
        clock=clock,
        receipts=Receipts(keys.link),
        limits=Limits(settings.is_limited),
        metrics=Metrics(),
        log=EventLog(clock, settings.log == "on"),
        renderer=Renderer(Templates(shelf, lambda seen: environment(seen, assets, clock, settings.demo))),
        board=StatusBoard(intake),
        site_dir=site_dir,
        files=Files(),
    )
    register_watch(app)
    register_guards(app, settings.allowed_origins(base_url))
    register_headers(app, base_url)
    register_problems(app)
    for views in (forms, entries, receipts, status, operations, pages):
        app.register_blueprint(views)
    register_votes(app, shelf, keys)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask's documented way
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    return app


def register_watch(app: Flask) -> None:
    """Count every answer, and log every write and every failure, by route and never by address."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def note(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        asked, parts = the_request(), services()
        route = asked.url_rule.rule if asked.url_rule else "none"
        parts.metrics.answered(route, response.status_code, seconds)
        if parts.log.on and (asked.method not in READING or response.status_code >= 500):
            parts.log.event(
                "answered",
                route=route,
                method=asked.method,
                status=response.status_code,
                refusal=g.get("refusal"),
                ms=round(seconds * 1000, 1),
            )
        return response
