"""The home page, the page of each document, and what stands at no document's address."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from civic.clock import SEOUL
from civic.content.meetings import meetings
from civic.content.pages import Document, Event, Lecture, Programme
from civic.content.poll import Poll, Proposal
from civic.links import LISTED, link
from publish.calendar import first_month, months
from publish.edition import IN_A_LIST, Card, Edition, Route, Trail, values_of
from publish.lists import catalogue
from publish.pictures import address_of
from publish.render import View, missing

SOON = timedelta(days=3)
TOLD = timedelta(days=90)  # for which home shows a result
FAR = datetime(9000, 1, 1, tzinfo=SEOUL)
MOST = 9  # cards in one part of the home page: three rows on a desk


@dataclass(frozen=True)
class Part:
    """One part of the home page: `cards` of `total`; `more` leads to the lists that hold them all, (name, address)."""

    id: str
    title: str
    short: str  # for the jump from the top
    cards: Sequence[Card]
    total: int
    more: Sequence[tuple[str, str]]


def routes(edition: Edition) -> Iterator[Route]:
    """Every page of its own."""
    library = edition.library

    over = {(doc.folder, doc.slug): doc for doc in library.ended()}

    def view(slug: str, folder: str = "pages") -> View:
        if (folder, slug) in over:
            return ended(edition, over[folder, slug])
        doc = library.get(folder, slug)
        return detail(edition, doc) if doc else missing()

    yield Route("home", ("/",), lambda: home(edition))
    yield Route("my", ("/my/",), lambda: edition.render("pages/my.html", "내 신청 확인", link("my")))
    yield Route("collected", (link("collected"),), lambda: collected(edition))
    yield Route("sitemap_page", (link("sitemap"),), lambda: site_map(edition))
    none = "찾는 화면이 없습니다"
    yield Route(
        "not_found", ("/404.html",), lambda: edition.render("pages/not_found.html", none, "/404.html")
    )
    docs = (*library.everything(), *over.values(), *library.drafts)
    yield Route("page", ("/<slug>/", f"{IN_A_LIST}/<slug>/"), view, lambda: map(values_of, docs))


def home(edition: Edition) -> View:
    """The page at /. Each card stands in one part only."""
    site, library = edition.library.site, edition.library
    public = [edition.card(doc) for doc in library.everything() if not doc.is_internal]
    forms = [each for each in public if each.doc.spec]
    is_open = [each for each in forms if each.state == "open"]
    is_open.sort(key=lambda card: (card.closes, card.doc.link))
    coming = [each for each in forms if each.state == "upcoming"]
    coming.sort(key=lambda card: (card.opens, card.doc.link))
    soon = [each for each in is_open if each.closes and each.closes <= library.now + SOON]
    later = is_open[len(soon) :]
    ahead = [each for each in public if _is_ahead(each)]
    ahead.sort(key=lambda card: (card.doc.span or (FAR, FAR), card.doc.link))
    # A programme page without a form, or whose form is over: news, not something to apply for.
    notices = [each for each in public if isinstance(each.doc, Programme) and each.state in ("", "closed")]
    parts = [
        _part(edition, "soon", "곧 마감합니다", "곧 마감", soon, "open"),
        _part(edition, "open", "지금 신청할 수 있습니다", "지금 신청", later, "open"),
        _part(edition, "coming", "곧 시작합니다", "곧 시작", coming, "upcoming"),
        _part(edition, "ahead", "곧 열립니다", "곧 열림", ahead, ""),
        _part(edition, "notices", "알림", "알림", notices, ""),
    ]
    return edition.render(
        "pages/home.html",
        site.name,
        "/",
        [],
        parts=[each for each in parts if each.cards],
        calendar_link=first_month(edition),
        # Open, coming or being counted; a result for three months after the closing.
        votes=[
            each
            for each in map(edition.card, library.of("vote"))
            if each.phase.form != "decided" or (each.closes and library.now < each.closes + TOLD)
        ],
        draws=[each for each in forms if each.phase.form == "decided" and not each.phase.is_over],
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
        pick = catalogue(edition, noun).picks.get(("status", status))
        more.append((edition.list_titles[noun], pick.address(noun) if pick else link(noun)))
    return Part(id, title, short, some_of_each(cards), len(cards), more)


def _is_ahead(card: Card) -> bool:
    """A lecture or event that takes no sign-ups here and is not over: to go to, or to ask for by phone."""
    is_over = card.phase.happening == "over"
    return isinstance(card.doc, Lecture | Event) and card.doc.spec is None and bool(card.when) and not is_over


def detail(edition: Edition, doc: Document) -> View:
    """The page of a document, from templates/pages/<noun>.html."""
    trail: Trail = [(doc.title, "")]
    if doc.noun in LISTED:
        trail.insert(0, (edition.list_titles[doc.noun], link(doc.noun)))
    return edition.render(
        f"pages/{doc.noun}.html",
        doc.title,
        doc.link,
        trail,
        doc=doc,
        html=edition.html(doc),
        card=edition.card(doc),
        dates=() if doc.draft else meetings(doc),
        picture=address_of(doc, doc.poster),
        **_more(edition, doc),
    )


def ended(edition: Edition, doc: Document) -> View:
    """What stands at the address of a page that has expired: links of others lead to an answer."""
    trail = [("끝난 글", "")]
    return edition.render("pages/ended.html", "끝난 글입니다", doc.link, trail, doc=doc, noun=doc.noun)


def site_map(edition: Edition) -> View:
    """Every page by its kind, for whoever looks for something without searching."""
    kinds = [(edition.list_titles[noun], link(noun), edition.library.of(noun)) for noun in LISTED]
    results = [(each.poll.title, each.link) for each in edition.library.results.values()]
    return edition.render(
        "pages/site_map.html",
        "누리집 지도",
        link("sitemap"),
        kinds=[each for each in kinds if each[2]],
        months=[(month, link("month", month)) for month in months(edition)],
        others=edition.library.of("page"),
        results=results,
    )


def collected(edition: Edition) -> View:
    """What all forms together collect, for what and how long: from the forms themselves, those that say the same in one."""
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for doc in sorted(edition.library.collecting(), key=lambda doc: doc.link):
        if spec := doc.spec:
            groups.setdefault((spec.consent.purpose, *spec.collected, spec.consent.keep_days), []).append(doc)
    title, above = "신청서마다 받는 항목", ("개인정보 처리방침", link("page", "privacy"))
    trail = [above, (title, "")] if edition.library.get("pages", "privacy") else [(title, "")]
    shown = {"groups": sorted(groups.items(), key=lambda each: each[0]), "hidden": edition.library.hidden}
    return edition.render("pages/collected.html", title, link("collected"), trail, **shown)


def _more(edition: Edition, doc: Document) -> dict[str, Any]:
    library = edition.library
    match doc:
        case Proposal():
            return {"vote": library.get("votes", doc.vote)}
        case Poll():
            listed = (each for each in library.of("proposal") if isinstance(each, Proposal))
            off = [each for each in listed if each.vote == doc.slug and not each.is_on_ballot]
            proposals = library.proposals(doc.slug)
            groups = [(kind, [one for one in proposals if one.type == kind.id]) for kind in doc.types]
            return {"off_ballot": off, "groups": groups}
        case Lecture():
            others = (each for each in library.of("lecture") if doc.series and each.slug != doc.slug)
            same = [edition.card(each) for each in others if getattr(each, "series", "") == doc.series]
            return {"series": library.site.series.get(doc.series), "siblings": same}
    return {}
