"""Files beside a page as files of the site: documents as they are, pictures in each of their widths."""

from collections.abc import Iterator

from flask import abort

from civic.content.facts import TEXT
from civic.content.pages import Document
from civic.files import place_of, whole_file
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
        for doc in (*library.everything(), *library.drafts):
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
    place = place_of(edition.library.content, f"{doc.file.removesuffix('index.md')}{found.name}")

    def make() -> bytes:
        raw = whole_file(place)
        return derived(raw, found, width, kind, edition.derived) if kind else raw

    return View(make, f".{name.rpartition('.')[2]}", frozenset({f"{doc.file}{TEXT}"}))
