"""Public elections as they are found: odd figures, dates, rule names and rows, read or refused, never miscounted."""

import csv
import io
import json
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.elections.count import recount
from bench.elections.election import Project, PublicElection
from bench.elections.figures import number, thousands_mark
from bench.elections.reader import parse
from bench.elections.rules import declared_rules, named_exclusions
from bench.elections.shares import Effort, Shares, TooMuchWork, add_one, equal_shares
from civic.votes.count import RulesMistake
from tests.bench.elections import SAMPLES, a_file, mistakes, read, reasons, run, sample, written

# -- figures


@pytest.mark.parametrize(
    ("budget", "costs", "wanted"),
    [
        ("1,000,000", ("600,000", "400,001"), (1_000_000, 600_000, 400_001)),
        ("900", ("600,000", "1,234.50"), (900, 600_000, Fraction(2469, 2))),
        ("600,000", ("50,000", "900"), (600_000, 50_000, 900)),
        ("1.000.000", ("600.000", "400.000"), (1_000_000, 600_000, 400_000)),
        ("400000.0", ("612,5", "10.00"), (400_000, Fraction(1225, 2), 10)),
        ("1 000 000", ("600 000", "7"), (1_000_000, 600_000, 7)),
    ],
)
def test_thousands_are_never_read_as_decimals(budget: str, costs: Any, wanted: Any) -> None:
    """A cost of 600,000 beside a budget of 1,000,000 once became 600: everything was affordable."""
    election = read(budget=budget, projects=f"a;{costs[0]};x\nb;{costs[1]};y\n")
    assert (election.budget, election.projects["a"].cost, election.projects["b"].cost) == wanted


def test_a_comma_that_may_be_either_is_refused() -> None:
    """600000 beside 50,000: thousands are not parted in the one, so the comma of the other says nothing."""
    found = mistakes(a_file(budget="600000", projects="a;50,000;x\nb;7;y\n"))
    assert found == [
        "x.pb:8: cost: 쉼표가 천 단위인지 소수점인지 알 수 없습니다. 쉼표 없이 적으세요 (found 50,000)"
    ]
    assert thousands_mark(["50,000", "12,5"]) is None
    assert "숫자여야" in mistakes(a_file(budget="1,000,000", projects="a;12,5;x\n"))[0]


def test_published_figures_that_are_none_do_not_stop_the_count() -> None:
    """A dash, None or n/a in the votes column: the ballots are counted, the cell is empty, and a note says so."""
    text = a_file(projects="a;10;-\nb;20;n/a\n").replace("cost;name", "cost;votes")
    election = parse(text, "x.pb")
    assert [project.votes for project in election.projects.values()] == [None, None]
    assert len([note for note in election.notes if "votes: 숫자가 아니어서" in note]) == 2
    assert recount(election).votes == {"a": 2, "b": 1}


# -- rows


def test_what_can_be_read_in_one_way_is_read_and_said() -> None:
    """A bare semicolon in a text of META, a key that comes twice, a row with only the voter: a note says what was made of it."""
    election = read("1;a\n2\n3;b\n", meta="comment;#1: one; two\nunit;A\nunit;B\n")
    assert (election.meta["comment"], election.meta["unit"]) == ("#1: one;two", "B")
    assert list(election.votes) == ["a", "", "b"]
    for words in (("comment",), ("unit",), ("행", "빈 표")):
        assert any(all(word in note for word in words) for note in election.notes), words


@pytest.mark.parametrize(
    "meta", ["budget;31\n", "rule;equalshares\n", "vote_type;ordinal\n", "budget;3;1\n", "rule;greedy;x\n"]
)
def test_what_decides_is_never_guessed(meta: str) -> None:
    assert mistakes(a_file(meta=meta))


@pytest.mark.parametrize(
    ("votes", "columns"),
    [
        ("1;a;x\n2;a,b\n", "voter_id;vote"),
        ("1;a;31;F\n2;a,b;20;M\n", "voter_id;vote"),
        ("1;a;31\n2;a,b\n", "voter_id;vote;age"),
        ("1;a\n2;a,b;;;\n", "voter_id;vote;age;sex"),
    ],
)
def test_rows_too_long_or_too_short_behind_the_vote_are_counted(votes: str, columns: str) -> None:
    assert recount(read(votes=votes, columns=columns)).votes == {"a": 2, "b": 1}


