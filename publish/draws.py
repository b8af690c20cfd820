"""The page and the file of a draw: `/results/<kind>-<slug>/`, with everything needed to work the order out again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flask import Flask, Response

from civic.draws import Draw
from civic.links import NOUNS, link
from civic.places.draw_record import FILE
from publish.edition import Edition, Trail
from publish.render import Page

CHECK = "check_draw.py"
KINDS = {FILE: "application/json", CHECK: "text/x-python"}

Address = tuple[str, dict[str, str | int]]


def add_draws(app: Flask, edition: Edition) -> None:
    """The rules of this part of the site; none where no draw is published."""
    for slug, draw in sorted(edition.library.draws.items()):
        # Whole addresses, so that they come before the pattern of votes' results.
        app.add_url_rule(f"/results/{slug}/", f"draw_{slug}", partial(draw_page, edition, draw))
        for name, content in files_of(draw).items():
            app.add_url_rule(
                f"/results/{slug}/{name}",
                f"draw_{slug}_{name}",
                partial(Response, content, mimetype=KINDS[name]),
            )


def draw_addresses(edition: Edition) -> Iterator[Address]:
    """Every page and file of every draw."""
    for slug, draw in sorted(edition.library.draws.items()):
        yield f"draw_{slug}", {}
        for name in files_of(draw):
            yield f"draw_{slug}_{name}", {}


def files_of(draw: Draw) -> dict[str, bytes]:
    """Name -> content of what is offered for download; before the draw there is nothing to check."""
    if not draw.document.is_drawn:
        return {FILE: draw.raw}
    return {FILE: draw.raw, CHECK: (Path(__file__).parent.parent / "static" / CHECK).read_bytes()}


def draw_page(edition: Edition, draw: Draw) -> Page:
    """What was frozen, each round's seed and whole order, and how to work it out again."""
    document = draw.document
    folder, _, slug = document.subject.partition("/")
    doc = edition.library.get(folder, slug)
    title = f"{document.title} 추첨 {'결과' if document.is_drawn else '명단'}"
    noun = NOUNS[folder]
    here: Trail = [(doc.title, doc.link)] if doc else []
    return edition.render(
        "pages/draw.html",
        title=title,
        path=draw.link,
        trail=[(edition.list_titles[noun], link(noun)), *here, ("추첨", "")],
        draw=draw,
        document=document,
        subject=doc,
    )
