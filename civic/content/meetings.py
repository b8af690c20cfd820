"""When does what somebody signed up for take place? Its meetings, in words and as a calendar file. No clock, no files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from civic import korean
from civic.content.form import Round
from civic.content.pages import Document, Event, Lecture, Session, Site


@dataclass(frozen=True)
class Meeting:
    """One time to be there. `part` tells the meetings of a page apart: "" where it has only one."""

    part: str
    starts: datetime
    ends: datetime | None = None  # None when staff gave no end
    topic: str = ""


def meetings(doc: Document | None, round_: Round | None = None) -> tuple[Meeting, ...]:
    """Every meeting of a page or, with a round, of that round, in order; () while no date is set.

    A lecture's sessions within the round are its meetings: a course is not one block from its first hour to
    its last. Otherwise the round's own time counts, then the page's.
    """
    sessions = _sessions(doc.sessions, round_) if isinstance(doc, Lecture) else ()
    if sessions:
        return sessions
    if round_ and round_.starts:
        return (Meeting(f"-round-{round_.id}", round_.starts, round_.ends),)
    if isinstance(doc, Event):
        return (Meeting("", doc.starts, doc.ends),)
    return ()


def when(doc: Document | None, round_: Round) -> list[str]:
    """The same in words, one line per meeting; a lecture without dates says its time as staff wrote it."""
    found = [
        korean.period(one.starts, one.ends) if one.ends else korean.short_moment(one.starts)
        for one in meetings(doc, round_)
    ]
    if not found and isinstance(doc, Lecture) and doc.when:
        return [doc.when]
    return found


def summary(doc: Document) -> str:
    """All meetings of a page in one line: "9월 9일(토) ~ 9월 23일(토), 매주 토요일 10:00~12:00, 모두 3회".

    Classes that meet apart are joined by "또는". A lecture without dates says its time as staff wrote it.
    """
    rounds = doc.spec.rounds if doc.spec else ()
    classes = dict.fromkeys(meetings(doc, each) for each in rounds if each.starts)
    apart = len(classes) > 1 and isinstance(doc, Lecture) and all(classes)
    found = [_span(each) for each in (classes if apart else [meetings(doc)]) if each]
    days = {one.starts.date() for each in classes for one in each}
    if apart and len(days) == 1:
        said = korean.short_day(days.pop()) + " "
        found[1:] = [text.removeprefix(said) for text in found[1:]]
    if not found and isinstance(doc, Lecture):
        return doc.when
    return " 또는 ".join(found)


def _span(found: tuple[Meeting, ...]) -> str:
    first, last = found[0], found[-1]
    if len(found) == 1:
        return korean.period(first.starts, first.ends) if first.ends else korean.short_moment(first.starts)
    count = f"모두 {len(found)}회"
    days = [one.starts.date() for one in found]
    if days[0] == days[-1]:
        return f"{korean.period(first.starts, last.ends or last.starts)}, {count}"
    text = f"{korean.short_day(days[0])} ~ {korean.short_day(days[-1])}, "
    if len({day.weekday() for day in days}) == 1:
        weekly = all(after - before == timedelta(days=7) for before, after in pairwise(days))
        text += f"{'매주 ' if weekly else ''}{korean.WEEKDAYS[days[0].weekday()]}요일 "
    hours = {f"{one.starts:%H:%M}~{one.ends or one.starts:%H:%M}" for one in found}
    if len(hours) == 1:
        text += hours.pop()
    return f"{text.rstrip(', ')}, {count}"


def where(doc: Document | None, round_: Round | None) -> str:
    """The place: the round's, or the page's; "" when neither is said."""
    return (round_.where if round_ else "") or str(getattr(doc, "where", ""))


def calendar_file(site: Site, entries: Iterable[tuple[Document, Round | None]], address: str = "") -> bytes:
    """The meetings of these pages, or of one round of each, as one iCalendar file; without any it is empty.

    The same meeting has the same UID in every file: who takes both the page's and the receipt's has it once.
    address: where the pages are served, when not at the site's base_url.
    """
    host = urlsplit(site.base_url).hostname
    base = address or site.base_url

    def event(doc: Document, round_: Round | None, one: Meeting) -> str:
        # The standard asks when this was written: when staff last changed the page, not when it was built.
        properties = [
            ("UID", text(f"{doc.folder}-{doc.slug}{one.part}@{host}")),
            ("DTSTAMP", utc(doc.last_change or one.starts)),
            ("DTSTART", utc(one.starts)),
            *([("DTEND", utc(one.ends))] if one.ends else []),
            ("SUMMARY", text(_title(doc, round_, one))),
            ("LOCATION", text(where(doc, round_))),
            ("URL", base + doc.link),
        ]
        return component("VEVENT", properties)

    book = [("VERSION", "2.0"), ("PRODID", "-//Madang//KO"), ("X-WR-CALNAME", text(site.name))]
    events = (event(doc, each, one) for doc, each in entries for one in meetings(doc, each))
    return f"{component('VCALENDAR', book, events)}\r\n".encode()


def _title(doc: Document, round_: Round | None, one: Meeting) -> str:
    topic = one.topic or (round_.label if round_ and one.part else "")
    return f"{doc.title}: {topic}" if topic else doc.title


def _sessions(sessions: Iterable[Session], round_: Round | None) -> tuple[Meeting, ...]:
    """Those within the round's time; all of them where it has none. A round without an end is over by midnight."""
    first = round_.starts if round_ else None
    last = (round_.ends if round_ else None) or (_midnight(first) if first else None)
    return tuple(
        Meeting(f"-{number}", one.starts, one.ends, one.topic)
        for number, one in enumerate(sessions, 1)
        if not (first and last) or (first <= one.starts and one.ends <= last)
    )


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


# iCalendar text (RFC 5545): components of properties, escaped and folded. No zones, no repetition.

LONGEST = 75  # bytes of a line, its end not counted (3.1)
_SIGN = re.compile(r"\\?.", re.DOTALL)  # what no line may be divided within
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # not allowed in a text, escaped or not (3.3.11)


def component(name: str, properties: Iterable[tuple[str, str]], inside: Iterable[str] = ()) -> str:
    """BEGIN:name to END:name. properties: names and values as they are to be written; inside: components."""
    lines = [folded(f"{key}:{value}") for key, value in properties]
    return "\r\n".join([f"BEGIN:{name}", *lines, *inside, f"END:{name}"])


def text(value: str) -> str:
    """Words as a TEXT value."""
    if not value.isprintable():
        value = _CONTROL.sub("", value.replace("\r\n", "\n"))
    return value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def utc(at: datetime) -> str:
    """An aware time as a DATE-TIME in UTC: no rules of a zone have to stand beside it (3.6.5)."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def folded(line: str) -> str:
    """A line of any length as lines of at most 75 bytes."""
    if len(line.encode()) <= LONGEST:
        return line
    rows = [""]
    size = 0
    for sign in _SIGN.findall(line):
        more = len(sign.encode())
        if size + more > LONGEST:
            rows.append(" ")
            size = 1
        rows[-1] += sign
        size += more
    return "\r\n".join(rows)
