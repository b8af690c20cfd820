"""A published draw as it lies in content/results/: the record that staff see, and draw.json. Reads no files.

`draw freeze` and `draw run` write them; docs/rules.md#draw describes every name, and static/check_draw.py works the
draw out again by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from civic.links import FOLDERS, LISTED, link
from civic.places.draw import DrawnEntry, FrozenList, Number, Seed, list_hash
from civic.shape import Count, Digest, Line, Many, SeoulTime, Shape

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

    @property
    def slug(self) -> str:
        """ "lectures-essay", as in its address."""
        return self.draw.replace("/", "-")


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
    waiting: Count | None = None  # people of the list who may wait; None: all who get no place
    seed: Line | None = None
    source: str = ""  # of the seed; before the draw as the page named it, "" where dice are to be thrown
    by: str = ""
    at: SeoulTime | None = None  # when the seed became known
    drawn: bool  # False: not yet, or not more people than places, so that everyone has one
    entries: Many[DrawnEntry]
    excluded: Many[LeftOut]

    @classmethod
    def of(cls, frozen: FrozenList, seed: Seed | None) -> DrawnRound:
        """Raises ValidationError for what cannot be published."""
        return cls(
            label=frozen.label,
            places=frozen.places,
            frozen_at=datetime.fromisoformat(frozen.at),
            list_hash=frozen.list_hash,
            applications=len(frozen.entries),
            people=sum(frozen.sizes.values()),
            waiting=frozen.waiting,
            seed=seed.seed if seed else None,
            source=seed.source if seed else frozen.source,
            by=seed.by if seed else "",
            at=datetime.fromisoformat(seed.at) if seed else None,
            drawn=seed is not None and frozen.is_contested,
            entries=frozen.outcome(seed.seed) if seed else (),
            excluded=tuple(LeftOut(number=number, reason=reason) for number, reason in frozen.excluded),
        )

    @property
    def absent(self) -> set[str]:
        """What its file does not name: a line without an end, and a seed that is still to come."""
        return ({"waiting"} if self.waiting is None else set()) | (
            set() if self.is_given else {"seed", "by", "at"}
        )

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
        listed = tuple(sorted((entry.number, entry.size) for entry in self.entries))
        frozen = FrozenList("", self.label, self.places, listed, (), self.list_hash, "", self.waiting)
        if len(frozen.sizes) != len(listed) or list_hash(frozen.sizes) != self.list_hash:
            return "명단과 얼린 명단의 지문이 다릅니다"
        if (len(listed), sum(frozen.sizes.values())) != (self.applications, self.people):
            return "신청이나 사람의 수가 명단과 다릅니다"
        if self.drawn != frozen.is_contested:
            return "추첨이 필요했는지가 다릅니다"
        again = frozen.outcome(self.seed)
        if [entry.number for entry in again] != [entry.number for entry in self.entries]:
            return "추첨 순서가 씨앗과 다릅니다"
        return "" if again == self.entries else "자리를 받은 사람이 순서와 다릅니다"


class DrawFile(Shape):
    """draw.json: the rounds that have been frozen, each drawn or still to be drawn."""

    format: Literal["madang-draw/2"]
    subject: str
    title: Line
    rounds: dict[str, DrawnRound] = Field(min_length=1)

    @classmethod
    def of(cls, subject: str, title: str, facts: Mapping[str, Mapping[str, str]]) -> DrawFile | None:
        """Everything that is fixed about a subject's draw; None before any list is frozen.

        facts: of every round, as the store keeps them. A round is drawn apart from the others, by a seed of its own;
        before that it has no seed and no order, only its hash and where the seed will come from.
        Raises ValidationError for what cannot be published.
        """
        rounds = {
            id: DrawnRound.of(
                FrozenList.read(fixed["frozen"]), Seed.read(fixed["drawn"]) if "drawn" in fixed else None
            )
            for id, fixed in sorted(facts.items())
            if "frozen" in fixed
        }
        return cls(format="madang-draw/2", subject=subject, title=title, rounds=rounds) if rounds else None

    def as_json(self) -> str:
        """As its file holds it."""
        document = self.model_dump(mode="json", exclude={"rounds"})
        document["rounds"] = {
            id: round_.model_dump(mode="json", exclude=round_.absent) for id, round_ in self.rounds.items()
        }
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"

    @property
    def is_drawn(self) -> bool:
        """Have the places of any round been given?"""
        return any(round_.is_given for round_ in self.rounds.values())

    @property
    def is_awaited(self) -> bool:
        """Does the order of any round still wait for its seed?"""
        return any(not round_.is_given and not round_.fits for round_ in self.rounds.values())

    def disagreements(self) -> Iterator[str]:
        """What in here does not follow from the lists and the seeds; nothing when all of it does."""
        for round_ in self.rounds.values():
            if wrong := round_.disagreement():
                yield f"{round_.label}: {wrong}"


@dataclass(frozen=True)
class PublishedDraw:
    """One published draw."""

    record: DrawRecord
    document: DrawFile
    raw: bytes  # draw.json, as it is offered for download

    @property
    def slug(self) -> str:
        return self.record.slug

    @property
    def link(self) -> str:
        return link("result", self.slug)

    def disagreements(self) -> Iterator[str]:
        """What does not hold between the record and its file, or within the file; nothing when all of it does."""
        yield from self.document.disagreements()
        if hashlib.sha256(self.raw).hexdigest() != self.record.digest:
            yield "파일이 적힌 지문과 다릅니다. draw show로 다시 쓰세요"
        if self.document.subject != self.record.draw:
            yield f"다른 글의 추첨입니다: {self.document.subject}"