def test_picks_parted_by_semicolons_are_not_lost() -> None:
    """`2;a;b` is not a vote for a alone."""
    assert mistakes(a_file("1;a\n2;a;b\n")) == ["x.pb:13: 칸이 2개여야 합니다 (found 3: 2;a;b)"]


def test_a_project_row_is_cut_only_where_its_cost_is_certain() -> None:
    assert recount(read(projects="a;10;x;y\nb;20;z\n")).winners == ("a", "b")
    moved = a_file(projects="a;x; y;10\nb;z;20\n").replace("project_id;cost;name", "project_id;name;cost")
    assert mistakes(moved) == ["x.pb:8: 칸이 3개여야 합니다 (found 4: a;x;y;10)"]


@pytest.mark.parametrize("kind", ["choose_1", "Choose 1", ""])
def test_other_spellings_of_the_vote_type(kind: str) -> None:
    assert recount(read(kind=kind)).votes == {"a": 2, "b": 1}


def test_quoted_and_plain_files_are_counted_alike() -> None:
    """Quotes around everything, padding around picks, a line break within a cell: the same election, kind by kind."""
    for kind, columns, rows in (
        ("approval", ["voter_id", "vote"], [["1", "a,b"], ["2", ""], ["3", "b"]]),
        (
            "cumulative",
            ["voter_id", "vote", "points"],
            [["1", "a,b", "2,1"], ["2", "", ""], ["3", "b", "12"]],
        ),
        ("ordinal", ["voter_id", "vote"], [["1", "b,a"], ["2", ""], ["3", "b"]]),
    ):
        bare = read(kind=kind, columns=";".join(columns), votes="".join(";".join(row) + "\n" for row in rows))
        out = io.StringIO()
        csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        lines = out.getvalue()
        for votes in (lines, lines.replace(",", " , "), lines.replace('"3"', '"3\n"')):
            again = read(kind=kind, columns=";".join(columns), votes=votes)
            assert list(again.votes) == list(bare.votes)
            assert (recount(again).votes, recount(again).scores) == (
                recount(bare).votes,
                recount(bare).scores,
            )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6), min_size=1, max_size=30), st.data()
)
def test_points_counted_all_at_once_are_those_of_each_ballot(
    ballots: list[list[str]], data: st.DataObject
) -> None:
    """The count by columns gives what adding up ballot by ballot gives, with points and with places."""
    figures = [[data.draw(st.integers(0, 12)) for _ in ballot] for ballot in ballots]
    projects = "".join(f"{slug};1;x\n" for slug in "abcdef")
    by_points, by_place = dict.fromkeys("abcdef", 0), dict.fromkeys("abcdef", 0)
    for ballot, given_ in zip(ballots, figures, strict=True):
        for place, (pick, figure) in enumerate(zip(ballot, given_, strict=True)):
            by_points[pick] += figure
            by_place[pick] += len(ballot) - place
    rows = [
        f"{n};{','.join(ballot)};{','.join(map(str, given_))}\n"
        for n, (ballot, given_) in enumerate(zip(ballots, figures, strict=True))
    ]
    points = read(projects=projects, kind="cumulative", columns="voter_id;vote;points", votes="".join(rows))
    assert recount(points).scores == by_points
    places = read(projects=projects, kind="ordinal", columns="voter_id;vote;age", votes="".join(rows))
    assert recount(places).scores == by_place


# -- the declared rule


@pytest.mark.parametrize(
    ("rule", "flags"),
    [
        ("method of equal shares", (True, False, False)),
        ("MES", (True, False, False)),
        ("equalshares+add1", (True, True, False)),
        ("Equal Shares / add-1", (True, True, False)),
        ("equalshares/add1/comparison", (True, True, True)),
        ("equal_shares-comparison", (True, False, True)),
    ],
)
def test_spellings_of_equal_shares(rule: str, flags: tuple[bool, bool, bool]) -> None:
    declared = declared_rules(read(rule=rule))
    assert (declared.shares, declared.add_one, declared.compare) == flags
    assert declared.notes == ()


