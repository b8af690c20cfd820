"""One-time codes and tickets: how a voter proves to be who asked, what is kept of it, and how it is sent. No web.

A code goes to a contact and belongs to the one who asked for it (`request`, a random id that only their page has), so
that nobody else can use up its tries. A ticket follows an identity provider's word and is no secret to type: it is
sealed text. Kept are keyed hashes whose key is not in the store, never a code, a contact or a provider's name for a
person: without the key no guess can be tried, with it five. Nothing here is slow: a refusal costs next to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from civic import people
from civic.clock import Clock
from civic.codes import from_text, to_text
from civic.content.poll import Poll
from civic.errors import FieldError, Invalid, LateCode, NotEligible, TooMany, WrongCode
from civic.store.box import Code, PollBox, new_message
from civic.store.boxes import Box
from civic.store.budget import Budget, end_of_hour, household
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
BY_IDENTITY = (
    "이 투표는 인증번호가 아니라 본인확인으로 합니다. 투표 화면에서 ‘본인확인하고 투표하기’를 누르세요."
)
BY_CODE = "이 투표는 연락처로 받은 인증번호로 합니다."


class Derives(Protocol):
    """The installation's secrets: a separate one for each purpose."""

    def derived(self, purpose: str) -> bytes: ...


class Sender(Protocol):
    """Brings a text to a contact. Raises OSError when it cannot now; ValueError when it never will."""

    def send(self, contact: str, subject: str, text: str) -> None: ...


@dataclass(frozen=True)
class Claim:
    """Who says to vote, and by what: a typed code, or the secret inside a ticket."""

    voter: str
    secret: str
    request_hash: str  # of the id of who asked for it; "" when the sender does not know it
    is_ticket: bool = False


@dataclass(frozen=True)
class Asked:
    """A code is on its way."""

    request: str  # for the page that asked, and for no one else
    is_low: bool  # with this message a budget has run low


