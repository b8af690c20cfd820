"""One edition of the site: the library, the assets and the templates that its pages are made from."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jinja2 import BytecodeCache, Environment, TemplateError
from jinja2.bccache import Bucket
from markupsafe import Markup

from civic import korean
from civic.clock import Clock
from civic.content.attached import Attached
from civic.content.facts import TEXT, mentions_of
from civic.content.faithful import unlike
from civic.content.meetings import Told, meetings, summary, told, uid
from civic.content.pages import Document
from civic.content.poll import Poll, Proposal
from civic.content.prose import page_behind, prose, without_links
from civic.content.reading import KINDS
from civic.errors import ContentMistakes
from civic.library import Library
from civic.links import FILTERS, FOLDERS, LISTED, link
from civic.places.form_round import rounds_of
from civic.places.phases import Phase, phase_of
from civic.places.rules import form_state, round_state
from publish.memory import Kept
from publish.pictures import poster_html, with_files
from publish.render import Before, View
from templates import environment
from templates.assets import Assets

T = TypeVar("T")
Trail = list[tuple[str, str]]
Values = dict[str, Any]
# A rule: where a kind has its list.
IN_A_LIST = f"/<any({','.join(FOLDERS[noun] for noun in LISTED)}):folder>"
FILTERED = tuple(f"/{each}/" for each in FILTERS)


def values_of(doc: Document) -> Values:
    """What fills a rule for a page: its folder, unless it stands at the root, and its slug."""
    return {**({} if doc.noun == "page" else {"folder": doc.folder}), "slug": doc.slug}


class Route(NamedTuple):
    """One sort of address: Flask's rules, the view that answers, and what fills the rules for each address there is."""

    endpoint: str
    rules: tuple[str, ...]
    view: Callable[..., View]
    values: Callable[[], Iterable[Values]] = lambda: ({},)


@dataclass(frozen=True)
class Card:
    """One page in a list. `state` is "" where nothing opens or closes."""

    doc: Document
    phase: Phase
    state: str = ""  # "", "upcoming", "open", "closed"; "full" is known to the API only
    opens: datetime | None = None
    closes: datetime | None = None
    when: str = ""  # of a proposal: its type
    where: str = ""
    places: int | None = None
    cost: str = ""  # of a proposal, in words
    stage: str = ""  # of a proposal: see civic.library.Library.stage


class PageText(Markup):
    """A page's text as safe HTML. shows: see publish.render.View."""

    shows = ""


class Edition:
    """Everything that views need, made once."""

    def __init__(
        self,
        library: Library,
        assets: Assets,
        clock: Clock,
        demo: bool = False,
        live: bool = False,
        before: Mapping[str, Told] | None = None,
    ) -> None:
        """demo: every page says that it is one; live: pages ask for the next build and load themselves anew; before: what
        the site before told of its meetings."""
        self.library = library
        self.assets = assets
        self.told = told(library.site, library.everything(), before or {}, library.now)
        self.env: Environment = environment(library, assets, clock, demo)
        self.env.globals["live"] = live
        self.env.globals["card_html"] = self.card_html
        self.env.globals["poster"] = poster_html
        self._once: dict[Hashable, Any] = {}
        self._text: tuple[Document, PageText] | None = None
        self.derived: Kept | None = None  # pictures that were made once, for the builds to come
        self.before = Before()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made under that key; made now if it was not yet."""
        if key not in self._once:
            self._once[key] = make()
        found: T = self._once[key]
        return found

    def compile_templates(self) -> None:
        """Have the templates of pages ready: processes that are forked later do not compile them again."""
        for name in self.env.list_templates(("html",)):
            if name.startswith(("pages/", "components/")):
                with suppress(TemplateError):  # said where a page needs it
                    self.env.get_template(name)

    def card(self, doc: Document) -> Card:
        """The card of a page; the same one each time."""
        return self.once(doc.link, lambda: card(doc, self.library))

    def card_html(self, card: Card, level: int) -> Markup:
        """A card as HTML; the same one stands in many lists."""
        module: Any = self.env.get_template("components/cards.html").module
        html: Markup = self.once((card.doc.link, level), lambda: module.card_item(card, level))
        return html

    def html(self, doc: Document) -> PageText:
        """A page's text as safe HTML; links to pages that are not shown now are plain words. The last one is kept."""
        if self._text and self._text[0] is doc:
            return self._text[1]
        body, hidden = self.library.body(doc), self.library.hidden
        text = prose(body, self.library.site.base_url)
        line = unlike(body, text.html)
        if line is not None:
            raise ContentMistakes([self.library.misread(doc, line)])
        is_whole = not any(page_behind(target) in hidden for target in text.links)
        shown = text.html if is_whole else without_links(text.html, hidden.__contains__)
        html = PageText(with_files(shown, doc))
        html.shows = f"{doc.file}{TEXT}" if doc.file else ""
        self._text = doc, html
        return html

    def render(
        self, template: str, title: str, path: str, trail: Trail | None = None, **context: Any
    ) -> View:
        """A page from a template. Its making raises what Jinja raises; nothing is filled in silently.

        trail: None for the title alone.
        """
        context |= {"title": title, "path": path, "trail": [(title, "")] if trail is None else trail}
        return self.page(
            context, lambda: self.env.get_template(template).render(context), Path(template).suffix
        )

    def page(self, shown: object, make: Callable[[], str | bytes], ending: str = ".html") -> View:
        """A page. shown: all that it is made from; whatever words of documents it shows are in there."""
        return View(make, ending, words_in(shown))

    @cached_property
    def linked(self) -> frozenset[str]:
        """To which lists through a filter a text or the menu may lead: "/lectures/category/" and "/category/books/"."""
        menu = (mentions_of(item.to) for item in self.library.site.menu)
        found = set(chain.from_iterable(filter(None, [*self.library.mentions.values(), *menu])))
        return frozenset(half for half in found if half.startswith(FILTERED) or half.endswith(FILTERED))

    def changed(self, doc: Document) -> datetime | None:
        """When a page last changed: as staff say, or as its meetings were told anew; None when nobody says."""
        known = [self.told[uid(self.library.site, doc, each)].changed for each in meetings(doc)]
        times = [datetime.fromisoformat(each) for each in known if each]
        return max(filter(None, [doc.last_change, *times]), default=None)

    @cached_property
    def searched(self) -> list[tuple[Document, Attached | None]]:
        """What the search knows, in its order: pages, what can be applied for first, then the newest; then their documents."""
        ranks = {"open": 0, "upcoming": 1, "": 2}

        def place(doc: Document) -> tuple[int, float, str]:
            changed = doc.last_change.timestamp() if doc.last_change else 0.0
            return ranks.get(state_of(doc, self.library.now), 3), -changed, doc.link

        docs = sorted(self.library.everything(), key=place)
        return [*((doc, None) for doc in docs), *((doc, file) for doc in docs for _, file in doc.documents)]

    @cached_property
    def list_titles(self) -> dict[str, str]:
        """What each list is called: as in the menu, or by the name of its kind."""
        labels = {item.to: item.label for item in self.library.site.menu}
        kinds = (kind for kind in KINDS.values() if kind.noun in LISTED)
        return {kind.noun: labels.get(link(kind.noun), kind.list_title) for kind in kinds}


