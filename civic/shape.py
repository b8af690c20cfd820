"""The base of everything that staff write, and the kinds of value it is made of. No rules, no files."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator

from civic.clock import SEOUL, YEARS

# Else the entry points of all packages that are installed are read, for plugins that nobody has put there.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Strict(False)]  # a TOML array; its items stay strict

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(pattern=SLUG, max_length=80)]
Count = Annotated[int, Field(ge=0)]
Won = Annotated[int, Field(ge=0)]  # money
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256
Text = Annotated[str, Field(max_length=300)]
Line = Annotated[Text, Field(min_length=1)]


def _in_seoul(value: datetime) -> datetime:
    """A time written without an offset is Seoul time: staff write what stands on the poster."""
    if value.year not in YEARS:
        raise ValueError(f"{YEARS[0]}년부터 {YEARS[-1]}년까지 쓸 수 있습니다")
    return value.replace(tzinfo=SEOUL) if value.tzinfo is None else value.astimezone(SEOUL)


SeoulTime = Annotated[datetime, AfterValidator(_in_seoul)]


def document_hash(document: object) -> str:
    """SHA-256 (64 hex digits) of a JSON value in its one spelling."""
    return hashlib.sha256(canonical(document)).hexdigest()


def canonical(document: object) -> bytes:
    """A JSON value in its one spelling: keys sorted, nothing between, Korean as it is."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def first_name(name: str, aliases: tuple[str, ...]) -> str:
    """The first name that something ever had: what is kept for it is kept under that one."""
    return aliases[0] if aliases else name


# (is it so, what to do, the path of the key from the table that finds it, if it is not the message's first word)
Clash = tuple[object, str, *tuple[str | int, ...]]


def repeated(names: Iterable[str]) -> list[str]:
    """Those that are there more than once, in order."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


class Misplaced(ValueError):
    """A mistake that a table finds in something inside it."""

    def __init__(self, said: str, *path: str | int) -> None:
        super().__init__(said)
        self.path = path


class Shape(BaseModel):
    """Base of everything staff write: unknown keys are mistakes, types are exact, nothing changes later."""

    # Deferred: a build reads few kinds anew, and most commands none.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    def clashes(self) -> Iterator[Clash]:
        """What cannot be, though each key by itself may; the first that is so is told, and none behind it is looked at."""
        yield from ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for is_so, said, *path in self.clashes():
            if is_so:
                raise Misplaced(said, *path)
        return self


# As `__pydantic_config__` of a dataclass: inside a shape it is checked as if it were one.
EXACT = ConfigDict(extra="forbid", strict=True, revalidate_instances="always")
