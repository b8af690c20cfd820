"""Files beside a page as files of the site: documents as they are, pictures in each of their widths."""

import os
from collections.abc import Iterator

from flask import abort

from civic.content.facts import TEXT
from civic.content.pages import Document
from civic.files import whole_file
from civic.text import nfc
from publish.edition import IN_A_LIST, Edition, Route, Values
from publish.pictures import derived, names_of
from publish.render import View


def routes(edition: Edition) -> Iterator[Route]:
    """Every document, and every picture in each of its widths."""
    library = edition.library

    def view(slug: str, name: str, folder: str = "pages") -> View:
        doc = library.get(folder, slug) or abort(404)
        return file(edition, doc, name)

    def values() -> Iterator[Values]:
        for doc in library.everything():
            folder = {} if doc.noun == "page" else {"folder": doc.folder}
            for name in names_of(doc):
                yield {**folder, "slug": doc.slug, "name": name}

    listed = [each for each in values() if "folder" in each]
    at_root = [each for each in values() if "folder" not in each]
    yield Route("attachment", (f"{IN_A_LIST}/<slug>/<name>",), view, lambda: listed)
    yield Route("page_attachment", ("/<slug>/<name>",), view, lambda: at_root)


def file(edition: Edition, doc: Document, name: str) -> View:
    """One of them."""
    found, width, kind = names_of(doc).get(name) or abort(404)
    folder = edition.library.content / doc.file.removesuffix("index.md")

    def make() -> bytes:
        # The folder may spell the name in pieces, as a Mac does.
        there = next((each for each in os.listdir(folder) if nfc(each) == found.name), found.name)  # noqa: PTH208
        raw = whole_file(folder / there)
        return derived(raw, found, width, kind, edition.derived) if kind else raw

    return View(make, f".{name.rpartition('.')[2]}", frozenset({f"{doc.file}{TEXT}"}))
