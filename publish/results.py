"""The pages and files of a vote's result: `/results/<vote>/`, its board, and everything needed to count again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from flask import Flask, abort

from civic import korean
from civic.content.pages import PollType, Proposal
from civic.links import link
from civic.recount import VoteResult
from civic.votes.paper import UNREADABLE
from civic.votes.published import BALLOTS, RECEIPTS, RESULTS, CastBallot, ResultLine
from civic.votes.result import FEWEST, SHARED, rules_of
from civic.votes.slots import FAULTS
from civic.votes.words import counting_rules
from publish.edition import Edition, Trail
from publish.pager import pager
from publish.render import Page

VERIFY = "verify.py"
VOID_WORDS = FAULTS | {UNREADABLE: "무엇을 골랐는지 알아볼 수 없는 종이 표입니다."}
LONG = 5  # lost proposals of a type; more are folded away below the winners
PER_BOARD = 1000  # receipts and ballots on one page of the board
CHARTED = 10  # proposals in a bar chart; the table has all
DESCRIBED = {
    RESULTS: "결과와 규칙(JSON)",
    "results.csv": "결과(CSV, 표 계산 프로그램)",
    BALLOTS: "표 하나하나(JSON)",
    "ballots.csv": "표 하나하나(CSV, 표 계산 프로그램)",
    "election.pb": "선거 자료(Pabulib 형식)",
    RECEIPTS: "접수증 명단(JSON)",
    VERIFY: "다시 세는 프로그램(파이썬)",
}

Address = tuple[str, dict[str, str | int]]


@dataclass(frozen=True)
class Row:
    """One proposal of the result. width: of its bar, in per cent of the longest one; cost: in words."""

    line: ResultLine
    proposal: Proposal
    width: float
    cost: str
    points: str = ""  # its score in words; "" where votes are the score
    instead: str = ""  # title of the proposal that stands for the same project
    has_page: bool = False


@dataclass(frozen=True)
class Group:
    """The proposals of one type, best first."""

    type: PollType
    rows: tuple[Row, ...]
    ranked_with: tuple[str, ...] = ()  # labels of all types that share its pot, if others do

    @property
    def folded(self) -> tuple[Row, ...]:
        """The lost ones, where they are so many that nobody would find the winners between them."""
        lost = tuple(row for row in self.rows if not row.line.won)
        return lost if len(lost) > LONG and len(lost) < len(self.rows) else ()

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows that are in sight at once."""
        return tuple(row for row in self.rows if row.line.won) if self.folded else self.rows

    @property
    def charted(self) -> tuple[Row, ...]:
        """What a bar chart shows: the best of those that got a vote at all."""
        return tuple(row for row in self.rows if row.line.votes)[:CHARTED]


@dataclass(frozen=True)
class Purse:
    """One pot in words: what it held and what was spent. width: of its bar, in per cent of the budget."""

    label: str
    budget: str
    spent: str
    left: str
    width: float


@dataclass(frozen=True)
class Download:
    """One file beside the result."""

    name: str
    what: str
    size: str


def add_results(app: Flask, edition: Edition) -> None:
    """The rules of this part of the site; none where no result is published."""
    results = edition.library.results

    def page(slug: str) -> Page:
        return result_page(edition, _result(edition, slug))

    def board(slug: str, page: int = 1) -> Page:
        result = _result(edition, slug)
        if not 1 <= page <= board_pages(result):
            abort(404)
        return board_page(edition, result, page)

    def file(slug: str, name: str) -> Page:
        content = files_of(_result(edition, slug)).get(name)
        if content is None:
            abort(404)
        return edition.page([content], lambda: content, Path(name).suffix)

    if results:
        app.add_url_rule("/results/<slug>/", "result", page)
        app.add_url_rule("/results/<slug>/<name>", "result_file", file)
    if any(map(board_pages, results.values())):
        app.add_url_rule("/results/<slug>/board/", "result_board", board)
    if any(board_pages(each) > 1 for each in results.values()):
        app.add_url_rule("/results/<slug>/board/<int:page>/", "result_board_later", board)


def result_addresses(edition: Edition) -> Iterator[Address]:
    """Every page and file of every result."""
    for slug, result in sorted(edition.library.results.items()):
        yield "result", {"slug": slug}
        for name in files_of(result):
            yield "result_file", {"slug": slug, "name": name}
        for page in range(1, board_pages(result) + 1):
            yield (
                ("result_board_later", {"slug": slug, "page": page})
                if page > 1
                else (
                    "result_board",
                    {"slug": slug},
                )
            )


def files_of(result: VoteResult) -> dict[str, bytes]:
    """Name -> content of everything that is offered for download."""
    if result.ballots is None:
        return dict(result.files)  # nothing that verify.py could count
    return {**result.files, VERIFY: (Path(__file__).parent.parent / "static" / VERIFY).read_bytes()}


def result_page(edition: Edition, result: VoteResult) -> Page:
    """Turnout, winners and reasons, money, rules, and how to count again."""
    title = f"{result.poll.title} 결과"
    return edition.render(
        "pages/result.html",
        title=title,
        path=result.link,
        trail=_trail(edition, result, ("결과", "")),
        result=result,
        vote=edition.library.get("votes", result.slug),
        groups=_groups(edition, result),
        standing=_not_voted(result),
        purses=_purses(result),
        rules=counting_rules(result.poll),
        downloads=_downloads(result),
        void=_void(result),
        papers=_papers(result),
        has_board=board_pages(result) > 0,
        fewest=FEWEST,
    )


