"""A published draw for tests of the reading side: five people for two places, one group, one left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from civic.places.draw import FrozenList, Seed, list_hash
from civic.places.draw_record import DrawFile

SIZES = {"3AAA-AAAA": 1, "4CCC-CCCC": 2, "6DDD-DDDD": 1, "7EEE-EEEE": 1, "9FFF-FFFF": 1}
SEED = Seed("3 11 14 18 26 27", "로또 1등 번호", "도서관정책팀장", "2023-09-02T20:45:00+09:00")


def a_draw(
    subject: str = "lectures/essay",
    title: str = "에세이",
    drawn: bool = True,
    places: int = 2,
    waiting: int | None = None,
) -> dict[str, Any]:
    """draw.json of that subject."""
    frozen = FrozenList(
        at="2023-09-01T10:00:00+09:00",
        label="가을반",
        places=places,
        entries=tuple(sorted(SIZES.items())),
        excluded=(("XXXX-XXXX", "광산구에 살지 않음"),),
        list_hash=list_hash(SIZES),
        source=SEED.source,
        waiting=waiting,
    )
    facts = {"frozen": json.dumps(asdict(frozen))}
    if drawn:
        facts["drawn"] = json.dumps(asdict(SEED))
    document = DrawFile.of(subject, title, {"autumn": facts})
    assert document is not None
    told: dict[str, Any] = json.loads(document.as_json())
    return told


Round = dict[str, Any]


def _entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Round], None]:
    return lambda round: change(round["entries"]) and None


def no_draw_of_choice(round: Round) -> None:
    """Says that nothing had to be drawn, and puts the forger's friends in front."""
    round["drawn"] = False
    round["entries"].sort(key=lambda entry: entry["number"], reverse=True)
    left = round["places"]
    for entry in round["entries"]:
        entry["result"] = "confirmed" if entry["size"] <= left else "waiting"
        left -= entry["size"] if entry["result"] == "confirmed" else 0


def shrink(round: Round) -> None:
    """Everybody fits, if nobody counts."""
    round["drawn"] = False
    for entry in round["entries"]:
        entry |= {"size": 0, "result": "confirmed"}


def twice(round: Round) -> None:
    """One number stands twice, and the hash is made to fit."""
    round["entries"].append(dict(round["entries"][-1]))
    listed = "".join(f"{number}\n" for number in sorted(entry["number"] for entry in round["entries"]))
    round |= {"list_hash": hashlib.sha256(listed.encode()).hexdigest(), "applications": 6}


# What a forger may do to a drawn round; every checker must see each.
FORGERIES: dict[str, Callable[[Round], None]] = {
    "swap": _entries(lambda entries: entries.insert(0, entries.pop(1))),
    "drop": _entries(lambda entries: entries.pop(0)),
    "promote": _entries(lambda entries: entries[-1].update(result="confirmed")),
    "other-seed": lambda round: round.update(seed="1 2 3 4 5 6"),
    "no-seed": lambda round: round.update(seed=None),
    "empty-seed": lambda round: round.update(seed=""),
    "not-drawn": lambda round: round.update(drawn=False),
    "no-draw-of-choice": no_draw_of_choice,
    "shrink": shrink,
    "twice": twice,
    "hide": lambda round: round.update(entries=[]),
    "more-places": lambda round: round.update(places=9),
    "other-list": lambda round: round.update(list_hash="0" * 64),
}


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
