"""How templates are set up, for the pages of the site and for the pages that the API answers with."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from civic import korean
from civic.clock import Clock
from civic.content.form import FormSpec
from civic.content.pages import Poll, Proposal
from civic.library import Library
from civic.links import api, link
from civic.places.rules import form_state
from civic.places.words import explain
from civic.votes.envelope import Slot, is_ready, slot_of

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


class Settled(Environment):
    """An environment whose globals are all there before its first template.

    Jinja looks through two levels of names for every import of every page, so that later globals are seen too.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **d} if d else self.globals


def environment(library: Library, assets: Addressed, clock: Clock, demo: bool) -> Environment:
    """The one Jinja environment. Names that are not given are errors, and everything is escaped.

    demo: every page says that this is a demonstration. Globals are listed in ARCHITECTURE.md.
    """
    env = Settled(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    site = library.site

    def state_now(spec: FormSpec) -> str:
        return form_state(spec, clock.now())

    def canonical(path: str) -> str:
        """The whole public address of a path."""
        return site.base_url + path

    def menu_current(path: str) -> str:
        """The menu address under which a page lies: the longest that fits; "" when none does."""
        fitting = [
            item.to for item in site.menu if item.to == path or (item.to != "/" and path.startswith(item.to))
        ]
        return max(fitting, key=len, default="")

    def has_page(slug: str) -> bool:
        """Is there a plain page of that name to link to?"""
        return library.get("pages", slug) is not None

    slots: dict[str, Slot] = {}

    def slot(poll: Poll) -> Slot:
        """What a ballot of this poll is sealed with; `rules` is the fingerprint that pages print."""
        if poll.slug not in slots:
            mine = (p for p in library.of("proposal") if isinstance(p, Proposal) and p.vote == poll.slug)
            slots[poll.slug] = slot_of(poll, mine)
        return slots[poll.slug]

    env.globals.update(
        slot=slot,
        is_ready=is_ready,
        site=site,
        now=clock.now,
        link=link,
        api=api,
        asset=assets.url,
        words=korean,
        department=library.department,
        form_state=state_now,
        explain=explain,
        draw_of=library.draw_of,
        has_page=has_page,
        demo=demo,
        live=False,
        canonical=canonical,
        menu_current=menu_current,
    )
    return env
