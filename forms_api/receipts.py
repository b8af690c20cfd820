"""The address of a receipt, which nobody can make but we: the number, signed. No views."""

from hmac import compare_digest

from civic.errors import NotFound
from civic.people import keyed_hash

RECEIPT = "/api/receipts/<token>"


def receipt_address(secret: bytes, number: str) -> str:
    """ "/api/receipts/<token>" for a receipt number."""
    return RECEIPT.replace("<token>", f"{number}.{keyed_hash(secret, 'receipt', number)}")


def receipt_number(secret: bytes, token: str) -> str:
    """The receipt number in a token. Raises NotFound when it is not ours."""
    number, _, signature = token.partition(".")
    if not compare_digest(signature.encode(), keyed_hash(secret, "receipt", number).encode()):
        raise NotFound("그런 접수증이 없습니다.")
    return number
