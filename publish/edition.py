"""One edition of the site: the library, the assets and the templates that its pages are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

from jinja2 import Environment, TemplateError
from markupsafe import Markup

from civic.clock import Clock
from civic.content.facts import TEXT
from civic.content.pages import KINDS, Document, Lecture
from civic.content.prose import page_behind, prose, without_links
from civic.content.targets import mentions_of
from civic.library import Library
from civic.links import FILTERS, LISTED, link
from publish.cards import Card, card
from publish.render import Page
from templates import environment

Trail = list[tuple[str, str]]
FILTERED = tuple(f"/{each}/" for each in FILTERS)


class Served(Protocol):
    """The assets of a build: where each is served, and all their files."""

    @property
    def files(self) -> Mapping[str, bytes]: ...

    def url(self, name: str) -> str: ...


class Text:
    """A page's text, made into HTML only where it is shown."""

    def __init__(self, library: Library, doc: Document) -> None:
        self._library, self._doc = library, doc
        self.shows = f"{doc.file}{TEXT}" if doc.file else ""

    @cached_property
    def html(self) -> Markup:
        """Safe HTML; links to pages that are not shown now are plain words."""
        text = prose(self._library.body(self._doc))
        hidden = self._library.hidden
        if any(page_behind(target) in hidden for target in text.links):
            return Markup(without_links(text.html, hidden.__contains__))  # noqa: S704 (sanitised by prose)
        return Markup(text.html)  # noqa: S704 (sanitised by prose)

    def __html__(self) -> str:
        return self.html

    def __str__(self) -> str:
        return self.html

    def __bool__(self) -> bool:
        return bool(self.html)


class Edition:
    """Everything that views need, made once."""

    def __init__(
        self, library: Library, assets: Served, clock: Clock, demo: bool, live: bool = False
    ) -> None:
        self.library = library
        self.assets = assets
        self.env: Environment = environment(library, assets, clock, demo)
        self.env.globals["live"] = live
        self.env.globals["card_html"] = self._card_html
        self._cards: dict[str, Card] = {}
        self._html: dict[tuple[str, int], Markup] = {}  # of cards, by address and level of their headings
        self.catalogues: dict[str, Any] = {}  # noun -> its lists, kept for publish.lists

    def compile_templates(self) -> None:
        """Have the templates of pages ready: processes that are forked later do not compile them again."""
        for name in self.env.list_templates(("html",)):
            if name.startswith(("pages/", "components/")):
                with suppress(TemplateError):  # said where a page needs it
                    self.env.get_template(name)

    def card(self, doc: Document) -> Card:
        """The card of a page; the same one each time."""
        if doc.link not in self._cards:
            self._cards[doc.link] = card(doc, self.library)
        return self._cards[doc.link]

    def cards(self, noun: str) -> list[Card]:
        """The cards of a kind in the order of its list."""
        return [self.card(doc) for doc in self.library.of(noun)]

    def _card_html(self, card: Card, level: int) -> Markup:
        """A card as HTML; the same one stands in many lists."""
        if (card.doc.link, level) not in self._html:
            module: Any = self.env.get_template("components/cards.html").module
            self._html[card.doc.link, level] = module.card_item(card, level)
        return self._html[card.doc.link, level]

    def html(self, doc: Document) -> Text:
        """A page's text as safe HTML, made when it is shown."""
        return Text(self.library, doc)

    def render(self, template: str, *, title: str, path: str, trail: Trail, **context: Any) -> Page:
        """A page from a template. Its making raises what Jinja raises; nothing is filled in silently."""
        context |= {"title": title, "path": path, "trail": trail}
        return self.page(context, lambda: self.env.get_template(template).render(context))

    def page(self, shown: object, make: Callable[[], str | bytes], ending: str = ".html") -> Page:
        """A page. shown: all that it is made from; whatever words of documents it shows are in there."""
        return Page(make, ending, words_in(shown))

    @cached_property
    def linked(self) -> frozenset[str]:
        """To which lists through a filter a text or the menu may lead: "/lectures/category/" and "/category/books/"."""
        menu = (mentions_of(item.to) for item in self.library.site.menu)
        found = set(chain.from_iterable(filter(None, [*self.library.mentions.values(), *menu])))
        return frozenset(half for half in found if half.startswith(FILTERED) or half.endswith(FILTERED))

    @cached_property
    def list_titles(self) -> dict[str, str]:
        """What each list is called: as in the menu, or by the name of its kind."""
        labels = {item.to: item.label for item in self.library.site.menu}
        return {
            kind.noun: labels.get(link(kind.noun), kind.list_title)
            for kind in KINDS.values()
            if kind.noun in LISTED
        }

    @cached_property
    def series(self) -> dict[str, list[Lecture]]:
        """Series -> its lectures, in list order; those of no series under ""."""
        found: dict[str, list[Lecture]] = {}
        for doc in self.library.of("lecture"):
            if isinstance(doc, Lecture):
                found.setdefault(doc.series, []).append(doc)
        return found


def words_in(value: object) -> frozenset[str]:
    """Whose words (see Page.shows) a value may show: of each document, card and text, wherever it lies in it."""
    found = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (str, int)):
            continue
        if isinstance(each, Card):
            each = each.doc
        if isinstance(each, Document):
            found.add(each.file)
        elif isinstance(each, Text):
            found.add(each.shows)
        elif isinstance(each, (list, tuple)):
            waiting += each
        elif isinstance(each, Mapping):
            waiting += each.values()
        elif is_dataclass(each) and not isinstance(each, type):
            waiting += [getattr(each, part.name) for part in fields(each)]
    return frozenset(filter(None, found))
