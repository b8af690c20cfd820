"""A whole vote: ballots = voters after second votes and kills, a recount that agrees, tampering that is caught."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forms_api.voting import Town
from tests.forms_api.voting_day import ONE_IN_A_MILLION, Day, hold, rank_correlation


@pytest.fixture(scope="module", params=[150, pytest.param(3000, marks=pytest.mark.long)])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    held = hold(Town(tmp_path_factory.mktemp("town")), request.param)
    held.close()
    return held


def verified(folder: Path, root: Path, *words: str) -> tuple[int, str]:
    """Exit code and words of the one-file program over a published folder."""
    command = [sys.executable, str(root / "static/verify.py"), *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.timeout(3000)
def test_each_voter_has_one_ballot(day: Day) -> None:
    """After every fifth voted twice and servers died under load: each one's last, with their picks, and no other."""
    assert day.kills == 4 and len(day.cast) >= len(day.last) * 6 // 5
    assert day.faults() == []


def test_the_recount_agrees(day: Day, root: Path) -> None:
    """verify.py works the result out again, and every voter finds their picks under their tracker."""
    code, said = verified(day.results, root)
    assert code == 0, said
    ballots = json.loads((day.results / "ballots.json").read_text("utf-8"))
    shown = {each["tracker"]: each["choices"] for each in ballots["ballots"]}
    assert shown == {tracker: picks for _, tracker, picks in day.last.values()}
    assert ballots["rules_hash"] == day.box["rules"]


def test_published_orders_say_nothing_of_casting(day: Day) -> None:
    """Rank correlation within what chance gives in all but one run of a million; a telling order is far outside."""
    for name, (_, deviations) in day.orders().items():
        assert abs(deviations) < ONE_IN_A_MILLION, name
    cast = [tracker for tracker, _ in day.cast]
    swapped = [cast[i ^ 1] if i ^ 1 < len(cast) else cast[i] for i in range(len(cast))]
    assert rank_correlation(cast, swapped) * (len(cast) - 1) ** 0.5 > ONE_IN_A_MILLION  # the control


@pytest.mark.parametrize(
    ("outside", "broken", "runs"),
    [
        ([set()], False, 1),
        ([{"board"}, set(), set()], False, 3),
        ([{"board"}, {"ballots"}, {"ballots"}], False, 3),  # the other order is not the one in question
        ([{"board"}, set(), {"board"}], True, 3),
    ],
)
def test_the_bench_breaks_when_two_of_three_runs_are_outside(
    root: Path, outside: list[set[str]], broken: bool, runs: int
) -> None:
    """One run outside the 95 % band proves nothing; twice the same order in three fresh runs ends with 1."""
    spec = importlib.util.spec_from_file_location("bench_votes", root / "bench/votes.py")
    assert spec and spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    held = []

    def hold_one() -> tuple[list[str], set[str]]:
        held.append(1)
        return [], outside[len(held) - 1]

    assert bool(bench.held(hold_one)) == broken and len(held) == runs


def first(document: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in document["ballots"] if each["choices"])


def crown(document: dict[str, Any]) -> None:
    """Another winner, with its line changed to fit."""
    loser = next(line for line in document["lines"] if not line["won"])
    loser |= {"won": True, "reason": "selected", "wording": "선정"}
    document["winners"].append(loser["slug"])


# Beside the kinds of tests/test_recount.py, which all three counts must name.
TAMPERING: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a ballot twice": ("ballots.json", lambda d: d["ballots"].append(first(d))),
    "another winner": ("results.json", crown),
    "the rules changed": ("results.json", lambda d: d["declared"]["rules"].update(budget=10**9)),
    "a receipt exchanged": ("board.json", lambda d: d["receipts"].__setitem__(0, "3333-3333-3333-3333")),
    "a receipt taken away": ("board.json", lambda d: d["receipts"].pop()),
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_caught(day: Day, root: Path, tmp_path: Path, kind: str) -> None:
    """Each kind, after publishing: the one-file program says where."""
    name, change = TAMPERING[kind]
    folder = tmp_path / "results"
    shutil.copytree(day.results, folder)
    document = json.loads((folder / name).read_text("utf-8"))
    change(document)
    (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    code, said = verified(folder, root, "--rules", day.box["rules"])
    assert code == 1 and said.strip(), said
