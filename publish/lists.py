"""The lists of each kind: all of it, or by status, vote, type, category or office, twelve to a page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from flask import abort

from civic import korean
from civic.content.poll import Poll
from civic.content.site import Site
from civic.links import FILTERS, FOLDERS, LISTED, NOUNS, link
from publish.edition import IN_A_LIST, Card, Edition, Route, Values
from publish.render import View

PER_PAGE = 12
AROUND = 1  # page on each side: with the first, the last and two gaps they fit on a phone
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


ALL = Pick()


class Catalogue:
    """All lists of one kind: its cards, which cards each filter takes, and the filters that are offered."""

    def __init__(self, edition: Edition, noun: str) -> None:
        cards = edition.cards(noun)
        values = _values(edition.library.site)
        self.chosen: dict[Pick, list[Card]] = {ALL: cards}
        self.groups: dict[str, list[Pick]] = {}
        for label, picks in _groups(edition, noun).items():
            found: dict[Pick, list[Card]] = {pick: [] for pick in picks}
            keyed = {pick.key: pick for pick in picks}
            for card in cards if picks else ():
                pick = keyed.get(values[picks[0].by](card))
                if pick:
                    found[pick].append(card)
            taken = {pick: some for pick, some in found.items() if some}
            if any(len(some) < len(cards) for some in taken.values()):
                self.groups[label] = list(taken)
                self.chosen |= taken
            # What is empty today stays an address where others link to it.
            if taken and picks[0].by == "status":
                self.chosen |= found
            halves = {pick: {f"{link(noun)}{pick.by}/", f"/{pick.by}/{pick.key}/"} for pick in picks}
            self.chosen |= {pick: some for pick, some in found.items() if halves[pick] <= edition.linked}
        self.picks = {(pick.by, pick.key): pick for pick in self.chosen}

    def pages(self, pick: Pick) -> int:
        """How many pages the list through this filter has."""
        return page_count(len(self.chosen[pick]))


def catalogue(edition: Edition, noun: str) -> Catalogue:
    """The lists of a kind; the same ones each time."""
    if noun not in edition.catalogues:
        edition.catalogues[noun] = Catalogue(edition, noun)
    found: Catalogue = edition.catalogues[noun]
    return found


def _values(site: Site) -> dict[str, Callable[[Card], str]]:
    """What a card has for each sort of filter. A page without an office is the general contact's."""
    return {
        "status": lambda card: card.state,
        "stage": lambda card: card.stage,
        "vote": lambda card: getattr(card.doc, "vote", ""),
        "type": lambda card: getattr(card.doc, "type", ""),
        "category": lambda card: card.doc.category,
        "department": lambda card: card.doc.department or site.contact,
    }


def _groups(edition: Edition, noun: str) -> dict[str, list[Pick]]:
    """Every filter that a kind could have, by group label. Types of the same id in several votes are one type."""
    site = edition.library.site
    states = korean.VOTE_STATES if noun == "vote" else korean.FORM_STATES
    groups = {
        "투표 상태" if noun == "vote" else "접수 상태": [Pick("status", key, states[key]) for key in STATUSES]
    }
    if noun == "proposal":
        votes = [doc for doc in edition.library.of("vote") if isinstance(doc, Poll)]
        groups["단계"] = [Pick("stage", key, label) for key, label in korean.STAGES.items()]
        groups["투표"] = [Pick("vote", vote.slug, vote.title) for vote in votes]
        types = {kind.id: kind.label for vote in reversed(votes) for kind in vote.types}
        order = dict.fromkeys(kind.id for vote in votes for kind in vote.types)
        groups["유형"] = [Pick("type", id, types[id]) for id in order]
    groups["분야"] = [Pick("category", key, label) for key, label in site.categories.items()]
    groups["담당"] = [Pick("department", key, each.name) for key, each in site.departments.items()]
    return groups


def routes(edition: Edition) -> Iterator[Route]:
    """Every page of every list."""

    def view(folder: str, by: str = "", key: str = "", page: int = 1) -> View:
        noun = NOUNS[folder]
        pick = find_pick(edition, noun, by, key)
        if pick is None or not 1 <= page <= catalogue(edition, noun).pages(pick):
            abort(404)
        return list_page(edition, noun, pick, page)

    def values() -> Iterator[Values]:
        for noun, pick, page in list_pages(edition):
            filled: Values = {"by": pick.by, "key": pick.key} if pick.by else {}
            yield {"folder": FOLDERS[noun], **filled, **({"page": page} if page > 1 else {})}

    by = f"{IN_A_LIST}/<any({','.join(FILTERS)}):by>/<key>/"
    rules = (f"{IN_A_LIST}/", by, f"{IN_A_LIST}/page/<int:page>/", f"{by}page/<int:page>/")
    yield Route("list", rules, view, values)


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


def page_count(total: int) -> int:
    """Pages that so many cards need; an empty list has one."""
    return max(1, -(-total // PER_PAGE))


def list_page(edition: Edition, noun: str, pick: Pick, page: int) -> View:
    """One page of a list. page: 1 is the first."""
    lists = catalogue(edition, noun)
    chosen, pages = lists.chosen[pick], lists.pages(pick)
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
        pager=pager(page, pages, partial(pick.address, noun)),
    )


def _item(noun: str, pick: Pick, current: Pick, lists: Catalogue) -> dict[str, object]:
    return {
        "label": pick.label,
        "address": pick.address(noun),
        "count": len(lists.chosen[pick]),
        "current": pick == current,
    }


def pager(page: int, pages: int, address: Callable[[int], str]) -> dict[str, object]:
    """What templates/components/pager.html shows. page: from 1; address: of a page.

    Pages that are left out stand as (0, ""): 1 … 5 [6] 7 … 99. However long a list is, it is no wall of numbers.
    """
    near = {1, *range(max(1, page - AROUND), min(pages, page + AROUND) + 1), pages}
    # A gap of one page takes no more room than the page.
    near |= {number + 1 for number in near if number + 2 in near}
    links = []
    for number in sorted(near):
        if number > 1 and number - 1 not in near:
            links.append((0, ""))
        links.append((number, address(number)))
    return {
        "page": page,
        "pages": pages,
        "links": links,
        "previous": address(page - 1) if page > 1 else "",
        "next": address(page + 1) if page < pages else "",
    }
