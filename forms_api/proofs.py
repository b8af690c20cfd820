"""What a request proves of its sender: the ticket in the browser, a receipt's signed address; how a code is asked for. No views."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from flask import request
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from civic.errors import ContactUnproven, NotFound, Refused
from civic.store.box import Ticket
from civic.store.contacts import CODE_LIFE, Asked
from forms_api.background import casting
from forms_api.doors import READING, check_origin
from forms_api.operations import services

RECEIPT = "/api/receipts/<token>"
COOKIE = "madang-ticket"
MINUTES = int(CODE_LIFE.total_seconds()) // 60


def ask_for_code(contact: str, title: str, place: str) -> Asked:
    """Send a code that proves a contact. See `Contacts.ask`. Raises Unavailable as well."""
    services().sender.check(contact)
    asked = casting().polling.codes.ask(contact, title, place, request.remote_addr or "")
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


def receipt_address(secret: bytes, number: str) -> str:
    """ "/api/receipts/<token>" for a receipt number."""
    return RECEIPT.replace("<token>", _signer(secret).sign(base64_encode(number)).decode())


def receipt_number(secret: bytes, token: str) -> str:
    """The receipt number in a token. Raises NotFound when it is not ours."""
    try:
        return base64_decode(_signer(secret).unsign(token)).decode()
    except (BadData, ValueError):
        raise NotFound("그런 접수증이 없습니다.") from None


@lru_cache(maxsize=8)
def _signer(secret: bytes) -> Signer:
    signer = Signer(secret, salt="receipt", key_derivation="hmac", digest_method=hashlib.sha256)
    return Signer(signer.derive_key(), key_derivation="none", digest_method=hashlib.sha256)  # derived once


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
