"""The files that `votes close` and `votes open` leave for the next command, checked where they are read.

A cut or altered file is refused with its name and each field that is wrong; nothing here judges a ballot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from civic.codes import NUMBER_SIGNS
from civic.content.front_matter import dotted
from civic.content.mistakes import say
from civic.shape import Line, Many, SeoulTime, Shape, Slug
from civic.votes.ballot import receipts_digest
from civic.votes.published import Count, Digest

BOX, OPENED = "madang-box/1", "madang-opened/1"
MOST_SHOWN = 20  # mistakes of one file

Code = Annotated[str, StringConstraints(pattern=rf"^[{NUMBER_SIGNS}]{{4}}(-[{NUMBER_SIGNS}]{{4}}){{3}}$")]
_OWN_WORDS = {
    "string_pattern_mismatch": "형식이 맞지 않습니다",
    "extra_forbidden": "이 파일에 없는 항목입니다",
    "json_invalid": "JSON 파일이 아니거나 중간에 잘렸습니다",
}


class FileMistake(Exception):
    """A file that cannot be used; one line per reason, in Korean, each with the file's name."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(lines))


class _Told(Shape):
    """What both files say of the board that was told at closing."""

    poll: Slug
    rules: Digest
    papers: Count
    digest: Digest
    receipts: Many[Code]

    @property
    def is_as_told(self) -> bool:
        """Do the receipts have the fingerprint that stands beside them?"""
        return receipts_digest(self.receipts) == self.digest


class BoxFile(_Told):
    """What `votes close` exports."""

    format: Literal["madang-box/1"]
    closed: SeoulTime
    envelopes: Many[str]


class OpenedBallot(Shape):
    """One ballot out of its envelope."""

    tracker: Line
    choices: Many[Slug]


class SpoiledBallot(Shape):
    """One envelope that holds no valid ballot; fault: a key of civic.votes.ballot.FAULTS."""

    receipt: Code
    fault: Annotated[str, Field(pattern=r"^[a-z-]+$", max_length=40)]


class OpenedFile(_Told):
    """What `votes open` writes."""

    format: Literal["madang-opened/1"]
    ballots: Many[OpenedBallot]
    void: Many[SpoiledBallot]


F = TypeVar("F", bound=Shape)


def read_file(file: Path, model: type[F]) -> F:
    """The file in its shape. Raises FileMistake naming the file and each wrong field."""
    try:
        return model.model_validate_json(file.read_text("utf-8"))
    except ValidationError as wrong:
        raise FileMistake(shape_lines(file, wrong)) from None
    except UnicodeDecodeError:
        raise FileMistake([f"{file}: UTF-8로 적힌 파일이 아닙니다."]) from None


def shape_lines(file: Path, wrong: ValidationError) -> list[str]:
    """Each wrong field of a file in Korean: "opened.json: ballots.0.tracker: 꼭 써야 합니다"."""
    lines = []
    for each in wrong.errors(include_url=False):
        kind, place = each["type"], dotted(each["loc"])
        said = _OWN_WORDS.get(kind) or say(kind, dict(each.get("ctx", {})), each["input"])[0]
        lines.append(f"{file}: {place}: {said}" if place else f"{file}: {said}")
    lines = list(dict.fromkeys(lines))
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], f"{file}: 그 밖에 {more}곳"] if more > 0 else lines
