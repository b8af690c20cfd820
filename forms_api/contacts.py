"""A contact, proven: a code is asked for, a ticket given to the browser and forgotten. No form is sent here: sign-ups,
entries and votes ask this room what a request proves of its sender."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from civic.contacts.budget import block
from civic.contacts.proof import CODE_LIFE, OWN_LIFE, PLACE, Asked
from civic.errors import ContactUnproven, ForbiddenOrigin, Refused, TooMany, WrongCode
from civic.links import link
from civic.people import keyed_hash
from civic.places.application import holds_resident_number
from civic.store.box import Ticket
from forms_api.doors import READING, is_form_post, is_from, posted, text_in
from forms_api.operations import services
from forms_api.problems import lead_back, offer_again, wants_page

contacts = Blueprint("contacts", __name__)
MINE = [("내 신청 확인", link("my"))]  # what stands above a page about an entry
COOKIE = "madang-ticket"
RULES: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "Strict"}
GUESSING = timedelta(minutes=10)  # from the first wrong try
PER_NUMBER = 10  # guesses of four digits: all 10,000 would take a week
PER_BLOCK = 100  # over all numbers, from one block of addresses: a whole office, and no machine
MINUTES = int(CODE_LIFE.total_seconds()) // 60


@contacts.post("/api/contacts/code")
def code() -> ResponseReturnValue:
    """Send a code to a contact; the answer says nothing of it."""
    _enter(lambda refusal: my_page(refusal, "contact"))
    contact = text_in(posted(), "contact")
    asked = ask_for_code(contact, services().site.name, "contacts")
    if is_form_post():
        return _code_page(contact, asked.request, asked.code)
    return jsonify(told(asked)), 202


@contacts.post("/api/contacts/ticket")
def ticket() -> BaseResponse:
    """A ticket for whoever types the code that was sent."""
    given = posted()
    contact, code, asked = (text_in(given, name) for name in ("contact", "code", "request"))
    _enter(lambda refusal: _code_page(contact, asked, "", refusal))
    is_own = given.get("mine") in (True, "on")
    secret = services().polling.codes.give_ticket(contact, code, asked, is_own)
    life = int(OWN_LIFE.total_seconds()) if is_own else None  # None: gone with the browser
    told = jsonify(minutes=MINUTES, mine=is_own), 201
    answer = redirect("/api/my", code=303) if is_form_post() else make_response(told)
    answer.set_cookie(cookie(), secret, max_age=life, secure=request.is_secure, **RULES)
    return answer


@contacts.post("/api/contacts/forget")
def forget() -> BaseResponse:
    """End the ticket of this browser."""
    _enter(None)
    if secret := request.cookies.get(cookie(), ""):
        services().polling.codes.forget_ticket(secret)
    answer: BaseResponse = redirect(link("my"), code=303) if is_form_post() else jsonify(forgotten=True)
    answer.delete_cookie(cookie(), secure=request.is_secure, **RULES)
    return answer


@contacts.get("/api/contacts/<any(code, ticket, forget):step>")
def opened_again(step: str) -> BaseResponse:
    """The address of a step, opened from the address bar or a restored tab: a person is led to where it begins.

    A script that asks for the ticket hears whether a proof is here that is new enough to vote with, and nothing else.
    """
    if step == "ticket" and not wants_page():
        services().limits.address("contacts")
        held = ticket_of_browser()
        return jsonify(fresh=held is not None and services().intake.clock.now() < held.fresh)
    return lead_back(link("my"), ContactUnproven)


def ask_for_code(contact: str, title: str, place: str) -> Asked:
    """Send a code that proves a contact. See `Contacts.ask`. Raises Unavailable as well."""
    return send_code(contact, partial(services().polling.codes.ask, contact, title, place), place)


def send_code(contact: str, send: Callable[[str], Asked], place: str) -> Asked:
    """What `send` did for the address of the asker, if anything can be sent to that contact. Raises Unavailable as well.

    With the code itself in a demonstration alone, whose pages show it: nobody must read a terminal.
    """
    parts = services()
    parts.sender.way(contact)
    asked = send(request.remote_addr or "")
    parts.queued.set()
    parts.note_text(place, asked.is_low)
    return asked if parts.settings.demo else replace(asked, code="")


def told(asked: Asked) -> dict[str, Any]:
    """What is answered to whoever asked for a code."""
    answer: dict[str, Any] = {"sent": True, "minutes": MINUTES, "request": asked.request}
    return answer | ({"code": asked.code} if asked.code else {})


def prove_phone(phone: str, code: str, request_id: str, purpose: str) -> None:
    """The sender has proven this phone (E.164): by a ticket, or by the code that came along, which serves this purpose alone.

    Raises ContactUnproven, Invalid (code), WrongCode, LateCode, UsedCode.
    """
    if holds_ticket_of(phone):
        return
    if not code:
        raise ContactUnproven
    services().polling.codes.prove_by_code(phone, code, request_id, purpose)


def holds_ticket_of(phone: str) -> bool:
    """Has the browser that asks a ticket of this phone (E.164)?"""
    held = ticket_of_browser()
    return held is not None and held.contact == services().polling.codes.key(phone)


def ticket_of_browser() -> Ticket | None:
    """The ticket of the browser that asks from one of our own pages, while it lasts."""
    secret = request.cookies.get(cookie(), "")
    if not secret or (request.method not in READING and not is_own()):
        return None
    return services().polling.codes.ticket(secret)


@contextmanager
def wrong_tries_counted(number: str) -> Iterator[None]:
    """The block proves who asks for this receipt number; only WrongCode counts, under keyed hashes of the day.

    For every server on the box and over restarts. Raises TooMany: the number, or the block of addresses, is locked for a
    while. Tries at the same moment count as well: which of them was right is not said once the ceiling is reached.
    """
    parts, now = services(), services().intake.clock.now()
    if not parts.settings.is_limited:
        yield
        return
    box = parts.polling.box
    named = partial(keyed_hash, parts.intake.keys.derived("guesses"), now.date().isoformat())
    ceilings = [
        ("number", named("number", number), PER_NUMBER),
        ("block", named("block", block(request.remote_addr or "")), PER_BLOCK),
    ]
    locked = TooMany(retry_after=int(GUESSING.total_seconds()))
    if any(box.times(name, now) >= most for _, name, most in ceilings):
        raise locked
    try:
        yield
    except WrongCode:
        with box.open(PLACE) as here:
            counted = [here.hit(name, most, GUESSING, now) for _, name, most in ceilings]
            reached = [kind for kind, name, most in ceilings if here.times(name, now) == most]
        for kind in reached if all(counted) else ():
            parts.metrics.add("guessing_total", kind=kind)
            parts.log.event("guessing", kind=kind)
        if not all(counted):
            raise locked from None
        raise


def is_own() -> bool:
    """Does one of our own pages ask?"""
    return is_from(services().settings.own_origins(services().site.base_url), request)


def cookie() -> str:
    """On https a name that no other host and no plain connection can set."""
    return f"__Host-{COOKIE}" if request.is_secure else COOKIE


def _enter(retry: Any) -> None:
    """Our own pages only: not those from elsewhere that may send sign-ups."""
    services().limits.address("contacts")
    offer_again(retry, link("my"))
    if not is_own():
        raise ForbiddenOrigin


def my_page(refusal: Refused, at: str = "number") -> Response:
    """The page to look up entries with its errors, and what was typed into its field `at`; the digits are not repeated."""
    title, typed = "내 신청 확인", request.form.get(at, "")
    values = {at: "" if holds_resident_number(at, typed) else typed[:40]}
    return services().page("pages/my.html", title, refusal=refusal, at=at, values=values)


def _code_page(contact: str, asked: str, code: str, refusal: Refused | None = None) -> Response:
    title, typed = "인증번호를 적으세요", {"contact": contact, "asked": asked, "code": code}
    return services().page(
        "forms/proof.html", title, last="인증번호", above=MINE, refusal=refusal, at="code", **typed
    )
