"""Sign-ups: what a form asks, and the post that signs a person up. JSON in, JSON out; a form post gets pages."""

import re
import time
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from civic import korean
from civic.content.form import FIXED_LABELS, FormSpec
from civic.content.meetings import when, where
from civic.content.pages import Document
from civic.errors import Closed, ContactUnproven, FieldError, Full, Invalid, Refused, WrongCode
from civic.people import show_phone
from civic.places import phases
from civic.places.application import Application, check_absent, holds_resident_number
from civic.places.intake import Kept
from civic.places.status import form_of, of_form
from civic.text import texts
from forms_api.contacts import ask_for_code, holds_ticket_of, prove_phone
from forms_api.doors import HONEYPOT, check_honeypot, is_form_post, json_body, text_in
from forms_api.operations import Services, services
from forms_api.problems import offer_again, prefers_html
from forms_api.site import BOARD

signups = Blueprint("signups", __name__)
ADDRESS = "/api/forms/<folder>/<slug>"
ANSWERS = "answers."
PARTICIPANT = re.compile(r"participants\.(\d{1,2})\.(\w+)")
STEPS = ("check", "code", "send", "edit")
PROOF = ("code", "request")  # what proves its phone
BESIDE = ("step", HONEYPOT, *PROOF)  # the application in a form
REPEATED = (*BESIDE, "submission_id")  # fields that the check page writes itself


@signups.get(ADDRESS)
def describe(folder: str, slug: str) -> BaseResponse:
    """One form: its questions, rounds and state. A person who comes by the address bar is led to the page."""
    intake = services().intake
    doc, spec = intake.form(folder, slug)
    if prefers_html():
        answer: BaseResponse = redirect(doc.link, code=302)
    else:
        form = of_form(intake, form_of(doc, spec), intake.clock.now(), intake.counts(doc.subject))
        for each in spec.rounds:
            form["rounds"][each.id]["label"] = each.label
        answer = jsonify(
            subject=doc.subject,
            title=doc.title,
            selection=spec.selection,
            contact="proven" if spec.needs_proof else "typed",
            fields=[question.describe() for question in spec.fields],
            **form,
        )
        answer.headers["Cache-Control"] = "public, max-age=1"
    answer.vary.add("Accept")  # caches keep the page's answer and the program's apart
    return answer


@signups.post(ADDRESS)
def apply(folder: str, slug: str) -> ResponseReturnValue:
    """Sign up. A form post has steps: check what was typed, prove the phone where that is asked, then send it."""
    parts = services()
    if is_form_post():
        return _apply_by_page(*parts.intake.form(folder, slug))
    parts.limits.address("apply")
    payload = json_body()
    check_honeypot(payload)
    code, asked = text_in(payload, "code"), text_in(payload, "request")
    for name in (HONEYPOT, *PROOF):
        payload.pop(name, None)
    application = parts.intake.check(*parts.intake.form(folder, slug), payload, is_clean=True)
    kept = _kept(parts, application, code, asked)
    answer, *more = (
        {
            "number": entry.number,
            "state": entry.state,
            "position": position,
            "round": application.round.id,
            "receipt": parts.receipt(entry.number),
            **({"draw_number": entry.draw} if entry.draw else {}),
        }
        for entry, position, _ in kept
    )
    return jsonify(answer | ({"others": more} if more else {})), 201 if kept[0][2] else 200


def _kept(parts: Services, application: Application, code: str, request: str) -> list[Kept]:
    """Keep a checked application of a phone that is proven where it must be, within the person's rate, and count it."""
    if application.spec.needs_proof:
        prove_phone(application.phone, code, request, application.submission)
    parts.limits.person(application.each[0].person(parts.intake.keys), application.subject)
    kept = parts.intake.apply(application)
    parts.metrics.kept_at = time.monotonic()
    for entry, _, created in kept:
        if created:
            parts.metrics.add("entries_total", state=entry.state)
    return kept


def _apply_by_page(doc: Document, spec: FormSpec) -> ResponseReturnValue:
    parts, form = services(), request.form
    offer_again(lambda refusal: _form_page(doc, spec, refusal), doc.link, always=True)
    parts.limits.address("apply")
    if request.files:  # no form asks for any, and none is read or kept
        raise Invalid([FieldError("unknown", "파일은 받지 않습니다. 파일을 빼고 다시 보내 주세요.")])
    step = form.get("step", "send")
    if step not in STEPS:
        raise Invalid([FieldError("step", "없는 단계입니다. 신청 화면을 새로 열어 주세요.")])
    if step == "edit":
        return _form_page(doc, spec)
    check_honeypot(form)
    payload = as_payload(form)
    payload.setdefault("submission_id", str(uuid.uuid4()))
    application = parts.intake.check(doc, spec, payload)

    def again(refusal: Refused) -> Response:
        about_code = isinstance(refusal, ContactUnproven | WrongCode)
        if about_code or {error.field for error in refusal.errors} == {"code"}:
            return _check_page(application, form.get("request", ""), refusal=refusal)
        return _form_page(doc, spec, refusal)

    offer_again(again, doc.link, always=True)
    if step in ("check", "code"):  # before anything more is typed, or a message is spent
        if holds_ticket_of(application.phone):  # nobody else is told who has applied
            check_absent(application, parts.intake.keys, parts.intake.store)
        parts.intake.check_room(application)
    if step == "check":
        return _check_page(application)
    if step == "code":
        asked = ask_for_code(application.phone, doc.title, doc.subject)
        return _check_page(application, asked.request, asked.code)
    kept = _kept(parts, application, *(form.get(name, "") for name in PROOF))
    first, *others = (parts.receipt(entry.number) for entry, _, _ in kept)
    together = "&".join(f"with={other.rpartition('/')[2]}" for other in others)  # numbers and hexadecimal
    return redirect(f"{first}?{together}" if others else first, code=303)


