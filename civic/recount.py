"""Results in content/results/: each read, checked against its own ballots, and counted again before it is shown.

A record `<vote>.toml` stands beside a folder `<vote>/` with the files that it names. What does not hold together is
reported like any mistake in the content, and nothing is built.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from civic.content.front_matter import Source, dotted, read_source
from civic.content.mistakes import shape_mistakes
from civic.content.poll import Poll, Proposal
from civic.errors import Mistake, why
from civic.files import whole_file
from civic.links import FOLDERS, is_passed_over, link
from civic.shape import Shape
from civic.votes.ballot import Ballot
from civic.votes.check import Batch, check
from civic.votes.count import RulesMistake, TieStops
from civic.votes.published import (
    BALLOTS,
    FILES,
    RECEIPTS,
    RESULTS,
    BallotsFile,
    ReceiptsFile,
    ResultsFile,
    VoteRecord,
)
from civic.votes.result import FEWEST, candidates_of, results_document, rules_of, tally
from civic.votes.result_files import copies

FOLDER = FOLDERS["result"]


@dataclass(frozen=True)
class VoteResult:
    """One published result. `poll` and `proposals` are those that were counted, as the result itself declares."""

    record: VoteRecord
    document: ResultsFile
    poll: Poll
    proposals: Mapping[str, Proposal]
    files: Mapping[str, bytes]  # name -> content, as they are offered for download
    ballots: BallotsFile | None = None  # None under civic.votes.result.FEWEST
    receipts: ReceiptsFile | None = None

    @property
    def slug(self) -> str:
        return self.record.vote

    @property
    def link(self) -> str:
        return link("result", self.slug)

    def is_shown(self, now: datetime) -> bool:
        """From its publication on."""
        return self.record.published_at <= now

    @cached_property
    def made_from(self) -> str:
        """Changes whenever anything of the result does."""
        text = hashlib.sha256(repr(self.record).encode("utf-8"))
        for name, content in sorted(self.files.items()):
            text.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
        return text.hexdigest()


@dataclass
class ReadResults:
    """Everything found in content/results/, and everything wrong with it."""

    results: list[VoteResult] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)  # file -> SHA-256 of its bytes
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def characters(self) -> frozenset[str]:
        """Every character that their pages may show."""
        return frozenset().union(*(each.files[RESULTS].decode() for each in self.results))


def read_results(content: Path) -> ReadResults:
    """The records of votes, in the order of their names; nothing where there is no such folder.

    Records of another kind (without the key `vote`) are somebody else's and are passed over.
    """
    found = ReadResults()
    base = content / FOLDER
    if not base.is_dir():
        return found
    with os.scandir(base) as entries:
        names = sorted(each.name for each in entries if each.is_file() and not is_passed_over(each.name))
    for name in names:
        if name.endswith(".toml"):
            _read_record(base, name, found)
    return found


def _read_record(base: Path, name: str, found: ReadResults) -> None:
    file = f"{FOLDER}/{name}"
    source, mistakes = _source(base, name, found)
    if source is None or "vote" not in source.values:
        found.mistakes += mistakes
        return
    try:
        record = VoteRecord.model_validate(source.values)
    except ValidationError as wrong:
        found.mistakes += [*mistakes, *shape_mistakes(source, VoteRecord, wrong)]
        return
    files: dict[str, bytes] = {}
    for place in record.files:
        folder, _, short = place.partition("/")
        if folder != record.vote or short not in FILES or f"{record.vote}.toml" != name:
            said = "여기에 적을 수 없는 파일입니다"
            mistakes.append(Mistake(file, source.line(("files",)), "files", said, place))
            continue
        try:
            files[short] = whole_file(base / place)
            files[short].decode()
        except OSError:
            mistakes.append(Mistake(file, source.line(("files",)), "files", "파일이 없습니다", place))
        except UnicodeDecodeError as wrong:
            line = files[short].count(b"\n", 0, wrong.start) + 1
            said = "UTF-8이 아닙니다. votes publish로 다시 쓰세요"
            mistakes.append(Mistake(f"{FOLDER}/{place}", line, "", said))
    if not mistakes:
        for short, raw in files.items():
            found.digests[f"{FOLDER}/{record.vote}/{short}"] = hashlib.sha256(raw).hexdigest()
        result, mistakes = assemble(record, files)
        if result and not mistakes:
            found.results.append(result)
    found.mistakes += mistakes


def _source(base: Path, name: str, found: ReadResults) -> tuple[Source | None, list[Mistake]]:
    file = f"{FOLDER}/{name}"
    try:
        raw = whole_file(base / name)
    except OSError as wrong:
        return None, [Mistake(file, 0, "", "파일을 읽을 수 없습니다", why(wrong))]
    found.digests[file] = hashlib.sha256(raw).hexdigest()
    return read_source(file, raw, front=False)


# ---------------------------------------------------------------------------- one result


def assemble(record: VoteRecord, files: Mapping[str, bytes]) -> tuple[VoteResult | None, list[Mistake]]:
    """A result from its record and files, and everything that does not hold between them."""
    place = f"{FOLDER}/{record.vote}"
    mistakes: list[Mistake] = []
    document = _read(ResultsFile, f"{place}/{RESULTS}", files.get(RESULTS), mistakes)
    ballots = _read(BallotsFile, f"{place}/{BALLOTS}", files[BALLOTS], mistakes) if BALLOTS in files else None
    receipts = (
        _read(ReceiptsFile, f"{place}/{RECEIPTS}", files[RECEIPTS], mistakes) if RECEIPTS in files else None
    )
    if document is None or mistakes:
        return None, mistakes
    try:
        poll, proposals = declared(document)
    except ValueError as wrong:
        return None, [
            Mistake(f"{place}/{RESULTS}", 0, "declared", "규칙과 제안을 읽을 수 없습니다", str(wrong))
        ]
    result = VoteResult(record, document, poll, proposals, dict(files), ballots, receipts)
    lines = [*_agreement(result), *_board(result)] or [*_recount(result), *_copies(result)]
    return result, [Mistake(f"{place}.toml", 0, "", line) for line in lines]


def declared(document: ResultsFile) -> tuple[Poll, dict[str, Proposal]]:
    """The poll and its proposals as they were counted. Raises ValueError when they are not whole."""
    slug = document.poll
    rules, listed = document.declared.get("rules"), document.declared.get("proposals")
    if not isinstance(rules, dict) or not isinstance(listed, list):
        raise ValueError("rules, proposals")
    try:
        # From JSON, because there a time is text.
        poll = Poll.model_validate_json(json.dumps({**rules, "file": f"votes/{slug}.md"}))
        proposals = [
            Proposal.model_validate_json(
                json.dumps({**each, "vote": slug, "file": f"proposals/{each.get('slug')}.md"})
            )
            for each in listed
            if isinstance(each, dict)
        ]
    except ValidationError as wrong:
        places = (dotted(tuple(each["loc"])) for each in wrong.errors(include_url=False, include_input=False))
        raise ValueError(", ".join(sorted(set(places)))) from None
    if len(proposals) != len(listed) or poll.slug != slug:
        raise ValueError("slug")
    return poll, {each.slug: each for each in proposals}


def _agreement(result: VoteResult) -> Iterator[str]:
    """Do the record, the files and the declared rules speak of the same count?"""
    record, document, ballots = result.record, result.document, result.ballots
    text = json.dumps(document.declared, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    computed = hashlib.sha256(text.encode("utf-8")).hexdigest()
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
    if BALLOTS in result.files and document.ballots < FEWEST:
        yield f"표가 {FEWEST}장보다 적으면 표를 하나씩 공개하지 않습니다: {BALLOTS}"
    if BALLOTS not in result.files and document.ballots >= FEWEST:
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
    digest = hashlib.sha256("\n".join(receipts.receipts).encode("ascii", "replace")).hexdigest()
    if not receipts.digest == digest == result.record.board:
        yield f"{RECEIPTS}: 접수증 명단이 적힌 지문과 다릅니다"
    if receipts.poll != result.slug:
        yield f"{RECEIPTS}: 다른 투표의 접수증 명단입니다: {receipts.poll}"
    known = set(receipts.receipts)
    if len(known) < len(receipts.receipts):
        yield f"{RECEIPTS}: 같은 접수증이 두 번 있습니다"
    for each in result.ballots.void if result.ballots else ():
        if not each.batch and each.receipt not in known:
            yield f"{BALLOTS}: 무효표 {each.receipt}: 접수증 명단에 없습니다"
    online = result.document.voters - sum(each.ballots for each in result.document.paper)
    if result.ballots:
        online -= sum(bool(each.batch) for each in result.ballots.void)
        if len(receipts.receipts) != online:
            yield f"{RECEIPTS}: 접수증 {len(receipts.receipts)}장과 온라인 표 {online}장이 다릅니다"


def _recount(result: VoteResult) -> Iterator[str]:
    """The ballots counted again by the declared rules: every published figure must follow from them."""
    document, ballots = result.document, result.ballots
    if ballots is None:
        return
    cast = _cast(ballots)
    tables = {
        body: {slug: Fraction(points) for slug, points in rows.items()}
        for body, rows in document.tables.items()
    }
    proposals = list(result.proposals.values())
    try:
        counted = tally(result.poll, proposals, cast, tables, document.draw)
    except (RulesMistake, TieStops) as stop:
        yield f"다시 셀 수 없습니다: {stop}"
        return
    sheets = [Batch(each.batch, each.ballots) for each in document.paper]
    told = {line.slug: line.votes for line in document.lines}
    rules, candidates = rules_of(result.poll), candidates_of(result.poll, proposals)
    labels = {kind.id: kind.label for kind in result.poll.types}
    for breach in check(cast, told, rules, candidates, document.voters, document.void, sheets, labels):
        yield f"{BALLOTS}: {breach}"
    again = results_document(
        result.poll,
        proposals,
        counted,
        cast,
        len(cast) + len(ballots.void),
        len(ballots.void),
        sheets,
        tables,
        document.draw,
    )
    published: dict[str, Any] = document.model_dump(mode="json")
    for name in ("voters", "ballots", "void", "blank", "winners", "spent", "tie"):
        if published[name] != again[name]:
            yield f"{RESULTS}: {name}가 표와 다릅니다 (적힌 것 {published[name]}, 다시 센 것 {again[name]})"
    before = {each["slug"]: each for each in published["lines"]}
    for line in again["lines"]:
        for name, value in line.items():
            if before[line["slug"]][name] != value:
                told = before[line["slug"]][name]
                yield f"{RESULTS}: {line['slug']}: {name}가 표와 다릅니다 (적힌 것 {told}, 다시 센 것 {value})"


def _copies(result: VoteResult) -> Iterator[str]:
    """Do the files for spreadsheets and other programs say the same as those that were counted again?"""
    cast = _cast(result.ballots) if result.ballots else None
    for name, text in copies(
        result.poll, list(result.proposals.values()), result.document.lines, cast
    ).items():
        if name not in result.files:
            continue
        if result.files[name].decode().replace("\r\n", "\n") != text.replace(
            "\r\n", "\n"
        ):  # version control may write other line ends
            yield f"{name}: {RESULTS}이나 {BALLOTS}과 다릅니다. 공개한 파일로 되돌리세요"


def _cast(ballots: BallotsFile) -> list[Ballot]:
    return [Ballot(each.tracker, each.choices, each.batch) for each in ballots.ballots]


S = TypeVar("S", bound=Shape)


def _read(model: type[S], file: str, raw: bytes | None, mistakes: list[Mistake]) -> S | None:
    """A JSON file of a result in its shape, or None with the reasons added to the mistakes."""
    if raw is None:
        mistakes.append(Mistake(file, 0, "", "파일이 없습니다"))
        return None
    try:
        return model.model_validate(json.loads(raw))
    except ValidationError as wrong:
        for each in wrong.errors(include_url=False, include_input=False)[:20]:
            mistakes.append(Mistake(file, 0, dotted(tuple(each["loc"])), "값이 맞지 않습니다", each["type"]))
    except (ValueError, RecursionError):
        mistakes.append(Mistake(file, 0, "", "JSON 파일이 아닙니다"))
    return None
