"""A poll with all that voting in it needs, and refusals in the words of a vote. No store, no web."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from civic import korean
from civic.content.pages import Pages
from civic.content.poll import Poll, Proposal, candidates
from civic.errors import Closed, Refused
from civic.votes.envelope import Slot, slot_of


@dataclass(frozen=True)
class PollSetup:
    """A poll with all that voting in it needs."""

    poll: Poll
    proposals: dict[str, Proposal]
    slot: Slot
    ready: bool  # rehearsed under exactly these rules, which name this server's receipt key


def is_ready(poll: Poll, slot: Slot) -> bool:
    """Did all key holders open a test ballot under exactly these rules? Before that nothing is cast."""
    if poll.options:
        return True  # sealed under the store's data key: nothing to rehearse
    enough = poll.receipt_key and len(poll.keys) >= poll.keys_needed
    return bool(enough and poll.rehearsed and poll.rehearsed.rules == slot.rules)


def setup_of(poll: Poll, library: Pages, receipt_key: str) -> PollSetup:
    """receipt_key: the one that this server signs with; another one in the rules could not be checked."""
    listed = [*poll.as_proposals] or candidates(library.of("proposal"), poll.slug)
    slot = slot_of(poll, listed)
    ready = is_ready(poll, slot) and (bool(poll.options) or poll.receipt_key == receipt_key)
    return PollSetup(poll, {p.slug: p for p in listed}, slot, ready)


R = TypeVar("R", bound=Refused)


def saying(refusal: R, detail: str) -> R:
    """The refusal in the words of a vote: its own speak of sign-ups."""
    refusal.detail = detail
    return refusal


def over(poll: Poll, now: datetime) -> Closed:
    return saying(Closed(), f"투표는 {korean.closing(poll.closes, now)}에 끝났습니다.")
