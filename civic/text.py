"""What people type, cleaned, and searched for what must never be kept: resident registration numbers. Text only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

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
_SPREAD_NUMBER = re.compile(
    r"(?<![0-9])[0-9]([\W_]{1,3})[0-9]\1(?:0\1[1-9]|1\1[0-2])\1(?:0\1[1-9]|[12]\1[0-9]|3\1[01])"
    r"[\W_]{1,5}[0-9](?:\1[0-9]){6}(?!\1?[0-9])"
)
# A digest in hex: one in 1,400 has digits in a row that could be a birth date and seven more.
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z])")
_BLANKS = re.compile(r"[^\S\n]+|\n+")
# Letters that look like a line: NFKC has made U+1173 of ㅡ, which a Korean keyboard types in its place, U+1175 of ㅣ.
_HYPHENS = dict.fromkeys((0x1173, 0x1175, 0x30FC, 0x4E00), "-")
_FILLERS = "\u115f\u1160"  # letters that nobody sees
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # show what follows from right to left
RESIDENT_NUMBER_MESSAGE = "주민등록번호는 받지 않습니다. 지우고 다시 보내 주세요."  # 개인정보 보호법 24의2


def has_resident_number(text: str) -> bool:
    """Does the text hold what looks like a resident registration number, in any usual spelling? A digest in hex is none."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if len(text) < 13 or not _DIGIT.search(text):
        return False
    if not text.isascii() or not text.isprintable():
        text = "".join(map(_plain, text.translate(_HYPHENS)))
    text = _BLANKS.sub(" ", text)
    return _is_found_in(text) and _is_found_in(_DIGEST.sub("x", text))


def _is_found_in(text: str) -> bool:
    return bool(_RESIDENT_NUMBER.search(text) or _SPREAD_NUMBER.search(text))


def _plain(sign: str) -> str:
    """A digit of any script as 0 to 9; "" for what nobody sees or `clean` takes away; else the sign itself."""
    if sign < "\x7f":
        return sign if sign.isprintable() or sign == "\n" else ""
    digit = unicodedata.digit(sign, None)
    if digit is not None:
        return str(digit)
    kind = unicodedata.category(sign)
    return "" if kind in ("Cc", "Cf", "Me", "Mn") or sign in _FILLERS else sign


def clean(text: str) -> str:
    """What a person meant to type: NFC, no control characters but line breaks, no turned lines, no outer space."""
    text = text.replace("\r\n", "\n")
    if not text.isprintable():
        text = "".join(c for c in text if c == "\n" or (unicodedata.category(c) != "Cc" and c not in _TURNS))
    return unicodedata.normalize("NFC", text).strip()


def texts(value: Any) -> Iterator[str]:
    """Every text inside a posted value, keys included, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{value:.0f}" if isinstance(value, float) else str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


# What a question may not ask for, and how a hint may still speak of it.
_ASKS_FOR_IT = re.compile(r"(?:주민|외국인)\s*(?:등록)?\s*번호|주민\s*등록\s*(?:증\s*)?[앞뒷뒤]\s*자리")
_ASKS_NOT = re.compile(r"지\s*(?:마|말|않)|빼고|제외|없이|가리고|금지")


def asks_for_resident_number(text: str, *, may_warn: bool = False) -> bool:
    """Does a question ask for a resident registration number in these words?

    may_warn: a sentence that says not to write it asks for none: "주민등록번호는 적지 마세요."
    """
    return any(
        _ASKS_FOR_IT.search(sentence) and not (may_warn and _ASKS_NOT.search(sentence))
        for sentence in (re.split(r"[.!?\n]", text) if may_warn else [text])
    )
