"""The dates on which people meet, one by one or every week on a day. No clock, no files."""

import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from importlib.util import find_spec, module_from_spec
from typing import Literal

from pydantic import ConfigDict, Field

from civic import korean
from civic.clock import SEOUL, YEARS
from civic.shape import Clash, Many, SeoulTime, Shape, Text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


holidays: dict[int, dict[date, str]] = {}  # by year, as asked for; a build remembers them for the next


def holiday(day: date) -> str:
    """What a public holiday of Korea is called; "" of any other day."""
    if day.year not in holidays:
        # Not the package of all countries: to load the other two hundred takes as long as to make an edited page.
        countries = find_spec("holidays.countries")
        assert countries
        sys.modules.setdefault(countries.name, module_from_spec(countries))
        from holidays.countries.south_korea import SouthKorea

        holidays[day.year] = dict(SouthKorea(years=day.year, language="ko"))  # type: ignore[no-untyped-call]  # as it comes
    return holidays[day.year].get(day, "")


class Session(Shape):
    """One meeting (`[[sessions]]`)."""

    starts: SeoulTime = Field(description="시작하는 때")
    ends: SeoulTime = Field(description="끝나는 때")
    topic: Text = Field("", description="배우거나 하는 내용")

    def clashes(self) -> Iterator[Clash]:
        yield self.ends <= self.starts, "ends는 starts보다 뒤여야 합니다"


class Repeat(Shape):
    """The same hours on one day of the week, so many times (`[[repeats]]`)."""

    model_config = ConfigDict(
        serialize_by_alias=True
    )  # kept as staff wrote it: their keys are no names in Python

    every: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(description="무슨 요일마다")
    first: date = Field(alias="from", description="이날부터. 그 요일이 아니면 다음 그 요일부터")
    count: int | None = Field(None, gt=0, le=200, description="몇 번 만나는지. 쉬는 날은 세지 않습니다.")
    without: Many[date] = Field((), alias="except", description="쉬는 날")
    starts: time = Field(description="시작하는 시각. 예: 19:00:00")
    ends: time = Field(description="끝나는 시각")
    topic: Text = Field("", description="배우거나 하는 내용")

    def clashes(self) -> Iterator[Clash]:
        # Two hundred weeks, and some without.
        yield self.first.year + 10 not in YEARS, "쓸 수 없는 해입니다", "from"
        yield self.count is None, "count가 없으면 끝나지 않습니다. 몇 번 만나는지 쓰세요"
        yield self.ends <= self.starts, "ends는 starts보다 뒤여야 합니다"
        last = self.sessions[-1].starts.date()
        for number, day in enumerate(self.without):
            is_met = day.weekday() == DAYS.index(self.every) and self.first <= day <= last
            yield not is_met, f"{korean.day(day)}은 이 반복에 없는 날입니다", "except", number

    @cached_property
    def sessions(self) -> tuple[Session, ...]:
        """Each meeting, in order."""
        day = self.first + timedelta(days=(DAYS.index(self.every) - self.first.weekday()) % 7)
        found: list[Session] = []
        while len(found) < (self.count or 0):
            if day not in self.without:
                starts, ends = (datetime.combine(day, at, SEOUL) for at in (self.starts, self.ends))
                found.append(Session(starts=starts, ends=ends, topic=self.topic))
            day += timedelta(days=7)
        return tuple(found)
