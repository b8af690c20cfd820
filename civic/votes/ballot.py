"""What a ballot may hold, and what binds the rules of its poll. Pure: no store, no clock, no web, no file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from civic.content.pages import Poll, Proposal
from civic.errors import FieldError, Invalid
from civic.korean import josa
from civic.votes.slots import FAULTS, Slot, room

# What a page says beside the rules; everything else that staff write in a poll is a rule and is bound.
NOT_RULES = frozenset(
    {
        "summary",
        "published",
        "updated",
        "publish_at",
        "expire_at",
        "draft",
        "sample",
        "department",
        "category",
    }
    | {"facts", "body", "file", "rehearsed", "corrections"}
)
OF_A_PROPOSAL = ("slug", "title", "summary", "type", "cost", "area", "withdrawn")


def rules_document(poll: Poll, proposals: Iterable[Proposal]) -> dict[str, object]:
    """What the hash binds, as it is published beside a result: the poll's rules, keys and proposals.

    Any rule added to `models.Poll` later is bound by itself; a rule left at its default is not written down, so
    that a new one does not change the hash of an old poll.
    """
    rules = poll.model_dump(mode="json", exclude=set(NOT_RULES), exclude_defaults=True)
    listed = [
        {name: value for name in OF_A_PROPOSAL if (value := getattr(each, name)) != "" and value is not False}
        for each in sorted(proposals, key=lambda each: each.slug)
    ]
    return {"proposals": listed, "rules": rules}


def rules_hash(poll: Poll, proposals: Iterable[Proposal]) -> str:
    """SHA-256 (64 hex digits) of `rules_document`; the order of files does not matter."""
    document = rules_document(poll, proposals)
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_choices(poll: Poll, proposals: Mapping[str, Proposal], choices: Sequence[str]) -> tuple[str, ...]:
    """The choices in their one written order (sorted), or Invalid naming each fault.

    proposals: those of this poll, by slug. Nothing chosen is valid only where the poll allows it.
    """
    faults = choice_faults(poll, proposals, choices)
    if faults:
        raise Invalid(FieldError("choices", message) for _, message in faults)
    return tuple(sorted(choices))


def choice_faults(
    poll: Poll, proposals: Mapping[str, Proposal], choices: Sequence[str]
) -> list[tuple[str, str]]:
    """(key of FAULTS, message for the voter) of everything wrong with these choices; empty when they are valid."""
    if not choices:
        return [] if poll.blank_allowed else [("blank", "제안을 하나 이상 골라 주세요.")]
    found: list[tuple[str, str]] = []
    known = [proposals[slug] for slug in dict.fromkeys(choices) if slug in proposals]
    if len(known) < len(set(choices)):
        found.append(("unknown", FAULTS["unknown"]))
    if any(each.withdrawn for each in known):
        found.append(("withdrawn", FAULTS["withdrawn"]))
    if len(set(choices)) < len(choices):
        found.append(("twice", FAULTS["twice"]))
    if len(choices) > poll.max_picks:
        found.append(
            ("limit", f"모두 합해 {poll.max_picks}개까지 고를 수 있습니다. 지금 {len(choices)}개입니다.")
        )
    picked = Counter(each.type for each in known)
    for kind in poll.types:
        if picked[kind.id] > kind.max:
            found.append(
                (
                    "type-limit",
                    f"{josa(kind.label, '은/는')} {kind.max}개까지 고를 수 있습니다. 지금 {picked[kind.id]}개입니다.",
                )
                if kind.max
                else ("type-limit", f"{josa(kind.label, '은/는')} 이 투표에서 고르지 않습니다.")
            )
    return found


def slot_of(poll: Poll, proposals: Iterable[Proposal]) -> Slot:
    """The slot of a poll's box. Raises ValueError when a key is no point of the curve."""
    from civic.votes.envelope import read_public

    return Slot(
        poll=poll.slug,
        rules=rules_hash(poll, proposals),
        keys=tuple(read_public(each.public) for each in poll.keys),
        room=room(poll.max_picks),
        earlier=tuple(each.rules for each in poll.corrections),
    )


def is_ready(poll: Poll, slot: Slot) -> bool:
    """Did all key holders open a test ballot under exactly these rules? Before that nothing is cast."""
    return bool(poll.keys and poll.rehearsed and poll.rehearsed.rules == slot.rules)


@dataclass(frozen=True)
class Spoiled:
    """A void ballot: it was cast and stands on the board, but its content breaks the rules."""

    receipt: str
    fault: str  # a key of FAULTS
    batch: str = ""  # of a paper ballot: its batch; then the receipt is the sheet
