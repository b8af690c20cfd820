"""Results and draws in content/results/: each read, and counted or drawn again before it is shown.

A record `<slug>.toml` stands beside a folder `<slug>/` with the files that it names. What does not hold together is
reported like any mistake in the content, and nothing is built.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from civic.content.front_matter import dotted, read_source
from civic.content.mistakes import say, shape_mistakes
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.errors import Mistake, why
from civic.files import whole_file
from civic.links import FOLDERS, is_passed_over
from civic.places import draw_record
from civic.places.draw_record import DrawFile, DrawRecord, PublishedDraw
from civic.shape import Shape
from civic.votes.light import PollResult, read_results
from civic.votes.result import (
    BALLOTS,
    BOARD,
    RESULTS,
    SIGNATURES,
    BallotsFile,
    Board,
    ResultsFile,
    SignaturesFile,
    as_json,
    digest_of,
)
from civic.votes.result_files import FILES, VoteRecord, VoteResult

FOLDER = FOLDERS["result"]
VERIFY, CHECK = "verify.py", "check_draw.py"  # what readers check results and draws with
WRITTEN = "쓴 그대로가 아닙니다. 이름이 두 번 있거나, 같은 값을 다른 꼴로 적었습니다"
S = TypeVar("S", bound=Shape)
MOST_NAMED = 20  # fields of one file
REWRITE_VOTE, REWRITE_DRAW = "votes publish로 다시 쓰세요", "draw show로 다시 쓰세요"


@dataclass
class Published:
    """Everything found in content/results/, in the order of the names, results of light polls, and everything wrong."""

    results: list[VoteResult] = field(default_factory=list)
    draws: list[PublishedDraw] = field(default_factory=list)
    polls: list[PollResult] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)  # file -> SHA-256 of its bytes
    mistakes: list[Mistake] = field(default_factory=list)


def read_published(content: Path, draws: bool = True, polls: Path | None = None) -> Published:
    """The records of votes and, unless that is False, of draws; none without the folder. Others' files are passed over.

    polls: where the server puts results of light polls.
    """
    found, folder = Published(), content / FOLDER
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix == ".toml" and file.is_file() and not is_passed_over(file.name):
            found.mistakes += _read_record(file, found, draws)
    if polls:
        found.polls, odd = read_results(polls.resolve())
        found.mistakes += odd
        found.digests |= {f"{polls.resolve()}/{each.poll}.json": digest_of(each) for each in found.polls}
    return found


def checker(name: str) -> bytes:
    """VERIFY or CHECK as it is offered."""
    return whole_file(Path(__file__).parent.parent / "static" / name)


def checker_digest(name: str) -> str:
    """SHA-256 of VERIFY or CHECK: on pages, from the commands of those who sign, and in docs/checkers.sha256."""
    return hashlib.sha256(checker(name)).hexdigest()


def of_other_rules(results: Iterable[VoteResult], pages: Iterable[Document]) -> list[Mistake]:
    """A mistake for each result under other rules, so by other holders, than those under which its poll was rehearsed."""
    rules = {page.slug: page.rehearsed.rules for page in pages if isinstance(page, Poll) and page.rehearsed}
    found = {result.slug: result.record.rules for result in results}
    said = "투표 글과 다른 규칙으로 센 결과입니다"
    other = {slug: counted for slug, counted in found.items() if counted != rules.get(slug, counted)}
    return [Mistake(f"{FOLDER}/{slug}.toml", 0, "rules", said, f"{by[:12]}…") for slug, by in other.items()]


def _read_record(file: Path, found: Published, draws: bool) -> list[Mistake]:
    """Adds what the record is of to what was found; everything wrong with it."""
    place = f"{FOLDER}/{file.name}"
    try:
        raw = whole_file(file)
    except OSError as wrong:
        return [Mistake(place, 0, "", "파일을 읽을 수 없습니다", why(wrong))]
    found.digests[place] = hashlib.sha256(raw).hexdigest()
    source, mistakes = read_source(place, raw, front=False)
    keys = source.values if source else {}
    model = VoteRecord if "vote" in keys else DrawRecord if "draw" in keys and draws else None
    if source is None or model is None:
        return mistakes
    try:
        record = model.model_validate(keys)
    except ValidationError as wrong:
        return [*mistakes, *shape_mistakes(source, model, wrong)]
    if f"{record.slug}.toml" != file.name:
        mistakes.append(Mistake(place, 0, "", "파일의 이름과 다른 투표나 추첨입니다", record.slug))
    files = _read_files(file.parent / record.slug, record, mistakes)
    if mistakes:
        return mistakes
    for short, content in files.items():
        found.digests[f"{FOLDER}/{record.slug}/{short}"] = hashlib.sha256(content).hexdigest()
    if isinstance(record, VoteRecord):
        found.results += filter(None, [assemble(record, files, mistakes)])
    else:
        found.draws += filter(None, [assemble_draw(record, files, mistakes)])
    return mistakes


def _read_files(folder: Path, record: VoteRecord | DrawRecord, mistakes: list[Mistake]) -> dict[str, bytes]:
    """Name -> content of the files beside a record, as many as are there; what cannot be read is added to the mistakes."""
    is_vote = isinstance(record, VoteRecord)
    known, rewrite = (FILES, REWRITE_VOTE) if is_vote else ((draw_record.FILE,), REWRITE_DRAW)
    files: dict[str, bytes] = {}
    for name in known:
        place = f"{FOLDER}/{record.slug}/{name}"
        try:
            files[name] = whole_file(folder / name)
            files[name].decode()
        except FileNotFoundError:
            continue  # said where it is needed
        except OSError as wrong:
            mistakes.append(Mistake(place, 0, "", "파일을 읽을 수 없습니다", why(wrong)))
        except UnicodeDecodeError as wrong:
            line = files[name].count(b"\n", 0, wrong.start) + 1
            mistakes.append(Mistake(place, line, "", f"UTF-8이 아닙니다. {rewrite}"))
    return files


def assemble(record: VoteRecord, files: Mapping[str, bytes], mistakes: list[Mistake]) -> VoteResult | None:
    """A result from its record and files; None, with the reasons added to the mistakes, where anything does not hold."""
    from civic.votes.check import disagreements  # here: a build without votes needs no cryptography

    place = f"{FOLDER}/{record.vote}"

    def read(model: type[S], name: str) -> S | None:
        found = _read(model, f"{place}/{name}", files.get(name), mistakes, REWRITE_VOTE)
        # A name that stands twice, or a value that another program reads otherwise, would be one file for two readers.
        if found and files[name].replace(b"\r\n", b"\n") != as_json(found).encode():
            mistakes.append(Mistake(f"{place}/{name}", 0, "", WRITTEN, hint=REWRITE_VOTE))
        return found

    document, board = read(ResultsFile, RESULTS), read(Board, BOARD)
    signatures = read(SignaturesFile, SIGNATURES)
    ballots = read(BallotsFile, BALLOTS) if BALLOTS in files else None
    if document is None or board is None or signatures is None or mistakes:
        return None
    try:
        poll, proposals = document.declared_poll()
    except ValueError as wrong:
        said = "규칙과 제안을 읽을 수 없습니다"
        mistakes.append(Mistake(f"{place}/{RESULTS}", 0, "declared", said, str(wrong)))
        return None
    result = VoteResult(record, document, poll, proposals, dict(files), board, signatures, ballots)
    mistakes += [Mistake(f"{place}.toml", 0, "", line) for line in disagreements(result)]
    return None if mistakes else result


def assemble_draw(
    record: DrawRecord, files: Mapping[str, bytes], mistakes: list[Mistake]
) -> PublishedDraw | None:
    """The same of a draw: what does not follow from its list and seed."""
    place = f"{FOLDER}/{record.slug}/{draw_record.FILE}"
    document = _read(DrawFile, place, files.get(draw_record.FILE), mistakes, REWRITE_DRAW)
    if document is None:
        return None
    draw = PublishedDraw(record, document, files[draw_record.FILE])
    mistakes += [Mistake(place, 0, "", line) for line in draw.disagreements()]
    return None if mistakes else draw


def _read(model: type[S], file: str, raw: bytes | None, mistakes: list[Mistake], rewrite: str) -> S | None:
    """A JSON file in its shape, or None with the reasons added to the mistakes."""
    if raw is None:
        mistakes.append(Mistake(file, 0, "", "파일이 없습니다"))
        return None
    try:
        return model.model_validate_json(raw)
    except ValidationError as wrong:
        mistakes += [Mistake(file, 0, place, said, hint=rewrite) for place, said in wrong_fields(wrong)]
    return None


def wrong_fields(wrong: ValidationError) -> list[tuple[str, str]]:
    """(place, what is wrong) of each field of a file that a program wrote: "ballots.0.tracker", "꼭 써야 합니다"."""
    found: dict[tuple[str, str], None] = {}
    for each in wrong.errors(include_url=False):
        said = "형식이 맞지 않습니다"
        if each["type"] != "string_pattern_mismatch":
            said, _ = say(each["type"], dict(each.get("ctx", {})), each["input"])
        found[dotted(each["loc"]), said] = None
    more = len(found) - MOST_NAMED
    return [*found][:MOST_NAMED] + [("", f"그 밖에 {more}곳")] * (more > 0)
