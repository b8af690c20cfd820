"""The page of one document: what its template gets besides the document itself."""

from __future__ import annotations

from typing import Any

from civic.content.pages import Document, Lecture, Poll, Proposal
from civic.links import LISTED, link
from publish.calendars import has_times
from publish.edition import Edition, Trail
from publish.render import Page


def detail(edition: Edition, doc: Document) -> Page:
    """The page of a document, from templates/pages/<noun>.html."""
    trail: Trail = [(doc.title, "")]
    if doc.noun in LISTED:
        trail.insert(0, (edition.list_titles[doc.noun], link(doc.noun)))
    return edition.render(
        f"pages/{doc.noun}.html",
        title=doc.title,
        path=doc.link,
        trail=trail,
        doc=doc,
        html=edition.html(doc),
        card=edition.card(doc),
        has_calendar=has_times(doc),
        **_more(edition, doc),
    )


def my(edition: Edition) -> Page:
    """Where citizens look up their entry; the form is answered by the API."""
    title = "내 신청 확인"
    return edition.render("pages/my.html", title=title, path=link("my"), trail=[(title, "")])


def not_found(edition: Edition) -> Page:
    """What every unknown address shows."""
    title = "찾는 화면이 없습니다"
    return edition.render("pages/not_found.html", title=title, path="/404.html", trail=[(title, "")])


def _more(edition: Edition, doc: Document) -> dict[str, Any]:
    library = edition.library
    match doc:
        case Proposal():
            return {"vote": library.get("votes", doc.vote)}
        case Poll():
            proposals = library.proposals(doc.slug)
            result = library.results.get(doc.slug)
            return {
                "groups": [
                    (kind, [each for each in proposals if each.type == kind.id]) for kind in doc.types
                ],
                "result": result.link if result else "",
            }
        case Lecture():
            same = edition.series.get(doc.series, []) if doc.series else []
            return {
                "series": library.site.series.get(doc.series),
                "siblings": [edition.card(each) for each in same if each.slug != doc.slug],
            }
        case _:
            return {}
