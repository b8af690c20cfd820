"""The month calendar of lectures and events: a page for each month that has something, at most twelve ahead."""

from calendar import Calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

from civic.clock import SEOUL
from civic.content.meetings import Meeting, meetings
from civic.content.pages import Document
from civic.content.sessions import holiday
from civic.library import Library
from civic.links import link
from publish.edition import Edition, Route
from publish.render import View, missing

Days = dict[date, list[tuple[Document, Meeting]]]  # in the order of their times
AHEAD = 12  # months


def routes(edition: Edition) -> Iterator[Route]:
    """The page of each month."""
    values = [{"month": month} for month in months(edition)]
    yield Route("month", ("/calendar/<month>/",), lambda month: month_page(edition, month), lambda: values)


def months(edition: Edition) -> dict[str, Days]:
    """What there is by month ("2023-09") and day; worked out once."""
    return edition.once("months", lambda: _months(edition.library))


def _months(library: Library) -> dict[str, Days]:
    found: dict[str, Days] = {}
    docs = [*library.of("lecture"), *library.of("event")]
    held = [(day, doc, each) for doc in docs for each in meetings(doc) for day in days_of(each)]
    for day, doc, meeting in sorted(held, key=lambda one: (one[0], one[2].starts, one[1].link)):
        if _number(day) - _number(library.now) <= AHEAD:
            found.setdefault(f"{day:%Y-%m}", {}).setdefault(day, []).append((doc, meeting))
    return found


def days_of(meeting: Meeting) -> list[date]:
    """The days on which it takes place; one that ends at midnight is over by then."""
    first = meeting.starts.date()
    last = (meeting.ends - timedelta(microseconds=1)).date() if meeting.ends else first
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _number(day: date) -> int:
    return day.year * 12 + day.month


def first_month(edition: Edition) -> str:
    """Where the calendar is opened: this month or the next that has something, else the last one; "" without any."""
    found = [*months(edition)]
    coming = [month for month in found if month >= f"{edition.library.now:%Y-%m}"]
    return link("month", [*coming, *found[-1:]][0]) if found else ""


def turns(held: Iterable[Meeting]) -> Iterator[datetime]:
    """When the calendar changes because of these meetings: a month of theirs is over, or comes near enough."""
    for number in {_number(day) for meeting in held for day in days_of(meeting)}:
        for turn in (number + 1, number - AHEAD):
            year, month = divmod(turn - 1, 12)
            yield datetime.combine(date(year, month + 1, 1), time(), tzinfo=SEOUL)


def month_page(edition: Edition, month: str) -> View:
    """The page of one month. Its weeks begin with Sunday; a day of another month is None."""
    found = months(edition)
    days, order = found.get(month) or missing(), [*found]
    year, number = map(int, month.split("-"))
    weeks = Calendar(firstweekday=6).monthdatescalendar(year, number)
    at = order.index(month)
    return edition.render(
        "pages/month.html",
        title=f"{year}년 {number}월 강좌와 행사",
        path=link("month", month),
        trail=[("달력", "")],
        weeks=[[day if day.month == number else None for day in week] for week in weeks],
        days=days,
        holiday=holiday,
        before=order[:at][-1:],
        after=order[at + 1 :][:1],
    )
