"""Calendar files: one for each page with fixed times, and one with all of them. No wall clock."""

from __future__ import annotations

from collections.abc import Iterable

from civic.content.meetings import calendar_file, meetings
from civic.content.pages import Document
from publish.edition import Edition


def has_times(doc: Document) -> bool:
    """Does the page have fixed times, and so a calendar file?"""
    return bool(meetings(doc))


def calendar(edition: Edition, docs: Iterable[Document]) -> bytes:
    """The fixed times of these pages as one iCalendar file; an empty calendar when there are none."""
    return calendar_file(edition.library.site, ((doc, None) for doc in docs))
