"""A published draw as it lies in content/results/: the record that staff see, and draw.json. Reads no files.

`draw freeze` and `draw run` write them; docs/rules.md#draw describes every name, and static/check_draw.py works the
draw out again by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from pydantic import Field

from civic.links import FOLDERS, LISTED, link
from civic.places.draw_list import DrawnEntry, FrozenList, Half, Kind, LeftOut, Seed, pairs_of
from civic.shape import Count, Digest, Line, Many, SeoulTime, Shape

FILE = "draw.json"


class DrawRecord(Shape):
    """content/results/<kind>-<slug>.toml: whose draw it is, and when it was published."""

    draw: str = Field(
        pattern=rf"^({'|'.join(FOLDERS[noun] for noun in LISTED)})/[a-z0-9-]+$",
        description="추첨한 글. 예: lectures/essay",
    )
    published_at: SeoulTime = Field(description="공개한 때")
    digest: Digest = Field(description="draw.json의 확인 값(SHA-256)")
    files: Many[str] = Field(description="결과에 딸린 파일. results/ 안의 자리")

    @property
    def slug(self) -> str:
        """ "lectures-essay", as in its address."""
        return self.draw.replace("/", "-")


class DrawnRound(Shape):
    """What was frozen for one round, its hash, and what became of it. Before its draw it has no seed and no results."""

    label: Line
    frozen_at: SeoulTime
    places: Count
    waiting: Count | None  # people of the list who may wait; None: all who get no place
    applications: Count
    people: Count
    by_staff: Count  # of the list: typed in by staff
    kind: Kind
    source: Line  # of the seed
    seed_at: SeoulTime | None  # when the seed becomes known; None for two persons
    late: bool
    closing: Digest  # of the list when sign-up ended
    commitment: Digest  # of everything that decides
    pairs: Many[Many[Half]]
    seed: str | None  # None before the draw, "" where there were places for all
    by: str
    at: SeoulTime | None  # when it was drawn
    drawn: bool  # False: not yet, or not more people than places, so that everyone has one
    entries: Many[DrawnEntry]
    excluded: Many[LeftOut]

    @classmethod
    def of(cls, frozen: FrozenList, seed: Seed | None, facts: Mapping[str, str]) -> DrawnRound:
        """facts: of the round. Raises ValidationError for what cannot be published."""
        hidden = {name.partition(":")[2] for name in facts if name.startswith("hidden:")}
        return cls(
            label=frozen.label,
            frozen_at=datetime.fromisoformat(frozen.frozen_at),
            places=frozen.places,
            waiting=frozen.waiting,
            applications=len(frozen.entries),
            people=sum(frozen.sizes.values()),
            by_staff=frozen.by_staff,
            kind=cast(Kind, frozen.kind),
            source=frozen.source,
            seed_at=datetime.fromisoformat(frozen.seed_at) if frozen.seed_at else None,
            late=frozen.late,
            closing=frozen.closing,
            commitment=frozen.commitment,
            pairs=tuple(pairs_of(facts)),
            seed=seed.seed if seed else None,
            by=seed.by if seed else "",
            at=datetime.fromisoformat(seed.at) if seed else None,
            drawn=seed is not None and frozen.is_contested,
            entries=frozen.outcome(seed.seed) if seed else frozen.entries,
            excluded=tuple(
                replace(out, reason="", salt="") if out.number in hidden else out for out in frozen.excluded
            ),
        )

    @property
    def is_given(self) -> bool:
        """Have the places been given?"""
        return self.seed is not None

    @property
    def fits(self) -> bool:
        """Is there a place for everyone in the list, so that nothing has to be drawn?"""
        return self.people <= self.places

    def frozen(self, subject: str, id: str) -> FrozenList:
        """The list as it was committed to. id: of the round."""
        return FrozenList(
            subject=subject,
            round=id,
            label=self.label,
            frozen_at=_iso(self.frozen_at),
            places=self.places,
            waiting=self.waiting,
            entries=tuple(
                DrawnEntry(e.number, e.size) for e in sorted(self.entries, key=lambda entry: entry.number)
            ),
            excluded=self.excluded,
            by_staff=self.by_staff,
            kind=self.kind,
            source=self.source,
            seed_at=_iso(self.seed_at) if self.seed_at else "",
            closing=self.closing,
            late=self.late,
        )

    def disagreement(self, subject: str, id: str) -> str:
        """What in here does not follow from the list and the seed; "" when all of it does. id: of the round."""
        frozen = self.frozen(subject, id)
        if frozen.commitment != self.commitment:
            return "명단, 자리, 뺀 신청, 추첨 값의 출처 가운데 하나가 확정할 때 공개한 확인 값과 다릅니다"
        if wrong := frozen.wrong():
            return wrong
        if (len(self.entries), sum(frozen.sizes.values())) != (self.applications, self.people):
            return "신청이나 사람의 수가 명단과 다릅니다"
        if self.seed is None or self.at is None:
            is_drawn = self.seed is not None or self.drawn or any(entry.result for entry in self.entries)
            return "추첨 값이 없는데 추첨 결과가 있습니다" if is_drawn else ""
        if self.drawn != frozen.is_contested:
            return "추첨이 필요했는지가 다릅니다"
        if wrong := frozen.wrong_seed(Seed(self.seed, self.by, _iso(self.at)), self.pairs):
            return wrong
        again = frozen.outcome(self.seed)
        if [entry.number for entry in again] != [entry.number for entry in self.entries]:
            return "추첨 순서가 추첨 값과 다릅니다"
        return "" if again == self.entries else "자리를 받은 사람이 순서와 다릅니다"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


class DrawFile(Shape):
    """draw.json: the rounds that have been frozen, each drawn or still to be drawn."""

    format: Literal["madang-draw/3"]
    subject: str
    title: Line
    rounds: dict[str, DrawnRound] = Field(min_length=1)

    @classmethod
    def of(cls, subject: str, title: str, facts: Mapping[str, Mapping[str, str]]) -> DrawFile | None:
        """Everything that is fixed about a subject's draw; None before any list is frozen.

        facts: of every round, as the store keeps them. A round is drawn apart from the others, by a seed of its own;
        before that its list stands with its hash, where the seed will come from, and no results.
        Raises ValidationError for what cannot be published.
        """
        rounds = {
            id: DrawnRound.of(
                FrozenList.read(fixed["frozen"]),
                Seed.read(fixed["drawn"]) if "drawn" in fixed else None,
                fixed,
            )
            for id, fixed in sorted(facts.items())
            if "frozen" in fixed
        }
        return cls(format="madang-draw/3", subject=subject, title=title, rounds=rounds) if rounds else None

    def as_json(self) -> str:
        """As its file holds it."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"

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
        for id, round_ in self.rounds.items():
            if wrong := round_.disagreement(self.subject, id):
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
    def folder(self) -> str:
        """Of its page: "lectures"."""
        return self.record.draw.partition("/")[0]

    @property
    def link(self) -> str:
        return link("result", self.slug)

    def disagreements(self) -> Iterator[str]:
        """What does not hold between the record and its file, or within the file; nothing when all of it does."""
        yield from self.document.disagreements()
        if hashlib.sha256(self.raw).hexdigest() != self.record.digest:
            yield "파일이 적힌 확인 값과 다릅니다. draw show로 다시 쓰세요"
        if self.document.subject != self.record.draw:
            yield f"다른 글의 추첨입니다: {self.document.subject}"
