"""When does what somebody signed up for take place? Its meetings, in words and as a calendar file. No clock."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from civic import korean
from civic.content.pages import Document, Event, Lecture, Notice
from civic.content.particulars import Venue
from civic.content.rounds import Round
from civic.content.site import Site


@dataclass(frozen=True)
class Meeting:
    """One time to be there. `part` tells the meetings of a page apart: "" where it has only one."""

    part: str
    starts: datetime
    ends: datetime | None = None  # None when staff gave no end
    topic: str = ""

    def words(self, now: date | None) -> str:
        """ "9월 9일(토) 10:00 ~ 12:00"."""
        return (
            korean.period(self.starts, self.ends, now) if self.ends else korean.short_moment(self.starts, now)
        )


def meetings(doc: Document | None, round_: Round | None = None) -> tuple[Meeting, ...]:
    """Every meeting of a page or, with a round, of that round, in order; () while no date is set.

    A page's sessions within the round are its meetings: a course is not one block from its first hour to
    its last. Otherwise the round's own time counts, then the page's.
    """
    sessions = _sessions(doc, round_) if isinstance(doc, Notice) else ()
    if sessions:
        return sessions
    if round_ and round_.starts:
        return (Meeting(f"-round-{round_.key}", round_.starts, round_.ends),)
    if isinstance(doc, Event) and doc.starts:
        return (Meeting("", doc.starts, doc.ends),)
    return ()


def when(doc: Document | None, round_: Round, now: datetime) -> list[str]:
    """The same in words, one line per meeting; a lecture without dates says its time as staff wrote it."""
    found = [meeting.words(now) for meeting in meetings(doc, round_)]
    return [doc.when] if not found and isinstance(doc, Lecture) and doc.when else found


def summary(doc: Document, now: datetime) -> str:
    """All meetings of a page in one line: "9월 9일(토) ~ 9월 23일(토), 매주 토요일 10:00~12:00, 모두 3회".

    Classes that meet apart are joined by "또는". A lecture without dates says its time as staff wrote it.
    """
    rounds = doc.spec.rounds if doc.spec else ()
    classes = dict.fromkeys(meetings(doc, round_) for round_ in rounds if round_.starts)
    apart = len(classes) > 1 and isinstance(doc, Lecture) and all(classes)
    found = [_span(group, now) for group in (classes if apart else [meetings(doc)]) if group]
    days = {meeting.starts.date() for group in classes for meeting in group}
    if apart and len(days) == 1:
        said = korean.short_day(days.pop(), now) + " "
        found[1:] = [words.removeprefix(said) for words in found[1:]]
    if not found and isinstance(doc, Lecture):
        return doc.when
    return " 또는 ".join(found)


def _span(group: tuple[Meeting, ...], now: date | None) -> str:
    first, last = group[0], group[-1]
    if len(group) == 1:
        return first.words(now)
    count = f"모두 {len(group)}회"
    days = [meeting.starts.date() for meeting in group]
    if days[0] == days[-1]:
        return f"{korean.period(first.starts, last.ends or last.starts, now)}, {count}"
    year = now if days[0].year == days[-1].year else None
    words = f"{korean.short_day(days[0], year)} ~ {korean.short_day(days[-1], year)}, "
    if len({day.weekday() for day in days}) == 1:
        weekly = all(after - before == timedelta(days=7) for before, after in pairwise(days))
        words += f"{'매주 ' if weekly else ''}{korean.WEEKDAYS[days[0].weekday()]}요일 "
    hours = {f"{meeting.starts:%H:%M}~{meeting.ends or meeting.starts:%H:%M}" for meeting in group}
    if len(hours) == 1:
        words += hours.pop()
    return f"{words.rstrip(', ')}, {count}"


def where(doc: Document | None, round_: Round | None) -> Venue | None:
    """The place: the round's, or the page's; None when neither is said."""
    own = round_.where if round_ else None
    return own or (doc.where if isinstance(doc, Notice) else None)


def _location(doc: Document, round_: Round | None) -> str:
    place = where(doc, round_)
    return place.full if place else ""


class Told(NamedTuple):
    """What readers were last told of one meeting. sequence: how often that changed; changed: when it last did."""

    starts: str
    ends: str
    where: str
    status: str
    sequence: int = 0
    changed: str = ""  # ISO; "" while it is as it was told first


def uid(site: Site, doc: Document, meeting: Meeting) -> str:
    """The name of a meeting in every calendar, for good."""
    return f"{doc.folder}-{doc.slug}{meeting.part}@{urlsplit(site.base_url).hostname}"


def told(site: Site, docs: Iterable[Document], before: Mapping[str, Told], now: datetime) -> dict[str, Told]:
    """UID -> what is told of every meeting of these pages now. before: what was told until now."""
    found = dict(before)  # a page that is away for a while goes on where it was
    for doc in docs:
        for meeting in meetings(doc):
            ends = meeting.ends.isoformat() if meeting.ends else ""
            status = getattr(doc, "status", "planned")
            fresh = Told(meeting.starts.isoformat(), ends, _location(doc, None), status)
            old = before.get(uid(site, doc, meeting))
            if old and old[:4] == fresh[:4]:
                fresh = old
            elif old:
                fresh = fresh._replace(sequence=old.sequence + 1, changed=now.isoformat("T", "seconds"))
            found[uid(site, doc, meeting)] = fresh
    return found


def told_from(site: Path | None) -> dict[str, Told]:
    """What a built site tells of its meetings (published.json); nothing where that cannot be read."""
    try:
        text = (site / "published.json").read_text("utf-8") if site else "{}"
        return {name: Told(**each) for name, each in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def told_json(known: Mapping[str, Told]) -> str:
    """The same as text, always in one order."""
    ordered = {name: known[name]._asdict() for name in sorted(known)}
    return json.dumps(ordered, ensure_ascii=False, indent=1) + "\n"


class Invite(NamedTuple):
    """To whom a calendar file goes by mail, and what it does there (RFC 5546)."""

    method: str  # "REQUEST" puts it in or changes it, "CANCEL" takes it out
    organizer: str
    attendee: str
    times: int  # how often its time or place has been told; the file's SEQUENCE rises with it


def calendar_file(
    site: Site,
    entries: Iterable[tuple[Document, Round | None]],
    known: Mapping[str, Told] | None = None,
    invite: Invite | None = None,
) -> bytes:
    """The meetings of these pages, or of one round of each, as one iCalendar file; without any it is empty.

    The same meeting has the same UID in every file: who takes both the page's and the receipt's has it once.
    known: what the site tells of its meetings; so calendars that hold one already take over what changed.
    """

    head = [("VERSION", "2.0"), ("PRODID", "-//Madang//KO"), ("X-WR-CALNAME", escaped(site.name))]
    head += [("METHOD", invite.method)] if invite else []
    events = (
        _event(site, doc, round_, meeting, (known or {}).get(uid(site, doc, meeting)), invite)
        for doc, round_ in entries
        for meeting in meetings(doc, round_)
    )
    return f"{component('VCALENDAR', head, events)}\r\n".encode()


def _event(
    site: Site, doc: Document, round_: Round | None, meeting: Meeting, now: Told | None, invite: Invite | None
) -> str:
    # The standard asks when this was written: when staff last changed the page, not when it was built.
    stamp = doc.last_change or meeting.starts
    if now and now.changed:
        stamp = max(stamp, datetime.fromisoformat(now.changed))
    off = {"cancelled": "CANCELLED", "postponed": "TENTATIVE"}
    status = off.get(getattr(doc, "status", ""), "CONFIRMED")
    sequence, people = (now.sequence if now else 0), []
    if invite:
        is_off = invite.method == "CANCEL"
        status = "CANCELLED" if is_off else status
        sequence += max(0, invite.times - 1) + is_off
        people = [("ORGANIZER", f"mailto:{invite.organizer}")]
        people.append(("ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE", f"mailto:{invite.attendee}"))
    properties = [
        ("UID", escaped(uid(site, doc, meeting))),
        ("DTSTAMP", utc(stamp)),
        ("SEQUENCE", str(sequence)),
        ("STATUS", status),
        ("DTSTART", utc(meeting.starts)),
        *([("DTEND", utc(meeting.ends))] if meeting.ends else []),
        ("SUMMARY", escaped(_title(doc, round_, meeting))),
        ("LOCATION", escaped(_location(doc, round_))),
        ("URL", site.base_url + doc.link),
        *people,
    ]
    return component("VEVENT", properties)


def _title(doc: Document, round_: Round | None, meeting: Meeting) -> str:
    topic = meeting.topic or (round_.label if round_ and meeting.part else "")
    title = f"[{doc.off}] {doc.title}" if doc.off else doc.title
    return f"{title}: {topic}" if topic else title


def _sessions(doc: Notice, round_: Round | None) -> tuple[Meeting, ...]:
    """Those within the round's time; all of them where it has none. A round without an end is over by midnight.

    One written by itself is told apart by its number, one of a repeat by its time: days without it move no other's name.
    """
    first = round_.starts if round_ else None
    last = (round_.ends if round_ else None) or (first and _midnight(first))
    parts = {id(session): f"-{number}" for number, session in enumerate(doc.sessions, 1)}
    return tuple(
        Meeting(parts.get(id(each), f"-{each.starts:%Y%m%dT%H%M}"), each.starts, each.ends, each.topic)
        for each in doc.meets
        if not (first and last) or (first <= each.starts and each.ends <= last)
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


def escaped(value: str) -> str:
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
