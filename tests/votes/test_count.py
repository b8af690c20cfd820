"""From picks to winners: every rule worked by hand, invariants, and what must hold before a count is published."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civic.content.poll import Body, Poll, PollType, Proposal
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.check import check
from civic.votes.count import REASONS, WON, Candidate, Pot, Rules, RulesMistake, TieStops, outcome
from civic.votes.paper import PaperBatch
from civic.votes.tally import VoteCount
from tests.ballot_samples import a_poll, a_proposal, some_proposals


def reasons(rules: Rules, costs: dict[str, int], votes: dict[str, int], **more: Any) -> dict[str, str]:
    found = outcome(rules, [Candidate(slug, cost) for slug, cost in costs.items()], votes, **more)
    return {line.slug: line.reason for line in found.lines}


def one_pot(budget: int, **more: Any) -> Rules:
    return Rules(pots=(Pot("all", budget),), **more)


# -- the rules, worked by hand


TWINS = (frozenset({"a", "b"}),)


@pytest.mark.parametrize(
    ("rules", "costs", "votes", "found"),
    [
        # The best supported first, what does not fit is skipped: b no longer fits, c does, d finds nothing left.
        (one_pot(100), {"a": 60, "b": 50, "c": 40, "d": 1}, {"a": 5, "b": 4, "c": 3, "d": 2},
         {"a": "selected", "b": "over-budget", "c": "selected", "d": "over-budget"}),
        # "stop" ends the count at the first that does not fit.
        (one_pot(100, when_too_big="stop"), {"a": 60, "b": 50, "c": 40}, {"a": 5, "b": 4, "c": 3},
         {"a": "selected", "b": "over-budget", "c": "stopped"}),
        # A threshold counts votes, and reaching it is enough.
        (one_pot(100, threshold=3), {"a": 10, "b": 10, "c": 10}, {"a": 3, "b": 2},
         {"a": "selected", "b": "below-threshold", "c": "no-votes"}),
        # b is out because of its twin a, not because of money: a count that stops still looks at c.
        (one_pot(20, when_too_big="stop", exclusions=TWINS), {"a": 10, "b": 99, "c": 10}, {"a": 3, "b": 2, "c": 1},
         {"a": "selected", "b": "duplicate", "c": "selected"}),
        # a is too dear, so its twin b, next in votes, may win.
        (one_pot(20, exclusions=TWINS), {"a": 30, "b": 10}, {"a": 3, "b": 2}, {"a": "over-budget", "b": "selected"}),
    ],
)  # fmt: skip
def test_each_has_its_reason(
    rules: Rules, costs: dict[str, int], votes: dict[str, int], found: dict[str, str]
) -> None:
    """Worked by hand, as the lines above say."""
    assert reasons(rules, costs, votes) == found


def test_nobody_voted_nobody_wins() -> None:
    assert outcome(one_pot(100), [Candidate("a", 1)], {}).winners == ()
    assert outcome(one_pot(100), [], {}).lines == ()


def test_only_the_best_of_an_excluded_set_wins_and_it_is_named() -> None:
    """b stands for the same project as a and loses to it, whatever is left; c is free."""
    rules = one_pot(100, exclusions=TWINS)
    found = outcome(
        rules, [Candidate("a", 10), Candidate("b", 10), Candidate("c", 10)], {"a": 3, "b": 2, "c": 1}
    )
    assert [(line.slug, line.reason, line.instead) for line in found.lines] == [
        ("a", "selected", ""), ("b", "duplicate", "a"), ("c", "selected", ""),
    ]  # fmt: skip


def test_pots_are_apart() -> None:
    """Money left in one pot does not help the other."""
    rules = Rules(pots=(Pot("x", 10, ("x",)), Pot("y", 5, ("y",))))
    standing = [Candidate("a", 10, "x"), Candidate("b", 6, "y"), Candidate("c", 5, "y")]
    found = outcome(rules, standing, {"a": 1, "b": 9, "c": 1})
    assert found.winners == ("a", "c")
    assert dict(found.spent) == {"x": 10, "y": 5}


def a_small_poll(**costs: int) -> tuple[Poll, dict[str, Proposal]]:
    """One type, three bodies: online 30, committee 50, meeting 20; 10 won."""
    bodies = (Body(id="committee", label="위원회", weight=50), Body(id="meeting", label="총회", weight=20))
    poll = a_poll(bodies=bodies, budget=10, types=(PollType(id="general", label="일반", max=2),))
    return poll, {slug: a_proposal(slug, cost=cost) for slug, cost in costs.items()}


def votes_for(**votes: int) -> list[Ballot]:
    return [Ballot(f"{slug}{n}", (slug,)) for slug, times in votes.items() for n in range(times)]


def test_weights_of_three_bodies() -> None:
    """Online 30, committee 50, meeting 20. a: 30*80/80 + 50*45/90 + 20*10/10 = 75; b: 30*40/80 + 50 + 20*5/10 = 75;
    c: 30*8/80 + 50*81/90 + 0 = 48. a and b are equal: exactly, in fractions."""
    tables: Any = {"committee": {"a": 45, "b": 90, "c": 81}, "meeting": {"a": 10, "b": 5, "c": 0}}
    found = VoteCount(*a_small_poll(a=7, b=6, c=4), votes_for(a=80, b=40, c=8), tables=tables).outcome
    assert {line.slug: (line.score, line.rank) for line in found.lines} == {
        "a": (75, 1),
        "b": (75, 1),
        "c": (48, 3),
    }
    assert found.winners == ("b", "c")
    assert found.tie == ("a", "b")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"committee": {}, "meeting": {"a": 1}}, "committee: 점수가 없는 제안"),
        ({"committee": {"a": 1}}, "meeting: 점수가 없는 제안"),
        ({"committee": {"a": -1}, "meeting": {"a": 1}}, "0보다 작을 수 없습니다"),
    ],
)
def test_wrong_tables_are_named(tables: Any, said: str) -> None:
    with pytest.raises(RulesMistake, match=said):
        _ = VoteCount(*a_small_poll(a=1), votes_for(a=1), tables=tables).outcome


def test_candidate_without_a_pot_is_named() -> None:
    with pytest.raises(RulesMistake, match="a: 예산 하나에"):
        outcome(Rules(pots=(Pot("x", 1, ("x",)),)), [Candidate("a", 1, "y")], {})


def test_every_reason_has_a_wording() -> None:
    assert set(REASONS) >= WON
    assert all(REASONS.values())


# -- ties


def test_tie_goes_to_the_cheaper_then_to_the_key() -> None:
    """10: of a, b, c with 2 votes each, c is the cheapest; then a before b by the key, and only one more fits.
    c wins in every order, so the tie is between a and b."""
    found = outcome(
        one_pot(10), [Candidate("b", 6), Candidate("a", 6), Candidate("c", 4)], {"a": 2, "b": 2, "c": 2}
    )
    assert found.winners == ("c", "a")
    assert found.tie == ("a", "b")


@pytest.mark.parametrize(
    ("rules", "costs", "tie"),
    [
        (one_pot(10), {"a": 5, "b": 5}, None),  # both fit
        (one_pot(4), {"a": 5, "b": 5}, None),  # neither does
        (one_pot(9), {"a": 5, "b": 5}, ("a", "b")),
        # With "stop", a big one first would end the count; the cheaper first is funded.
        (one_pot(10, when_too_big="stop"), {"big": 20, "small": 5}, ("big", "small")),
        (one_pot(10), {"big": 20, "small": 5}, None),
        (one_pot(100, exclusions=TWINS), {"a": 1, "b": 1}, ("a", "b")),
    ],
)
def test_tie_is_named_where_it_matters(
    rules: Rules, costs: dict[str, int], tie: tuple[str, ...] | None
) -> None:
    """Only where another order of those with two votes each would have other winners."""
    standing = [Candidate(slug, cost) for slug, cost in costs.items()]
    assert outcome(rules, standing, dict.fromkeys(costs, 2)).tie == tie


def test_tie_that_a_draw_must_settle_stops_the_count() -> None:
    """Without a recorded draw nothing comes out but the names of the tied; with it, its order decides."""
    rules = one_pot(9, ties="draw")
    costs = [Candidate("a", 5), Candidate("b", 5), Candidate("c", 4)]
    votes = {"a": 2, "b": 2, "c": 3}
    with pytest.raises(TieStops) as caught:
        outcome(rules, costs, votes)
    assert caught.value.tied == ("a", "b")
    assert "a, b" in str(caught.value)
    assert outcome(rules, costs, votes, draw=("b", "a")).winners == ("c", "b")
    assert outcome(rules, costs, votes, draw=("a", "b")).winners == ("c", "a")
    with pytest.raises(TieStops):
        outcome(rules, costs, votes, draw=("a",))


small = st.integers(0, 12)


@st.composite
def counts_and_rules(draw: st.DrawFn, most: int = 6) -> tuple[Rules, list[Candidate], dict[str, int]]:
    slugs = [f"p{n}" for n in range(draw(st.integers(1, most)))]
    rules = one_pot(
        draw(st.integers(0, 30)),
        when_too_big=draw(st.sampled_from(["skip", "stop"])),
        threshold=draw(st.integers(0, 3)),
        reserve_share=draw(st.sampled_from([None, Fraction(4, 5)])),
        exclusions=tuple(
            frozenset(pair)
            for pair in draw(st.lists(st.sets(st.sampled_from(slugs), min_size=2, max_size=3), max_size=2))
        )
        if len(slugs) > 1
        else (),
    )
    return (
        rules,
        [Candidate(slug, draw(small)) for slug in slugs],
        {slug: draw(st.integers(0, 3)) for slug in slugs},
    )


@settings(max_examples=200, deadline=None)
@given(counts_and_rules(), st.randoms())
def test_outcome_does_not_depend_on_the_order_of_the_list(
    case: tuple[Rules, list[Candidate], dict[str, int]], chance: random.Random
) -> None:
    rules, standing, votes = case
    mixed = standing[:]
    chance.shuffle(mixed)
    assert outcome(rules, mixed, votes) == outcome(rules, standing, votes)


@settings(max_examples=200, deadline=None)
@given(counts_and_rules())
def test_no_pot_is_overspent_and_no_loser_still_fits(
    case: tuple[Rules, list[Candidate], dict[str, int]],
) -> None:
    """Money: never more than the pot; and with skip, whoever lost for money really did not fit in the end."""
    rules, standing, votes = case
    found = outcome(rules, standing, votes)
    left = rules.pots[0].budget - found.spent["all"]
    assert left >= 0
    costs = {c.slug: c.cost for c in standing}
    for line in found.lines:
        if line.reason == "over-budget" and rules.when_too_big == "skip":
            assert costs[line.slug] > left
        for group in rules.exclusions:
            assert len(group & set(found.winners)) <= 1


@settings(max_examples=100, deadline=None)
@given(counts_and_rules(most=5), st.randoms())
def test_without_a_tie_any_draw_gives_the_same_winners(
    case: tuple[Rules, list[Candidate], dict[str, int]], chance: random.Random
) -> None:
    """A tie is named exactly when some order of equals gives other winners."""
    rules, standing, votes = case
    declared = outcome(rules, standing, votes)
    slugs = [c.slug for c in standing]
    for _ in range(8):
        chance.shuffle(slugs)
        drawn = outcome(replace(rules, ties="draw"), standing, votes, draw=slugs)
        if declared.tie is None:
            assert set(drawn.winners) == set(declared.winners)


# -- may it be published?


def a_count() -> dict[str, Any]:
    """Two of three general ones, one fixed one, on paper and online, one void; all in order."""
    return {
        "ballots": [
            Ballot("t1", ("bus", "lamp")),
            Ballot("t2", ("lamp",)),
            Ballot("t3", ("ramp",), batch="dong-1"),
            Ballot("t4", ("lamp", "ramp"), batch="dong-1"),
        ],
        "void": [Spoiled("R1", "limit")],
        "batches": [PaperBatch("dong-1", 2)],
        "voters": 5,
    }


def breaches(voters: int, **counted: Any) -> tuple[str, ...]:
    return check(VoteCount(a_poll(), some_proposals(), **counted), voters)


def test_a_sound_count_has_no_breach() -> None:
    """A proposal withdrawn after it was picked is no breach: the count passes over it."""
    case = a_count()
    assert breaches(**case) == ()
    case["ballots"][1] = Ballot("t2", ("gone", "lamp"))
    assert breaches(**case) == ()


@pytest.mark.parametrize(
    ("said", "spoil"),
    [
        ("표 5장(무효 1장 포함)과 투표자 6명", lambda c: c.update(voters=6)),
        ("표 4장(무효 1장 포함)과 투표자 5명", lambda c: c["ballots"].pop(1)),
        ("t1: 같은 표 번호가 2번", lambda c: c["ballots"].append(Ballot("t1", ("lamp",)))),
        (
            "t5: 모두 합해 3개까지",
            lambda c: c["ballots"].append(Ballot("t5", ("bus", "guide", "lamp", "ramp"))),
        ),
        ("t5: 고정참여형은 1개까지", lambda c: c["ballots"].append(Ballot("t5", ("bus", "guide")))),
        ("t5: 같은 것을 두 번", lambda c: c["ballots"].append(Ballot("t5", ("lamp", "lamp")))),
        ("t5: 이 투표에 없는 것", lambda c: c["ballots"].append(Ballot("t5", ("moon",)))),
        ("t5: 청년참여형은 이 투표에서 고르지", lambda c: c["ballots"].append(Ballot("t5", ("club",)))),
        ("t5: 하나 이상", lambda c: c["ballots"].append(Ballot("t5", ()))),
        ("dong-1: 종이 표는 3장인데 입력은 2장", lambda c: c.update(batches=[PaperBatch("dong-1", 3)])),
        ("dong-1: 집계표가 없는 종이 표 2장", lambda c: c.update(batches=[])),
        ("dong-2: 종이 표는 1장인데 입력은 0장", lambda c: c["batches"].append(PaperBatch("dong-2", 1))),
    ],
)
def test_each_breach_is_named(said: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    case = a_count()
    assert not any(said in breach for breach in breaches(**case))
    spoil(case)
    assert any(said in breach for breach in breaches(**case)), breaches(**case)


def test_proposals_without_a_part_stay_on_the_list_with_their_reason() -> None:
    found = VoteCount(a_poll(), some_proposals(), [Ballot("t1", ("lamp",))]).outcome
    wording = {line.slug: line.wording for line in found.lines}
    assert (wording["club"], wording["gone"]) == ("투표 대상 아님", "철회")
