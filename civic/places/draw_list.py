"""What a draw commits to before anybody can know its order: one hash over everything that decides. And what follows from it.

    order = draw numbers sorted by SHA-256(seed ‖ draw number)

When sign-up ends the list is settled; until the freeze staff may only leave entries out, with a reason. Then one hash
covers list, sizes, places, who was left out, and where the seed will come from. Reasons enter as SHA-256(salt ‖ text), so
that one can be blacked out later and everything still checks.

No web, no clock, no files. Source: docs/rules.md#draw; the same for anyone to run: static/check_draw.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from civic.errors import NotEligible
from civic.people import check_public
from civic.shape import EXACT

FORMAT = "madang-draw/3"
EXCLUDED = "excluded: "  # + reason: cause of an entry that was left out before the freeze
BY_STAFF = "entered-by-staff"  # + ": channel", cause of an entry that staff typed in
Number = Annotated[str, Field(pattern=r"^[A-Z0-9]{4}(-[A-Z0-9]{4}){2}$")]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["lotto", "number", "two"]
Result = Literal["", "confirmed", "waiting", "rejected"]
LONGEST = 300  # characters of what is published in one line
PATIENCE = timedelta(hours=24)  # in which two persons reveal what they committed to
LATE = "늦음: 미리 정한 추첨 값이 나온 뒤에 명단을 확정해 그 추첨 값을 쓰지 않습니다"
TWO = "두 사람이 저마다 만든 무작위 값"
_BALL = r"(?:[1-9]|[1-3][0-9]|4[0-5])"
_SPELT = {"lotto": rf"{_BALL}(?: {_BALL}){{5}}", "number": r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"}


def sha256(text: str) -> str:
    """SHA-256 of UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON in its one spelling: keys sorted, nothing between, no escapes that are not needed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def order(numbers: Iterable[str], seed: str) -> tuple[str, ...]:
    """All numbers in drawn order: ascending SHA-256 of seed and number (UTF-8, nothing between).

    Empty when nobody applied. Raises ValueError for an empty seed: an order without one was not drawn.
    """
    if not seed:
        raise ValueError("a draw needs a seed")
    return tuple(sorted(numbers, key=lambda number: sha256(seed + number)))


def is_needed(sizes: Mapping[str, int], places: int) -> bool:
    """Are there more people than places? Otherwise everyone gets one and nothing is drawn.

    sizes: people per number.
    """
    return sum(sizes.values()) > places


def give(drawn: Iterable[str], sizes: Mapping[str, int], places: int) -> tuple[str, ...]:
    """Who gets a place, in drawn order, a group all or none; the others wait in the same order.

    drawn: numbers in order; sizes: people per number; places: places to give.
    A group that does not fit keeps its turn in the line; those after it who fit are not held up.
    Source: docs/rules.md#groups.
    """
    confirmed, left = [], places
    for number in drawn:
        if sizes[number] <= left:
            left -= sizes[number]
            confirmed.append(number)
    return tuple(confirmed)


def one_line(name: str, text: str) -> str:
    """A text as it is published: NFC, without spaces around it. Raises NotEligible unless it is one line of 1 to 300.

    name: what it is, for the refusal. A seed goes into a hash byte by byte, so that its form must be one for all.
    """
    tidy = unicodedata.normalize("NFC", text).strip()
    unseen = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in tidy)
    if unseen or not 1 <= len(tidy) <= LONGEST:
        raise NotEligible(f"{name}: 한 줄로 1자부터 {LONGEST}자까지 적으세요.")
    check_public(name, tidy)
    return tidy


def is_spelt(kind: str, seed: str) -> bool:
    """Is a seed written in the one way of its kind? lotto: six ascending numbers of 1 to 45; number: digits, a point."""
    if not re.fullmatch(_SPELT.get(kind, ""), seed):
        return False
    balls = [int(ball) for ball in seed.split()] if kind == "lotto" else []
    return balls == sorted(set(balls))


# ---------------------------------------------------------------------------- what is fixed about a round


@dataclass(frozen=True)
class DrawnEntry:
    """One sign-up, by number until the draw, then in drawn order. result: "" until the draw."""

    __pydantic_config__ = EXACT
    number: Number
    size: Annotated[int, Field(ge=1)]
    result: Result = ""


@dataclass(frozen=True)
class LeftOut:
    """One sign-up that was left out before the freeze. reason, salt: "" where they were blacked out."""

    __pydantic_config__ = EXACT
    number: Number
    size: Annotated[int, Field(ge=1)]
    digest: Hex
    reason: str = ""
    salt: str = ""

    @property
    def is_true(self) -> bool:
        """Does the reason, where it is told, fit its digest?"""
        return not (self.reason or self.salt) or sha256(self.salt + self.reason) == self.digest


@dataclass(frozen=True)
class Half:
    """What one of two persons adds to the seed: the hash first, the bits when both hashes are public."""

    __pydantic_config__ = EXACT
    by: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    hash: Hex
    at: str  # ISO
    bits: str = ""  # 128 random bits as 32 hex digits; "" until they are revealed
    revealed: str = ""  # ISO

    @property
    def is_true(self) -> bool:
        """Are the bits those that the hash was made of?"""
        return bool(re.fullmatch(r"[0-9a-f]{32}", self.bits)) and sha256(self.bits) == self.hash


Pair = tuple[Half, ...]


