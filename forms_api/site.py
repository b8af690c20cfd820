"""The built site as files: addresses that end in "/", its own 404, what browsers may keep, compression; and the status.

Each text file is read and compressed once; what was made is kept until newer files push it out. Of the API only
the status is compressed: beside what a citizen typed, the length of an answer could tell what is secret in it.
"""

import gzip
import hashlib
import json
import mimetypes
import os
import re
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from os.path import isdir, isfile  # unlike a Path's, False for a name that is too long
from pathlib import Path
from typing import Any

from flask import Flask, Response, redirect, request, send_from_directory
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as BaseResponse

from civic.content.pages import Pages
from civic.content.search import LONGEST_QUERY, answer
from civic.errors import NotFound
from civic.links import link
from civic.places.intake import Intake
from civic.places.status import Form, form_of, status
from civic.text import clean
from forms_api.operations import Services
from forms_api.problems import FILES

LARGEST = 4 * 1024 * 1024  # bytes of one text file; a larger one is sent as it lies there
MOST_KEPT = 32 * 1024 * 1024  # bytes of all that is kept, per process: about 2,000 pages
BOARD = "status-board"  # under which name the app has it
FRESH = 1.0  # seconds that the status may be repeated
HASHED = re.compile(r"\.[0-9a-f]{8,}\.\w+$")  # site.1a2b3c4d.css never changes under its name
TYPES = {  # of text, the same on every machine, whatever its own list of types says
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pb": "application/octet-stream",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
}
BINARY = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".hwp": "application/x-hwp",
    ".hwpx": "application/hwp+zip",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
for suffix, kind in (TYPES | BINARY).items():
    mimetypes.add_type(kind, suffix)


def register_site(app: Flask, parts: Services) -> None:
    """The site's pages, its search, and the status of its forms."""
    folder = parts.settings.site_dir
    site, board = BuiltSite(folder), StatusBoard(parts.intake)
    app.add_url_rule("/", FILES, site.page)
    app.add_url_rule("/<path:path>", FILES, site.page)
    app.add_url_rule("/api/status", "status", board.show)
    app.extensions[BOARD] = board

    @app.get(link("search"))
    def search() -> BaseResponse:
        """For who has no JavaScript. Without a query, or where the site has no index, the site's own page answers."""
        query = " ".join(clean(request.args.get("q", "")).split())[:LONGEST_QUERY]
        page = request.args.get("page", "1")
        number = int(page) if page.isdecimal() and len(page) < 4 else 1
        index = folder.resolve() / "search"  # once: of one build alone
        found: dict[str, Any] = {}
        with suppress(OSError, ValueError, LookupError):
            if query:
                found = answer(query, number, lambda name: json.loads((index / f"{name}.json").read_bytes()))
        if not found:
            return site.page(link("search")[1:])
        return parts.page("pages/search.html", "통합검색", answer=found)


class BuiltSite:
    """The folder of the built site, as it stands at each request."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, Files()

    def page(self, path: str = "") -> BaseResponse:
        """One file of the site. Raises NotFound for what is not there, and for addresses of the API."""
        if path.startswith("api/"):
            raise NotFound
        # What is no one part of a file is answered with the whole (RFC 9110, 14.2).
        asked = request.range
        is_one_part = asked and asked.units == "bytes" and len(asked.ranges) == 1 and request.method == "GET"
        if not is_one_part:
            request.environ.pop("HTTP_RANGE", None)
        site = self._folder.resolve()  # once: a build that is swapped in now does not mix with the old one
        found = safe_join(str(site), path)
        if found is None:
            return self._missing(site)
        if isdir(found):  # noqa: PTH112
            if not (Path(found) / "index.html").is_file():
                return self._missing(site)
            if path and not path.endswith("/"):
                query = f"?{request.query_string.decode('ascii', 'ignore')}" if request.query_string else ""
                return redirect(f"/{path}/{query}", code=308)
            return self._sent(site, f"{path}index.html")
        if isfile(found) and not path.endswith("/"):  # noqa: PTH113
            return self._sent(site, path)
        kept = earlier(site, path)
        return self._sent(kept, path) if kept else self._missing(site)

    def _sent(self, site: Path, path: str) -> Response:
        text = self._files.text(site / path)
        if text:
            answer = text.answer(TYPES[Path(path).suffix])
            answer.make_conditional(request, accept_ranges=True, complete_length=len(text.plain))
        else:
            answer = send_from_directory(site, path, conditional=True, etag=True)
        kept = "max-age=31536000, immutable" if HASHED.search(path) else "max-age=0, must-revalidate"
        answer.headers["Cache-Control"] = f"public, {kept}"
        return answer

    def _missing(self, site: Path) -> Response:
        """The site's own 404 page. Raises NotFound where no site is built."""
        with suppress(FileNotFoundError):
            if text := self._files.text(site / "404.html"):
                return text.answer("text/html", status=404)
        raise NotFound


