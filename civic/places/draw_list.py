"""What a draw commits to before anybody can know its order: one hash over everything that decides. And what follows from it.

    order = draw numbers sorted by SHA-256(seed ‖ draw number)

When sign-up ends the list is settled; until the freeze staff may only leave entries out, with a reason. Then one hash
covers list, sizes, places, who was left out, and where the seed will come from. Reasons enter as SHA-256(salt ‖ text), so
that one can be blacked out later and everything still checks.

No web, no clock, no files. Source: docs/rules.md#draw; the same for anyone to run: static/check_draw.py.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field

from civic.errors import NotEligible
from civic.people import check_public
from civic.shape import EXACT, Count, Digest, Line, Many, SeoulTime, Shape, document_hash
from civic.store.entry import Entry

FORMAT = "madang-draw/3"
EXCLUDED = "excluded: "  # + reason: cause of an entry that was left out before the freeze
BY_STAFF = "entered-by-staff"  # + ": channel", cause of an entry that staff typed in
Number = Annotated[str, Field(pattern=r"^[A-Z0-9]{4}(-[A-Z0-9]{4}){2}$")]
Kind = Literal["lotto", "number", "two"]
Result = Literal["", "confirmed", "waiting", "rejected"]
E = TypeVar("E", "DrawnEntry", Entry)
LONGEST = 300  # characters of what is published in one line
PATIENCE = timedelta(hours=24)  # in which two persons reveal what they committed to
LATE = "늦음: 미리 정한 추첨 값이 나온 뒤에 명단을 확정해 그 추첨 값을 쓰지 않습니다"
TWO = "두 사람이 저마다 만든 무작위 값"
_BALL = r"(?:[1-9]|[1-3][0-9]|4[0-5])"
_SPELT = {"lotto": rf"{_BALL}(?: {_BALL}){{5}}", "number": r"(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?"}


def sha256(text: str) -> str:
    """SHA-256 of UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def order(numbers: Iterable[str], seed: str) -> tuple[str, ...]:
    """All numbers in drawn order: ascending SHA-256 of seed and number (UTF-8, nothing between).

    Empty when nobody applied. Raises ValueError for an empty seed: an order without one was not drawn.
    """
    if not seed:
        raise ValueError("a draw needs a seed")
    return tuple(sorted(numbers, key=lambda number: sha256(seed + number)))


def give(free: int, line: Iterable[E]) -> list[E]:
    """Who gets one of the free places, of people in drawn order or in a waiting line; the others keep their order.

    Strict order: a group comes all or none; one that does not fit keeps its turn, and the next that fits goes.
    Empty when no place is free or nobody waits. Source: docs/rules.md#groups.
    """
    lucky = []
    for entry in line:
        if entry.size <= free:
            free -= entry.size
            lucky.append(entry)
    return lucky


def one_line(name: str, text: str) -> str:
    """A text as it is published: NFC, without spaces around it. Raises NotEligible unless it is one line of 1 to 300.

    name: what it is, for the refusal. A seed goes into a hash byte by byte, so that its form must be one for all.
    """
    tidy = unicodedata.normalize("NFC", text).strip()
    unseen = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in tidy)
    if unseen or not 1 <= len(tidy) <= LONGEST:
        raise NotEligible(f"{name}: 한 줄로 1자부터 {LONGEST}자까지 적으세요.")
    check_public(name, tidy)
    return tidy


