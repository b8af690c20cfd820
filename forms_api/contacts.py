"""A contact, proven: a code is asked for, a ticket given to the browser and forgotten; and all that a ticket's phone signed
up for. No form is sent here: sign-ups and votes ask this room whether a contact is proven."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from civic.content.meetings import when
from civic.errors import ContactUnproven, ForbiddenOrigin, Refused
from civic.links import link
from civic.places.intake import Found
from civic.store.contacts import OWN_LIFE
from forms_api.background import casting
from forms_api.doors import is_form_post, json_body, text_in
from forms_api.entries import document, receipt_address, shown_round
from forms_api.operations import services
from forms_api.problems import offer_again, wants_page
from forms_api.proofs import MINUTES, ask_for_code, cookie, is_own, shown_code, ticket_of_browser, told

contacts = Blueprint("contacts", __name__)


@contacts.post("/api/contacts/code")
def code() -> Response:
    """Send a code to a contact; the answer says nothing of it."""
    _enter(lambda refusal: _my_page(refusal))
    given = _given()
    contact = text_in(given, "contact")
    asked = ask_for_code(contact, services().site.name, "contacts")
    if is_form_post():
        return _code_page(contact, asked.request, shown_code(asked))
    answer = jsonify(told(asked))
    answer.status_code = 202
    return answer


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
    """The address of a step, opened from the address bar or a restored tab: a person is led to where it begins."""
    if not wants_page():
        raise ContactUnproven
    return redirect(link("my"), code=302)


@contacts.get("/api/my")
def my() -> BaseResponse:
    """What the ticket's phone signed up for: no name, no answer, no birth date; phones are shared and given on."""
    services().limits.address("contacts")
    held = ticket_of_browser()
    if held is None:
        if wants_page():
            return redirect(link("my"), code=302)
        raise ContactUnproven
    found = services().intake.of_contact(held.contact)
    is_fresh = services().intake.clock.now() < held.fresh
    if wants_page():
        return services().page(
            "forms/mine.html",
            "내 신청",
            [("홈", link("home")), ("내 신청 확인", link("my")), ("내 신청", "")],
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
    entry, round_ = found.entry, shown_round(found)
    return {
        "entry": entry,
        "doc": found.doc,
        "round": round_,
        "position": found.position,
        "when": when(found.doc, round_),
        "receipt": receipt_address(services().intake.keys.link, entry.number) if is_fresh else "",
    }


def _my_page(refusal: Refused) -> Response:
    return services().page(
        "pages/my.html",
        "내 신청 확인",
        [("홈", link("home")), ("내 신청 확인", "")],
        refusal=refusal,
        at="contact",
        values={"contact": request.form.get("contact", "")[:40]},
    )


def _code_page(contact: str, asked: str, code: str, refusal: Refused | None = None) -> Response:
    return services().page(
        "forms/proof.html",
        "인증번호를 적으세요",
        [("홈", link("home")), ("내 신청 확인", link("my")), ("인증번호", "")],
        refusal=refusal,
        at="code",
        contact=contact,
        asked=asked,
        code=code,
    )
