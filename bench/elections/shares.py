"""Method of Equal Shares: every voter gets the same part of the budget, and voters buy what they support.

Pure, and exact where it decides: money is looked at in floats for speed, and as soon as two amounts are too
close to tell apart the same count is made again in fractions. Source: docs/rules.md#equal-shares.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = int | Fraction
Amount = float | Fraction
CLOSE = 1e-9  # relative; doubles err by about 1e-13 over a thousand sums
MOST_WORK = 400_000_000  # purses looked into for one result: half a minute or so


class _TooClose(Exception):
    """Floats cannot tell two amounts apart."""


class TooMuchWork(Exception):
    """The count would take too long."""


class Effort:
    """What one result may cost: `spend` raises TooMuchWork once it is used up."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self.left = most

    def spend(self, purses: int) -> None:
        self.left -= purses
        if self.left < 0:
            raise TooMuchWork


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
    effort: Effort | None = None,
) -> Shares:
    """What the voters buy when each holds `share`.

    supporters: slug -> voter -> weight of the support (1 for an approval, points otherwise; more than 0). A
    proposal is bought when its supporters can pay it together; each pays in proportion to the weight, or all that
    is left to them. The proposal whose dearest unit of support is the smallest part of its cost comes first;
    ties by `order` (default: lower cost, then slug). Nobody supports anything: nothing is bought.
    Raises TooMuchWork.
    """
    return _counted(supporters, costs, share, order, effort or Effort())[0]


def add_one(
    supporters: Mapping[str, Mapping[int, Number]],
    costs: Mapping[str, Number],
    budget: Number,
    voters: int,
    order: Callable[[str], Any] | None = None,
    effort: Effort | None = None,
) -> Shares:
    """Equal Shares, with every voter's part raised one by one while the winners still fit into the budget.

    Shares at which nothing can be decided otherwise than at the one before are passed over. Raises TooMuchWork.
    """
    if not voters:
        return Shares(())
    effort = effort or Effort()
    wanted = sum(
        1 for slug, backing in supporters.items() if costs[slug] > 0 and any(w > 0 for w in backing.values())
    )
    share = Fraction(budget) / voters
    best, reach = _counted(supporters, costs, share, order, effort)
    while len(best.winners) < wanted and reach is not None:
        share = Fraction(max(math.floor(share) + 1, math.floor(share + Fraction(reach))))
        further, reach = _counted(supporters, costs, share, order, effort)
        if sum(costs[slug] for slug in further.winners) > budget:
            break
        best = further
    return best


def _counted(
    supporters: Mapping[str, Mapping[int, Number]],
    costs: Mapping[str, Number],
    share: Fraction,
    order: Callable[[str], Any] | None,
    effort: Effort,
) -> tuple[Shares, Amount | None]:
    """The count, and how much larger the share may be before anything is decided otherwise (None: ever so much)."""
    rank = order or (lambda slug: (costs[slug], slug))
    backed = {
        slug: {voter: weight for voter, weight in backing.items() if weight > 0}
        for slug, backing in supporters.items()
        if costs[slug] > 0
    }
    for exact in (False, True):
        run = _Run(backed, costs, share, exact, effort)
        try:
            return run.buy(rank), run.reach
        except _TooClose:
            continue
    raise AssertionError("fractions are never too close")


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


@dataclass(frozen=True)
class _Price:
    """What one unit of support must pay, as a part of the cost; how that grows with the share (it falls, or stays
    the same); and whether all can pay it."""

    unit: Amount
    grows: Amount
    even: bool