def seen(name: str) -> str:
    """What the eye sees of a name: two that differ by spaces or unseen signs alone are one person."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name) if sign.isprintable() and sign != " ")


def is_spelt(kind: str, seed: str) -> bool:
    """Is a seed written in the one way of its kind? lotto: six ascending numbers of 1 to 45; number: digits, a point.

    No 0 at the end behind the point: whoever could add some could choose among many draws.
    """
    if not re.fullmatch(_SPELT.get(kind, ""), seed):
        return False
    balls = [int(ball) for ball in seed.split()] if kind == "lotto" else []
    return balls == sorted(set(balls))


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
    digest: Digest
    reason: str = ""
    salt: str = ""

    @property
    def is_true(self) -> bool:
        """Does the reason, where it is told, fit its digest?"""
        return not (self.reason or self.salt) or sha256(self.salt + self.reason) == self.digest


class Half(Shape):
    """What one of two persons adds to the seed: the hash first, the bits when both hashes are public."""

    by: Line
    hash: Digest
    at: SeoulTime
    bits: str = ""  # 128 random bits as 32 hex digits; "" until they are revealed
    revealed: SeoulTime | None = None

    @property
    def is_true(self) -> bool:
        """Are the bits those that the hash was made of?"""
        return bool(re.fullmatch(r"[0-9a-f]{32}", self.bits)) and sha256(self.bits) == self.hash


Pair = tuple[Half, ...]


class Seed(Shape):
    """A seed as it was used; the fact "drawn" of a round is its JSON."""

    seed: str  # "" where there were places for all
    by: str  # who read it
    at: SeoulTime  # when it was used


class FrozenList(Shape):
    """Everything that decides, as it was frozen for one round, and the hash over it; the fact "frozen" is its JSON."""

    label: Line
    frozen_at: SeoulTime
    places: Count  # free at the freeze
    waiting: Count | None  # people of the list who may wait; None: all who get no place
    by_staff: Count  # how many entries staff typed in
    kind: Kind
    source: Line  # of the seed
    seed_at: SeoulTime | None  # when it becomes known; None for two persons
    late: bool = False  # frozen when the seed could be known: two persons decide
    closing: Digest  # of the list when sign-up ended, those who were left out since included
    commitment: Digest  # of all of it but the words of reasons
    entries: Many[DrawnEntry]  # by number until the draw
    excluded: Many[LeftOut]  # by number

    @classmethod
    def of(cls, subject: str, id: str, **terms: Any) -> Self:
        """The list of a round with its hash. terms: the other fields."""
        bare = cls(commitment="0" * 64, **terms)
        return bare.model_copy(update={"commitment": bare.hash(subject, id)})

    def hash(self, subject: str, id: str) -> str:
        """What the commitment must be, for the round of that id."""
        told = self.model_dump(mode="json", include=set(FrozenList.model_fields) - {"commitment"})
        told |= {"format": FORMAT, "subject": subject, "round": id, "seed_at": told["seed_at"] or ""}
        told["entries"] = sorted([entry.number, entry.size] for entry in self.entries)
        told["excluded"] = sorted([out.number, out.size, out.digest] for out in self.excluded)
        return document_hash(told)

    @property
    def sizes(self) -> dict[str, int]:
        """People per number."""
        return {entry.number: entry.size for entry in self.entries}

    @property
    def is_contested(self) -> bool:
        """Are there more people in the list than places?"""
        return sum(self.sizes.values()) > self.places

    def outcome(self, seed: str) -> tuple[DrawnEntry, ...]:
        """In drawn order; by number where nothing is drawn."""
        sizes = self.sizes
        numbers = order(sizes, seed) if self.is_contested else sorted(sizes)
        drawn = [DrawnEntry(number, sizes[number]) for number in numbers]
        given = set(give(self.places, drawn))
        room = sum(sizes.values()) if self.waiting is None else self.waiting
        line = set(give(room, [entry for entry in drawn if entry not in given]))

        def result(entry: DrawnEntry) -> Result:
            return "confirmed" if entry in given else "waiting" if entry in line else "rejected"

        return tuple(replace(entry, result=result(entry)) for entry in drawn)

    def wrong(self, subject: str, id: str) -> str:
        """What in the list itself cannot be; "" when nothing. Whoever has its hash from elsewhere compares that."""
        listed: list[DrawnEntry | LeftOut] = [*self.entries, *self.excluded]
        is_two, is_known = self.kind == "two", bool(self.seed_at and self.frozen_at >= self.seed_at)
        faults = {
            "명단, 자리, 뺀 신청, 추첨 값의 출처 가운데 하나가 확정할 때 공개한 확인 값과 다릅니다": (
                self.hash(subject, id) != self.commitment
            ),
            "한 추첨 번호가 두 번 있습니다": len({entry.number for entry in listed}) < len(listed),
            "명단이 접수를 마감할 때의 명단과 다릅니다": list_hash(listed) != self.closing,
            "뺀 까닭이 그 확인 값과 다릅니다": not all(out.is_true for out in self.excluded),
            "추첨 값의 종류와 때가 맞지 않습니다": is_two == bool(self.seed_at) or (self.late and not is_two),
            "추첨 값이 나온 뒤에 명단을 확정했습니다": is_known,
        }
        return next((said for said, is_so in faults.items() if is_so), "")

    def wrong_seed(self, seed: str, at: datetime, pairs: Sequence[Pair]) -> str:
        """Why a seed, used then, is not the one that this list was to be drawn by; "" when it is."""
        if not self.is_contested:
            return "추첨하지 않는 회차에 추첨 값이 있습니다" if seed else ""
        if self.seed_at:
            if not is_spelt(self.kind, seed):
                return "추첨 값의 적는 법이 다릅니다"
            return "추첨 값이 나오기 전에 추첨했습니다" if at < self.seed_at else ""
        pair = pairs[-1] if pairs else ()
        if len(pair) != 2 or seen(pair[0].by) == seen(pair[1].by) or not all(half.is_true for half in pair):
            return "두 사람의 무작위 값이 모이지 않았습니다"
        if pair[0].hash == pair[1].hash or seed != joined(self.commitment, pair):
            return "추첨 값이 두 사람의 무작위 값에서 나온 값이 아닙니다"
        first, last = sorted(half.at for half in pair)
        shown = [half for half in pair if half.revealed and last <= half.revealed <= last + PATIENCE]
        in_time = self.frozen_at <= first and len(shown) == 2
        return "" if in_time else "무작위 값을 약속하고 밝힌 때가 맞지 않습니다"


def joined(commitment: str, pair: Pair) -> str:
    """The seed of two persons: SHA-256 over the list's hash and what each revealed."""
    return sha256(commitment + pair[0].bits + pair[1].bits)


def list_hash(entries: Iterable[DrawnEntry | LeftOut]) -> str:
    """SHA-256 of numbers and sizes, by number."""
    return document_hash(sorted([entry.number, entry.size] for entry in entries))


def pairs_of(facts: Mapping[str, str]) -> list[Pair]:
    """The pairs of a round so far, oldest first; only the last may be of one half."""
    found: dict[str, Pair] = {}
    for name in sorted(name for name in facts if name.startswith("half:")):
        of_half = name.removeprefix("half:")
        given = json.loads(facts[name]) | json.loads(facts.get(f"bits:{of_half}", "{}"))
        half = Half.model_validate_json(json.dumps(given))
        found[of_half[:3]] = (*found.get(of_half[:3], ()), half)
    return list(found.values())
