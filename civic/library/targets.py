"""Which addresses does a Markdown text point at, and which of its pictures say nothing? Text only."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"^(```|~~~).*?^\1[`~]*[ \t]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(
    r"""(?P<image>!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\))?[^\s()<>]*)>?(?:\s+"[^"\n]*")?\s*\)"""
    r"""|^[ ]{0,3}\[[^\]^][^\]]*\]:\s*<?([^\s<>]+)"""
    r"""|\b(?:href|src)\s*=\s*["']([^"']*)["']""",
    re.MULTILINE,
)
_PICTURE_WITHOUT_WORDS = re.compile(r"!\[\s*\]|<img\b(?![^>]*\balt\s*=\s*[\"'][^\"'])[^>]*>", re.IGNORECASE)

_ADDRESS = re.compile(r"(?=(/(?:[a-z0-9-]+/){1,2}))")


def mentions_of(body: str) -> tuple[str, ...] | None:
    """Everything that could be the address of a page; None where signs are written in a roundabout way."""
    if "\\" in body or "&#" in body or "&sol" in body or "&hyphen" in body:
        return None
    return tuple(sorted(set(_ADDRESS.findall(body))))


def links_of(body: str) -> Iterator[tuple[int, str, bool]]:
    """(line of the body, 0 is the first; target; is it a picture) of every link outside code."""
    if "](" not in body and "]:" not in body and "=" not in body:
        return
    plain = without_code(body)
    for found in _LINK.finditer(plain):
        target = next((group for group in found.groups()[1:] if group is not None), "")
        is_picture = bool(found["image"]) or found.group().startswith("src")
        yield plain.count("\n", 0, found.start()), target, is_picture


def silent_pictures(body: str) -> Iterator[int]:
    """The lines (0 is the first) of pictures without words for those who cannot see them."""
    if "![" in body or "<img" in body:
        plain = without_code(body)
        for found in _PICTURE_WITHOUT_WORDS.finditer(plain):
            yield plain.count("\n", 0, found.start())


def without_code(body: str) -> str:
    """The text with everything in backticks blanked out; lines and places stay."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), body) if "`" in body else body
