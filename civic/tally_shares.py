"""Method of Equal Shares: every voter gets the same part of the budget, and voters buy what they support.

Pure, and exact where it decides: money is looked at in floats for speed, and as soon as two amounts are too
close to tell apart the same count is made again in fractions. Source: docs/rules.md#equal-shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = int | Fraction
CLOSE = 1e-9  # relative; doubles err by about 1e-13 over a thousand sums


class _TooClose(Exception):
    """Floats cannot tell two amounts apart."""


@dataclass(frozen=True)
class Shares:
    """Winners in the order they were bought, and the ties met: each the proposals bought equally cheaply."""

    winners: tuple[str, ...]
    ties: tuple[tuple[str, ...], ...] = ()


def equal_shares(
    supporters: Mapping[str, Mapping[int, Number]],
    costs: Mapping[str, Number],
    share: Fraction,
    order: Callable[[str], Any] | None = None,
) -> Shares:
    """What the voters buy when each holds `share`.

    supporters: slug -> voter -> weight of the support (1 for an approval, points otherwise). A proposal is
    bought when its supporters can pay it together; each pays in proportion to the weight, or all that is
    left to them. The proposal whose dearest unit of support is the smallest part of its cost comes first;
    ties by `order` (default: lower cost, then slug). Nobody supports anything: nothing is bought.
    """
    rank = order or (lambda slug: (costs[slug], slug))
    try:
        return _buy(supporters, costs, share, rank, exact=False)
    except _TooClose:
        return _buy(supporters, costs, share, rank, exact=True)


def add_one(
    supporters: Mapping[str, Mapping[int, Number]],
    costs: Mapping[str, Number],
    budget: Number,
    voters: int,
    order: Callable[[str], Any] | None = None,
) -> Shares:
    """Equal Shares, with every voter's part raised one by one while the winners still fit into the budget."""
    if not voters:
        return Shares(())
    best = equal_shares(supporters, costs, Fraction(budget) / voters, order)
    wanted = sum(1 for slug in supporters if supporters[slug] and costs[slug] > 0)
    share = Fraction(Fraction(budget) / voters // 1)
    while len(best.winners) < wanted:
        share += 1
        further = equal_shares(supporters, costs, share, order)
        if sum(costs[slug] for slug in further.winners) > budget:
            break
        best = further
    return best


def preferred(
    supporters: Mapping[str, Mapping[int, Number]], first: Sequence[str], second: Sequence[str]
) -> Sequence[str]:
    """Of two outcomes the one that more voters like better by what they support in it; the first if equal."""
    liking: dict[int, Number] = {}
    for slugs, sign in ((first, 1), (second, -1)):
        for slug in slugs:
            for voter, weight in supporters.get(slug, {}).items():
                liking[voter] = liking.get(voter, 0) + sign * weight
    balance = sum((value > 0) - (value < 0) for value in liking.values())
    return first if balance >= 0 else second


def _buy(
    supporters: Mapping[str, Mapping[int, Number]],
    costs: Mapping[str, Number],
    share: Fraction,
    rank: Callable[[str], Any],
    exact: bool,
) -> Shares:
    purse: dict[int, float | Fraction] = {}
    for backing in supporters.values():
        purse.update(dict.fromkeys(backing, share if exact else float(share)))
    # Best unit price so far of each proposal: it only gets dearer as purses empty, so it is a lower bound.
    bound: dict[str, float | Fraction] = {
        slug: 1 / (Fraction(total) if exact else float(total))
        for slug, backing in supporters.items()
        if costs[slug] > 0 and (total := sum(backing.values())) > 0
    }
    winners: list[str] = []
    ties: list[tuple[str, ...]] = []
    while True:
        best: float | Fraction | None = None
        evenly = False  # nobody gives all for the best: its price is then the same float for equal support
        equals: list[str] = []
        for slug in sorted(bound, key=bound.__getitem__):
            if best is not None and _above(bound[slug], best, exact):
                break
            found = _price(supporters[slug], costs[slug], purse, exact)
            if found is None:
                del bound[slug]
                continue
            price, even = found
            bound[slug] = price
            if best is None or _above(best, price, exact):
                best, evenly, equals = price, even, [slug]
            elif not _above(price, best, exact):
                if not exact and not (even and evenly and price == best):
                    raise _TooClose
                equals.append(slug)
        if best is None:
            return Shares(tuple(winners), tuple(ties))
        if len(equals) > 1:
            ties.append(tuple(sorted(equals)))
        winner = min(equals, key=rank)
        winners.append(winner)
        del bound[winner]
        unit = best * costs[winner]
        for voter, weight in supporters[winner].items():
            purse[voter] -= min(purse[voter], unit * weight)


def _above(amount: float | Fraction, other: float | Fraction, exact: bool) -> bool:
    """Clearly more; in floats an amount that is close is not."""
    return amount > other if exact else amount > other + other * CLOSE


def _price(
    backing: Mapping[int, Number], cost: Number, purse: Mapping[int, float | Fraction], exact: bool
) -> tuple[float | Fraction, bool] | None:
    """What one unit of support must pay, as a part of the cost, and whether all can; None when it is too dear."""
    held_by = [(weight, purse[voter]) for voter, weight in backing.items() if weight > 0]
    able: list[tuple[Any, Number, Any]] = sorted((held / weight, weight, held) for weight, held in held_by)
    due: float | Fraction = Fraction(cost) if exact else float(cost)
    money = sum(held for _, _, held in able)
    if not exact and abs(money - due) <= CLOSE * due:
        raise _TooClose
    if money < due:
        return None
    weights = sum(weight for _, weight, _ in able)
    poorer = False
    for afford, weight, held in able:
        unit = due / weights
        if unit <= afford:
            return (unit / cost, False) if poorer else (1 / Fraction(weights) if exact else 1 / weights, True)
        poorer = True
        due -= held
        weights -= weight
    raise AssertionError("together they can pay, so somebody pays the last part")
