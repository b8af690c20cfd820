"""Writes one block into a page's front matter and leaves every other byte as staff wrote it. Knows no polls."""

from __future__ import annotations

import re

FENCE = "+++"


def with_block(text: str, heading: str, block: str) -> str:
    """The page's text with `block` (TOML that begins with `heading`) at the end of its front matter.

    A block of that heading that stands there already is replaced. Raises ValueError without front matter.
    """
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        raise ValueError("no front matter")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == FENCE), 0)
    if not end:
        raise ValueError("no end of the front matter")
    head = "".join(lines[1:end])
    head = re.sub(rf"^{re.escape(heading)}\n(?:(?!\[).*\n)*", "", head, flags=re.MULTILINE)
    return f"{lines[0]}{head.rstrip()}\n\n{block.strip()}\n{''.join(lines[end:])}"
