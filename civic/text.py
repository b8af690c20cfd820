"""What people type: cleaned, read as days and numbers in every usual spelling, searched for resident registration numbers.

One reader for forms, commands and files. Text only; what cannot be read raises ValueError with a Korean sentence.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from civic.korean import WEEKDAYS

# Of any script, and in a ring: most words of a page have none.
_DIGIT = re.compile(r"[\d\u24f5-\u24ff\u2776-\u2792]")
# A birth date of six digits (eight with the century), then seven: 주민등록번호 and 외국인등록번호. Up to three signs that
# are no letter may stand between year, month and day, up to five before the last seven, and those may stand in groups
# with spaces; or the same signs stand between all digits. Anything looser takes bank accounts and lists of phones.
# Every part is bounded, so the time grows with the length of the text alone.
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_SIGNS = r"[\W_년월일]"
_RESIDENT_NUMBER = re.compile(
    rf"(?<![0-9])(?:1[89]|20)?[0-9]{{2}}{_SIGNS}{{0,3}}{_MONTH}{_SIGNS}{{0,3}}{_DAY}{_SIGNS}{{0,5}}[0-9](?: ?[0-9]){{6}}(?![0-9])"
)
_AMOUNT = re.compile(r"\s*원")
_LATER = "3478"  # the seventh digit from behind, of those who were born from 2000 on
_SPREAD_NUMBER = re.compile(
    r"(?<![0-9])[0-9]([\W_]{1,3})[0-9]\1(?:0\1[1-9]|1\1[0-2])\1(?:0\1[1-9]|[12]\1[0-9]|3\1[01])"
    r"[\W_]{1,5}[0-9](?:\1[0-9]){6}(?!\1?[0-9])"
)
# A digest in hex: one in 1,400 has digits in a row that could be a birth date and seven more.
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z])")
_BLANKS = re.compile(r"[^\S\n]+|\n+")
# Letters that look like a line: NFKC has made U+1173 of ㅡ, which a Korean keyboard types in its place, U+1175 of ㅣ.
_HYPHENS = dict.fromkeys((0x1173, 0x1175, 0x30FC, 0x4E00), "-")
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Me")  # categories
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"  # letters that nobody sees
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_ODD_BLANKS = re.compile(r"[^\S\n ]")
_ONE_EACH = re.compile(r"[\x00-\x7f가-힣]*")
_DAY_TYPED = re.compile(
    r"(\d{4})(?:\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?|(\d{2})(\d{2}))\s*(?:\(?([월화수목금토일])(?:요일)?\)?)?"
)
_WHOLE_TYPED = re.compile(
    r"([+-]?)(?:(\d+)\s*억)?\s*(?:(\d+)\s*만)?\s*(?:(\d+)\s*천)?\s*(\d+)?\s*(?:명|인|개|건|회|번|살|세|시간|분|일|원)?"
)
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # show what follows from right to left
RESIDENT_NUMBER_MESSAGE = "주민등록번호는 받지 않습니다. 지우고 다시 보내 주세요. 계좌번호라면 110-123-456789처럼 붙임표를 넣어 주세요."  # 개인정보 보호법 24의2


def has_resident_number(text: str) -> bool:
    """Does the text hold what looks like a resident registration number, in any usual spelling? A digest in hex is none."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if (
        len(text) < 13
        or not _DIGIT.search(text)
        or (text.isascii() and sum(map(text.count, "0123456789")) < 13)
    ):
        return False
    if not text.isascii() or not text.isprintable():
        text = "".join(map(_plain, text.translate(_HYPHENS)))
    text = _BLANKS.sub(" ", text)
    return _is_found_in(text) and _is_found_in(_DIGEST.sub("x", text))


def _is_found_in(text: str) -> bool:
    kinds = (_RESIDENT_NUMBER, _SPREAD_NUMBER)
    return any(_may_exist(found) for kind in kinds for found in kind.finditer(text))


def _may_exist(found: re.Match[str]) -> bool:
    """Not an amount beside a date ("20230816 1200000원"), nor somebody who would still have to be born."""
    digits = re.sub(r"[^0-9]", "", found.group())
    is_amount = (
        found.group()[-7:].isdigit() and len(digits) == 15 and _AMOUNT.match(found.string, found.end())
    )
    in_future = digits[-7] in _LATER and int(digits[-13:-11]) > date.today().year % 100  # noqa: DTZ011 (a year is enough)
    return not (is_amount or in_future)


