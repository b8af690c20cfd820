"""Calendar text, read back by a library that was written apart."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from civic.clock import SEOUL
from civic.content import meetings

# Words as staff may write them, with every sign that means something in a calendar file.
words = st.text(
    st.one_of(
        st.sampled_from("가나다 마당\\,;:\"\n\t'^=~éＡ👩‍👧한"),
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    ),
    max_size=120,
)


def file_with(summary: str) -> str:
    event = meetings.component("VEVENT", [("UID", "a@b"), ("SUMMARY", meetings.text(summary))])
    return meetings.component("VCALENDAR", [("VERSION", "2.0")], [event]) + "\r\n"


def read_back(file: str) -> str:
    return str(Calendar.from_ical(file).walk("VEVENT")[0]["summary"])


@given(words)
def test_any_words_can_be_read_back(summary: str) -> None:
    """And no line is longer than 75 bytes, divided within a character, or ended but by CR LF."""
    file = file_with(summary)
    assert read_back(file) == summary
    assert all(len(line) <= meetings.LONGEST for line in file.encode().split(b"\r\n"))
    assert all(line.decode() for line in file.encode().split(b"\r\n")[:-1])
    assert "\n" not in file.replace("\r\n", "")


@pytest.mark.parametrize(
    ("left_out", "summary"),
    [("text", "흙, 물; 불\\n"), ("folded", "가" * 40)],
)
def test_without_escapes_or_folds_it_would_not_hold(
    monkeypatch: pytest.MonkeyPatch, left_out: str, summary: str
) -> None:
    """The control: each of the two is noticed when it is left out."""
    monkeypatch.setattr(meetings, left_out, lambda value: value)
    file = file_with(summary)
    longest = max(len(line) for line in file.encode().split(b"\r\n"))
    assert read_back(file) != summary or longest > meetings.LONGEST


def test_signs_that_no_file_may_hold_are_left_out() -> None:
    """Controls but tab and line break; each kind of line break is one."""
    assert meetings.text("가\x00나\x1b다\x7f\r\n라\r마\t바") == "가나다\\n라마\t바"
    assert read_back(file_with("가\r\n나")) == "가\n나"


def test_times_are_utc() -> None:
    assert meetings.utc(datetime(2023, 9, 7, 8, 30, tzinfo=SEOUL)) == "20230906T233000Z"
