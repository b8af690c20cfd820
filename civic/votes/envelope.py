"""The sealed envelope of a ballot: what is needed to seal it, what goes in, and who can open it.

The content is sealed under a key that follows from the one-time scalar; the scalar is wrapped once for each set of
holders who may open together. Whoever opens seals again and compares every byte: a wrap that was spoiled for one set
makes the ballot void for all. The format is written down in docs/voting.md with a test vector; static/js/envelope.js
seals the same way in the browser. Pure but for cryptography: no store, no clock, no web, no file.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import comb

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from civic.codes import code_of, from_text, is_code, new_code
from civic.content.poll import Poll, Proposal
from civic.errors import FieldError, Invalid
from civic.shape import canonical
from civic.votes.ballot import FAULTS, rules_hash

VERSION = 2
INFO, WRAP_INFO = b"madang ballot 2", b"madang wrap 2"
POLL_TAG = 16  # bytes of SHA-256(poll id)
POINT = 65  # an uncompressed P-256 point
HEADER = 1 + POLL_TAG + 32  # version, poll tag, rules hash
GCM_TAG = 16
SCALAR = 32  # bytes of a one-time scalar, of its wrap, and of a shared point (its x)
STEP = 512  # the padded content is a multiple of this
LONGEST_SLUG = 80
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
LEAST_SUBMISSION = 16  # signs of a page's own id
PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Slot:
    """The slot of one ballot box: all that is needed to seal for it. Public; the page carries the same.

    keys: the holders' public keys in the order of the front matter, uncompressed P-256 points. needed: any so many
    of the holders open an envelope together, fewer nothing. earlier: rules hashes before a published correction,
    accepted when the box is opened, not when a ballot is cast.
    """

    poll: str
    rules: str
    keys: tuple[bytes, ...]
    room: int
    needed: int = 2
    earlier: tuple[str, ...] = field(default=())
    ready: bool = False  # rehearsed under exactly these rules: before that nothing is cast

    @property
    def length(self) -> int:
        """Bytes of every envelope of this poll."""
        return self.sealed_at + self.room + GCM_TAG

    @property
    def sealed_at(self) -> int:
        """Where the sealed content begins: behind the head and the wraps."""
        return HEADER + POINT + SCALAR * comb(len(self.keys), self.needed)

    def check(self, envelope: str | bytes, opening: bool = False) -> bytes:
        """The envelope's bytes if it may go into this box. opening: also by the rules of before a correction. Raises BadEnvelope."""
        if isinstance(envelope, str):
            if len(envelope) > 2 * self.length:
                raise BadEnvelope("size")
            try:
                envelope = from_text(envelope)
            except ValueError:
                raise BadEnvelope("format") from None
        if not envelope or envelope[0] != VERSION:
            raise BadEnvelope("format")
        if len(envelope) != self.length:
            raise BadEnvelope("size")
        if envelope[1 : 1 + POLL_TAG] != _header(self.poll, self.rules)[1 : 1 + POLL_TAG]:
            raise BadEnvelope("other-poll")
        if envelope[1 + POLL_TAG : HEADER].hex() not in (self.rules, *(self.earlier if opening else ())):
            raise BadEnvelope("other-rules")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral_of(envelope))
        except ValueError:
            raise BadEnvelope("format") from None
        return envelope

    def key_of(self, envelope: bytes, shared: Mapping[int, bytes]) -> PrivateKey | None:
        """The one-time key of an envelope, by any set of holders that finds it; None when none does.

        shared: the number of a holder (place in the slot's keys) -> the point shared with the envelope, as its x.
        """
        head, wraps = envelope[: HEADER + POINT], envelope[HEADER + POINT : self.sealed_at]
        for place, pad in _pads(head, self, shared):
            scalar = int.from_bytes(_xor(wraps[SCALAR * place : SCALAR * (place + 1)], pad), "big")
            if 0 < scalar < ORDER:
                found = ec.derive_private_key(scalar, ec.SECP256R1())
                if public_bytes(found.public_key()) == ephemeral_of(envelope):
                    return found
        return None

    def open(self, envelope: bytes, ephemeral: PrivateKey | None) -> tuple[str, tuple[str, ...]]:
        """(tracker, choices) of an envelope whose one-time key was found. Raises BadEnvelope: "altered" or "content"."""
        head, sealed = envelope[: HEADER + POINT], envelope[self.sealed_at :]
        if ephemeral is None:
            raise BadEnvelope("altered")
        scalar = ephemeral.private_numbers().private_value.to_bytes(SCALAR, "big")
        key, nonce = _content_key(scalar, head, self)
        try:
            padded = AESGCM(key).decrypt(nonce, sealed, head + self.poll.encode("utf-8"))
        except InvalidTag:
            raise BadEnvelope("altered") from None
        # Under the rules that the envelope itself names: those of before a correction stay as they were cast.
        own = replace(self, rules=envelope[1 + POLL_TAG : HEADER].hex())
        if _sealed(padded, own, ephemeral) != envelope:
            raise BadEnvelope("altered")
        return _read_content(padded)

    def points(self, ephemeral: PrivateKey) -> list[bytes]:
        """What each holder shares with the envelope of this one-time key: the x of the common point, 32 bytes."""
        points = (ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key) for key in self.keys)
        return [ephemeral.exchange(ec.ECDH(), point) for point in points]


