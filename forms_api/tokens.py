"""Addresses of receipts: a signed receipt number, so that nobody can try numbers out. No store."""

from __future__ import annotations

import hashlib
import hmac

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.signer import SigningAlgorithm

from civic.errors import NotFound


class _Sha256(SigningAlgorithm):
    """HMAC-SHA-256."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class Receipts:
    """Makes and reads the addresses of receipt pages."""

    def __init__(self, secret: bytes) -> None:
        signer = Signer(secret, salt="receipt", key_derivation="hmac", digest_method=hashlib.sha256)
        # The same signatures, with the key derived once and each made in one step.
        self._signer = Signer(signer.derive_key(), key_derivation="none", algorithm=_Sha256())

    def address(self, number: str) -> str:
        """ "/api/receipts/<token>" for a receipt number."""
        return f"/api/receipts/{self._signer.sign(base64_encode(number)).decode()}"

    def number(self, token: str) -> str:
        """The receipt number in a token. Raises NotFound when it is not ours."""
        try:
            return base64_decode(self._signer.unsign(token)).decode()
        except (BadData, ValueError):
            raise NotFound("그런 접수증이 없습니다.") from None
