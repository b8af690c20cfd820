"""Who votes: proven by a code to a contact, or by an identity provider's word. No web.

A voter is a keyed hash, another one in each poll. A ticket of a poll follows a provider's word and is no secret to type:
it is sealed text. Neither a contact nor a provider's name for a person is kept.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from civic.clock import Clock
from civic.codes import from_text, to_text
from civic.contacts import proof
from civic.contacts.budget import Budget
from civic.content.poll import Poll
from civic.errors import NotEligible, WrongCode
from civic.store.box import Ticket
from civic.store.boxes import Box
from civic.store.seal import Keys, Sealer

TICKET_LIFE = timedelta(minutes=30)  # to read and pick after the provider's word
IN_HAND = timedelta(minutes=10)  # for a page that was given a ticket because its browser had proven a phone
TICKET_TRIES = 50  # nobody can guess one; this only ends a loop
LONGEST_TICKET = 600
NO_TICKET = "본인확인이나 휴대전화 인증이 확인되지 않았거나 시간이 지났습니다. 다시 해 주세요."
BY_IDENTITY = (
    "이 투표는 인증번호가 아니라 본인확인으로 합니다. 투표 화면에서 ‘본인확인하고 투표하기’를 누르세요."
)
BY_CODE = "이 투표는 연락처로 받은 인증번호로 합니다."


@dataclass(frozen=True)
class Post:
    """What a voter sends; "" for what is not there.

    Exactly one of envelope (sealed in the browser) and choices (checked and sealed here). request: the id that came with
    the code; submission: a random one of the page. ticket: of `Codes.new_ticket` or `Codes.from_phone`, instead of a code.
    """

    contact: str = ""
    code: str = ""
    envelope: str | None = None
    choices: Sequence[str] | None = None
    request: str = ""
    ticket: str = ""
    submission: str = ""


class Codes(proof.Contacts):
    """The contacts' proofs, and those of polls: codes and tickets that lie with their poll, and end with it."""

    def __init__(self, keys: Keys, box: Box, clock: Clock, budget: Budget | None) -> None:
        super().__init__(keys, box, clock, budget)
        self._tickets = Sealer(keys.derived("votes: tickets"))

    def voter(self, slug: str, contact: str) -> str:
        """Poll by poll another hash: nobody can follow a voter from one poll to the next."""
        return self.hash("voter", slug, self.key(contact))

    def send(self, poll: Poll, contact: str, address: str = "") -> proof.Asked:
        """Send a one-time code to a contact, by the outbox; with the id of this request.

        With that id nobody else can use up the code's tries. Says nothing of whether the contact is on the roll or has
        voted. address: of the asker, for the ceiling only. Raises NotEligible (the poll asks an identity provider),
        Invalid (contact), TooMany, OutOfTexts.
        """
        if poll.assurance == 3:
            raise NotEligible(BY_IDENTITY)
        reached = self.read(contact, phone_only=poll.assurance == 1)
        voter, place = self.voter(poll.slug, reached), f"votes/{poll.slug}"
        on_roll = poll.assurance != 1
        return self._send(poll.slug, voter, reached, poll.title, place, address, on_roll)

    def new_ticket(self, poll: Poll, issuer: str, subject: str) -> str:
        """Sealed text that lets whom a provider named cast one ballot; the name is not kept. Raises NotEligible (by codes)."""
        if poll.assurance != 3:
            raise NotEligible(BY_CODE)
        voter = self.hash("named", poll.slug, issuer, subject)  # never the same as any contact's
        return self._poll_ticket(poll, voter, self.clock.now() + TICKET_LIFE)

    def from_phone(self, poll: Poll, proven: Ticket, life: timedelta) -> str:
        """The same for the browser that has just proven a phone; "" when the poll asks a provider, or the proof would be
        too old before the ticket's end.

        life: how long the voter may take; its end is counted from now. So neither the browser's own ticket nor a time that
        both share tells where it was used.
        """
        now = self.clock.now()
        if poll.assurance == 3 or now + life >= proven.fresh:
            return ""
        voter = self.hash("voter", poll.slug, proven.contact)
        return self._poll_ticket(poll, voter, now + (life or proof.CODE_LIFE))

    def _poll_ticket(self, poll: Poll, voter: str, until: datetime) -> str:
        secret = secrets.token_urlsafe(16)
        with self.box.open(poll.slug) as box:
            request = self._keep(box, voter, secret, until, TICKET_TRIES)
        return to_text(self._tickets.seal(json.dumps([voter, request, secret]).encode(), poll.slug.encode()))

    def read_post(self, poll: Poll, post: Post) -> proof.Claim:
        """Whom a contact and a typed code name in this poll, or its ticket. Raises Invalid, WrongCode, NotEligible."""
        if not post.ticket and poll.assurance == 3:
            raise NotEligible(BY_IDENTITY)
        if not post.ticket:
            return self.read_claim(partial(self.voter, poll.slug), post.contact, post.code, post.request)
        try:
            if len(post.ticket) > LONGEST_TICKET:
                raise ValueError
            sealed = self._tickets.open(from_text(post.ticket), poll.slug.encode())
            voter, request, secret = json.loads(sealed)
        except ValueError:
            raise WrongCode(NO_TICKET) from None
        return proof.Claim(voter, secret, proof.hash_of_request(request), False, NO_TICKET, NO_TICKET)


def contacts_in(line: str) -> list[str]:
    """The contacts of one person as a line of the roll has them, with commas between. Raises Invalid."""
    return [proof.read_contact(each) for each in line.split(",") if each.strip()] or [proof.read_contact("")]


def new_submission() -> str:
    """An id for one page's last step: the same post again is the same ballot, see envelope.repeated."""
    return secrets.token_urlsafe(16)
