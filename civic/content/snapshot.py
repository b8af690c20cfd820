"""The sources of a built site, kept beside it: what site and servers read, never a file that somebody is just writing.

Beside `site-000007` lies `.site-000007.content`: names and folders as in the content folder, each page as it was when it
last had no mistake.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from civic.errors import ContentMistakes, Mistake
from civic.files import place_of, whole_file

ENDING = ".content"
LIST = ".sources.json"  # hidden: no part of the content


@dataclass(frozen=True)
class Snapshot:
    """What a site was made from. files: file -> SHA-256 of its bytes; of nothing, empty."""

    folder: Path = Path()
    origin: str = ""  # the content folder
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, site: Path | None, content: Path) -> Self:
        """That of a site, where it was made from this content folder; else an empty one."""
        folder = beside(site.resolve()) if site else Path()
        with suppress(OSError, ValueError, TypeError):
            found = cls(folder, **json.loads((folder / LIST).read_text("utf-8")))
            if found.origin == str(content.resolve()):
                return found
        return cls()


def beside(build: Path) -> Path:
    """Where the sources of a build lie."""
    return build.with_name(f".{build.name}{ENDING}")


def sources(site: Path, content: Path) -> Path:
    """Where that is read which the site says: its snapshot, or the content folder while no site of that folder stands."""
    kept = Snapshot.of(site, content)
    return kept.folder if kept.files else content


def keep(folder: Path, content: Path, files: Mapping[str, str], before: Snapshot) -> None:
    """Fill a fresh folder with these files: those that are as before from there, the others from the content folder.

    Raises ContentMistakes for a file that has changed since it was read, OSError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for parent in {os.path.dirname(file) for file in files}:  # noqa: PTH120 (thousands of them)
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for file, digest in files.items():
        place = f"{folder}/{file}"
        if before.files.get(file) == digest:
            with suppress(OSError):  # gone, or a disk without links
                os.link(f"{before.folder}/{file}", place)
                continue
        raw = as_read(content, file, digest)
        with open(place, "xb") as out:  # noqa: PTH123
            out.write(raw)
    told = {"origin": str(content.resolve()), "files": dict(files)}
    (folder / LIST).write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def as_read(content: Path, file: str, digest: str) -> bytes:
    """A file of the content as it was when it was read. Raises ContentMistakes where it is another by now."""
    try:
        raw = whole_file(place_of(content, file))
    except OSError:
        raw = b""
    if hashlib.sha256(raw).hexdigest() != digest:
        raise ContentMistakes([Mistake(file, 0, "", "만드는 동안 파일이 바뀌었습니다. 다시 만드세요")])
    return raw
