"""The rounds of a subject as they stand inside one transaction: their counters, and their chains of journal lines."""

from datetime import datetime

from civic.store import statements as sql
from civic.store.chain import Chain
from civic.store.entry import line_sum
from civic.store.session import Later, Row, Transaction
from civic.store.statements import RoundRow


class Rounds:
    """Rows that are read once and written when the transaction ends; nobody else changes them meanwhile."""

    def __init__(self, session: Transaction, chain: Chain, subject: str, who: str) -> None:
        self._session, self._chain, self._subject, self._who = session, chain, subject, who
        self._known: dict[str, RoundRow] = {}

    def __contains__(self, name: str) -> bool:
        if name not in self._known and (left := self._session.known.get((self._subject, name))):
            self.learn(name, left)
        return name in self._known

    def of(self, name: str) -> RoundRow:
        """The row of a round, which nobody else changes from here on until the block ends; a new one is all zero."""
        if name not in self:
            values = (self._subject, name)
            if self._session.dialect.row_locks:
                self._session.later(sql.HOLD, values)
            rows = self._session.rows(sql.ROUND + self._session.dialect.lock, values)
            self.learn(name, rows[0] if rows else (None,))
        return self._known[name]

    def hold(self, name: str) -> Later | None:
        """Keep everybody else from the row with whatever is asked next; its count says then if there was one to hold."""
        if not self._session.dialect.row_locks:
            return None
        return self._session.later(sql.ROUND + self._session.dialect.lock, (self._subject, name))

    def learn(self, name: str, row: Row) -> None:
        """Take a row that was read while it was held; of NULLs where there was none."""
        self._known[name] = RoundRow() if row[0] is None else RoundRow(*row)

    def journal(self, name: str, number: str, before: str, after: str, cause: str, at: datetime) -> str:
        """Add a line to the chain of a round; its keyed hash."""
        round = self.of(name)
        line = (number, before, after, cause, self._who, at.isoformat())
        mac = self._chain.mac(round.head, round.lines + 1, self._subject, name, *line)
        round.lines, round.head, round.is_changed = round.lines + 1, self._chain.head(mac), True
        values = (self._subject, *line, name, round.lines, mac)
        self._session.note(sql.NOTE, (*values, line_sum(*values)))
        return mac

    def black_out(self, number: str) -> None:
        """Take what somebody typed out of an entry's lines."""
        for row in self._session.rows(f"{sql.JOURNAL} WHERE number = ? ORDER BY id", (number,)):
            cause = self._chain.blacked_out(row[5])
            if cause != row[5]:
                values = (*row[1:5], cause, *row[6:11])
                self._session.later(sql.REWORD, (cause, line_sum(*values), row[0]))

    def settle(self) -> None:
        """Write what is changed; it goes with the commit."""
        for name in sorted(self._known):
            round = self._known[name]
            if round.is_changed:
                row = tuple(getattr(round, column) for column in sql.KEPT)
                self._session.known[self._subject, name] = row
                self._session.note(sql.KEPT_ROUND, (self._subject, name, *row))
