"""What must hold between ballots, counts, voters and paper: before a result is published, and whenever it is shown.

Nothing is published while `check` names a breach, nothing shown while `disagreements` does: each a line in Korean for
staff. Pure. Source: docs/rules.md#check.
"""

from collections import Counter
from collections.abc import Iterator

from civic.shape import Shape, document_hash
from civic.votes.ballot import void_faults
from civic.votes.box_key import is_signed, signed_words
from civic.votes.count import RulesMistake, TieStops
from civic.votes.result import BALLOTS, BOARD, FEWEST, RESULTS, SIGNATURES, ResultsFile, digest_of
from civic.votes.result_files import VoteResult, copies, figures
from civic.votes.tally import VoteCount


def check(vote: VoteCount, voters: int) -> tuple[str, ...]:
    """Every breach, in a fixed order; empty when the count may be published. voters: marked as such, online and on paper."""
    found = []
    if vote.voters != voters:
        found.append(f"표 {vote.voters}장(무효 {len(vote.void)}장 포함)과 투표자 {voters}명이 다릅니다")
    trackers = sorted(Counter(ballot.tracker for ballot in vote.ballots).items())
    found += [f"{tracker}: 같은 표 번호가 {times}번 있습니다" for tracker, times in trackers if times > 1]
    different = {ballot.choices for ballot in vote.ballots}  # most ballots are like others
    faults = {choices: void_faults(vote.poll, vote.proposals, choices) for choices in different}
    found += [f"{ballot.tracker}: {said}" for ballot in vote.ballots for _, said in faults[ballot.choices]]
    sheets = Counter(ballot.batch for ballot in vote.ballots if ballot.batch)
    for paper in vote.batches:
        if (typed := sheets.pop(paper.batch, 0)) != paper.ballots:
            found.append(f"{paper.batch}: 종이 표는 {paper.ballots}장인데 입력은 {typed}장입니다")
    found += [f"{batch}: 집계표가 없는 종이 표 {sheets[batch]}장이 있습니다" for batch in sorted(sheets)]
    return tuple(found)


def disagreements(result: VoteResult) -> list[str]:
    """What does not hold between the parts of a result, its ballots counted again and enough of its holders' signatures."""
    found = [*_apart(result), *_board(result)] or [*_recount(result), *_copies(result)]
    return [*found, *_signed(result)]


def _apart(result: VoteResult) -> Iterator[str]:
    """Do the record, the files and the declared rules speak of the same count?"""
    record, document, poll = result.record, result.document, result.poll
    ballots, board = result.ballots, result.board
    follows = {
        "poll": record.vote,
        "title": poll.title,
        "rules_hash": document_hash(document.declared),
        "board": board.digest,
        "tables": board.tables,
        "voters": board.voters,
    }
    again = document.model_copy(update=follows)
    yield from (f"{RESULTS}: {difference}" for difference in differences(document, again))
    if record.rules != again.rules_hash:
        yield f"rules: {record.rules[:12]}…라고 적혀 있는데 규칙의 확인 값은 {again.rules_hash[:12]}…입니다"
    if (board.poll, board.rules) != (record.vote, again.rules_hash):
        yield f"{BOARD}: 다른 투표나 다른 규칙의 명단입니다: {board.poll}, {board.rules[:12]}…"
    if ballots and (ballots.poll, ballots.rules_hash) != (record.vote, again.rules_hash):
        yield f"{BALLOTS}: 다른 투표나 다른 규칙의 표입니다: {ballots.poll}, {ballots.rules_hash[:12]}…"
    if [each.reason for each in record.corrections] != [each.reason for each in document.corrections]:
        yield f"corrections: 바로잡은 까닭이 {RESULTS}과 다릅니다"
    if record.published_at < poll.closes:
        yield "투표가 끝나기 전에 공개한 결과입니다"
    if bool(ballots) != (document.ballots >= FEWEST):
        yield f"{BALLOTS}: 표가 {FEWEST}장보다 적으면 표를 하나씩 공개하지 않습니다. 아니면 이 파일이 있어야 합니다"
    slugs = [line.slug for line in document.lines]
    if sorted(slugs) != sorted(result.proposals):
        yield f"{RESULTS}: lines: 제안의 목록이 규칙과 다릅니다"
    if sorted(document.winners) != sorted(line.slug for line in document.lines if line.won):
        yield "winners와 lines의 선정이 다릅니다"