class Codes:
    """Codes and tickets: made, kept in the box of their poll, rationed, sent by the outbox, and proven."""

    def __init__(self, keys: Derives, box: Box, clock: Clock, budget: Budget | None) -> None:
        """budget: None has no ceilings at all."""
        self.box = box
        self.clock = clock
        self._budget = budget
        self._voters = keys.derived("votes: voters")
        self._post = Sealer(keys.derived("votes: outgoing"))
        self._tickets = Sealer(keys.derived("votes: tickets"))
        self._codes = keys.derived("votes: codes")

    def voter(self, slug: str, contact: str) -> str:
        """Poll by poll another hash: nobody can follow a voter from one poll to the next."""
        return self.hash("voter", slug, contact)

    def hash(self, *parts: str) -> str:
        """HMAC-SHA-256, hex; what the parts are apart from each other stays apart."""
        return _keyed(self._voters, *parts)

    # ------------------------------------------------------------ made

    def send(self, poll: Poll, contact: str, address: str = "") -> Asked:
        """Put a new code into the outbox. See Polling.request_code."""
        if poll.assurance == 3:
            raise NotEligible(BY_IDENTITY)
        reached = read_contact(contact)
        if self._budget:
            self._budget.check_country(reached)
        voter = self.voter(poll.slug, reached)
        now = self.clock.now()
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        request, kept = self._new(voter, code, now + CODE_LIFE, CODE_TRIES, CODE_TRIES)
        sealed = self._post.seal(json.dumps([reached, poll.title, code]).encode())
        with self.box.open(poll.slug) as box:
            box.drop_stale(now)
            is_low = False
            if self._budget:
                is_low = self._budget.spend(box, self.hash, poll.slug, reached, address, now)
            box.put_code(kept)
            if poll.assurance == 1 or box.on_roll(voter):
                box.queue(new_message(sealed, kept.until))
        return Asked(request, is_low)

    def new_ticket(self, poll: Poll, issuer: str, subject: str) -> str:
        """Sealed text for the page of whom an identity provider named. See Polling.admit."""
        if poll.assurance != 3:
            raise NotEligible(BY_CODE)
        voter = self.hash("named", poll.slug, issuer, subject)  # never the same as any contact's
        now = self.clock.now()
        secret = secrets.token_urlsafe(16)
        request, kept = self._new(voter, secret, now + TICKET_LIFE, TICKET_TRIES)
        with self.box.open(poll.slug) as box:
            box.drop_stale(now)
            box.put_code(kept)
        return to_text(self._tickets.seal(json.dumps([voter, request, secret]).encode(), poll.slug.encode()))

    def _new(self, voter: str, secret: str, until: datetime, tries: int, bare: int = 0) -> tuple[str, Code]:
        """(id of who asked, what is kept of it)."""
        request = secrets.token_urlsafe(16)
        return request, Code(
            voter, self._secret_hash(voter, secret), until, tries, asked=hash_of_request(request), bare=bare
        )

    def deliver(self, sender: Sender) -> int:
        """Send what is due; how many went out. What cannot go now is tried again until it is worthless."""
        gone = 0
        for message in self.box.outgoing(self.clock.now()):
            if message.leased and self.clock.now() >= message.leased:
                break  # the ones before took too long: another process may have it by now
            try:
                contact, title, code = json.loads(self._post.open(message.sealed))
                sender.send(contact, f"[{title}] 인증번호", code_text(title, code))
                gone += 1
            except OSError:
                self.box.put_off(message, self.clock.now() + timedelta(seconds=2 * 2**message.tries))
                continue
            except ValueError:
                pass  # this contact or this message will never do
            self.box.sent(message)
        return gone

    def limit(self, box: PollBox, what: str, address: str, most: int) -> None:
        """Count one more act of this household in this hour. Raises TooMany over `most`."""
        now = self.clock.now()
        key, left = self.hash("hit", now.date().isoformat(), what, household(address)), end_of_hour(now) - now
        if self._budget and not box.hit(key, most, left, now):
            raise TooMany(retry_after=max(1, int(left.total_seconds())))

    # ------------------------------------------------------------ proven

    def read_claim(self, slug: str, contact: str, code: str, request: str) -> Claim:
        """Whom a contact and a typed code name. Raises Invalid for whatever of both must be corrected."""
        errors: list[FieldError] = []
        read: list[str] = []
        for reader, text in ((read_contact, contact), (read_code, code)):
            try:
                read.append(reader(text))
            except Invalid as wrong:
                errors += wrong.errors
        if errors:
            raise Invalid(errors)
        return Claim(self.voter(slug, read[0]), read[1], hash_of_request(request))

    def read_ticket(self, slug: str, ticket: str) -> Claim:
        """Whom a ticket of this poll names. Raises WrongCode."""
        try:
            if len(ticket) > LONGEST_TICKET:
                raise ValueError
            voter, request, secret = json.loads(self._tickets.open(from_text(ticket), slug.encode()))
        except ValueError:
            raise WrongCode(NO_TICKET) from None
        return Claim(voter, secret, hash_of_request(request), is_ticket=True)

    def prove(self, known: Code | None, claim: Claim) -> None:
        """The same work for a contact that never asked for a code. Raises WrongCode, LateCode."""
        keyed = self._secret_hash(claim.voter, claim.secret)
        if not hmac.compare_digest(known.hash if known else "", keyed) or known is None:
            raise WrongCode(NO_TICKET if claim.is_ticket else WRONG)
        if self.clock.now() >= known.until:
            raise LateCode(NO_TICKET if claim.is_ticket else LATE)

    def _secret_hash(self, voter: str, secret: str) -> str:
        return _keyed(self._codes, "code", voter, secret)


def _keyed(secret: bytes, *parts: str) -> str:
    return hmac.digest(secret, "\x1f".join(parts).encode("utf-8"), "sha256").hex()


def code_text(title: str, code: str) -> str:
    """The message with a code."""
    return f"[{title}] 인증번호는 {code}입니다. 5분 안에 적어 주세요. 직원은 이 번호를 묻지 않습니다."


def new_submission() -> str:
    """An id for one page's last step: the same post again is the same ballot, see envelope.repeated."""
    return secrets.token_urlsafe(16)


def hash_of_request(request: str) -> str:
    """How the id of who asked for a code is kept; "" for none."""
    return hashlib.sha256(request.encode("utf-8")).hexdigest() if request else ""


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
