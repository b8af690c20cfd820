"""A contact, proven: a code is asked for, a ticket given to the browser and forgotten; and all that a ticket's phone signed
up for. No form is sent here: sign-ups and votes ask this room whether a contact is proven."""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from civic.contacts.proof import OWN_LIFE
from civic.errors import ContactUnproven, ForbiddenOrigin, Refused
from civic.links import link
from civic.places.intake import Found
from forms_api.background import casting
from forms_api.doors import is_form_post, json_body, text_in
from forms_api.entries import document, my_page, shown, trail_of
from forms_api.operations import services
from forms_api.problems import lead_back, offer_again, wants_page
from forms_api.proofs import (
    MINUTES,
    ask_for_code,
    cookie,
    is_own,
    shown_code,
    ticket_of_browser,
    told,
)
from forms_api.receipts import receipt_address

contacts = Blueprint("contacts", __name__)


@contacts.post("/api/contacts/code")
def code() -> ResponseReturnValue:
    """Send a code to a contact; the answer says nothing of it."""
    _enter(lambda refusal: my_page(refusal, "contact"))
    given = _given()
    contact = text_in(given, "contact")
    asked = ask_for_code(contact, services().site.name, "contacts")
    if is_form_post():
        return _code_page(contact, asked.request, shown_code(asked))
    return jsonify(told(asked)), 202


@contacts.post("/api/contacts/ticket")
def ticket() -> BaseResponse:
    """A ticket for whoever types the code that was sent."""
    given = _given()
    contact, code, asked = (text_in(given, name) for name in ("contact", "code", "request"))
    _enter(lambda refusal: _code_page(contact, asked, "", refusal))
    is_own = given.get("mine") in (True, "on")
    secret = casting().polling.codes.give_ticket(contact, code, asked, is_own)
    answer: BaseResponse = (
        redirect("/api/my", code=303) if is_form_post() else jsonify(minutes=MINUTES, mine=is_own)
    )
    if not is_form_post():
        answer.status_code = 201
    life = int(OWN_LIFE.total_seconds()) if is_own else None  # None: gone with the browser
    answer.set_cookie(
        cookie(), secret, max_age=life, path="/", httponly=True, samesite="Strict", secure=request.is_secure
    )
    return answer


@contacts.post("/api/contacts/forget")
def forget() -> BaseResponse:
    """End the ticket of this browser."""
    _enter(None)
    if secret := request.cookies.get(cookie(), ""):
        casting().polling.codes.forget_ticket(secret)
    answer: BaseResponse = redirect(link("my"), code=303) if is_form_post() else jsonify(forgotten=True)
    answer.delete_cookie(cookie(), path="/", httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


@contacts.get("/api/contacts/<any(code, ticket, forget):step>")
def opened_again(step: str) -> BaseResponse:
    """The address of a step, opened from the address bar or a restored tab: a person is led to where it begins.

    A script that asks for the ticket hears whether a proof is here that is new enough to vote with, and nothing else.
    """
    if step == "ticket" and not wants_page():
        services().limits.address("contacts")
        held = ticket_of_browser()
        return jsonify(fresh=held is not None and casting().polling.clock.now() < held.fresh)
    return lead_back(link("my"), ContactUnproven)


@contacts.get("/api/my")
def my() -> BaseResponse:
    """What the ticket's phone signed up for: no name, no answer, no birth date; phones are shared and given on."""
    services().limits.address("contacts")
    held = ticket_of_browser()
    if held is None:
        return lead_back(link("my"), ContactUnproven)
    intake = services().intake
    found = [intake.found(entry) for entry in intake.store.of_contact(held.contact)]  # newest first
    is_fresh = intake.clock.now() < held.fresh
    if wants_page():
        return services().page(
            "forms/mine.html",
            "내 신청",
            trail_of("내 신청"),
            until=held.until,
            is_fresh=is_fresh,
            entries=[_line(each, is_fresh) for each in found],
        )
    listed = [document(each, is_proven=is_fresh) for each in found]
    return jsonify(entries=listed, until=held.until.isoformat(timespec="seconds"), fresh=is_fresh)


def _enter(retry: Any) -> None:
    """Our own pages only: not those from elsewhere that may send sign-ups."""
    services().limits.address("contacts")
    offer_again(retry, link("my"))
    if not is_own():
        raise ForbiddenOrigin


def _given() -> dict[str, Any]:
    return request.form.to_dict() if is_form_post() else json_body()


def _line(found: Found, is_fresh: bool) -> dict[str, Any]:
    receipt = receipt_address(services().intake.keys.link, found.entry.number) if is_fresh else ""
    return {**shown(found), "doc": found.doc, "receipt": receipt}


def _code_page(contact: str, asked: str, code: str, refusal: Refused | None = None) -> Response:
    return services().page(
        "forms/proof.html",
        "인증번호를 적으세요",
        trail_of("인증번호"),
        refusal=refusal,
        at="code",
        contact=contact,
        asked=asked,
        code=code,
    )
