"""Dates that are hardly meant are named with their line; those that may be meant stop nobody."""

from pathlib import Path

import pytest

from civic.content.reading import read_page

HEAD = '+++\ntitle = "강좌"\nwhere = "문화관"\naudience = "누구나"\npublished = 2023-08-14\n'
FORM = (
    '[form]\nopens = 2023-08-16T09:00:00\ncloses = {closes}\n[[form.rounds]]\nid = "r"\nlabel = "반"\nplaces = 3\n'
    '[form.consent]\npurpose = "접수"\nkeep_days = 3\n'
)


def session(starts: str, ends: str, topic: str = "첫날") -> str:
    return f'[[sessions]]\nstarts = {starts}\nends = {ends}\ntopic = "{topic}"\n'


def found(folder: Path, more: str, body: str = "글입니다.") -> tuple[list[str], list[str]]:
    """(mistakes, what to look at) of a lecture."""
    (folder / "lectures").mkdir()
    (folder / "lectures/a.md").write_text(f"{HEAD}{more}+++\n{body}\n", "utf-8")
    facts, mistakes, _ = read_page(folder, "lectures/a.md", with_body=True)
    return [str(each) for each in mistakes], [str(each) for each in (facts.odd if facts else ())]


MORNING = session("2023-09-10T10:00:00", "2023-09-10T12:00:00")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            session("2023-09-10T10:00:00", "2024-09-20T10:00:00"),
            "8: sessions.0.ends: 한 해가 넘는 모임입니다",
        ),
        (MORNING + MORNING, "11: sessions.1.starts: 같은 모임이 두 번"),
    ],
)
def test_a_meeting_that_cannot_be_is_a_mistake(tmp_path: Path, more: str, said: str) -> None:
    """Of a year, or the same one twice."""
    assert any(said in line for line in found(tmp_path, more)[0])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (session("2023-09-10T10:00:00", "2023-09-12T10:00:00"), "8: sessions.0.ends: 하루가 넘는"),
        (
            MORNING + session("2023-09-10T11:00:00", "2023-09-10T13:00:00", "둘째"),
            "11: sessions.1.starts: 앞 모임이",
        ),
        (session("2022-09-10T10:00:00", "2022-09-10T12:00:00"), "7: sessions.0.starts: 글을 올린 날보다"),
        (MORNING + FORM.format(closes="2023-09-20T00:00:00"), "12: form.closes: 첫 모임이 시작한 뒤에도"),
        (
            'when = "10. 4.(화)부터"\n',
            "6: 요일이 맞지 않습니다. 2023년 10월 4일은 수요일입니다 (found 10. 4.(화))",
        ),
    ],
)
def test_a_date_that_may_be_meant_is_told(tmp_path: Path, more: str, said: str) -> None:
    """And stops nothing."""
    mistakes, odd = found(tmp_path, more)
    assert not mistakes and any(said in line for line in odd)


@pytest.mark.parametrize(
    ("text", "is_odd"),
    [
        ("2023. 10. 11.(목)", True), ("10월 18일 화요일", True), ("2. 30.(화)", True), ("13. 4.(화)", True),
        ("2023-10-04(목)", True), ("2023. 10. 4.(수) ~ 10. 6.(목)", True),
        ("2023. 10. 4.(수) ~ 10. 6.(금)", False), ("1. 10. 4.(수) 개강", False), ("9/4(월)", False),
        ("1. 6.(토)", False), ("2022. 9. 3.(토)", False), ("3.5(가)", False), ("062-960-8548(월요일)", False),
    ],
)  # fmt: skip
def test_weekdays_fit_their_dates(tmp_path: Path, text: str, is_odd: bool) -> None:
    """In the year of the line, of the page, or the next (1월 6일 of 2024 is a Saturday)."""
    assert bool(found(tmp_path, MORNING + FORM.format(closes="2023-09-01T00:00:00"), text)[1]) == is_odd
