"""Results of votes and of draws: `/results/<vote>/`, `/results/<kind>-<slug>/`, and all it takes to work them out again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import zip_longest
from pathlib import Path

from civic.content.pages import Document
from civic.content.poll import PollType, Proposal
from civic.korean import size
from civic.links import NOUNS, link
from civic.places.draw_record import PublishedDraw
from civic.recount import CHECK, VERIFY, checker, checker_digest
from civic.votes.ballot import FAULTS, Ballot
from civic.votes.light import PollResult
from civic.votes.paper import UNREADABLE
from civic.votes.result import BALLOTS, BOARD, FEWEST, RESULTS, SIGNATURES, ResultLine
from civic.votes.result_files import VoteResult
from civic.votes.tally import SHARED, counting_rules, rules_of
from publish.edition import Edition, Route, Trail, Values
from publish.lists import pager
from publish.render import View, missing

AnyResult = VoteResult | PublishedDraw | PollResult
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
    BOARD: "개표 전에 서명한 명단(JSON)",
    SIGNATURES: "열쇠를 맡은 사람들의 서명(JSON)",
    VERIFY: "다시 세는 프로그램(파이썬)",
}


@dataclass(frozen=True)
class Row:
    """One proposal of the result. width: of its bar, in per cent of the longest one."""

    line: ResultLine
    proposal: Proposal
    width: float
    points: str  # its score in words; "" where votes are the score
    instead: str  # title of the proposal that stands for the same project, or ""
    has_page: bool


@dataclass(frozen=True)
class Group:
    """The proposals of one type, best first."""

    type: PollType
    rows: Sequence[Row]
    shown: Sequence[Row]  # those that are in sight at once
    folded: Sequence[Row]  # the lost ones, where nobody would find the winners between so many
    ranked_with: tuple[str, ...]  # labels of all types that share its pot, if others do

    @property
    def charted(self) -> Sequence[Row]:
        """What a bar chart shows: the best of those that got a vote at all."""
        return [row for row in self.rows if row.line.votes][:CHARTED]


@dataclass(frozen=True)
class Purse:
    """One pot: what it held, what was spent and what is left, in won. width: of its bar, in per cent of the budget."""

    label: str
    budget: int
    spent: int
    left: int
    width: float


def routes(edition: Edition) -> Iterator[Route]:
    """The page, the board and the files of every published result and draw."""
    library = edition.library
    results = dict(sorted(library.results.items()))
    published: dict[str, AnyResult] = {**results, **library.draws, **library.counted}

    def page(slug: str) -> View:
        found = published.get(slug) or missing()
        if isinstance(found, PollResult):
            return poll_page(edition, found)
        return draw_page(edition, found) if isinstance(found, PublishedDraw) else result_page(edition, found)

    def file(slug: str, name: str) -> View:
        content = files_of(published.get(slug) or missing()).get(name) or missing()
        return edition.page((), lambda: content, Path(name).suffix)

    def board(slug: str, page: int = 1) -> View:
        result = results.get(slug) or missing()
        return board_page(edition, result, page) if 1 <= page <= board_pages(result) else missing()

    def boards() -> Iterator[Values]:
        for slug, result in results.items():
            for page in range(1, board_pages(result) + 1):
                yield {"slug": slug, **({"page": page} if page > 1 else {})}

    def files() -> Iterator[Values]:
        return ({"slug": slug, "name": name} for slug, found in published.items() for name in files_of(found))

    rule = "/results/<slug>/"
    yield Route("result", (rule,), page, lambda: ({"slug": slug} for slug in published))
    yield Route("result_file", (f"{rule}<name>",), file, files)
    yield Route("result_board", (f"{rule}board/", f"{rule}board/<int:page>/"), board, boards)


def files_of(found: AnyResult) -> dict[str, bytes]:
    """Name -> content of everything that is offered for download, and the program that checks it, if one can."""
    is_drawn = isinstance(found, PublishedDraw) and found.document.is_drawn
    check = VERIFY if isinstance(found, VoteResult) else CHECK if is_drawn else ""
    return {**found.offered, **({check: checker(check)} if check else {})}


def draw_page(edition: Edition, draw: PublishedDraw) -> View:
    """What was frozen, each round's seed and whole order, and how to work it out again."""
    document = draw.document
    folder, _, slug = document.subject.partition("/")
    doc = edition.library.get(folder, slug)
    return edition.render(
        "pages/draw.html",
        f"{document.title.removesuffix(' 추첨')} 추첨 {'결과' if document.is_drawn else '명단'}",
        draw.link,
        _trail(edition, NOUNS[folder], doc, ("추첨", "")),
        draw=draw,
        document=document,
        subject=doc,
        checker=checker_digest(CHECK),
    )


def poll_page(edition: Edition, result: PollResult) -> View:
    """What a light poll came to, as the server counted it."""
    poll, title = edition.library.get("votes", result.poll), f"{result.title} 결과"
    trail, shown = _trail(edition, "vote", poll, ("결과", "")), {"result": result, "vote": poll}
    return edition.render("pages/poll_result.html", title, result.link, trail, fewest=FEWEST, **shown)


