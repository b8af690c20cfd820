"""From picks to winners: every rule worked by hand, invariants, and the published files that anyone can recount."""

from __future__ import annotations

import copy
import csv
import importlib.util
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.elections.count import recount
from bench.elections.reader import parse
from civic.content.poll import Poll, Proposal
from civic.votes import count as counting
from civic.votes import result
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.check import Batch, check
from civic.votes.count import REASONS, Candidate, Pot, Rules, RulesMistake, TieStops, count, outcome
from civic.votes.pabulib import write

VERIFY = Path(__file__).resolve().parents[2] / "static" / "verify.py"


def reasons(rules: Rules, costs: dict[str, int], votes: dict[str, int], **more: Any) -> dict[str, str]:
    found = outcome(rules, [Candidate(slug, cost) for slug, cost in costs.items()], votes, **more)
    return {line.slug: line.reason for line in found.lines}


def one_pot(budget: int, **more: Any) -> Rules:
    return Rules(pots=(Pot("all", budget),), **more)


# -- the rules, worked by hand


def test_best_supported_first_and_skip_what_does_not_fit() -> None:
    """100: a 60 (5 votes), b 50 (4) no longer fits, c 40 (3) does, d 1 (2) finds nothing left."""
    found = reasons(one_pot(100), {"a": 60, "b": 50, "c": 40, "d": 1}, {"a": 5, "b": 4, "c": 3, "d": 2})
    assert found == {"a": "selected", "b": "over-budget", "c": "selected", "d": "over-budget"}


def test_stop_ends_the_count_at_the_first_that_does_not_fit() -> None:
    found = reasons(one_pot(100, when_too_big="stop"), {"a": 60, "b": 50, "c": 40}, {"a": 5, "b": 4, "c": 3})
    assert found == {"a": "selected", "b": "over-budget", "c": "stopped"}


def test_threshold_counts_votes_and_reaching_it_is_enough() -> None:
    found = reasons(one_pot(100, threshold=3), {"a": 10, "b": 10, "c": 10}, {"a": 3, "b": 2})
    assert found == {"a": "selected", "b": "below-threshold", "c": "no-votes"}


def test_nobody_voted_nobody_wins() -> None:
    assert outcome(one_pot(100), [Candidate("a", 1)], {}).winners == ()
    assert outcome(one_pot(100), [], {}).lines == ()


def test_only_the_best_of_an_excluded_set_wins_and_it_is_named() -> None:
    """b stands for the same project as a and loses to it, whatever is left; c is free."""
    rules = one_pot(100, exclusions=(frozenset({"a", "b"}),))
    found = outcome(
        rules, [Candidate("a", 10), Candidate("b", 10), Candidate("c", 10)], {"a": 3, "b": 2, "c": 1}
    )
    assert [(line.slug, line.reason, line.instead) for line in found.lines] == [
        ("a", "selected", ""), ("b", "duplicate", "a"), ("c", "selected", ""),
    ]  # fmt: skip


def test_a_duplicate_does_not_stop_a_count_that_stops() -> None:
    """b is out because of a, not because of money: c is still looked at."""
    rules = one_pot(20, when_too_big="stop", exclusions=(frozenset({"a", "b"}),))
    assert reasons(rules, {"a": 10, "b": 99, "c": 10}, {"a": 3, "b": 2, "c": 1}) == {
        "a": "selected", "b": "duplicate", "c": "selected",
    }  # fmt: skip


def test_loser_of_a_set_makes_room_for_the_next() -> None:
    """a is too dear, so its twin b, next in votes, may win."""
    rules = one_pot(20, exclusions=(frozenset({"a", "b"}),))
    assert reasons(rules, {"a": 30, "b": 10}, {"a": 3, "b": 2}) == {"a": "over-budget", "b": "selected"}


def test_pots_are_apart() -> None:
    """Money left in one pot does not help the other."""
    rules = Rules(pots=(Pot("x", 10, ("x",)), Pot("y", 5, ("y",))))
    standing = [Candidate("a", 10, "x"), Candidate("b", 6, "y"), Candidate("c", 5, "y")]
    found = outcome(rules, standing, {"a": 1, "b": 9, "c": 1})
    assert found.winners == ("a", "c")
    assert dict(found.spent) == {"x": 10, "y": 5}


