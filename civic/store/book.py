"""What every store can do. Decisions that need a count or a unique name are made in here, and only here.

with store.open("lectures/essay") as book:
    entry = book.add(entry, seats, caps)
# here it is durable; an exception inside the block leaves nothing behind
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from civic.store.entry import Cap, Counts, Entry, Seat

# What can be fixed about a round: a line of the journal without a number, `before` the round, `cause` the text.
# "closed:<time>" is a closing time that was seen to pass; staff may still put a later one into the page.
# "clock:<n>" is no round's but the whole store's: which clock its servers keep (forms_api/clock_mark.py);
# "keys:<name>" too: the fingerprint of a key that seals here (key_file.py).
# "forgotten:<n>" says that nothing leads to a person any more of whose answers the n-th key was destroyed.
# "kept:<when it was noticed>" is until when answers are kept; the latest counts.
# "accepted:<time>" is why staff let a page be changed against what its people were promised; of no round.
FACTS = ("closed", "frozen", "drawn", "called-off", "clock", "kept", "keys", "accepted", "forgotten")


def is_fact(name: str) -> bool:
    """Is that a name under which something is fixed?"""
    return name.partition(":")[0] in FACTS


class NumberTaken(Exception):
    """Another entry has this receipt number (once in a million): make a new one, seal again, add again."""


class KeyGone(NumberTaken):
    """The data key with which the entry was sealed was destroyed meanwhile: seal again, add again."""


@dataclass(frozen=True)
class Change:
    """One line of the journal: which entry went from which state to which, why, when, by whose hand."""

    subject: str
    number: str
    before: str  # "" for a new entry
    after: str
    cause: str  # as in Entry.cause
    who: str  # as given to `open`: "citizen", "staff:<id>", "clock" …; never a name or phone
    at: datetime


@dataclass(frozen=True)
class Message:
    """Something a person is to be told, kept in the same transaction as its reason."""

    id: int
    kind: str  # "promoted", "offer", "cancelled", …
    subject: str
    number: str  # the entry; its address is sealed in there
    due: datetime


@dataclass
class Overview:
    """What is known of a subject without its entries: counts per round, facts per round."""

    counts: dict[str, Counts] = field(default_factory=dict)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)


class Book(Protocol):
    """The entries of one subject inside one transaction."""

    subject: str

    def get(self, number: str) -> Entry | None:
        """The entry of that receipt number in this subject, or None."""
        ...

    def repeated(self, submission: str, person: str) -> Entry | None:
        """The entry that this person sent with this submission id, as it stands now, or None."""
        ...

    def add(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap] = ()) -> Entry:
        """Keep a new entry in the first of `seats` that has room, and count it against every cap.

        Returns the entry as kept: with its state and rank (1, 2, 3 … per round). An entry with the same
        submission is returned as it stands now and nothing is added: retries are safe. Checks, in this order:
        NumberTaken (KeyGone comes last); Invalid (the submission was used for another person, subject or round); AlreadyApplied (a live
        entry of this person in this round); Closed (called off); Full; LimitReached (with the cap's message).
        """
        ...

    def move(self, entry: Entry, amounts: Mapping[str, int] | None = None, noted: str = "") -> Entry:
        """Replace an entry by its successor (`entry.moved(…)`, or another rank after a draw).

        noted: what the journal says, else the entry's cause. amounts: what it uses up of its caps from now on, by key (hours worked instead of hours reserved).
        Counts and caps follow its state; the journal gets a line. Places are not checked: a promotion counts
        first. Raises NotFound (no such entry in this subject), AlreadyApplied (back to life while
        the person has another live entry in the round).
        """
        ...

    def counts(self, round: str) -> Counts:
        """People in the round now; all zero when nobody has applied."""
        ...

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        """Those who wait, first in line (lowest rank) first; at most `most` of them."""
        ...

    def offers(self, round: str) -> list[Entry]:
        """Those to whom a place is offered, by rank."""
        ...

    def fix(self, round: str, fact: str, text: str, at: datetime) -> str:
        """Keep a fact about a round for good, in the journal: the first one of its name counts and is returned.

        fact: "closed", "closed:<time>", "frozen", "drawn", "called-off" or "kept:<time>" (FACTS).
        """
        ...

    def fixed(self, round: str) -> dict[str, str]:
        """The facts about a round: name -> text."""
        ...

    def position(self, entry: Entry) -> int | None:
        """1 for the first in line (entries, not people); None when the entry does not wait."""
        ...

    def entries(self, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        """Entries of the subject (or one round; or only in these states), by round and rank."""
        ...

    def used(self, person: str, key: str) -> int:
        """How much of a cap this person has used up, over all subjects; 0 when nothing."""
        ...

    def tell(self, kind: str, number: str, due: datetime) -> None:
        """Keep a message to send, in the same transaction."""
        ...


class Chain(Protocol):
    """What staff did, line by line, each sealed together with the one before (civic/store/staff_log.py)."""

    def append(self, line: Mapping[str, Any]) -> str: ...

    def lines(self) -> Iterator[tuple[int, dict[str, Any], str]]: ...

    def fault(self) -> tuple[int, str] | None: ...


class Promises(Protocol):
    """What of the content people rely on, as it was accepted: a text for each subject."""

    def all(self) -> dict[str, str]:
        """Subject -> text; empty before anything was accepted."""
        ...

    def keep(self, texts: Mapping[str, str]) -> None:
        """Accept these texts in place of those that there are, all or none, inside an open block with it.

        Raises Unavailable.
        """
        ...


class Store(Protocol):
    """A place that keeps entries; `open` gives one transaction."""

    @property
    def trouble(self) -> str:
        """ "" where something can be kept now (it is tried, and may take as long as a sign-up waits); otherwise what is
        wrong and what staff must do, in Korean."""
        ...

    def open(self, subject: str, who: str = "") -> AbstractContextManager[Book]:
        """A transaction on one subject. Raises Unavailable when the store cannot answer.

        who: the hand that acts, for the journal. One at a time per thread; nothing slow inside.
        """
        ...

    def find(self, number: str) -> Entry | None:
        """The durable entry of a receipt number in any subject, or None."""
        ...

    def of_contact(self, contact: str) -> list[Entry]:
        """The durable entries of a contact (keyed hash) in all subjects, newest first."""
        ...

    def counts(self, subject: str) -> dict[str, Counts]:
        """Durable counts per round, cheap: read by every status request, outside any transaction."""
        ...

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        """The facts about each round of a subject, cheap: round -> name -> text. May be a second old."""
        ...

    def overview(self) -> dict[str, Overview]:
        """Counts and facts of every subject that has any, in one question."""
        ...

    def subjects(self) -> list[str]:
        """Every subject that has entries, sorted."""
        ...

    def entries(self, subject: str, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        """As `Book.entries`, of one moment and to be shown, not decided by: no sign-up waits for it."""
        ...

    def history(self, number: str) -> list[Change]:
        """What happened to an entry, oldest first."""
        ...

    def messages(self, now: datetime, most: int = 100) -> list[Message]:
        """Messages that are due, oldest first."""
        ...

    def lease(self, task: str, holder: str, seconds: float) -> bool:
        """Lead a task for so long, by the store's own clock, or go on leading it; False while another does."""
        ...

    def claim(self, message: Message, until: datetime) -> bool:
        """Take a message to send it; False when another process has it. Others leave it alone until then."""
        ...

    def sent(self, message: Message) -> None:
        """Forget a message: it has gone out (or never can)."""
        ...

    @property
    def promises(self) -> Promises:
        """What was accepted from the content."""
        ...

    def wrapped_key(self, subject: str) -> bytes | None:
        """The subject's data key, wrapped by the master key; None before `keep_key` or after destruction."""
        ...

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        """Keep a wrapped data key unless the subject has one; returns the one that counts."""
        ...

    def wrapped_keys(self) -> dict[str, bytes]:
        """Every wrapped key that is there, by subject."""
        ...

    def rewrap(self, rewrapped: Callable[[str, bytes], bytes | None]) -> int:
        """Put each wrapped key anew, and leave no trace of the old ones; how many. rewrapped: None leaves one as it is."""
        ...

    def drop_key(self, subject: str, at: datetime) -> None:
        """Destroy the subject's data key and take its sealed answers out: they can never be read here again.

        Numbers, states, ranks, times and keyed hashes stay. Again it changes nothing more.
        """
        ...

    def log(self, key: bytes) -> Chain:
        """What staff did, chained under that key."""
        ...

    def scrub(self) -> bool:
        """Write the files anew when something was erased since the last time, so that nothing of it is left in them.

        False when nothing was. Others wait meanwhile. Raises Unavailable: then it stays to be done.
        """
        ...

    def close(self) -> None: ...
