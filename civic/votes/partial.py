"""A holder's part in an opening: the point shared with each envelope, each with a proof that it is the right one.

A point whose envelope opens is checked against the one-time key that was found. Of an envelope that does not open
the proof decides whether its voter spoiled it or a holder lied. Pure: no files, no clock.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import StringConstraints

from civic.codes import from_text, to_text
from civic.content.poll import BoxKey
from civic.errors import Unusable
from civic.shape import Digest, Line, Many, Shape, Slug
from civic.votes.box_key import HolderKey, is_signed, signed_words
from civic.votes.envelope import ORDER, SCALAR, Slot, ephemeral_of, public_bytes, receipt_of

PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of P-256; its curve is y² = x³ - 3x + B
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_numbers()

Point = tuple[int, int] | None  # None: the point at infinity
# x of a shared point, challenge and response: 96 bytes in base64url.
Share = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{128}$")]


class PartialFile(Shape):
    """What a holder hands over: the signed board (of a rehearsal its digest), and for each envelope point and proof."""

    format: Literal["madang-partial/1"]
    poll: Slug
    holder: Line
    board: Digest
    signature: Line
    shared: Many[Share]  # in the order of the envelopes

    @classmethod
    def of(cls, key: HolderKey, board: str, envelopes: Iterable[bytes]) -> Self:
        return cls(
            format="madang-partial/1",
            poll=key.poll,
            holder=key.holder,
            board=board,
            signature=key.sign("board", board),
            shared=tuple(to_text(_with_proof(key.box, envelope)) for envelope in envelopes),
        )


class Joined:
    """The parts of several holders over the same envelopes."""

    def __init__(
        self,
        slot: Slot,
        keys: Sequence[BoxKey],
        board: str,
        envelopes: Sequence[bytes],
        parts: Sequence[PartialFile],
    ) -> None:
        """keys: the poll's, in its order. Raises Unusable naming what each part lacks, and too few of them."""
        places = {key.holder: place for place, key in enumerate(keys)}
        wrong: list[str] = []
        self._keys, self._slot = keys, slot
        self._shared: dict[int, list[bytes]] = {}
        for part in parts:
            place = places.get(part.holder)
            if place is None or part.poll != slot.poll:
                wrong.append(f"{part.holder}: 이 투표({slot.poll})의 열쇠를 맡은 사람이 아닙니다")
            elif place in self._shared:
                wrong.append(f"{part.holder}: 같은 사람의 공유값이 두 번 있습니다")
            elif part.board != board:
                wrong.append(
                    f"{part.holder}: 다른 투표함의 공유값입니다 (found {part.board[:12]}…, 이 투표함 {board[:12]}…)"
                )
            elif not is_signed(keys[place].signing, part.signature, signed_words("board", board)):
                wrong.append(f"{part.holder}: 명단의 서명이 맞지 않습니다")
            elif len(part.shared) != len(envelopes):
                wrong.append(f"{part.holder}: 공유값의 수나 형식이 맞지 않습니다")
            else:
                self._shared[place] = [from_text(text) for text in part.shared]
        if not wrong and len(self._shared) < slot.needed:
            wrong.append(f"{slot.needed}명의 공유값이 있어야 엽니다. 지금 {len(self._shared)}명입니다")
        if wrong:
            raise Unusable(wrong)
        self._place = {receipt_of(envelope): place for place, envelope in enumerate(envelopes)}

    def open(self, envelope: bytes) -> tuple[str, tuple[str, ...]]:
        """(tracker, choices). Raises BadEnvelope (the voter's doing), Unusable naming a holder whose point is false."""
        place = self._place[receipt_of(envelope)]
        given = {holder: shared[place] for holder, shared in self._shared.items()}
        found = self._slot.key_of(envelope, {holder: each[:SCALAR] for holder, each in given.items()})
        right = self._slot.points(found) if found else None

        def is_right(holder: int, each: bytes) -> bool:
            if right:
                return each[:SCALAR] == right[holder]
            return is_proven(self._slot.keys[holder], envelope, each)

        if faulty := [holder for holder in sorted(given) if not is_right(holder, given[holder])]:
            said = f"{receipt_of(envelope)}의 공유값이 틀립니다"
            raise Unusable(f"{self._keys[holder].holder}: {said}" for holder in faulty)
        return self._slot.open(envelope, found)


def _with_proof(box: ec.EllipticCurvePrivateKey, envelope: bytes) -> bytes:
    """x of the shared point, challenge, response: that the same private key made it and the holder's public one."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral_of(envelope))
    shared, secret = box.exchange(ec.ECDH(), point), box.private_numbers().private_value
    nonce = secrets.randbelow(ORDER - 1) + 1
    once = ec.derive_private_key(nonce, ec.SECP256R1())
    first = once.public_key().public_numbers().x.to_bytes(SCALAR, "big")
    own = public_bytes(box.public_key())
    challenge = _challenge(own, envelope, shared, first, once.exchange(ec.ECDH(), point))
    response = (nonce - challenge * secret) % ORDER
    return shared + challenge.to_bytes(SCALAR, "big") + response.to_bytes(SCALAR, "big")


def is_proven(key: bytes, envelope: bytes, given: bytes) -> bool:
    """Does the holder of this public key share this point with the envelope? Only x is told: the mirror point will do, too."""
    shared = given[:SCALAR]
    challenge, response = (int.from_bytes(given[at : at + SCALAR], "big") for at in (SCALAR, 2 * SCALAR))
    x = int.from_bytes(shared, "big")
    square = (x * x * x - 3 * x + B) % PRIME
    y = pow(square, (PRIME + 1) // 4, PRIME)
    if x >= PRIME or y * y % PRIME != square:
        return False
    own, once = _point(key), _point(ephemeral_of(envelope))
    first = _add(_times(response, (BASE.x, BASE.y)), _times(challenge, own))
    for mirrored in (y, PRIME - y):
        second = _add(_times(response, once), _times(challenge, (x, mirrored)))
        if first and second:
            told = (each[0].to_bytes(SCALAR, "big") for each in (first, second))
            if challenge == _challenge(key, envelope, shared, *told):
                return True
    return False


def _challenge(own: bytes, envelope: bytes, shared: bytes, first: bytes, second: bytes) -> int:
    told = b"madang shared 1" + own[1:] + ephemeral_of(envelope) + shared + first + second
    return int.from_bytes(hashlib.sha256(told).digest(), "big") % ORDER


def _point(raw: bytes) -> Point:
    return int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % PRIME == 0:
            return None
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, PRIME) % PRIME
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, PRIME) % PRIME
    x = (slope * slope - one[0] - other[0]) % PRIME
    return x, (slope * (one[0] - x) - one[1]) % PRIME


def _times(factor: int, point: Point) -> Point:
    found: Point = None
    while factor:
        if factor & 1:
            found = _add(found, point)
        point, factor = _add(point, point), factor >> 1
    return found
