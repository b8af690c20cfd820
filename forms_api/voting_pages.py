"""The pages of the plain way of voting: picking, checking, code, receipt. No decisions; nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, request

from civic.content.poll import PollType, Proposal
from civic.errors import Refused
from civic.votes.casting import PollSetup, Receipt
from forms_api.oidc import Pocket
from forms_api.render import trail_to
from forms_api.services import services

PICKS = "madang-picks"  # the picks of who went to the identity provider without a script, sealed, in their browser
TRIP = "madang-identity"
LIFE = 900  # seconds that both live
LONGEST_COOKIE = 3800  # signs; browsers keep about 4,000


def pick_page(
    standing: PollSetup, choices: Sequence[str], refusal: Refused | None = None, ticket: str = ""
) -> Response:
    """The proposals again, with what was ticked."""
    context = {"groups": groups_of(standing), "picked": choices, "ticket": ticket}
    return _page(standing, "votes/pick.html", "제안 고르기", refusal, **context)


def check_page(
    standing: PollSetup,
    choices: Sequence[str],
    pocket: Pocket,
    refusal: Refused | None = None,
    *,
    contact: str = "",
    ticket: str = "",
    submission: str = "",
) -> Response:
    """What was picked, and the next step: a contact, the identity provider, or (with a ticket) the ballot."""
    context = {"picks": picked(standing, choices), "contact": contact}
    context |= {"ticket": ticket, "submission": submission}
    page = _page(standing, "votes/check.html", "고른 제안 확인하기", refusal, **context)
    if standing.poll.assurance == 3 and not ticket:
        kept = pocket.seal(PICKS, [standing.poll.slug, list(choices)])
        if (
            len(kept) < LONGEST_COOKIE
        ):  # otherwise they pick again: better than an answer that no browser takes
            keep(page, PICKS, kept)
    return page


def code_page(
    standing: PollSetup,
    choices: Sequence[str],
    contact: str,
    asked: str,
    submission: str,
    refusal: Refused | None = None,
) -> Response:
    """Where the code is typed."""
    context = {"picks": picked(standing, choices), "contact": contact}
    context |= {"asked": asked, "submission": submission}
    return _page(standing, "votes/code.html", "인증번호 적기", refusal, **context)


def receipt_page(standing: PollSetup, receipt: Receipt, choices: Sequence[str]) -> Response:
    """Both numbers, and what they are for."""
    context = {"receipt": receipt, "picks": picked(standing, choices)}
    page = _page(standing, "votes/receipt.html", "투표를 마쳤습니다", None, **context)
    page.status_code = 201
    return page


def keep(answer: Response, name: str, value: str) -> None:
    """A cookie for a quarter of an hour that only our API gets back, also on the way home from the provider."""
    secure = services().site.base_url.startswith("https://") and request.is_secure
    answer.set_cookie(name, value, max_age=LIFE, path="/api/", httponly=True, samesite="Lax", secure=secure)


def drop(answer: Response, *names: str) -> None:
    """Take those cookies away."""
    for name in names:
        answer.delete_cookie(name, path="/api/", httponly=True, samesite="Lax")


def _page(
    standing: PollSetup, template: str, title: str, refusal: Refused | None, **context: Any
) -> Response:
    errors: dict[str, str] = {}
    for error in refusal.errors if refusal else ():
        errors.setdefault(error.field, error.message)
    if refusal and not errors:
        errors["identity" if standing.poll.assurance == 3 else "code"] = refusal.detail
    response = services().renderer.page(
        template,
        title=f"오류: {title}" if refusal else title,
        path=standing.poll.link,
        trail=trail_to(services().site, standing.poll, title),
        status=refusal.status if refusal else 200,
        doc=standing.poll,
        errors=errors,
        **context,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def groups_of(standing: PollSetup) -> list[tuple[PollType, list[Proposal]]]:
    """The poll's proposals by type, in the order of the types."""
    return [
        (each, [proposal for proposal in standing.proposals.values() if proposal.type == each.id])
        for each in standing.poll.types
    ]


def picked(standing: PollSetup, choices: Sequence[str]) -> list[Proposal]:
    """The proposals of valid choices; unknown names are left out: they were refused before."""
    return [standing.proposals[each] for each in choices if each in standing.proposals]
