"""A published draw as it lies in content/results/: the record that staff see, and draw.json. Reads no files.

`draw freeze` and `draw run` write them; docs/rules.md#draw describes every name, and static/check_draw.py works the
draw out again by itself.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from pydantic import Field

from civic.links import FOLDERS, LISTED, link
from civic.places.draw_list import FrozenList, Half, Seed, pairs_of
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

    @property
    def slug(self) -> str:
        """ "lectures-essay", as in its address."""
        return self.draw.replace("/", "-")


class DrawnRound(FrozenList):
    """What was frozen for one round, and what became of it. Before its draw it has no seed and no results."""

    applications: Count
    people: Count
    pairs: Many[Many[Half]]
    seed: str | None = None  # None before the draw, "" where there were places for all
    by: str = ""  # who read it
    at: SeoulTime | None = None  # when it was drawn
    drawn: bool  # False: not yet, or not more people than places, so that everyone has one

    @classmethod
    def of_facts(cls, facts: Mapping[str, str]) -> Self:
        """facts: of a round with a frozen list. Raises ValidationError for what cannot be published."""
        frozen = FrozenList.model_validate_json(facts["frozen"])
        used = Seed.model_validate_json(facts["drawn"]) if "drawn" in facts else None
        shown = [
            replace(out, reason="", salt="") if f"hidden:{out.number}" in facts else out
            for out in frozen.excluded
        ]
        own = {"entries": frozen.outcome(used.seed) if used else frozen.entries, "excluded": tuple(shown)}
        return cls(
            **dict(frozen) | dict(used or ()) | own,
            applications=len(frozen.entries),
            people=sum(frozen.sizes.values()),
            pairs=tuple(pairs_of(facts)),
            drawn=used is not None and frozen.is_contested,
        )

    def disagreement(self, subject: str, id: str) -> str:
        """What in here does not follow from the list and the seed; "" when all of it does. id: of the round."""
        if wrong := self.wrong(subject, id):
            return wrong
        if (len(self.entries), sum(self.sizes.values())) != (self.applications, self.people):
            return "신청이나 사람의 수가 명단과 다릅니다"
        if self.seed is None or self.at is None:
            is_drawn = self.seed is not None or self.drawn or any(entry.result for entry in self.entries)
            return "추첨 값이 없는데 추첨 결과가 있습니다" if is_drawn else ""
        if self.drawn != self.is_contested:
            return "추첨이 필요했는지가 다릅니다"
        if wrong := self.wrong_seed(self.seed, self.at, self.pairs):
            return wrong
        again = self.outcome(self.seed)
        if [entry.number for entry in again] != [entry.number for entry in self.entries]:
            return "추첨 순서가 추첨 값과 다릅니다"
        return "" if again == self.entries else "자리를 받은 사람이 순서와 다릅니다"


class DrawFile(Shape):
    """draw.json: the rounds that have been frozen, each drawn or still to be drawn."""

    format: Literal["madang-draw/3"]
    subject: str
    title: Line
    rounds: dict[str, DrawnRound] = Field(min_length=1)

    @classmethod
    def of(cls, subject: str, title: str, facts: Mapping[str, Mapping[str, str]]) -> Self | None:
        """Everything that is fixed about a subject's draw; None before any list is frozen.

        facts: of every round, as the store keeps them. A round is drawn apart from the others, by a seed of its own;
        before that its list stands with its hash, where the seed will come from, and no results.
        Raises ValidationError for what cannot be published.
        """
        rounds = {id: DrawnRound.of_facts(fixed) for id, fixed in sorted(facts.items()) if "frozen" in fixed}
        return cls(format="madang-draw/3", subject=subject, title=title, rounds=rounds) if rounds else None

    def as_json(self) -> str:
        """As its file holds it."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"

    @property
    def is_drawn(self) -> bool:
        """Have the places of any round been given?"""
        return any(round_.seed is not None for round_ in self.rounds.values())

    @property
    def is_awaited(self) -> bool:
        """Does the order of any round still wait for its seed?"""
        return any(round_.seed is None and round_.is_contested for round_ in self.rounds.values())

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
    def link(self) -> str:
        return link("result", self.slug)

    @property
    def offered(self) -> dict[str, bytes]:
        """Name -> content of what is offered for download."""
        return {FILE: self.raw}

    def disagreements(self) -> Iterator[str]:
        """What does not hold between the record and its file, or within the file; nothing when all of it does."""
        yield from self.document.disagreements()
        if hashlib.sha256(self.raw).hexdigest() != self.record.digest:
            yield "파일이 적힌 확인 값과 다릅니다. draw show로 다시 쓰세요"
        if self.document.subject != self.record.draw:
            yield f"다른 글의 추첨입니다: {self.document.subject}"