def board_pages(result: VoteResult) -> int:
    """How many pages the board of a result has; 0 where nothing is shown singly."""
    listed = [len(each) for each in _listed(result)]
    return -(-max(listed) // PER_BOARD)


def board_page(edition: Edition, result: VoteResult, page: int) -> Page:
    """A page of receipts and of ballots, each in the order of their numbers."""
    receipts, ballots = _listed(result)
    span = slice((page - 1) * PER_BOARD, page * PER_BOARD)
    pages = board_pages(result)
    return edition.render(
        "pages/result_board.html",
        title="접수증과 표",
        path=_board_address(result, page),
        trail=_trail(edition, result, ("결과", result.link), ("접수증과 표", "")),
        result=result,
        receipts=receipts[span],
        receipts_in_all=len(receipts),
        ballots=[
            (each.tracker, [result.proposals[slug].title for slug in each.choices]) for each in ballots[span]
        ],
        ballots_in_all=len(ballots),
        page=page,
        pages=[
            (
                number,
                _board_address(result, number),
                _first(receipts, number),
                _first_tracker(ballots, number),
            )
            for number in range(1, pages + 1)
        ],
        pager=pager(page, pages, partial(_board_address, result)),
        fewest=FEWEST,
    )


# ---------------------------------------------------------------------------- inside


def _result(edition: Edition, slug: str) -> VoteResult:
    result = edition.library.results.get(slug)
    if result is None:
        abort(404)
    return result


def _trail(edition: Edition, result: VoteResult, *more: tuple[str, str]) -> Trail:
    vote = edition.library.get("votes", result.slug)
    here = [(vote.title, vote.link)] if vote else []
    return [(edition.list_titles["vote"], link("vote")), *here, *more]


def _groups(edition: Edition, result: VoteResult) -> list[Group]:
    """By type, in the order of the poll; types that were not voted on are left out."""
    groups: list[Group] = []
    pots = [pot.types for pot in rules_of(result.poll).pots]
    counted = {result.proposals[line.slug].type for line in result.document.lines}
    for kind in result.poll.types:
        lines = [
            line for line in result.document.lines if result.proposals[line.slug].type == kind.id and kind.max
        ]
        most = max((line.votes for line in lines), default=0)
        rows = tuple(_row(edition, result, line, most) for line in lines)
        together = next((types for types in pots if kind.id in types), ())
        labels = tuple(
            each.label
            for each in result.poll.types
            if each.max and each.id in together and each.id in counted
        )
        if rows:
            groups.append(Group(kind, rows, labels if len(labels) > 1 else ()))
    return groups


def _row(edition: Edition, result: VoteResult, line: ResultLine, most: int) -> Row:
    score = Fraction(line.score)
    proposal = result.proposals[line.slug]
    return Row(
        line,
        proposal,
        width=round(100 * line.votes / most, 2) if most else 0,
        cost=korean.won(proposal.cost),
        points="" if score == line.votes else f"{float(score):,.2f}".rstrip("0").rstrip("."),
        instead=result.proposals[line.instead].title if line.instead else "",
        has_page=edition.library.get("proposals", line.slug) is not None,
    )


def _void(result: VoteResult) -> list[tuple[str, list[str]]]:
    """(reason in words, receipts) of the void ballots, as far as single ballots are published at all."""
    found: dict[str, list[str]] = {}
    for each in result.ballots.void if result.ballots else ():
        found.setdefault(VOID_WORDS.get(each.fault, each.fault), []).append(each.receipt)
    return sorted(found.items())


def _papers(result: VoteResult) -> int:
    """People who voted on paper: all whose receipt is not on the board. Void sheets count too."""
    if result.receipts is None:
        return sum(each.ballots for each in result.document.paper)
    return result.document.voters - len(result.receipts.receipts)


def _not_voted(result: VoteResult) -> list[Proposal]:
    closed = {kind.id for kind in result.poll.types if not kind.max}
    return [each for each in result.proposals.values() if each.type in closed]


def _purses(result: VoteResult) -> list[Purse]:
    """The pots that could be spent, in the order of the count."""
    labels = {kind.id: kind.label for kind in result.poll.types}
    pots = [
        pot
        for pot in rules_of(result.poll).pots
        if any(kind.max and kind.id in pot.types for kind in result.poll.types)
    ]
    if len(pots) > 1:
        labels[SHARED] = "함께 쓰는 예산"
    purses = []
    for pot in pots:
        budget, spent = int(pot.budget), result.document.spent.get(pot.id, 0)
        width = round(min(100 * spent / budget, 100), 2) if budget else 0
        label = labels.get(pot.id, "예산")
        left = korean.won(max(budget - spent, 0))
        purses.append(Purse(label, korean.won(budget), korean.won(spent), left, width))
    return purses


def _downloads(result: VoteResult) -> list[Download]:
    return [
        Download(name, DESCRIBED[name], _size(len(content))) for name, content in files_of(result).items()
    ]


def _size(count: int) -> str:
    """3 -> "1KB", 2_500_000 -> "2.4MB"."""
    return f"{count / 1024 / 1024:.1f}MB" if count >= 1024 * 1024 else f"{-(-count // 1024)}KB"


def _listed(result: VoteResult) -> tuple[tuple[str, ...], tuple[CastBallot, ...]]:
    receipts = result.receipts.receipts if result.receipts else ()
    return receipts, result.ballots.ballots if result.ballots else ()


def _board_address(result: VoteResult, page: int) -> str:
    return f"{result.link}board/" + (f"{page}/" if page > 1 else "")


def _first(receipts: tuple[str, ...], page: int) -> str:
    """The first receipt of a page; "" where it has none."""
    return next(iter(receipts[(page - 1) * PER_BOARD :]), "")


def _first_tracker(ballots: tuple[CastBallot, ...], page: int) -> str:
    return next((each.tracker for each in ballots[(page - 1) * PER_BOARD :]), "")
