"""Entries: look one up; cancel it or answer an offer; its receipt. No applying.

Receipt number and last four digits are enough to look. Who gives something up holds the receipt's address, which holds the
number, signed, so that nobody can try numbers out; or has proven the phone in the last half hour.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from civic import korean
from civic.codes import clean_number
from civic.content.meetings import calendar_file, meetings, when
from civic.content.rounds import Round
from civic.errors import ContactUnproven, FieldError, Invalid, NotFound, Refused, WrongCode
from civic.links import link
from civic.places import phases
from civic.places.change import keep_change, optional, read_change
from civic.places.draw_list import FrozenList
from civic.places.intake import Found
from forms_api import contacts
from forms_api.doors import is_form_post, json_body, posted, text_in
from forms_api.operations import RECEIPTS, services
from forms_api.problems import lead_back, offer_again, wants_page
from forms_api.signups import PROOF, as_payload, shown_again

entries = Blueprint("entries", __name__)
RECEIPT = f"{RECEIPTS}<token>"
MOST_TOGETHER = 20  # people of one form that was sent once
# Stands for a page that staff have taken down: its entries can still be seen and cancelled.
GONE = {"title": "지금은 내린 글", "noun": "home", "link": "/", "where": "", "spec": None, "sample": False}
UNPROVEN = "취소하거나 자리를 수락, 사양하려면 접수증을 열거나 휴대전화를 인증해 주세요. 인증하고 30분 동안 할 수 있습니다."


@entries.post("/api/entries/lookup")
def lookup() -> Response:
    """The entry of a number, for whoever knows the phone's last four digits, or may act on it."""
    offer_again(contacts.my_page, link("my"))
    services().limits.address("entries")
    given = posted()
    typed, last4 = (
        value.strip() if isinstance(value := given.get(name), str) else ""
        for name in ("number", "phone_last4")
    )
    number = clean_number(typed[:40])
    if is_proven := _may_act(given, number):
        found = services().intake.receipt(number)
    else:
        said = "접수번호를 적어 주세요.", "휴대전화 번호 뒤 네 자리를 적어 주세요."
        missing = [("number", typed, said[0]), ("phone_last4", last4, said[1])]
        if errors := [FieldError(name, text) for name, value, text in missing if not value]:
            raise Invalid(errors)
        with contacts.wrong_tries_counted(number):
            found = services().intake.lookup(number, last4[:40])
    if not wants_page():
        return jsonify(document(found, is_proven))
    changes = services().intake.store.history(found.entry.number)
    history = [(change.time, korean.happened(change.cause, change.after)) for change in changes]
    context = {**shown(found, is_proven), "history": history}
    return services().page("forms/entry.html", "내 신청", above=contacts.MINE, **context)


@entries.post("/api/entries/<number>/cancel")
def cancel(number: str) -> BaseResponse:
    """Cancel it; the first in line gets the place."""
    return _done(services().intake.cancel(_own(number)))


@entries.post("/api/entries/<number>/accept", defaults={"accepts": True})
@entries.post("/api/entries/<number>/decline", defaults={"accepts": False})
def answer_offer(number: str, accepts: bool) -> BaseResponse:
    """Take the place that is offered, or leave it to the next in line."""
    return _done(services().intake.answer(_own(number), accepts))


@entries.get(f"{RECEIPT}/change")
def change_page(token: str) -> Response:
    """Where answers, e-mail, phone or round are written anew. Shows nothing of what was said before."""
    return _change_page(_receipt(token))


def _change_page(found: Found, refusal: Refused | None = None, asked: str = "", code: str = "") -> Response:
    """asked: the request for the code that was sent to a new phone; code: itself, in a demonstration."""
    return services().page(
        "forms/change.html",
        "신청 내용 바꾸기",
        last="바꾸기",
        above=contacts.MINE,
        **shown(found),
        spec=optional(found.round.spec) if found.round else None,
        values=shown_again(request.form),
        refusal=refusal,
        at="" if refusal and refusal.errors else "code" if isinstance(refusal, WrongCode) else "change",
        asked=asked,
        code=code,
    )


