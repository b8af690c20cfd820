"""Figures as they stand in `.pb` files: exact, and never a thousand times too small. Text in, numbers out."""

import re
from collections.abc import Iterable
from fractions import Fraction

from civic.votes.count import Number

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?", re.IGNORECASE)
_BLANKS = re.compile(r"[\s\u00a0\u202f_']")
_OPEN = re.compile(r"[1-9]\d{0,2},\d{3}")  # 600,000: six hundred thousand, or six hundred
_GROUPED = re.compile(
    r"\d{1,3}(,\d{3}){2,}(\.\d*)?|\d{1,3},\d{3}\.\d*"
)  # only commas between thousands look so
_DOTTED = re.compile(r"\d{1,3}(\.\d{3}){2,}(,\d*)?|\d{1,3}\.\d{3},\d*")  # only dots between thousands
_LONG = re.compile(r"\d{4,}(\.\d*)?")  # a file that parts its thousands has none of these


def number(text: str, thousands: str = "") -> Number:
    """ "1 000 000", "400000.0" and "612,5" exactly; whole ones as int. ValueError for anything else.

    thousands: the mark between thousands ("," or ".") where the file is known to use one.
    """
    if text.isascii() and text.isdecimal():
        return int(text)
    plain = _BLANKS.sub("", text)
    if thousands:
        whole, point, rest = plain.partition("." if thousands == "," else ",")
        if thousands in whole and not re.fullmatch(rf"[+-]?\d{{1,3}}(\{thousands}\d{{3}})+", whole):
            raise ValueError(text)
        plain = whole.replace(thousands, "") + ("." + rest if point else "")
    else:
        plain = plain.replace(",", "" if plain.count(",") > 1 else ".")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(text)
    value = Fraction(plain)
    return int(value) if value.denominator == 1 else value


def thousands_mark(figures: Iterable[str]) -> str | None:
    """The mark between thousands in these amounts of one file: ",", ".", or "" where there is none.

    None when "600,000" may be either: nothing shows that commas part thousands, and beside it stand figures of
    four digits and more without a comma, or decimals with one.
    """
    plain = {_BLANKS.sub("", figure) for figure in figures}
    if any(map(_DOTTED.fullmatch, plain)):
        return "."
    if any(map(_GROUPED.fullmatch, plain)):
        return ","
    if not any(map(_OPEN.fullmatch, plain)):
        return ""
    decimals = any("," in figure and not _OPEN.fullmatch(figure) for figure in plain)
    return None if decimals or any(map(_LONG.fullmatch, plain)) else ","


def plain(value: Number) -> str:
    """12 or 612.5; a fraction that does not end in decimals as its nearest one."""
    return str(value) if isinstance(value, int) or value.denominator == 1 else repr(float(value))
