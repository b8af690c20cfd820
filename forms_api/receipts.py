"""Receipts: a page with number, state and next steps, and the dates for a calendar. Nothing that names a person."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from civic.content.meetings import calendar_file, meetings, when
from civic.errors import NotFound
from civic.places import words
from civic.places.intake import Found
from forms_api.entries import document, shown_place
from forms_api.render import trail_to
from forms_api.services import services

receipts = Blueprint("receipts", __name__)
ADDRESS = "/api/receipts/<token>"


@receipts.get(ADDRESS)
def receipt(token: str) -> Response:
    """The receipt as a page; as JSON when that is asked for."""
    found = _found(token)
    entry, doc, each = found.entry, found.doc, found.round
    accept = request.accept_mimetypes
    if accept.quality("application/json") > accept.quality("text/html"):
        return jsonify(document(found))
    steps = (
        words.next_steps(doc.spec, each, entry.state, found.position, entry.deadline)
        if doc and doc.spec and each
        else []
    )
    shown_doc, shown_round = shown_place(found)
    return services().renderer.page(
        "forms/receipt.html",
        title="접수증",
        path=request.path,
        trail=trail_to(services().site, doc, "접수증"),
        doc=shown_doc,
        round=shown_round,
        entry=entry,
        position=found.position,
        when=when(doc, shown_round),
        calendar=f"{request.path}/event.ics" if entry.state == "confirmed" and meetings(doc, each) else "",
        next_steps=steps,
    )


@receipts.get(f"{ADDRESS}/event.ics")
def calendar(token: str) -> Response:
    """The dates of the round for the citizen's own calendar. Raises NotFound when they are not set yet."""
    found = _found(token)
    if found.doc is None or not meetings(found.doc, found.round):
        raise NotFound("아직 날짜가 정해지지 않았습니다.")
    # On this machine the port is whatever was free; a calendar that is shared names no receipt number.
    address = request.host_url.rstrip("/") if services().settings.is_loopback else ""
    book = calendar_file(services().site, [(found.doc, found.round)], address)
    answer = Response(book, mimetype="text/calendar")
    answer.headers["Content-Disposition"] = 'attachment; filename="event.ics"'
    return answer


def _found(token: str) -> Found:
    services().limits.address("receipts", request.remote_addr)
    return services().intake.receipt(services().receipts.number(token))
