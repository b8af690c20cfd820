"""Draws in content/results/: each read, and worked out again from its own list and seed before it is shown.

A record `<kind>-<slug>.toml` stands beside a folder of that name with draw.json. What does not follow from the list and
the seed is reported like any mistake in the content, and nothing is built.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from civic.content.front_matter import dotted, read_source
from civic.content.mistakes import shape_mistakes
from civic.errors import Mistake
from civic.files import whole_file
from civic.links import FOLDERS, link
from civic.places.draw_record import FILE, DrawFile, DrawRecord

FOLDER = FOLDERS["result"]


@dataclass(frozen=True)
class Draw:
    """One published draw."""

    record: DrawRecord
    document: DrawFile
    raw: bytes  # draw.json, as it is offered for download

    @property
    def slug(self) -> str:
        """ "lectures-essay", as in its address."""
        return self.record.draw.replace("/", "-")

    @property
    def link(self) -> str:
        return link("result", self.slug)


@dataclass
class ReadDraws:
    """Every draw found, and everything wrong with them."""

    draws: list[Draw] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)  # file -> SHA-256 of its bytes
    mistakes: list[Mistake] = field(default_factory=list)


def read_draws(content: Path) -> ReadDraws:
    """The records of draws, in the order of their names; those of votes are passed over."""
    found = ReadDraws()
    base = content / FOLDER
    if not base.is_dir():
        return found
    with os.scandir(base) as entries:
        names = sorted(each.name for each in entries if each.is_file() and each.name.endswith(".toml"))
    for name in names:
        if not name.startswith("."):
            _read_record(base, name, found)
    return found


def _read_record(base: Path, name: str, found: ReadDraws) -> None:
    file = f"{FOLDER}/{name}"
    try:
        raw = whole_file(base / name)
    except OSError:
        return  # named by whoever reads votes
    source, mistakes = read_source(file, raw, front=False)
    if source is None or "draw" not in source.values:
        return
    found.digests[file] = hashlib.sha256(raw).hexdigest()
    try:
        record = DrawRecord.model_validate(source.values)
    except ValidationError as wrong:
        found.mistakes += [*mistakes, *shape_mistakes(source, DrawRecord, wrong)]
        return
    slug = record.draw.replace("/", "-")
    place = f"{slug}/{FILE}"
    if name != f"{slug}.toml" or record.files != (place,):
        found.mistakes.append(Mistake(file, 0, "", f"이 추첨의 파일은 {slug}.toml과 {place}입니다"))
        return
    try:
        text = whole_file(base / place)
    except OSError:
        found.mistakes.append(Mistake(file, source.line(("files",)), "files", "파일이 없습니다", place))
        return
    found.digests[f"{FOLDER}/{place}"] = hashlib.sha256(text).hexdigest()
    try:
        document = DrawFile.model_validate_json(text)
    except ValidationError as wrong:
        where = sorted(
            {dotted(tuple(e["loc"])) for e in wrong.errors(include_url=False, include_input=False)}
        )
        found.mistakes.append(
            Mistake(
                f"{FOLDER}/{place}",
                0,
                ", ".join(where),
                "추첨 결과로 읽을 수 없습니다. draw show로 다시 쓰세요",
            )
        )
        return
    lines = list(document.disagreements())
    if hashlib.sha256(text).hexdigest() != record.digest:
        lines.append("파일이 적힌 지문과 다릅니다. draw show로 다시 쓰세요")
    if document.subject != record.draw:
        lines.append(f"다른 글의 추첨입니다: {document.subject}")
    found.mistakes += [*mistakes, *(Mistake(f"{FOLDER}/{place}", 0, "", line) for line in lines)]
    if not mistakes and not lines:
        found.draws.append(Draw(record, document, text))
