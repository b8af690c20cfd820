"""Paper ballots: numbers on the sheet, what two people typed in, and where they differ. Pure: no files, no clock.

The sheets of a batch are numbered by hand after the urn was opened, so a number leads to no voter. Two people type
the batch in apart from each other; it counts only when both say the same of every sheet.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from civic.content.poll import Poll, PollType, Proposal
from civic.votes.ballot import Ballot, Spoiled, choice_faults
from civic.votes.check import Batch
from civic.votes.count import count

ENTRY, ACCEPTED = "madang-paper-entry/1", "madang-paper/1"
VOID = "무효"
UNREADABLE = "unreadable"  # the fault of a sheet that both people took for void
HEAD = ("용지", "고른 번호")
MOST = 10_000  # sheets in a batch
BATCH_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

Picks = tuple[str, ...] | None  # None: void


class PaperMistake(Exception):
    """What was typed in, or what two people typed in, cannot be taken; one line for each reason, in Korean."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True)
class Entry:
    """A batch as one person typed it in: sheet -> picks."""

    poll: str
    rules: str
    batch: str
    by: str
    sheets: Mapping[int, Picks]


@dataclass(frozen=True)
class Counted:
    """A batch on which both agree."""

    ballots: tuple[Ballot, ...]
    void: tuple[Spoiled, ...]
    batch: Batch
    by: tuple[str, str]


def numbered(poll: Poll, proposals: Iterable[Proposal]) -> list[tuple[PollType, list[tuple[int, Proposal]]]]:
    """The proposals that may be picked, by type, with the numbers that stand on the sheet: from 1, through all types.

    Withdrawn proposals keep their number and are marked: sheets may be printed already.
    """
    number = 0
    groups = []
    listed = sorted(proposals, key=lambda each: each.slug)
    for kind in poll.types:
        mine = [each for each in listed if each.type == kind.id and kind.max]
        if mine:
            groups.append((kind, [(number + place, each) for place, each in enumerate(mine, 1)]))
            number += len(mine)
    return groups


def read_entry(
    text: str, poll: Poll, proposals: Mapping[str, Proposal], rules: str, batch: str, by: str
) -> Entry:
    """What one person typed in, as CSV with the columns 용지 and 고른 번호.

    A row is a sheet: its number, then the numbers of the proposals with blanks between, nothing for a blank sheet, or
    무효. Raises PaperMistake with every row that cannot be meant.
    """
    names = {number: each.slug for _, rows in numbered(poll, proposals.values()) for number, each in rows}
    if not BATCH_NAME.fullmatch(batch) or len(batch) > 40:
        raise PaperMistake([f"묶음의 이름은 영문 소문자와 숫자, 줄표(-)로만 쓰세요 (found {batch})"])
    if not by.strip():
        raise PaperMistake(["입력한 사람을 적으세요"])
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    if not rows or tuple(cell.strip() for cell in rows[0][:2]) != HEAD:
        raise PaperMistake([f"1줄: 첫 줄은 {','.join(HEAD)}이어야 합니다"])
    wrong: list[str] = []
    sheets: dict[int, Picks] = {}
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            sheet, picks = _row(row, names)
        except ValueError as err:
            wrong.append(f"{line}줄: {err}")
            continue
        if sheet in sheets:
            wrong.append(f"{line}줄: 용지 {sheet}번이 두 번 있습니다")
        sheets[sheet] = picks
    gone = sorted(set(range(1, max(sheets, default=0) + 1)) - sheets.keys())[:20]
    wrong += [f"용지 {sheet}번이 빠졌습니다" for sheet in gone]
    if wrong or not sheets:
        raise PaperMistake(wrong or ["용지가 하나도 없습니다"])
    return Entry(poll.slug, rules, batch, by.strip(), sheets)


def _row(row: list[str], names: Mapping[int, str]) -> tuple[int, Picks]:
    cells = [cell.strip() for cell in row]
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


def differences(first: Entry, second: Entry, poll: Poll, proposals: Mapping[str, Proposal]) -> list[str]:
    """Where two entries of a batch differ, sheet by sheet, in the numbers of the sheet; empty when they agree."""
    if first.by == second.by:
        return [f"같은 사람({first.by})이 두 번 입력했습니다. 다른 사람이 입력해야 합니다"]
    if (first.poll, first.rules, first.batch) != (second.poll, second.rules, second.batch):
        return ["다른 투표나 다른 규칙, 다른 묶음의 입력입니다"]
    numbers = {each.slug: number for _, rows in numbered(poll, proposals.values()) for number, each in rows}
    found = []
    for sheet in sorted({*first.sheets, *second.sheets}):
        said = [_said(each, sheet, numbers) for each in (first, second)]
        if said[0] != said[1]:
            found.append(f"용지 {sheet}: {first.by} {said[0]}, {second.by} {said[1]}")
    return found


def _said(entry: Entry, sheet: int, numbers: Mapping[str, int]) -> str:
    if sheet not in entry.sheets:
        return "없음"
    picks = entry.sheets[sheet]
    if picks is None:
        return VOID
    return " ".join(map(str, sorted(numbers[slug] for slug in picks))) or "빈 표"


def accept(first: Entry, second: Entry, poll: Poll, proposals: Mapping[str, Proposal]) -> Counted:
    """The ballots of a batch. Sheets that break the poll's limits are void, like online ballots that do.

    Raises PaperMistake with the differences.
    """
    if found := differences(first, second, poll, proposals):
        raise PaperMistake(found)
    ballots: list[Ballot] = []
    void: list[Spoiled] = []
    for sheet, picks in sorted(first.sheets.items()):
        name = f"P-{first.batch}-{sheet:05d}"
        faults = [(UNREADABLE, "")] if picks is None else choice_faults(poll, proposals, picks)
        faults = [fault for fault in faults if fault[0] != "withdrawn"]  # the count passes over it
        if picks is None or faults:
            void.append(Spoiled(name, faults[0][0], first.batch))
        else:
            ballots.append(Ballot(name, picks, first.batch))
    totals = [_totals(entry, {each.receipt for each in void}) for entry in (first, second)]
    batch = Batch(first.batch, len(ballots), tuple(totals))
    return Counted(tuple(ballots), tuple(void), batch, (first.by, second.by))


def _totals(entry: Entry, void: set[str]) -> Counter[str]:
    return count(
        picks for sheet, picks in entry.sheets.items() if picks and f"P-{entry.batch}-{sheet:05d}" not in void
    )


# ---------------------------------------------------------------------------- as it is kept


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "format": ENTRY,
        "poll": entry.poll,
        "rules": entry.rules,
        "batch": entry.batch,
        "by": entry.by,
        "sheets": {
            str(sheet): picks if picks is None else list(picks) for sheet, picks in entry.sheets.items()
        },
    }


def read_document(document: Any) -> Entry:
    """An entry from its JSON. Raises PaperMistake when it is none."""
    try:
        if document["format"] != ENTRY:
            raise KeyError("format")
        sheets = {
            int(sheet): None if picks is None else tuple(map(str, picks))
            for sheet, picks in document["sheets"].items()
        }
        texts = [str(document[name]) for name in ("poll", "rules", "batch", "by")]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PaperMistake(["종이 표의 입력 파일이 아니거나 깨졌습니다"]) from None
    return Entry(texts[0], texts[1], texts[2], texts[3], sheets)
