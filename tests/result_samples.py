"""Builders of published results: a small district vote with money, ties and reasons, and random ones."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import tomlkit

from civic.codes import code_of
from civic.content.front_matter import FENCE
from civic.content.poll import Body, Poll, PollType, Proposal
from civic.votes.ballot import Ballot, Spoiled, rules_hash
from civic.votes.box_key import HolderKey
from civic.votes.paper import PaperBatch
from civic.votes.result import Board, Replaced, SignaturesFile
from civic.votes.result_files import Draft, ResultCorrection, result_files
from civic.votes.tally import VoteCount
from tests.ballot_samples import CLOSES, a_poll, a_proposal, some_keys
from tests.builders import SITE

PUBLISHED = CLOSES + timedelta(hours=3)


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
    return a_poll(some_keys(), **(given | changes)), {each.slug: each for each in listed}


def some_ballots() -> list[Ballot]:
    """24: lamp 15, bench 10, ramp 9, few 1, bus 20."""
    picks = [("bus", "lamp")] * 10 + [("bench", "bus")] * 5 + [("lamp", "ramp")] * 4
    picks += [("bench", "bus", "ramp")] * 4 + [("bench", "bus", "few")]
    picks[0] = ("bus", "lamp", "ramp")
    return [Ballot(f"AAAA-AAAA-AAAA-{number:04d}", choices) for number, choices in enumerate(picks)]


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


def a_draft(vote: VoteCount, **changes: Any) -> Draft:
    """The vote over a board that fits it: a receipt for each online ballot, urns as the sheets are."""
    void = [each.receipt for each in vote.void if not each.batch]
    sheets = Counter(each.batch for each in (*vote.ballots, *vote.void) if each.batch)
    online = len(vote.ballots) + len(vote.void) - sum(sheets.values())
    others = (code_of(n * 7919**7) for n in range(1, 2 * online + 2))
    receipts = [*void, *(each for each in others if each not in void)][:online]
    board = {
        "format": "madang-board/1",
        "poll": vote.poll.slug,
        "rules": rules_hash(vote.poll, vote.proposals.values()),
        "closed": CLOSES,
        "receipts": tuple(sorted(receipts)),
        "replaced": (),
        "roll": 0,
        "marked": sum(sheets.values()),
        "urns": dict(sheets),
        "tables": {body: {slug: str(n) for slug, n in rows.items()} for body, rows in vote.tables.items()},
    }
    return Draft(vote, Board(**board | changes.pop("board", {})), **changes)


def signed(draft: Draft, *keys: HolderKey) -> SignaturesFile:
    """By these holders; by two of the three where none are named."""
    keys = keys or tuple(some_keys()[1:])
    return SignaturesFile(
        format="madang-signatures/1",
        poll=draft.vote.poll.slug,
        board={key.holder: key.sign("board", draft.board.digest) for key in keys},
        result={key.holder: key.sign("result", *draft.digests) for key in keys},
    )


def published_files(
    vote: VoteCount, corrections: Sequence[ResultCorrection] = (), town: str = "", **changes: Any
) -> dict[str, str]:
    """Place -> text of a result, signed by two."""
    said = tuple(Replaced(reason=each.reason, results="ef" * 32) for each in corrections)
    draft = a_draft(vote, corrections=said, **changes)
    return result_files(draft, signed(draft), PUBLISHED, corrections, town)


def publish(
    content: Path,
    poll: Poll,
    proposals: dict[str, Proposal],
    ballots: Sequence[Ballot],
    corrections: Sequence[ResultCorrection] = (),
    **more: Any,
) -> None:
    """The result of these ballots, written as `votes publish` writes it."""
    for name, text in published_files(VoteCount(poll, proposals, ballots, **more), corrections).items():
        place = content / "results" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def a_vote_with_everything() -> VoteCount:
    """Another body with fractions, a drawn tie of lamp and bench, paper, void ballots."""
    poll, proposals = a_counted_poll(
        budget=150_000_000, ties="draw", bodies=(Body(id="committee", label="위원회", weight=30),)
    )
    proposals["bench"] = proposals["bench"].model_copy(update={"cost": 60_000_000})
    paper = [Ballot(f"P-dong-1-{n:05d}", ("bench",), "dong-1") for n in range(1, 5)]
    first, second, *_ = fixed_receipts()
    void = [Spoiled(first, "altered"), Spoiled(second, "type-limit")]
    void.append(Spoiled("P-dong-1-00005", "unreadable", "dong-1"))
    points = {"lamp": Fraction(175, 2), "bench": Fraction(175, 2), "ramp": 3}
    return VoteCount(
        poll,
        proposals,
        [*some_ballots(), *paper],
        void,
        [PaperBatch("dong-1", 4)],
        {"committee": dict.fromkeys(proposals, 0) | points},
        ("lamp", "bench"),
    )


def fixed_receipts() -> list[str]:
    """Of the 26 who voted online in it."""
    return sorted(code_of(n * 7919**7) for n in range(1, 27))


def a_random_vote(seed: int) -> VoteCount:
    """Every rule in some of them, many ties."""
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
    bodies = [Body(id="committee", label="위원회", weight=30), Body(id="dong", label="동 총회", weight=20)]
    bodies = bodies[: chance.choice([0, 0, 1, 2])]
    poll = a_poll(
        some_keys(),
        title="무작위 투표",
        budget=sum(kind.budget or 0 for kind in types) + chance.randint(0, 60),
        max_picks=chance.randint(1, 5),
        types=types,
        blank_allowed=True,
        threshold=chance.choice([0, 0, 2]),
        when_too_big=chance.choice(["skip", "stop"]),
        ties=chance.choice(["cost", "draw"]),
        exclusions=chance.choice([(), (tuple(sorted(chance.sample(names, chance.randint(2, 3)))),)]),
        bodies=tuple(bodies),
    )
    return VoteCount(
        poll,
        proposals,
        [
            Ballot(f"T{number:04d}", _picks(poll, proposals, chance))
            for number in range(chance.randint(20, 30))
        ],
        tables={body.id: {name: Fraction(chance.randint(0, 9), 2) for name in names} for body in bodies},
        draw=chance.sample(names, len(names)) if poll.ties == "draw" else (),
    )


def _picks(poll: Poll, proposals: Mapping[str, Proposal], chance: random.Random) -> tuple[str, ...]:
    """As many as may be picked, or fewer."""
    picks: list[str] = []
    left = {kind.id: kind.max for kind in poll.types}
    most = chance.randint(0, poll.max_picks)
    for slug in chance.sample(sorted(proposals), len(proposals)):
        kind = proposals[slug].type
        if len(picks) < most and left[kind] and not proposals[slug].withdrawn:
            left[kind] -= 1
            picks.append(slug)
    return tuple(sorted(picks))
