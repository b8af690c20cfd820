"""One edition of the site: the library, the assets and the templates that its pages are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from jinja2 import Environment, TemplateError
from markupsafe import Markup

import templates
from civic.clock import Clock
from civic.content.facts import TEXT, mentions_of
from civic.content.pages import Document, Lecture
from civic.content.poll import Poll
from civic.content.prose import page_behind, prose, without_links
from civic.content.reading import KINDS
from civic.library import Library
from civic.links import FILTERS, FOLDERS, LISTED, link
from publish.cards import Card, card
from publish.pages import Page, Writer, digest
from publish.sources import Sources
from templates import Addressed, environment

Trail = list[tuple[str, str]]
Values = dict[str, Any]
IN_A_LIST = f"/<any({','.join(FOLDERS[noun] for noun in LISTED)}):folder>"  # the rule of a folder whose kind has a list
FILTERED = tuple(f"/{each}/" for each in FILTERS)


class Route(NamedTuple):
    """One sort of address: Flask's rules for it, the view that answers, and what fills the rules for each address there is."""

    endpoint: str
    rules: tuple[str, ...]
    view: Callable[..., Page]
    values: Callable[[], Iterable[Values]] = lambda: ({},)


class Served(Addressed, Protocol):
    """The assets of a build: where each is served, and all their files."""

    @property
    def files(self) -> Mapping[str, bytes]: ...


class PageText:
    """A page's text, made into HTML only where it is shown."""

    def __init__(self, library: Library, doc: Document) -> None:
        self._library, self._doc = library, doc
        self.shows = f"{doc.file}{TEXT}" if doc.file else ""

    @property
    def made_from(self) -> str:
        """The file's bytes, and those pages that it may link to and that are not shown now."""
        file, hidden = self._doc.file, self._library.hidden
        mentions = self._library.mentions.get(file)
        gone = hidden if mentions is None else hidden.intersection(mentions)
        return "\0".join([file, self._library.digests.get(file, self._doc.body), *sorted(gone)])

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
        self.asked: dict[str, str] = {}  # what pages asked for beyond their context, and the answer as text
        self._slot: Callable[[Poll], Any] = cast(Any, self.env.globals["slot"])
        self.env.globals["slot"] = self._asked_slot
        self.env.globals["card_html"] = self._card_html
        self.sources = Sources(templates.FOLDER)
        self.writer = Writer(library.heads)
        self._set_up = [demo, live]
        self._cards: dict[str, Card] = {}
        self._html: dict[tuple[str, int], Markup] = {}  # of cards, by address and level of their headings
        self.catalogues: dict[str, Any] = {}  # noun -> its lists, kept for publish.lists

    def compile_templates(self, needed: bool) -> None:
        """Have the templates of pages ready: processes that are forked later do not compile them again."""
        for name in self.sources.texts if needed else ():
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

    def html(self, doc: Document) -> PageText:
        """A page's text as safe HTML, made when it is shown."""
        return PageText(self.library, doc)

    def render(self, template: str, *, title: str, path: str, trail: Trail, **context: Any) -> Page:
        """A page from a template. Its making raises what Jinja raises; nothing is filled in silently."""
        context |= {"title": title, "path": path, "trail": trail}
        text = context.get("html")
        return self.page(
            [template, self.sources.of(template), self._globals, context],
            lambda: self.env.get_template(template).render(context),
            Path(template).suffix,
            ahead=text.__str__ if isinstance(text, PageText) else None,
        )

    def page(
        self,
        made_from: object,
        make: Callable[[], str | bytes],
        ending: str = ".html",
        ahead: Callable[[], object] | None = None,
    ) -> Page:
        """A page of which everything that it is made from is known."""
        self.writer.shown.clear()
        try:
            key = digest(self.writer.write(made_from))
        except TypeError:
            key = ""
        return Page(key, make, ending, frozenset(self.writer.shown), ahead)

    @cached_property
    def _globals(self) -> str:
        """What every template can see besides its own context and what it asks for."""
        draws = sorted(each.record.digest for each in self.library.draws.values())
        plain = sorted(page.slug for page in self.library.of("page"))
        seen = [self.library.site, self._set_up, sorted(self.assets.files), draws, plain]
        return digest(self.writer.write(seen))

    @cached_property
    def frame(self) -> str:
        """Everything that pages are made from but the words of documents (texts, titles, summaries) and the clock, as a digest."""
        library = self.library
        files = [f"{file}@{library.frames.get(file, whole)}" for file, whole in library.digests.items()]
        templates = [self.sources.of(name) for name in self.sources.texts]
        return digest(
            self._globals, *sorted(files), *sorted(library.hidden), *sorted(self.linked), *templates
        )

    @cached_property
    def linked(self) -> frozenset[str]:
        """To which lists through a filter a text or the menu may lead: "/lectures/category/" and "/category/books/"."""
        menu = (mentions_of(item.to) for item in self.library.site.menu)
        found = set(chain.from_iterable(filter(None, [*self.library.mentions.values(), *menu])))
        return frozenset(half for half in found if half.startswith(FILTERED) or half.endswith(FILTERED))

    def answer(self, question: str) -> str:
        """What a page that asked this would be told now."""
        vote = self.library.get("votes", question)
        return repr(self._slot(vote)) if isinstance(vote, Poll) else ""

    def _asked_slot(self, poll: Poll) -> Any:
        found = self._slot(poll)
        self.asked[poll.slug] = repr(found)
        return found

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
