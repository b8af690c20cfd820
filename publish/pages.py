"""A page before it is made: what it is made from, as a key, and how to make it. No files, no clock."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from numbers import Number
from typing import Any

from flask import Flask, Response
from pydantic import BaseModel

from civic.content.pages import Document
from publish.cards import Card

# Known on every machine, whatever its own list of types says.
TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".json": "application/json",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}


@dataclass(frozen=True)
class Page:
    """What a view answers with. Two pages of one address with the same key have the same bytes.

    key: "" for one that is always made anew (and compared); ending: of the file, which gives its type;
    shows: whose words it shows: "lectures/essay.md" for title and summary, "lectures/essay.md#text" for the text;
    ahead: work that can be done before the page is made.
    """

    key: str
    make: Callable[[], str | bytes]
    ending: str = ".html"
    shows: frozenset[str] = frozenset()
    ahead: Callable[[], object] | None = None


class PagesApp(Flask):
    """A Flask app whose views may answer with a Page."""

    def add_url_rule(self, rule: str, *given: Any, **options: Any) -> None:
        # Flask's own types know nothing of views that answer with a Page.
        super().add_url_rule(rule, *given, **options)

    def make_response(self, rv: Any) -> Any:
        if isinstance(rv, Page):
            return Response(rv.make(), mimetype=TYPES.get(rv.ending, "application/octet-stream"))
        return super().make_response(rv)


def page_of(answer: Any, ending: str) -> Page:
    """What a view answered with, as a Page; one that did not say what it is made from is always made."""
    if isinstance(answer, Page):
        return answer
    content = answer.get_data() if isinstance(answer, Response) else answer
    return Page("", lambda: content, ending)


def digest(*parts: str) -> str:
    """A short name for these texts, in this order."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_FIELDS: dict[type, list[str]] = {}  # of dataclasses
PLAIN = 2  # the form of marshal in which equal values are equal bytes, whichever objects hold them


class Writer:
    """Values as texts that are the same just when the values are."""

    def __init__(self, heads: Mapping[str, str]) -> None:
        self._heads = heads  # file of a page -> digest of its front matter
        self._known: dict[int, tuple[Any, str]] = {}  # by id, which stays theirs as long as they are here
        self.shown: set[str] = set()  # whose words were written, see Page.shows

    def write(self, value: Any) -> str:
        """Raises TypeError for a value of which nobody can say when it changes."""
        if isinstance(value, str):
            return f"{len(value)}:{value}"
        if value is None or isinstance(value, (Number, date)):
            return repr(value)
        if isinstance(value, Card):
            self.shown.add(value.doc.file)
            return self._once(value)
        if isinstance(value, BaseModel):
            if isinstance(value, Document):
                self.shown.add(value.file)
            return self._once(value)
        if isinstance(value, (list, tuple)):
            try:
                return f"({marshal.dumps(value, PLAIN).decode('latin-1')})"  # quick, for plain values
            except ValueError:
                return f"[{','.join(map(self.write, value))}]"
        if isinstance(value, Mapping):
            return f"{{{','.join([f'{self.write(key)}={self.write(each)}' for key, each in value.items()])}}}"
        if isinstance(value, bytes):
            return hashlib.sha256(value).hexdigest()
        made_from = getattr(value, "made_from", None)
        if isinstance(made_from, str):  # it knows by itself
            self.shown.update(filter(None, [getattr(value, "shows", "")]))
            return f"<{made_from}>"
        if is_dataclass(value) and not isinstance(value, type):
            return self._parts(value)
        raise TypeError(f"{type(value).__name__}: nobody knows when this changes")

    def _once(self, value: Any) -> str:
        """Of what never changes and stands on many pages."""
        if id(value) not in self._known:
            text = self._parts(value) if isinstance(value, Card) else self._shape(value)
            self._known[id(value)] = value, text
        return self._known[id(value)][1]

    def _parts(self, value: Any) -> str:
        names = _FIELDS.setdefault(type(value), [each.name for each in fields(value)])
        return f"{type(value).__name__}({','.join([self.write(getattr(value, name)) for name in names])})"

    def _shape(self, value: BaseModel) -> str:
        head = self._heads.get(value.file) if isinstance(value, Document) and not value.body else None
        text = f"{value.file}@{head}" if head and isinstance(value, Document) else repr(value)
        return f"{type(value).__name__}({text})"
