"""The acts of a draw: leave out, commit and reveal bits, run. What is drawn by which seed says draw_list.py.

Each act works on one round in one transaction, and what it settles is fixed for good: a list is frozen once and drawn
once, by a seed of its own. There is no way to put somebody into a list, to change an order, or to draw again.

No chance of its own, no web, no clock, no files.
"""

from datetime import datetime

from civic.errors import NotEligible, NotFound
from civic.places import line
from civic.places.draw_list import (
    EXCLUDED,
    PATIENCE,
    DrawnEntry,
    FrozenList,
    Half,
    Pair,
    Seed,
    joined,
    one_line,
    pairs_of,
    seen,
)
from civic.places.form_round import FormRound
from civic.store.book import Book


def exclude(book: Book, round_: FormRound, number: str, reason: str, now: datetime) -> None:
    """Leave an entry out of the draw, with a reason that is published. number: of the receipt.

    Raises NotEligible once the list is frozen or for a reason that cannot be published (`one_line`), NotFound when
    nothing of that number waits for a draw in this round.
    """
    reason = one_line("뺀 까닭", reason)
    book.counts(round_.id)
    line.advance(book, round_, now)
    if "frozen" in book.fixed(round_.id):
        raise NotEligible("명단을 이미 얼렸습니다. 얼린 뒤에는 아무도 빼거나 넣을 수 없습니다.")
    entry = book.get(number)
    if entry is None or entry.round != round_.id or entry.state != "received":
        raise NotFound("추첨을 기다리는 그런 접수번호가 없습니다.")
    book.move(entry.moved("rejected", now, EXCLUDED + reason))


def frozen_list(book: Book, round_: FormRound, now: datetime) -> FrozenList | None:
    """The list of a round, frozen now if its time has come; None where nothing is left to draw.

    Raises NotEligible before that time.
    """
    book.counts(round_.id)
    line.advance(book, round_, now)
    facts = book.fixed(round_.id)
    if "frozen" in facts:
        return FrozenList.model_validate_json(facts["frozen"])
    if "called-off" in facts or facts.get("listed") == "":
        return None
    if "listed" not in facts:
        raise NotEligible(f"{round_.label}: 아직 접수하고 있습니다. 접수가 끝난 뒤에 얼립니다.")
    when = f"{round_.freeze_at:%Y-%m-%d %H:%M}에"
    raise NotEligible(f"{round_.label}: {when} 얼립니다. 그때까지 뺄 수 있습니다.")


def promise(book: Book, round_: FormRound, by: str, digest: str, now: datetime) -> tuple[()]:
    """One of two persons commits to bits by their SHA-256. A pair that was not revealed in a day gives way to a new one.

    Raises NotEligible where the seed is another, or a pair stands that can still be revealed.
    """
    by = one_line("난수를 만든 사람", by)
    _, count, last = _two(book, round_, now)
    half = Half(by=by, hash=digest, at=now.replace(microsecond=0))
    if len(last) == 1 and (seen(last[0].by) == seen(by) or last[0].hash == digest):
        raise NotEligible("두 사람은 서로 다른 사람이고, 난수도 저마다 따로 만듭니다.")
    if len(last) == 2 and now <= _end(last):
        raise NotEligible("이미 두 사람이 약속했습니다. 24시간 안에 밝히지 않으면 새로 할 수 있습니다.")
    number, side = (count, 2) if len(last) == 1 else (count + 1, 1)
    book.fix(round_.id, f"half:{number:03d}:{side}", half.model_dump_json(exclude_defaults=True), now)
    return ()


def reveal(book: Book, round_: FormRound, bits: str, now: datetime) -> tuple[DrawnEntry, ...]:
    """One of the pair shows the bits. The outcome when both have; empty while one is missing.

    Raises NotEligible for bits of no hash of the pair, before both have committed, and after a day.
    """
    frozen, count, pair = _two(book, round_, now)
    if len(pair) != 2:
        raise NotEligible("두 사람이 모두 약속하고 그 지문을 공개한 뒤에 밝힙니다.")
    if now > _end(pair):
        raise NotEligible("24시간이 지났습니다. 밝히지 않은 것을 공개하고 두 사람이 새로 약속하세요.")
    told = {"bits": bits, "revealed": now.replace(microsecond=0)}
    shown = [half.model_copy(update=told) for half in pair]
    side = next((number for number, half in enumerate(shown) if half.is_true), None)
    if side is None:
        raise NotEligible("약속한 지문의 난수가 아닙니다. 적은 값을 확인하세요.")
    text = shown[side].model_dump_json(include=set(told))
    book.fix(round_.id, f"bits:{count:03d}:{side + 1}", text, now)
    pair = pairs_of(book.fixed(round_.id))[-1]
    if not all(half.is_true for half in pair):
        return ()
    return run(book, round_, joined(frozen.commitment, pair), ", ".join(half.by for half in pair), now)


def run(book: Book, round_: FormRound, seed: str, by: str, now: datetime) -> tuple[DrawnEntry, ...]:
    """Give the places of a frozen round by the seed that somebody read; its outcome. Again by the same does nothing more.

    Whoever cancelled after the freeze keeps their turn in the published order, and their place goes to the line. Raises
    NotEligible when the list is not frozen, another seed was used, or it is not one that the list was committed to.
    """
    by = one_line("확인한 사람", by)
    frozen, facts = frozen_list(book, round_, now), book.fixed(round_.id)
    if frozen is None:
        raise NotEligible(f"{round_.label}: 취소했거나 추첨할 것이 없는 회차입니다.")
    seed = seed if frozen.is_contested else ""  # nothing is drawn where there are places for all
    used = Seed(seed=seed, by=by, at=now.replace(microsecond=0))
    if "drawn" in facts:
        if Seed.model_validate_json(facts["drawn"]).seed != seed:
            raise NotEligible(f"{round_.label}: 이미 다른 씨앗으로 추첨했습니다. 다시 추첨할 수 없습니다.")
        return frozen.outcome(seed)
    if "called-off" in facts:
        raise NotEligible(f"{round_.label}: 취소한 회차입니다. 추첨하지 않습니다.")
    if wrong := frozen.wrong_seed(seed, used.at, pairs_of(facts)):
        raise NotEligible(f"{round_.label}: {wrong}. 씨앗: {frozen.source}")
    book.fix(round_.id, "drawn", used.model_dump_json(), now)
    results = frozen.outcome(seed)
    entries = {entry.draw: entry for entry in book.entries(round_.id)}
    ranks = sorted(entries[drawn.number].rank for drawn in results)
    cause = "drawn" if frozen.is_contested else line.ENOUGH
    for drawn, rank in zip(results, ranks, strict=True):
        entry = entries[drawn.number]
        if entry.state == "received":
            book.move(entry.moved(drawn.result, now, cause).but(rank=rank))
    line.advance(book, round_, now)
    return results


def _two(book: Book, round_: FormRound, now: datetime) -> tuple[FrozenList, int, Pair]:
    """The list of a round that two persons decide, how many pairs there were, and the last. Raises NotEligible."""
    frozen, facts = frozen_list(book, round_, now), book.fixed(round_.id)
    if frozen is None or frozen.kind != "two" or not frozen.is_contested:
        raise NotEligible(f"{round_.label}: 두 사람의 난수로 정하는 회차가 아닙니다.")
    if "drawn" in facts:
        raise NotEligible(f"{round_.label}: 이미 추첨했습니다.")
    pairs = pairs_of(facts)
    return frozen, len(pairs), pairs[-1] if pairs else ()


def _end(pair: Pair) -> datetime:
    return max(half.at for half in pair) + PATIENCE
