"""How long the answers of sign-ups are kept, and what leads to their people; and their end. No web.

A page says how long (`Document.kept_until`); the store is told at the first sign-up and whenever it changes, so that
answers end also when the page is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from civic.content.pages import Document, Pages
from civic.store.book import Book
from civic.store.entry import Entry
from civic.store.seal import Keys
from civic.store.statements import KEY_ROUND
from civic.store.store import Store

FACT = "kept"
# How long a date must have stood before answers are erased on it unasked: a slip of the pen in a page can be mended.
STANDING = timedelta(days=1)
# After the answers went, what tells one person from another is kept so long: caps over a year still count (docs/security.md).
PEOPLE_KEPT = timedelta(days=365)
AT_ONCE = 100  # entries in one block: nobody waits long for it
FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class KeptAnswers:
    """The answers of one subject that can still be opened."""

    subject: str
    until: datetime | None  # None: neither a page nor the store says
    noted: datetime | None  # since when the store has known just this date; None: it does not

    def is_over(self, now: datetime) -> bool:
        """Has the time to keep them passed?"""
        return self.until is not None and self.until <= now


def note(book: Book, page: Document | None, round: str, now: datetime) -> None:
    """Tell the store until when answers are kept. round: any of the page's."""
    if page and page.kept_until:
        book.fix(round, f"{FACT}:{now.isoformat()}", page.kept_until.isoformat(), now)


def kept_answers(pages: Pages, store: Store) -> list[KeptAnswers]:
    """What is kept of each subject, by name; subjects whose answers are erased are left out."""
    said = {page.subject: page.kept_until for page in pages.takers()}
    found = []
    for subject in store.subjects():
        if store.wrapped_key(subject) is not None:
            noted, known = _noted(store.fixed(subject))
            until = said.get(subject) or known
            found.append(KeptAnswers(subject, until, noted if until == known else None))
    return found


def follow(pages: Pages, store: Store, keys: Keys, now: datetime) -> list[str]:
    """Tell the store of every new date, and erase what is over by a date that has stood for a day; those subjects."""
    known = {page.subject: page for page in pages.takers()}
    erased = []
    for kept in kept_answers(pages, store):
        page = known.get(kept.subject)
        if kept.noted is None and page:
            with store.open(kept.subject, who="clock") as book:
                note(book, page, next(iter(store.counts(kept.subject))), now)
        elif kept.is_over(now) and kept.noted and kept.noted <= now - STANDING:
            keys.erase(store, kept.subject, now)
            erased.append(kept.subject)
    return erased


def forget(store: Store, now: datetime) -> None:
    """Let nothing lead to the people any more whose answers were erased PEOPLE_KEPT ago; what they count for stays."""
    for change in store.history(""):
        fact = f"{FORGOTTEN}:{change.after}"
        is_due = change.before == KEY_ROUND and change.time <= now - PEOPLE_KEPT
        if not is_due or fact in store.fixed(change.subject).get("", {}):
            continue
        entries = store.entries(change.subject)
        over = [e for e in entries if not (e.sealed or e.is_forgotten) and e.received <= change.time]
        for start in range(0, len(over), AT_ONCE):
            with store.open(change.subject, who="clock") as book:
                for entry in over[start : start + AT_ONCE]:
                    current = book.get(entry.number)
                    if current:
                        book.move(current.forgotten(), noted=FORGOTTEN)
        with store.open(change.subject, who="clock") as book:
            book.fix("", fact, str(len(over)), now)


def erase_one(book: Book, entry: Entry, reason: str, now: datetime) -> None:
    """Take what one person wrote out of their entry, in the store of which `Store.scrub` then leaves no trace of it."""
    current = book.get(entry.number)
    if current and current.sealed:
        book.move(current.but(sealed=b"", changed=now), noted=f"answers-erased: {reason}")


def _noted(facts: Mapping[str, Mapping[str, str]]) -> tuple[datetime | None, datetime | None]:
    """(when it was noted, until when) of the latest note; None twice without one."""
    notes = [
        (datetime.fromisoformat(name.partition(":")[2]), datetime.fromisoformat(text))
        for round in facts.values()
        for name, text in round.items()
        if name.partition(":")[0] == FACT
    ]
    return max(notes, default=(None, None))
