"""Putting the app together: parts, doors, headers, problems and views. No decisions."""

import sys
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response, g
from flask.globals import request_ctx
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, MapAdapter

from civic.clock import Clock
from civic.library import Library
from civic.store.entry import ENCODER
from civic.store.seal import Keys
from civic.store.store import Store
from forms_api.contacts import contacts
from forms_api.doors import READING, register_guards
from forms_api.entries import entries
from forms_api.operations import SERVICES, Services, identity_provider, operations, services
from forms_api.problems import register_problems
from forms_api.senders import sender_of
from forms_api.settings import Settings
from forms_api.signups import signups
from forms_api.site import register_site
from forms_api.voting import voting
from forms_api.voting_pages import identity

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
LONGEST_KNOWN = 200  # characters of an address that is remembered
BEGUN = "madang.begun"  # where a request says when it came
HEADERS = {  # what the browser may load, and what it must not guess or keep
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class WholeResponse(Response):
    """An answer that is there as a whole goes to the server as a whole.

    A server fetches an iterator's pieces from the thread that also reads and writes for everybody, which then waits
    for the interpreter lock at each piece.
    """

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """A list where the body is known and sent; else what werkzeug makes of it."""
        if not self.is_sequence or environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304):
            return super().get_app_iter(environ)
        try:
            return list(self.iter_encoded())
        finally:
            self.close()


class App(Flask):
    """Flask, whose own log of errors would quote what was typed."""

    response_class = WholeResponse

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is asynchronous; Flask would look into each hook of each request for that."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Method and path alone decide: no view asks by which host it was reached, and none sends on to another."""
        if request is None:
            return None
        is_known = len(request.method + request.path) <= LONGEST_KNOWN
        return (known_adapter if is_known else adapter)(self.url_map, request.method, request.path)

    def log_exception(self, exc_info: Any) -> None:
        services().log.failure("app", exc_info[1])


def adapter(addresses: Map, method: str, path: str) -> MapAdapter:
    """What finds the view of an address, once."""
    found = addresses.bind("", path_info=path, default_method=method)
    found.match = lru_cache(found.match)  # type: ignore[method-assign]  # a refusal is not kept
    return found


# Where many come to one address: to look it up anew takes a twentieth of a sign-up's time.
known_adapter = lru_cache(maxsize=500)(adapter)


def create_app(settings: Settings, library: Library, store: Store, keys: Keys, clock: Clock) -> Flask:
    """The whole writing side and the site beside it, as one WSGI app. Raises ContentMistakes, Misuse."""
    app = App("forms_api", static_folder=None, template_folder=None)
    app.json.dumps = lambda answer, **_: ENCODER.encode(answer)  # type: ignore[method-assign]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # no redirect is ever made of an address that begins with //
    parts = app.extensions[SERVICES] = Services(settings, library, store, keys, clock)
    base_url = parts.site.base_url
    register_watch(app, parts)
    register_guards(app, settings.allowed_origins(base_url))
    register_headers(app, is_secure=base_url.startswith("https://"))
    register_problems(app)
    for views in (signups, entries, contacts, voting, identity, operations):
        app.register_blueprint(views)
    register_site(app, parts)
    if count := settings.proxies:
        # Not the host: our address is what the settings say, never what a request does.
        proxied = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # Flask's documented way
    return app


def check_start(settings: Settings, library: Library) -> None:
    """May a server start with these settings? Before anything is made. Raises Misuse."""
    settings.check_serving(library.site.base_url)
    sender_of(settings, sys.stdout)
    identity_provider(settings)


def register_headers(app: Flask, is_secure: bool) -> None:
    """Set them on everything the app answers, HSTS only where the site is on https; and note when it was asked."""
    a_year = [("Strict-Transport-Security", "max-age=31536000; includeSubDomains")]
    always = [*HEADERS.items(), *(a_year if is_secure else [])]
    inner = app.wsgi_app

    # An answer about a person must not stay in a shared browser or proxy; status and files say otherwise.
    private = [*always, ("Cache-Control", "no-store")]

    # Around the app, as one list: header by header on each response they take a twentieth of a sign-up's time.
    def answer(environ: Any, start_response: Any) -> Any:
        environ[BEGUN] = time.perf_counter()
        is_api = environ["PATH_INFO"].lstrip("/").startswith("api/")

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            is_private = is_api and all(name != "Cache-Control" for name, _ in headers)
            return start_response(status, headers + (private if is_private else always), *more)

        return inner(environ, start)

    app.wsgi_app = answer  # type: ignore[method-assign]  # Flask's documented way


def register_watch(app: Flask, parts: Services) -> None:
    """Count every answer, and log every write and every failure, by route and never by address."""

    @app.after_request
    def note(response: Response) -> Response:
        asked = request_ctx.request
        seconds = time.perf_counter() - asked.environ[BEGUN]
        route = asked.url_rule.rule if asked.url_rule else "none"
        parts.metrics.add("requests_total", route=route, status=response.status_code)
        parts.metrics.add("request_seconds_total", seconds, route=route)
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
