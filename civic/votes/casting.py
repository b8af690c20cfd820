"""Casting a vote: when, by whom, which envelope goes into the box, and what the voter gets for it.

No web. A contact is never kept with a vote: the box knows voters by keyed hashes and ballots by sealed envelopes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from civic import errors, korean
from civic.clock import Clock
from civic.codes import to_text
from civic.contacts.budget import USUAL, Budget
from civic.contacts.proof import WRONG, Claim, read_contact
from civic.content.pages import Pages
from civic.content.poll import Poll, Proposal, candidates
from civic.errors import FieldError, Invalid, NotEligible
from civic.store.box import Code, Copied, PollBox, Sealed, fingerprint
from civic.store.boxes import Box
from civic.store.seal import Keys
from civic.votes.ballot import Ballot, check_choices
from civic.votes.box_key import receipt_signer, signed_words
from civic.votes.contact import Codes, Post, contacts_in
from civic.votes.envelope import BadEnvelope, Slot, ephemeral_of, receipt_of, repeated, seal, slot_of
from civic.votes.light import Vault

CASTS_PER_ADDRESS = 600  # an hour
USED = (
    "이 인증번호로 이미 투표했습니다. 바꾸고 싶으면 새 인증번호를 받아 다시 투표하세요. 마지막 표만 셉니다."
)
USED_TICKET = "이 본인확인으로 이미 투표했습니다. 바꾸고 싶으면 본인확인을 다시 하세요. 마지막 표만 셉니다."
NO_PAPER = "본인확인기관으로 하는 투표와 가벼운 투표는 종이 투표를 함께 할 수 없습니다."
OTHER_CONTACT = "명부에 함께 적힌 다른 연락처로 이미 투표했습니다. 바꾸고 싶으면 그 연락처로 다시 투표하세요."
NOT_READY = "투표함을 준비하고 있습니다. 조금 뒤에 다시 와 주세요."


@dataclass(frozen=True)
class PollSetup:
    """A poll with all that voting in it needs."""

    poll: Poll
    proposals: dict[str, Proposal]
    slot: Slot


@dataclass(frozen=True)
class Receipt:
    """What a voter gets. `tracker` only where the server sealed: a browser made its own and never told it."""

    rules: str
    receipt: str
    signature: str
    tracker: str = ""


class Polling:
    """Every poll of a library, with the boxes of one store."""

    def __init__(
        self,
        library: Pages,
        box: Box,
        keys: Keys,
        clock: Clock,
        budget: Budget | None = USUAL,
        can_send: bool = True,
        demo: bool = False,
        vault: Vault | None = None,
    ) -> None:
        """budget: of messages with codes; None, without any ceiling, only for load tests on this machine.

        can_send: without, no poll that needs a code opens. demo: receipts are signed with the demonstration's key.
        vault: seals the ballots of light polls; without, none opens.
        """
        self.library = library
        self.box = box
        self.clock = clock
        self._can_send, self.vault = can_send, vault
        self.codes = Codes(keys, box, clock, budget)
        self._signer = receipt_signer(None if demo else keys)
        self._repeat = keys.derived("votes: same post")
        self._setups: dict[str, PollSetup] = {}

    def setup(self, slug: str) -> PollSetup:
        """The poll of that name. Raises NotFound."""
        poll = self.library.get("votes", slug)
        if not isinstance(poll, Poll):
            raise errors.NotFound("그런 투표가 없습니다.")
        known = self._setups.get(slug)
        if known is None or known.poll is not poll:
            listed = [*poll.as_proposals] or candidates(self.library.of("proposal"), slug)
            proposals = {each.slug: each for each in listed}
            known = self._setups[slug] = PollSetup(poll, proposals, slot_of(poll, listed))
        return known

    def state(self, setup: PollSetup) -> str:
        """ "upcoming" (also while the box is not ready), "open" or "closed"; opens <= now < closes."""
        now, poll = self.clock.now(), setup.poll
        if now >= poll.closes:
            return "closed"
        # Receipts by another key than the rules name could not be checked.
        can_keep = self.vault is not None if poll.options else poll.receipt_key == self.receipt_key
        can_prove = self._can_send or poll.assurance == 3
        return "open" if setup.slot.ready and can_keep and can_prove and now >= poll.opens else "upcoming"

    def opened(self, slug: str) -> PollSetup:
        """The poll, if ballots are taken now. Raises NotFound, NotOpen, Closed."""
        setup, now = self.setup(slug), self.clock.now()
        state = self.state(setup)
        if state == "closed":
            raise over(setup.poll, now)
        if state == "upcoming":
            said = f"투표는 {korean.short_moment(setup.poll.opens, now)}에 시작합니다."
            raise errors.NotOpen(detail=said if now < setup.poll.opens else NOT_READY)
        return setup

    @property
    def receipt_key(self) -> str:
        """The public key that receipts are signed with: Ed25519, base64url."""
        return to_text(self._signer.public_key().public_bytes_raw())

    def enrol(self, slug: str, lines: Sequence[str]) -> int:
        """Add people to a poll's roll (hashes only), each a line of contacts; how many were new. Raises NotFound, Invalid."""
        self.setup(slug)
        people = [[self.codes.voter(slug, each) for each in contacts_in(line)] for line in lines]
        with self.box.open(slug) as box:
            return box.enrol(people)

    def mark_paper(self, slug: str, contact: str) -> None:
        """Note that this voter takes a paper ballot. Raises NotFound, Invalid, NotEligible (has voted already)."""
        setup = self.setup(slug)
        if setup.poll.assurance == 3 or setup.poll.options:
            raise NotEligible(NO_PAPER)
        voter = self.codes.voter(slug, read_contact(contact))
        with self.box.open(slug) as box:
            if setup.poll.assurance == 2 and not box.on_roll(voter):
                raise NotEligible("명부에 없는 사람입니다.")
            if not box.mark_paper(voter):
                raise NotEligible("이미 투표한 사람입니다. 종이와 온라인 가운데 한 번만 할 수 있습니다.")

    def cast(self, slug: str, post: Post, address: str = "") -> Receipt:
        """Put one voter's ballot into the box; the last one counts.

        The same envelope with the same code again gives the same receipt; so do the same choices with the same
        `submission`. What is wrong with the ballot itself is said before a try of the code is used up. Raises NotFound,
        NotOpen, Closed, Invalid, BadEnvelope, WrongCode, LateCode, UsedCode, NotEligible, TooMany, Unavailable.
        """
        setup = self.opened(slug)
        claim, envelope = self._read(setup, post)
        with self.box.open(slug) as box:
            if address:
                self.codes.limit(box, "casts", address, CASTS_PER_ADDRESS)
            known = box.take_try(claim.owner, claim.request_hash)
        # Outside the transaction: a wrong code uses up its try all the same.
        proven = self.codes.prove(known, claim)
        sealed, tracker = self._sealed(setup, claim.owner, post, envelope)
        with self.box.open(slug) as box:
            receipt = self._put(setup, box, claim, proven, sealed)
        signature = self._signer.sign(signed_words("receipt", slug, setup.slot.rules, receipt))
        return Receipt(setup.slot.rules, receipt, to_text(signature), tracker)

    def board(self, slug: str) -> tuple[list[str], int]:
        """All receipts, sorted, and how many took a paper ballot. Raises NotFound, NotOpen (before closing: no count is told)."""
        setup = self.setup(slug)
        if self.clock.now() < setup.poll.closes:
            closes = korean.closing(setup.poll.closes, self.clock.now())
            raise errors.NotOpen(detail=f"접수증은 투표가 끝나는 {closes}부터 볼 수 있습니다.")
        with self.box.open(slug) as box:
            return box.receipts(), box.papers()

    def _read(self, setup: PollSetup, post: Post) -> tuple[Claim, bytes | None]:
        """(who says to vote, sealed envelope or None), or Invalid with everything that must be corrected."""
        envelope, bad = None, None
        try:
            if (post.envelope is None) == (post.choices is None):
                raise Invalid([FieldError("choices", "고른 것을 보내 주세요.")])
            if post.envelope is not None and setup.poll.options:
                raise BadEnvelope("format")  # nobody could open it
            if post.envelope is not None:
                envelope = setup.slot.check(post.envelope)
            else:
                check_choices(setup.poll, setup.proposals, post.choices or ())
        except Invalid as refusal:
            if post.ticket:
                raise
            bad = refusal
        try:
            claim = self.codes.read_post(setup.poll, post)
        except Invalid as refusal:
            raise Invalid([*refusal.errors, *bad.errors]) if bad else refusal from None
        if bad:
            raise bad
        return claim, envelope

    def _sealed(self, setup: PollSetup, voter: str, post: Post, envelope: bytes | None) -> tuple[Sealed, str]:
        """What the box keeps of this ballot, and the tracker where it was sealed here."""
        poll, tracker, choices = setup.poll, "", tuple(post.choices or ())
        if envelope is None:
            tracker, key = repeated(self._repeat, post.submission, voter, setup.slot.rules, choices)
            if poll.options and self.vault:
                receipt = receipt_of(tracker.encode())
                light = self.vault.seal(poll.slug, receipt, Ballot(tracker, choices))
                return Sealed(voter, light, receipt, fingerprint(tracker.encode())), tracker
            envelope = seal(choices, setup.slot, tracker, key)
        return Sealed(voter, envelope, receipt_of(envelope), fingerprint(ephemeral_of(envelope))), tracker

    def _put(self, setup: PollSetup, box: PollBox, claim: Claim, proven: Code, sealed: Sealed) -> str:
        if self.clock.now() >= setup.poll.closes or box.state() != "open":
            raise over(setup.poll, self.clock.now())
        voter = claim.owner
        kept = box.code(voter, proven.asked)
        if kept is None or kept.hash != proven.hash:
            raise errors.WrongCode(WRONG)  # it was dropped meanwhile
        receipt = sealed.receipt
        if kept.receipt == receipt:
            return receipt  # the same post again: a lost answer, an impatient finger
        if kept.receipt:
            raise errors.UsedCode(USED if claim.is_typed else USED_TICKET)
        if setup.poll.assurance == 2 and not box.on_roll(voter):
            raise NotEligible("이 투표의 명부에 없는 연락처입니다.")
        if setup.poll.assurance == 2 and box.has_voted(voter, by_another=True):
            raise NotEligible(OTHER_CONTACT)
        if box.is_paper(voter):
            raise NotEligible("종이로 투표한 분입니다. 종이와 온라인 가운데 한 번만 할 수 있습니다.")
        try:
            box.put(sealed)
        except Copied:
            raise BadEnvelope("copied") from None
        box.use_code(kept, receipt)
        return receipt


def over(poll: Poll, now: datetime) -> errors.Closed:
    """The refusal once the poll is over."""
    return errors.Closed(why=f"투표는 {korean.closing(poll.closes, now)}에 끝났습니다.")
