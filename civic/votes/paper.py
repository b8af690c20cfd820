"""Paper ballots: numbers on the sheet, what two people typed in, and where they differ. Pure: no files, no clock.

The sheets of a batch are numbered by hand after the urn was opened, so a number leads to no voter. Two people type
the batch in apart from each other; it counts only when both say the same of every sheet.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

from civic.content.poll import Poll, PollType, Proposal
from civic.errors import Unusable
from civic.files import csv_rows
from civic.shape import EXACT, SLUG, Count, Line, Many, Shape
from civic.votes.ballot import Ballot, Judged, Proposals, Spoiled, void_faults

VOID = "무효"
UNREADABLE = "unreadable"  # the fault of a sheet that both people took for void
HEAD = ("용지", "고른 번호")
MOST = 10_000  # sheets in a batch

Picks = Many[str] | None  # None: void


class TypedBatch(Shape):
    """A batch as one person typed it in: sheet -> picks."""

    format: Literal["madang-paper-entry/1"]
    poll: str
    rules: str
    batch: str
    by: str
    sheets: dict[int, Picks]


@dataclass(frozen=True)
class PaperBatch:
    """One batch of paper ballots, and how many of its sheets count."""

    __pydantic_config__ = EXACT
    batch: Line
    ballots: Count


def numbered(poll: Poll, proposals: Iterable[Proposal]) -> list[tuple[PollType, list[tuple[int, Proposal]]]]:
    """What may be picked, by type, with the numbers on the sheet, from 1; withdrawn ones keep theirs: it may be printed."""
    numbers, listed = count(1), sorted(proposals, key=lambda proposal: proposal.slug)
    kinds = [kind for kind in poll.types if kind.max]
    groups = [(kind, [(next(numbers), each) for each in listed if each.type == kind.id]) for kind in kinds]
    return [(kind, rows) for kind, rows in groups if rows]


def is_batch(name: str) -> bool:
    """Can a batch be called so?"""
    return bool(re.fullmatch(SLUG, name)) and len(name) <= 40


def read_entry(text: str, poll: Poll, proposals: Proposals, rules: str, batch: str, by: str) -> TypedBatch:
    """What one person typed in, as CSV with the columns 용지 and 고른 번호.

    A row is a sheet: its number, then the numbers of the proposals with blanks between, nothing for a blank sheet, or
    무효. Raises Unusable with every row that cannot be meant.
    """
    groups = numbered(poll, proposals.values())
    names = {number: proposal.slug for _, rows in groups for number, proposal in rows}
    if not is_batch(batch):
        raise Unusable([f"묶음의 이름은 영문 소문자와 숫자, 줄표(-)로만 쓰세요 (found {batch})"])
    if not by.strip():
        raise Unusable(["입력한 사람을 적으세요"])
    wrong: list[str] = []
    sheets: dict[int, Picks] = {}
    for line, cells in csv_rows(text, HEAD):
        try:
            sheet, picks = _row(cells, names)
        except ValueError as err:
            wrong.append(f"{line}줄: {err}")
            continue
        if sheet in sheets:
            wrong.append(f"{line}줄: 용지 {sheet}번이 두 번 있습니다")
        sheets[sheet] = picks
    gone = sorted(set(range(1, max(sheets, default=0) + 1)) - sheets.keys())[:20]
    wrong += [f"용지 {sheet}번이 빠졌습니다" for sheet in gone]
    if wrong or not sheets:
        raise Unusable(wrong or ["용지가 하나도 없습니다"])
    return TypedBatch(
        format="madang-paper-entry/1", poll=poll.slug, rules=rules, batch=batch, by=by.strip(), sheets=sheets
    )


def _row(cells: list[str], names: Mapping[int, str]) -> tuple[int, Picks]:
    if not cells[0].isdecimal() or not 1 <= int(cells[0]) <= MOST:
        raise ValueError(f"용지 번호가 아닙니다 (found {cells[0][:20]})")
    marks = " ".join(cells[1:]).split()
    if marks == [VOID]:
        return int(cells[0]), None
    unknown = [mark for mark in marks if not mark.isdecimal() or int(mark) not in names]
    if unknown:
        raise ValueError(f"투표용지에 없는 번호입니다 (found {', '.join(unknown)[:60]})")
    numbers = [int(mark) for mark in marks]
    if len(set(numbers)) < len(numbers):
        raise ValueError("같은 번호를 두 번 적었습니다")
    return int(cells[0]), tuple(sorted(names[number] for number in numbers))


def differences(first: TypedBatch, second: TypedBatch, poll: Poll, proposals: Proposals) -> list[str]:
    """Where two entries of a batch differ, sheet by sheet, in the numbers of the sheet; empty when they agree."""
    if first.by == second.by:
        return [f"같은 사람({first.by})이 두 번 입력했습니다. 다른 사람이 입력해야 합니다"]
    if (first.poll, first.rules, first.batch) != (second.poll, second.rules, second.batch):
        return ["다른 투표나 다른 규칙, 다른 묶음의 입력입니다"]
    groups = numbered(poll, proposals.values())
    numbers = {proposal.slug: number for _, rows in groups for number, proposal in rows}
    found = []
    for sheet in sorted({*first.sheets, *second.sheets}):
        was, now = (_in_numbers(batch, sheet, numbers) for batch in (first, second))
        if was != now:
            found.append(f"용지 {sheet}: {first.by} {was}, {second.by} {now}")
    return found


def _in_numbers(entry: TypedBatch, sheet: int, numbers: Mapping[str, int]) -> str:
    if sheet not in entry.sheets:
        return "없음"
    picks = entry.sheets[sheet]
    if picks is None:
        return VOID
    return " ".join(map(str, sorted(numbers[slug] for slug in picks))) or "빈 표"


def accept(first: TypedBatch, second: TypedBatch, poll: Poll, proposals: Proposals) -> Judged:
    """The ballots of a batch; sheets that break the poll's limits are void. Raises Unusable with what differs."""
    if found := differences(first, second, poll, proposals):
        raise Unusable(found)
    ballots: list[Ballot] = []
    void: list[Spoiled] = []
    for sheet, picks in sorted(first.sheets.items()):
        name = f"P-{first.batch}-{sheet:05d}"
        faults = [(UNREADABLE, "")] if picks is None else void_faults(poll, proposals, picks)
        if picks is None or faults:
            void.append(Spoiled(name, faults[0][0], first.batch))
        else:
            ballots.append(Ballot(name, picks, first.batch))
    return Judged(tuple(ballots), tuple(void))
