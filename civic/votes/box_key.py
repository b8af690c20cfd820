"""The keys of a ballot box, one half per holder: made, kept under a passphrase, and put together to open it.

Each holder has a key pair of their own and an envelope is sealed to all of them, so that no machine ever has to
hold the whole key before the opening. Pure but for cryptography: reads and writes text, no files.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from civic.codes import from_text, to_text
from civic.content.poll import BoxKey
from civic.errors import Unusable
from civic.store.seal import NONCE, Sealer, Unopened
from civic.votes.envelope import public_bytes

FORMAT = "madang ballot key 1"
WORK = 2**15  # scrypt n with r=8, p=1: 32 MB, about 0.1 s


@dataclass(frozen=True)
class Half:
    """One holder's key of one poll's box."""

    poll: str
    holder: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> str:
        return to_text(public_bytes(self.private.public_key()))


def new_half(poll: str, holder: str) -> Half:
    """A fresh key of that holder."""
    return Half(poll, holder, ec.generate_private_key(ec.SECP256R1()))


def write_half(half: Half, passphrase: str = "") -> str:
    """The text of the holder's file (JSON). With a passphrase the key is sealed by scrypt and AES-256-GCM."""
    scalar = half.private.private_numbers().private_value.to_bytes(32, "big")
    kept = {"format": FORMAT, "poll": half.poll, "holder": half.holder, "public": half.public}
    if passphrase:
        salt = secrets.token_bytes(16)
        sealed = Sealer(_stretch(passphrase, salt)).seal(scalar, half.public.encode("ascii"))
        kept |= {"salt": to_text(salt), "nonce": to_text(sealed[:NONCE]), "sealed": to_text(sealed[NONCE:])}
    else:
        kept |= {"private": to_text(scalar)}
    return json.dumps(kept, ensure_ascii=False, indent=2) + "\n"


def is_sealed(text: str) -> bool:
    """Does the holder's file ask for a passphrase? False also for what is no such file."""
    try:
        kept = json.loads(text)
    except ValueError:
        return False
    return isinstance(kept, dict) and "sealed" in kept


def read_half(text: str, passphrase: str = "") -> Half:
    """The holder's key. Raises ValueError with a Korean sentence: no key file, damaged, or wrong passphrase."""
    try:
        kept = json.loads(text)
        if kept["format"] != FORMAT:
            raise ValueError
        public = str(kept["public"])
        if "sealed" in kept:
            sealer = Sealer(_stretch(passphrase, from_text(kept["salt"])))
            scalar = sealer.open(from_text(kept["nonce"]) + from_text(kept["sealed"]), public.encode("ascii"))
        else:
            scalar = from_text(kept["private"])
        private = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
        half = Half(str(kept["poll"]), str(kept["holder"]), private)
    except Unopened:
        raise ValueError("암호가 맞지 않거나 파일이 바뀌었습니다") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("열쇠 파일이 아니거나 깨졌습니다") from None
    if half.public != public:
        raise ValueError("파일 안의 공개 열쇠와 비밀 열쇠가 서로 맞지 않습니다")
    return half


def match(
    poll: str, keys: Sequence[BoxKey], halves: Iterable[Half]
) -> tuple[ec.EllipticCurvePrivateKey, ...]:
    """The private keys in the order of the poll's public ones. Raises Unusable naming every missing or wrong one."""
    by_public = {half.public: half for half in halves}
    lines = [
        f"{half.holder}: 이 투표({poll})의 열쇠가 아닙니다 (found {half.poll})"
        for public, half in by_public.items()
        if public not in {key.public for key in keys}
    ]
    lines += [f"{key.holder}: 열쇠가 없습니다" for key in keys if key.public not in by_public]
    if not keys:
        lines.append(f"{poll}: 투표에 공개 열쇠(keys)가 없습니다")
    if lines:
        raise Unusable(lines)
    return tuple(by_public[key.public].private for key in keys)


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=WORK, r=8, p=1).derive(passphrase.encode("utf-8"))