def _check_page(
    application: Application, asked: str = "", code: str = "", refusal: Refused | None = None
) -> Response:
    """What will be sent. asked: the request for the code that goes with it; code: itself, in a demonstration."""
    parts, doc = services(), application.doc
    typed = [(name, value) for name, value in request.form.items(multi=True) if name not in REPEATED]
    needs_code = application.spec.needs_proof and not holds_ticket_of(application.phone)
    return parts.page(
        "forms/check.html",
        "인증번호를 적으세요" if asked else "적은 내용을 확인하세요",
        last="확인하기",
        refusal=refusal,
        at="code",
        doc=doc,
        spec=application.spec,
        rows=understood(application),
        hidden=[*typed, ("submission_id", application.submission), *([("request", asked)] if asked else [])],
        needs_code=needs_code,
        asked=asked,
        code=code,
    )


def _form_page(doc: Document, spec: FormSpec, refusal: Refused | None = None) -> Response:
    """The form with what was typed, and what must be corrected; or why it was refused, and what can be done now."""
    # Of the store only where it has just answered: a page that says it is away must not ask it.
    forms = current_app.extensions[BOARD].forms() if isinstance(refusal, Full | Closed) else {}
    own = forms.get(doc.subject, {"rounds": {}})["rounds"]
    return services().page(
        "forms/form.html",
        f"{doc.title} 신청",
        last="신청하기",
        refusal=refusal,
        doc=doc,
        spec=spec,
        values=shown_again(request.form),
        refused=None if refusal and refusal.errors else refusal,
        next_step=phases.next_step(refusal.name) if refusal else "",
        others=_others(doc, forms),
        with_room=[each for each in spec.rounds if own.get(each.id, {}).get("state") == "open"],
    )


def _others(doc: Document, forms: Mapping[str, Any]) -> list[Document]:
    """Up to three pages like this one whose forms take people now: first of its series, then of its category."""
    found = [
        each
        for each in services().intake.library.subjects()
        if each is not doc and each.noun == doc.noun and forms.get(each.subject, {}).get("state") == "open"
    ]
    of = ("series", "category")
    found.sort(key=lambda each: [getattr(each, name, "") != getattr(doc, name, "") for name in of])
    return found[:3]


def as_payload(form: MultiDict[str, str]) -> dict[str, Any]:
    """The fields of a post under the names of the JSON API; `step`, the honeypot and the proof are left out."""
    payload: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    participants: dict[int, dict[str, Any]] = {}
    for name, values in form.lists():
        value = values[0] if len(values) == 1 else values
        row = PARTICIPANT.fullmatch(name)
        if name.startswith(ANSWERS):
            answers[name.removeprefix(ANSWERS)] = value
        elif row:
            participants.setdefault(int(row[1]), {})[row[2]] = value
        elif name not in BESIDE:
            payload[name] = value
    if participants:
        payload["participants"] = [participants.get(n, {}) for n in range(max(participants) + 1)]
    return payload | ({"answers": answers} if answers else {})


def shown_again(form: MultiDict[str, str]) -> dict[str, str | list[str]]:
    """What was typed, to be shown again: not the honeypot, and never a resident registration number."""
    return {
        # Only ticks come in several: of a field sent twice the first is shown.
        name: given if len(given) > 1 and name.startswith(ANSWERS) else given[0]
        for name, given in form.lists()
        if name not in BESIDE and not any(holds_resident_number(name, text) for text in texts([name, *given]))
    }


def understood(application: Application) -> list[tuple[str, str]]:
    """(label, text) of everything that will be sent, as it was understood."""
    doc, round_, spec = application.doc, application.round, application.spec
    now, place, fee = services().intake.clock.now(), where(doc, round_), getattr(doc, "fee", None)
    born = application.birth_date and korean.birthday(date.fromisoformat(application.birth_date))
    found = [
        ("회차", round_.label),
        ("언제", "\n".join(when(doc, round_, now))),
        ("어디서", "\n".join(place.lines) if place else ""),
        ("비용", "\n".join(fee.lines(now)) if fee else ""),
        ("신청하는 사람" if spec.has_participants else FIXED_LABELS["name"], application.name),
        (FIXED_LABELS["phone"], show_phone(application.phone)),
        (FIXED_LABELS["birth_date"], born),
        *(
            ("참여하는 사람", f"{name}, {korean.birthday(date.fromisoformat(day))}")
            for name, day in application.participants
        ),
        (FIXED_LABELS["email"], application.email),
        (FIXED_LABELS["party"], f"{application.party}명" if spec.party > 1 else ""),
    ]
    for question in spec.fields:
        answer = application.answers.get(question.key)
        found.append((question.label, question.nothing if answer is None else question.words(answer)))
    return [*((label, text) for label, text in found if text), ("개인정보 수집·이용", "동의함")]
