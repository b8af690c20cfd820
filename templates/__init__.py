"""How templates are set up, for the pages of the site and for the pages that the API answers with."""

from collections.abc import Callable, MutableMapping
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from civic import korean
from civic.clock import Clock
from civic.content.poll import Poll
from civic.content.site import Site
from civic.library import Library
from civic.links import api, link
from civic.places.phases import entry_said, explain, phase_of, result_told

FOLDER = Path(__file__).parent


class NotText(ValueError):
    """A template, stylesheet or script that is not UTF-8. Says file and line."""


def text_of(file: Path) -> str:
    """What a template, stylesheet or script says. Raises NotText."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        line = wrong.object.count(b"\n", 0, wrong.start) + 1
        raise NotText(f"{file}:{line}: UTF-8이 아닙니다. 편집기에서 UTF-8로 저장하세요") from wrong


class Addressed(Protocol):
    """Anything that knows under which address an asset is served."""

    def url(self, name: str) -> str: ...


class FixedGlobals(Environment):
    """Its globals are all there before its first template: else Jinja looks through two levels of them at every import."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **d} if d else self.globals


def plain(folder: Path, **more: Any) -> Environment:
    """An environment for files that are no pages of the site: HTML is escaped, names that are not given are errors."""
    loader, strict = FileSystemLoader(folder), StrictUndefined
    return Environment(
        loader=loader, autoescape=select_autoescape(), undefined=strict, trim_blocks=True, **more
    )


def environment(library: Library, assets: Addressed, clock: Clock, demo: bool) -> Environment:
    """The one Jinja environment. Names that are not given are errors, and everything is escaped."""
    env = FixedGlobals(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    env.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": True}
    env.globals.update(template_globals(library, assets, clock, demo))
    return env


def template_globals(library: Library, assets: Addressed, clock: Clock, demo: bool) -> dict[str, Any]:
    """What every template can use, besides what it is given.

    site, demo, live: site.toml; does every page say that this is a demonstration; does it wait for the next build.
    now(): the time. words: see `spoken`. department(key), contacts(doc), has_page(slug), draw_of(subject),
    result_of(doc), subjects(), categories_in_use(): what the library has. asset(name), link(noun, slug), api(folder, slug):
    addresses. menu_current(path): the menu address above a path.
    phase(doc, state), entry_said(…): see civic.places.phases. explain(form), result_told(form): of a sign-up form.
    slot(poll): what a ballot of the poll is sealed with (`rules` is the fingerprint that pages print); may it be held.
    """

    @cache
    def slot(poll: Poll) -> Any:
        from civic.votes.envelope import slot_of  # here: a build without votes needs no cryptography

        return slot_of(poll, library.proposals(poll.slug))

    return {
        "site": library.site,
        "demo": demo,
        "live": False,
        "now": clock.now,
        "words": spoken(clock),
        **{name: getattr(library, name) for name in ("contacts", "draw_of", "result_of", "subjects")},
        "department": library.site.departments.get,
        "categories_in_use": partial(categories_in_use, library),
        "has_page": lambda slug: library.get("pages", slug) is not None,
        "asset": assets.url,
        "link": link,
        "api": api,
        "menu_current": partial(menu_current, library.site),
        "phase": lambda doc, state="": phase_of(doc, clock.now(), bool(library.result_of(doc)), state),
        "entry_said": lambda entry, doc, round_, rank: entry_said(entry, doc, round_, rank, clock.now()),
        "explain": explain,
        "result_told": lambda spec: result_told(spec, clock.now()),
        "slot": slot,
    }


def spoken(clock: Clock) -> SimpleNamespace:
    """civic.korean, its dates as they are written at this time."""

    def dated(name: str) -> Callable[..., str]:
        return lambda *days: getattr(korean, name)(*days, clock.now())

    return SimpleNamespace(**{**vars(korean), **{name: dated(name) for name in korean.DATED}})


def categories_in_use(library: Library) -> list[str]:
    """What the categories that some page is of are called, in the order of site.toml."""
    used = {doc.category for doc in library.everything()}
    return [label for key, label in library.site.categories.items() if key in used]


def menu_current(site: Site, path: str) -> str:
    """The menu address under which a page lies: the longest that fits; "" when none does."""
    places = [item.to for item in site.menu]
    fitting = (to for to in places if path == to or (to != "/" and path.startswith(to)))
    return max(fitting, key=len, default="")
