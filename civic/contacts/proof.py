"""A contact and its proof: a one-time code that is sent to it, a ticket that the browser keeps. No web, no forms, no polls.

A code goes to a contact and belongs to the one who asked for it (`request`, a random id that only their page has), so
that nobody else can use up its tries. It serves one purpose. A ticket is 256 random bits: whoever holds it has proven the
contact and need not do so again before its end. Kept are keyed hashes whose key is not in the store, never a code, a
ticket or a contact: without the key no guess can be tried, with it five. Nothing here is slow.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from civic import people
from civic.clock import Clock
from civic.contacts.budget import Budget, end_of_hour, household
from civic.errors import FieldError, Invalid, LateCode, TooMany, Unavailable, UsedCode, WrongCode
from civic.korean import fitting
from civic.people import keyed_hash
from civic.store.box import Code, PollBox, Ticket
from civic.store.boxes import Box
from civic.store.outbox import Letter, Parcel, PutOff, Sender
from civic.store.seal import Keys, Sealer

PLACE = ""  # of codes that prove a contact for whatever it is needed; those of a poll lie with the poll
CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
TICKET_LIFE, OWN_LIFE = timedelta(hours=2), timedelta(days=30)  # the longer on a device of one's own
FRESH = timedelta(minutes=30)  # so old a proof may be where something is given up
TEXT = "[{}] 인증번호는 {}입니다. 5분 안에 적어 주세요. 직원은 이 번호를 묻지 않습니다."
WRONG = "인증번호가 맞지 않습니다. 다섯 번 틀리면 새 인증번호를 받아야 합니다."
LATE = "인증번호의 시간(5분)이 지났습니다. 새 인증번호를 받아 주세요."
USED = "이미 쓴 인증번호입니다. 새 인증번호를 받아 주세요."


@dataclass(frozen=True)
class Claim:
    """Who says to be somebody, and by what: a typed code, or a secret that nobody types."""

    owner: str  # keyed hash
    secret: str
    request_hash: str  # of the id of who asked for it; "" when the sender does not know it
    is_typed: bool = True
    wrong: str = WRONG  # what is said where the secret is another one
    late: str = LATE  # or its time is over


@dataclass(frozen=True)
class Asked:
    """A code is on its way."""

    request: str  # for the page that asked, and for no one else
    is_low: bool  # little is left of a budget
    code: str = field(repr=False)  # for a demonstration's page


class Contacts:
    """Codes and tickets: made, kept, rationed, sent by the outbox, and proven."""

    def __init__(self, keys: Keys, box: Box, clock: Clock, budget: Budget | None) -> None:
        """budget: None has no ceilings at all."""
        self.box = box
        self.clock = clock
        self._budget = budget
        self._keys = keys.derived("contacts")
        self._hashes = keys.derived("votes: voters")
        self._codes = keys.derived("votes: codes")
        self._post = Sealer(keys.derived("votes: outgoing"))

    def key(self, contact: str) -> str:
        """What stands for a contact in its one spelling, wherever it is kept: see `contact_key`."""
        return keyed_hash(self._keys, contact)

    def hash(self, *parts: str) -> str:
        """HMAC-SHA-256, hex; what the parts are apart from each other stays apart."""
        return keyed_hash(self._hashes, *parts)

    def ask(self, contact: str, title: str, place: str, address: str = "") -> Asked:
        """Send a code that proves a mobile number, by the outbox.

        title: said in the message. place: what it is asked for, address: of who asks; both for the budget only. Raises
        Invalid (contact), TooMany, OutOfTexts.
        """
        reached = self.read(contact, phone_only=True)
        return self._send(PLACE, self.key(reached), reached, title, place, address)

    def read(self, contact: str, phone_only: bool) -> str:
        """A contact in its one spelling. Raises Invalid where it is none, or nothing is sent to its country.

        phone_only: an address of mail costs nothing, so that one person could be as many as they like.
        """
        reached = read_contact(contact)
        if phone_only and "@" in reached:
            raise Invalid([FieldError("contact", people.PHONE_MESSAGE)])
        if self._budget:
            self._budget.check_country(reached)
        return reached

    def _send(
        self,
        place: str,
        owner: str,
        reached: str,
        title: str,
        budget: str,
        address: str,
        on_roll: bool = False,
    ) -> Asked:
        """budget: the name under which the message is counted. on_roll: to others it is not sent, only kept."""
        now, is_low = self.clock.now(), False
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        sealed = self._post.seal(json.dumps([reached, title, code]).encode())
        with self.box.open(place) as box:
            if self._budget:
                is_low = self._budget.spend(box, self.hash, budget, reached, address, now)
            request = self._keep(box, owner, code, now + CODE_LIFE, CODE_TRIES, CODE_TRIES)
            if not on_roll or box.on_roll(owner):
                box.queue(sealed, now + CODE_LIFE)
        return Asked(request, is_low, code)

    def _keep(self, box: PollBox, owner: str, secret: str, until: datetime, tries: int, bare: int = 0) -> str:
        """The id of who asked."""
        request = secrets.token_urlsafe(16)
        hash, asked = keyed_hash(self._codes, "code", owner, secret), hash_of_request(request)
        box.drop_stale(self.clock.now())
        box.put_code(Code(owner, hash, until, tries, asked=asked, bare=bare))
        return request

    def deliver(self, sender: Sender) -> int:
        """Send what is due; how many codes were looked at. What cannot go now is tried again until it is worthless."""

        def send(parcel: Parcel) -> PutOff | None:
            sealed, until = parcel.row
            if self.clock.now().timestamp() < until:
                with suppress(ValueError, Invalid):  # this contact or this message will never do
                    contact, title, code = json.loads(self._post.open(bytes(sealed)))
                    said = TEXT.format(fitting(title, TEXT.format("", code)), code)
                    try:
                        sender.send(contact, Letter(f"[{title}] 인증번호", said, "code", parcel.id))
                    except (OSError, Unavailable):
                        return PutOff()
            return None

        return self.box.outbox.deliver(self.clock, send)

    def limit(self, box: PollBox, what: str, address: str, most: int) -> None:
        """Count one more act of this household in this hour. Raises TooMany over `most`."""
        now = self.clock.now()
        key, left = self.hash("hit", now.date().isoformat(), what, household(address)), end_of_hour(now) - now
        if self._budget and not box.hit(key, most, left, now):
            raise TooMany(retry_after=max(1, int(left.total_seconds())))

    def prove_by_code(self, contact: str, code: str, request: str, purpose: str) -> str:
        """The key of a contact whose code that is. For its purpose a code is right again and again, for no other.

        request: what `ask` gave to the page. purpose: any text. Raises Invalid, WrongCode, LateCode, UsedCode.
        """
        claim = self.read_claim(self.key, contact, code, request)
        refusal: WrongCode | None = None
        with self.box.open(PLACE) as box:
            try:
                proven = self.prove(box.take_try(claim.owner, claim.request_hash), claim)
                if proven.receipt not in ("", purpose):
                    raise UsedCode(USED)
                box.use_code(proven, purpose)
            except WrongCode as wrong:
                refusal = wrong  # the block ends well: the try is used up
        if refusal:
            raise refusal
        return claim.owner

    def read_claim(self, owner: Callable[[str], str], contact: str, code: str, request: str) -> Claim:
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
        return Claim(owner(read[0]), read[1], hash_of_request(request))

    def prove(self, known: Code | None, claim: Claim) -> Code:
        """The known code, which the claim names. The same work for a contact that never asked for one. Raises WrongCode, LateCode."""
        keyed = keyed_hash(self._codes, "code", claim.owner, claim.secret)
        if not hmac.compare_digest(known.hash if known else "", keyed) or known is None:
            raise WrongCode(claim.wrong)
        if self.clock.now() >= known.until:
            raise LateCode(claim.late)
        return known

    def give_ticket(self, contact: str, code: str, request: str, is_own: bool = False) -> str:
        """A ticket for whoever proves a contact: a secret for their browser. Raises as `prove_by_code`.

        is_own: they say that the device is theirs.
        """
        key, now = self.prove_by_code(contact, code, request, "ticket"), self.clock.now()
        secret = secrets.token_urlsafe(32)
        ticket = Ticket(_digest(secret), key, now + (OWN_LIFE if is_own else TICKET_LIFE), now + FRESH)
        with self.box.open(PLACE) as box:
            box.drop_stale(now)
            box.keep_ticket(ticket)
        return secret

    def ticket(self, secret: str) -> Ticket | None:
        """The ticket of a secret while it lasts, or None."""
        found = self.box.ticket(_digest(secret)) if secret else None
        return found if found and self.clock.now() < found.until else None

    def forget_ticket(self, secret: str) -> None:
        """End a ticket; nothing happens where there is none."""
        with self.box.open(PLACE) as box:
            box.drop_ticket(_digest(secret))


def contact_key(keys: Keys, contact: str) -> str:
    """The keyed hash of a contact in its one spelling, the same on an entry and on a ticket."""
    return keyed_hash(keys.derived("contacts"), contact)


def hash_of_request(request: str) -> str:
    """How the id of who asked for a code is kept; "" for none."""
    return _digest(request) if request else ""


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
