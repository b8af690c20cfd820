"""Writes one block into a page's front matter and leaves every other byte as staff wrote it. Knows no polls."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path

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


def write(path: Path, text: str, private: bool = False) -> None:
    """A whole file or none: written beside it, synced, then renamed. private: readable by its owner only.

    Raises OSError, also for what is there and is no file (a device, a pipe).
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(path)) from err
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(0o600 if private else 0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
