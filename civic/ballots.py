"""What a ballot may hold, and the opening of a whole box: all of it judged, or nothing opened.

The envelope itself is in civic/envelopes.py. Pure: no store, no clock, no web, no file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from civic.envelopes import (
    FAULTS,
    BadEnvelope,
    Slot,
    check_envelope,
    ephemeral_of,
    open_one,
    public_bytes,
    read_public,
    receipt_of,
    room,
)
from civic.errors import FieldError, Invalid
from civic.models import Poll, Proposal
from civic.tally import Ballot
from civic.wording import josa


class BoxBroken(Exception):
    """The box is not the one that was closed; nothing is opened. `faults`: (receipt, key of FAULTS), sorted."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(sorted(faults))
        lines = [f"{receipt}: {FAULTS[fault]}" for receipt, fault in self.faults]
        super().__init__("투표함이 마감 때와 다릅니다. 아무것도 열지 않았습니다.\n" + "\n".join(lines))


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


@dataclass(frozen=True)
class Opened:
    """An opened box: valid ballots sorted by tracker, void ones by receipt. Their sum is the number of envelopes."""

    ballots: tuple[Ballot, ...]
    spoiled: tuple[Spoiled, ...]


def open_all(
    envelopes: Iterable[str | bytes],
    receipts: Collection[str],
    slot: Slot,
    privates: Sequence[ec.EllipticCurvePrivateKey],
    poll: Poll,
    proposals: Mapping[str, Proposal],
) -> Opened:
    """Every envelope judged, or none: the same box gives the same answer in whatever order it comes.

    receipts: the board published at closing. Envelopes and board must match one to one, else BoxBroken names each
    that is missing, unlisted, copied or malformed: somebody changed the box after closing. What the voter alone
    could have done (sealed nonsense, too many picks) makes that one ballot void instead: one voter must not be able
    to stop a vote. Raises ValueError when `privates` are not the halves of the slot's keys.
    """
    if tuple(public_bytes(private.public_key()) for private in privates) != slot.keys:
        raise ValueError("halves do not fit the keys")
    box = _same_box(envelopes, receipts, slot)
    ballots: list[Ballot] = []
    spoiled: list[Spoiled] = []
    for receipt, envelope in sorted(box.items()):
        try:
            tracker, choices = open_one(envelope, slot, privates)
        except BadEnvelope as bad:
            spoiled.append(Spoiled(receipt, bad.fault))
            continue
        # Withdrawn after it was picked: the ballot stays valid, the count passes over the proposal.
        faults = [fault for fault in choice_faults(poll, proposals, choices) if fault[0] != "withdrawn"]
        if faults:
            spoiled.append(Spoiled(receipt, faults[0][0]))
        else:
            ballots.append(Ballot(tracker, choices))
    return Opened(_apart(ballots), tuple(spoiled))


def _same_box(envelopes: Iterable[str | bytes], receipts: Collection[str], slot: Slot) -> dict[str, bytes]:
    box: dict[str, bytes] = {}
    faults: list[tuple[str, str]] = []
    points: set[bytes] = set()
    listed = set(receipts)
    for each in envelopes:
        try:
            envelope = check_envelope(each, slot, opening=True)
        except BadEnvelope as bad:
            raw = each.encode("utf-8") if isinstance(each, str) else each
            faults.append((receipt_of(raw), bad.fault))
            continue
        receipt = receipt_of(envelope)
        if receipt in box or ephemeral_of(envelope) in points:
            faults.append((receipt, "copied"))
        elif receipt not in listed:
            faults.append((receipt, "unlisted"))
        box[receipt] = envelope
        points.add(ephemeral_of(envelope))
    faults += [(receipt, "missing") for receipt in listed - box.keys()]
    faults += [(receipt, "copied") for receipt, times in Counter(receipts).items() if times > 1]
    if faults:
        raise BoxBroken(faults)
    return box


def _apart(ballots: list[Ballot]) -> tuple[Ballot, ...]:
    """Sorted by tracker; a tracker that comes again is marked ~2, ~3 …, so that each ballot has a name of its own.

    Two voters shown one tracker would each take the other's ballot for their own; the mark makes that visible.
    """
    seen: Counter[str] = Counter()
    named = []
    for ballot in sorted(ballots, key=lambda each: (each.tracker, each.choices)):
        seen[ballot.tracker] += 1
        mark = f"~{seen[ballot.tracker]}" if seen[ballot.tracker] > 1 else ""
        named.append(Ballot(ballot.tracker + mark, ballot.choices))
    return tuple(named)
