"""The lists of each kind: all of it, or by status, category or department, twelve to a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from civic import wording
from civic.links import LISTED, link
from civic.models import Site
from publish.cards import Card
from publish.edition import Edition
from publish.pages import Page

PER_PAGE = 12
STATUSES = ("open", "upcoming", "closed")


@dataclass(frozen=True)
class Pick:
    """A filter that a list can be seen through: `by` "status", `key` "open"; "" and "" for all."""

    by: str = ""
    key: str = ""
    label: str = "전체"

    def address(self, noun: str, page: int = 1) -> str:
        """Where the list through this filter stands: /lectures/status/open/page/2/."""
        base = link(noun) + (f"{self.by}/{self.key}/" if self.by else "")
        return base if page == 1 else f"{base}page/{page}/"

    def takes(self, card: Card) -> bool:
        """Does the card belong to the filtered list?"""
        match self.by:
            case "status":
                return card.state == self.key
            case "category":
                return card.doc.category == self.key
            case "department":
                return card.doc.department == self.key
            case _:
                return True


ALL = Pick()


class Catalogue:
    """All lists of one kind: its cards, its filters, and which cards each filter takes."""

    def __init__(self, noun: str, cards: list[Card], site: Site) -> None:
        self.cards = cards
        self.groups = _groups(noun, cards, site)
        self.chosen = {
            (pick.by, pick.key): [card for card in cards if pick.takes(card)]
            for pick in (ALL, *_flat(self.groups))
        }
        self.picks = {(pick.by, pick.key): pick for pick in (ALL, *_flat(self.groups))}

    def pages(self, pick: Pick) -> int:
        """How many pages the list through this filter has."""
        return page_count(len(self.chosen[pick.by, pick.key]))


def catalogue(edition: Edition, noun: str) -> Catalogue:
    """The lists of a kind; the same ones each time."""
    if noun not in edition.catalogues:
        edition.catalogues[noun] = Catalogue(noun, edition.cards(noun), edition.library.site)
    found: Catalogue = edition.catalogues[noun]
    return found


def _groups(noun: str, cards: list[Card], site: Site) -> dict[str, list[Pick]]:
    """The filters of a kind by group label. A group with nothing to choose between is left out."""
    states = wording.VOTE_STATES if noun == "vote" else wording.FORM_STATES
    with_state = any(card.state for card in cards)
    categories = {card.doc.category for card in cards}
    departments = {card.doc.department for card in cards}
    groups = {
        "접수 상태" if noun != "vote" else "투표 상태": [
            Pick("status", key, states[key]) for key in STATUSES if with_state
        ],
        "분야": [Pick("category", key, label) for key, label in site.categories.items() if key in categories],
        "담당 부서": [
            Pick("department", key, office.name)
            for key, office in site.departments.items()
            if key in departments
        ],
    }
    return {label: found for label, found in groups.items() if len(found) > 1}


def list_pages(edition: Edition) -> Iterator[tuple[str, Pick, int]]:
    """(noun, filter, page) of every page of every list."""
    for noun in LISTED:
        lists = catalogue(edition, noun)
        for pick in lists.picks.values():
            for page in range(1, lists.pages(pick) + 1):
                yield noun, pick, page


def find_pick(edition: Edition, noun: str, by: str, key: str) -> Pick | None:
    """The filter of that name, or None when the list has no such filter."""
    return catalogue(edition, noun).picks.get((by, key))


def has_page(edition: Edition, noun: str, pick: Pick, page: int) -> bool:
    """Is there such a page of the filtered list? 1 always is."""
    return 1 <= page <= catalogue(edition, noun).pages(pick)


def page_count(total: int) -> int:
    """Pages that so many cards need; an empty list has one."""
    return max(1, -(-total // PER_PAGE))


def list_page(edition: Edition, noun: str, pick: Pick, page: int) -> Page:
    """One page of a list. page: 1 is the first."""
    lists = catalogue(edition, noun)
    chosen, pages = lists.chosen[pick.by, pick.key], lists.pages(pick)
    name = edition.list_titles[noun]
    title = f"{name}: {pick.label}" if pick.by else name
    trail = [(name, link(noun)), (pick.label, "")] if pick.by else [(name, "")]
    return edition.render(
        "pages/list.html",
        title=f"{title} ({page}쪽)" if page > 1 else title,
        path=pick.address(noun, page),
        trail=trail,
        noun=noun,
        cards=chosen[(page - 1) * PER_PAGE : page * PER_PAGE],
        total=len(chosen),
        filters=[
            {"label": label, "items": [_item(noun, each, pick, lists) for each in (ALL, *group)]}
            for label, group in lists.groups.items()
        ],
        pager={
            "page": page,
            "pages": pages,
            "addresses": [pick.address(noun, number) for number in range(1, pages + 1)],
        },
    )


def _item(noun: str, pick: Pick, current: Pick, lists: Catalogue) -> dict[str, object]:
    return {
        "label": pick.label,
        "address": pick.address(noun),
        "count": len(lists.chosen[pick.by, pick.key]),
        "current": pick == current,
    }


def _flat(groups: dict[str, list[Pick]]) -> Iterable[Pick]:
    return [pick for group in groups.values() for pick in group]
