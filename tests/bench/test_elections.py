"""Public elections in `.pb` files: read whatever the format allows, name what is broken, count by their rule."""

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.elections.count import official, published_votes, recount
from bench.elections.election import Project, PublicElection, oddities
from bench.elections.figures import number
from bench.elections.reader import decode, parse
from bench.elections.rules import named_exclusions
from bench.elections.shares import add_one, equal_shares, preferred
from civic.errors import ContentMistakes
from tests.bench.elections import SAMPLES, a_file, mistakes, read, reasons, run, sample, written

GOOD = ["approval", "no_skip", "eighty", "exclusive", "cumulative", "ordinal", "shares"]


# -- counting by the declared rule, worked by hand in each sample


@pytest.mark.parametrize("name", GOOD)
def test_recount_gives_published_votes_and_official_winners(name: str) -> None:
    """Every sample: ballots give the votes column, the declared rule gives the selected ones."""
    election = sample(name)
    result = recount(election)
    assert result.votes == published_votes(election)
    assert set(result.winners) == official(election)


def edited(name: str, *changes: tuple[str, str]) -> PublicElection:
    """A sample with these texts exchanged."""
    text = (SAMPLES / f"{name}.pb").read_text("utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    return parse(text, "x.pb")


@pytest.mark.parametrize(
    ("election", "winners"),
    [
        # 100: a costs 60, b 50 does not fit; c 40 would, but the count has stopped.
        (sample("no_skip"), ("a",)),
        # 40 is left and y costs 50: exactly 80 %, so y is funded, and z is not looked at any more. With 99 there are 39.
        (sample("eighty"), ("x", "y")),
        (edited("eighty", ("budget;100", "budget;99")), ("x",)),
        # Exactly the threshold in points is enough.
        (edited("cumulative", ("threshold;4", "threshold;3"), ("budget;100", "budget;110")), ("a", "b", "c")),
        # 4 voters with 25 each: three buy A for 20 each; B has only 5 + 25 of 40. With 30 each B is bought as well,
        # and 100 are spent; C would need 70 of one voter, and at that share the budget is overspent.
        (sample("shares"), ("A", "B")),
        (edited("shares", ("/add1", "")), ("A",)),
        # A cost of 999999999 marks a project taken off after the vote: it does not stop a count.
        (read("1;a\n2;a\n3;b\n", projects="a;999999999;철회\nb;20;둘째\n", rule="greedy-no-skip"), ("b",)),
    ],
)
def test_winners_are_those_worked_out_by_hand(election: PublicElection, winners: tuple[str, ...]) -> None:
    """Where a count stops, how nearly a cost must fit, thresholds, shares and add-1, a withdrawn project."""
    assert recount(election).winners == winners


def test_greedy_skips_what_no_longer_fits() -> None:
    """100: p1 costs 60, p2 50 does not fit into 40, p3 40 does; p4 has no votes but nothing is left anyway."""
    result = recount(sample("approval"))
    assert result.winners == ("p1", "p3")
    assert reasons(result) == {
        "p1": "selected", "p2": "over-budget", "p3": "selected", "p4": "over-budget",
    }  # fmt: skip


def test_points_decide() -> None:
    """c has 3 points of the 4 it needs, though it would cost only 10. Borda points count from the ballot's own end: a 3 of
    a ballot of three, 1 of a ballot of two, b the same; the tie goes to the cheaper, and matters."""
    assert recount(sample("cumulative")).scores == {"a": 6, "b": 5, "c": 3}
    result = recount(sample("ordinal"))
    assert result.scores == {"a": 4, "b": 4, "c": 2}
    assert (result.winners, result.tie) == (("b", "c"), ("a", "b"))


def test_exclusive_pair_is_read_from_the_comment() -> None:
    """153 has more votes than 9 and fits, but stands for the same place as 773."""
    election = sample("exclusive")
    assert named_exclusions(election) == (frozenset({"773", "153"}),)
    result = recount(election)
    assert result.outcome is not None
    assert [(line.slug, line.reason, line.instead) for line in result.outcome.lines] == [
        ("773", "selected", ""), ("153", "duplicate", "773"), ("9", "selected", ""),
    ]  # fmt: skip


def test_comparison_step_takes_what_more_voters_prefer() -> None:
    """Two voters get more of what they support from the second outcome, one from the first."""
    supporters = {"a": {1: 1}, "b": {2: 1, 3: 1}}
    assert preferred(supporters, ("a",), ("b",)) == ("b",)
    assert preferred(supporters, ("b",), ("a",)) == ("b",)
    assert preferred({"a": {1: 1}, "b": {2: 1}}, ("a",), ("b",)) == ("a",)


def test_scoring_gives_unnamed_projects_the_default_score() -> None:
    """a: -2 and the default 1; b: 3 and the default 1."""
    points = {"kind": "scoring", "columns": "voter_id;vote;points"}
    result = recount(read("1;a;-2\n2;b;3\n", meta="default_score;1\n", **points))
    assert (result.scores, result.votes) == ({"a": -1, "b": 4}, {"a": 1, "b": 1})


def test_tie_that_changes_nothing_is_no_tie() -> None:
    """Two of equal votes that both fit."""
    assert recount(read("1;a,b\n")).tie is None


# -- what the format allows in the wild


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(";", " ; "),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", ";;\n"),
        lambda text: text.replace("META", "meta").replace("PROJECTS", "Projects").replace("VOTES", "votes"),
        lambda text: text.replace("1;a\n", '1;"a"\n').replace("2;a,b", '"2";" a , b ,"'),
        lambda text: text.replace("voter_id;vote", "Voter ID;Votes"),
        lambda text: text.replace("project_id;cost", "Project ID;Cost"),
        lambda text: text.replace("budget;30", "budget: 30"),
        lambda text: text.replace("budget;30", "budget;30,0"),
        lambda text: text.replace("10;첫째", '10.00;"첫째\nVOTES\n; 그다음"'),
        lambda text: text.replace("voter_id;vote\n1;a\n2;a,b", "age;vote;voter_id\n20;a;1\n30;a,b;2"),
        lambda text: text.replace("META", "\nMETA"),
        lambda text: text.rstrip("\n"),
        lambda text: "VOTES" + text.split("VOTES")[1] + text.split("VOTES")[0],
    ],
)
def test_same_election_in_other_clothes(change) -> None:  # type: ignore[no-untyped-def]
    """BOM, CRLF, padding, blank lines, extra separators, cases, quotes, other names and orders: the same count."""
    result = recount(parse(change(a_file()), "x.pb"))
    assert result.votes == {"a": 2, "b": 1}
    assert result.winners == ("a", "b")


