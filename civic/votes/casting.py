"""Casting a vote: who may, with which code, which envelope goes into the box, and what the voter gets for it.

No web. A contact is never kept with a vote: the box knows voters by keyed hashes and ballots by sealed envelopes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from civic import korean
from civic.clock import Clock
from civic.codes import code_of, new_code, to_text
from civic.content.pages import Document, Poll, Proposal
from civic.errors import (
    Closed,
    FieldError,
    Invalid,
    NotEligible,
    NotFound,
    NotOpen,
    Refused,
    TooMany,
    UsedCode,
    WrongCode,
)
from civic.store.box import Box, Code, Copied, PollBox, Sealed
from civic.store.box_rows import fingerprint, new_message
from civic.votes.ballot import check_choices, is_ready, slot_of
from civic.votes.contact import WRONG, Claim, Derives, Proofs, of, read_code, read_contact
from civic.votes.envelope import BadEnvelope, check_envelope, ephemeral_of, receipt_of, seal
from civic.votes.slots import Slot

CODES_PER_CONTACT = 5  # an hour and poll: 25 guesses in a million
CODES_PER_ADDRESS = 300  # an hour: offices, libraries and mobile networks share addresses
CASTS_PER_ADDRESS = 600  # an hour
HOUR = timedelta(hours=1)
USED = (
    "이 인증번호로 이미 투표했습니다. 바꾸고 싶으면 새 인증번호를 받아 다시 투표하세요. 마지막 표만 셉니다."
)
USED_TICKET = "이 본인확인으로 이미 투표했습니다. 바꾸고 싶으면 본인확인을 다시 하세요. 마지막 표만 셉니다."
BY_IDENTITY = (
    "이 투표는 인증번호가 아니라 본인확인으로 합니다. 투표 화면에서 ‘본인확인하고 투표하기’를 누르세요."
)
BY_CODE = "이 투표는 연락처로 받은 인증번호로 합니다."
NO_PAPER = "본인확인기관으로 하는 투표는 종이 명부와 견줄 수 없어 종이 투표를 함께 할 수 없습니다."
NOT_READY = "투표함을 준비하고 있습니다. 조금 뒤에 다시 와 주세요."


class Pages(Protocol):
    """What polling needs of the Library."""

    def get(self, folder: str, slug: str) -> Document | None: ...

    def of(self, noun: str) -> tuple[Document, ...]: ...


class Sender(Protocol):
    """Brings a text to a contact. Raises OSError when it cannot now; ValueError when it never will."""

    def send(self, contact: str, subject: str, text: str) -> None: ...


@dataclass(frozen=True)
class Standing:
    """A poll with all that voting in it needs."""

    poll: Poll
    proposals: dict[str, Proposal]
    envelopes: Slot
    ready: bool  # its keys opened a test ballot under exactly these rules


@dataclass(frozen=True)
class Receipt:
    """What a voter gets. `tracker` only where the server sealed: a browser made its own and never told it."""

    poll: str
    rules: str
    receipt: str
    signature: str
    tracker: str = ""


@dataclass(frozen=True)
class Board:
    """All receipts after closing, sorted, and how many voters there were."""

    poll: str
    rules: str
    receipts: tuple[str, ...]
    papers: int

    @property
    def voters(self) -> int:
        """Voters in all, each once: online and on paper."""
        return len(self.receipts) + self.papers

    @property
    def digest(self) -> str:
        """SHA-256 of the receipts, one per line: to read out and write down."""
        return hashlib.sha256("\n".join(self.receipts).encode("ascii")).hexdigest()


class Polling:
    """Every poll of a library, with the boxes of one store."""

    def __init__(self, library: Pages, box: Box, keys: Derives, clock: Clock, limited: bool = True) -> None:
        """limited: False only for load tests on this machine."""
        self.library = library
        self.box = box
        self.clock = clock
        self._limited = limited
        self._proofs = Proofs(keys)
        self._signer = Ed25519PrivateKey.from_private_bytes(keys.derived("votes: receipts"))
        self._known: dict[str, Standing] = {}

    # ------------------------------------------------------------ the poll

    def standing(self, slug: str) -> Standing:
        """The poll of that name. Raises NotFound."""
        poll = self.library.get("votes", slug)
        if not isinstance(poll, Poll):
            raise NotFound("그런 투표가 없습니다.")
        known = self._known.get(slug)
        if known is None or known.poll is not poll:
            listed = [p for p in self.library.of("proposal") if isinstance(p, Proposal) and p.vote == slug]
            envelopes = slot_of(poll, listed)
            known = Standing(poll, {each.slug: each for each in listed}, envelopes, is_ready(poll, envelopes))
            self._known[slug] = known
        return known

    def state(self, standing: Standing) -> str:
        """ "upcoming" (also while the box is not ready), "open" or "closed"; opens <= now < closes."""
        now = self.clock.now()
        if now >= standing.poll.closes:
            return "closed"
        return "open" if standing.ready and now >= standing.poll.opens else "upcoming"

    def opened(self, slug: str) -> Standing:
        """The poll, if ballots are taken now. Raises NotFound, NotOpen, Closed."""
        standing = self.standing(slug)
        state = self.state(standing)
        if state == "closed":
            raise _over(standing.poll)
        if state == "upcoming":
            early = self.clock.now() < standing.poll.opens
            opens = korean.short_moment(standing.poll.opens)
            raise _saying(NotOpen(), f"투표는 {opens}에 시작합니다." if early else NOT_READY)
        return standing

    @property
    def receipt_key(self) -> str:
        """The public key that receipts are signed with: Ed25519, base64url."""
        raw = self._signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return to_text(raw)

    def check_choices(self, slug: str, choices: Sequence[str]) -> tuple[str, ...]:
        """Choices as they would be cast. Raises NotFound, NotOpen, Closed, Invalid."""
        standing = self.opened(slug)
        return check_choices(standing.poll, standing.proposals, choices)

    # ------------------------------------------------------------ codes

    def request_code(self, slug: str, contact: str, address: str = "") -> str:
        """Send a one-time code to a contact (mobile number or e-mail), by the outbox; the id of this asking.

        With that id nobody else can use up the code's tries. Says nothing of whether the contact is on the roll or
        has voted. address: of the asker, for the ceiling only. Raises NotFound, NotOpen, Closed, NotEligible (the
        poll asks an identity provider), Invalid (contact), TooMany.
        """
        standing = self.opened(slug)
        if standing.poll.assurance == 3:
            raise NotEligible(BY_IDENTITY)
        reached = read_contact(contact)
        voter = self._proofs.voter(slug, reached)
        now = self.clock.now()
        kept, code, asked = self._proofs.new_code(voter, now)
        message = new_message(self._proofs.wrap(reached, standing.poll.title, code), kept.until)
        with self.box.open(slug) as box:
            box.drop_stale(now)
            self._ceiling(box, f"code:{voter}", CODES_PER_CONTACT, now)
            if address:
                self._ceiling(box, f"codes:{self._proofs.hash('address', address)}", CODES_PER_ADDRESS, now)
            box.put_code(kept)
            if standing.poll.assurance == 1 or box.on_roll(voter):
                box.queue(message)
        return asked

    def admit(self, slug: str, issuer: str, subject: str) -> str:
        """A ticket for whom an identity provider named: with it one ballot may be cast. The name is not kept.

        Raises NotFound, NotOpen, Closed, NotEligible (the poll goes by codes).
        """
        standing = self.opened(slug)
        if standing.poll.assurance != 3:
            raise NotEligible(BY_CODE)
        now = self.clock.now()
        kept, ticket = self._proofs.new_ticket(slug, self._proofs.named(slug, issuer, subject), now)
        with self.box.open(slug) as box:
            box.drop_stale(now)
            box.put_code(kept)
        return ticket

    def deliver(self, sender: Sender) -> int:
        """Send what is due; how many went out. What cannot go now is tried again until it is worthless."""
        gone = 0
        for message in self.box.outgoing(self.clock.now()):
            if message.leased and self.clock.now() >= message.leased:
                break  # the ones before took too long: another process may have it by now
            try:
                contact, title, code = self._proofs.unwrap(message.sealed)
                sender.send(contact, f"[{title}] 인증번호", code_text(title, code))
            except OSError:
                self.box.put_off(message, self.clock.now() + timedelta(seconds=2 * 2**message.tries))
                continue
            except (ValueError, InvalidTag):
                self.box.sent(message)  # this contact or this message will never do
                continue
            self.box.sent(message)
            gone += 1
        return gone

    # ------------------------------------------------------------ casting

    def cast(
        self,
        slug: str,
        contact: str = "",
        code: str = "",
        envelope: str | None = None,
        choices: Sequence[str] | None = None,
        address: str = "",
        *,
        asked: str = "",
        ticket: str = "",
        submission: str = "",
    ) -> Receipt:
        """Put one voter's ballot into the box; the last one counts.

        envelope: sealed in the browser. choices: to be checked and sealed here at once. Exactly one of both. Who
        votes is proven by contact and code (asked: what `request_code` gave to the page) or by a ticket of `admit`.
        The same envelope with the same code again gives the same receipt; so do the same choices with the same
        `submission`, a random id of the page. What is wrong with the ballot itself is said before a try of the code
        is used up. Raises NotFound, NotOpen, Closed, Invalid, BadEnvelope, WrongCode, LateCode, UsedCode,
        NotEligible, TooMany, Unavailable.
        """
        standing = self.opened(slug)
        claim, sealed, picked = self._read(standing, contact, code, asked, ticket, envelope, choices)
        tracker = ""
        if sealed is None:
            sealed, tracker = self._seal(standing, claim.voter, picked, submission)
        with self.box.open(slug) as box:
            if address:
                key = f"casts:{self._proofs.hash('address', address)}"
                self._ceiling(box, key, CASTS_PER_ADDRESS, self.clock.now())
            known = box.take_try(claim.voter, claim.asked)
        self._prove(known, claim)
        with self.box.open(slug) as box:
            receipt = self._put(standing, box, claim, known, sealed)
        return replace(self._receipt(standing, receipt), tracker=tracker)

    def board(self, slug: str) -> Board:
        """All receipts and the number of voters. Raises NotFound, NotOpen (before closing: no count is told)."""
        standing = self.standing(slug)
        if self.clock.now() < standing.poll.closes:
            raise _saying(
                NotOpen(),
                f"접수증은 투표가 끝나는 {korean.closing(standing.poll.closes)}부터 볼 수 있습니다.",
            )
        with self.box.open(slug) as box:
            return Board(slug, standing.envelopes.rules, tuple(box.receipts()), box.papers())

    # ------------------------------------------------------------ the roll and paper ballots

    def enrol(self, slug: str, contacts: Sequence[str]) -> int:
        """Add contacts to the roll of a poll (as hashes only); how many were new. Raises NotFound, Invalid."""
        self.standing(slug)
        voters = [self._proofs.voter(slug, read_contact(contact)) for contact in contacts]
        with self.box.open(slug) as box:
            return box.enrol(voters)

    def mark_paper(self, slug: str, contact: str) -> None:
        """Note that this voter takes a paper ballot. Raises NotFound, Invalid, NotEligible (has voted already)."""
        standing = self.standing(slug)
        if standing.poll.assurance == 3:
            raise NotEligible(NO_PAPER)
        voter = self._proofs.voter(slug, read_contact(contact))
        with self.box.open(slug) as box:
            if standing.poll.assurance == 2 and not box.on_roll(voter):
                raise NotEligible("명부에 없는 사람입니다.")
            if not box.mark_paper(voter):
                raise NotEligible("이미 투표한 사람입니다. 종이와 온라인 가운데 한 번만 할 수 있습니다.")

    # ------------------------------------------------------------ inside

    def _read(
        self,
        standing: Standing,
        contact: str,
        code: str,
        asked: str,
        ticket: str,
        envelope: str | None,
        choices: Sequence[str] | None,
    ) -> tuple[Claim, bytes | None, tuple[str, ...]]:
        """(who says to vote, sealed envelope or None, choices), or Invalid with everything that must be corrected."""
        poll = standing.poll
        if (envelope is None) == (choices is None):
            raise Invalid([FieldError("choices", "고른 제안을 보내 주세요.")])
        if bool(ticket) != (poll.assurance == 3):
            raise NotEligible(BY_CODE if ticket else BY_IDENTITY)
        errors: list[FieldError] = []
        reached = typed = ""
        if not ticket:
            try:
                reached = read_contact(contact)
            except Invalid as wrong:
                errors += wrong.errors
            try:
                typed = read_code(code)
            except Invalid as wrong:
                errors += wrong.errors
        sealed: bytes | None = None
        picked: tuple[str, ...] = ()
        try:
            if envelope is not None:
                sealed = check_envelope(envelope, standing.envelopes)
            else:
                picked = check_choices(poll, standing.proposals, choices or ())
        except Invalid as wrong:
            if not errors:
                raise
            errors += wrong.errors
        if errors:
            raise Invalid(errors)
        if ticket:
            return self._proofs.read_ticket(poll.slug, ticket), sealed, picked
        return Claim(self._proofs.voter(poll.slug, reached), typed, of(asked)), sealed, picked

    def _seal(
        self, standing: Standing, voter: str, picked: tuple[str, ...], submission: str
    ) -> tuple[bytes, str]:
        """(envelope, tracker) of choices; the same for the same submission of the same voter."""
        again = self._proofs.repeatable(submission, voter, standing.envelopes.rules, picked)
        if again is None:
            tracker = new_code()
            return seal(picked, standing.envelopes, tracker), tracker
        key, number = again
        tracker = code_of(number)
        return seal(picked, standing.envelopes, tracker, key), tracker

    def _prove(self, known: Code | None, claim: Claim) -> None:
        """Outside any transaction: it is slow on purpose."""
        self._proofs.prove(known, claim, self.clock.now())

    def _put(
        self, standing: Standing, box: PollBox, claim: Claim, proven: Code | None, envelope: bytes
    ) -> str:
        if self.clock.now() >= standing.poll.closes or box.state() != "open":
            raise _over(standing.poll)
        voter = claim.voter
        now_kept = box.code(voter, proven.asked) if proven else None
        if now_kept is None or proven is None or now_kept.hash != proven.hash:
            raise WrongCode(WRONG)  # it was dropped meanwhile
        receipt = receipt_of(envelope)
        if now_kept.receipt == receipt:
            return receipt  # the same post again: a lost answer, an impatient finger
        if now_kept.receipt:
            raise UsedCode(USED_TICKET if claim.is_ticket else USED)
        if standing.poll.assurance == 2 and not box.on_roll(voter):
            raise NotEligible("이 투표의 명부에 없는 연락처입니다.")
        if box.is_paper(voter):
            raise NotEligible("종이로 투표한 분입니다. 종이와 온라인 가운데 한 번만 할 수 있습니다.")
        try:
            box.put(Sealed(voter, envelope, receipt, fingerprint(ephemeral_of(envelope))))
        except Copied:
            raise BadEnvelope("copied") from None
        box.use_code(now_kept, receipt)
        return receipt

    def _receipt(self, standing: Standing, receipt: str) -> Receipt:
        rules = standing.envelopes.rules
        signature = self._signer.sign(signed_text(standing.poll.slug, rules, receipt))
        return Receipt(standing.poll.slug, rules, receipt, to_text(signature))

    def _ceiling(self, box: PollBox, key: str, most: int, now: datetime) -> None:
        if self._limited and not box.hit(key, most, HOUR, now):
            raise TooMany(retry_after=int(HOUR.total_seconds()))


def signed_text(poll: str, rules: str, receipt: str) -> bytes:
    """What a receipt's signature covers (docs/voting.md)."""
    return f"madang receipt 1\n{poll}\n{rules}\n{receipt}".encode()


def code_text(title: str, code: str) -> str:
    """The message with a code."""
    return f"[{title}] 인증번호는 {code}입니다. 5분 안에 적어 주세요. 직원은 이 번호를 묻지 않습니다."


R = TypeVar("R", bound=Refused)


def _saying(refusal: R, detail: str) -> R:
    """The refusal in the words of a vote: its own speak of sign-ups."""
    refusal.detail = detail
    return refusal


def _over(poll: Poll) -> Closed:
    return _saying(Closed(), f"투표는 {korean.closing(poll.closes)}에 끝났습니다.")
