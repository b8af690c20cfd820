"""To the identity provider and back, for polls of assurance 3. A link, never a form: our pages send forms nowhere else.

What comes back is turned into a ticket on the voter's own page; the provider's name for the person is kept nowhere.
"""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, request

from civic.errors import NotEligible, Unavailable
from civic.votes.contact import BY_CODE, new_submission
from forms_api.desk import desk
from forms_api.oidc import ABSENT, Provider, Trip, failed, new_trip
from forms_api.problems import offer_again
from forms_api.services import services
from forms_api.voting_pages import PICKS, TRIP, check_page, drop, keep, pick_page

identity = Blueprint("identity", __name__)
BACK = "/api/identity"  # one address for all polls: it must be registered with the provider
LONGEST = 2000  # signs of anything that the provider hands over


@identity.get("/api/votes/<slug>/identity")
def leave(slug: str) -> Response:
    """Send the visitor to the provider."""
    services().limits.address("votes", request.remote_addr)
    standing = desk().polling.setup(slug)
    offer_again(lambda refusal: pick_page(standing, (), refusal), standing.poll.link, ())
    if desk().polling.opened(slug).poll.assurance != 3:
        raise NotEligible(BY_CODE)
    trip = new_trip(slug)
    answer = Response(status=302, headers={"Location": _provider().address(trip, _back())})
    keep(answer, TRIP, desk().pocket.seal(TRIP, asdict(trip)))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@identity.get(BACK)
def come_back() -> Response:
    """Who comes back from the provider gets a ticket, on the page of their poll."""
    services().limits.address("votes", request.remote_addr)
    kept = desk().pocket.open(TRIP, request.cookies.get(TRIP, ""))
    if kept is None:
        raise failed()
    trip = Trip(**kept)
    standing = desk().polling.setup(trip.poll)
    offer_again(lambda refusal: pick_page(standing, (), refusal), standing.poll.link, ())
    provider = _provider()
    state, code = (request.args.get(name, "")[:LONGEST] for name in ("state", "code"))
    if not code:  # they said no, or the provider did
        raise failed()
    subject = provider.subject(trip, _back(), state, code)
    ticket = desk().polling.admit(trip.poll, provider.issuer, subject)
    poll, choices = desk().pocket.open(PICKS, request.cookies.get(PICKS, "")) or ("", [])
    if poll == trip.poll and choices:
        page = check_page(standing, choices, desk().pocket, ticket=ticket, submission=new_submission())
    else:
        page = pick_page(standing, (), ticket=ticket)
    drop(page, TRIP, PICKS)
    return page


def _provider() -> Provider:
    provider = desk().provider
    if provider is None:
        raise Unavailable(ABSENT, retry_after=600)
    return provider


def _back() -> str:
    """Our own address as the provider knows it: the site's, or on this machine the server's."""
    parts = services()
    base = request.host_url if parts.settings.is_loopback else parts.site.base_url
    return base.rstrip("/") + BACK
