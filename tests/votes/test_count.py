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
from civic.votes import tally as tally_module
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.check import check
from civic.votes.count import (
    REASONS,
    WON,
    Candidate,
    Number,
    Pot,
    Rules,
    RulesMistake,
    TieStops,
    count,
    outcome,
)  # fmt: skip
from civic.votes.pabulib import election_of, write
from civic.votes.paper import PaperBatch
from civic.votes.result import BallotsFile, ResultsFile, as_json
from civic.votes.result_files import ballots_csv, results_csv
from civic.votes.tally import VoteCount

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


BODIES = (
    {"id": "committee", "label": "위원회", "weight": 50},
    {"id": "meeting", "label": "총회", "weight": 20},
)


def a_small_poll(costs: dict[str, int], budget: int) -> tuple[Poll, dict[str, Proposal]]:
    """One type, three bodies: online 30, committee 50, meeting 20."""
    listed = {
        slug: Proposal(
            slug=slug, file=f"proposals/{slug}.md", title=slug, vote="budget", type="general", cost=cost
        )
        for slug, cost in costs.items()
    }
    kinds = [{"id": "general", "label": "일반", "max": 2}]
    return a_poll(bodies=BODIES, budget=budget, types=kinds, exclusions=[], threshold=0), listed


def votes_for(**votes: int) -> list[Ballot]:
    return [Ballot(f"{slug}{n}", (slug,)) for slug, times in votes.items() for n in range(times)]


def test_weights_of_three_bodies() -> None:
    """Online 30, committee 50, meeting 20. a: 30*80/80 + 50*45/90 + 20*10/10 = 75; b: 30*40/80 + 50 + 20*5/10 = 75;
    c: 30*8/80 + 50*81/90 + 0 = 48. a and b are equal: exactly, in fractions."""
    poll, proposals = a_small_poll({"a": 7, "b": 6, "c": 4}, budget=10)
    tables: Any = {"committee": {"a": 45, "b": 90, "c": 81}, "meeting": {"a": 10, "b": 5, "c": 0}}
    found = VoteCount(poll, proposals, votes_for(a=80, b=40, c=8), tables=tables).outcome
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
        _ = VoteCount(*a_small_poll({"a": 1}, budget=10), votes_for(a=1), tables=tables).outcome


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


def a_count() -> dict[str, Any]:
    """Two of three general ones, one fixed one, on paper and online, one void; all in order."""
    return {
        "ballots": [
            Ballot("t1", ("f1", "g1")),
            Ballot("t2", ("g1",)),
            Ballot("t3", ("g2",), batch="dong-1"),
            Ballot("t4", ("g1", "g2"), batch="dong-1"),
        ],
        "void": [Spoiled("R1", "limit")],
        "batches": [PaperBatch("dong-1", 2)],
        "votes": {"g1": 3, "g2": 2, "f1": 1},
        "voters": 5,
    }


def breaches(votes: dict[str, int], voters: int, **counted: Any) -> tuple[str, ...]:
    return check(VoteCount(a_poll(blank_allowed=False), some_proposals(), **counted), votes, voters)


def test_a_sound_count_has_no_breach() -> None:
    """A proposal withdrawn after it was picked is no breach: the count passes over it."""
    case = a_count()
    assert breaches(**case) == ()
    case["ballots"][1] = Ballot("t2", ("g1", "g5"))
    assert breaches(**case | {"votes": case["votes"] | {"g5": 1}}) == ()


