"""Pages that the API answers with, from the same templates as the site. No decisions."""

from __future__ import annotations

from typing import Any

from flask import Response

from civic.content.pages import Document, Site
from civic.links import link
from forms_api.shelf import Templates

Trail = list[tuple[str, str]]


class Renderer:
    """Fills templates; what every page gets is filled in here."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def page(
        self, template: str, *, title: str, path: str, trail: Trail, status: int = 200, **context: Any
    ) -> Response:
        """One HTML answer."""
        text = self._templates.get_template(template).render(title=title, path=path, trail=trail, **context)
        return Response(text, status=status, mimetype="text/html")


def trail_to(site: Site, doc: Document | None, last: str) -> Trail:
    """The breadcrumb of a page about a subject: home, the menu's entry of its kind, the subject's page, this page."""
    middle = [(item.label, item.to) for item in site.menu if doc and item.to == link(doc.noun)]
    middle += [(doc.title, doc.link)] if doc else []
    return [("홈", link("home")), *middle, (last, "")]


def trail_of_entry(last: str) -> Trail:
    """The breadcrumb of a page about an entry: home, look-up, this page."""
    return [("홈", link("home")), ("내 신청 확인", link("my")), (last, "")]