def earlier(site: Path, path: str) -> Path | None:
    """The newest kept build that has this hashed file: a page opened just before a new build still asks for it."""
    build = re.fullmatch(r"(.+)-\d{6,}", site.name)
    if not build or not HASHED.search(path):
        return None
    for other in sorted(site.parent.glob(f"{build[1]}-*"), reverse=True):
        found = safe_join(str(other), path)
        if found and not other.suffix and Path(found).is_file():
            return other
    return None


@dataclass(frozen=True)
class SentText:
    """A text ready to send."""

    tag: str  # of the plain bytes: the same content has the same tag in every build and process
    plain: bytes
    small: bytes | None  # gzip; None where that would not be smaller

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.small or b"")

    def answer(self, mimetype: str, status: int = 200) -> Response:
        """Compressed for whoever takes that. Each form has an ETag of its own."""
        # A part of a file is a part of its plain bytes.
        small = self.small if request.accept_encodings.quality("gzip") > 0 and not request.range else None
        answer = Response(self.plain if small is None else small, status=status, mimetype=mimetype)
        answer.set_etag(self.tag if small is None else f"{self.tag}-gzip")
        answer.vary.add("Accept-Encoding")
        if small is not None:
            answer.content_encoding = "gzip"
        return answer


def as_sent(plain: bytes, tag: str = "", level: int = 9) -> SentText:
    """A text, compressed; the same bytes always give the same. tag: where it is not that of the bytes; level: 1 for what
    is soon made anew."""
    small = gzip.compress(plain, level, mtime=0)
    tag = tag or hashlib.sha256(plain).hexdigest()[:20]
    return SentText(tag, plain, small if len(small) < len(plain) else None)


class Files:
    """Text files by what they are on the disk; a new build's files are new ones."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], SentText] = OrderedDict()
        self.size = 0  # bytes that are kept now

    def text(self, path: Path) -> SentText | None:
        """The file, or None when it is no text or too large. Raises OSError when it cannot be read."""
        if path.suffix not in TYPES:
            return None
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_size > LARGEST:
                return None
            # The time of change, not of writing: nobody can set it back.
            identity = (found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size)
            made = self._kept.get(identity) or as_sent(file.read())
        with self._lock:
            if identity not in self._kept:
                self.size += made.size
            self._kept[identity] = made
            self._kept.move_to_end(identity)
            while self.size > self._most:
                self.size -= self._kept.popitem(last=False)[1].size
        return made


class StatusBoard:
    """The state of all forms, read at most once a second however many ask."""

    def __init__(self, intake: Intake) -> None:
        self._intake, self._lock = intake, threading.Lock()
        self._made = float("-inf")
        self._text = as_sent(b"")
        self._forms: dict[str, Any] = {}
        self._library: Pages | None = None
        self._written: list[Form] = []  # its forms

    def show(self) -> Response:
        """The state of all forms; the tag changes only when a form does, not with the clock, which a header tells."""
        answer = self._fresh().answer("application/json")
        answer.headers["Cache-Control"] = "public, max-age=1"
        answer.headers["Madang-Now"] = self._intake.clock.now().isoformat(timespec="milliseconds")
        return answer.make_conditional(request)  # type: ignore[return-value]  # werkzeug types its own Response

    def forms(self) -> dict[str, Any]:
        """The same for our own pages: subject -> state, times and rounds, at most a second old."""
        self._fresh()
        return self._forms

    def _fresh(self) -> SentText:
        with self._lock:
            if time.monotonic() - self._made >= FRESH:
                if self._library is not self._intake.library:
                    self._library = self._intake.library
                    self._written = [form_of(doc, doc.spec) for doc in self._library.subjects() if doc.spec]
                document = status(self._intake, self._written)
                self._forms = document["forms"]
                forms = ",".join(f'"{form.doc.subject}":{form.text}' for form in self._written)
                tag = hashlib.sha256(forms.encode()).hexdigest()[:16]
                body = f'{{"now":{json.dumps(document["now"])},"forms":{{{forms}}}}}'
                self._text = as_sent(body.encode(), tag, level=1)
                self._made = time.monotonic()
            return self._text
