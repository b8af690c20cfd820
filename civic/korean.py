"""Dates, money, counts and mistakes of a call in Korean words. Korean only; no templates, no clock."""

import re
import unicodedata
from datetime import date, datetime, timedelta
from typing import Any

WEEKDAYS = "월화수목금토일"
# These take the reader's time last: the year is told by it.
DATED = ("short_day", "short_moment", "closing", "period")
SHORT = 90  # bytes of a short text message; longer ones are another kind (LMS), and dearer

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
STAGES = {
    "received": "접수",
    "reviewed": "검토 마침",
    "dropped": "투표에 오르지 않음",
    "on-ballot": "투표에 오름",
    "chosen": "선정",
    "not-chosen": "선정 안 됨",
    "running": "추진 중",
    "done": "마침",
}
REVIEWS = {"fit": "할 수 있음", "changed": "고치면 할 수 있음", "unfit": "할 수 없음"}
LICENCES = {
    "kogl-1": "공공누리 제1유형(출처표시)",
    "kogl-2": "공공누리 제2유형(출처표시, 상업적 이용금지)",
    "kogl-3": "공공누리 제3유형(출처표시, 변경금지)",
    "kogl-4": "공공누리 제4유형(출처표시, 상업적 이용금지, 변경금지)",
}
OFF = {"postponed": "연기", "cancelled": "취소"}
SELECTIONS = {
    "first-come": "선착순",
    "draw": "추첨",
    "window-draw": "초반 동시 접수 추첨 뒤 선착순",
    "review": "심사",
}

# Why an entry is as it is (Entry.cause, or that and its state), for its history; {} is the state in words. A cause with a
# reason is "<cause>: <reason>".
CAUSES = {
    "applied": "신청",
    "entered-by-staff": "담당자가 대신 넣음",
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
    "changed": "신청한 내용을 바꿈",
    "called-off": "회차가 취소됨",
    "excluded": "추첨 전에 명단에서 뺌",
    "drawn": "추첨으로 대기 순서를 받음",
    "drawn confirmed": "추첨으로 확정",
    "drawn rejected": "추첨에서 뽑히지 않음",
    "reviewed": "심사 결과 {}",
    "worked": "활동한 시간을 적음",
    "approved": "활동한 시간을 인정",
    "absent": "오지 않음",
    "answers-erased": "담당 부서가 신청 내용을 지움",
    "forgotten": "보관이 끝나 누구의 신청인지 알 수 없게 함",
}


def happened(cause: str, state: str) -> str:
    """What happened to an entry, in words: happened("called-off: 태풍", "cancelled") is "회차가 취소됨: 태풍"."""
    name, _, reason = cause.partition(": ")
    now = ENTRY_STATES.get(state, state)
    if name not in CAUSES:
        return now
    said = CAUSES.get(f"{name} {state}", CAUSES[name]).format(now)
    return f"{said}: {reason}" if reason else said


def text_bytes(text: str) -> int:
    """How long a text message is, in bytes of EUC-KR as telephones count them (with the syllables that it lacks)."""
    return len(text.encode("cp949", "replace"))


def fitting(title: str, rest: str, most: int = SHORT) -> str:
    """A title, cut where a text message with the rest beside it would be longer; one letter at least."""
    room = most - text_bytes(rest)
    while text_bytes(title) > room and len(title) > 2:
        title = f"{title[:-2]}…"
    return title


def size(bytes_: int) -> str:
    """The size of a file: 40_960 is "40KB", 1_500_000 is "1.4MB"."""
    return f"{max(1, round(bytes_ / 1024)):,}KB" if bytes_ < 1024 * 1000 else f"{bytes_ / 1024 / 1024:.1f}MB"


def answer(value: Any) -> str:
    """An answer to a form's question: True is "예", several are joined by commas, else as it stands."""
    if value is True or isinstance(value, dict):
        return "예" if value is True else "동의함"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def day(value: date) -> str:
    """2023-08-24 -> "2023년 8월 24일(목)"."""
    return short_day(value, None)


def birthday(value: date) -> str:
    """1990-04-05 -> "1990년 4월 5일"."""
    return f"{value.year}년 {value.month}월 {value.day}일"


def short_day(value: date, now: date | None) -> str:
    """2023-08-24 -> "8월 24일(목)", with its year unless that is the reader's; now: None writes it always."""
    year = "" if now and value.year == now.year else f"{value.year}년 "
    return f"{year}{value.month}월 {value.day}일({WEEKDAYS[value.weekday()]})"


def moment(value: datetime) -> str:
    """2023-08-24 18:00 -> "2023년 8월 24일(목) 18:00"."""
    return f"{day(value)} {value:%H:%M}"


def short_moment(value: datetime, now: date | None) -> str:
    """2023-08-24 18:00 -> "8월 24일(목) 18:00"; its year as in `short_day`."""
    return f"{short_day(value, now)} {value:%H:%M}"


def closing(value: datetime, now: date | None) -> str:
    """The end of a half-open period as people say it: midnight is "8월 31일(목) 24:00"."""
    if value.hour == value.minute == 0:
        return f"{short_day(value - timedelta(days=1), now)} 24:00"
    return short_moment(value, now)


