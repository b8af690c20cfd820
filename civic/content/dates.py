"""Dates that are hardly meant: meetings that take a year or overlap, closings after the beginning, weekdays that do not fit."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise

from civic import korean
from civic.content.front_matter import KeyPath, Source
from civic.content.meetings import Meeting, meetings
from civic.content.pages import Document, Notice
from civic.content.sessions import Session, holiday
from civic.errors import Mistake

DAY, YEAR = timedelta(days=1), timedelta(days=366)
_SESSION = re.compile(r"-(\d+)")
_WEEKDAY = re.compile(r"[월화수목금토일](?:요일|\s*\))")  # quick: most texts have none
_DAY_AND_WEEKDAY = re.compile(
    r"(?<![\d.])(?:(\d{4})\s*[.년/-]\s*)?(\d{1,2})\s*[.월/-]\s*(\d{1,2})\s*[.일]?\s*(?:\(\s*([월화수목금토일])(?:요일)?\s*\)|([월화수목금토일])요일)"
)


def impossible(doc: Document, source: Source) -> Iterator[Mistake]:
    """Meetings that cannot be: of more than a year, or the same one twice."""
    seen = set()
    for each in meetings(doc):
        if each.ends and each.ends - each.starts > YEAR:
            yield source.mistake(
                _place(each, "ends"), "한 해가 넘는 모임입니다. 끝나는 때를 살펴보세요", each.words(None)
            )
        if (each.starts, each.ends, each.topic) in seen:
            yield source.mistake(_place(each, "starts"), "같은 모임이 두 번 있습니다", each.words(None))
        seen.add((each.starts, each.ends, each.topic))


def odd_dates(doc: Document, source: Source) -> Iterator[Mistake]:
    """What staff should look at; nothing stops for it."""
    spec, all_ = doc.spec, meetings(doc)
    for number, round_ in enumerate(spec.rounds if spec else (None,)):
        met = meetings(doc, round_) if round_ else all_
        for before, after in pairwise(met):
            if before.ends and after.starts < before.ends:
                said = "앞 모임이 끝나기 전에 시작합니다"
                yield source.mistake(_place(after, "starts"), said, after.words(None))
        if spec and round_ and met and spec.closes_for(round_) > met[0].starts:
            path: KeyPath = ("form", "rounds", number, "closes") if round_.closes else ("form", "closes")
            yield source.mistake(path, "첫 모임이 시작한 뒤에도 신청을 받습니다", met[0].words(None))
    for each in all_:
        if _SESSION.fullmatch(each.part) and each.ends and each.ends - each.starts > DAY:
            yield source.mistake(_place(each, "ends"), "하루가 넘는 모임입니다", each.words(None))
    if all_ and doc.published and all_[-1].starts.date() < doc.published:
        yield source.mistake(_place(all_[0], "starts"), "글을 올린 날보다 앞선 때입니다", all_[0].words(None))
    if isinstance(doc, Notice):
        dated: list[tuple[KeyPath, Session]] = [
            (("sessions", n, "starts"), s) for n, s in enumerate(doc.sessions)
        ]
        dated += [
            (("repeats", n, "every"), s) for n, repeat in enumerate(doc.repeats) for s in repeat.sessions
        ]
        for path, session in dated:
            if name := holiday(session.starts.date()):
                said = f"쉬는 날({name})입니다. 만나지 않으면 빼거나 except에 쓰세요"
                yield source.mistake(path, f"{korean.day(session.starts)}은 {said}")
    yield from _weekdays(doc, source)


def _place(meeting: Meeting, key: str) -> KeyPath:
    number = _SESSION.fullmatch(meeting.part)
    if number:
        return ("sessions", int(number[1]) - 1, key)
    return ("repeats",) if meeting.part else (key,)


def _weekdays(doc: Document, source: Source) -> Iterator[Mistake]:
    """Weekdays beside a date of another one. Without a year in its line it may be the page's, the next, or a meeting's."""
    for first, text in ((source.first, source.toml), (source.body_line, source.body)):
        if not _WEEKDAY.search(text):
            continue
        years = [doc.published.year, doc.published.year + 1] if doc.published else []
        years += [each.starts.year for each in meetings(doc)]
        for number, line in enumerate(text.split("\n"), first):
            said_last: list[int] = []
            for found in _DAY_AND_WEEKDAY.finditer(line):
                year, month, day = (int(each or 0) for each in found.groups()[:3])
                said_last = [year] if year else said_last
                wrong = _other_weekday(said_last or years, month, day, found[4] or found[5])
                if wrong:
                    yield Mistake(source.file, number, "", wrong, found.group())


def _other_weekday(years: list[int], month: int, day: int, weekday: str) -> str:
    """What is wrong with a weekday that fits the date in none of the years; "" where it may be right."""
    days = []
    for year in years:
        with suppress(ValueError):
            days.append(date(year, month, day))
    if not years or any(korean.WEEKDAYS[each.weekday()] == weekday for each in days):
        return ""
    if not days:
        return "없는 날짜입니다"
    return f"요일이 맞지 않습니다. {days[0].year}년 {month}월 {day}일은 {korean.WEEKDAYS[days[0].weekday()]}요일입니다"
