"""Receipts: a page with number, state and next steps, and the dates for a calendar. Nothing that names a person."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from icalendar import Calendar
from icalendar import Event as CalendarEvent

from civic import rules
from civic.errors import NotFound
from civic.intake import Found
from civic.models import Event, Lecture
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
        rules.next_steps(doc.spec, each, entry.state, found.position, entry.deadline)
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
        calendar=f"{request.path}/event.ics" if times(found) and entry.state == "confirmed" else "",
        next_steps=steps,
    )


@receipts.get(f"{ADDRESS}/event.ics")
def calendar(token: str) -> Response:
    """The dates of the round for the citizen's own calendar. Raises NotFound when they are not set yet."""
    found = _found(token)
    if found.doc is None or not times(found):
        raise NotFound("아직 날짜가 정해지지 않았습니다.")
    book = Calendar()
    book.add("prodid", "-//Madang//ko")
    book.add("version", "2.0")
    for index, (starts, ends, topic) in enumerate(times(found)):
        event = CalendarEvent()
        # Not the receipt number: calendars are shared.
        event.add(
            "uid",
            f"{found.doc.subject}/{found.entry.round}/{index}@{services().site.base_url.split('//')[1]}",
        )
        event.add("dtstamp", found.entry.received)
        event.add("dtstart", starts)
        event.add("dtend", ends)
        event.add("summary", f"{found.doc.title} – {topic}" if topic else found.doc.title)
        event.add("location", where(found))
        event.add("url", services().site.base_url + found.doc.link)
        book.add_component(event)
    answer = Response(book.to_ical(), mimetype="text/calendar")
    answer.headers["Content-Disposition"] = 'attachment; filename="event.ics"'
    return answer


def times(found: Found) -> list[tuple[object, object, str]]:
    """(start, end, topic) of everything the entry leads to; empty while no date is set."""
    doc, each = found.doc, found.round
    if each and each.starts:
        return [(each.starts, each.ends or each.starts, each.label)]
    if isinstance(doc, Lecture):
        return [(session.starts, session.ends, session.topic) for session in doc.sessions]
    if isinstance(doc, Event):
        return [(doc.starts, doc.ends, "")]
    return []


def where(found: Found) -> str:
    """The place: the round's, or the page's."""
    return (found.round.where if found.round else "") or str(getattr(found.doc, "where", ""))


def _found(token: str) -> Found:
    services().limits.address("receipts", request.remote_addr)
    return services().intake.receipt(services().receipts.number(token))
