"""Which template sources does a page depend on? Read from the sources themselves, includes and all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from civic.links import is_passed_over
from templates import text_of

_TAG = re.compile(r"{%[-+]?\s*(?:extends|include|import|from)\s(.*?)[-+]?%}", re.DOTALL)
_NAMED = re.compile(
    r"""\s*(["'])(?P<name>[^"']+)\1\s*(?:$|import\b|as\b|with\b|without\b|ignore missing\b)"""
)


class Sources:
    """The templates of a folder, each with a digest of all that it is made from."""

    def __init__(self, folder: Path) -> None:
        self.texts = {
            file.relative_to(folder).as_posix(): text_of(file)
            for file in sorted(folder.rglob("*"))
            if file.suffix in (".html", ".txt", ".xml") and not is_passed_over(file.name)
        }
        self.of = cache(self._of)

    def _of(self, template: str) -> str:
        """The digest of a template and of everything that it extends, includes or imports."""
        found: set[str] = set()
        waiting = [template]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._named(name)
        text = "\0".join(f"{name}\0{self.texts.get(name, '')}" for name in sorted(found))
        return hashlib.sha256(text.encode()).hexdigest()

    def _named(self, name: str) -> Iterator[str]:
        """The templates that one names; all there are where a name is worked out while rendering."""
        for tag in _TAG.finditer(self.texts.get(name, "")):
            literal = _NAMED.match(tag.group(1))
            if literal is None:
                yield from self.texts
            else:
                yield literal["name"]
