"""Light polls: options instead of proposals, no budget and no ceremony. The server opens, closes and counts them.

Ballots lie sealed under the store's data key until then: whoever has the server's keys can read them, and the page
says so. Closing fixes the box in one transaction; the result file follows from it, the same whoever writes it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from civic.content.pages import Document
from civic.content.poll import Poll
from civic.errors import Mistake
from civic.files import write
from civic.links import link
from civic.shape import Count, Digest, Line, Many, SeoulTime, Shape, Slug
from civic.votes.ballot import Ballot, choice_faults, rules_hash
from civic.votes.result import FEWEST, as_json

if TYPE_CHECKING:
    from civic.store.boxes import Box
    from civic.store.seal import Keys
    from civic.store.store import Store


@dataclass(frozen=True)
class Vault:
    """Seals a ballot so that only this installation opens it, until the poll's data key is destroyed."""

    keys: Keys
    ring: Store

    def seal(self, poll: str, receipt: str, ballot: Ballot) -> bytes:
        """What the box keeps of a ballot."""
        plain = json.dumps([ballot.tracker, *sorted(ballot.choices)], ensure_ascii=False)
        return self.keys.seal(self.ring, f"votes/{poll}", receipt, plain.encode())

    def open(self, poll: str, receipt: str, sealed: bytes) -> Ballot:
        tracker, *choices = json.loads(self.keys.unseal(self.ring, f"votes/{poll}", receipt, sealed))
        return Ballot(tracker, tuple(choices))

    def erase(self, poll: str, at: datetime) -> None:
        self.keys.erase(self.ring, f"votes/{poll}", at)


class OptionLine(Shape):
    """One option and its votes."""

    option: Slug
    text: Line
    votes: Count


class PollResult(Shape):
    """<poll>.json in the results folder: a light poll as the server counted it."""

    format: Literal["madang-poll/1"]
    counted_by: Literal["server"]
    poll: Slug
    title: Line
    rules: Digest
    closed: SeoulTime
    objections_end: SeoulTime
    max_picks: Count
    blank_allowed: bool
    voters: Count
    void: Count  # for options that the poll no longer has
    lines: Many[OptionLine]  # most votes first; equals in the order of the ballot
    ballots: Many[Ballot] = ()  # by tracker; none of fewer than FEWEST

    @classmethod
    def of(cls, poll: Poll, cast: Iterable[Ballot]) -> PollResult:
        """The count of these ballots; its parts do not depend on their order."""
        known, every = {each.slug: each for each in poll.as_proposals}, list(cast)
        valid = [ballot for ballot in every if not choice_faults(poll, known, ballot.choices)]
        ballots = sorted(valid, key=lambda ballot: (ballot.tracker, ballot.choices))
        votes = Counter(choice for ballot in ballots for choice in ballot.choices)
        options = poll.as_proposals
        lines = [OptionLine(option=each.slug, text=each.title, votes=votes[each.slug]) for each in options]
        return cls(
            format="madang-poll/1",
            counted_by="server",
            poll=poll.slug,
            title=poll.title,
            rules=rules_hash(poll, options),
            closed=poll.closes,
            objections_end=_end(poll),
            max_picks=poll.max_picks,
            blank_allowed=poll.blank_allowed,
            voters=len(every),
            void=len(every) - len(ballots),
            lines=tuple(sorted(lines, key=lambda line: -line.votes)),
            ballots=tuple(ballots) if len(ballots) >= FEWEST else (),
        )

    @property
    def link(self) -> str:
        return link("result", self.poll)

    @property
    def offered(self) -> dict[str, bytes]:
        """Name -> content of what is offered for download."""
        return {"poll.json": as_json(self).encode()}

    def faults(self) -> Iterator[str]:
        """What of it does not follow from its ballots, a line each; of totals only what cannot be."""
        options = [line.option for line in self.lines]
        if len(set(options)) < len(options) or any(line.votes > self.voters for line in self.lines):
            yield "lines: 같은 선택지가 두 번 있거나 투표한 사람보다 많은 득표가 있습니다"
        counted = self.voters - self.void
        if counted < FEWEST:
            if self.ballots:
                yield f"ballots: 표가 {FEWEST}장보다 적으면 하나씩 공개하지 않습니다"
            return
        votes = Counter(choice for ballot in self.ballots for choice in ballot.choices)
        if len(self.ballots) != counted or votes != Counter({line.option: line.votes for line in self.lines}):
            yield "ballots: 표를 다시 센 것이 voters나 lines와 다릅니다"
        trackers = [ballot.tracker for ballot in self.ballots]
        if trackers != sorted(set(trackers)):
            yield "ballots: 표 번호가 겹치거나 차례대로가 아닙니다"
        for ballot in self.ballots:
            many = len(ballot.choices)
            if len(set(ballot.choices)) < many or many > self.max_picks or not (many or self.blank_allowed):
                yield f"ballots: {ballot.tracker}: 고를 수 있는 수와 다릅니다"


def due(pages: Iterable[Document], now: datetime, folder: Path) -> list[Poll]:
    """Light polls that are over and not counted here, or whose objections are over."""
    over = [page for page in pages if isinstance(page, Poll) and page.options and now >= page.closes]
    return [poll for poll in over if now >= _end(poll) or not (folder / f"{poll.slug}.json").exists()]


def follow(poll: Poll, box: Box, vault: Vault | None, now: datetime, folder: Path) -> list[str]:
    """Count a light poll that is over, and erase it when its objections are; the event of each act.

    Any number of servers may do so at once: the first close fixes the box, the file is the same from each. Raises
    Unavailable, OSError.
    """
    with box.open(poll.slug) as own:
        if vault is None or own.state() == "destroyed":
            return []
        own.close(poll.closes)
        sealed = own.cast()
    done, file = [], folder / f"{poll.slug}.json"
    if not file.exists():
        counted = PollResult.of(poll, (vault.open(poll.slug, *each) for each in sealed))
        folder.mkdir(parents=True, exist_ok=True)
        write(file, as_json(counted))
        done.append("poll-counted")
    if now >= _end(poll):
        vault.erase(poll.slug, now)
        with box.open(poll.slug) as own:
            own.destroy(now)
        box.scrub()
        done.append("poll-erased")
    return done


def _end(poll: Poll) -> datetime:
    return poll.closes + timedelta(days=poll.objection_days)


def read_results(folder: Path) -> tuple[list[PollResult], list[Mistake]]:
    """The results in the results folder, and everything wrong with one; nothing where there is no folder."""
    found, mistakes = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            result = PollResult.model_validate_json(file.read_bytes())
        except (OSError, ValueError):
            mistakes.append(Mistake(str(file), 0, "", "투표 결과로 읽을 수 없습니다"))
            continue
        wrong = [Mistake(str(file), 0, "", line) for line in result.faults()]
        if f"{result.poll}.json" != file.name:
            wrong.append(Mistake(str(file), 0, "poll", "파일의 이름과 다른 투표입니다", result.poll))
        mistakes += wrong
        found += [] if wrong else [result]
    return found, mistakes
