"""Voting: codes, ballots, receipts. JSON in, JSON out; a form post goes step by step through pages.

Where a browser runs our script, choices never come here: only a sealed envelope does. A plain form sends them,
and they are sealed in the same request.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from flask import Blueprint, Flask, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from civic.errors import FieldError, Invalid, NotFound, Refused, WrongCode
from civic.store import open_box
from civic.store.seal import Keys
from civic.votes.ballot import check_choices
from civic.votes.casting import Pages, Polling, PollSetup, Receipt
from civic.votes.contact import new_submission
from forms_api.desk import EXTENSION, Desk, desk
from forms_api.doors import check_honeypot, is_form_post, json_body
from forms_api.identity import identity
from forms_api.oidc import Pocket, provider_of
from forms_api.problems import offer_again, wants_page
from forms_api.render import trail_to
from forms_api.senders import sender_of
from forms_api.services import Services, services
from forms_api.voting_pages import check_page, code_page, pick_page, receipt_page

votes = Blueprint("votes", __name__)
ADDRESS = "/api/votes/<slug>"
MOST_CHOICES = 400  # of one post: more is no ballot of any poll


def register_votes(app: Flask, library: Pages, keys: Keys) -> None:
    """Voting in this app."""
    parts = cast(Services, app.extensions["madang"])
    settings = parts.settings

    def make() -> Polling:
        return Polling(library, open_box(settings.data), keys, parts.clock, settings.is_limited)

    app.extensions[EXTENSION] = Desk(
        make,
        sender_of(settings, sys.stdout),
        parts.log,
        Pocket(keys.derived("votes: pockets")),
        provider_of(settings),
    )
    app.register_blueprint(votes)
    app.register_blueprint(identity)


def start_votes(app: Flask, library: Pages) -> Desk:
    """Open the desk where there are polls. Raises Misuse when the box cannot be used."""
    opened = cast(Desk, app.extensions[EXTENSION])
    if library.of("vote"):
        _ = opened.polling
    return opened


# ---------------------------------------------------------------------------- what stands to vote


@votes.get(ADDRESS)
def describe(slug: str) -> Response:
    """A poll: state, limits, and what is needed to seal a ballot for it."""
    polling = desk().polling
    standing = polling.setup(slug)
    poll, envelopes = standing.poll, standing.slot
    answer = jsonify(
        poll=slug,
        title=poll.title,
        state=polling.state(standing),
        opens=poll.opens.isoformat(),
        closes=poll.closes.isoformat(),
        assurance=poll.assurance,
        rules=envelopes.rules,
        keys=list(envelopes.key_texts),
        room=envelopes.room,
        max_picks=poll.max_picks,
        blank_allowed=poll.blank_allowed,
        types={each.id: {"label": each.label, "max": each.max} for each in poll.types},
        receipt_key=polling.receipt_key,
    )
    answer.headers["Cache-Control"] = "public, max-age=1"
    return answer


@votes.get(ADDRESS + "/receipts")
def receipts(slug: str) -> Response:
    """After closing: all receipts, sorted, and the number of voters."""
    polling = desk().polling
    standing = polling.setup(slug)
    board = polling.board(slug)
    if wants_page():
        return services().renderer.page(
            "votes/receipts.html",
            title="접수증 명단",
            path=standing.poll.link,
            trail=trail_to(services().site, standing.poll, "접수증 명단"),
            doc=standing.poll,
            board=board,
            receipt_key=polling.receipt_key,
        )
    return jsonify(
        poll=slug,
        rules=board.rules,
        voters=board.voters,
        papers=board.papers,
        receipts=list(board.receipts),
        digest=board.digest,
        receipt_key=polling.receipt_key,
    )


# ---------------------------------------------------------------------------- casting


@votes.get(ADDRESS + "/<any(check, code, ballots):step>")
def opened_again(slug: str, step: str) -> BaseResponse:
    """The address of a step, opened from the address bar or a restored tab: a person is led to the vote."""
    if not wants_page():
        raise NotFound()
    return redirect(_standing(slug).poll.link, code=302)


@votes.post(ADDRESS + "/check")
def check(slug: str) -> Response:
    """Look the choices over before a code is asked for: a step of the plain form; JSON gets an answer too."""
    services().limits.address("votes", request.remote_addr)
    standing = _standing(slug)
    form, ticket = request.form, request.form.get("ticket", "")
    if is_form_post():
        choices = form.getlist("choices")
        offer_again(lambda refusal: pick_page(standing, choices, refusal, ticket), standing.poll.link)
        check_honeypot(form)
        if form.get("step") == "edit":
            return pick_page(standing, choices, ticket=ticket)
    else:
        choices = _texts(json_body(), "choices")
    valid = desk().polling.check_choices(slug, choices)
    if is_form_post():
        submission = form.get("submission", "") or new_submission()
        return check_page(standing, valid, desk().pocket, ticket=ticket, submission=submission)
    return jsonify(choices=list(valid), cost=sum(standing.proposals[each].cost for each in valid))


@votes.post(ADDRESS + "/code")
def code(slug: str) -> Response:
    """Send a one-time code; the answer says nothing of the contact."""
    services().limits.address("votes", request.remote_addr)
    standing = _standing(slug)
    if not is_form_post():
        asked = _request_code(slug, _text(json_body(), "contact"))
        answer = jsonify(sent=True, minutes=5, request=asked)
        answer.status_code = 202
        return answer
    contact, choices = request.form.get("contact", ""), request.form.getlist("choices")
    offer_again(
        lambda refusal: check_page(standing, choices, desk().pocket, refusal, contact=contact),
        standing.poll.link,
    )
    check_choices(standing.poll, standing.proposals, choices)
    asked = _request_code(slug, contact)
    return code_page(standing, choices, contact, asked, new_submission())


@votes.post(ADDRESS + "/ballots")
def ballots(slug: str) -> Response:
    """Cast: a sealed envelope, or choices that are checked and sealed here."""
    services().limits.address("votes", request.remote_addr)
    standing = _standing(slug)
    polling, address = desk().polling, request.remote_addr or ""
    if not is_form_post():
        body = json_body()
        check_honeypot(body)
        receipt = polling.cast(
            slug,
            _text(body, "contact"),
            _text(body, "code"),
            _text(body, "envelope") if "envelope" in body else None,
            _texts(body, "choices") if "choices" in body else None,
            address,
            request=_text(body, "request"),
            ticket=_text(body, "ticket"),
            submission=_text(body, "submission"),
        )
        answer = jsonify(_told(receipt))
        answer.status_code = 201
        return answer
    form = request.form
    contact, asked, ticket, submission = (
        form.get(name, "") for name in ("contact", "request", "ticket", "submission")
    )
    choices = form.getlist("choices")

    def again(refusal: Refused) -> Response:
        if standing.poll.assurance != 3:
            return code_page(standing, choices, contact, asked, submission, refusal)
        kept = "" if isinstance(refusal, WrongCode) else ticket  # a spent one is of no more use
        return check_page(standing, choices, desk().pocket, refusal, ticket=kept, submission=submission)

    offer_again(again, standing.poll.link, (Invalid, WrongCode))
    check_honeypot(form)
    receipt = polling.cast(
        slug,
        contact,
        form.get("code", ""),
        choices=choices,
        address=address,
        request=asked,
        ticket=ticket,
        submission=submission,
    )
    return receipt_page(standing, receipt, choices)


def _request_code(slug: str, contact: str) -> str:
    polling = desk().polling
    if polling.opened(slug).poll.assurance != 3:  # otherwise it is refused below, in words of its own
        desk().sender.check(contact)
    asked = polling.request_code(slug, contact, request.remote_addr or "")
    desk().wake()
    return asked


def _standing(slug: str) -> PollSetup:
    return desk().polling.setup(slug)


def _told(receipt: Receipt) -> dict[str, str]:
    told = {"receipt": receipt.receipt, "signature": receipt.signature, "rules": receipt.rules}
    return told | ({"tracker": receipt.tracker} if receipt.tracker else {})


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Invalid([FieldError(name, "글로 보내 주세요.")])
    return value


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Invalid([FieldError(name, "제안의 이름을 목록으로 보내 주세요.")])
    if len(value) > MOST_CHOICES:
        raise Invalid([FieldError(name, "고를 수 있는 수를 넘었습니다.")])
    return value
