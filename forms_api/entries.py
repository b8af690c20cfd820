"""Entries: look one up, cancel it, answer an offer, by receipt number and the phone's last four digits. No applying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from civic import korean
from civic.codes import clean_number
from civic.content.form import Round
from civic.content.meetings import when
from civic.content.pages import Document
from civic.errors import FieldError, Invalid, NotFound, Refused
from civic.links import link
from civic.places.application import refuse_forbidden
from civic.places.intake import Found
from forms_api.doors import is_form_post, json_body
from forms_api.posted import shown_values
from forms_api.problems import offer_again, wants_page
from forms_api.render import trail_of_entry
from forms_api.services import services

entries = Blueprint("entries", __name__)


@entries.post("/api/entries/lookup")
def lookup() -> Response:
    """The entry of a number."""
    offer_again(_lookup_page, link("my"))
    given = _given()
    number, last4 = _credentials(given, _field(given, "number"))
    with services().limits.guess(number):
        found = services().intake.lookup(number, last4)
    return show(found, last4)


@entries.post("/api/entries/<number>/cancel")
def cancel(number: str) -> Response:
    """Cancel it; the first in line gets the place."""
    offer_again(_lookup_page, link("my"))
    number, last4 = _credentials(_given(), number)
    with services().limits.guess(number):
        found = services().intake.cancel(number, last4)
    if not is_form_post():
        return jsonify(document(found))
    doc, each = shown_place(found)
    return services().renderer.page(
        "forms/cancelled.html",
        title="신청을 취소했습니다",
        path=request.path,
        trail=trail_of_entry("취소"),
        doc=doc,
        round=each,
        when=when(found.doc, each),
        entry=found.entry,
    )


@entries.post("/api/entries/<number>/accept")
def accept(number: str) -> Response:
    """Take the place that is offered."""
    return _reply(number, services().intake.accept)


@entries.post("/api/entries/<number>/decline")
def decline(number: str) -> Response:
    """Leave the place that is offered to the next in line."""
    return _reply(number, services().intake.decline)


@entries.get("/api/entries/lookup")
@entries.get("/api/entries/<number>/<any(cancel, accept, decline):act>")
def opened_again(**_: str) -> BaseResponse:
    """The address of an answer, opened from the address bar or a restored tab: a person is led to the look-up."""
    if not wants_page():
        raise NotFound()
    return redirect(link("my"), code=302)


def _reply(number: str, act: Callable[[str, str], Found]) -> Response:
    """The entry after an answer to an offer: JSON, or the page of the entry."""
    offer_again(_lookup_page, link("my"))
    number, last4 = _credentials(_given(), number)
    with services().limits.guess(number):
        found = act(number, last4)
    return show(found, last4)


def show(found: Found, last4: str) -> Response:
    """The entry as JSON or as a page."""
    if not wants_page():
        return jsonify(document(found))
    doc, each = shown_place(found)
    return services().renderer.page(
        "forms/entry.html",
        title="내 신청",
        path=request.path,
        trail=trail_of_entry("내 신청"),
        doc=doc,
        round=each,
        when=when(found.doc, each),
        entry=found.entry,
        position=found.position,
        last4=last4,
        can_cancel=found.can_cancel,
        history=history(found),
    )


def document(found: Found) -> dict[str, Any]:
    """An entry as JSON: nothing that names a person."""
    entry = found.entry
    return {
        "number": entry.number,
        "subject": entry.subject,
        "title": found.doc.title if found.doc else "",
        "round": entry.round,
        "round_label": found.round.label if found.round else "",
        "state": entry.state,
        "position": found.position,
        "received": entry.received.isoformat(timespec="seconds"),
        "changed": entry.changed.isoformat(timespec="seconds"),
        "deadline": entry.deadline.isoformat(timespec="seconds") if entry.deadline else None,
        "can_cancel": found.can_cancel,
        "receipt": services().receipts.address(entry.number),
    }


@dataclass(frozen=True)
class GonePage:
    """Stands for a page that staff have taken down: its entries can still be seen and cancelled."""

    subject: str
    title: str = "지금은 내린 글"
    link: str = "/"
    where: str = ""
    spec: None = None
    sample: bool = False


def shown_place(found: Found) -> tuple[Document | GonePage, Round]:
    """The page and round for a template, also when they are gone."""
    entry = found.entry
    return (
        found.doc or GonePage(entry.subject),
        found.round or Round(id=entry.round, label=entry.round, places=1),
    )


def history(found: Found) -> list[tuple[datetime, str]]:
    """(when, what happened) of an entry, oldest first."""
    changes = services().intake.store.history(found.entry.number)
    return [(change.at, korean.happened(change.cause, change.after)) for change in changes]


def _given() -> Mapping[str, Any]:
    services().limits.address("entries", request.remote_addr)
    given = request.form if is_form_post() else json_body()
    refuse_forbidden(request.form.to_dict(flat=False) if is_form_post() else given)
    return given


def _field(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _credentials(given: Mapping[str, Any], number: str) -> tuple[str, str]:
    """Number and last four digits, cleaned. Raises Invalid when one is missing."""
    last4 = _field(given, "phone_last4").strip()
    errors = []
    if not number.strip():
        errors.append(FieldError("number", "접수번호를 적어 주세요."))
    if not last4:
        errors.append(FieldError("phone_last4", "휴대전화 번호 뒤 네 자리를 적어 주세요."))
    if errors:
        raise Invalid(errors)
    return clean_number(number[:40]), last4[:40]


def _lookup_page(refusal: Refused) -> Response:
    """The look-up form with its errors; the digits are not repeated."""
    errors = {error.field: error.message for error in refusal.errors} or {"number": refusal.detail}
    return services().renderer.page(
        "pages/my.html",
        title="오류: 내 신청 확인",
        path=request.path,
        trail=[("홈", link("home")), ("내 신청 확인", "")],
        status=refusal.status,
        values={"number": shown_values(request.form).get("number", "")[:40]},
        errors=errors,
    )