class _Run:
    """One count. Every amount is followed as what it is now and how it grows with the share: as straight lines, of
    which `reach` says how long none crosses another that it was compared with."""

    def __init__(
        self,
        supporters: Mapping[str, Mapping[int, Number]],
        costs: Mapping[str, Number],
        share: Fraction,
        exact: bool,
        effort: Effort,
    ) -> None:
        self.exact, self.effort = exact, effort
        self.number: Callable[[Any], Any] = Fraction if exact else float
        self.supporters = {slug: backing for slug, backing in supporters.items() if backing}
        self.costs = {slug: self.number(costs[slug]) for slug in self.supporters}
        self.weights = {slug: self.number(sum(backing.values())) for slug, backing in self.supporters.items()}
        voters = {voter for backing in self.supporters.values() for voter in backing}
        self.held: dict[int, Any] = dict.fromkeys(voters, self.number(share))
        self.grows: dict[int, Any] = dict.fromkeys(voters, self.number(1))
        self.reach: Any = None

    def buy(self, rank: Callable[[str], Any]) -> Shares:
        # Best price so far of each proposal: it only gets dearer as purses empty, so it is a lower bound.
        bound = {slug: _Price(1 / weights, self.number(0), True) for slug, weights in self.weights.items()}
        winners: list[str] = []
        ties: list[tuple[str, ...]] = []
        while equals := self._cheapest(bound):
            if len(equals) > 1:
                ties.append(tuple(sorted(equals)))
            winner = min(equals, key=rank)
            winners.append(winner)
            for slug, price in bound.items():
                if slug not in equals or price.grows != bound[winner].grows:
                    self._stays_above(price.unit, price.grows, bound[winner].unit, bound[winner].grows)
            self._pay(winner, bound.pop(winner))
        return Shares(tuple(winners), tuple(ties))

    def _cheapest(self, bound: dict[str, _Price]) -> list[str]:
        """The proposals that are bought next, equally cheaply; empty when none can be paid any more.

        Takes out of `bound` what is too dear, and sets the prices that were worked out.
        """
        best: _Price | None = None
        equals: list[str] = []
        for slug in sorted(bound, key=lambda slug: bound[slug].unit):
            if best is not None and self._above(bound[slug].unit, best.unit):
                break
            price = self._price(slug)
            if price is None:
                del bound[slug]
                continue
            bound[slug] = price
            if best is None or self._above(best.unit, price.unit):
                best, equals = price, [slug]
            elif not self._above(price.unit, best.unit):
                if not self.exact and not (price.even and best.even and price.unit == best.unit):
                    raise _TooClose
                equals.append(slug)
        return equals

    def _above(self, amount: Any, other: Any) -> bool:
        """Clearly more; in floats an amount that is close is not."""
        return bool(amount > other if self.exact else amount > other + other * CLOSE)

    def _stays_above(self, upper: Any, upper_grows: Any, lower: Any, lower_grows: Any) -> None:
        """Notes how much the share may grow while `upper` stays above `lower`: in floats, rather less."""
        gap, closing = upper - lower, lower_grows - upper_grows
        if not self.exact:
            gap = max(0.0, gap * 0.999 - upper * CLOSE)
            closing += (abs(lower_grows) + abs(upper_grows)) * CLOSE
        if closing > 0 and (self.reach is None or gap < self.reach * closing):
            self.reach = gap / closing

    def _price(self, slug: str) -> _Price | None:
        """None when it is too dear."""
        backing, due, weights, held = self.supporters[slug], self.costs[slug], self.weights[slug], self.held
        self.effort.spend(len(backing) * (20 if self.exact else 1))
        if min(held[voter] / weight for voter, weight in backing.items()) >= due / weights:
            return _Price(1 / weights, self.number(0), True)
        self.effort.spend(len(backing) * (100 if self.exact else 10))
        able = sorted(
            (held[voter] / weight, weight, held[voter], self.grows[voter])
            for voter, weight in backing.items()
        )
        money = sum(each[2] for each in able)
        if not self.exact and abs(money - due) <= CLOSE * due:
            raise _TooClose
        if money < due:
            self._stays_above(due, 0, money, sum(each[3] for each in able))
            return None
        poor, unit, grows = 0, due / weights, self.number(0)
        while able[poor][0] < unit:
            _, weight, gives, more = able[poor]
            due, weights, grows = due - gives, weights - weight, grows - more
            poor, unit = poor + 1, due / weights
        grows = grows / weights
        for afford, weight, _, more in able[:poor]:
            self._stays_above(unit, grows, afford, more / weight)
        return _Price(unit / self.costs[slug], grows / self.costs[slug], False)

    def _pay(self, winner: str, price: _Price) -> None:
        cost = self.costs[winner]
        unit = cost / self.weights[winner] if price.even else price.unit * cost
        grows = price.grows * cost
        for voter, weight in self.supporters[winner].items():
            if self.held[voter] / weight < unit:
                self.held[voter] = self.grows[voter] = self.number(0)
            else:
                self.held[voter] = max(self.held[voter] - unit * weight, self.number(0))
                self.grows[voter] -= grows * weight