@pytest.mark.parametrize(
    ("said", "spoil"),
    [
        ("득표수의 합(7)과 고른 수의 합(6)", lambda c: c["votes"].update(g1=4)),
        ("g1: 득표수(2)와 다시 센 수(3)", lambda c: c["votes"].update(g1=2, g2=3)),
        ("표 5장(무효 1장 포함)과 투표자 6명", lambda c: c.update(voters=6)),
        ("표 4장(무효 1장 포함)과 투표자 5명", lambda c: c["ballots"].pop(1)),
        ("t1: 같은 추적 번호가 2번", lambda c: c["ballots"].append(Ballot("t1", ("g1",)))),
        ("t5: 모두 합해 3개까지", lambda c: c["ballots"].append(Ballot("t5", ("f1", "g1", "g2", "g3")))),
        ("t5: 고정은 1개까지", lambda c: c["ballots"].append(Ballot("t5", ("f1", "f2")))),
        ("t5: 같은 제안을 두 번", lambda c: c["ballots"].append(Ballot("t5", ("g1", "g1")))),
        ("t5: 이 투표에 없는 제안", lambda c: c["ballots"].append(Ballot("t5", ("z",)))),
        ("t5: 자치는 이 투표에서 고르지", lambda c: c["ballots"].append(Ballot("t5", ("o1",)))),
        ("t5: 제안을 하나 이상", lambda c: c["ballots"].append(Ballot("t5", ()))),
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


def some_proposals() -> dict[str, Proposal]:
    rows = [("g1", "general", 40), ("g2", "general", 20), ("g3", "general", 30), ("g4", "general", 25), ("g5", "general", 5),
            ("f1", "fixed", 20), ("f2", "fixed", 20), ("o1", "other", 10)]  # fmt: skip
    return {
        slug: Proposal(slug=slug, file=f"proposals/{slug}.md", title=f"제안 {slug}", vote="budget", type=kind, cost=cost,
                 withdrawn=slug == "g5")
        for slug, kind, cost in rows
    }  # fmt: skip


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


def counted(poll: Poll, ballots: list[Ballot], **more: Any) -> VoteCount:
    return VoteCount(poll, some_proposals(), ballots, **more)


def published(poll: Poll, ballots: list[Ballot], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    sheets = [PaperBatch("dong-1", sum(ballot.batch == "dong-1" for ballot in ballots))]
    vote = counted(poll, ballots, void=[Spoiled("R1", "limit")], batches=sheets, **more)
    cast = BallotsFile.of(vote)
    assert cast is not None
    return json.loads(as_json(cast)), json.loads(as_json(ResultsFile.of(vote)))


def run_verify(folder: Path, cast: Any, told: Any, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "ballots.json").write_text(as_json(cast), "utf-8")
    (folder / "results.json").write_text(as_json(told), "utf-8")
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
    slugs = list(some_proposals())
    tables: dict[str, dict[str, Number]] = (
        {
            body: {slug: Fraction(chance.randint(0, 20), 2) for slug in slugs}
            for body in ("committee", "meeting")
        }
        if weighted
        else {}
    )
    draw = chance.sample(slugs, len(slugs))
    cast, told = published(poll, some_ballots(chance.randint(20, 24), seed), tables=tables, draw=draw)
    assert list(_verify().differences(cast, told)) == []


def test_a_planted_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the count to lose every seventh ballot, both the invariants and verify.py would say so."""
    poll, ballots = a_poll(), some_ballots()
    honest = count(ballot.choices for ballot in ballots)
    mutant = count(ballot.choices for k, ballot in enumerate(ballots) if k % 7)
    monkeypatch.setattr(tally_module, "count", lambda _: mutant)
    cast, told = published(poll, ballots)
    assert mutant != honest
    assert list(_verify().differences(cast, told))
    monkeypatch.undo()
    assert check(counted(poll, ballots), mutant, voters=30)


def test_fewer_than_twenty_ballots_are_not_shown_singly() -> None:
    assert BallotsFile.of(counted(a_poll(), some_ballots(19))) is None
    assert BallotsFile.of(counted(a_poll(), some_ballots(20))) is not None


def test_types_that_are_not_picked_from_stay_out_with_their_reason() -> None:
    found = counted(a_poll(), some_ballots()).outcome
    told = {line.slug: line.wording for line in found.lines}
    assert told["o1"] == "투표 대상 아님"
    assert told["g5"] == "철회"


def test_published_pb_file_gives_the_same_winners() -> None:
    """The election written as `.pb` and counted again as a public one: the same votes and winners."""
    poll = a_poll(types=[{"id": "general", "label": "일반", "max": 2}, {"id": "fixed", "label": "고정", "max": 1},
                         {"id": "other", "label": "자치", "max": 0}])  # fmt: skip
    ballots = some_ballots()
    found = counted(poll, ballots).outcome
    text = write(election_of(poll, some_proposals().values(), ballots, found.lines))
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
        found = counted(poll, some_ballots()).outcome
        meta = election_of(poll, some_proposals().values(), some_ballots(), found.lines).meta
        assert (meta["date_begin"], meta["date_end"]) == ("07.08.2023", last)


def test_tables_for_spreadsheets_are_quoted_and_inert() -> None:
    """Every cell quoted, a BOM for Excel, and a title that looks like a formula does not run, in wide signs either."""
    poll = a_poll()
    titles = {"g1": "=1+1", "g2": "＝1+1", "g3": " @x", "g4": "\u3000=1"}
    proposals = {
        slug: proposal.model_copy(update={"title": titles.get(slug, proposal.title)})
        for slug, proposal in some_proposals().items()
    }
    found = VoteCount(poll, proposals, some_ballots()).outcome
    text = results_csv(found.lines, proposals, poll)
    for title in titles.values():
        assert f'"\'{title}"' in text
    assert text.startswith('\ufeff"순위"') and '"예산(원)"' in text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row[3] for row in rows[1:]} <= {kind.label for kind in poll.types}  # not the key of the type
    first = ballots_csv([Ballot("t2", ("b", "a")), Ballot("t1", ())])
    assert first.startswith("\ufeff")
    assert first.removeprefix("\ufeff").splitlines() == [
        '"tracker","batch","choice"',
        '"t1","",""',
        '"t2","","b"',
        '"t2","","a"',
    ]