@entries.post("/api/entries/<number>/change")
def change_entry(number: str) -> BaseResponse:
    """Put what is written in the place of what the entry says; what is left empty stays."""
    own, intake = _own(number), services().intake
    found, sent = intake.receipt(own), request.form if is_form_post() else json_body()
    code, asked = text_in(sent, "code"), text_in(sent, "request")
    offer_again(lambda refusal: _change_page(found, refusal, asked), link("my"), always=True)
    payload: dict[str, Any] = as_payload(request.form) if is_form_post() else json_body()
    given = {name: each for name, each in payload.items() if name not in ("receipt", *PROOF)}
    answers = given.get("answers") or {}
    given["answers"] = {name: each for name, each in answers.items() if each not in ("", [])}
    application, phone = read_change(intake, found, given)
    if phone and application.spec.needs_proof:
        if is_form_post() and not code and not contacts.holds_ticket_of(phone):
            proof = contacts.ask_for_code(phone, services().site.name, application.subject)
            return _change_page(found, None, proof.request, proof.code)
        contacts.prove_phone(phone, code, asked, f"change:{own}")
    return _done(keep_change(intake, found, application, is_other_phone=bool(phone)))


def _done(found: Found) -> BaseResponse:
    """What an act came to: a page that can be loaded again, and gone back to."""
    if not is_form_post():
        return jsonify(document(found))
    return redirect(services().receipt(found.entry.number), code=303)


@entries.get("/api/entries/lookup")
@entries.get("/api/entries/<number>/<any(cancel, accept, decline, change):act>")
def opened_again(**_: str) -> BaseResponse:
    """The address of an answer, opened from the address bar or a restored tab: a person is led to the look-up."""
    return lead_back(link("my"))


@entries.get("/api/my")
def my() -> BaseResponse:
    """What the ticket's phone signed up for: no name, no answer, no birth date; phones are shared and given on."""
    services().limits.address("contacts")
    held, intake = contacts.ticket_of_browser(), services().intake
    if held is None:
        return lead_back(link("my"), ContactUnproven)
    found = [intake.found(each) for each in intake.store.of_contact(held.contact)]
    is_fresh = intake.clock.now() < held.fresh
    if not wants_page():
        listed = [document(each, is_proven=is_fresh) for each in found]
        return jsonify(entries=listed, until=held.until.isoformat(timespec="seconds"), fresh=is_fresh)
    lines = [{**shown(each, is_fresh), "doc": each.doc} for each in found]
    times: dict[str, Any] = {"until": held.until, "is_fresh": is_fresh}
    return services().page("forms/mine.html", "내 신청", above=contacts.MINE, entries=lines, **times)


@entries.get(RECEIPT)
def receipt(token: str) -> Response:
    """The receipt as a page; as JSON when that is asked for. Nothing in it names a person."""
    found = _receipt(token)
    entry, doc, round_ = found.entry, found.doc, found.round
    accept = request.accept_mimetypes
    if accept.quality("application/json") > accept.quality("text/html"):
        return jsonify(document(found))
    is_on = entry.state == "confirmed" and doc and not doc.off
    has_dates = is_on and meetings(doc, round_.round if round_ else None)
    others = [_receipt(each).entry.number for each in request.args.getlist("with")[:MOST_TOGETHER]]
    return services().page(
        "forms/receipt.html",
        "접수증",
        **shown(found),
        others=[(number, services().receipt(number)) for number in others],
        calendar=f"{request.path}/event.ics" if has_dates else "",
        next_steps=phases.next_steps(round_, entry.state, services().intake.clock.now()) if round_ else [],
    )