@dataclass(frozen=True)
class Seed:
    """A seed as it was used; the fact "drawn" of a round is its JSON."""

    seed: str  # "" where there were places for all
    by: str  # who read it
    at: str  # ISO: when it was used

    @classmethod
    def read(cls, text: str) -> Seed:
        """The seed of a fact."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class FrozenList:
    """Everything that decides, as it was frozen for one round; the fact "frozen" is its JSON."""

    subject: str
    round: str
    label: str
    frozen_at: str  # ISO
    places: int  # free at the freeze
    waiting: int | None  # people of the list who may wait; None: all who get no place
    entries: tuple[DrawnEntry, ...]  # by number
    excluded: tuple[LeftOut, ...]  # by number
    by_staff: int  # how many entries staff typed in
    kind: str
    source: str  # of the seed
    seed_at: str  # ISO: when it becomes known; "" for two persons
    closing: str  # hash of the list when sign-up ended, those who were left out since included
    late: bool = field(default=False)  # frozen when the seed could be known: two persons decide

    @property
    def sizes(self) -> dict[str, int]:
        """People per number."""
        return {entry.number: entry.size for entry in self.entries}

    @property
    def is_contested(self) -> bool:
        """Are there more people in the list than places?"""
        return is_needed(self.sizes, self.places)

    @property
    def commitment(self) -> str:
        """The hash over everything here but the words of reasons."""
        terms: dict[str, Any] = dict(vars(self)) | {"format": FORMAT}
        terms["entries"] = sorted([entry.number, entry.size] for entry in self.entries)
        terms["excluded"] = sorted([out.number, out.size, out.digest] for out in self.excluded)
        return sha256(canonical(terms))

    def outcome(self, seed: str) -> tuple[DrawnEntry, ...]:
        """In drawn order; by number where nothing is drawn."""
        sizes = self.sizes
        drawn = order(sizes, seed) if self.is_contested else tuple(sorted(sizes))
        given = set(give(drawn, sizes, self.places))
        others = [number for number in drawn if number not in given]
        line = set(give(others, sizes, sum(sizes.values()) if self.waiting is None else self.waiting))

        def result(number: str) -> Result:
            return "confirmed" if number in given else "waiting" if number in line else "rejected"

        return tuple(DrawnEntry(number, sizes[number], result(number)) for number in drawn)

    def wrong(self) -> str:
        """What in the list itself cannot be; "" when nothing. Its hash is compared by whoever has it."""
        numbers = [entry.number for entry in self.entries] + [out.number for out in self.excluded]
        if len(set(numbers)) != len(numbers):
            return "한 추첨 번호가 두 번 있습니다"
        if list_hash([*self.entries, *self.excluded]) != self.closing:
            return "명단이 접수를 마감할 때의 명단과 다릅니다"
        if not all(out.is_true for out in self.excluded):
            return "뺀 까닭이 그 확인 값과 다릅니다"
        if (self.kind == "two") == bool(self.seed_at) or (self.late and self.kind != "two"):
            return "추첨 값의 종류와 때가 맞지 않습니다"
        if self.seed_at and _time(self.frozen_at) >= _time(self.seed_at):
            return "추첨 값이 나온 뒤에 명단을 확정했습니다"
        return ""

    def wrong_seed(self, seed: Seed, pairs: Sequence[Pair]) -> str:
        """Why a seed is not the one that this list was to be drawn by; "" when it is."""
        if not self.is_contested:
            return "추첨하지 않는 회차에 추첨 값이 있습니다" if seed.seed else ""
        if self.kind == "two":
            pair = pairs[-1] if pairs else ()
            if len(pair) != 2 or pair[0].by == pair[1].by or not all(half.is_true for half in pair):
                return "두 사람의 무작위 값이 모이지 않았습니다"
            if pair[0].hash == pair[1].hash or seed.seed != joined(self.commitment, pair):
                return "추첨 값이 두 사람의 무작위 값에서 나온 값이 아닙니다"
            return "" if _in_time(self, pair) else "무작위 값을 약속하고 밝힌 때가 맞지 않습니다"
        if not is_spelt(self.kind, seed.seed):
            return "추첨 값의 적는 법이 다릅니다"
        return "추첨 값이 나오기 전에 추첨했습니다" if _time(seed.at) < _time(self.seed_at) else ""

    @classmethod
    def read(cls, text: str) -> FrozenList:
        """The list of a fact."""
        given = json.loads(text)
        given["entries"] = tuple(DrawnEntry(**each) for each in given["entries"])
        given["excluded"] = tuple(LeftOut(**each) for each in given["excluded"])
        return cls(**given)


def joined(commitment: str, pair: Pair) -> str:
    """The seed of two persons: SHA-256 over the list's hash and what each revealed."""
    return sha256(commitment + pair[0].bits + pair[1].bits)


def list_hash(entries: Iterable[DrawnEntry | LeftOut]) -> str:
    """SHA-256 of numbers and sizes, by number."""
    return sha256(canonical(sorted([entry.number, entry.size] for entry in entries)))


def pairs_of(facts: Mapping[str, str]) -> list[Pair]:
    """The pairs of a round so far, oldest first; only the last may be of one half."""
    found: list[list[Half]] = []
    for name in sorted(name for name in facts if name.startswith("half:")):
        _, number, side = name.split(":")
        given = json.loads(facts[name]) | json.loads(facts.get(f"bits:{number}:{side}", "{}"))
        if side == "1":
            found.append([])
        found[-1].append(Half(**given))
    return [tuple(pair) for pair in found]


def _in_time(frozen: FrozenList, pair: Pair) -> bool:
    promised = [_time(half.at) for half in pair]
    revealed = [_time(half.revealed) for half in pair]
    return _time(frozen.frozen_at) <= min(promised) and all(
        max(promised) <= at <= max(promised) + PATIENCE for at in revealed
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
