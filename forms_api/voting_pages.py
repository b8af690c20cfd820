"""The plain way of voting, page by page: picking, checking, code; and to the identity provider and back.

Nothing is kept here but in sealed cookies of the voter's own browser. To the provider leads a link, never a form: our
pages send forms nowhere else. Its name for the person is turned into a ticket and kept nowhere.
"""

import hmac
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request

from civic.codes import from_text, to_text
from civic.errors import NotEligible, Refused, Unavailable
from civic.votes.casting import PollSetup
from civic.votes.contact import BY_CODE, Post, new_submission
from forms_api.operations import services
from forms_api.problems import offer_again

identity = Blueprint("identity", __name__)
BACK = "/api/identity"  # one address for all polls: it must be registered with the provider
STEPS = {"pick": "고르기", "check": "고른 것 확인하기", "code": "인증번호 적기"}
PICKS = "madang-picks"  # the picks of who went to the identity provider without a script
TRIP = "madang-identity"
RULES: dict[str, Any] = {"path": "/api/", "httponly": True, "samesite": "Lax"}
LIFE = 900  # seconds that both live
LONGEST_COOKIE = 3800  # signs; browsers keep about 4,000
LONGEST = 2000  # signs of anything that the provider hands over
ABSENT = "본인확인기관이 아직 연결되지 않아 이 투표를 받을 수 없습니다. 담당 부서에 문의해 주세요."
FAILED = "본인확인을 마치지 못했습니다. 투표 화면에서 다시 해 주세요."


class Unidentified(NotEligible, title="본인확인을 마치지 못했습니다."):
    """The provider's word is missing or does not hold. Never says why."""


def step_page(
    setup: PollSetup, step: str, post: Post, refusal: Refused | None = None, shown: str = ""
) -> Response:
    """A step of STEPS with what was sent: the proposals; a contact, the provider or (with a ticket) the ballot; the code.

    shown: the code itself, in a demonstration.
    """
    by_provider, listed = setup.poll.assurance == 3, setup.proposals.values()
    page = vote_page(
        setup,
        post.choices or (),
        f"votes/{step}.html",
        STEPS[step],
        refusal=refusal,
        at="identity" if by_provider else "code",
        groups=[(kind, [each for each in listed if each.type == kind.id]) for kind in setup.poll.types],
        shown=shown,
        **vars(post),
    )
    if step == "check" and by_provider and not post.ticket:
        _keep(page, PICKS, [setup.poll.slug, list(post.choices or ())])
    return page


def vote_page(setup: PollSetup, picked: Sequence[str], template: str, title: str, **context: Any) -> Response:
    """picks: the proposals that are picked; unknown names are left out: they were refused before."""
    picks = [setup.proposals[name] for name in picked if name in setup.proposals]
    about: dict[str, Any] = {"path": setup.poll.link, "doc": setup.poll, "picked": picked, "picks": picks}
    return services().page(template, title, **about, **context)


def _keep(answer: Response, name: str, content: object) -> None:
    """A sealed cookie for a quarter of an hour that only our API gets back, also on the way home from the provider."""
    # By the machine's clock: the provider knows nothing of a demonstration's.
    kept = json.dumps([time.time() + LIFE, content]).encode()
    value = to_text(services().sealer.seal(kept, name.encode()))
    secure = services().site.base_url.startswith("https://") and request.is_secure
    if len(value) < LONGEST_COOKIE:  # else they pick again: better than an answer that no browser takes
        answer.set_cookie(name, value, max_age=LIFE, secure=secure, **RULES)


def _kept(name: str) -> Any:
    """What was sealed into the cookie of that name, while it lasts; None for anything else."""
    try:
        sealed = from_text(request.cookies.get(name, ""))
        until, content = json.loads(services().sealer.open(sealed, name.encode()))
    except ValueError:
        return None
    return content if time.time() < until else None


@identity.get("/api/votes/<slug>/identity")
def leave(slug: str) -> Response:
    """Send the visitor to the provider."""
    services().limits.address("votes")
    polling = services().polling
    offer_again(None, polling.setup(slug).poll.link)
    if polling.opened(slug).poll.assurance != 3:
        raise NotEligible(BY_CODE)
    state, nonce, verifier = trip = [secrets.token_urlsafe(size) for size in (24, 24, 48)]
    address = _provider().address(services().site.base_url + BACK, state, nonce, verifier)
    answer = Response(status=302, headers={"Location": address})
    _keep(answer, TRIP, [slug, *trip])
    return answer


@identity.get(BACK)
def come_back() -> Response:
    """Who comes back from the provider gets a ticket, on the page of their poll."""
    services().limits.address("votes")
    kept, polling = _kept(TRIP), services().polling
    if kept is None:
        raise Unidentified(FAILED)
    slug, expected, nonce, verifier = kept
    setup = polling.setup(slug)
    offer_again(None, setup.poll.link)
    provider = _provider()
    state, code = (request.args.get(name, "")[:LONGEST] for name in ("state", "code"))
    # No code: they said no, or the provider did.
    if not code or not hmac.compare_digest(state.encode(), expected.encode()):
        raise Unidentified(FAILED)
    try:
        subject = provider.subject(services().site.base_url + BACK, code, nonce, verifier)
    except ValueError:
        raise NotEligible(FAILED) from None
    ticket = polling.codes.new_ticket(polling.opened(slug).poll, provider.issuer, subject)
    poll, choices = _kept(PICKS) or ("", ())
    picked: Sequence[str] = choices if poll == slug else ()
    post = Post(choices=picked, ticket=ticket, submission=new_submission())
    page = step_page(setup, "check" if picked else "pick", post)
    for name in (TRIP, PICKS):
        page.delete_cookie(name, **RULES)
    return page


def _provider() -> Any:
    provider = services().provider
    if provider is None:
        raise Unavailable(ABSENT, retry_after=600)
    return provider
