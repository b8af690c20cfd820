"""Which addresses does a Markdown text point at, and which of its pictures say nothing? Text only."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"^(```|~~~).*?^\1[`~]*[ \t]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_INLINE = (
    r"""\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\))?[^\s()<>]*)>?(?:\s+"[^"\n]*")?\s*\)"""
)
_LINK = re.compile(
    _INLINE + r"""|^[ ]{0,3}\[[^\]^][^\]]*\]:\s*<?([^\s<>]+)"""
    r"""|\b(?:href|src)\s*=\s*["']([^"']*)["']""",
    re.MULTILINE,
)
_INLINE_LINK = re.compile(_INLINE)  # much quicker: it begins with one sign
_PICTURE_WITHOUT_WORDS = re.compile(r"!\[\s*\]|<img\b(?![^>]*\balt\s*=\s*[\"'][^\"'])[^>]*>", re.IGNORECASE)

_ADDRESS = re.compile(r"/(?=((?:[a-z0-9-]+/){1,2}))")  # begins with one sign too


def mentions_of(body: str) -> tuple[str, ...] | None:
    """Everything that could be the address of a page; None where signs are written in a roundabout way."""
    if "\\" in body or "&#" in body or "&sol" in body or "&hyphen" in body:
        return None
    return tuple(sorted({f"/{rest}" for rest in _ADDRESS.findall(body)}))


def links_of(body: str) -> Iterator[tuple[int, str, bool]]:
    """(line of the body, 0 is the first; target; is it a picture) of every link outside code."""
    has_others = "]:" in body or "=" in body
    if not has_others and "](" not in body:
        return
    plain = without_code(body)
    for found in (_LINK if has_others else _INLINE_LINK).finditer(plain):
        target = next((group for group in found.groups() if group is not None), "")
        at = found.start()
        is_picture = plain[at - 1 : at + 1] == "![" or found.group().startswith("src")
        yield plain.count("\n", 0, at), target, is_picture


def silent_pictures(body: str) -> Iterator[int]:
    """The lines (0 is the first) of pictures without words for those who cannot see them."""
    if "![" in body or "<img" in body:
        plain = without_code(body)
        for found in _PICTURE_WITHOUT_WORDS.finditer(plain):
            yield plain.count("\n", 0, found.start())


def without_code(body: str) -> str:
    """The text with everything in backticks blanked out; lines and places stay."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), body) if "`" in body else body