def period(start: datetime, end: datetime, now: date | None) -> str:
    """ "8월 16일(수) 09:00 ~ 8월 31일(목) 24:00"; the same second day is left out, both years stand where they differ."""
    if start.date() == end.date():
        return f"{short_moment(start, now)} ~ {end:%H:%M}"
    now = now if start.year == (end - timedelta(minutes=1)).year else None
    return f"{short_moment(start, now)} ~ {closing(end, now)}"


def left(until: datetime, now: datetime) -> str:
    """Time that is left in words: "4일 3시간", "3시간 5분", "5분"; "" when none is."""
    if until <= now:
        return ""
    minutes = max(int((until - now).total_seconds() // 60), 1)
    parts = [(minutes // 1440, "일"), (minutes // 60 % 24, "시간"), (minutes % 60, "분")]
    first = next(place for place, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number}{unit}" for number, unit in parts[first : first + 2] if number)


def won(amount: int) -> str:
    """Money as people read it: 45000000 -> "4,500만 원"; 1200000000 -> "12억 원"; 0 -> "0원"."""
    if amount < 10_000:
        return f"{amount:,}원"
    eok, rest = divmod(amount, 100_000_000)
    man, odd = divmod(rest, 10_000)
    parts = ((eok, "억"), (man, "만"), (odd, ""))
    return " ".join(f"{number:,}{unit}" for number, unit in parts if number) + ("원" if odd else " 원")


def josa(word: str, pair: str) -> str:
    """A word with the particle that fits how it is read: josa("‘아이의 수’", "을/를") is "‘아이의 수’를".

    pair: after a final consonant / after a vowel, as "을/를", "이/가", "은/는", "과/와" or "으로/로". Quotes, signs and
    a last part in brackets are passed over: "정원(20명)" is read "정원". Digits are read in Korean, Latin letters
    by their names or, in a word, by how it ends. What cannot be read aloud gets both: "을(를)".
    """
    after_consonant, after_vowel = pair.split("/")
    final = _final(word)
    if final is None:
        return f"{word}{after_consonant}({after_vowel})"
    if after_consonant == "으로" and final == "ㄹ":
        return word + after_vowel
    return word + (after_consonant if final else after_vowel)


_SILENT = re.compile(r"(?:\s*[(\[（][^()\[\]（）]*[)\]）]|[^\w]|_)+$")
_DIGIT_FINALS = dict(zip("0123456789", ["ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""], strict=True))


def _final(word: str) -> str | None:
    """The final consonant that is heard: "ㄹ", another sign for any other, "" for none; None when unknown."""
    text = unicodedata.normalize("NFC", word).replace("%", "퍼센트")
    read = _SILENT.sub("", text)
    last = read[-1:]
    if "가" <= last <= "힣":
        number = (ord(last) - 0xAC00) % 28
        return "" if number == 0 else "ㄹ" if number == 8 else "ㄱ"
    if last in _DIGIT_FINALS:
        return _DIGIT_FINALS[last]
    if last.isascii() and last.isalpha():
        spelled = last == "R" and not read[-2:-1].islower()  # 알; at the end of "server" it is not heard
        if last in "lL" or spelled:
            return "ㄹ"
        return "ㅇ" if last in "mMnN" or read.lower().endswith("ng") else ""
    return None


# What click says of a wrong call -> what we say; {0} is the first group, itself looked up.
_CALL_MISTAKES = (
    (r"Invalid value for '(.+?)': (.+)", "{0}: {1}"),
    (r"(No such .+\.) (?:Did you mean '(.+?)'|\(Did you mean one of: (.+))\?\)?", "{0}. 혹시 {1}{2}?"),
    (r"No such option '(.+?)'\.", "모르는 옵션입니다 (found {0})"),
    (r"No such command '(.+?)'\.", "모르는 명령입니다 (found {0})"),
    (r"Missing (?:argument|option) '(.+?)'\.", "{0}: 빠졌습니다"),
    (r"Missing (?:argument|option) '(.+?)'\. Choose from:\s+(.+)", "{0}: {1} 가운데 하나를 적으세요"),
    (r"Missing command\.", "명령을 적으세요"),
    (r"Option '(.+?)' requires an argument\.", "{0}: 값을 하나 적으세요"),
    (r"Option '(.+?)' does not take a value\.", "{0}: 값을 적지 않는 옵션입니다"),
    (r"Got unexpected extra arguments? \((.+)\)", "더 적은 값이 있습니다 (found {0})"),
    (r"'(.*)' is not a valid (?:integer|float)(?: range)?\.", "수여야 합니다 (found {0})"),
    (r"(\S+) is not in the range (.+)\.", "범위는 {1}입니다 (found {0})"),
    (r"'(.*)' is not one of (.+)\.", "{1} 가운데 하나여야 합니다 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' does not exist\.", "없습니다 (found {0})"),
    (r"(?:File|Path) '(.*)' is a directory\.", "폴더입니다. 파일을 적으세요 (found {0})"),
    (r"(?:Directory|Path) '(.*)' is a file\.", "파일입니다. 폴더를 적으세요 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' is not readable\.", "읽을 권한이 없습니다 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' is not writable\.", "쓸 권한이 없습니다 (found {0})"),
)


def call_mistake(said: str) -> str:
    """Click's English sentence about a wrong call, in Korean. What is Korean already, or not known here, stays as it is."""
    for pattern, korean in _CALL_MISTAKES:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found:
            return korean.format(*map(call_mistake, found.groups("")))
    return said
