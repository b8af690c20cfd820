"""The home page: what is open, closes soon, comes up; notices and votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from civic.content.pages import Programme
from civic.links import LISTED, link
from publish.cards import Card
from publish.edition import Edition
from publish.lists import find_pick
from publish.render import Page

SOON = timedelta(days=3)
MOST = 9  # cards in one part of the page: three rows on a desk


@dataclass(frozen=True)
class Part:
    """One part of the page: `cards` of `total`; `more` leads to the lists that hold them all, (name, address)."""

    id: str
    title: str
    short: str  # for the jump from the top
    cards: Sequence[Card]
    total: int
    more: Sequence[tuple[str, str]]


def home(edition: Edition) -> Page:
    """The page at /. Each card stands in one part only."""
    site, library = edition.library.site, edition.library
    forms = [edition.card(doc) for doc in library.subjects()]
    is_open = sorted((each for each in forms if each.state == "open"), key=_closes)
    coming = sorted((each for each in forms if each.state == "upcoming"), key=_opens)
    soon = [each for each in is_open if each.closes and each.closes <= library.now + SOON]
    later = [each for each in is_open if each not in soon]
    notices = [each for each in edition.cards("programme") if _is_news(each)]
    parts = [
        _part(edition, "soon", "곧 마감합니다", "곧 마감", soon, "open"),
        _part(edition, "open", "지금 신청할 수 있습니다", "지금 신청", later, "open"),
        _part(edition, "coming", "곧 시작합니다", "곧 시작", coming, "upcoming"),
        _part(edition, "notices", "알림", "알림", notices, ""),
    ]
    return edition.render(
        "pages/home.html",
        title=site.name,
        path="/",
        trail=[],
        parts=[each for each in parts if each.cards],
        votes=[each for each in edition.cards("vote") if each.state in ("open", "upcoming")],
    )


def some_of_each(cards: Sequence[Card], most: int = MOST) -> list[Card]:
    """The first cards, in their order, but at least one of every kind that is among them."""
    firsts = {card.doc.noun: card for card in reversed(cards)}.values()
    rest = [card for card in cards if card not in firsts]
    chosen = [*firsts, *rest[: max(0, most - len(firsts))]]
    return [card for card in cards if card in chosen]


def _part(edition: Edition, id: str, title: str, short: str, cards: Sequence[Card], status: str) -> Part:
    nouns = {card.doc.noun for card in cards}
    more = []
    for noun in (noun for noun in LISTED if noun in nouns):
        pick = find_pick(edition, noun, "status", status) if status else None
        more.append((edition.list_titles[noun], pick.address(noun) if pick else link(noun)))
    return Part(id, title, short, some_of_each(cards), len(cards), more)


def _is_news(card: Card) -> bool:
    """A programme page without a form, or whose form is over: news, not something to apply for."""
    return isinstance(card.doc, Programme) and card.state in ("", "closed")


def _closes(card: Card) -> tuple[datetime, str]:
    assert card.closes is not None
    return card.closes, card.doc.link


def _opens(card: Card) -> tuple[datetime, str]:
    assert card.opens is not None
    return card.opens, card.doc.link