def _board(result: VoteResult) -> Iterator[str]:
    """Is the board whole, and were its receipts and sheets counted, and nothing else?"""
    board, poll = result.board, result.poll
    if board.closed < poll.closes:
        yield f"{BOARD}: closed: 투표가 끝나기 전에 닫은 명단입니다"
    every = [*board.receipts, *board.replaced]
    if len(set(every)) < len(every) or list(board.receipts) != sorted(board.receipts):
        yield f"{BOARD}: receipts, replaced: 같은 접수증이 두 번 있거나 차례대로가 아닙니다"
    sheets = sum(board.urns.values())
    if sheets > board.marked or (board.marked and poll.assurance == 3):
        yield f"{BOARD}: urns: 종이 {sheets}장인데 용지를 받은 사람은 {board.marked}명입니다"
    if poll.assurance == 2 and len(board.receipts) + board.marked > board.roll:
        yield f"{BOARD}: roll: 명부는 {board.roll}명인데 투표한 사람이 더 많습니다"
    if board.tables.keys() != {body.id for body in poll.bodies}:
        yield f"{BOARD}: tables: 점수를 낸 기구가 규칙과 다릅니다"
    if not result.ballots:
        return
    void = [each.receipt for each in result.ballots.void]
    online = {each.receipt for each in result.ballots.void if not each.batch}
    if len(set(void)) < len(void) or not online <= set(board.receipts):
        yield f"{BALLOTS}: void: 같은 무효표가 두 번 있거나, 접수증 명단에 없는 무효표가 있습니다"
    batches = [each.batch for each in result.ballots.ballots] + [each.batch for each in result.ballots.void]
    if Counter(filter(None, batches)) != Counter(board.urns):
        yield f"{BALLOTS}: 종이 표의 묶음마다의 장수가 {BOARD}의 urns와 다릅니다"


def _signed(result: VoteResult) -> Iterator[str]:
    """Did enough of the holders whom the rules name sign the board, and the result?"""
    poll, told = result.poll, result.signatures
    keys = {key.holder: key.signing for key in poll.keys}
    if told.poll != result.slug:
        yield f"{SIGNATURES}: 다른 투표의 서명입니다: {told.poll}"
    signed = {
        "board": (told.board, (result.board.digest,)),
        "result": (told.result, (digest_of(result.document), digest_of(result.ballots))),
    }
    for kind, (given, digests) in signed.items():
        said = signed_words(kind, *digests)
        false = [holder for holder, text in given.items() if not is_signed(keys.get(holder, ""), text, said)]
        yield from (f"{SIGNATURES}: {kind}: {holder}의 서명이 맞지 않습니다" for holder in false)
        if len(given) - len(false) < poll.keys_needed:
            yield f"{SIGNATURES}: {kind}: 서명이 {poll.keys_needed}개 있어야 하는데 {len(given) - len(false)}개입니다"


def _recount(result: VoteResult) -> Iterator[str]:
    """The ballots counted again by the declared rules: every published figure must follow from them."""
    document, ballots = result.document, result.ballots
    if ballots is None:
        return
    counted = (ballots.ballots, ballots.void, document.paper, document.tables, document.draw)
    vote = VoteCount(result.poll, result.proposals, *counted)
    try:
        again = document.model_copy(update=figures(vote))
    except (RulesMistake, TieStops) as stop:
        yield f"다시 셀 수 없습니다: {stop}"
        return
    yield from (f"{BALLOTS}: {breach}" for breach in check(vote, document.voters))
    yield from (f"{RESULTS}: {difference}" for difference in differences(document, again))


def differences(document: ResultsFile, again: ResultsFile) -> Iterator[str]:
    """Each figure in which a published result and one of the same poll differ, of the whole and of each proposal."""
    if again == document:
        return
    lines = {line.slug: line for line in document.lines}
    pairs: list[tuple[str, Shape, Shape]] = [("", document, again)]
    pairs += [(f"{line.slug}: ", lines[line.slug], line) for line in again.lines]
    for whose, published, counted in pairs:
        now = counted.model_dump(mode="json", exclude={"lines"})
        for name, before in published.model_dump(mode="json", exclude={"lines"}).items():
            if before != now[name]:
                yield f"{whose}{name}: 적힌 것 {before}, 다시 센 것 {now[name]}"
    if [line.slug for line in document.lines] != [line.slug for line in again.lines]:
        yield "lines의 순서가 다릅니다"


def _copies(result: VoteResult) -> Iterator[str]:
    """Do the files for spreadsheets and other programs say the same as those that were counted again?"""
    cast = result.ballots.ballots if result.ballots else None
    made = copies(result.poll, result.proposals, result.document.lines, cast, result.record.town)
    for name, text in made.items():
        published = result.offered.get(name, b"").decode()
        # Version control may write other line ends.
        if published.replace("\r\n", "\n") != text.replace("\r\n", "\n"):
            yield f"{name}: {RESULTS}이나 {BALLOTS}과 다릅니다. 공개한 파일로 되돌리세요"