def test_weights_of_three_bodies() -> None:
    """Online 30, committee 50, meeting 20. a: 30*80/80 + 50*45/90 + 20*10/10 = 75; b: 30*40/80 + 50 + 20*5/10 = 75;
    c: 30*8/80 + 50*81/90 + 0 = 48. a and b are equal: exactly, in fractions."""
    rules = one_pot(10, weights={"online": 30, "committee": 50, "meeting": 20})
    tables: dict[str, dict[str, counting.Number]] = {
        "committee": {"a": 45, "b": 90, "c": 81},
        "meeting": {"a": 10, "b": 5, "c": 0},
    }
    found = outcome(
        rules, [Candidate("a", 7), Candidate("b", 6), Candidate("c", 4)], {"a": 80, "b": 40, "c": 8}, tables
    )
    assert {line.slug: (line.score, line.rank) for line in found.lines} == {
        "a": (75, 1),
        "b": (75, 1),
        "c": (48, 3),
    }
    assert found.winners == ("b", "c")
    assert found.tie == ("a", "b")


@pytest.mark.parametrize(
    ("weights", "tables", "said"),
    [
        ({"online": 30, "committee": 60}, {"committee": {"a": 1}}, "합이 100"),
        ({"online": 50, "committee": 50}, {"committee": {}}, "committee: 점수가 없는 제안"),
        ({"online": 50, "committee": 50}, {}, "committee: 점수가 없는 제안"),
        ({"online": 50, "committee": 50}, {"committee": {"a": -1}}, "0보다 작을 수 없습니다"),
    ],
)
def test_wrong_weights_and_tables_are_named(weights: dict[str, int], tables: Any, said: str) -> None:
    with pytest.raises(RulesMistake, match=said):
        outcome(one_pot(10, weights=weights), [Candidate("a", 1)], {"a": 1}, tables)


def test_candidate_without_a_pot_is_named() -> None:
    with pytest.raises(RulesMistake, match="a: 예산 하나에"):
        outcome(Rules(pots=(Pot("x", 1, ("x",)),)), [Candidate("a", 1, "y")], {})


def test_every_reason_has_a_wording() -> None:
    assert set(REASONS) >= counting.WON
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


def test_tie_where_all_fit_or_none_matters_to_nobody() -> None:
    costs = [Candidate("a", 5), Candidate("b", 5)]
    assert outcome(one_pot(10), costs, {"a": 2, "b": 2}).tie is None
    assert outcome(one_pot(4), costs, {"a": 2, "b": 2}).tie is None
    assert outcome(one_pot(9), costs, {"a": 2, "b": 2}).tie == ("a", "b")


def test_tie_matters_when_the_order_stops_the_count() -> None:
    """With "stop", a big one first would end the count; the cheaper first is funded."""
    costs = [Candidate("big", 20), Candidate("small", 5)]
    stop = one_pot(10, when_too_big="stop")
    assert outcome(stop, costs, {"big": 2, "small": 2}).tie == ("big", "small")
    assert outcome(one_pot(10), costs, {"big": 2, "small": 2}).tie is None


def test_tie_inside_an_excluded_set_matters() -> None:
    rules = one_pot(100, exclusions=(frozenset({"a", "b"}),))
    assert outcome(rules, [Candidate("a", 1), Candidate("b", 1)], {"a": 2, "b": 2}).tie == ("a", "b")


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


def a_count() -> tuple[list[Ballot], dict[str, int], Rules, list[Candidate]]:
    ballots = [
        Ballot("t1", ("a", "c")),
        Ballot("t2", ("a",)),
        Ballot("t3", ("b",), batch="dong-1"),
        Ballot("t4", ("a", "b"), batch="dong-1"),
    ]
    rules = one_pot(10, max_picks=2, limits={"x": 2, "y": 1})
    standing = [
        Candidate("a", 1, "x"),
        Candidate("b", 1, "x"),
        Candidate("c", 1, "y"),
        Candidate("d", 1, "y", "not-voted"),
    ]
    return ballots, {"a": 3, "b": 2, "c": 1}, rules, standing


