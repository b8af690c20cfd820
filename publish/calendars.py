"""Calendar files: one for each page with fixed times, and one with all of them. No wall clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civic.models import Document, Event, Lecture
from publish.edition import Edition
from publish.feeds import last_change

if TYPE_CHECKING:
    from icalendar import Event as Entry


def has_times(doc: Document) -> bool:
    """Does the page have fixed times, and so a calendar file?"""
    return isinstance(doc, Event) or (isinstance(doc, Lecture) and bool(doc.sessions))


def calendar(edition: Edition, docs: Iterable[Document]) -> bytes:
    """The fixed times of these pages as one iCalendar file; an empty calendar when there are none."""
    from icalendar import Calendar  # here, because most builds make no calendar anew

    site = edition.library.site
    found = Calendar()
    found.add("prodid", "-//Madang//KO")
    found.add("version", "2.0")
    found.add("x-wr-calname", site.name)
    for doc in docs:
        for entry in _entries(edition, doc):
            found.add_component(entry)
    return bytes(found.to_ical())


def _entries(edition: Edition, doc: Document) -> Iterator[Entry]:
    match doc:
        case Event():
            yield _entry(edition, doc, "", doc.title, doc.starts, doc.ends, doc.where)
        case Lecture():
            for number, session in enumerate(doc.sessions, 1):
                title = f"{doc.title}: {session.topic}"
                yield _entry(edition, doc, f"-{number}", title, session.starts, session.ends, doc.where)


def _entry(
    edition: Edition, doc: Document, part: str, title: str, starts: datetime, ends: datetime, where: str
) -> Entry:
    from icalendar import Event as Entry

    base = edition.library.site.base_url
    entry = Entry()
    entry.add("uid", f"{doc.folder}-{doc.slug}{part}@{urlsplit(base).hostname}")
    # The standard asks when this was written: when staff last changed the page, not when it was built.
    entry.add("dtstamp", (last_change(doc) or starts).astimezone(UTC))
    entry.add("dtstart", starts.astimezone(UTC))
    entry.add("dtend", ends.astimezone(UTC))
    entry.add("summary", title)
    entry.add("location", where)
    entry.add("url", base + doc.link)
    return entry
