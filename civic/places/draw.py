"""A draw: who is drawn, in an order that anyone can work out again, and its acts: leave out, freeze, run.

The list of receipt numbers is frozen and its hash published before the seed is known; the seed is a public
value (named in advance, or thrown with dice in public). Then nobody, staff included, can steer the order:

    order = receipt numbers sorted by SHA-256(seed ‖ number)

Each act works on one round in one transaction, and what it settles is fixed for good: a list is frozen once and drawn
once, by a seed of its own. There is no way to put somebody into a list, to change an order, or to draw again.

No chance of its own, no web, no clock, no files. Source: docs/rules.md#draw; the same for anyone to run:
static/check_draw.py.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from civic.content.form import FormSpec
from civic.errors import NotEligible, NotFound
from civic.people import check_public
from civic.places import line, rules
from civic.places.form_round import FormRound
from civic.shape import EXACT

if TYPE_CHECKING:
    from civic.store.book import Book

EXCLUDED = "excluded: "  # + reason: cause of an entry that was left out before the freeze
Number = Annotated[str, Field(pattern=r"^[A-Z0-9]{4}-[A-Z0-9]{4}$")]
Result = Literal["confirmed", "waiting", "rejected"]
LONGEST = 300  # characters of what is published in one line


def list_hash(numbers: Iterable[str]) -> str:
    """SHA-256 (hex) of the frozen list: the sorted numbers, each followed by a line feed.

    Empty list: the hash of no bytes. Raises ValueError when a number stands twice.
    """
    listed = sorted(numbers)
    if len(set(listed)) != len(listed):
        raise ValueError("a receipt number stands twice in the list")
    return hashlib.sha256("".join(f"{number}\n" for number in listed).encode()).hexdigest()


def order(numbers: Iterable[str], seed: str) -> tuple[str, ...]:
    """All numbers in drawn order: ascending SHA-256 of seed and number (UTF-8, nothing between).

    Empty when nobody applied. Raises ValueError for an empty seed: an order without one was not drawn.
    """
    if not seed:
        raise ValueError("a draw needs a seed")
    return tuple(sorted(numbers, key=lambda number: hashlib.sha256((seed + number).encode()).digest()))


def is_needed(sizes: Mapping[str, int], places: int) -> bool:
    """Are there more people than places? Otherwise everyone gets one and nothing is drawn.

    sizes: people per receipt number.
    """
    return sum(sizes.values()) > places


def give(drawn: Iterable[str], sizes: Mapping[str, int], places: int) -> tuple[str, ...]:
    """Who gets a place, in drawn order, a group all or none; the others wait in the same order.

    drawn: receipt numbers in order; sizes: people per number; places: places to give.
    A group that does not fit keeps its turn in the line; those after it who fit are not held up.
    Source: docs/rules.md#groups.
    """
    confirmed, left = [], places
    for number in drawn:
        if sizes[number] <= left:
            left -= sizes[number]
            confirmed.append(number)
    return tuple(confirmed)


# ---------------------------------------------------------------------------- what is fixed about a round


@dataclass(frozen=True)
class DrawnEntry:
    """One sign-up in drawn order."""

    __pydantic_config__ = EXACT
    number: Number
    size: Annotated[int, Field(ge=1)]
    result: Result


@dataclass(frozen=True)
class FrozenList:
    """The list of one round, as it was frozen; the fact "frozen" is its JSON."""

    at: str  # ISO
    label: str  # of the round
    places: int  # free at the freeze
    entries: tuple[tuple[str, int], ...]  # (receipt number, people), by number
    excluded: tuple[tuple[str, str], ...]  # (receipt number, reason)
    list_hash: str
    source: str = ""  # of the seed, as the page named it in advance; "" where dice are to be thrown
    waiting: int | None = None  # people of the list who may wait; None: all who get no place

    @property
    def is_contested(self) -> bool:
        """Are there more people in the list than places?"""
        return is_needed(self.sizes, self.places)

    @property
    def sizes(self) -> dict[str, int]:
        """People per receipt number."""
        return dict(self.entries)

    def outcome(self, seed: str) -> tuple[DrawnEntry, ...]:
        """In drawn order; by number where nothing is drawn."""
        sizes = self.sizes
        drawn = order(sizes, seed) if self.is_contested else tuple(sizes)
        given = set(give(drawn, sizes, self.places))
        others = [number for number in drawn if number not in given]
        line = set(give(others, sizes, sum(sizes.values()) if self.waiting is None else self.waiting))

        def result(number: str) -> Result:
            return "confirmed" if number in given else "waiting" if number in line else "rejected"

        return tuple(DrawnEntry(number, sizes[number], result(number)) for number in drawn)

    @classmethod
    def read(cls, text: str) -> FrozenList:
        """The list of a fact."""
        fields = json.loads(text)
        lists = {name: tuple(map(tuple, fields[name])) for name in ("entries", "excluded")}
        return cls(**fields | lists)


@dataclass(frozen=True)
class Seed:
    """A seed and where it came from; the fact "drawn" of a round is its JSON."""

    seed: str
    source: str  # the public value named in advance, or the dice
    by: str  # who read it or threw it
    at: str  # ISO: when it became known

    def tidy(self) -> Seed:
        """As it is published, see `one_line`. Raises NotEligible."""
        named = {"seed": "씨앗", "source": "씨앗의 출처", "by": "확인한 사람"}
        return replace(self, **{name: one_line(label, getattr(self, name)) for name, label in named.items()})

    @classmethod
    def read(cls, text: str) -> Seed:
        """The seed of a fact."""
        return cls(**json.loads(text))


# ---------------------------------------------------------------------------- acts


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


def exclude(book: Book, round_: FormRound, number: str, reason: str, now: datetime) -> None:
    """Leave an entry out of the draw, with a reason that is published.

    Raises NotEligible once the list is frozen or for a reason that cannot be published (`one_line`), NotFound when
    nothing of that number waits for a draw in this round.
    """
    reason = one_line("뺀 까닭", reason)
    book.counts(round_.id)
    if "frozen" in book.fixed(round_.id):
        raise NotEligible("명단을 이미 얼렸습니다. 얼린 뒤에는 아무도 빼거나 넣을 수 없습니다.")
    entry = book.get(number)
    if entry is None or entry.round != round_.id or entry.state != "received":
        raise NotFound("추첨을 기다리는 그런 접수번호가 없습니다.")
    book.move(entry.moved("rejected", now, EXCLUDED + reason))
    book.tell("rejected", number, now)


def freeze(book: Book, round_: FormRound, now: datetime) -> FrozenList | None:
    """Freeze the round's list; the same list again when it is frozen already.

    None where nothing is left to draw (a round that was called off; a window in which not more people came than
    there are places). Raises NotEligible while people may still come in.
    """
    book.counts(round_.id)
    facts = book.fixed(round_.id)
    if "frozen" in facts:
        return FrozenList.read(facts["frozen"])
    if "called-off" in facts:
        return None
    if now < round_.window_end and not rules.is_closed(round_, facts):
        raise NotEligible(f"{round_.label}: 아직 접수하고 있습니다. 접수가 끝난 뒤에 얼립니다.")
    line.advance(book, round_, now)
    counts, most = book.counts(round_.id), round_.round.most_waiting
    if round_.spec.selection == "window-draw" and not counts.received:
        return None
    listed = sorted((entry.number, entry.size) for entry in book.entries(round_.id, ("received",)))
    out = sorted(
        (entry.number, entry.cause.removeprefix(EXCLUDED))
        for entry in book.entries(round_.id, ("rejected",))
        if entry.cause.startswith(EXCLUDED)
    )
    frozen = FrozenList(
        at=now.isoformat(timespec="seconds"),
        label=round_.label,
        places=max(0, round_.places - counts.taken),
        entries=tuple(listed),
        excluded=tuple(out),
        list_hash=list_hash(number for number, _ in listed),
        source=_named(round_.spec),
        waiting=None if most is None else max(0, most - counts.waiting),
    )
    book.fix(round_.id, "frozen", json.dumps(asdict(frozen), ensure_ascii=False), now)
    return frozen


def run(book: Book, round_: FormRound, seed: Seed, now: datetime) -> tuple[DrawnEntry, ...]:
    """Give the places of a frozen round by the seed; its outcome. Again with the same seed does nothing more.

    Whoever cancelled after the freeze keeps their turn in the published order, and their place goes to the line. Raises
    NotEligible when the list is not frozen, the seed was known before it, another seed was used, or it does not come
    from where the page said when the list was frozen.
    """
    seed = seed.tidy()
    book.counts(round_.id)
    facts = book.fixed(round_.id)
    if "frozen" not in facts:
        raise NotEligible(f"{round_.label}: 먼저 명단을 얼리세요(draw freeze).")
    frozen = FrozenList.read(facts["frozen"])
    if "drawn" in facts:
        if Seed.read(facts["drawn"]).seed != seed.seed:
            raise NotEligible(f"{round_.label}: 이미 다른 씨앗으로 추첨했습니다. 다시 추첨할 수 없습니다.")
        return frozen.outcome(seed.seed)
    if "called-off" in facts:
        raise NotEligible(f"{round_.label}: 취소한 회차입니다. 추첨하지 않습니다.")
    _check_seed(round_, frozen, seed)
    book.fix(round_.id, "drawn", json.dumps(asdict(seed), ensure_ascii=False), now)
    results = frozen.outcome(seed.seed)
    entries = {entry.number: entry for entry in book.entries(round_.id)}
    ranks = sorted(entries[drawn.number].rank for drawn in results)
    cause = "drawn" if frozen.is_contested else line.ENOUGH
    for drawn, rank in zip(results, ranks, strict=True):
        entry = entries[drawn.number]
        if entry.state == "received":
            book.move(replace(entry.moved(drawn.result, now, cause), rank=rank))
            book.tell(drawn.result, drawn.number, now)
    line.advance(book, round_, now)
    return results


def _named(spec: FormSpec) -> str:
    return one_line("글의 seed", spec.seed) if spec.seed else ""


def _check_seed(round_: FormRound, frozen: FrozenList, seed: Seed) -> None:
    if _named(round_.spec) not in ("", frozen.source):
        then = f"‘{frozen.source}’였습니다" if frozen.source else "없었습니다"
        raise NotEligible(f"{round_.label}: 명단을 얼릴 때 글의 seed는 {then}. 글을 그때대로 되돌리세요.")
    if frozen.source and seed.source != frozen.source:
        raise NotEligible(f"{round_.label}: 씨앗은 글에 미리 적은 ‘{frozen.source}’만 쓸 수 있습니다.")
    if datetime.fromisoformat(seed.at) < datetime.fromisoformat(frozen.at):
        raise NotEligible(
            f"{round_.label}: 씨앗이 명단을 얼리기 전에 나온 값입니다. 명단을 얼린 뒤에 나온 값을 쓰세요."
        )
