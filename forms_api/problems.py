"""The one place where a refusal becomes an answer: problem+json, or a page for a plain HTML form. No views."""

from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response, g, jsonify, redirect, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from civic import errors
from civic.errors import Invalid, NotFound, Refused, Unavailable
from forms_api.doors import READING, is_form_post
from forms_api.operations import services

Retry = Callable[[Refused], Response]
FILES = "files"  # the view of the site's files, which takes every address that no other view takes


class MethodNotAllowed(Refused, status=405, title="이 주소에서는 할 수 없는 요청입니다."):
    """The address exists, the method does not."""


class OutsideFile(Refused, status=416, title="파일에 없는 부분입니다."):
    """A part of a file was asked for that it does not have."""


class Failure(Refused, status=500, title="처리하지 못했습니다. 잠시 뒤에 다시 해 주세요."):
    """Our own mistake. Says nothing of itself; the log knows where."""


NAMED = {
    kind.status: kind
    for kind in (NotFound, MethodNotAllowed, errors.TooLarge, errors.UnsupportedType, OutsideFile)
}


def offer_again(retry: Retry | None, back: str, always: bool = False) -> None:
    """For this request: how the form comes back with its errors, and where a refusal's page leads back to.

    always: whatever the refusal, so that nothing that was typed is lost.
    """
    g.retry, g.back, g.always = retry, back, always


def register_problems(app: Flask) -> None:
    """Every Refused, every HTTP error and every unexpected error of the app."""

    app.register_error_handler(Refused, answer)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400:
            return cast(Response, error.get_response())
        if error.code == 405 and _is_nowhere():
            return answer(NotFound())
        unnamed = Failure() if (error.code or 500) >= 500 else Invalid([])
        response = answer(NAMED[error.code]() if error.code in NAMED else unnamed)
        # Allow and Content-Range: what a program needs to know beside a 405 and a 416.
        for name, value in error.get_headers():
            if name in ("Allow", "Content-Range"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        services().log.failure(_route(), error)
        return answer(Failure())


def answer(refusal: Refused) -> Response:
    """The refusal as the sender can read it."""
    services().metrics.add("refusals_total", name=refusal.name)
    g.refusal = refusal.name
    response = _safe_page(refusal) if wants_page() else _document(refusal)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, Unavailable):
        if refusal.__cause__:
            services().log.failure(_route(), refusal.__cause__, "outage")
        services().health.is_well(patience=0)  # why, for the log, also where nobody asks /readyz
    return response


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "none"


def _is_nowhere() -> bool:
    """Would only the view of the site's files take this address of the API, to say that it is not there?"""
    adapter: Any = request_ctx.url_adapter
    if not request.path.startswith("/api/") or set(adapter.allowed_methods()) - set(READING):
        return False
    return bool(adapter.match(method="GET")[0] == FILES)


def wants_page() -> bool:
    """Did a person's browser ask? A form post always; else only when it would rather have HTML."""
    is_of_site = request.method in READING and not request.path.startswith("/api/")
    return is_form_post() or (request.mimetype != "application/json" and (prefers_html() or is_of_site))


def prefers_html() -> bool:
    """Would the sender rather have HTML than JSON?"""
    accept = request.accept_mimetypes
    return accept.quality("text/html") > accept.quality("application/json")


def lead_back(address: str, otherwise: type[Refused] = NotFound) -> BaseResponse:
    """For a step that was opened from the address bar or a restored tab: a person is led to where it begins."""
    if not wants_page():
        raise otherwise()
    return redirect(address, code=302)


def _document(refusal: Refused) -> Response:
    body = {
        "type": f"/problems/{refusal.name}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "errors": [vars(error) for error in refusal.errors],
    }
    response = jsonify(body)
    response.status_code, response.content_type = refusal.status, "application/problem+json"
    return response


def _safe_page(refusal: Refused) -> Response:
    """The page; a bare sentence when the page itself is broken, so that a citizen never sees a traceback."""
    try:
        return _page(refusal)
    except Exception as broken:
        services().log.failure("page of a refusal", broken)
        return Response(f"{refusal.title}\n", status=refusal.status, mimetype="text/plain")


def _page(refusal: Refused) -> Response:
    retry: Retry | None = g.get("retry")
    is_mended = isinstance(refusal, errors.ContactUnproven | Invalid | errors.WrongCode) or refusal.errors
    if retry and (is_mended or g.always):
        return retry(refusal)
    path = request.path if request.path.startswith("/api/") else "/api/"
    shown = {"problem": refusal, "back": g.get("back", "")}
    page = services().page("forms/problem.html", refusal.title, path=path, **shown)
    page.status_code = refusal.status
    return page
