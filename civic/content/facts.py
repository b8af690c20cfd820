"""What the library needs to know of one file, how it finds it in the text, and what remembers it from one build to the next."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civic.errors import Mistake
from civic.files import RACY

if TYPE_CHECKING:  # a build that has nothing to do loads no shapes
    from civic.content.pages import Document

TEXT = "#text"  # after the name of a file: its text, and not its title and summary
Stamp = tuple[int, int, int, int]  # size, mtime and ctime in ns, inode: another stamp, another content

_CODE = re.compile(r"^(```|~~~).*?^\1[`~]*[ \t]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_INLINE = (
    r"""\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\))?[^\s()<>]*)>?(?:\s+"[^"\n]*")?\s*\)"""
)
_LINK = re.compile(_INLINE + r"""|\b(?:href|src)\s*=\s*["']([^"']*)["']""")
_INLINE_LINK = re.compile(_INLINE)  # much quicker: it begins with one sign
_ADDRESS = re.compile(r"/(?=((?:[a-z0-9-]+/){1,2}))")  # begins with one sign too


@dataclass(frozen=True)
class Facts:
    """One page: all that the other pages and the checks need of it."""

    digest: str  # SHA-256 of the file
    head: str  # of its front matter
    frame: str  # of what is chosen, ordered and addressed by: its front matter but for mere words
    document: "Document | None"  # None where the front matter has mistakes
    names: Mapping[str, str]  # keys that name something elsewhere, dotted: {"department": "jobs"}
    links: tuple[tuple[int, str, bool], ...]  # (line of the file, target, is it a picture)
    odd: tuple[Mistake, ...]  # what staff should look at; no mistake
    mentions: tuple[str, ...] | None  # what looks like an address of the site; None where it cannot be seen
    characters: str  # each character of front matter and text once, in no order


class Memory:
    """Facts of files that have not changed. A library with a memory leaves the texts of its pages on disk."""

    def __init__(self, old: Mapping[str, tuple[Stamp, Facts]]) -> None:
        """old: what was kept, by file."""
        self._old = old
        self.fresh: dict[str, tuple[Stamp, Facts]] = {}  # what is to be kept besides
        self._seen: set[str] = set()
        self.edited: set[str] = set()  # whose head ("a.md") or text ("a.md#text") is another now

    def recall(self, file: str, stamp: Stamp) -> Facts | None:
        """What was kept of the file with this very stamp."""
        kept = self.fresh.get(file) or self._old.get(file)
        if kept is None or kept[0] != stamp:
            return None
        self._seen.add(file)
        return kept[1]

    def keep(self, file: str, stamp: Stamp, facts: Facts) -> None:
        """Remember a file without mistakes."""
        self.edited.add(f"{file}{TEXT}")
        old = self._old.get(file)
        if old is None or old[1].head != facts.head:
            self.edited.add(file)
        if max(stamp[1], stamp[2]) < time.time_ns() - RACY:  # else it may change once more at this very time
            self.fresh[file] = stamp, facts
            self._seen.add(file)

    def forget(self, pages: Set[tuple[str, str]]) -> None:
        """Another source than the file's stands in for these pages (folder, slug)."""
        for folder, slug in pages:
            for file in (f"{folder}/{slug}.md", f"{folder}/{slug}/index.md"):
                self.fresh.pop(file, None)
                self._seen.discard(file)
                self.edited |= {file, f"{file}{TEXT}"}

    @property
    def gone(self) -> set[str]:
        """Files that are no longer there, or not as they were kept."""
        return self._old.keys() - self._seen


def stamp(found: os.stat_result) -> Stamp:
    """What tells one state of a file from another without reading it."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def mentions_of(body: str) -> tuple[str, ...] | None:
    """Everything that could be the address of a page; None where signs are written in a roundabout way."""
    if "\\" in body or "&#" in body or "&sol" in body or "&hyphen" in body:
        return None
    return tuple(sorted({f"/{rest}" for rest in _ADDRESS.findall(body)}))


def links_of(body: str) -> Iterator[tuple[int, str, bool]]:
    """(line of the body, 0 is the first; target; is it a picture) of every link outside code."""
    has_others = "=" in body
    if not has_others and "](" not in body:
        return
    plain = without_code(body)
    for found in (_LINK if has_others else _INLINE_LINK).finditer(plain):
        target = next((group for group in found.groups() if group is not None), "")
        at = found.start()
        is_picture = plain[at - 1 : at + 1] == "![" or found.group().startswith("src")
        yield plain.count("\n", 0, at), target, is_picture


def without_code(body: str) -> str:
    """The text with everything in backticks blanked out; lines and places stay."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), body) if "`" in body else body