@pytest.mark.parametrize(
    ("election", "counted", "said"),
    [
        (read("1;\n2;a\n"), {"a": 1, "b": 0}, 0),  # a blank ballot is one
        # Published figures count a repeated voter or pick, so does the recount; the remark is for people.
        (read("1;a,a\n1;b\n"), {"a": 2, "b": 1}, 2),
        (read("1;a;3\n2;b;1\n", columns="voter_id;vote;vote_strength"), {"a": 3, "b": 1}, 0),
        # A stray comma once crashed the count of ordinal ballots: the empty place was taken for a project.
        (read("1;a,\n2;,b,,a\n", kind="ordinal"), {"a": 2, "b": 1}, 0),
    ],
)
def test_odd_ballots_are_counted(election: PublicElection, counted: dict[str, int], said: int) -> None:
    """Blank, repeated, of more weight, with empty places: each ballot is there, as often as it is published."""
    assert len(election.votes) == 2
    assert recount(election).votes == counted
    assert len(oddities(election)) == said


def test_numbers_are_exact() -> None:
    for text, exact in (("1 000 000", 1_000_000), ("400000.0", 400_000), ("1,234,567", 1_234_567)):
        assert number(text) == exact
    assert number("0,1") + number("0.2") == Fraction(3, 10)
    for text in ("", "nan", "inf", "1e999", "십", "1/3", "--1", "0x10"):
        with pytest.raises(ValueError, match=r"^"):
            number(text)


