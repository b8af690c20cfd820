"""A published draw for tests of the reading side: five people for two places, one group, one left out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from civic import draw, drawing

SIZES = {"3AAA-AAAA": 1, "4CCC-CCCC": 2, "6DDD-DDDD": 1, "7EEE-EEEE": 1, "9FFF-FFFF": 1}
SEED = drawing.Seed("3 11 14 18 26 27", "로또 1등 번호", "도서관정책팀장", "2023-09-02T20:45:00+09:00")


def a_draw(subject: str, title: str, drawn: bool = True) -> dict[str, Any]:
    """draw.json of that subject."""
    frozen = drawing.Frozen(
        at="2023-09-01T10:00:00+09:00",
        label="가을반",
        places=2,
        entries=tuple(sorted(SIZES.items())),
        excluded=(("XXXX-XXXX", "광산구에 살지 않음"),),
        list_hash=draw.list_hash(SIZES),
    )
    facts = {"frozen": json.dumps(asdict(frozen))}
    if drawn:
        facts["drawn"] = json.dumps(asdict(SEED))
    return drawing.document(subject, title, {"autumn": facts})


def publish_draw(content: Path, document: dict[str, Any]) -> Path:
    """Write it where `draw run` does; the place of draw.json."""
    name = document["subject"].replace("/", "-")
    folder = content / "results" / name
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False)
    (folder / "draw.json").write_text(text, encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    record = f'draw = "{document["subject"]}"\npublished_at = 2023-09-02T21:00:00\ndigest = "{digest}"\n'
    (folder.with_suffix(".toml")).write_text(f'{record}files = ["{name}/draw.json"]\n', encoding="utf-8")
    return folder / "draw.json"
