"""The VOTES of a `.pb` file, checked and counted: picks, points and strengths of every ballot. No files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.elections.election import RATED, Project, PublicElection, named, paired, ranked
from bench.elections.figures import number
from bench.elections.sections import Sections
from bench.elections.table import Table, alike, find
from civic.votes.count import Number

Given = Counter[tuple[str, str]]


def row_by_row(rows: Sections, start: int, end: int, projects: Mapping[str, Project]) -> Table:
    """VOTES as the rows are: too long ones cut, too short ones filled; only a cell that may be a pick stops it."""
    header, listed = rows.table(start, end)
    width, vote = len(header), find(header, "vote")
    # Every row with the same cells too many: columns that have no name.
    nameless = len({len(rows.rows[index]) for index in listed}) == 1
    for index in listed:
        row = rows.rows[index]
        surplus = [cell for cell in row[width:] if cell.strip()]
        picks = [cell for cell in surplus if all(pick.strip() in projects for pick in cell.split(","))]
        if vote is not None:
            if picks and (not nameless or not row[vote].strip()):
                rows.mistake(index, "", f"칸이 {width}개여야 합니다", f"{len(row)}: {';'.join(row)}")
            elif len(row) <= vote:
                rows.note(index, "고른 것이 없어 빈 표로 셌습니다")
        rows.fit(index, header, -1)
    columns = [[rows.rows[index][i].strip() for index in listed] for i in range(width)]
    return Table(header, columns, lambda row: rows.line(listed[row]))


def election(
    rows: Sections, table: Table, meta: dict[str, str], projects: dict[str, Project]
) -> PublicElection | None:
    """The whole election with its ballots. None without a vote column, which is a mistake of the rows then."""
    ballots = _Ballots(rows, table)
    place = find(table.header, "vote")
    if place is None:
        ballots.mistake(0, "vote", "VOTES에 이 칸이 없습니다", ";".join(table.header))
        return None
    points_at = find(table.header, "points")
    points_at = None if points_at == place else points_at
    if not meta.get("vote_type"):
        meta["vote_type"] = "approval" if points_at is None else "cumulative"
        rows.notes.append(f"META에 vote_type이 없어 {meta['vote_type']}으로 셌습니다")
    counted = ballots.count(place, points_at, meta["vote_type"], projects)
    voter, strength_at = find(table.header, "voter_id"), find(table.header, "vote_strength")
    strengths = ballots.strengths(strength_at)
    for key, found, unit in (("num_projects", len(projects), "제안은"), ("num_votes", len(table), "표는")):
        if meta.get(key, "").isdecimal() and int(meta[key]) != found:
            rows.notes.append(f"META의 {key} 값은 {meta[key]}인데 {unit} {found}개입니다")
    used = {place, voter, points_at, strength_at}
    whole = PublicElection(
        meta,
        projects,
        voters=table.columns[voter] if voter is not None else [str(n + 1) for n in range(len(table))],
        votes=counted.votes,
        other={name: table.columns[i] for i, name in enumerate(table.header) if name and i not in used},
        points=counted.points,
        strengths=strengths,
        notes=tuple(rows.told()),
    )
    whole.__dict__["named"] = counted.named  # already counted: fills the cached properties
    if counted.given is not None:
        whole.__dict__["given"] = counted.given
    return whole


@dataclass(frozen=True)
class _Counted:
    """The picks and points of all ballots, and how often each stands there (given: None when not yet counted)."""

    votes: Sequence[str]
    points: Sequence[str]
    named: Counter[str]
    given: Given | None


class _Ballots:
    """The ballots of a table; what is wrong with one is a mistake of the rows."""

    def __init__(self, rows: Sections, table: Table) -> None:
        self.rows, self.table = rows, table

    def mistake(self, row: int, field: str, message: str, found: str = "") -> None:
        """row: of the table, 0 for the first ballot."""
        table = self.table
        self.rows.wrong.append((lambda: table.line(row) if len(table) else 0, field, message, found))

    def count(
        self, place: int, points_at: int | None, kind: str, projects: Mapping[str, Project]
    ) -> _Counted:
        """place, points_at: the columns of picks and of points; kind: the vote type."""
        rated = kind in RATED or (kind == "ordinal" and points_at is not None)
        if rated and points_at is None:
            self.mistake(0, "points", f"{kind} 투표에는 points 칸이 있어야 합니다")
        votes: Sequence[str] = self.table.columns[place]
        points: Sequence[str] = self.table.columns[points_at] if rated and points_at is not None else ()
        given: Given | None = None
        if points and alike(votes, points):
            given = paired(votes, points)
        elif kind == "ordinal" and not points:
            given = ranked(votes)
        found = named(votes) if given is None else _by_name(given)
        if not found.keys() <= projects.keys():
            votes, given = self.tidied(votes, projects), None
            found = named(votes)
        if points and (given is None or not _all_figures(given, kind)):
            points, given = self.tidied_points(votes, points, kind), None
        return _Counted(votes, points, found, given)

    def tidied(self, votes: Sequence[str], projects: Mapping[str, Project]) -> list[str]:
        """Picks without padding and empty places; a pick that is no project is a mistake."""
        # The usual padding, at once.
        close = "\n".join(votes).replace(", ", ",").replace(" ,", ",").split("\n")
        if len(close) == len(votes) and named(close).keys() <= projects.keys():
            return close
        tidy = [[pick for cell in vote.split(",") if (pick := cell.strip())] for vote in votes]
        for row, picks in enumerate(tidy):
            if lost := [pick for pick in picks if pick not in projects]:
                self.mistake(row, "vote", "PROJECTS에 없는 제안입니다", ",".join(lost))
        return [",".join(picks) for picks in tidy]

    def strengths(self, at: int | None) -> list[Number]:
        """How many times each ballot counts (a column that few files have)."""
        strengths: list[Number] = []
        for row, cell in enumerate(self.table.columns[at] if at is not None else ()):
            try:
                strengths.append(number(cell or "1"))
            except ValueError:
                self.mistake(row, "vote_strength", "숫자여야 합니다", cell)
        return strengths

    def tidied_points(self, votes: Sequence[str], cells: Sequence[str], kind: str) -> list[str]:
        """Points beside each pick, row by row. Ordinal ballots may do without: their places are the points."""
        points: list[str] = []
        for row, (vote, cell) in enumerate(zip(votes, cells, strict=False)):
            length = vote.count(",") + 1 if vote else 0
            given = [each.strip() for each in cell.split(",")] if cell else []
            if len(given) > length:
                given = [each for each in given if each]
            if not given and kind == "ordinal":
                given = [str(place) for place in range(length, 0, -1)]
            points.append(",".join(given))
            if len(given) != length:
                self.mistake(row, "points", f"점수가 {length}개여야 합니다", cell)
            try:
                least = min(map(number, given), default=0)
            except ValueError:
                self.mistake(row, "points", "숫자여야 합니다", cell)
                continue
            if kind == "cumulative" and least < 0:
                self.mistake(row, "points", "0 이상이어야 합니다", cell)
        return points


def _by_name(given: Given) -> Counter[str]:
    count: Counter[str] = Counter()
    for (name, _), times in given.items():
        count[name] += times
    return count


def _all_figures(given: Given, kind: str) -> bool:
    """Nothing but points that this vote type allows."""
    try:
        return min(map(number, {figure for _, figure in given}), default=0) >= 0 or kind != "cumulative"
    except ValueError:
        return False
