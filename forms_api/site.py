"""The built site, as files: addresses that end in "/", the site's own 404, what browsers may keep, compression."""

from __future__ import annotations

import errno
import mimetypes
import re
from pathlib import Path

from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as BaseResponse

from civic.errors import NotFound
from forms_api.files import written
from forms_api.services import services

pages = Blueprint("pages", __name__)
HASHED = re.compile(r"\.[0-9a-f]{8,}\.\w+$")  # site.1a2b3c4d.css never changes under its name
TYPES = {  # known on every machine, whatever its own list of types says
    ".csv": "text/csv",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}


@pages.get("/")
@pages.get("/<path:path>")
def page(path: str = "") -> BaseResponse:
    """One file of the site. Raises NotFound for what is not there, and for addresses of the API."""
    if path.startswith("api/"):
        raise NotFound
    site = services().site_dir.resolve()  # once: a build that is swapped in now does not mix with the old one
    found = safe_join(str(site), path)
    if found is None:
        return missing(site)
    place = Path(found)
    try:
        is_folder = place.is_dir()
    except OSError as wrong:
        if wrong.errno != errno.ENAMETOOLONG:
            raise
        return missing(site)
    if is_folder:
        if not (place / "index.html").is_file():
            return missing(site)
        if path and not path.endswith("/"):
            query = f"?{request.query_string.decode('ascii', 'ignore')}" if request.query_string else ""
            return redirect(f"/{path}/{query}", code=308)
        path, place = f"{path}index.html", place / "index.html"
    elif not place.is_file() or path.endswith("/"):
        kept = earlier(site, path)
        if kept is None:
            return missing(site)
        site, place = kept, kept / path
    text = services().files.text(place)
    if text:
        answer = written(text, kind(place))
        answer.make_conditional(request, accept_ranges=True, complete_length=len(text.plain))
    else:
        answer = send_from_directory(site, path, mimetype=kind(place), conditional=True, etag=True)
    answer.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if HASHED.search(path) else "public, max-age=0, must-revalidate"
    )
    return answer


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


def kind(place: Path) -> str:
    """The type of a file by its ending."""
    return TYPES.get(place.suffix) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"


def missing(site: Path) -> Response:
    """The site's own 404 page. Raises NotFound where no site is built."""
    own = site / "404.html"
    text = services().files.text(own) if own.is_file() else None
    if text is None:
        raise NotFound
    return written(text, kind(own), status=404)
