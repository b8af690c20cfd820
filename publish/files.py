"""What is new, for feed readers (Atom), and what there is, for search engines. No wall clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape

from civic.clock import SEOUL
from civic.content.pages import Document
from civic.library import Library
from civic.links import LISTED, link
from publish.edition import Edition

NEWEST = 30
_BEGINNING = datetime(2000, 1, 1, tzinfo=SEOUL)  # of a feed without entries: any fixed time will do


def feed(edition: Edition, noun: str = "") -> str:
    """The newest pages of a kind, or of all kinds, as Atom. Pages without a date are left out."""
    site = edition.library.site
    newest = entries(edition, noun)
    title = f"{site.name} | {edition.list_titles[noun]}" if noun else site.name
    home = link(noun) if noun else link("home")
    address = home + "feed.xml"
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ko">',
        f"<title>{escape(title)}</title>",
        f"<id>{escape(site.base_url + address)}</id>",
        f'<link rel="self" href="{escape(site.base_url + address)}"/>',
        f'<link href="{escape(site.base_url + home)}"/>',
        f"<updated>{max((changed for changed, _ in newest), default=_BEGINNING).isoformat()}</updated>",
        f"<author><name>{escape(site.organisation)}</name></author>",
        *(_entry(edition, doc, changed) for changed, doc in newest),
        "</feed>",
    ]
    return "\n".join(lines) + "\n"


def entries(edition: Edition, noun: str = "") -> list[tuple[datetime, Document]]:
    """(last change, page) of what a feed holds, newest first."""
    dated = [
        (changed, doc)
        for each in ([noun] if noun else LISTED)
        for doc in edition.library.of(each)
        if (changed := doc.last_change) is not None
    ]
    return sorted(dated, key=lambda pair: (-pair[0].timestamp(), pair[1].link))[:NEWEST]


def sitemap_entries(library: Library, listed: Iterable[str]) -> list[tuple[str, str]]:
    """(address, day of the last change or "") of every page. listed: addresses of pages that are not documents."""
    changes = {doc.link: doc.updated or doc.published for doc in library.everything()}
    days = {address: day.isoformat() if day else "" for address, day in changes.items()}
    return [(address, days.get(address, "")) for address in sorted({*listed, *days})]


def sitemap(base_url: str, entries: Iterable[tuple[str, str]]) -> str:
    """Every page for search engines."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
    ]
    for address, day in entries:
        changed = f"<lastmod>{day}</lastmod>" if day else ""
        lines.append(f"<url><loc>{escape(base_url + address)}</loc>{changed}</url>")
    return "\n".join([*lines, "</urlset>"]) + "\n"


def robots(edition: Edition) -> str:
    """What search engines leave alone."""
    return f"User-agent: *\nDisallow: /api/\nDisallow: /my/\n\nSitemap: {edition.library.site.base_url}/sitemap.xml\n"


def _entry(edition: Edition, doc: Document, changed: datetime) -> str:
    address = edition.library.site.base_url + doc.link
    summary = f"<summary>{escape(doc.summary)}</summary>" if doc.summary else ""
    return (
        f"<entry><title>{escape(doc.title)}</title><id>{escape(address)}</id>"
        f'<link href="{escape(address)}"/><updated>{changed.isoformat()}</updated>{summary}</entry>'
    )