DONG = Batch("dong-1", 2, ({"a": 1, "b": 2}, {"a": 1, "b": 2}))


def test_a_sound_count_has_no_breach() -> None:
    ballots, votes, rules, standing = a_count()
    assert check(ballots, votes, rules, standing, voters=5, void=1, batches=[DONG]) == ()


@pytest.mark.parametrize(
    ("key", "spoil"),
    [
        ("sum", lambda c: c["votes"].update(a=4)),
        ("votes", lambda c: c["votes"].update(a=2, b=3)),
        ("voters", lambda c: c.update(voters=6)),
        ("voters", lambda c: c["ballots"].pop()),
        ("tracker", lambda c: c["ballots"].append(Ballot("t1", ("a",)))),
        ("limit", lambda c: c["ballots"].append(Ballot("t5", ("a", "b", "c")))),
        ("type-limit", lambda c: c.update(rules=replace(c["rules"], limits={"x": 1}))),
        ("twice", lambda c: c["ballots"].append(Ballot("t5", ("a", "a")))),
        ("unknown", lambda c: c["ballots"].append(Ballot("t5", ("z",)))),
        ("out", lambda c: c["ballots"].append(Ballot("t5", ("d",)))),
        ("blank", lambda c: c["ballots"].append(Ballot("t5", ()))),
        ("batch", lambda c: c.update(batches=[replace(DONG, ballots=3)])),
        ("batch", lambda c: c.update(batches=[replace(DONG, entries=(DONG.entries[0], {"a": 2, "b": 1}))])),
        ("batch", lambda c: c.update(batches=[])),
        ("batch", lambda c: c["batches"].append(Batch("dong-2", 1))),
    ],
)
def test_each_breach_is_named(key: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    ballots, votes, rules, standing = a_count()
    case: dict[str, Any] = {
        "ballots": ballots, "votes": votes, "rules": rules, "candidates": standing,
        "voters": 5, "void": 1, "batches": [DONG],
    }  # fmt: skip
    spoil(case)
    found = check(**case)
    assert key in [breach.key for breach in found]
    assert all(str(breach) for breach in found)


# -- the published files


def a_poll(**more: Any) -> Poll:
    front = {
        "slug": "budget", "file": "votes/budget.md", "title": "예산 투표",
        "opens": "2023-08-07T09:00:00+09:00", "closes": "2023-08-26T00:00:00+09:00",
        "electorate": "주민 누구나", "budget": 100, "max_picks": 3, "blank_allowed": True,
        "types": [
            {"id": "general", "label": "일반", "max": 2},
            {"id": "fixed", "label": "고정", "max": 1, "budget": 30},
            {"id": "other", "label": "자치", "max": 0},
        ],
        "threshold": 2, "exclusions": [["g1", "g2"]],
    }  # fmt: skip
    return Poll.model_validate_json(json.dumps(front | more))


def some_proposals() -> list[Proposal]:
    rows = [("g1", "general", 40), ("g2", "general", 20), ("g3", "general", 30), ("g4", "general", 25), ("g5", "general", 5),
            ("f1", "fixed", 20), ("f2", "fixed", 20), ("o1", "other", 10)]  # fmt: skip
    return [
        Proposal(slug=slug, file=f"proposals/{slug}.md", title=f"제안 {slug}", vote="budget", type=kind, cost=cost,
                 withdrawn=slug == "g5")
        for slug, kind, cost in rows
    ]  # fmt: skip


def some_ballots(n: int = 30, seed: int = 3) -> list[Ballot]:
    chance = random.Random(seed)
    general = ["g1", "g2", "g3", "g4"]
    return [
        Ballot(
            f"T{chance.randrange(16**8):08X}",
            tuple(sorted(chance.sample(general, chance.randint(0, 2)) + chance.sample(["f1", "f2"], chance.randint(0, 1)))),
            batch="dong-1" if k < 4 else "",
        )
        for k in range(n)
    ]  # fmt: skip


def published(poll: Poll, ballots: list[Ballot], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    proposals = some_proposals()
    void = [Spoiled("R1", "limit")]
    found = result.tally(poll, proposals, ballots, more.get("tables"), more.get("draw", ()))
    cast = result.ballots_document(poll, proposals, ballots, void)
    assert cast is not None
    sheets = [Batch("dong-1", sum(ballot.batch == "dong-1" for ballot in ballots))]
    told = result.results_document(
        poll, proposals, found, ballots, len(ballots) + 1, void=1, batches=sheets, **more
    )
    return cast, told


def run_verify(folder: Path, cast: Any, told: Any, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "ballots.json").write_text(result.as_json(cast), "utf-8")
    (folder / "results.json").write_text(result.as_json(told), "utf-8")
    return subprocess.run(
        [sys.executable, "-I", str(VERIFY), *options],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60,
        env={"PYTHONUTF8": "1"},
    )  # fmt: skip


def test_untampered_publication_is_confirmed(tmp_path: Path) -> None:
    cast, told = published(a_poll(), some_ballots())
    done = run_verify(tmp_path, cast, told, "--rules", told["rules_hash"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "맞습니다: 표 30장" in done.stdout


def _over_the_limit(cast: dict[str, Any], told: dict[str, Any]) -> None:
    """A ballot with two fixed picks, and counts that agree with it."""
    ballot = next(each for each in cast["ballots"] if "f1" in each["choices"] and "f2" not in each["choices"])
    ballot["choices"].append("f2")
    next(line for line in told["lines"] if line["slug"] == "f2")["votes"] += 1


def _other_winner(cast: dict[str, Any], told: dict[str, Any]) -> None:
    """A loser and a winner change places in everything that is printed about them."""
    lines = {line["slug"]: line for line in told["lines"]}
    won, lost = told["winners"][-1], next(s for s, line in lines.items() if not line["won"] and line["votes"])
    lines[lost].update(won=True, reason="selected", wording="선정", instead="")
    lines[won].update(won=False, reason="over-budget", wording="예산 부족")
    told["winners"] = [slug if slug != won else lost for slug in told["winners"]]


TAMPERINGS: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "dropped ballot": (lambda cast, told: cast["ballots"].pop(5), "voters"),
    "added ballot": (
        lambda cast, told: cast["ballots"].append({"tracker": "ZZ", "choices": ["g1"]}),
        "voters",
    ),
    "changed choice": (
        lambda cast, told: next(b for b in cast["ballots"] if "f1" in b["choices"]).update(choices=["f2"]),
        "f1: votes",
    ),
    "changed count": (
        lambda cast, told: told["lines"][0].update(votes=told["lines"][0]["votes"] + 1),
        "votes",
    ),
    "changed winner": (_other_winner, "선정"),
    "over-limit ballot": (_over_the_limit, "fixed 유형은 1개까지"),
    "changed rules": (lambda cast, told: told["declared"]["rules"].update(threshold=99), "규칙 지문"),
    "changed cost": (lambda cast, told: told["declared"]["proposals"][0].update(cost=1), "규칙 지문"),
    "ballot twice": (lambda cast, told: cast["ballots"].insert(3, dict(cast["ballots"][3])), "추적 번호"),
    "paper batch": (lambda cast, told: told["paper"][0].update(ballots=9), "dong-1"),
    "changed reason": (
        lambda cast, told: next(x for x in told["lines"] if not x["won"]).update(reason="no-votes"),
        "reason",
    ),
    "hidden void": (lambda cast, told: cast["void"].clear(), "void"),
    "changed spending": (lambda cast, told: told["spent"].update(all=1), "쓴 예산"),
}


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_tampering_is_caught(kind: str, tmp_path: Path) -> None:
    """Each kind is found and named; exit code 1."""
    cast, told = copy.deepcopy(published(a_poll(), some_ballots()))
    spoil, named = TAMPERINGS[kind]
    spoil(cast, told)
    done = run_verify(tmp_path, cast, told)
    assert (done.returncode, done.stderr) == (1, "")
    assert any(named in line for line in done.stdout.splitlines() if line.startswith("다름:"))


def test_rules_changed_together_with_their_hash_are_caught_by_the_receipt(tmp_path: Path) -> None:
    """The whole publication agrees with itself under other rules; only the hash on the receipt tells."""
    receipt = published(a_poll(), some_ballots())[1]["rules_hash"]
    cast, told = published(a_poll(threshold=5), some_ballots())
    assert run_verify(tmp_path, cast, told).returncode == 0
    done = run_verify(tmp_path, cast, told, "--rules", receipt)
    assert done.returncode == 1
    assert "접수증의 규칙 지문과 다릅니다" in done.stdout


def test_verify_counts_receipts_and_finds_my_ballot(tmp_path: Path) -> None:
    cast, told = published(a_poll(), some_ballots())
    (tmp_path / "receipts.json").write_text(
        json.dumps({"receipts": ["R1", *(f"r{n}" for n in range(26))]}), "utf-8"
    )
    assert run_verify(tmp_path, cast, told, "--receipts", "receipts.json").returncode == 0
    (tmp_path / "receipts.json").write_text(
        json.dumps({"receipts": ["R1", *(f"r{n}" for n in range(25))]}), "utf-8"
    )
    assert run_verify(tmp_path, cast, told, "--receipts", "receipts.json").returncode == 1
    mine = cast["ballots"][0]
    assert ", ".join(mine["choices"]) in run_verify(tmp_path, cast, told, "--tracker", mine["tracker"]).stdout
    assert run_verify(tmp_path, cast, told, "--tracker", "none").returncode == 1


def test_verify_says_what_is_wrong_with_files_and_calls(tmp_path: Path) -> None:
    cast, told = published(a_poll(), some_ballots())
    assert run_verify(tmp_path, cast, told, "--nonsense").returncode == 2
    assert run_verify(tmp_path, cast, told, "missing.json").returncode == 2
    broken: Any
    for broken in ([], {"format": "madang-ballots/1"}, {**cast, "ballots": [{}]}):
        done = run_verify(tmp_path, broken, told)
        assert (done.returncode, done.stderr) == (1, "")


def _verify() -> Any:
    spec = importlib.util.spec_from_file_location("verify", VERIFY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 120),
    st.sampled_from(["skip", "stop"]),
    st.integers(0, 4),
    st.sampled_from([[], [["g1", "g2"]], [["g1", "g2", "f1"], ["g3", "g4"]]]),
    st.booleans(),
)
def test_two_programs_written_apart_agree(
    seed: int, budget: int, when: str, threshold: int, exclusions: list[list[str]], weighted: bool
) -> None:
    """verify.py shares no code with the count: on random polls both say the same, line by line."""
    chance = random.Random(seed)
    bodies = [
        {"id": "committee", "label": "위원회", "weight": 50},
        {"id": "meeting", "label": "총회", "weight": 20},
    ]
    poll = a_poll(
        budget=budget + 30, when_too_big=when, threshold=threshold, exclusions=exclusions,
        ties=chance.choice(["cost", "draw"]), bodies=bodies if weighted else [],
    )  # fmt: skip
    slugs = [each.slug for each in some_proposals()]
    tables: dict[str, dict[str, counting.Number]] = (
        {
            body: {slug: Fraction(chance.randint(0, 20), 2) for slug in slugs}
            for body in ("committee", "meeting")
        }
        if weighted
        else {}
    )
    draw = chance.sample(slugs, len(slugs))
    cast, told = published(poll, some_ballots(chance.randint(20, 24), seed), tables=tables, draw=draw)
    assert (
        list(_verify().differences(json.loads(result.as_json(cast)), json.loads(result.as_json(told)))) == []
    )


def test_a_planted_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the count to lose every seventh ballot, both the invariants and verify.py would say so."""
    poll, ballots = a_poll(), some_ballots()
    honest = count(ballot.choices for ballot in ballots)
    mutant = count(ballot.choices for k, ballot in enumerate(ballots) if k % 7)
    monkeypatch.setattr(result, "count", lambda _: mutant)
    cast, told = published(poll, ballots)
    assert mutant != honest
    assert list(_verify().differences(cast, told))
    candidates = result.candidates_of(poll, some_proposals())
    assert check(ballots, mutant, result.rules_of(poll), candidates, voters=30)


def test_fewer_than_twenty_ballots_are_not_shown_singly() -> None:
    poll, proposals = a_poll(), some_proposals()
    assert result.ballots_document(poll, proposals, some_ballots(19)) is None
    assert result.ballots_document(poll, proposals, some_ballots(20)) is not None


def test_types_that_are_not_picked_from_stay_out_with_their_reason() -> None:
    found = result.tally(a_poll(), some_proposals(), some_ballots())
    told = {line.slug: line.wording for line in found.lines}
    assert told["o1"] == "투표 대상 아님"
    assert told["g5"] == "철회"


def test_published_pb_file_gives_the_same_winners() -> None:
    """The election written as `.pb` and counted again as a public one: the same votes and winners."""
    poll = a_poll(types=[{"id": "general", "label": "일반", "max": 2}, {"id": "fixed", "label": "고정", "max": 1},
                         {"id": "other", "label": "자치", "max": 0}])  # fmt: skip
    ballots = some_ballots()
    found = result.tally(poll, some_proposals(), ballots)
    text = write(result.as_election(poll, some_proposals(), ballots, found.lines, "Korea", "광산구"))
    assert not text.startswith("\ufeff")
    again = recount(parse(text, "budget.pb"))
    assert set(again.winners) == set(found.winners)
    assert again.votes == {line.slug: line.votes for line in found.lines if line.slug not in ("g5", "o1")}


def test_last_day_of_a_published_pb_file_is_the_last_day_of_voting() -> None:
    """A poll that closes at midnight before the 26th ended on the 25th; one that closes at noon, that day."""
    for closes, last in (
        ("2023-08-26T00:00:00+09:00", "25.08.2023"),
        ("2023-08-26T12:00:00+09:00", "26.08.2023"),
    ):
        poll = a_poll(closes=closes)
        found = result.tally(poll, some_proposals(), some_ballots())
        meta = result.as_election(poll, some_proposals(), some_ballots(), found.lines, "Korea", "광산구").meta
        assert (meta["date_begin"], meta["date_end"]) == ("07.08.2023", last)


def test_tables_for_spreadsheets_are_quoted_and_inert() -> None:
    """Every cell quoted, a BOM for Excel, and a title that looks like a formula does not run, in wide signs either."""
    poll = a_poll()
    titles = {"g1": "=1+1", "g2": "＝1+1", "g3": " @x", "g4": "\u3000=1"}
    proposals = [
        each.model_copy(update={"title": titles.get(each.slug, each.title)}) for each in some_proposals()
    ]
    found = result.tally(poll, proposals, some_ballots())
    text = result.results_csv(found.lines, proposals, poll)
    for title in titles.values():
        assert f'"\'{title}"' in text
    assert text.startswith('\ufeff"순위"') and '"예산(원)"' in text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row[3] for row in rows[1:]} <= {kind.label for kind in poll.types}  # not the key of the type
    first = result.ballots_csv([Ballot("t2", ("b", "a")), Ballot("t1", ())])
    assert first.startswith("\ufeff")
    assert first.removeprefix("\ufeff").splitlines() == [
        '"tracker","batch","choice"',
        '"t1","",""',
        '"t2","","b"',
        '"t2","","a"',
    ]


def test_a_breach_names_the_type_as_people_do() -> None:
    """Staff read the key of the type with a particle that did not fit it: its label, and no particle."""
    ballots = [Ballot("t1", ("a", "b"))]
    candidates = [Candidate(slug, 1, "special-type") for slug in ("a", "b")]
    rules = Rules(pots=(Pot("all", 10, ("special-type",)),), max_picks=2, limits={"special-type": 1})
    (breach,) = check(ballots, {"a": 1, "b": 1}, rules, candidates, 1, labels={"special-type": "마을 자치"})
    assert str(breach) == "t1: 마을 자치: 1개까지인데 2개입니다"
