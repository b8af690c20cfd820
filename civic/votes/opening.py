"""The opening of a whole box: all of it judged, or nothing opened; and of a test ballot before there is a box.

The one-time key of a test ballot travels with it: whoever asks holders for points of an envelope whose key is known
learns nothing. Pure: no store, no clock, no web, no file.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec

from civic.codes import from_text, new_code, to_text
from civic.content.poll import BoxKey, Poll
from civic.errors import Unusable
from civic.shape import Digest, Shape, Slug
from civic.votes.ballot import FAULTS, Ballot, Judged, Proposals, Spoiled, void_faults
from civic.votes.envelope import ORDER, SCALAR, BadEnvelope, Slot, ephemeral_of, receipt_of, seal
from civic.votes.partial import Joined, PartialFile
from civic.votes.result import Code, digest_of


class BoxBroken(Unusable):
    """The box is not the one that was closed; nothing is opened. `faults`: (receipt, key of FAULTS), sorted."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(sorted(faults))
        lines = (f"{receipt}: {FAULTS[fault]}" for receipt, fault in self.faults)
        super().__init__(["투표함이 마감 때와 다릅니다. 아무것도 열지 않았습니다.", *lines])


def open_all(
    envelopes: Iterable[str | bytes],
    receipts: Collection[str],
    slot: Slot,
    board: str,
    parts: Sequence[PartialFile],
    poll: Poll,
    proposals: Proposals,
) -> Judged:
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
    return Judged(_apart(ballots), tuple(spoiled))


def same_box(envelopes: Iterable[str | bytes], receipts: Collection[str], slot: Slot) -> dict[str, bytes]:
    """Receipt -> envelope, in the order of the receipts. Raises BoxBroken."""
    box: dict[str, bytes] = {}
    faults: list[tuple[str, str]] = []
    points: set[bytes] = set()
    listed = set(receipts)
    for sealed in envelopes:
        try:
            envelope = slot.check(sealed, opening=True)
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


class TrialBallot(Shape):
    """The file that `votes rehearse --to` writes and every holder answers with `votes partial`."""

    format: Literal["madang-rehearsal/1"]
    poll: Slug
    rules: Digest
    choice: Slug
    tracker: Code
    once: str  # the one-time private key, base64url
    envelope: str

    @classmethod
    def of(cls, slot: Slot, choice: str) -> Self:
        """A test ballot for that proposal."""
        once, tracker = ec.generate_private_key(ec.SECP256R1()), new_code()
        return cls(
            format="madang-rehearsal/1",
            poll=slot.poll,
            rules=slot.rules,
            choice=choice,
            tracker=tracker,
            once=to_text(once.private_numbers().private_value.to_bytes(SCALAR, "big")),
            envelope=to_text(seal([choice], slot, tracker, once)),
        )

    def checked(self, slot: Slot) -> bytes:
        """The envelope, sealed again from what stands beside it. Raises Unusable where it is another one."""
        with suppress(ValueError, BadEnvelope):
            scalar = int.from_bytes(from_text(self.once), "big")
            once = ec.derive_private_key(scalar if 0 < scalar < ORDER else 0, ec.SECP256R1())
            envelope = slot.check(self.envelope)
            if envelope == seal([self.choice], slot, self.tracker, once):
                return envelope
        raise Unusable(["시험 표가 적힌 것과 다르거나 다른 규칙의 것입니다. 시험 표를 다시 만드세요"])

    def judge(self, slot: Slot, keys: Sequence[BoxKey], parts: Sequence[PartialFile]) -> int:
        """How many sets of holders opened it, every one. Raises Unusable naming who is missing and who is wrong."""
        envelope, board = self.checked(slot), digest_of(self)
        given = {part.holder for part in parts}
        if missing := [key.holder for key in keys if key.holder not in given]:
            raise Unusable(f"{holder}: 공유값이 없습니다" for holder in missing)
        Joined(slot, keys, board, [envelope], parts).open(envelope)  # names every wrong part at once
        sets = list(combinations(parts, slot.needed))
        for chosen in sets:
            if Joined(slot, keys, board, [envelope], chosen).open(envelope) != (self.tracker, (self.choice,)):
                names = ", ".join(part.holder for part in chosen)
                raise Unusable([f"{names}: 시험 표가 봉한 대로 나오지 않았습니다"])
        return len(sets)