def _plain(sign: str) -> str:
    """A digit of any script as 0 to 9; "" for what nobody sees or `clean` takes away; else the sign itself."""
    if sign < "\x7f":
        return sign if sign.isprintable() or sign == "\n" else ""
    digit = unicodedata.digit(sign, None)
    if digit is not None:
        return str(digit)
    kind = unicodedata.category(sign)
    return "" if kind in ("Cc", "Cf", "Me", "Mn") or sign in _FILLERS else sign


def nfc(text: str) -> str:
    """A name in the one spelling in which names are compared: a Mac's Hangul comes in pieces."""
    return unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """What a person meant to type: NFC, blanks and line ends of one kind, no other control characters, no turned lines, no
    outer space; "" when nobody would see anything."""
    if not text.isprintable():
        text = _ODD_BLANKS.sub(" ", _LINE_ENDS.sub("\n", text))
        text = "".join(c for c in text if c == "\n" or (unicodedata.category(c) != "Cc" and c not in _TURNS))
    if text.isascii():
        return text.strip()
    text = nfc(text).strip()
    seen = (sign not in _FILLERS and unicodedata.category(sign) not in _UNSEEN for sign in text)
    return text if any(seen) else ""


def length(text: str) -> int:
    """How many signs a person sees: a family of four is one, as is a letter with its accents."""
    if _ONE_EACH.fullmatch(text):
        return len(text)
    import regex  # slow to load, and hardly ever needed

    return len(regex.findall(r"\X", text))


def read_day(text: str) -> date:
    """A day as people type it: "2023. 10. 12.(목)", "2023년 10월 12일", "20231012", "２０２３-10-12". Raises ValueError."""
    found = _DAY_TYPED.fullmatch(unicodedata.normalize("NFKC", clean(text)))
    try:
        year, month, day, *short, weekday = found.groups() if found else ()
        read = date(int(year), int(month or short[0]), int(day or short[1]))
    except (ValueError, TypeError):
        raise ValueError("날짜를 2023-08-16처럼 적어 주세요.") from None
    if weekday and WEEKDAYS[read.weekday()] != weekday:
        raise ValueError(
            f"요일이 맞지 않습니다. {read.month}월 {read.day}일은 {WEEKDAYS[read.weekday()]}요일입니다."
        )
    return read


def read_whole(text: str) -> int:
    """A whole number as people type it: "1,000", "３명", "1만 2천원", "12억". Raises ValueError."""
    plain = unicodedata.normalize("NFKC", clean(text)).replace(",", "").replace("−", "-")
    found = _WHOLE_TYPED.fullmatch(plain)
    groups = found.groups() if found else ("",)
    is_plain = all(c.isdecimal() for c in text if c.isdigit())  # a raised 2 is none
    if not is_plain or not any(groups[1:]) or sum(len(part or "") for part in groups[1:]) > 12:
        raise ValueError("숫자로 적어 주세요.")
    units = zip(groups[1:], (100_000_000, 10_000, 1000, 1), strict=True)
    return (-1 if groups[0] == "-" else 1) * sum(int(part) * unit for part, unit in units if part)


def texts(value: Any) -> list[str]:
    """Every text inside a posted value, keys included, however deep; in no order."""
    found, left = [], [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, Mapping):
            found += map(str, each)
            left += each.values()
        elif isinstance(each, list | tuple):
            left += each
        elif isinstance(each, int | float) and not isinstance(each, bool):
            found.append(str(each) if isinstance(each, int) else f"{each:.0f}")
    return found


# What a question may not ask for, and how a hint may still speak of it.
_ASKS_FOR_IT = re.compile(r"(?:주민|외국인)\s*(?:등록)?\s*번호|주민\s*등록\s*(?:증\s*)?[앞뒷뒤]\s*자리")
_ASKS_NOT = re.compile(r"지\s*(?:마|말|않)|빼고|제외|없이|가리고|금지")


def asks_for_resident_number(text: str, *, may_warn: bool = False) -> bool:
    """Does a question ask for a resident registration number? may_warn: a sentence that says not to write it asks for none."""
    return any(
        _ASKS_FOR_IT.search(sentence) and not (may_warn and _ASKS_NOT.search(sentence))
        for sentence in (re.split(r"[.!?\n]", text) if may_warn else [text])
    )
