"""The home page: what is open, closes soon, comes up; notices and votes."""

from __future__ import annotations

from datetime import datetime, timedelta

from civic.models import Programme
from publish.cards import Card
from publish.edition import Edition
from publish.pages import Page

SOON = timedelta(days=3)
MOST = 6  # cards in one part of the page


def home(edition: Edition) -> Page:
    """The page at /. Each card stands in one part only."""
    site, library = edition.library.site, edition.library
    forms = [edition.card(doc) for doc in library.subjects()]
    is_open = sorted((each for each in forms if each.state == "open"), key=_closes)
    coming = sorted((each for each in forms if each.state == "upcoming"), key=_opens)
    soon = [each for each in is_open if each.closes and each.closes <= library.now + SOON]
    notices = [each for each in edition.cards("programme") if _is_news(each)]
    return edition.render(
        "pages/home.html",
        title=site.name,
        path="/",
        trail=[],
        open_now=[each for each in is_open if each not in soon][:MOST],
        closing_soon=soon[:MOST],
        coming_up=coming[:MOST],
        notices=notices[:MOST],
        votes=[each for each in edition.cards("vote") if each.state in ("open", "upcoming")],
    )


def _is_news(card: Card) -> bool:
    """A programme page without a form, or whose form is over: news, not something to apply for."""
    return isinstance(card.doc, Programme) and card.state in ("", "closed")


def _closes(card: Card) -> tuple[datetime, str]:
    assert card.closes is not None
    return card.closes, card.doc.link


def _opens(card: Card) -> tuple[datetime, str]:
    assert card.opens is not None
    return card.opens, card.doc.link
