"""Forms: what one asks, and the post that signs a person up. JSON in, JSON out; a form post gets pages."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.errors import Refused
from civic.places import rules
from civic.places.application import Application
from civic.store.entry import Entry
from forms_api import posted
from forms_api.doors import HONEYPOT, check_honeypot, is_form_post, json_body
from forms_api.problems import offer_again
from forms_api.render import trail_to
from forms_api.services import services

forms = Blueprint("forms", __name__)
ADDRESS = "/api/forms/<folder>/<slug>"


@forms.get(ADDRESS)
def describe(folder: str, slug: str) -> BaseResponse:
    """One form: its questions, rounds and state. A person who comes by the address bar is led to the page."""
    intake = services().intake
    doc, spec = intake.form(folder, slug)
    accept = request.accept_mimetypes
    if accept.quality("text/html") > accept.quality("application/json"):
        return _varied(redirect(doc.link, code=302))
    now, counts = services().clock.now(), intake.counts(doc.subject)
    rounds = {}
    for each in spec.rounds:
        held = counts.get(each.id, rules.NOBODY)
        rounds[each.id] = {
            "label": each.label,
            "places": each.places,
            "taken": held.taken,
            "waiting": held.waiting,
            "state": rules.round_state(spec, each, now, held),
        }
    answer = jsonify(
        subject=doc.subject,
        title=doc.title,
        state=rules.form_state(spec, now, counts),
        selection=spec.selection,
        opens=spec.opens.isoformat(),
        closes=spec.closes.isoformat(),
        fields=[question.describe() for question in spec.fields],
        rounds=rounds,
    )
    answer.headers["Cache-Control"] = "public, max-age=1"
    return _varied(answer)


def _varied(answer: BaseResponse) -> BaseResponse:
    """Caches keep the page's answer and the program's apart."""
    answer.vary.add("Accept")
    return answer


@forms.post(ADDRESS)
def apply(folder: str, slug: str) -> BaseResponse:
    """Sign up. A form post has two steps: check what was typed, then send it."""
    parts = services()
    parts.limits.address("apply", request.remote_addr)
    if is_form_post():
        return _apply_by_page(folder, slug)
    payload = json_body()
    check_honeypot(payload)
    payload.pop(HONEYPOT, None)
    application = parts.intake.check(folder, slug, payload)
    entry, position, created = keep(application)
    answer = jsonify(
        number=entry.number,
        state=entry.state,
        position=position,
        round=entry.round,
        receipt=parts.receipts.address(entry.number),
    )
    answer.status_code = 201 if created else 200
    return answer


def keep(application: Application) -> tuple[Entry, int | None, bool]:
    """Keep a checked application, within the person's rate, and count it."""
    parts = services()
    person = parts.intake.keys.person(application.phone, application.birth_date)
    parts.limits.person(person, application.subject)
    entry, position, created = parts.intake.apply(application)
    if created:
        parts.metrics.kept(entry.state)
    return entry, position, created


def _apply_by_page(folder: str, slug: str) -> BaseResponse:
    parts, form = services(), request.form
    doc, spec = parts.intake.form(folder, slug)
    offer_again(lambda refusal: _form_page(doc, spec, refusal), doc.link)
    posted.refuse_files(request.files)
    step = posted.step_of(form)
    if step == "edit":
        return _form_page(doc, spec)
    check_honeypot(form)
    payload = posted.to_payload(form)
    payload.setdefault("submission_id", str(uuid.uuid4()))
    application = parts.intake.check(folder, slug, payload)
    if step == "check":
        return parts.renderer.page(
            "forms/check.html",
            title="적은 내용을 확인하세요",
            path=request.path,
            trail=trail_to(services().site, doc, "확인하기"),
            doc=doc,
            spec=spec,
            rows=posted.rows(spec, application),
            hidden=posted.hidden_values(form, application.submission),
        )
    entry, _, _ = keep(application)
    return redirect(parts.receipts.address(entry.number), code=303)


def _form_page(doc: Document, spec: FormSpec, refusal: Refused | None = None) -> Response:
    """The form with what was typed; with errors its title says so."""
    errors: dict[str, str] = {}
    for error in refusal.errors if refusal else ():
        errors.setdefault(error.field, error.message)
    title = f"{doc.title} 신청"
    return services().renderer.page(
        "forms/form.html",
        title=f"오류: {title}" if refusal else title,
        path=request.path,
        trail=trail_to(services().site, doc, "신청하기"),
        status=refusal.status if refusal else 200,
        doc=doc,
        spec=spec,
        values=posted.shown_values(request.form),
        errors=errors,
    )
