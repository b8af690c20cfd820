"""Dates, money and counts in the citizen's words. Korean only; no templates, no clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta

WEEKDAYS = "월화수목금토일"

FORM_STATES = {"upcoming": "접수예정", "open": "접수중", "full": "정원마감", "closed": "접수마감"}
VOTE_STATES = {"upcoming": "투표 예정", "open": "투표 중", "closed": "투표 마감"}
ENTRY_STATES = {
    "received": "접수됨",
    "confirmed": "확정",
    "waiting": "대기",
    "offered": "자리 제안",
    "declined": "사양",
    "cancelled": "취소",
    "rejected": "선정 안 됨",
    "attended": "참여함",
    "absent": "불참",
}
SELECTIONS = {
    "first-come": "선착순",
    "draw": "추첨",
    "window-draw": "초반 동시 접수 추첨 뒤 선착순",
    "review": "심사",
}

# Why an entry is as it is (Entry.cause), for its history. A cause with a reason is "<cause>: <reason>".
CAUSES = {
    "applied": "신청",
    "promoted": "다른 분이 취소해 대기 순서대로 확정",
    "promoted-after-decline": "앞 순서에서 사양해 대기 순서대로 확정",
    "promoted-after-lapse": "앞 순서의 기한이 지나 대기 순서대로 확정",
    "promoted-after-more-places": "정원이 늘어 대기 순서대로 확정",
    "offered": "다른 분이 취소해 자리를 제안",
    "offered-after-decline": "앞 순서에서 사양해 자리를 제안",
    "offered-after-lapse": "앞 순서의 기한이 지나 자리를 제안",
    "offered-after-more-places": "정원이 늘어 자리를 제안",
    "accepted": "제안한 자리를 수락",
    "declined-by-citizen": "제안한 자리를 사양",
    "lapsed": "대답할 기한이 지남",
    "enough-places": "정원보다 많지 않아 추첨 없이 확정",
    "cancelled-by-citizen": "신청한 사람이 취소",
    "cancelled-by-staff": "담당 부서가 취소",
    "called-off": "회차가 취소됨",
    "excluded": "추첨 전에 명단에서 뺌",
    "reviewed": "심사 결과",
    "worked": "활동한 시간을 적음",
    "approved": "활동한 시간을 인정",
    "absent": "오지 않음",
}


def happened(cause: str, state: str) -> str:
    """What happened to an entry, in words: happened("called-off: 태풍", "cancelled") is "회차가 취소됨: 태풍"."""
    name, _, reason = cause.partition(": ")
    known = CAUSES.get(name)
    if name == "drawn":
        known = "추첨으로 확정" if state == "confirmed" else "추첨으로 대기 순서를 받음"
    if name == "reviewed":
        known = f"심사 결과 {ENTRY_STATES.get(state, state)}"
    if known is None:
        return ENTRY_STATES.get(state, state)
    return f"{known}: {reason}" if reason else known


def day(value: date) -> str:
    """2023-08-24 -> "2023년 8월 24일(목)"."""
    return f"{value.year}년 {value.month}월 {value.day}일({WEEKDAYS[value.weekday()]})"


def short_day(value: date) -> str:
    """2023-08-24 -> "8월 24일(목)"."""
    return f"{value.month}월 {value.day}일({WEEKDAYS[value.weekday()]})"


def moment(value: datetime) -> str:
    """2023-08-24 18:00 -> "2023년 8월 24일(목) 18:00"."""
    return f"{day(value)} {value:%H:%M}"


def short_moment(value: datetime) -> str:
    """2023-08-24 18:00 -> "8월 24일(목) 18:00"."""
    return f"{short_day(value)} {value:%H:%M}"


def closing(value: datetime) -> str:
    """The end of a half-open period as people say it: midnight is "8월 31일(목) 24:00"."""
    if value.hour == value.minute == 0:
        return f"{short_day(value - timedelta(days=1))} 24:00"
    return short_moment(value)


def period(start: datetime, end: datetime) -> str:
    """ "8월 16일(수) 09:00 ~ 8월 31일(목) 24:00"; the second day is left out when it is the same."""
    if start.date() == end.date():
        return f"{short_moment(start)} ~ {end:%H:%M}"
    return f"{short_moment(start)} ~ {closing(end)}"


def left(until: datetime, now: datetime) -> str:
    """Time that is left in words: "4일 3시간", "3시간 5분", "5분"; "" when none is."""
    minutes = int((until - now).total_seconds() // 60)
    if until <= now:
        return ""
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}일 {hours}시간" if hours else f"{days}일"
    if hours:
        return f"{hours}시간 {minutes}분" if minutes else f"{hours}시간"
    return f"{max(minutes, 1)}분"


def won(amount: int) -> str:
    """Money as people read it: 45000000 -> "4,500만 원"; 1200000000 -> "12억 원"; 0 -> "0원"."""
    if amount < 10_000:
        return f"{amount:,}원"
    eok, rest = divmod(amount, 100_000_000)
    man, odd = divmod(rest, 10_000)
    parts = [f"{eok:,}억"] if eok else []
    if man:
        parts.append(f"{man:,}만")
    if odd:
        parts.append(f"{odd:,}")
    return " ".join(parts) + (" 원" if not odd else "원")


def with_particle(word: str, after_consonant: str, after_vowel: str) -> str:
    """A word with the particle its last syllable asks for: ("정원", "이", "가") -> "정원이"."""
    last = ord(word[-1]) - 0xAC00 if word else -1
    has_final = 0 <= last < 11172 and last % 28 != 0
    return word + (after_consonant if has_final else after_vowel)
