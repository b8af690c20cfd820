"""A result as the files of content/results/: the record, and beside it all that is needed to count again. Text only.

Written by `votes publish`; read back, and counted again, by civic/recount.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from civic.clock import SEOUL
from civic.content.poll import Poll, Proposal
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.check import Batch
from civic.votes.count import Line, Number, Outcome
from civic.votes.pabulib import write as write_pb
from civic.votes.published import BALLOTS, RECEIPTS, RESULTS, Drawn, ResultCorrection, ResultLine, VoteRecord
from civic.votes.result import (
    as_election,
    as_json,
    ballots_csv,
    ballots_document,
    results_csv,
    results_document,
)

COUNTRY, UNIT = "South Korea", "Gwangsan-gu"


@dataclass(frozen=True)
class Board:
    """The receipts as they were told before opening, and their fingerprint."""

    receipts: tuple[str, ...]
    digest: str


def result_files(
    poll: Poll,
    proposals: Sequence[Proposal],
    result: Outcome,
    ballots: Sequence[Ballot],
    at: datetime,
    *,
    void: Sequence[Spoiled] = (),
    batches: Iterable[Batch] = (),
    tables: Mapping[str, Mapping[str, Number]] | None = None,
    draw: Sequence[str] = (),
    drawn: Drawn | None = None,
    board: Board | None = None,
    corrections: Sequence[ResultCorrection] = (),
) -> dict[str, str]:
    """Place inside content/results/ -> text, the record last: whoever writes them in this order never leaves a record
    without its files.

    at: when it was first published; corrections: every time that it was replaced since. Under FEWEST ballots the singular files are left out.
    """
    voters = len(ballots) + len(void)
    results = results_document(
        poll, proposals, result, ballots, voters, len(void), batches, tables, draw, drawn
    )
    files = {RESULTS: as_json(results)}
    singly = ballots_document(poll, proposals, ballots, void)
    if singly is not None:
        files[BALLOTS] = as_json(singly)
    files |= copies(poll, proposals, result.lines, ballots if singly else None)
    if board is not None:
        told = {"poll": poll.slug, "rules": results["rules_hash"], "digest": board.digest}
        files[RECEIPTS] = as_json(told | {"receipts": list(board.receipts)})
    return placed(results, files, at, board, corrections)


def copies(
    poll: Poll,
    proposals: Sequence[Proposal],
    lines: Iterable[Line | ResultLine],
    ballots: Sequence[Ballot] | None,
) -> dict[str, str]:
    """Name -> text of the files that say a result once more, for spreadsheets and other programs.

    ballots: None where they are not published one by one.
    """
    lines = list(lines)
    files = {"results.csv": results_csv(lines, proposals, poll)}
    if ballots is not None:
        files["ballots.csv"] = ballots_csv(ballots)
        files["election.pb"] = write_pb(as_election(poll, proposals, ballots, lines, COUNTRY, UNIT))
    return files


def placed(
    results: Mapping[str, Any],
    files: Mapping[str, str],
    at: datetime,
    board: Board | None = None,
    corrections: Sequence[ResultCorrection] = (),
) -> dict[str, str]:
    """These files of one result in their places, and the record that names them."""
    slug = results["poll"]
    record = VoteRecord(
        vote=slug,
        published_at=at,
        rules=results["rules_hash"],
        board=board.digest if board else "",
        voters=results["voters"],
        ballots=results["ballots"],
        void=results["void"],
        files=tuple(sorted(f"{slug}/{name}" for name in files)),
        corrections=tuple(corrections),
    )
    return {**{f"{slug}/{name}": text for name, text in files.items()}, f"{slug}.toml": record_text(record)}


def record_text(record: VoteRecord) -> str:
    """A record as its file holds it: TOML, what is empty left out, the corrections at the end."""
    fields = record.model_dump(exclude={"corrections"})
    fields["files"] = list(record.files)
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items() if value not in ("", None))
    for each in record.corrections:
        replaced = ", ".join(f"{_toml(name)} = {_toml(was)}" for name, was in sorted(each.replaced.items()))
        text += f"\n[[corrections]]\nat = {_toml(each.at)}\nreason = {_toml(each.reason)}\n"
        text += f"replaced = {{ {replaced} }}\n" if replaced else ""
    return text


def _toml(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(SEOUL).isoformat(timespec="seconds")
    # JSON's strings, numbers and lists are TOML's too; only a DEL would differ.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
