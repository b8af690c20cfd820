"""A key holder's keys of one poll: made and kept on the holder's own computer, told to others as a public part.

Two keys: one opens the box together with other holders', one signs what its holder has checked. Pure but for
cryptography: reads and writes text, no files.
"""

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from civic.codes import from_text, to_text
from civic.content.poll import BoxKey
from civic.shape import Line, Shape, Slug
from civic.store.seal import Keys, Sealer, Unopened
from civic.votes.envelope import public_bytes, read_public

FORMAT = "madang holder key 1"
WORK = 2**15  # scrypt n with r=8, p=1: 32 MB, about 0.1 s


@dataclass(frozen=True)
class HolderKey:
    """One holder's keys of one poll. `board`: digest of the one board that was signed with them; "" until then."""

    poll: str
    holder: str
    box: ec.EllipticCurvePrivateKey = field(repr=False)
    signer: Ed25519PrivateKey = field(repr=False)
    board: str = ""

    @property
    def public(self) -> BoxKey:
        public = to_text(public_bytes(self.box.public_key()))
        signing = to_text(self.signer.public_key().public_bytes_raw())
        return BoxKey(holder=self.holder, public=public, signing=signing)

    def sign(self, kind: str, *digests: str) -> str:
        """The holder's word for a board or a result: see `signed_words`."""
        return to_text(self.signer.sign(signed_words(kind, *digests)))


class HolderPart(Shape):
    """What a holder gives to those who prepare the vote: public keys, and the proof that the holder has both."""

    format: Literal["madang-holder/1"]
    poll: Slug
    holder: Line
    public: str
    signing: str
    box_proof: str
    signing_proof: str

    @classmethod
    def of(cls, key: HolderKey) -> Self:
        told = {"poll": key.poll, **key.public.model_dump()}
        words = signed_words("holder", *told.values())
        return cls(
            format="madang-holder/1",
            **told,
            box_proof=to_text(key.box.sign(words, ec.ECDSA(SHA256()))),
            signing_proof=to_text(key.signer.sign(words)),
        )

    def proven(self) -> BoxKey:
        """The public keys. Raises ValueError when who wrote this does not hold both private ones."""
        words = signed_words("holder", self.poll, self.holder, self.public, self.signing)
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), read_public(self.public))
        with suppress(InvalidSignature):
            point.verify(from_text(self.box_proof), words, ec.ECDSA(SHA256()))
            if is_signed(self.signing, self.signing_proof, words):
                return BoxKey(holder=self.holder, public=self.public, signing=self.signing)
        raise ValueError("no proof of possession")


def signed_words(kind: str, *parts: str) -> bytes:
    """What a signature covers (docs/voting.md). kind: "board" with its digest, "result" with those of results and ballots,
    "receipt" with poll, rules and receipt, "holder" with poll, holder and public keys."""
    return "\n".join([f"madang {kind} 1", *parts]).encode()


def is_signed(signing: str, signature: str, words: bytes) -> bool:
    """Is it a signature of these words by this Ed25519 key? Both base64url; False for whatever is none."""
    try:
        Ed25519PublicKey.from_public_bytes(from_text(signing)).verify(from_text(signature), words)
    except (InvalidSignature, ValueError):
        return False
    return True


def receipt_signer(keys: Keys | None) -> Ed25519PrivateKey:
    """The server's key for receipts. None: the demonstration's, which anyone can work out: its poll names it already."""
    seed = keys.derived("votes: receipts") if keys else hashlib.sha256(b"madang demonstration").digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def new_key(poll: str, holder: str) -> HolderKey:
    """Fresh keys of that holder."""
    return HolderKey(poll, holder, ec.generate_private_key(ec.SECP256R1()), Ed25519PrivateKey.generate())


def write_key(key: HolderKey, passphrase: str) -> str:
    """The text of the holder's file (JSON): the private keys sealed by scrypt and AES-256-GCM."""
    scalar = key.box.private_numbers().private_value.to_bytes(32, "big")
    salt = secrets.token_bytes(16)
    told = {"format": FORMAT, "poll": key.poll, **key.public.model_dump(), "board": key.board}
    bound = json.dumps(told, sort_keys=True).encode()
    sealed = Sealer(_stretch(passphrase, salt)).seal(scalar + key.signer.private_bytes_raw(), bound)
    kept = told | {"salt": to_text(salt), "sealed": to_text(sealed)}
    return json.dumps(kept, ensure_ascii=False, indent=2) + "\n"


def read_key(text: str, passphrase: str) -> HolderKey:
    """The holder's keys. Raises ValueError with a Korean sentence: no key file, damaged, or wrong passphrase."""
    try:
        kept = json.loads(text)
        told = {name: kept[name] for name in ("format", "poll", "holder", "public", "signing", "board")}
        if told["format"] != FORMAT:
            raise ValueError
        sealer = Sealer(_stretch(passphrase, from_text(kept["salt"])))
        secret = sealer.open(from_text(kept["sealed"]), json.dumps(told, sort_keys=True).encode())
    except Unopened:
        raise ValueError("암호가 맞지 않거나 파일이 바뀌었습니다") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("열쇠 파일이 아니거나 깨졌습니다") from None
    box = ec.derive_private_key(int.from_bytes(secret[:32], "big"), ec.SECP256R1())
    signer = Ed25519PrivateKey.from_private_bytes(secret[32:])
    return HolderKey(told["poll"], told["holder"], box, signer, told["board"])


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=WORK, r=8, p=1).derive(passphrase.encode("utf-8"))
