"""A published draw as it lies in content/results/: the record that staff see, and draw.json. Reads no files.

`draw freeze` and `draw run` write them; docs/rules.md#draw describes every name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from civic.links import FOLDERS, LISTED
from civic.places import draw
from civic.shape import Line, Many, SeoulTime, Shape

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}-[A-Z0-9]{4}$")]
Count = Annotated[int, Field(ge=0)]
FILE = "draw.json"


class DrawRecord(Shape):
    """content/results/<kind>-<slug>.toml: whose draw it is, and when it was published."""

    draw: str = Field(
        pattern=rf"^({'|'.join(FOLDERS[noun] for noun in LISTED)})/[a-z0-9-]+$",
        description="추첨한 글. 예: lectures/essay",
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
    """The list of one round, and what became of it. Before its draw it has no seed and no entries."""

    label: Line
    places: Count
    frozen_at: SeoulTime
    list_hash: Digest
    applications: Count
    people: Count
    source: str = ""  # of the seed; before the draw as the page named it, "" where dice are to be thrown
    seed: Line | None = None
    by: str = ""
    at: SeoulTime | None = None  # when the seed became known
    drawn: bool  # False: not yet, or not more people than places, so that everyone has one
    entries: Many[DrawnEntry]
    excluded: Many[LeftOut]

    @property
    def is_given(self) -> bool:
        """Have the places been given?"""
        return self.seed is not None

    @property
    def fits(self) -> bool:
        """Is there a place for everyone in the list, so that nothing has to be drawn?"""
        return self.people <= self.places

    def disagreement(self) -> str:
        """What in here does not follow from the list and the seed; "" when all of it does."""
        if self.seed is None:
            return "씨앗이 없는데 추첨 결과가 있습니다" if self.entries or self.drawn else ""
        numbers = [entry.number for entry in self.entries]
        sizes = {entry.number: entry.size for entry in self.entries}
        if len(sizes) != len(numbers) or draw.list_hash(sizes) != self.list_hash:
            return "명단과 얼린 명단의 지문이 다릅니다"
        if (len(sizes), sum(sizes.values())) != (self.applications, self.people):
            return "신청이나 사람의 수가 명단과 다릅니다"
        if self.drawn != draw.is_needed(sizes, self.places):
            return "추첨이 필요했는지가 다릅니다"
        if self.drawn and list(draw.order(numbers, self.seed)) != numbers:
            return "추첨 순서가 씨앗과 다릅니다"
        given = set(draw.give(numbers, sizes, self.places).confirmed)
        if any((entry.result == "confirmed") != (entry.number in given) for entry in self.entries):
            return "자리를 받은 사람이 순서와 다릅니다"
        return ""


class DrawFile(Shape):
    """draw.json: the rounds that have been frozen, each drawn or still to be drawn."""

    format: Literal["madang-draw/2"]
    subject: str
    title: Line
    rounds: dict[str, DrawnRound] = Field(min_length=1)

    @property
    def is_drawn(self) -> bool:
        """Have the places of any round been given?"""
        return any(each.is_given for each in self.rounds.values())

    @property
    def is_awaited(self) -> bool:
        """Does the order of any round still wait for its seed?"""
        return any(not each.is_given and not each.fits for each in self.rounds.values())

    def disagreements(self) -> Iterator[str]:
        """What in here does not follow from the lists and the seeds; nothing when all of it does."""
        for each in self.rounds.values():
            if said := each.disagreement():
                yield f"{each.label}: {said}"