# -- broken files


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "broken",
            (
                "3: budget: 숫자여야 합니다",
                "9: cost: 숫자여야 합니다",
                "10: project_id: 같은 제안이 두 번 있습니다",
                "11: 칸이 3개여야 합니다",
            ),
        ),
        (
            "broken_votes",
            (
                "13: vote: PROJECTS에 없는 제안입니다",
                "14: points: 점수가 1개여야 합니다",
                "15: points: 점수가 2개여야 합니다",
                "16: points: 숫자여야 합니다",
            ),
        ),
    ],
)
def test_every_mistake_has_its_line(name: str, said: tuple[str, ...]) -> None:
    """Budget and cost no numbers, a project twice, a row that ends too soon; four broken votes: nothing is counted."""
    text = (SAMPLES / f"{name}.pb").read_text("utf-8")
    assert [line.split(" (")[0] for line in mistakes(text)] == [f"x.pb:{each}" for each in said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "META: 이 부분이 없습니다"),
        ("이것은 pb 파일이 아닙니다\n", "x.pb:1: META, PROJECTS, VOTES보다 앞에"),
        (a_file().replace("budget;30\n", ""), "예산이 없습니다"),
        (a_file().replace("project_id;cost", "project_id;kost"), "PROJECTS에 이 칸이 없습니다"),
        (a_file().replace("voter_id;vote", "voter_id;wote"), "VOTES에 이 칸이 없습니다"),
        (a_file().replace("vote_type;approval", "vote_type;shouting"), "x.pb:4: vote_type"),
        (a_file().replace("vote_type;approval", "vote_type;cumulative"), "points 칸이 있어야"),
        (a_file().replace("a;10", "a;-10"), "x.pb:8: cost: 0 이상이어야"),
        (a_file().replace("첫째", '"첫째'), "x.pb:8: 따옴표가 닫히지 않았습니다"),
        (a_file() + "PROJECTS\nproject_id;cost\nc;5\n", "x.pb:14: PROJECTS: 같은 부분이 두 번"),
        (a_file("1;a\n2;b;a\n"), "x.pb:13: 칸이 2개여야"),
        (a_file("1;a;30\n2;;b\n"), "x.pb:13: 칸이 2개여야"),
        (a_file(meta="rule;greedy;x\n"), "x.pb:6: rule: ‘이름;값’이어야"),
        (a_file(meta="budget;31\n"), "x.pb:6: budget: 같은 이름이 두 번"),
        (a_file('1;"a\n2;b\n'), "x.pb:12: vote: PROJECTS에 없는"),
    ],
)
def test_broken_files_are_refused_by_name(text: str, said: str) -> None:
    assert said in "\n".join(mistakes(text))


def test_a_torn_file_lists_a_hundred_mistakes_and_the_rest_as_a_number() -> None:
    found = mistakes(a_file("".join(f"{n};zz\n" for n in range(250))))
    assert len(found) == 101
    assert "150곳 더" in found[-1]


def test_not_utf8_names_the_line() -> None:
    with pytest.raises(ContentMistakes, match=r"x\.pb:8: UTF-8"):
        decode(a_file().replace("첫째", "가게").encode("cp949"), "x.pb")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from('META\nVOTESPROJC;",ab1 .-\r:'), max_size=120), st.integers(0, 170))
def test_no_text_makes_a_traceback(junk: str, place: int) -> None:
    """Junk anywhere in a file: it is counted or refused by name, never anything else."""
    text = a_file()
    try:
        recount(parse(text[:place] + junk + text[place:], "x.pb"))
    except ContentMistakes as err:
        assert err.mistakes


# -- writing


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip) | st.sampled_from(
    ['"', ";", 'a";b', "두\n줄", "=1+1", "VOTES"]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(cells, st.integers(0, 10**9)), min_size=1, max_size=6), st.data())
def test_what_is_written_reads_the_same(rows: list[tuple[str, int]], data: st.DataObject) -> None:
    """Any name, cost and ballot survives the file; no BOM, plain line ends."""
    projects = {f"p{n}": Project(f"p{n}", cost, name, 0, "0") for n, (name, cost) in enumerate(rows)}
    ballots = data.draw(st.lists(st.lists(st.sampled_from(sorted(projects)), unique=True), max_size=8))
    election = PublicElection(
        meta={"budget": "10", "vote_type": "approval", "description": rows[0][0]},
        projects=projects,
        voters=[str(n) for n in range(len(ballots))],
        votes=[",".join(ballot) for ballot in ballots],
    )
    text = written(election)
    assert not text.startswith("\ufeff")
    again = parse(text, "x.pb")
    assert dict(again.projects) == projects
    assert list(again.votes) == election.votes
    assert list(again.voters) == election.voters
    assert again.meta["description"] == rows[0][0]


# -- what must not matter