def room(max_picks: int) -> int:
    """Bytes of the padded content: the same for every ballot of a poll, whatever was chosen."""
    longest = 2 + len('{"choices":[],"tracker":""}') + 19 + max_picks * (LONGEST_SLUG + 3)
    return -(-longest // STEP) * STEP


class BadEnvelope(Invalid):
    """An envelope that cannot go into the box; `fault` is a key of FAULTS."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__([FieldError("envelope", FAULTS[fault])])


def slot_of(poll: Poll, proposals: Iterable[Proposal]) -> Slot:
    """The slot of a poll's box. Raises ValueError when a key is no point of the curve."""
    rules, enough = rules_hash(poll, proposals), poll.receipt_key and len(poll.keys) >= poll.keys_needed
    is_rehearsed = enough and poll.rehearsed is not None and poll.rehearsed.rules == rules
    return Slot(
        poll=poll.slug,
        rules=rules,
        ready=bool(poll.options or is_rehearsed),  # a light poll has nothing to rehearse
        keys=tuple(read_public(key.public) for key in poll.keys),
        room=room(poll.max_picks),
        needed=poll.keys_needed,
        earlier=tuple(correction.rules for correction in poll.corrections),
    )


def read_public(text: str) -> bytes:
    """A public key as it stands in the front matter, checked to be a point of the curve. Raises ValueError."""
    raw = from_text(text)
    if len(raw) != POINT:
        raise ValueError("not an uncompressed point")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    return raw


def receipt_of(envelope: bytes) -> str:
    """The receipt code of an envelope, 73 bits: SHA-256 as a number, its sixteen lowest digits in base 24."""
    return code_of(int.from_bytes(hashlib.sha256(envelope).digest(), "big"))


def ephemeral_of(envelope: bytes) -> bytes:
    """The sealer's one-time public key: no two envelopes of a box may share it."""
    return envelope[HEADER : HEADER + POINT]


def seal(choices: Sequence[str], slot: Slot, tracker: str = "", once: PrivateKey | None = None) -> bytes:
    """Choices in a sealed envelope that only enough key holders together can open.

    tracker: by which the voter finds the ballot after opening; a new one when "". once: the one-time key; a
    fresh one when None. Choices are written in sorted order, so that the order of ticking does not show.
    Raises ValueError when the poll has not enough keys or the choices do not fit into the room.
    """
    if len(slot.keys) < slot.needed:
        raise ValueError("poll has not enough keys")
    content = canonical({"choices": sorted(choices), "tracker": tracker or new_code()})
    if len(content) + 2 > slot.room:
        raise ValueError("choices do not fit")
    padded = len(content).to_bytes(2, "big") + content + bytes(slot.room - 2 - len(content))
    return _sealed(padded, slot, once or ec.generate_private_key(ec.SECP256R1()))


def _sealed(padded: bytes, slot: Slot, ephemeral: PrivateKey) -> bytes:
    head = _header(slot.poll, slot.rules) + public_bytes(ephemeral.public_key())
    scalar = ephemeral.private_numbers().private_value.to_bytes(SCALAR, "big")
    shared = dict(enumerate(slot.points(ephemeral)))
    wraps = b"".join(_xor(scalar, pad) for _, pad in _pads(head, slot, shared))
    key, nonce = _content_key(scalar, head, slot)
    return head + wraps + AESGCM(key).encrypt(nonce, padded, head + slot.poll.encode("utf-8"))


def repeated(
    secret: bytes, submission: str, voter: str, rules: str, choices: Sequence[str]
) -> tuple[str, PrivateKey | None]:
    """(tracker, one-time key) to seal with: the same for the same post of the same page, else new ones.

    submission: random, made for one page and kept nowhere here: without it nobody, the server included, can work the
    envelope out again from what is kept.
    """
    if len(submission) < LEAST_SUBMISSION:
        return new_code(), None
    post = json.dumps([submission, voter, rules, *sorted(choices)]).encode()
    kdf = HKDF(algorithm=hashes.SHA256(), length=80, salt=None, info=b"madang same post")
    derived = kdf.derive(secret + post)
    scalar = int.from_bytes(derived[:48], "big") % (ORDER - 1) + 1
    return code_of(int.from_bytes(derived[48:], "big")), ec.derive_private_key(scalar, ec.SECP256R1())


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _header(poll: str, rules: str) -> bytes:
    return bytes([VERSION]) + hashlib.sha256(poll.encode("utf-8")).digest()[:POLL_TAG] + bytes.fromhex(rules)


def _pads(head: bytes, slot: Slot, shared: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """(place of the wrap, what the scalar is hidden under) for each set of enough holders whose points are known."""
    for place, chosen in enumerate(combinations(range(len(slot.keys)), slot.needed)):
        if shared.keys() >= set(chosen):
            known = b"".join(shared[holder] for holder in chosen)
            yield place, _derive(known, head, slot, WRAP_INFO + bytes(chosen), SCALAR)


def _content_key(scalar: bytes, head: bytes, slot: Slot) -> tuple[bytes, bytes]:
    """Content key and nonce. The head holds the one-time public key: its mirror point gives another key."""
    derived = _derive(scalar, head, slot, INFO, 44)
    return derived[:32], derived[32:]


def _derive(secret: bytes, head: bytes, slot: Slot, info: bytes, length: int) -> bytes:
    salt = head + b"".join(slot.keys)
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _read_content(padded: bytes) -> tuple[str, tuple[str, ...]]:
    end = 2 + int.from_bytes(padded[:2], "big")
    if end > len(padded) or any(padded[end:]):
        raise BadEnvelope("content")
    try:
        inner = json.loads(padded[2:end])
    except (ValueError, RecursionError):
        raise BadEnvelope("content") from None
    if not isinstance(inner, dict) or set(inner) != {"choices", "tracker"}:
        raise BadEnvelope("content")
    tracker, choices = inner["tracker"], inner["choices"]
    if not is_code(tracker) or not isinstance(choices, list) or not all(isinstance(c, str) for c in choices):
        raise BadEnvelope("content")
    return tracker, tuple(sorted(choices))
