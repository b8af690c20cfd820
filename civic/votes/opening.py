"""The opening of a whole box: all of it judged, or nothing opened. Pure: no store, no clock, no web, no file."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from civic.content.poll import Poll, Proposal
from civic.errors import Unusable
from civic.votes.ballot import FAULTS, Ballot, Spoiled, void_faults
from civic.votes.envelope import (
    BadEnvelope,
    Slot,
    check_envelope,
    ephemeral_of,
    receipt_of,
)
from civic.votes.partial import Joined, PartialFile


class BoxBroken(Unusable):
    """The box is not the one that was closed; nothing is opened. `faults`: (receipt, key of FAULTS), sorted."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(sorted(faults))
        lines = (f"{receipt}: {FAULTS[fault]}" for receipt, fault in self.faults)
        super().__init__(["투표함이 마감 때와 다릅니다. 아무것도 열지 않았습니다.", *lines])


@dataclass(frozen=True)
class Opened:
    """An opened box: valid ballots sorted by tracker, void ones by receipt. Their sum is the number of envelopes."""

    ballots: tuple[Ballot, ...]
    spoiled: tuple[Spoiled, ...]


def open_all(
    envelopes: Iterable[str | bytes],
    receipts: Collection[str],
    slot: Slot,
    board: str,
    parts: Sequence[PartialFile],
    poll: Poll,
    proposals: Mapping[str, Proposal],
) -> Opened:
    """Every envelope judged, or none: the same box gives the same answer in whatever order it comes.

    receipts: those told at closing. Envelopes and receipts must match one to one, else BoxBroken names each that is
    missing, unlisted, copied or malformed: somebody changed the box after closing. What the voter alone could have
    done (sealed nonsense, too many picks) makes that one ballot void instead: one voter must not be able to stop a
    vote. board: its digest, which each of the parts must have signed. Raises Unusable naming each part that does not
    fit, and each holder who gave a false point.
    """
    box = same_box(envelopes, receipts, slot)
    joined = Joined(slot, poll.keys, board, list(box.values()), parts)
    ballots: list[Ballot] = []
    spoiled: list[Spoiled] = []
    for receipt, envelope in box.items():
        try:
            tracker, choices = joined.open(envelope)
        except BadEnvelope as bad:
            spoiled.append(Spoiled(receipt, bad.fault))
            continue
        if faults := void_faults(poll, proposals, choices):
            spoiled.append(Spoiled(receipt, faults[0][0]))
        else:
            ballots.append(Ballot(tracker, choices))
    return Opened(_apart(ballots), tuple(spoiled))


def same_box(envelopes: Iterable[str | bytes], receipts: Collection[str], slot: Slot) -> dict[str, bytes]:
    """Receipt -> envelope, in the order of the receipts. Raises BoxBroken."""
    box: dict[str, bytes] = {}
    faults: list[tuple[str, str]] = []
    points: set[bytes] = set()
    listed = set(receipts)
    for sealed in envelopes:
        try:
            envelope = check_envelope(sealed, slot, opening=True)
        except BadEnvelope as bad:
            raw = sealed.encode("utf-8") if isinstance(sealed, str) else sealed
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
    return dict(sorted(box.items()))


def _apart(ballots: list[Ballot]) -> tuple[Ballot, ...]:
    """Sorted by tracker; a tracker that comes again is marked ~2, ~3 …, so that each ballot has a name of its own.

    Two voters shown one tracker would each take the other's ballot for their own; the mark makes that visible.
    """
    seen: Counter[str] = Counter()
    named = []
    for ballot in sorted(ballots, key=lambda ballot: (ballot.tracker, ballot.choices)):
        seen[ballot.tracker] += 1
        mark = f"~{seen[ballot.tracker]}" if seen[ballot.tracker] > 1 else ""
        named.append(Ballot(ballot.tracker + mark, ballot.choices))
    return tuple(named)
