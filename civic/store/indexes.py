"""What the book asks at every post, answered without a scan: who, which number, how many, who is next.

Fed by every change of a document, forwards and (when a transaction is undone) backwards. Not thread-safe: used
under the store's lock. No file.
"""

from __future__ import annotations

from civic.store.documents import caps_held
from civic.store.entry import HELD, LIVE, Counts
from civic.store.rows import Document

TABLE = "entries"


class RoundIndex:
    """The entries of one round."""

    __slots__ = ("last_rank", "line", "members", "offered", "received", "taken", "waiting")

    def __init__(self) -> None:
        self.taken = 0  # people, not entries
        self.waiting = 0
        self.received = 0
        self.line: dict[int, int] = {}  # those who wait: doc_id -> rank
        self.offered: dict[int, int] = {}  # those to whom a place is offered: doc_id -> rank
        self.members: dict[int, int] = {}  # doc_id -> rank
        self.last_rank = 0  # the highest ever given: ranks are not given twice

    @property
    def counts(self) -> Counts:
        """People by what they hold."""
        return Counts(self.taken, self.waiting, self.received)


class EntryIndex:
    """Unique names and sums over the documents of the table "entries"."""

    def __init__(self) -> None:
        self.by_number: dict[str, int] = {}
        self.by_submission: dict[str, int] = {}
        self.live: dict[tuple[str, str, str], int] = {}  # (subject, round, person)
        self.rounds: dict[str, dict[str, RoundIndex]] = {}  # by subject, then round
        self.used: dict[tuple[str, str], int] = {}  # (cap's key, person) -> sum

    def changed(self, table: str, id: int, old: Document | None, new: Document | None) -> None:
        """Take out what the document was and put in what it is."""
        if table != TABLE:
            return
        if old is not None:
            self._take_out(id, old)
        if new is not None:
            self._put_in(id, new)
        elif old is not None:
            self._give_back_rank(old)

    def round(self, subject: str, round: str) -> RoundIndex | None:
        """The round's entries, or None when nobody ever applied."""
        return self.rounds.get(subject, {}).get(round)

    def _put_in(self, id: int, entry: Document) -> None:
        subject, round, person = entry["subject"], entry["round"], entry["person"]
        self.by_number[entry["number"]] = id
        self.by_submission[entry["submission"]] = id
        index = self.rounds.setdefault(subject, {}).setdefault(round, RoundIndex())
        state, size, rank = entry["state"], entry["size"], entry["rank"]
        index.members[id] = rank
        index.last_rank = max(index.last_rank, rank)
        if state in LIVE:
            self.live[subject, round, person] = id
        if state in HELD:
            index.taken += size
            if state == "offered":
                index.offered[id] = rank
        elif state == "waiting":
            index.waiting += size
            index.line[id] = rank
        elif state == "received":
            index.received += size
        for key, amount in caps_held(entry):
            self.used[key, person] = self.used.get((key, person), 0) + amount

    def _give_back_rank(self, entry: Document) -> None:
        """An entry that was undone leaves no gap in the order of arrival."""
        index = self.round(entry["subject"], entry["round"])
        if index and index.last_rank == entry["rank"]:
            index.last_rank -= 1

    def _take_out(self, id: int, entry: Document) -> None:
        subject, round, person = entry["subject"], entry["round"], entry["person"]
        del self.by_number[entry["number"]]
        del self.by_submission[entry["submission"]]
        index = self.rounds[subject][round]
        state, size = entry["state"], entry["size"]
        del index.members[id]
        if state in LIVE:
            del self.live[subject, round, person]
        if state in HELD:
            index.taken -= size
            index.offered.pop(id, None)
        elif state == "waiting":
            index.waiting -= size
            del index.line[id]
        elif state == "received":
            index.received -= size
        if not index.members:
            del self.rounds[subject][round]
            if not self.rounds[subject]:
                del self.rounds[subject]
        for key, amount in caps_held(entry):
            left = self.used[key, person] - amount
            if left:
                self.used[key, person] = left
            else:
                del self.used[key, person]