@pytest.mark.parametrize(
    "rule", ["greedy/no-skip", "greedy-no-skip-threshold", "Greedy no skip", "greedy_noskip"]
)
def test_spellings_of_no_skip(rule: str) -> None:
    declared = declared_rules(read(rule=rule))
    assert (declared.rules.when_too_big, declared.notes) == ("stop", ())


def test_flags_of_a_rule_are_composed() -> None:
    comment = "comment;#1: Projects a and b are mutually exclusive.\n"
    rules = declared_rules(
        read(rule="greedy-threshold-exclusive", meta=f"{comment}min_project_score_threshold;2\n")
    ).rules
    assert (rules.threshold, rules.exclusions) == (2, (frozenset({"a", "b"}),))


@pytest.mark.parametrize("rule", ["greedy-lottery", "quadratic-magic"])
def test_an_unknown_rule_is_counted_by_votes_and_said(tmp_path: Path, rule: str) -> None:
    """In words beside the count, whose JSON stays as it is."""
    (tmp_path / "x.pb").write_text(a_file(rule=rule), "utf-8")
    done = run(tmp_path / "x.pb", "--json")
    found = json.loads(done.stdout)
    assert (list(found), found["winners"]) == (["votes", "winners", "tie"], ["a", "b"])
    assert f"모르는 규칙({rule})" in done.stderr


SCORED = {"kind": "scoring", "columns": "voter_id;vote;points", "votes": "1;a,b;3,-2\n"}
SHARED = {"rule": "equalshares", "votes": "1;a\n2;a\n3;b\n", "budget": "60"}


@pytest.mark.parametrize(
    ("more", "threshold", "without"),
    [
        (SCORED, "1", {"a", "b"}),  # b has -2 points and there is money for it: nothing else keeps it out
        (SHARED, "2", {"a", "b"}),  # b has enough of its voters' money, but less than the least score
        ({"votes": "1;a\n2;a,b\n3;a\n"}, "40%", {"a", "b"}),  # b has 1 of 3 ballots
    ],
)
def test_only_a_threshold_keeps_out_who_has_too_little(
    more: dict[str, str], threshold: str, without: set[str]
) -> None:
    """Points below nought, equal shares, per cent of the ballots: with the threshold a alone wins, without it both."""
    assert set(recount(read(**more)).winners) == without
    result = recount(read(**more, meta=f"min_project_score_threshold;{threshold}\n"))
    assert reasons(result) == {"a": "selected", "b": "below-threshold"}
    assert any(threshold in note for note in result.notes) is ("%" in threshold)


def test_a_very_long_cell() -> None:
    """Longer than the csv module takes by itself."""
    assert len(read(projects=f"a;10;{'x' * 200_000}\nb;20;둘째\n").projects["a"].name) == 200_000


PARTED = {
    "rule": "greedy-custom",
    "budget": "100",
    "projects": "a;40;x;green\nb;30;y;green\nc;50;z;child\nd;20;w;child\ne;10;v;child\n",
    "votes": "1;a,b,c\n2;a,b,d\n3;a,b,e\n4;a,d,e\n5;c\n6;c\n7;c\n",
}


def parted(meta: str) -> PublicElection:
    return parse(a_file(meta=meta, **PARTED).replace("cost;name", "cost;name;category"), "x.pb")


def test_a_budget_per_category_is_a_pot_of_its_own() -> None:
    """60 for green: a 40 (4 votes), b 30 (3) no longer fits. 40 for child: c 50 (4) never fits, d 20 and e 10 do.
    What is left, 30, is spent on by votes: c no, b 30 yes."""
    meta = "categories;green,child\nbudget_per_category;60,40\n"
    assert set(recount(parted(meta)).winners) == {"a", "d", "e"}
    rest = "leftover_budget;Fund additional projects that fit within leftover budget ordered by score\n"
    result = recount(parted(meta + rest))
    assert set(result.winners) == {"a", "d", "e", "b"}
    assert reasons(result) == dict.fromkeys("adeb", "selected") | {"c": "over-budget"}
    partly = "leftover_budget;Partially fund one additional project with highest score\n"
    assert set(recount(parted(meta + partly)).winners) == {"a", "d", "e"}


