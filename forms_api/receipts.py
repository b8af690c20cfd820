"""The address of a receipt, which nobody can make but we: the number, signed. No views."""

import hashlib
from functools import lru_cache

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from civic.errors import NotFound

RECEIPT = "/api/receipts/<token>"


def receipt_address(secret: bytes, number: str) -> str:
    """ "/api/receipts/<token>" for a receipt number."""
    return RECEIPT.replace("<token>", _signer(secret).sign(base64_encode(number)).decode())


def receipt_number(secret: bytes, token: str) -> str:
    """The receipt number in a token. Raises NotFound when it is not ours."""
    try:
        return base64_decode(_signer(secret).unsign(token)).decode()
    except (BadData, ValueError):
        raise NotFound("그런 접수증이 없습니다.") from None


@lru_cache(maxsize=8)
def _signer(secret: bytes) -> Signer:
    signer = Signer(secret, salt="receipt", key_derivation="hmac", digest_method=hashlib.sha256)
    return Signer(signer.derive_key(), key_derivation="none", digest_method=hashlib.sha256)  # derived once
