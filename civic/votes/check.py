"""What must hold between ballots, counts, voters and paper: before a result is published, and whenever it is shown.

Nothing is published while `check` names a breach, nothing shown while `disagreements` does: each a line in Korean for
staff. Pure. Source: docs/rules.md#check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction

from civic.shape import Shape
from civic.votes.ballot import document_hash, receipts_digest, void_faults
from civic.votes.count import RulesMistake, TieStops
from civic.votes.result import BALLOTS, FEWEST, RECEIPTS, RESULTS, ResultsFile, figures
from civic.votes.result_files import VoteResult, copies
from civic.votes.tally import VoteCount


def check(vote: VoteCount, votes: Mapping[str, int], voters: int) -> tuple[str, ...]:
    """Every breach, in a fixed order; empty when the count may be published.

    votes: the tallies about to be published. voters: people marked as having voted, online and on paper.
    """
    known: dict[tuple[str, ...], list[tuple[str, str]]] = {}  # most ballots are like others
    found = list(_sums(vote, votes, voters))
    for ballot in vote.ballots:
        if ballot.choices not in known:
            known[ballot.choices] = void_faults(vote.poll, vote.proposals, ballot.choices)
        found += [f"{ballot.tracker}: {message}" for _, message in known[ballot.choices]]
    sheets = Counter(ballot.batch for ballot in vote.ballots if ballot.batch)
    for paper in vote.batches:
        if (typed := sheets.pop(paper.batch, 0)) != paper.ballots:
            found.append(f"{paper.batch}: 종이 표는 {paper.ballots}장인데 입력은 {typed}장입니다")
    found += [f"{batch}: 집계표가 없는 종이 표 {sheets[batch]}장이 있습니다" for batch in sorted(sheets)]
    return tuple(found)


def _sums(vote: VoteCount, votes: Mapping[str, int], voters: int) -> Iterator[str]:
    picks, tallies = sum(vote.votes.values()), sum(votes.values())
    if picks != tallies:
        yield f"득표수의 합({tallies})과 고른 수의 합({picks})이 다릅니다"
    for slug in sorted({*vote.votes, *votes}):
        if vote.votes[slug] != votes.get(slug, 0):
            yield f"{slug}: 득표수({votes.get(slug, 0)})와 다시 센 수({vote.votes[slug]})가 다릅니다"
    if vote.voters != voters:
        yield f"표 {vote.voters}장(무효 {len(vote.void)}장 포함)과 투표자 {voters}명이 다릅니다"
    for tracker, times in sorted(Counter(ballot.tracker for ballot in vote.ballots).items()):
        if times > 1:
            yield f"{tracker}: 같은 추적 번호가 {times}번 있습니다"


# ---------------------------------------------------------------------------- a published result


def disagreements(result: VoteResult) -> list[str]:
    """What does not hold between the parts of a result; nothing when its ballots, counted again, say the same."""
    return [*_apart(result), *_board(result)] or [*_recount(result), *_copies(result)]


def _apart(result: VoteResult) -> Iterator[str]:
    """Do the record, the files and the declared rules speak of the same count?"""
    record, document, ballots = result.record, result.document, result.ballots
    computed = document_hash(document.declared)
    for where, written in (("rules", record.rules), (RESULTS, document.rules_hash)):
        if written != computed:
            yield f"{where}의 규칙 지문이 규칙과 다릅니다: {written[:12]}…, 다시 계산한 것 {computed[:12]}…"
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
    for spoiled in result.ballots.void:
        if not spoiled.batch and spoiled.receipt not in known:
            yield f"{BALLOTS}: 무효표 {spoiled.receipt}: 접수증 명단에 없습니다"
    on_paper = sum(batch.ballots for batch in result.document.paper)
    online = result.document.voters - on_paper - sum(bool(sheet.batch) for sheet in result.ballots.void)
    if len(receipts.receipts) != online:
        yield f"{RECEIPTS}: 접수증 {len(receipts.receipts)}장과 온라인 표 {online}장이 다릅니다"


def _recount(result: VoteResult) -> Iterator[str]:
    """The ballots counted again by the declared rules: every published figure must follow from them."""
    document, ballots = result.document, result.ballots
    if ballots is None:
        return
    tables = {body: {slug: Fraction(n) for slug, n in rows.items()} for body, rows in document.tables.items()}
    counted = (ballots.ballots, ballots.void, document.paper, tables, document.draw)
    vote = VoteCount(result.poll, result.proposals, *counted)
    try:
        again = document.model_copy(update=figures(vote))
    except (RulesMistake, TieStops) as stop:
        yield f"다시 셀 수 없습니다: {stop}"
        return
    votes = {line.slug: line.votes for line in document.lines}
    yield from (f"{BALLOTS}: {breach}" for breach in check(vote, votes, document.voters))
    if again != document:
        yield from (f"{RESULTS}: {difference}" for difference in _differences(document, again))


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
    cast = result.ballots.ballots if result.ballots else None
    for name, text in copies(
        result.poll, result.proposals, result.document.lines, cast, result.record.town
    ).items():
        published = result.files.get(name, text.encode()).decode()
        if published.replace("\r\n", "\n") != text.replace(
            "\r\n", "\n"
        ):  # version control may write other line ends
            yield f"{name}: {RESULTS}이나 {BALLOTS}과 다릅니다. 공개한 파일로 되돌리세요"
