"""Builders of published results: a small district vote with money, ties and reasons, and random ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import tomlkit

from civic.codes import new_code
from civic.content.front_matter import FENCE
from civic.content.poll import Body, Poll, PollType, Proposal
from civic.votes.ballot import Ballot
from civic.votes.result_files import result_files
from civic.votes.tally import VoteCount
from tests.ballot_samples import CLOSES, a_poll, a_proposal

PUBLISHED = CLOSES + timedelta(hours=3)

SITE = """name = "시험 누리집"
organisation = "광산구"
summary = "시험에 쓰는 누리집입니다."
contact = "budget"

[[menu]]
label = "투표"
to = "/votes/"

[departments.budget]
name = "기획예산과"
"""


def a_counted_poll(**changes: Any) -> tuple[Poll, dict[str, Proposal]]:
    """100 million won for two types: lamp 60, bench 50 and ramp 40 of "general", bus 90 of "fixed" with a pot of 90."""
    given: dict[str, Any] = {
        "budget": 190_000_000,
        "threshold": 2,
        "types": (
            PollType(id="general", label="일반참여형", max=2),
            PollType(id="fixed", label="고정참여형", max=1, budget=90_000_000),
            PollType(id="youth", label="청년참여형", max=0),
        ),
    }
    listed = [
        a_proposal("lamp", title="<가로등> 바꾸기", cost=60_000_000),
        a_proposal("bench", title="쉬는 의자", cost=50_000_000),
        a_proposal("ramp", title="경사로", cost=40_000_000),
        a_proposal("few", title="작은 도서관", cost=1_000_000),
        a_proposal("bus", "fixed", title="마을버스", cost=90_000_000),
        a_proposal("club", "youth", title="청년 모임"),
    ]
    return a_poll(**(given | changes)), {each.slug: each for each in listed}


def some_ballots() -> list[Ballot]:
    """24: lamp 15, bench 10, ramp 9, few 1, bus 20."""
    picks = [("bus", "lamp")] * 10 + [("bench", "bus")] * 5 + [("lamp", "ramp")] * 4
    picks += [("bench", "bus", "ramp")] * 4 + [("bench", "bus", "few")]
    picks[0] = ("bus", "lamp", "ramp")
    return [Ballot(f"AAAA-AAAA-AAAA-{number:04d}", choices) for number, choices in enumerate(picks)]


def some_receipts(count: int) -> tuple[str, ...]:
    return tuple(sorted(new_code() for _ in range(count)))


def write_site(content: Path, poll: Poll, proposals: Sequence[Proposal]) -> Path:
    """A content folder with this vote and its proposals."""
    skipped = {"slug", "file", "body"}
    (content / "votes").mkdir(parents=True)
    (content / "proposals").mkdir()
    (content / "site.toml").write_text(SITE, "utf-8")
    for folder, each in [("votes", poll), *(("proposals", each) for each in proposals)]:
        fields = each.model_dump(exclude=skipped, exclude_defaults=True)
        (content / folder / f"{each.slug}.md").write_text(
            f"{FENCE}\n{tomlkit.dumps(fields)}{FENCE}\n", "utf-8"
        )
    return content


def publish(
    content: Path, poll: Poll, proposals: dict[str, Proposal], ballots: Sequence[Ballot], **more: Any
) -> None:
    """The result of these ballots, written as `votes publish` writes it."""
    receipts = more.pop("receipts", None)
    vote = VoteCount(poll, proposals, ballots, **more)
    for name, text in result_files(vote, PUBLISHED, receipts=receipts).items():
        place = content / "results" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def a_random_poll(seed: int) -> tuple[Poll, dict[str, Proposal], list[Ballot], dict[str, Any]]:
    """(poll, proposals, ballots, draw and tables): every rule in some of them, many ties."""
    chance = random.Random(seed)
    kinds = ["general", "fixed", "youth"][: chance.randint(1, 3)]
    types = tuple(
        PollType(
            id=kind,
            label=f"유형 {kind}",
            max=0 if kind == "youth" else chance.randint(1, 3),
            budget=chance.choice([None, chance.randint(0, 40)]),
        )
        for kind in kinds
    )
    own = sum(each.budget or 0 for each in types)
    names = [f"p{number:02d}" for number in range(chance.randint(3, 12))]
    proposals = {
        name: a_proposal(
            name,
            chance.choice(kinds),
            cost=chance.choice([0, 5, 5, 10, 10, 20, chance.randint(1, 50)]),
            withdrawn=chance.random() < 0.1,
        )
        for name in names
    }
    bodies: list[dict[str, Any]] = []
    tables: dict[str, dict[str, int]] = {}
    if chance.random() < 0.4:
        bodies = [{"id": "committee", "label": "위원회", "weight": chance.choice([30, 50])}]
        bodies += [{"id": "dong", "label": "동 총회", "weight": 20}] if chance.random() < 0.5 else []
        tables = {each["id"]: {name: chance.randint(0, 5) for name in names} for each in bodies}
    groups = (tuple(sorted(chance.sample(names, 2))),) if chance.random() < 0.5 else ()
    poll = a_poll(
        title="무작위 투표",
        budget=own + chance.randint(0, 60),
        max_picks=chance.randint(1, 5),
        types=types,
        blank_allowed=True,
        threshold=chance.choice([0, 0, 2]),
        when_too_big=chance.choice(["skip", "stop"]),
        ties=chance.choice(["cost", "draw"]),
        exclusions=groups,
        bodies=tuple(Body(**each) for each in bodies),
    )
    ballots = []
    for number in range(chance.randint(20, 30)):
        picks: list[str] = []
        room = {each.id: each.max for each in types}
        for name in chance.sample(names, len(names)):
            kind = proposals[name].type
            may = not proposals[name].withdrawn and room[kind]
            if may and len(picks) < chance.randint(0, poll.max_picks):
                room[kind] -= 1
                picks.append(name)
        ballots.append(Ballot(f"T{number:04d}", tuple(sorted(picks))))
    more: dict[str, Any] = {"draw": chance.sample(names, len(names)) if poll.ties == "draw" else ()}
    if tables:
        more["tables"] = tables
    return poll, proposals, ballots, more
