"""One clock for every decision; it never goes back."""

from datetime import UTC, datetime, timedelta

import pytest

from civic import clock


def test_a_closed_form_never_reopens_when_the_wall_clock_jumps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's time is set back an hour: ours stands still until it has caught up."""
    wall = [datetime(2023, 8, 25, 15, 0, tzinfo=UTC)]

    class Wall(datetime):
        @classmethod
        def now(cls, tz=None):  # type: ignore[no-untyped-def]
            return wall[0].astimezone(tz)

    monkeypatch.setattr(clock, "datetime", Wall)
    steady = clock.SteadyClock()
    first = steady.now()
    wall[0] -= timedelta(hours=1)
    assert steady.now() == first
    wall[0] += timedelta(hours=2)
    assert steady.now() > first


def test_a_clock_started_by_hand_runs_on() -> None:
    """--now sets where it begins; it moves from there."""
    start = clock.parse_time("2023-08-16T09:00:00+09:00")
    steady = clock.SteadyClock(start)
    first = steady.now()
    assert start <= first < start + timedelta(minutes=1)
    assert steady.now() > first


def test_times_without_offset_are_seoul() -> None:
    """Staff write what stands on the poster."""
    assert clock.parse_time("2023-08-16T09:00:00") == clock.parse_time("2023-08-16T00:00:00+00:00")


def test_midnight_may_be_written_as_the_end_of_a_day() -> None:
    """24:00 is the beginning of the next day, also over the end of a year; 24:01 is no time."""
    assert clock.parse_time("2023-08-31T24:00:00") == clock.parse_time("2023-09-01T00:00:00")
    assert clock.parse_time("2023-12-31 24:00") == clock.parse_time("2024-01-01T00:00:00")
    with pytest.raises(ValueError, match=r"24|hour"):
        clock.parse_time("2023-08-31T24:01:00")