@pytest.mark.parametrize("name", GOOD)
def test_order_of_ballots_and_names_of_voters_do_not_matter(name: str) -> None:
    """Ballots shuffled and voters renamed: the same count; the same too from a file that we wrote of it."""
    election = sample(name)
    if not election.points:
        assert recount(parse(written(election), "x.pb")) == recount(election)
    order = list(range(len(election.votes)))
    random.Random(5).shuffle(order)
    mixed = PublicElection(
        election.meta,
        election.projects,
        voters=[f"v{n}" for n in order],
        votes=[election.votes[n] for n in order],
        points=[election.points[n] for n in order] if election.points else (),
    )
    assert recount(mixed).votes == recount(election).votes
    assert recount(mixed).winners == recount(election).winners


def shares_by_definition(
    supporters: dict[str, set[int]], costs: dict[str, int], share: Fraction
) -> list[str]:
    """Equal Shares as it is defined, slowly: buy what asks for the smallest part of its cost from its dearest
    supporter; equals by lower cost, then key."""
    purse = {voter: share for voters in supporters.values() for voter in voters}
    bought: list[str] = []
    while True:
        offers = []
        for slug in supporters.keys() - set(bought):
            held = sorted(purse[voter] for voter in supporters[slug])
            if sum(held) < costs[slug]:
                continue
            dearest = (
                (Fraction(costs[slug]) - sum(held[:poor])) / (len(held) - poor) for poor in range(len(held))
            )
            unit = min(unit for unit in dearest if sum(min(unit, each) for each in held) == costs[slug])
            offers.append((unit / costs[slug], costs[slug], slug, unit))
        if not offers:
            return bought
        _, _, slug, unit = min(offers)
        bought.append(slug)
        for voter in supporters[slug]:
            purse[voter] -= min(unit, purse[voter])


supports = st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(supports, st.lists(st.integers(1, 60), min_size=5, max_size=5), st.integers(1, 200))
def test_equal_shares_is_what_its_definition_says(
    sets: list[set[int]], prices: list[int], budget: int
) -> None:
    """The fast count decides like the definition in exact fractions, and spends no more than there is.

    Whole costs once slipped through as a float division in the exact count, and equals were not seen as equals.
    """
    supporters = {f"p{n}": dict.fromkeys(voters, 1) for n, voters in enumerate(sets)}
    costs = dict(zip(supporters, prices, strict=False))
    share = Fraction(budget, 8)
    found = equal_shares(supporters, costs, share)
    assert list(found.winners) == shares_by_definition(dict(zip(supporters, sets, strict=True)), costs, share)
    assert sum(costs[slug] for slug in found.winners) <= budget


@settings(max_examples=60, deadline=None)
@given(supports, st.lists(st.integers(1, 60), min_size=5, max_size=5), st.integers(1, 150))
def test_add_one_never_overspends_and_never_funds_less_than_all_that_fit(
    sets: list[set[int]], prices: list[int], budget: int
) -> None:
    supporters = {f"p{n}": dict.fromkeys(voters, 1) for n, voters in enumerate(sets)}
    costs = dict(zip(supporters, prices, strict=False))
    winners = add_one(supporters, costs, budget, 8).winners
    assert sum(costs[slug] for slug in winners) <= budget
    if sum(costs.values()) <= budget:
        assert set(winners) == set(supporters)


# -- the command line


@pytest.mark.parametrize("name", GOOD)
def test_tally_prints_one_json_line(name: str) -> None:
    done = run(SAMPLES / f"{name}.pb", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert list(found) == ["votes", "winners", "tie"]
    assert set(found["winners"]) == official(sample(name))


def test_tally_of_a_broken_file_says_each_line_and_prints_no_count() -> None:
    done = run(SAMPLES / "broken.pb", "--json")
    assert done.exit_code == 1
    assert done.stdout == ""
    for mark, line in zip((":3: ", ":9: ", ":10: ", ":11: "), done.stderr.splitlines(), strict=True):
        assert mark in line


def test_wrong_calls_exit_with_2(tmp_path: Path) -> None:
    assert run(tmp_path / "none.pb").exit_code == 2
    assert run().exit_code == 2


def test_table_for_people_names_the_reasons() -> None:
    done = run(SAMPLES / "approval.pb")
    assert "선정: p1 놀이터; 그늘막 (4표, 예산 60)" in done.stdout
    assert "예산 부족: p2" in done.stdout
