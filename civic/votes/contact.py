"""One-time codes and tickets: how a voter proves to be who asked, and what is kept of it. No web, no poll's rules.

A code goes to a contact and belongs to the one who asked for it (`asked`, a random id that only their page has), so
that nobody else can use up its tries. A ticket follows an identity provider's word and is no secret to type: it is
sealed text. Kept are slow hashes, never a code, a contact or a provider's name for a person.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from civic import people
from civic.codes import from_text, to_text
from civic.errors import FieldError, Invalid, LateCode, WrongCode
from civic.store.box import Code
from civic.store.seal import Sealer

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
TICKET_LIFE = timedelta(minutes=30)  # to read and pick after the provider's word
TICKET_TRIES = 50  # nobody can guess one; this only ends a loop
LONGEST_TICKET = 600
WRONG = "인증번호가 맞지 않습니다. 다섯 번 틀리면 새 인증번호를 받아야 합니다."
LATE = "인증번호의 시간(5분)이 지났습니다. 새 인증번호를 받아 주세요."
NO_TICKET = "본인확인이 확인되지 않았거나 시간(30분)이 지났습니다. 본인확인을 다시 해 주세요."
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
ENOUGH = 16  # signs at least of a page's own submission id


class Derives(Protocol):
    """The installation's secrets: a separate one for each purpose."""

    def derived(self, purpose: str) -> bytes: ...


@dataclass(frozen=True)
class Claim:
    """Who says to vote, and by what: a typed code, or the secret inside a ticket."""

    voter: str
    secret: str
    asked: str  # fingerprint of the id of who asked; "" when the sender does not know it
    is_ticket: bool = False


class Proofs:
    """Makes and checks them with the secrets of one installation."""

    def __init__(self, keys: Derives) -> None:
        self._voters = keys.derived("votes: voters")
        self._post = Sealer(keys.derived("votes: outgoing"))
        self._tickets = Sealer(keys.derived("votes: tickets"))
        self._repeat = keys.derived("votes: same post")
        # OWASP's second row for Argon2id. The code is keyed before: without the secret no guess can be tried.
        self._slow = PasswordHasher(time_cost=3, memory_cost=12 * 1024, parallelism=1)
        self._nobody = self._slow.hash("nobody")

    # ------------------------------------------------------------ who

    def voter(self, slug: str, contact: str) -> str:
        """Poll by poll another hash: nobody can follow a voter from one poll to the next."""
        return self.hash("voter", slug, contact)

    def named(self, slug: str, issuer: str, subject: str) -> str:
        """The voter whom an identity provider named; never the same as any contact's."""
        return self.hash("named", slug, issuer, subject)

    def hash(self, *parts: str) -> str:
        """HMAC-SHA-256, hex; what the parts are apart from each other stays apart."""
        return hmac.new(self._voters, "\x1f".join(parts).encode("utf-8"), hashlib.sha256).hexdigest()

    # ------------------------------------------------------------ codes and tickets

    def new_code(self, voter: str, now: datetime) -> tuple[Code, str, str]:
        """(what is kept, the code for the message, the id for the page that asked)."""
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        asked = secrets.token_urlsafe(16)
        kept = Code(
            voter, self._hashed(voter, code), now + CODE_LIFE, CODE_TRIES, asked=of(asked), bare=CODE_TRIES
        )
        return kept, code, asked

    def new_ticket(self, slug: str, voter: str, now: datetime) -> tuple[Code, str]:
        """(what is kept, the sealed text for the voter's page)."""
        asked, secret = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        kept = Code(voter, self._hashed(voter, secret), now + TICKET_LIFE, TICKET_TRIES, asked=of(asked))
        return kept, to_text(self._tickets.seal(json.dumps([voter, asked, secret]).encode(), slug.encode()))

    def read_ticket(self, slug: str, ticket: str) -> Claim:
        """Whom a ticket of this poll names. Raises WrongCode."""
        try:
            if len(ticket) > LONGEST_TICKET:
                raise ValueError
            voter, asked, secret = json.loads(self._tickets.open(from_text(ticket), slug.encode()))
        except ValueError:
            raise WrongCode(NO_TICKET) from None
        return Claim(voter, secret, of(asked), is_ticket=True)

    def prove(self, known: Code | None, claim: Claim, now: datetime) -> None:
        """Slow on purpose, and as slow for a contact that never asked for a code. Raises WrongCode, LateCode."""
        wrong = NO_TICKET if claim.is_ticket else WRONG
        try:
            self._slow.verify(known.hash if known else self._nobody, self._keyed(claim.voter, claim.secret))
        except VerificationError:
            raise WrongCode(wrong) from None
        if known is None:
            raise WrongCode(wrong)
        if now >= known.until:
            raise LateCode(NO_TICKET if claim.is_ticket else LATE)

    # ------------------------------------------------------------ messages

    def wrap(self, *parts: str) -> bytes:
        """A message for the outbox, sealed."""
        return self._post.seal(json.dumps(parts).encode("utf-8"))

    def unwrap(self, sealed: bytes) -> list[str]:
        """Its parts. Raises ValueError."""
        return list(json.loads(self._post.open(sealed)))

    # ------------------------------------------------------------ the same post again

    def repeatable(
        self, submission: str, voter: str, rules: str, choices: Sequence[str]
    ) -> tuple[ec.EllipticCurvePrivateKey, int] | None:
        """(one-time key, number for a tracker): the same for the same post of the same page; None without an id.

        The id is random, made for one page and kept nowhere here: without it nobody, the server included, can
        work the envelope out again from what is kept.
        """
        if len(submission) < ENOUGH:
            return None
        told = json.dumps([submission, voter, rules, *sorted(choices)]).encode()
        derived = HKDF(algorithm=hashes.SHA256(), length=80, salt=None, info=b"madang same post").derive(
            self._repeat + told
        )
        scalar = int.from_bytes(derived[:48], "big") % (ORDER - 1) + 1
        return ec.derive_private_key(scalar, ec.SECP256R1()), int.from_bytes(derived[48:], "big")

    # ------------------------------------------------------------ inside

    def _hashed(self, voter: str, secret: str) -> str:
        return self._slow.hash(self._keyed(voter, secret))

    def _keyed(self, voter: str, secret: str) -> str:
        return self.hash("code", voter, secret)


def of(asked: str) -> str:
    """How the id of who asked is kept; "" for none."""
    return hashlib.sha256(asked.encode("utf-8")).hexdigest() if asked else ""


def new_submission() -> str:
    """An id for one page's last step: the same post again is the same ballot."""
    return secrets.token_urlsafe(16)


def read_contact(text: str) -> str:
    """A mobile number (E.164) or e-mail address in one spelling. Raises Invalid."""
    try:
        if "@" in text:
            return people.read_email(text).lower()
        return people.normalise_phone(text)
    except ValueError as wrong:
        raise Invalid([FieldError("contact", str(wrong))]) from None


def read_code(text: str) -> str:
    """The six digits of a code however they are spaced. Raises Invalid."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c != "-")
    if len(digits) != CODE_DIGITS or not digits.isascii() or not digits.isdigit():
        raise Invalid([FieldError("code", f"인증번호는 숫자 {CODE_DIGITS}자리입니다.")])
    return digits
