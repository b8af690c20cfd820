"""A published draw as it lies in content/results/: the record that staff see, and draw.json. Reads no files.

`draw freeze` and `draw run` write them; docs/rules.md#draw describes every name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from civic import draw
from civic.forms import Line, Many, SeoulTime, Shape

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}-[A-Z0-9]{4}$")]
Count = Annotated[int, Field(ge=0)]
FILE = "draw.json"


class DrawRecord(Shape):
    """content/results/<kind>-<slug>.toml: whose draw it is, and when it was published."""

    draw: str = Field(
        pattern=r"^(programs|lectures|events)/[a-z0-9-]+$", description="추첨한 글. 예: lectures/essay"
    )
    published_at: SeoulTime = Field(description="공개한 때")
    digest: Digest = Field(description="draw.json의 지문(SHA-256)")
    files: Many[str] = Field(description="결과에 딸린 파일. results/ 안의 자리")


class DrawnEntry(Shape):
    """One sign-up in drawn order."""

    number: Number
    size: int = Field(ge=1)
    result: Literal["confirmed", "waiting"]


class LeftOut(Shape):
    """One sign-up that was left out before the freeze."""

    number: Number
    reason: Line


class DrawnRound(Shape):
    """The list of one round, and what became of it."""

    label: Line
    places: Count
    frozen_at: SeoulTime
    list_hash: Digest
    applications: Count
    people: Count
    drawn: bool  # False: not more people than places, everyone has one
    entries: Many[DrawnEntry]
    excluded: Many[LeftOut]


class DrawFile(Shape):
    """draw.json. Before the draw it has no seed and no entries, only what was frozen."""

    format: Literal["madang-draw/1"]
    subject: str
    title: Line
    seed: str | None = None
    source: str = ""
    by: str = ""
    at: SeoulTime | None = None
    rounds: dict[str, DrawnRound] = Field(min_length=1)

    @property
    def is_drawn(self) -> bool:
        """Have the places been given?"""
        return self.seed is not None

    @property
    def is_by_lot(self) -> bool:
        """Did the seed decide anything?"""
        return any(each.drawn for each in self.rounds.values())

    def disagreements(self) -> Iterator[str]:
        """What in here does not follow from the lists and the seed; nothing when all of it does."""
        if not self.is_drawn:
            if any(each.entries or each.drawn for each in self.rounds.values()):
                yield "씨앗이 없는데 추첨 결과가 있습니다"
            return
        for each in self.rounds.values():
            numbers = [entry.number for entry in each.entries]
            sizes = {entry.number: entry.size for entry in each.entries}
            if len(sizes) != len(numbers) or draw.list_hash(sizes) != each.list_hash:
                yield f"{each.label}: 명단과 얼린 명단의 지문이 다릅니다"
                continue
            if each.drawn != draw.is_needed(sizes, each.places):
                yield f"{each.label}: 추첨이 필요했는지가 다릅니다"
                continue
            if each.drawn and list(draw.order(numbers, self.seed or "")) != numbers:
                yield f"{each.label}: 추첨 순서가 씨앗과 다릅니다"
            given = set(draw.give(numbers, sizes, each.places).confirmed)
            if any((entry.result == "confirmed") != (entry.number in given) for entry in each.entries):
                yield f"{each.label}: 자리를 받은 사람이 순서와 다릅니다"