@pytest.mark.parametrize(
    "meta",
    [
        "categories;green\nbudget_per_category;60\n",
        "categories;green,child\nbudget_per_category;60\n",
        "categories;green,child\nbudget_per_category;60,x\n",
        "budget_per_district;60,40\n",
    ],
)
def test_category_budgets_that_fit_nothing_are_passed_over_and_said(meta: str) -> None:
    """One pot as without them: c 50, a 40 (4 votes each), then 10 is left for e."""
    result = recount(parted(meta))
    assert set(result.winners) == {"a", "c", "e"}
    assert any("분류와 맞지 않아" in note for note in result.notes)


# -- projects of which only one may win


def pairs(comment: str, ids: str = "5 8 12 26 773 153") -> set[frozenset[str]]:
    election = PublicElection(
        {"budget": "1", "comment": comment}, {id: Project(id, 1) for id in ids.split()}, voters=[], votes=[]
    )
    return set(named_exclusions(election))


@pytest.mark.parametrize(
    "comment",
    [
        "#1: Projects 12 and 26 are mutually exclusive.",
        "Project 12 and project 26 could not both be implemented",
        "Projects 12 (park) and 26 (square) are mutually exclusive",
        "Projects #12 and #26 are mutually exclusive",
        "Projects no. 12 and no. 26 cannot both be funded",
        "Projects 12/26 are mutually exclusive",
        "Project 12 excludes project 26",
        "The projects with ids 12 and 26 are mutually exclusive",
        "#1: Something else. #2: Projects 12 & 26 conflict with each other",
        "projects 12 and 26 both targeted the area near ul. Konarskiego and could not be implemented simultaneously.",
        "Only one of the projects 12 and 26 could be selected.",
    ],
)
def test_wordings_of_an_exclusive_pair(comment: str) -> None:
    assert pairs(comment) == {frozenset({"12", "26"})}


@pytest.mark.parametrize(
    ("comment", "sets"),
    [
        ("Projects 5 and 8, and 12 and 26 are mutually exclusive", [{"5", "8"}, {"12", "26"}]),
        ("Projects 5, 8, and 12 are mutually exclusive", [{"5", "8", "12"}]),
    ],
)
def test_several_sets_in_one_sentence(comment: str, sets: list[set[str]]) -> None:
    assert pairs(comment) == {*map(frozenset, sets)}


@pytest.mark.parametrize(
    "comment",
    [
        "Projects 12 and 26 were both selected.",
        "Projects 12 and 26 could both be implemented.",
        "Projects 12 and 26 are not mutually exclusive.",
        "Projects 12 and 26 were excluded from the vote.",
        "Project 12 received more votes, so project 26 was not selected.",
        "Project 12 is exclusive to schools. Projects 12 and 26 won.",
        "Both 12 and 26 cannot be reached by bus.",
    ],
)
def test_sentences_that_exclude_nothing(comment: str) -> None:
    assert pairs(comment) == set()


# -- Equal Shares with add-1


def plain_loop(supporters: Any, costs: Any, budget: int, voters: int) -> Shares:
    """add-1 as it is defined: one more for everybody, count again, until the budget is overspent or all is bought."""
    best = equal_shares(supporters, costs, Fraction(budget, voters))
    wanted = sum(1 for slug in supporters if costs[slug] and any(supporters[slug].values()))
    share = Fraction(budget // voters)
    while len(best.winners) < wanted:
        share += 1
        further = equal_shares(supporters, costs, share)
        if sum(costs[slug] for slug in further.winners) > budget:
            break
        best = further
    return best


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 6), st.integers(0, 3), max_size=7), min_size=1, max_size=5),
    st.lists(st.integers(1, 400), min_size=5, max_size=5),
    st.integers(1, 900),
)
def test_shares_passed_over_decide_nothing(
    backings: list[dict[int, int]], prices: list[int], budget: int
) -> None:
    """Winners, their order and the ties are those of the plain loop, with points of nought and projects that nobody backs."""
    supporters = {f"p{n}": backing for n, backing in enumerate(backings)}
    costs = dict(zip(supporters, prices, strict=False))
    assert add_one(supporters, costs, budget, 7) == plain_loop(supporters, costs, budget, 7)


