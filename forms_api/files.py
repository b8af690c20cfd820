"""Files of the built site as they are sent: named by their content, text also compressed. No addresses, no views.

Each text file is read and compressed once; what was made is kept until newer files push it out. Of the API only
the status is compressed: beside what a citizen typed, the length of an answer could tell what is secret in it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from flask import Response, request

TEXT = frozenset(
    (
        ".html",
        ".css",
        ".js",
        ".json",
        ".svg",
        ".xml",
        ".ics",
        ".txt",
        ".csv",
        ".md",
        ".py",
        ".pb",
        ".webmanifest",
    )
)
LARGEST = 4 * 1024 * 1024  # bytes of one text file; a larger one is sent as it lies there
MOST_KEPT = 32 * 1024 * 1024  # bytes of all that is kept, per process: about 2,000 pages
Identity = tuple[int, int, int, int]


@dataclass(frozen=True)
class Text:
    """A text file ready to send."""

    tag: str  # of the plain bytes: the same content has the same tag in every build and process
    plain: bytes
    small: bytes | None  # gzip; None where that would not be smaller

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.small or b"")


class Files:
    """Text files by what they are on the disk; a new build's files are new ones."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Identity, Text] = OrderedDict()
        self._size = 0

    def text(self, path: Path) -> Text | None:
        """The file, or None when it is no text or too large. Raises OSError when it cannot be read."""
        if path.suffix not in TEXT:
            return None
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_size > LARGEST:
                return None
            # The time of change, not of writing: nobody can set it back.
            identity = (found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size)
            with self._lock:
                if identity in self._kept:
                    self._kept.move_to_end(identity)
                    return self._kept[identity]
            made = make(file.read())
        self._keep(identity, made)
        return made

    @property
    def size(self) -> int:
        """Bytes that are kept now."""
        return self._size

    def _keep(self, identity: Identity, made: Text) -> None:
        with self._lock:
            if identity in self._kept:
                return
            self._kept[identity] = made
            self._size += made.size
            while self._size > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._size -= oldest.size


def make(plain: bytes, tag: str = "") -> Text:
    """A text, compressed; the same bytes always give the same. tag: where it is not that of the bytes."""
    small = gzip.compress(plain, 9, mtime=0)
    tag = tag or hashlib.sha256(plain).hexdigest()[:20]
    return Text(tag, plain, small if len(small) < len(plain) else None)


def written(text: Text, mimetype: str, status: int = 200) -> Response:
    """A text as an answer, compressed for whoever takes that. Each form has an ETag of its own."""
    # A part of a file is a part of its plain bytes.
    small = text.small if request.accept_encodings.quality("gzip") > 0 and not request.range else None
    answer = Response(text.plain if small is None else small, status=status, mimetype=mimetype)
    answer.set_etag(text.tag if small is None else f"{text.tag}-gzip")
    answer.vary.add("Accept-Encoding")
    if small is not None:
        answer.content_encoding = "gzip"
    return answer
