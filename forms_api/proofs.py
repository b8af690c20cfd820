"""What a request proves of its sender: the ticket in the browser, four digits; how a code is asked
for. No views."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from flask import request

from civic.contacts.budget import block
from civic.contacts.proof import CODE_LIFE, PLACE, Asked
from civic.errors import ContactUnproven, Refused, TooMany, WrongCode
from civic.people import keyed_hash
from civic.store.box import Ticket
from forms_api.background import casting
from forms_api.doors import READING, check_origin
from forms_api.operations import services

COOKIE = "madang-ticket"
GUESSING = timedelta(minutes=10)  # from the first wrong try
PER_NUMBER = 10  # guesses of four digits: all 10,000 would take a week
PER_BLOCK = 100  # over all numbers, from one block of addresses: a whole office, and no machine
MINUTES = int(CODE_LIFE.total_seconds()) // 60


def ask_for_code(contact: str, title: str, place: str) -> Asked:
    """Send a code that proves a contact. See `Contacts.ask`. Raises Unavailable as well."""
    return send_code(contact, partial(casting().polling.codes.ask, contact, title, place), place)


def send_code(contact: str, send: Callable[[str], Asked], place: str) -> Asked:
    """What `send` did for the address of the asker, if anything can be sent to that contact. Raises Unavailable as well."""
    services().sender.check(contact)
    asked = send(request.remote_addr or "")
    casting().wake()
    services().note_text(place, asked.is_low)
    return asked


def prove_phone(phone: str, code: str, request_id: str, purpose: str) -> None:
    """The sender has proven this phone (E.164): by a ticket, or by the code that came along, which serves this purpose alone.

    Raises ContactUnproven, Invalid (code), WrongCode, LateCode, UsedCode.
    """
    if holds_ticket_of(phone):
        return
    if not code:
        raise ContactUnproven
    casting().polling.codes.prove_by_code(phone, code, request_id, purpose)


def holds_ticket_of(phone: str) -> bool:
    """Has the browser that asks a ticket of this phone (E.164)?"""
    held = ticket_of_browser()
    return held is not None and held.contact == casting().polling.codes.key(phone)


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
    box = casting().polling.box
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


def told(asked: Asked) -> dict[str, Any]:
    """What is answered to whoever asked for a code."""
    answer: dict[str, Any] = {"sent": True, "minutes": MINUTES, "request": asked.request}
    return answer | ({"code": code} if (code := shown_code(asked)) else {})


def shown_code(asked: Asked) -> str:
    """The code itself on a demonstration's pages, so that nobody must read a terminal; else ""."""
    return asked.code if services().settings.demo else ""


def ticket_of_browser() -> Ticket | None:
    """The ticket of the browser that asks from one of our own pages, while it lasts."""
    secret = request.cookies.get(cookie(), "")
    if not secret or (request.method not in READING and not is_own()):
        return None
    return casting().polling.codes.ticket(secret)


def is_own() -> bool:
    """Does one of our own pages ask?"""
    try:
        own = services().settings.own_origins(services().site.base_url)
        check_origin(request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin"), own)
    except Refused:
        return False
    return True


def cookie() -> str:
    """On https a name that no other host and no plain connection can set."""
    return f"__Host-{COOKIE}" if request.is_secure else COOKIE