class Compiled(BytecodeCache):
    """Templates as Jinja compiled them."""

    def __init__(self, program: Kept) -> None:
        self._program = program

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._program.get(bucket.key, bucket.checksum)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # then they are compiled again
            self._program.put(bucket.key, bucket.checksum, bucket.bytecode_to_string())


def state_of(doc: Document, now: datetime) -> str:
    """ "upcoming", "open" or "closed" of a page with a form and of a vote; "" of any other."""
    if isinstance(doc, Poll):
        return "upcoming" if now < doc.opens else "open" if now < doc.closes else "closed"
    return "" if doc.spec is None else "closed" if doc.off else form_state(doc.spec, now)


def card(doc: Document, library: Library) -> Card:
    """The card of a page at the library's time."""
    now = library.now
    made = Card(doc, phase_of(doc, now, bool(library.result_of(doc))), state_of(doc, now))
    match doc:
        case Poll():
            when = korean.period(doc.opens, doc.closes, now)
            return replace(made, opens=doc.opens, closes=doc.closes, when=when)
        case Proposal():
            poll = library.get("votes", doc.vote)
            kind = poll.type(doc.type) if isinstance(poll, Poll) else None
            when, cost, stage = kind.label if kind else "", korean.won(doc.cost), library.stage(doc)
            return replace(made, when=when, where=doc.area, cost=cost, stage=stage)
    made = replace(made, when=summary(doc, now), where=str(getattr(doc, "where", None) or ""))
    if rounds := [each for each in rounds_of(doc) if doc.off or round_state(each, now) == made.state]:
        opens, closes = min(each.opens for each in rounds), max(each.closes for each in rounds)
        made = replace(made, opens=opens, closes=closes, places=sum(each.round.places for each in rounds))
    return made


def as_json(value: object) -> str:
    """Short, and always the same for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def words_in(value: object) -> frozenset[str]:
    """Whose words (see View.shows) a value may show: of each document, card and text, wherever it lies in it."""
    found = set()
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, PageText):
            found.add(each.shows)
        elif isinstance(each, (str, int)):  # quick, where thousands of plain texts are listed
            continue
        elif isinstance(each, (Card, Document)):
            found.add((each.doc if isinstance(each, Card) else each).file)
        elif isinstance(each, (list, tuple)):
            waiting += each
        elif isinstance(each, Mapping):
            waiting += each.values()
        else:
            kind: Any = type(each)
            waiting += [getattr(each, name) for name in _parts_of(kind)]
    return frozenset(filter(None, found))


@cache
def _parts_of(kind: Any) -> tuple[str, ...]:
    return tuple(part.name for part in fields(kind)) if is_dataclass(kind) else ()
