"""Numbers and codes that people read and type, and bytes as text. No store, no clock, no web."""

import base64
import re
import secrets

# No look-alikes: 0 O, 1 I L, 2 Z, 5 S, 8 B, U V are left out. 24 signs, 8 of them: 36 bits.
NUMBER_SIGNS = "34679ACDEFGHJKMNPQRTUWXY"
_PAIRS = [low + high for high in NUMBER_SIGNS for low in NUMBER_SIGNS]  # two digits of a number
CODE = rf"^[{NUMBER_SIGNS}]{{4}}(-[{NUMBER_SIGNS}]{{4}}){{3}}$"


def new_number() -> str:
    """A receipt number that cannot be guessed or misread: "7K3F-9QXM"."""
    return new_code(2)


def new_draw_number() -> str:
    """A number that is published in a draw, 55 bits: "7K3F-9QXM-4ACD"; longer than a receipt number, so never taken for one."""
    return new_code(3)


def clean_number(text: str) -> str:
    """A receipt number as typed: " 7k3f9qxm" -> "7K3F-9QXM"."""
    signs = "".join(c for c in text.upper() if c.isalnum())
    return f"{signs[:4]}-{signs[4:]}" if len(signs) == 8 else signs


def new_code(fours: int = 4) -> str:
    """Random signs without look-alikes in fours, 18 bits each: "7K3F-9QXM-…". Four of them are a tracker."""
    return code_of(secrets.randbelow(len(_PAIRS) ** (2 * fours)), fours)


def code_of(number: int, fours: int = 4) -> str:
    """The signs of a number: its lowest digits in base 24, four and four."""
    parts = []
    for _ in range(fours):
        number, four = divmod(number, len(_PAIRS) ** 2)
        high, low = divmod(four, len(_PAIRS))
        parts.append(_PAIRS[low] + _PAIRS[high])
    return "-".join(parts)


def is_code(value: object) -> bool:
    """Is it a tracker or receipt in its written form?"""
    return isinstance(value, str) and re.fullmatch(CODE, value) is not None


def to_text(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_text(text: str) -> bytes:
    """The bytes of base64url text in its one spelling; ValueError otherwise (two spellings would be two receipts)."""
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if to_text(raw) != text:
        raise ValueError("not in its one spelling")
    return raw
