"""Small builders for tests of the vote: a poll, its proposals, its keys."""

from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from civic.clock import SEOUL
from civic.codes import to_text
from civic.content.poll import Poll, PollType, Proposal, Rehearsal
from civic.votes.ballot import rules_hash
from civic.votes.box_key import HolderKey, receipt_signer
from civic.votes.envelope import Slot, slot_of

OPENS = datetime(2023, 8, 7, 9, tzinfo=SEOUL)
DURING = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CLOSES = datetime(2023, 8, 26, tzinfo=SEOUL)


@cache
def a_key(number: int, poll: str = "budget") -> HolderKey:
    """The same keys each time: what they sign stays byte for byte as it was."""
    seed = sha256(f"{poll} {number}".encode()).digest()
    box = ec.derive_private_key(int.from_bytes(seed[:31], "big"), ec.SECP256R1())
    return HolderKey(poll, f"열쇠 {number}", box, Ed25519PrivateKey.from_private_bytes(seed))


def some_keys(count: int = 3) -> list[HolderKey]:
    return [a_key(number) for number in range(1, count + 1)]


def a_poll(keys: list[HolderKey] | None = None, **changes: Any) -> Poll:
    """Two picks of "general", one of "fixed", none of "youth", three in all."""
    given: dict[str, Any] = {
        "slug": "budget",
        "file": "votes/budget.md",
        "title": "예산 투표",
        "opens": OPENS,
        "closes": CLOSES,
        "electorate": "주민 누구나",
        "budget": 100_000_000,
        "max_picks": 3,
        "types": (
            PollType(id="general", label="일반참여형", max=2),
            PollType(id="fixed", label="고정참여형", max=1),
            PollType(id="youth", label="청년참여형", max=0),
        ),
        "keys": tuple(key.public for key in keys or ()),
        "receipt_key": to_text(receipt_signer(None).public_key().public_bytes_raw()),
    }
    return Poll(**(given | changes))


def a_proposal(slug: str, type: str = "general", **changes: Any) -> Proposal:
    given: dict[str, Any] = {
        "slug": slug,
        "file": f"proposals/{slug}.md",
        "title": f"제안 {slug}",
        "vote": "budget",
        "type": type,
        "cost": 10_000_000,
    }
    return Proposal(**(given | changes))


def some_proposals() -> dict[str, Proposal]:
    listed = [
        *(a_proposal(slug) for slug in ("bench", "lamp", "ramp")),
        *(a_proposal(slug, "fixed") for slug in ("bus", "guide")),
        a_proposal("club", "youth"),
        a_proposal("gone", withdrawn=True),
    ]
    return {each.slug: each for each in listed}


def rehearsed(poll: Poll, proposals: dict[str, Proposal]) -> Poll:
    """The poll as `votes rehearse` leaves it."""
    record = Rehearsal(at=OPENS, rules=rules_hash(poll, proposals.values()))
    return poll.model_copy(update={"rehearsed": record})


def a_slot(poll: Poll, proposals: dict[str, Proposal]) -> Slot:
    return slot_of(poll, proposals.values())