def result_page(edition: Edition, result: VoteResult) -> View:
    """Turnout, winners and reasons, money, rules, and how to count again."""
    vote = edition.library.get("votes", result.slug)
    closed = {kind.id for kind in result.poll.types if not kind.max}
    void: dict[str, list[str]] = {}  # reason -> receipts, as far as single ballots are published
    for each in result.ballots.void if result.ballots else ():
        void.setdefault(VOID_WORDS.get(each.fault, each.fault), []).append(each.receipt)
    return edition.render(
        "pages/result.html",
        f"{result.poll.title} 결과",
        result.link,
        _trail(edition, "vote", vote, ("결과", "")),
        result=result,
        vote=vote,
        groups=_groups(edition, result),
        standing=sum(each.type in closed for each in result.proposals.values()),
        purses=_purses(result),
        rules=counting_rules(result.poll),
        downloads=[(name, DESCRIBED[name], size(len(raw))) for name, raw in files_of(result).items()],
        checker=checker_digest(VERIFY),
        void=sorted(void.items()),
        papers=sum(result.board.urns.values()),  # void sheets too
        has_board=board_pages(result) > 0,
        fewest=FEWEST,
    )


def board_pages(result: VoteResult) -> int:
    """How many pages the board of a result has; 0 where nothing is shown singly."""
    listed = [len(each) for each in _listed(result)]
    return -(-max(listed) // PER_BOARD)


def board_page(edition: Edition, result: VoteResult, page: int) -> View:
    """A page of receipts and of ballots, each in the order of their numbers."""
    vote = edition.library.get("votes", result.slug)
    receipts, ballots = _listed(result)
    pages = board_pages(result)
    firsts = zip_longest(receipts[::PER_BOARD], (each.tracker for each in ballots[::PER_BOARD]), fillvalue="")
    span = slice((page - 1) * PER_BOARD, page * PER_BOARD)
    return edition.render(
        "pages/result_board.html",
        "접수증과 표",
        _board_address(result, page),
        _trail(edition, "vote", vote, ("결과", result.link), ("접수증과 표", "")),
        result=result,
        receipts=receipts[span],
        receipts_in_all=len(receipts),
        ballots=[
            (each.tracker, [result.proposals[slug].title for slug in each.choices]) for each in ballots[span]
        ],
        ballots_in_all=len(ballots),
        page=page,
        pages=[(number, _board_address(result, number), *first) for number, first in enumerate(firsts, 1)],
        pager=pager(page, pages, partial(_board_address, result)),
        fewest=FEWEST,
    )


def _trail(edition: Edition, noun: str, doc: Document | None, *more: tuple[str, str]) -> Trail:
    here = [(doc.title, doc.link)] if doc else []
    return [(edition.list_titles[noun], link(noun)), *here, *more]


def _groups(edition: Edition, result: VoteResult) -> list[Group]:
    """By type, in the order of the poll; types that were not voted on are left out."""
    lines = {
        kind: [line for line in result.document.lines if result.proposals[line.slug].type == kind.id]
        for kind in result.poll.types
        if kind.max
    }
    pots = [pot.types for pot in rules_of(result.poll).pots]
    groups = []
    for kind, of_kind in lines.items():
        together = next((types for types in pots if kind.id in types), ())
        labels = tuple(each.label for each, some in lines.items() if some and each.id in together)
        most = max((line.votes for line in of_kind), default=0)
        rows = [_row(edition, result, line, most) for line in of_kind]
        won, lost = ([row for row in rows if row.line.won is is_won] for is_won in (True, False))
        shown, folded = (won, lost) if won and len(lost) > LONG else (rows, [])
        if rows:
            groups.append(Group(kind, rows, shown, folded, labels if len(labels) > 1 else ()))
    return groups


def _row(edition: Edition, result: VoteResult, line: ResultLine, most: int) -> Row:
    score = Fraction(line.score)
    return Row(
        line,
        result.proposals[line.slug],
        width=round(100 * line.votes / most, 2) if most else 0,
        points="" if score == line.votes else f"{float(score):,.2f}".rstrip("0").rstrip("."),
        instead=result.proposals[line.instead].title if line.instead else "",
        has_page=edition.library.get("proposals", line.slug) is not None,
    )


def _purses(result: VoteResult) -> list[Purse]:
    """The pots that could be spent, in the order of the count."""
    labels = {kind.id: kind.label for kind in result.poll.types}
    open_types = {kind.id for kind in result.poll.types if kind.max}
    pots = [pot for pot in rules_of(result.poll).pots if open_types.intersection(pot.types)]
    if len(pots) > 1:
        labels[SHARED] = "함께 쓰는 예산"
    purses = []
    for pot in pots:
        budget, spent = int(pot.budget), result.document.spent.get(pot.id, 0)
        width = round(min(100 * spent / budget, 100), 2) if budget else 0
        purses.append(Purse(labels.get(pot.id, "예산"), budget, spent, max(budget - spent, 0), width))
    return purses


def _listed(result: VoteResult) -> tuple[tuple[str, ...], tuple[Ballot, ...]]:
    return result.board.receipts, result.ballots.ballots if result.ballots else ()


def _board_address(result: VoteResult, page: int) -> str:
    return f"{result.link}board/" + (f"{page}/" if page > 1 else "")
