"""May this request write at all? Where it comes from, how big it is, what kind it is, how often. Looks at no form."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Request, request
from flask.globals import request_ctx
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from civic.contacts.budget import household
from civic.errors import FieldError, ForbiddenOrigin, Invalid, TooLarge, TooMany, UnsupportedType
from civic.places.application import BROKEN_MESSAGE, refuse_forbidden

LONGEST_BODY = 64 * 1024  # bytes
LONGEST_REST = 1024 * 1024  # bytes of a body that is refused and yet taken off the line
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
HONEYPOT = "website"  # hidden from people; a program fills it
# Their pages come back with what was typed, but not with what is forbidden: they refuse it themselves.
SHOWN_AGAIN = ("signups.apply", "entries.lookup")
READING = ("GET", "HEAD", "OPTIONS")
# Offices, schools and mobile networks share one address: the ceiling per address only stops floods.
PER_ADDRESS = parse("600/minute")
PER_PERSON_AND_FORM = parse("20/minute")  # a double click, a retry, a correction: all fit


def register_guards(app: Flask, origins: frozenset[str]) -> None:
    """Refuse writes from elsewhere before any view runs."""

    @app.before_request
    def guard() -> None:
        sent = request_ctx.request  # each name asked of `request` would be looked up anew
        sent.max_content_length, sent.max_form_parts = LONGEST_BODY + 1, 500
        if sent.method in READING:
            return
        # Read before anything is refused: the server hangs up on a body left unread, and the refusal may be lost.
        fits = read_body(sent)
        if not is_from(origins, sent):
            raise ForbiddenOrigin
        if not fits:
            raise TooLarge
        if sent.routing_exception is not None:
            return  # no such address, or not this method: that is the answer, whatever was sent
        if sent.mimetype in FORM_TYPES:
            check_form(sent)
        elif sent.mimetype != "application/json":
            raise UnsupportedType


def read_body(sent: Request) -> bool:
    """Does the whole body fit? Then it is kept; a longer one is taken off the line and forgotten."""
    told = sent.content_length
    # A body of untold length is cut at the limit and would be misread.
    if (len(sent.get_data()) if told is None else told) <= LONGEST_BODY:
        sent.get_data()
        return True
    line, taken = sent.environ["wsgi.input"], 0
    while taken < LONGEST_REST and (part := line.read(LONGEST_BODY)):
        taken += len(part)
    return False


def is_from(origins: frozenset[str], sent: Request) -> bool:
    """Only our own pages may write: does the browser say same-origin, or name one of these addresses?

    Static pages hold no session, so there is no token to compare. "null" and silence are refused.
    """
    told = sent.environ
    return told.get("HTTP_SEC_FETCH_SITE") == "same-origin" or told.get("HTTP_ORIGIN") in origins


def check_form(sent: Request) -> None:
    """Raises Invalid for fields that are no UTF-8, of which werkzeug would make other characters in silence, and for what
    must never be kept. No form comes back to say it: the page itself says what is wrong."""
    try:
        if sent.mimetype == FORM_TYPES[0]:
            unquote_to_bytes(sent.get_data()).decode()
        if sent.endpoint not in SHOWN_AGAIN:
            refuse_forbidden(sent.form.to_dict(flat=False))
        return
    except UnicodeDecodeError:
        refusal = Invalid([FieldError("", BROKEN_MESSAGE)])
    except Invalid as wrong:
        refusal = wrong
    refusal.detail = refusal.errors[0].message
    raise refusal


def is_form_post() -> bool:
    """Did a plain HTML form send this? Then the answer is a page."""
    return request.mimetype in FORM_TYPES


def json_body() -> dict[str, Any]:
    """The body as a JSON object. Raises Invalid when it is none, or holds what must never be kept."""
    try:
        sent = request.get_data()
        body = JSON.decode(str(sent, json.detect_encoding(sent), "surrogatepass"))
    except (ValueError, RecursionError):
        raise Invalid([FieldError("", "JSON으로 읽을 수 없습니다.")]) from None
    if not isinstance(body, dict):
        raise Invalid([FieldError("", "JSON 객체를 보내 주세요.")])
    refuse_forbidden(body)
    return body


def posted() -> Mapping[str, Any]:
    """What was sent, as a form or as `json_body`. Raises Invalid."""
    if not is_form_post():
        return json_body()
    refuse_forbidden(request.form.to_dict(flat=False))
    return request.form


def text_in(body: Mapping[str, Any], name: str) -> str:
    """A text of a body; "" where it is missing. Raises Invalid where something else stands."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Invalid([FieldError(name, "글로 보내 주세요.")])
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError when a name stands in it twice: one of the values would go unread."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


JSON = json.JSONDecoder(object_pairs_hook=_once)


def check_honeypot(payload: Mapping[str, Any]) -> None:
    """A filled trap is refused in so many words: a browser may have filled it for a real person."""
    if payload.get(HONEYPOT):
        refuse_forbidden({HONEYPOT: payload[HONEYPOT]})
        raise Invalid([FieldError(HONEYPOT, "이 칸은 비워 두어야 합니다. 비운 채로 다시 보내 주세요.")])


class RateLimits:
    """The ceilings, counted in this process; `on=False` lets everything pass."""

    def __init__(self, on: bool) -> None:
        self._on = on
        # By hand and not by Flask-Limiter's decorators: the keys stand in the body, which only the views read.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def address(self, what: str) -> None:
        """One more request of this kind from the household that asks now. Raises TooMany."""
        self._hit(PER_ADDRESS, what, household(request.remote_addr or ""))

    def person(self, person: str, subject: str) -> None:
        """One more application of this person (keyed hash) for this form. Raises TooMany."""
        self._hit(PER_PERSON_AND_FORM, subject, person)

    def _hit(self, limit: RateLimitItem, *key: str) -> None:
        if self._on and not self._limiter.hit(limit, *key):
            raise TooMany(retry_after=limit.get_expiry())
