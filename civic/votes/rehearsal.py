"""A test ballot before the opening: every set of holders who could open the box opens it. Pure: no files, no clock.

Its one-time key travels with it: whoever asks holders for points of an envelope whose key is known learns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec

from civic.codes import from_text, new_code, to_text
from civic.content.poll import BoxKey
from civic.errors import Unusable
from civic.shape import Digest, Shape, Slug
from civic.votes.envelope import ORDER, SCALAR, BadEnvelope, Slot, check_envelope, seal
from civic.votes.partial import Joined, PartialFile
from civic.votes.result import Code, digest_of


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
    def of(cls, slot: Slot, choice: str) -> TrialBallot:
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
        try:
            scalar = int.from_bytes(from_text(self.once), "big")
            once = ec.derive_private_key(scalar if 0 < scalar < ORDER else 0, ec.SECP256R1())
            envelope = check_envelope(self.envelope, slot)
            if envelope == seal([self.choice], slot, self.tracker, once):
                return envelope
        except (ValueError, BadEnvelope):
            pass
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
