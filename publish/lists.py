"""The lists of each kind: all of it, or through one filter, twelve to a page; and what browsers combine filters from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from civic import korean
from civic.content.meetings import meetings
from civic.content.poll import Poll, Proposal
from civic.content.sessions import DAYS
from civic.links import FILTERS, FOLDERS, LISTED, NOUNS, link
from publish.calendar import first_month
from publish.edition import IN_A_LIST, Card, Edition, Route, Values, as_json
from publish.render import View, missing

PER_PAGE = 12
AROUND = 1  # page on each side: with the first, the last and two gaps they fit on a phone
STATUSES = ("open", "upcoming", "closed")
AUDIENCES = {
    "all": "누구나",
    "residents": "주민만",
    "young": "어린이·청소년",
    "old": "어르신",
    "internal": "직원",
}


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


class Facet(NamedTuple):
    """One sort of filter. choices: key -> label, in their order; keys: those that a card has."""

    by: str
    label: str
    choices: Mapping[str, str]
    keys: Callable[[Card], Iterable[str]]


class Catalogue:
    """All lists of one kind: its cards, which cards each filter takes, and the filters that are offered."""

    def __init__(self, edition: Edition, noun: str) -> None:
        cards = [*map(edition.card, edition.library.of(noun))]
        self.chosen: dict[Pick, list[Card]] = {ALL: cards}
        self.groups: dict[str, list[Pick]] = {}
        self.facets = [*facets(edition, noun)]
        for facet in self.facets:
            picks = {key: Pick(facet.by, key, label) for key, label in facet.choices.items()}
            found: dict[Pick, list[Card]] = {pick: [] for pick in picks.values()}
            for card in cards:
                for key in facet.keys(card):
                    if key in picks:
                        found[picks[key]].append(card)
            taken = {pick: some for pick, some in found.items() if some}
            if any(len(some) < len(cards) for some in taken.values()):
                self.groups[facet.label] = list(taken)
                self.chosen |= taken
            # What is empty today stays an address where others link to it.
            if taken and facet.by == "status":
                self.chosen |= found
            halves = {pick: {f"{link(noun)}{pick.by}/", f"/{pick.by}/{pick.key}/"} for pick in found}
            self.chosen |= {pick: some for pick, some in found.items() if halves[pick] <= edition.linked}
        self.picks = {(pick.by, pick.key): pick for pick in self.chosen}

    def pages(self, pick: Pick) -> int:
        """How many pages the list through this filter has; an empty list has one."""
        return max(1, -(-len(self.chosen[pick]) // PER_PAGE))


def catalogue(edition: Edition, noun: str) -> Catalogue:
    """The lists of a kind; the same ones each time."""
    return edition.once(noun, lambda: Catalogue(edition, noun))


def facets(edition: Edition, noun: str) -> Iterator[Facet]:
    """Every filter that a kind could have. Types of the same id in several votes are one type."""
    site, docs = edition.library.site, edition.library.of(noun)

    def own(by: str, label: str, choices: Mapping[str, str]) -> Facet:
        return Facet(by, label, choices, lambda card: [getattr(card.doc, by, "")])

    if noun == "vote":
        yield Facet("status", "투표 상태", korean.VOTE_STATES, lambda card: [card.state])
    else:
        states = {key: korean.FORM_STATES[key] for key in STATUSES}
        yield Facet("status", "접수 상태", states, lambda card: [card.state])
    if noun == "proposal":
        votes = [doc for doc in edition.library.of("vote") if isinstance(doc, Poll)]
        types = {kind.id: kind.label for vote in reversed(votes) for kind in vote.types}
        order = dict.fromkeys(kind.id for vote in votes for kind in vote.types)
        yield Facet("stage", "단계", korean.STAGES, lambda card: [card.stage])
        yield own("vote", "투표", {vote.slug: vote.title for vote in votes})
        yield own("type", "유형", {id: types[id] for id in order})
        areas = sorted({doc.area for doc in docs if isinstance(doc, Proposal) and doc.area})
        yield Facet("area", "곳", {_key(area): area for area in areas}, lambda card: [_key(card.where)])
    yield own("kind", "종류", {"program": "사업 안내", "notice": "알림"})
    yield own("category", "분야", site.categories)
    yield Facet("audience", "누구에게", AUDIENCES, _audience)
    yield Facet("fee", "비용", {"free": "무료", "paid": "유료"}, _fee)
    yield Facet("weekday", "요일", dict(zip(DAYS, korean.WEEKDAYS, strict=True)), _weekdays)
    offices = {key: each.name for key, each in site.departments.items()}
    # A page without an office is the general contact's.
    yield Facet("department", "담당", offices, lambda card: [card.doc.department or site.contact])


def _key(words: str) -> str:
    """Words as part of an address, always the same."""
    return hashlib.sha256(words.encode()).hexdigest()[:6]


def _fee(card: Card) -> list[str]:
    fee = getattr(card.doc, "fee", None)
    return [] if fee is None else ["paid" if fee.amount else "free"]


def _audience(card: Card) -> list[str]:
    who = getattr(card.doc, "audience", None)
    if who is None:
        return []
    claims = {
        "internal": who.internal,
        "residents": who.residents,
        "young": who.to_age is not None and who.to_age < 20,
        "old": who.from_age is not None and who.from_age >= 60,
    }
    return [key for key, is_so in claims.items() if is_so] or ["all"]


def _weekdays(card: Card) -> set[str]:
    return {DAYS[meeting.starts.weekday()] for meeting in meetings(card.doc)}


def routes(edition: Edition) -> Iterator[Route]:
    """Every page of every list."""

    def view(folder: str, by: str = "", key: str = "", page: int = 1) -> View:
        noun = NOUNS[folder]
        pick = catalogue(edition, noun).picks.get((by, key))
        if pick is None or not 1 <= page <= catalogue(edition, noun).pages(pick):
            missing()
        return list_page(edition, noun, pick, page)

    def values() -> Iterator[Values]:
        for noun, pick, page in list_pages(edition):
            filled: Values = {"by": pick.by, "key": pick.key} if pick.by else {}
            yield {"folder": FOLDERS[noun], **filled, **({"page": page} if page > 1 else {})}

    by = f"{IN_A_LIST}/<any({','.join(FILTERS)}):by>/<key>/"
    rules = (f"{IN_A_LIST}/", by, f"{IN_A_LIST}/page/<int:page>/", f"{by}page/<int:page>/")
    yield Route("list", rules, view, values)
    kinds = [{"folder": FOLDERS[noun]} for noun in LISTED]
    rule = f"{IN_A_LIST}/index.json"
    yield Route("list_index", (rule,), lambda folder: index(edition, NOUNS[folder]), lambda: kinds)


def index(edition: Edition, noun: str) -> View:
    """What static/js/list.js combines filters and sorts from: each card, by what it is found and ordered."""
    lists = catalogue(edition, noun)

    def entry(card: Card) -> dict[str, object]:
        coming = [each.starts for each in meetings(card.doc) if each.starts > edition.library.now]
        changed = edition.changed(card.doc)
        return {
            "keys": {facet.by: sorted(filter(None, facet.keys(card))) for facet in lists.facets},
            "closing": card.closes.isoformat() if card.state == "open" and card.closes else "",
            "start": min(coming).isoformat() if coming else "",
            "newest": changed.isoformat() if changed else "",
            "html": edition.card_html(card, 2),
        }

    cards = lists.chosen[ALL]

    def entries() -> Iterator[dict[str, object]]:
        old = edition.before.listed(f"{FOLDERS[noun]}/index.json", [card.doc for card in cards])
        return (said or entry(card) for said, card in zip(old, cards, strict=True))

    return edition.page(cards, lambda: as_json([*entries()]), ".json")


def list_pages(edition: Edition) -> Iterator[tuple[str, Pick, int]]:
    """(noun, filter, page) of every page of every list."""
    for noun in LISTED:
        lists = catalogue(edition, noun)
        for pick in lists.picks.values():
            for page in range(1, lists.pages(pick) + 1):
                yield noun, pick, page


def list_page(edition: Edition, noun: str, pick: Pick, page: int) -> View:
    """One page of a list. page: 1 is the first."""
    lists = catalogue(edition, noun)
    chosen, pages = lists.chosen[pick], lists.pages(pick)
    name = edition.list_titles[noun]
    title = f"{name}: {pick.label}" if pick.by else name
    return edition.render(
        "pages/list.html",
        f"{title} ({page}쪽)" if page > 1 else title,
        pick.address(noun, page),
        [(name, link(noun)), (pick.label, "")] if pick.by else [(name, "")],
        picked=pick,
        noun=noun,
        cards=chosen[(page - 1) * PER_PAGE : page * PER_PAGE],
        total=len(chosen),
        filters={
            label: [(each, len(lists.chosen[each])) for each in (ALL, *group)]
            for label, group in lists.groups.items()
        },
        pager=pager(page, pages, partial(pick.address, noun)),
        calendar_link=first_month(edition),
    )


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