def test_points_of_nought_do_not_hold_up_add_one() -> None:
    """b once was waited for without end: its only supporter gave it no points."""
    supporters: dict[str, dict[int, int]] = {"a": {0: 1, 1: 1}, "b": {0: 0}}
    assert add_one(supporters, {"a": 5, "b": 5}, 20, 2).winners == ("a",)


def test_money_in_the_millions_is_not_counted_won_by_won() -> None:
    """A is paid by one voter of a hundred: the share has to grow from one million to ninety."""
    supporters = {"A": {0: 1}, "B": dict.fromkeys(range(1, 100), 1)}
    started = time.perf_counter()
    found = add_one(supporters, {"A": 90_000_000, "B": 1_000_000}, 100_000_000, 100)
    assert found.winners == ("B", "A")
    assert time.perf_counter() - started < 1


def test_too_much_work_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooMuchWork):
        add_one({"a": {0: 1}}, {"a": 5}, 20, 2, effort=Effort(0))
    monkeypatch.setattr("bench.elections.count.Effort", lambda: Effort(0))
    with pytest.raises(RulesMistake, match="균등 지분"):
        recount(read(rule="equalshares/add1"))


def test_equal_shares_gives_its_own_reasons() -> None:
    """C was supported, but its supporters cannot pay it."""
    assert reasons(recount(sample("shares"))) == {"A": "selected", "B": "selected", "C": "not-afforded"}


# -- writing


def test_text_is_written_in_quotes_and_picks_are_not() -> None:
    election = PublicElection(
        {"budget": "10", "vote_type": "approval", "description": "Park", "unit": "광산구"},
        {"a": Project("a", 10, "Park", other={"description": "a; b"})},
        voters=["1"],
        votes=["a"],
    )
    lines = written(election).splitlines()
    assert 'description;"Park"' in lines
    assert 'unit;"광산구"' in lines
    assert "budget;10" in lines
    assert 'a;10;;"Park";;"a; b"' in lines
    assert lines[-1] == "1;a"


# -- torn and mixed up


JUNK = (
    ";",
    '"',
    ",",
    "\n",
    "\r\n",
    "\t",
    "-1",
    "1e9",
    "VOTES\n",
    "META\n",
    "a;a;a",
    "\ufeff",
    "\x00",
    "%",
    "½",
)


def torn(text: str, chance: random.Random) -> str:
    """The text after one to three accidents: cut off, pieces swapped, lines lost or doubled, something thrown in."""
    for _ in range(chance.randint(1, 3)):
        place, other = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        kind = chance.randrange(5)
        lines = text.splitlines(keepends=True) or [""]
        if kind == 0:
            text = text[:place] + chance.choice(JUNK) + text[place:]
        elif kind == 1:
            text = text[:place] + text[other:]
        elif kind == 2:
            one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            text = "".join(lines)
        elif kind == 3:
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            text = "".join(lines)
        else:
            text = text[:other]
    return text


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.pb")))
def test_a_torn_file_is_counted_or_refused_by_line(name: str, tmp_path: Path) -> None:
    """150 accidents to every sample: exit 0 with a count, or 1 with a line of the file for every mistake."""
    chance = random.Random(name)
    whole = (SAMPLES / f"{name}.pb").read_text("utf-8")
    file = tmp_path / "x.pb"
    for _ in range(150):
        file.write_text(torn(whole, chance), "utf-8", newline="")
        done = run(file, "--json")
        if done.exit_code == 0:
            assert list(json.loads(done.stdout)) == ["votes", "winners", "tie"]
        else:
            assert done.exit_code == 1, (file.read_text("utf-8"), done.exception)
            assert isinstance(done.exception, SystemExit)
            assert done.stdout == ""
            assert all(line.startswith(str(file)) for line in done.stderr.splitlines())


def test_numbers_with_thousands() -> None:
    assert number("1,234,567.5", ",") == Fraction(2469135, 2)
    assert number("1.234,5", ".") == Fraction(2469, 2)
    assert number("600", ",") == 600
    for text in ("12,5", "1,2345", ",", "1,,234"):
        with pytest.raises(ValueError, match=r"^"):
            number(text, ",")
