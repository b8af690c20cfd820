"""A draw, act by act: leave out, freeze, run, publish. No web, no clock, no files.

Each act works on one round in one transaction, and what it settles is fixed for good: a list is frozen once and drawn
once, by a seed of its own. There is no way to put somebody into a list, to change an order, or to draw again. Rules:
docs/rules.md#draw.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from civic.content.form import FormSpec
from civic.errors import NotEligible, NotFound
from civic.places import draw, line, rules
from civic.places.form_round import FormRound
from civic.store.book import Book

EXCLUDED = "excluded: "  # + reason: cause of an entry that was left out before the freeze
LONGEST = 300  # characters of what is published in one line


@dataclass(frozen=True)
class Frozen:
    """The list of one round, as it was frozen; the fact "frozen" is its JSON."""

    at: str  # ISO
    label: str  # of the round
    places: int  # free at the freeze
    entries: tuple[tuple[str, int], ...]  # (receipt number, people), by number
    excluded: tuple[tuple[str, str], ...]  # (receipt number, reason)
    list_hash: str
    source: str = ""  # of the seed, as the page named it in advance; "" where dice are to be thrown

    @property
    def sizes(self) -> dict[str, int]:
        """People per receipt number."""
        return dict(self.entries)

    @classmethod
    def read(cls, text: str) -> Frozen:
        """The list of a fact."""
        given = json.loads(text)
        given["entries"] = tuple((number, size) for number, size in given["entries"])
        given["excluded"] = tuple((number, reason) for number, reason in given["excluded"])
        return cls(**given)


@dataclass(frozen=True)
class Seed:
    """A seed and where it came from; the fact "drawn" of a round is its JSON."""

    seed: str
    source: str  # the public value named in advance, or the dice
    by: str  # who read it or threw it
    at: str  # ISO: when it became known

    @classmethod
    def read(cls, text: str) -> Seed:
        """The seed of a fact."""
        return cls(**json.loads(text))


def one_line(name: str, text: str) -> str:
    """A text as it is published: NFC, without spaces around it. Raises NotEligible unless it is one line of 1 to 300.

    name: what it is, for the refusal. A seed goes into a hash byte by byte, so that its form must be one for all.
    """
    tidy = unicodedata.normalize("NFC", text).strip()
    unseen = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in tidy)
    if unseen or not 1 <= len(tidy) <= LONGEST:
        raise NotEligible(f"{name}: 한 줄로 1자부터 {LONGEST}자까지 적으세요.")
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


def freeze(book: Book, round_: FormRound, now: datetime) -> Frozen | None:
    """Freeze the round's list; the same list again when it is frozen already.

    None where nothing is left to draw (a round that was called off; a window in which not more people came than
    there are places). Raises NotEligible while people may still come in.
    """
    book.counts(round_.id)
    facts = book.fixed(round_.id)
    if "frozen" in facts:
        return Frozen.read(facts["frozen"])
    if "called-off" in facts:
        return None
    if now < round_.window_end and not rules.is_closed(round_, facts):
        raise NotEligible(f"{round_.round.label}: 아직 접수하고 있습니다. 접수가 끝난 뒤에 얼립니다.")
    line.advance(book, round_, now)
    counts = book.counts(round_.id)
    if round_.spec.selection == "window-draw" and not counts.received:
        return None
    listed = sorted((entry.number, entry.size) for entry in book.entries(round_.id, ("received",)))
    out = sorted(
        (entry.number, entry.cause.removeprefix(EXCLUDED))
        for entry in book.entries(round_.id, ("rejected",))
        if entry.cause.startswith(EXCLUDED)
    )
    frozen = Frozen(
        at=now.isoformat(timespec="seconds"),
        label=round_.round.label,
        places=max(0, round_.places - counts.taken),
        entries=tuple(listed),
        excluded=tuple(out),
        list_hash=draw.list_hash(number for number, _ in listed),
        source=_named(round_.spec),
    )
    book.fix(round_.id, "frozen", json.dumps(asdict(frozen), ensure_ascii=False), now)
    return frozen


def run(book: Book, round_: FormRound, seed: Seed, now: datetime) -> list[tuple[str, str]]:
    """Give the places of a frozen round by the seed; its `outcome`. Again with the same seed does nothing more.

    Whoever cancelled after the freeze keeps their turn in the published order, and their place goes to the line. Raises
    NotEligible when the list is not frozen, the seed was known before it, another seed was used, or it does not come
    from where the page said when the list was frozen.
    """
    seed = Seed(
        one_line("씨앗", seed.seed),
        one_line("씨앗의 출처", seed.source),
        one_line("확인한 사람", seed.by),
        seed.at,
    )
    book.counts(round_.id)
    facts = book.fixed(round_.id)
    if "frozen" not in facts:
        raise NotEligible(f"{round_.round.label}: 먼저 명단을 얼리세요(draw freeze).")
    frozen = Frozen.read(facts["frozen"])
    if "drawn" in facts:
        if Seed.read(facts["drawn"]).seed != seed.seed:
            raise NotEligible(
                f"{round_.round.label}: 이미 다른 씨앗으로 추첨했습니다. 다시 추첨할 수 없습니다."
            )
        return outcome(frozen, seed.seed)
    if "called-off" in facts:
        raise NotEligible(f"{round_.round.label}: 취소한 회차입니다. 추첨하지 않습니다.")
    _check_seed(round_, frozen, seed)
    book.fix(round_.id, "drawn", json.dumps(asdict(seed), ensure_ascii=False), now)
    results = outcome(frozen, seed.seed)
    entries = {entry.number: entry for entry in book.entries(round_.id)}
    ranks = sorted(entries[number].rank for number, _ in results)
    for (number, state), rank in zip(results, ranks, strict=True):
        entry = entries[number]
        if entry.state == "received":
            book.move(
                replace(entry.moved(state, now, "drawn" if is_needed(frozen) else line.ENOUGH), rank=rank)
            )
            book.tell(state, number, now)
    line.advance(book, round_, now)
    return results


def _named(spec: FormSpec) -> str:
    return one_line("글의 seed", spec.seed) if spec.seed else ""


def _check_seed(round_: FormRound, frozen: Frozen, seed: Seed) -> None:
    if _named(round_.spec) not in ("", frozen.source):
        then = f"‘{frozen.source}’였습니다" if frozen.source else "없었습니다"
        raise NotEligible(
            f"{round_.round.label}: 명단을 얼릴 때 글의 seed는 {then}. 글을 그때대로 되돌리세요."
        )
    if frozen.source and seed.source != frozen.source:
        raise NotEligible(f"{round_.round.label}: 씨앗은 글에 미리 적은 ‘{frozen.source}’만 쓸 수 있습니다.")
    if datetime.fromisoformat(seed.at) < datetime.fromisoformat(frozen.at):
        raise NotEligible(
            f"{round_.round.label}: 씨앗이 명단을 얼리기 전에 나온 값입니다. 명단을 얼린 뒤에 나온 값을 쓰세요."
        )


def is_needed(frozen: Frozen) -> bool:
    """Are there more people in the list than places?"""
    return draw.is_needed(frozen.sizes, frozen.places)


def outcome(frozen: Frozen, seed: str) -> list[tuple[str, str]]:
    """(receipt number, "confirmed" or "waiting") in drawn order; by number where nothing is drawn."""
    numbers = [number for number, _ in frozen.entries]
    ordered = draw.order(numbers, seed) if is_needed(frozen) else numbers
    given = set(draw.give(ordered, frozen.sizes, frozen.places).confirmed)
    return [(number, "confirmed" if number in given else "waiting") for number in ordered]


def document(subject: str, title: str, facts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """draw.json: everything that is fixed about a subject's draw; static/check_draw.py works it out again.

    facts: of every round, as the store keeps them. A round is drawn apart from the others, by a seed of its own;
    before that it has no seed and no order, only its hash and where the seed will come from.
    """
    rounds = {id: _published(of) for id, of in sorted(facts.items()) if "frozen" in of}
    return {"format": "madang-draw/2", "subject": subject, "title": title, "rounds": rounds}


def _published(facts: Mapping[str, str]) -> dict[str, Any]:
    frozen = Frozen.read(facts["frozen"])
    seed = Seed.read(facts["drawn"]) if "drawn" in facts else None
    results = outcome(frozen, seed.seed) if seed else []
    return {
        "label": frozen.label,
        "places": frozen.places,
        "frozen_at": frozen.at,
        "list_hash": frozen.list_hash,
        "applications": len(frozen.entries),
        "people": sum(frozen.sizes.values()),
        **(asdict(seed) if seed else {"source": frozen.source}),
        "drawn": seed is not None and is_needed(frozen),
        "entries": [
            {"number": number, "size": frozen.sizes[number], "result": state} for number, state in results
        ],
        "excluded": [{"number": number, "reason": reason} for number, reason in frozen.excluded],
    }
