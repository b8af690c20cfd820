"""What must hold between ballots, counts, voters and paper: before a result is published, and whenever it is shown.

Nothing is published while `check` names a breach, nothing shown while `disagreements` does: each a line in Korean for
staff. Pure. Source: docs/rules.md#check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from civic.content.pages import Poll, Proposal
from civic.shape import Shape
from civic.votes.ballot import Ballot, document_hash, receipts_digest, void_faults
from civic.votes.count import RulesMistake, TieStops, count
from civic.votes.paper import PaperBatch
from civic.votes.result import BALLOTS, FEWEST, RECEIPTS, RESULTS, ResultsFile, figures
from civic.votes.result_files import VoteResult, copies
from civic.votes.tally import tally


def check(
    poll: Poll,
    proposals: Mapping[str, Proposal],
    ballots: Sequence[Ballot],
    votes: Mapping[str, int],
    voters: int,
    void: int = 0,
    batches: Iterable[PaperBatch] = (),
) -> tuple[str, ...]:
    """Every breach, in a fixed order; empty when the count may be published.

    votes: the tallies about to be published. voters: people marked as having voted, online and on paper.
    void: envelopes on the board whose content broke the rules; they count as ballots, not as votes.
    """
    found = [*_sums(ballots, votes, voters, void)]
    known: dict[tuple[str, ...], list[tuple[str, str]]] = {}  # most ballots are like others
    for ballot in ballots:
        if ballot.choices not in known:
            known[ballot.choices] = void_faults(poll, proposals, ballot.choices)
        found += [f"{ballot.tracker}: {message}" for _, message in known[ballot.choices]]
    return (*found, *_paper(ballots, batches))


def _sums(ballots: Sequence[Ballot], votes: Mapping[str, int], voters: int, void: int) -> Iterator[str]:
    recounted = count(ballot.choices for ballot in ballots)
    picks, tallies = sum(recounted.values()), sum(votes.values())
    if picks != tallies:
        yield f"득표수의 합({tallies})과 고른 수의 합({picks})이 다릅니다"
    for slug in sorted({*recounted, *votes}):
        if recounted[slug] != votes.get(slug, 0):
            yield f"{slug}: 득표수({votes.get(slug, 0)})와 다시 센 수({recounted[slug]})가 다릅니다"
    if len(ballots) + void != voters:
        yield f"표 {len(ballots) + void}장(무효 {void}장 포함)과 투표자 {voters}명이 다릅니다"
    for tracker, times in sorted(Counter(ballot.tracker for ballot in ballots).items()):
        if times > 1:
            yield f"{tracker}: 같은 추적 번호가 {times}번 있습니다"


def _paper(ballots: Sequence[Ballot], batches: Iterable[PaperBatch]) -> Iterator[str]:
    entered: dict[str, list[Ballot]] = {}
    for ballot in ballots:
        if ballot.batch:
            entered.setdefault(ballot.batch, []).append(ballot)
    for batch in batches:
        members = entered.pop(batch.id, [])
        if len(members) != batch.ballots:
            yield f"{batch.id}: 종이 표는 {batch.ballots}장인데 입력은 {len(members)}장입니다"
        picks = count(ballot.choices for ballot in members)
        for place, entry in enumerate(batch.entries, 1):
            for slug in sorted({*picks, *entry}):
                if picks[slug] != (typed := entry.get(slug, 0)):
                    yield f"{batch.id}: {place}차 입력의 {slug}: {typed}표인데 표에는 {picks[slug]}표입니다"
    for name in sorted(entered):
        yield f"{name}: 집계표가 없는 종이 표 {len(entered[name])}장이 있습니다"


# ---------------------------------------------------------------------------- a published result


def disagreements(result: VoteResult) -> list[str]:
    """What does not hold between the parts of a result; nothing when its ballots, counted again, say the same."""
    return [*_apart(result), *_board(result)] or [*_recount(result), *_copies(result)]


def _apart(result: VoteResult) -> Iterator[str]:
    """Do the record, the files and the declared rules speak of the same count?"""
    record, document, ballots = result.record, result.document, result.ballots
    computed = document_hash(document.declared)
    for where, given in (("rules", record.rules), (RESULTS, document.rules_hash)):
        if given != computed:
            yield f"{where}의 규칙 지문이 규칙과 다릅니다: {given[:12]}…, 다시 계산한 것 {computed[:12]}…"
    if ballots and ballots.rules_hash != computed:
        yield f"{BALLOTS}의 규칙 지문이 규칙과 다릅니다"
    if document.poll != record.vote or (ballots and ballots.poll != record.vote):
        yield f"다른 투표의 파일입니다: {document.poll}"
    if document.title != result.poll.title:
        yield f"{RESULTS}: title이 규칙의 제목과 다릅니다: {document.title}"
    for name in ("voters", "ballots", "void"):
        if getattr(record, name) != getattr(document, name):
            yield f"{name}: {getattr(record, name)}라고 적혀 있는데 {RESULTS}에는 {getattr(document, name)}입니다"
    if record.published_at < result.poll.closes:
        yield "투표가 끝나기 전에 공개한 결과입니다"
    if ballots and document.ballots < FEWEST:
        yield f"표가 {FEWEST}장보다 적으면 표를 하나씩 공개하지 않습니다: {BALLOTS}"
    if not ballots and document.ballots >= FEWEST:
        yield f"{BALLOTS}이 없습니다"
    unknown = {line.slug for line in document.lines} ^ set(result.proposals)
    if unknown:
        yield f"제안의 목록이 규칙과 다릅니다: {', '.join(sorted(unknown))}"
    if sorted(document.winners) != sorted(line.slug for line in document.lines if line.won):
        yield "winners와 lines의 선정이 다릅니다"


def _board(result: VoteResult) -> Iterator[str]:
    """Is the list of receipts the one that was read out at closing, and as long as the online ballots?"""
    receipts = result.receipts
    if receipts is None:
        return
    if not receipts.digest == receipts_digest(receipts.receipts) == result.record.board:
        yield f"{RECEIPTS}: 접수증 명단이 적힌 지문과 다릅니다"
    if receipts.poll != result.slug:
        yield f"{RECEIPTS}: 다른 투표의 접수증 명단입니다: {receipts.poll}"
    known = set(receipts.receipts)
    if len(known) < len(receipts.receipts):
        yield f"{RECEIPTS}: 같은 접수증이 두 번 있습니다"
    if not result.ballots:
        return
    for each in result.ballots.void:
        if not each.batch and each.receipt not in known:
            yield f"{BALLOTS}: 무효표 {each.receipt}: 접수증 명단에 없습니다"
    on_paper = sum(batch.ballots for batch in result.document.paper)
    online = result.document.voters - on_paper - sum(bool(each.batch) for each in result.ballots.void)
    if len(receipts.receipts) != online:
        yield f"{RECEIPTS}: 접수증 {len(receipts.receipts)}장과 온라인 표 {online}장이 다릅니다"


def _recount(result: VoteResult) -> Iterator[str]:
    """The ballots counted again by the declared rules: every published figure must follow from them."""
    document, ballots = result.document, result.ballots
    if ballots is None:
        return
    tables = {body: {slug: Fraction(n) for slug, n in rows.items()} for body, rows in document.tables.items()}
    try:
        counted = tally(result.poll, result.proposals.values(), ballots.cast, tables, document.draw)
    except (RulesMistake, TieStops) as stop:
        yield f"다시 셀 수 없습니다: {stop}"
        return
    votes = {line.slug: line.votes for line in document.lines}
    sheets = [PaperBatch(paper.batch, paper.ballots) for paper in document.paper]
    breaches = check(
        result.poll, result.proposals, ballots.cast, votes, document.voters, document.void, sheets
    )
    yield from (f"{BALLOTS}: {breach}" for breach in breaches)
    again = document.model_copy(update=figures(counted, ballots.cast, len(ballots.void)))
    if again != document:
        yield from (f"{RESULTS}: {line}" for line in _differences(document, again))


def _differences(document: ResultsFile, again: ResultsFile) -> Iterator[str]:
    """Each figure in which they differ, of the whole and of each proposal."""
    lines = {line.slug: line for line in document.lines}
    pairs: list[tuple[str, Shape, Shape]] = [("", document, again)]
    pairs += [(f"{line.slug}: ", lines[line.slug], line) for line in again.lines]
    for whose, published, counted in pairs:
        now = counted.model_dump(mode="json", exclude={"lines"})
        for name, before in published.model_dump(mode="json", exclude={"lines"}).items():
            if before != now[name]:
                yield f"{whose}{name}가 표와 다릅니다 (적힌 것 {before}, 다시 센 것 {now[name]})"
    if [line.slug for line in document.lines] != [line.slug for line in again.lines]:
        yield "lines의 순서가 표와 다릅니다"


def _copies(result: VoteResult) -> Iterator[str]:
    """Do the files for spreadsheets and other programs say the same as those that were counted again?"""
    cast = result.ballots.cast if result.ballots else None
    for name, text in copies(
        result.poll, list(result.proposals.values()), result.document.lines, cast
    ).items():
        published = result.files.get(name, text.encode()).decode()
        if published.replace("\r\n", "\n") != text.replace(
            "\r\n", "\n"
        ):  # version control may write other line ends
            yield f"{name}: {RESULTS}이나 {BALLOTS}과 다릅니다. 공개한 파일로 되돌리세요"
