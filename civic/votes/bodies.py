"""Score tables of other bodies (a committee, a dong meeting): read from CSV for the weighted count. No files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from fractions import Fraction

from civic.content.poll import Poll, Proposal
from civic.korean import josa
from civic.votes.count import Number
from civic.votes.result import candidates_of

HEAD = ("제안", "점수")
_POINTS = re.compile(r"\d{1,9}(\.\d{1,6})?")


class ScoreMistake(Exception):
    """A score table cannot be used; one line for each reason, in Korean."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(lines))


def read_scores(text: str, poll: Poll, proposals: Mapping[str, Proposal]) -> dict[str, Number]:
    """The points of every proposal, exact. text: CSV with the columns 제안 (its file name) and 점수.

    Proposals that take no part (withdrawn, not voted on) may be left out; all others must be there once.
    Raises ScoreMistake with every row that is wrong and every proposal that is missing.
    """
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    if not rows or tuple(cell.strip() for cell in rows[0][:2]) != HEAD:
        raise ScoreMistake([f"1줄: 첫 줄은 {','.join(HEAD)}이어야 합니다"])
    wrong: list[str] = []
    points: dict[str, Number] = {}
    for line, row in enumerate(rows[1:], 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        slug, given = cells[0], cells[1] if len(cells) > 1 else ""
        if slug not in proposals:
            wrong.append(f"{line}줄: 이 투표에 없는 제안입니다 (found {slug[:80]})")
        elif slug in points:
            wrong.append(f"{line}줄: {josa(slug, '이/가')} 두 번 있습니다")
        elif not _POINTS.fullmatch(given):
            wrong.append(f"{line}줄: 점수는 0 이상의 수로 쓰세요 (found {given[:20]})")
        else:
            exact = Fraction(given)
            points[slug] = int(exact) if exact.denominator == 1 else exact
    for each in candidates_of(poll, proposals.values()):
        if each.out:
            points.setdefault(each.slug, 0)
        elif each.slug not in points:
            wrong.append(f"{each.slug}: 점수가 없습니다")
    if wrong:
        raise ScoreMistake(wrong)
    return points