@entries.get(f"{RECEIPT}/cancel")
def cannot_come(token: str) -> Response:
    """Asks who holds a message's link whether they cannot come. Opening it changes nothing; one press cancels."""
    found = _receipt(token)
    title = "오지 못하시나요?" if found.can_cancel else "취소할 수 없는 신청입니다"
    return services().page("forms/cannot.html", title, last="못 갑니다", above=contacts.MINE, **shown(found))


@entries.get(f"{RECEIPT}/event.ics")
def calendar(token: str) -> Response:
    """The dates of the round for the citizen's own calendar. Raises NotFound when they are not set yet."""
    found = _receipt(token)
    round_ = found.round.round if found.round else None
    if found.doc is None or not meetings(found.doc, round_):
        raise NotFound("아직 날짜가 정해지지 않았습니다.")
    # Shared with others: names no receipt number.
    book = calendar_file(services().site, [(found.doc, round_)], services().told())
    named = {"Content-Disposition": 'attachment; filename="event.ics"'}
    return Response(book, mimetype="text/calendar", headers=named)


def document(found: Found, is_proven: bool = True) -> dict[str, Any]:
    """An entry as JSON: nothing that names a person. is_proven: with the link by which it can be cancelled."""
    entry = found.entry
    return {
        "number": entry.number,
        "subject": entry.subject,
        "title": found.doc.title if found.doc else "",
        "round": found.round.round.id if found.round else entry.round,
        "round_label": found.round.round.label if found.round else "",
        "state": entry.state,
        "position": found.position,
        "received": entry.received.isoformat(timespec="seconds"),
        "changed": entry.changed.isoformat(timespec="seconds"),
        "deadline": entry.deadline.isoformat(timespec="seconds") if entry.deadline else None,
        "can_cancel": found.can_cancel,
        **({"draw_number": entry.draw, "draw_hash": draw_hash(found)} if entry.draw else {}),
        **({"receipt": services().receipt(entry.number)} if is_proven else {}),
    }


def _own(number: str) -> str:
    """The number of an entry, in its one spelling, that the sender may act on. Raises ContactUnproven."""
    offer_again(None, link("my"))
    services().limits.address("entries")
    number = clean_number(number[:40])
    if not _may_act(posted(), number):
        raise ContactUnproven(UNPROVEN)
    return number


def _may_act(given: Mapping[str, Any], number: str) -> bool:
    """Does the sender hold the address of its receipt, or has proven its phone in the last half hour?"""
    intake, receipt = services().intake, given.get("receipt")
    with suppress(NotFound):
        if isinstance(receipt, str) and services().receipt_number(receipt.rpartition("/")[2]) == number:
            return True
    held = contacts.ticket_of_browser()
    if held is None or intake.clock.now() >= held.fresh:
        return False
    entry = intake.store.find(number)
    return entry is not None and entry.contact == held.contact


def _receipt(token: str) -> Found:
    services().limits.address("receipts")
    return services().intake.receipt(services().receipt_number(token))


def draw_hash(found: Found) -> str:
    """What the draw of an entry's round is committed to, as soon as its list is frozen; "" before."""
    entry, store = found.entry, services().intake.store
    frozen = store.fixed(entry.subject).get(entry.round, {}).get("frozen") if entry.draw else None
    return FrozenList.model_validate_json(frozen).commitment if frozen else ""


def shown(found: Found, is_proven: bool = True) -> dict[str, Any]:
    """What every page shows of an entry; where its page or round is gone, something that stands for it.

    is_proven: whoever sees it may act on it, and has the address of its receipt.
    """
    entry, id = found.entry, found.entry.round
    round_ = found.round.round if found.round else Round(id=id, label=id, places=1)
    return {
        "entry": entry,
        "doc": found.doc or SimpleNamespace(**GONE, subject=entry.subject),
        "round": round_,
        "when": when(found.doc, round_, services().intake.clock.now()),
        "position": found.position,
        "can_cancel": found.can_cancel,
        "draw_hash": draw_hash(found),
        "receipt": services().receipt(entry.number) if is_proven else "",
    }
