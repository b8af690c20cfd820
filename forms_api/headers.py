"""Headers on every answer: what the browser may load, and what it must not guess or keep. No decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
ALWAYS = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
ONE_YEAR = 31_536_000  # seconds


def register_headers(app: Flask, base_url: str) -> None:
    """Set them on everything the app answers; HSTS only where the site is on https."""
    always = list(ALWAYS)
    if base_url.startswith("https://"):
        always.append(("Strict-Transport-Security", f"max-age={ONE_YEAR}; includeSubDomains"))
    # As one list around the app, not header by header on each response: that took a tenth of a sign-up's time.
    app.wsgi_app = Headed(app.wsgi_app, always)  # type: ignore[method-assign]  # Flask's documented way

    @app.after_request
    def keep_private(response: Response) -> Response:
        # An answer about a person must not stay in a shared browser or proxy; status and files say otherwise.
        if "Cache-Control" not in response.headers and request.path.startswith("/api/"):
            response.headers["Cache-Control"] = "no-store"
        return response


class Headed:
    """A WSGI app whose every answer carries these headers too."""

    def __init__(self, app: WSGIApplication, headers: list[tuple[str, str]]) -> None:
        self._app = app
        self._headers = headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            return start_response(status, headers + self._headers, exc_info)

        return self._app(environ, start)
