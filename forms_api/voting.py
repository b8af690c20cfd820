"""Voting: codes, ballots, receipts. JSON in, JSON out; a form post goes step by step through pages.

Where a browser runs our script, choices never come here: only a sealed envelope does. A plain form sends them,
and they are sealed in the same request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from civic.contacts.proof import Asked
from civic.errors import FieldError, Invalid, NotEligible, Refused, WrongCode
from civic.votes.ballot import check_choices
from civic.votes.casting import PollSetup
from civic.votes.contact import BY_IDENTITY, IN_HAND, Post, new_submission
from forms_api.contacts import send_code, ticket_of_browser, told
from forms_api.doors import check_honeypot, is_form_post, json_body, text_in
from forms_api.operations import services
from forms_api.problems import lead_back, offer_again, wants_page
from forms_api.voting_pages import step_page, vote_page

voting = Blueprint("voting", __name__)
ADDRESS = "/api/votes/<slug>"
TEXTS = ("contact", "code", "request", "ticket", "submission")
MOST_CHOICES = 400  # of one post: more is no ballot of any poll


@voting.get(ADDRESS)
def describe(slug: str) -> Response:
    """A poll: state, limits, and what is needed to seal a ballot for it."""
    polling = services().polling
    setup = polling.setup(slug)
    poll, slot = setup.poll, setup.slot
    answer = jsonify(
        **{name: getattr(poll, name) for name in ("title", "assurance", "max_picks", "blank_allowed")},
        poll=slug,
        state=polling.state(setup),
        opens=poll.opens.isoformat(),
        closes=poll.closes.isoformat(),
        rules=slot.rules,
        keys=[key.public for key in poll.keys],
        keys_needed=slot.needed,
        room=slot.room,
        types={kind.id: {"label": kind.label, "max": kind.max} for kind in poll.types},
        receipt_key=polling.receipt_key,
    )
    answer.headers["Cache-Control"] = "public, max-age=1"
    return answer


@voting.get(ADDRESS + "/receipts")
def receipts(slug: str) -> Response:
    """After closing: all receipts, sorted, and the number of voters."""
    polling = services().polling
    setup, (listed, papers) = polling.setup(slug), polling.board(slug)
    counts = {"voters": len(listed) + papers, "papers": papers}
    told: dict[str, Any] = {"rules": setup.slot.rules, "receipts": listed, "receipt_key": polling.receipt_key}
    if not wants_page():
        return jsonify(poll=slug, **counts, **told)
    return vote_page(setup, (), "votes/receipts.html", "접수증 명단", **counts, **told)


@voting.get(ADDRESS + "/<any(check, code, ballots):step>")
def opened_again(slug: str, step: str) -> BaseResponse:
    """The address of a step, opened from the address bar or a restored tab: a person is led to the vote."""
    return lead_back(services().polling.setup(slug).poll.link)


@voting.post(ADDRESS + "/check")
def check(slug: str) -> Response:
    """Look the choices over before a code is asked for: a step of the plain form; JSON gets an answer too."""
    setup = _asked_poll(slug)
    if not is_form_post():
        valid = _checked(slug, _choices(json_body()))
        return jsonify(choices=list(valid), cost=sum(setup.proposals[name].cost for name in valid))
    post = _posted()
    offer_again(lambda refusal: step_page(setup, "pick", post, refusal), setup.poll.link)
    check_honeypot(request.form)
    if request.form.get("step") == "edit":
        return step_page(setup, "pick", post)
    valid = _checked(slug, post.choices or ())
    post = replace(post, choices=valid, contact="", submission=post.submission or new_submission())
    return step_page(setup, "check", _proven(setup, post, IN_HAND))


@voting.post(ADDRESS + "/code")
def code(slug: str) -> ResponseReturnValue:
    """Send a one-time code; the answer says nothing of the contact."""
    setup = _asked_poll(slug)
    if not is_form_post():
        return jsonify(told(_request_code(slug, text_in(json_body(), "contact")))), 202
    post = replace(_posted(), ticket="", submission="")
    offer_again(lambda refusal: step_page(setup, "check", post, refusal), setup.poll.link)
    check_choices(setup.poll, setup.proposals, post.choices or ())
    asked = _request_code(slug, post.contact)
    post = replace(post, request=asked.request, submission=new_submission())
    return step_page(setup, "code", post, shown=asked.code)


@voting.post(ADDRESS + "/ballots")
def ballots(slug: str) -> ResponseReturnValue:
    """Cast: a sealed envelope, or choices that are checked and sealed here."""
    setup, polling = _asked_poll(slug), services().polling
    address = request.remote_addr or ""
    if not is_form_post():
        receipt = polling.cast(slug, _proven(setup, _sent_ballot(json_body())), address)
        return jsonify({name: value for name, value in vars(receipt).items() if value}), 201
    post = _posted()

    def again(refusal: Refused) -> Response:
        if setup.poll.assurance != 3 and not post.ticket:
            return step_page(setup, "code", post, refusal)
        kept = "" if isinstance(refusal, WrongCode) else post.ticket  # a spent one is of no more use
        return step_page(setup, "check", replace(post, contact="", ticket=kept), refusal)

    offer_again(again, setup.poll.link)
    check_honeypot(request.form)
    receipt = polling.cast(slug, post, address)
    page = vote_page(setup, post.choices or (), "votes/receipt.html", "투표를 마쳤습니다", receipt=receipt)
    return page, 201


def _asked_poll(slug: str) -> PollSetup:
    services().limits.address("votes")
    return services().polling.setup(slug)


def _proven(setup: PollSetup, post: Post, life: timedelta = timedelta(0)) -> Post:
    """The same, with a ticket of the poll where the browser has just proven its phone: nobody waits for a second code."""
    held = None if post.code or post.ticket or post.contact else ticket_of_browser()
    return replace(post, ticket=services().polling.codes.from_phone(setup.poll, held, life)) if held else post


def _checked(slug: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Choices as they would be cast. Raises NotFound, NotOpen, Closed, Invalid."""
    setup = services().polling.opened(slug)
    return check_choices(setup.poll, setup.proposals, choices)


def _request_code(slug: str, contact: str) -> Asked:
    poll, codes = services().polling.opened(slug).poll, services().polling.codes
    if poll.assurance == 3:
        raise NotEligible(BY_IDENTITY)
    return send_code(contact, partial(codes.send, poll, contact), f"votes/{slug}")


def _posted() -> Post:
    """What a plain form sent."""
    return Post(
        choices=request.form.getlist("choices"), **{name: request.form.get(name, "") for name in TEXTS}
    )


def _sent_ballot(body: Mapping[str, Any]) -> Post:
    """What a program sent. Raises Invalid."""
    check_honeypot(body)
    texts = {name: text_in(body, name) for name in (*TEXTS, "envelope") if name in body}
    return Post(choices=_choices(body) if "choices" in body else None, **texts)


def _choices(body: Mapping[str, Any]) -> list[str]:
    given = body.get("choices")
    if isinstance(given, list) and all(isinstance(text, str) for text in given):
        if len(given) <= MOST_CHOICES:
            return given
        raise Invalid([FieldError("choices", "고를 수 있는 수를 넘었습니다.")])
    raise Invalid([FieldError("choices", "고른 것의 이름을 목록으로 보내 주세요.")])
