"""Three counts that share no line of code (civic, verify.py, recount.js) agree on right results and on wrong ones."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from civic.recount import assemble
from civic.votes import tally
from civic.votes.check import check
from civic.votes.count import count
from civic.votes.result_files import VoteRecord, result_files
from civic.votes.tally import VoteCount
from tests.result_samples import (
    PUBLISHED,
    a_counted_poll,
    a_random_vote,
    a_vote_with_everything,
    fixed_receipts,
    some_ballots,
)

ROOT = Path(__file__).resolve().parent.parent


def verifier() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify", ROOT / "static/verify.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_script(cases: Sequence[Sequence[dict[str, Any]]]) -> list[list[str]]:
    """What recount.js finds in each case: ballots, results and, where given, receipts."""
    source = (
        f'import {{ differences }} from "{(ROOT / "static/js/recount.js").as_uri()}";\n'
        'import { readFileSync } from "node:fs";\n'
        'const cases = JSON.parse(readFileSync(0, "utf8"));\n'
        "const found = [];\n"
        "for (const [ballots, results, receipts] of cases) "
        "found.push(await differences(ballots, results, receipts ?? null));\n"
        "console.log(JSON.stringify(found));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", source],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: list[list[str]] = json.loads(done.stdout)
    return answer


def published(vote: VoteCount | None = None) -> tuple[VoteRecord, dict[str, bytes]]:
    """The record and the files of a result as `votes publish` writes them; of a vote with everything."""
    receipts = None if vote else fixed_receipts()
    written = result_files(vote or a_vote_with_everything(), PUBLISHED, receipts=receipts)
    record = VoteRecord.model_validate(tomllib.loads(written.pop("budget.toml")))
    return record, {place.partition("/")[2]: text.encode() for place, text in written.items()}


def documents(files: dict[str, bytes], *more: str) -> list[dict[str, Any]]:
    """ballots.json, results.json and what else is asked for."""
    return [json.loads(files[name]) for name in ("ballots.json", "results.json", *more)]


def test_random_polls_are_counted_alike() -> None:
    """300 polls with every rule, weights, draws and many ties: the result of civic is right to both others."""
    cases = [documents(published(a_random_vote(seed))[1]) for seed in range(300)]
    reasons = {line["reason"] for _, results in cases for line in results["lines"]}
    assert reasons == {
        "selected", "over-budget", "stopped", "below-threshold", "duplicate", "no-votes", "withdrawn", "not-voted",
    }  # fmt: skip
    assert sum(results["tie"] is not None for _, results in cases) > 30
    verify = verifier()
    assert [list(verify.differences(*case)) for case in cases] == [[]] * len(cases)
    assert in_script(cases) == [[]] * len(cases)


def _swap(ballots: dict[str, Any], results: dict[str, Any]) -> None:
    first, second = results["lines"][2], results["lines"][3]
    first["votes"], second["votes"] = second["votes"], first["votes"]


def _over_the_limit(ballots: dict[str, Any], results: dict[str, Any]) -> None:
    """A ballot with three of a type, and counts that agree with it."""
    ballot = next(each for each in ballots["ballots"] if each["choices"] == ["lamp", "ramp"])
    ballot["choices"] = ["bench", "lamp", "ramp"]
    next(line for line in results["lines"] if line["slug"] == "bench")["votes"] += 1


def _other_winner(ballots: dict[str, Any], results: dict[str, Any]) -> None:
    """A loser and a winner change places in everything that is printed about them."""
    lines = {line["slug"]: line for line in results["lines"]}
    lines["bench"].update(won=True, reason="selected", wording="선정")
    lines["lamp"].update(won=False, reason="over-budget", wording="예산 부족")
    results["winners"] = ["bench" if slug == "lamp" else slug for slug in results["winners"]]


TAMPERINGS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "a ballot taken out": lambda ballots, results: ballots["ballots"].pop(),
    "a ballot put in": lambda ballots, results: ballots["ballots"].append(
        {"tracker": "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "choices": ["lamp"]}
    ),
    "a ballot changed": lambda ballots, results: ballots["ballots"][1].update(choices=["ramp"]),
    "a ballot over the limit": lambda ballots, results: ballots["ballots"][1].update(
        choices=["bench", "bus", "lamp", "ramp"]
    ),
    "the same pick twice": lambda ballots, results: ballots["ballots"][1].update(choices=["lamp", "lamp"]),
    "a pick that is no proposal": lambda ballots, results: ballots["ballots"][1].update(choices=["moon"]),
    "a ballot over the limit that is counted": _over_the_limit,
    "votes exchanged": _swap,
    "a winner exchanged": _other_winner,
    "a winner added": lambda ballots, results: results["winners"].append("bench"),
    "a reason": lambda ballots, results: results["lines"][2].update(reason="duplicate"),
    "the words of a reason": lambda ballots, results: results["lines"][2].update(wording="선정"),
    "money spent": lambda ballots, results: results["spent"].update(all=1),
    "the number of voters": lambda ballots, results: results.update(voters=99),
    "the title": lambda ballots, results: results.update(title="다른 투표의 결과"),
    "a rule": lambda ballots, results: results["declared"]["rules"].update(threshold=11),
    "the cost of a proposal": lambda ballots, results: results["declared"]["proposals"][0].update(cost=1),
    "a tracker twice": lambda ballots, results: ballots["ballots"][1].update(
        tracker=ballots["ballots"][0]["tracker"]
    ),
    "a void ballot": lambda ballots, results: ballots["void"].append({"receipt": "x", "fault": "limit"}),
    "void ballots hidden": lambda ballots, results: ballots["void"].clear(),
    "a paper batch": lambda ballots, results: results["paper"][0].update(ballots=9),
}


def test_a_right_result_has_no_differences() -> None:
    """The control of the tampering below."""
    record, files = published()
    assert in_script([documents(files)]) == [[]]
    assert list(verifier().differences(*documents(files))) == []
    assert assemble(record, files)[1] == []


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_named(name: str) -> None:
    """Each of these is found in the browser's count, by verify.py, and when the site is built."""
    record, files = published()
    ballots, results = documents(files)
    TAMPERINGS[name](ballots, results)
    assert in_script([(ballots, results)])[0]
    assert list(verifier().differences(ballots, results))
    files |= {"ballots.json": json.dumps(ballots).encode(), "results.json": json.dumps(results).encode()}
    assert assemble(record, files)[1]
    # Also where the forger writes the record anew.
    figures = {name: results[name] for name in ("voters", "ballots", "void")}
    assert assemble(record.model_copy(update={"rules": results["rules_hash"], **figures}), files)[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ballots, board: ballots["void"][0].update(receipt="3333-3333-3333-3333"), "명단에 없습니다"),
        (lambda ballots, board: board.update(poll="other"), "other"),
        (lambda ballots, board: board["receipts"].__setitem__(1, board["receipts"][0]), "두 번"),
        (lambda ballots, board: board["receipts"].pop(), "25"),
    ],
)
def test_void_ballots_and_receipts_belong_together(
    change: Callable[[dict[str, Any], dict[str, Any]], object], said: str
) -> None:
    """A void ballot under a receipt that nobody got went unnoticed: now all three name it; and a shorter list."""
    record, files = published()
    ballots, results, board = documents(files, "receipts.json")
    change(ballots, board)
    files |= {"ballots.json": json.dumps(ballots).encode(), "receipts.json": json.dumps(board).encode()}
    assert said in "\n".join(in_script([(ballots, results, board)])[0])
    assert said in "\n".join(verifier().differences(ballots, results, receipts=board))
    assert said in "\n".join(map(str, assemble(record, files)[1]))


def test_a_planted_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the count to lose every seventh ballot, both the invariants and verify.py would say so."""
    honest = a_vote_with_everything()
    mutant = count(ballot.choices for number, ballot in enumerate(honest.ballots) if number % 7)
    assert mutant != honest.votes and check(honest, mutant, 31)
    monkeypatch.setattr(tally, "count", lambda _: mutant)
    assert list(verifier().differences(*documents(published()[1])))


# ---------------------------------------------------------------------------- verify.py as anyone runs it


def verify(folder: Path, files: dict[str, bytes], *options: str) -> tuple[int, str, str]:
    """(exit code, what it says, what it complains of) of the program beside these files."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-I", ROOT / "static/verify.py", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env={"PYTHONUTF8": "1"},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_program_confirms_what_is_right(tmp_path: Path) -> None:
    """With receipts and the hash of a receipt; a voter finds the own ballot by its tracker."""
    record, files = published()
    code, said, complaint = verify(tmp_path, files, "--rules", record.rules, "--receipts", "receipts.json")
    assert (code, complaint) == (0, "") and "맞습니다: 표 28장" in said
    ballot = documents(files)[0]["ballots"][0]
    assert ", ".join(ballot["choices"]) in verify(tmp_path, files, "--tracker", ballot["tracker"])[1]
    assert verify(tmp_path, files, "--tracker", "none")[0] == 1


def test_the_program_names_what_is_wrong(tmp_path: Path) -> None:
    """A changed figure, and a list of receipts that is too short."""
    _, files = published()
    _, results, board = documents(files, "receipts.json")
    results["spent"]["all"] = 1
    code, said, complaint = verify(tmp_path, files | {"results.json": json.dumps(results).encode()})
    assert (code, complaint) == (1, "") and said.startswith("다름: ")
    board["receipts"].pop()
    shorter = files | {"receipts.json": json.dumps(board).encode()}
    assert verify(tmp_path, shorter, "--receipts", "receipts.json")[0] == 1


def test_rules_changed_together_with_their_hash_are_caught_by_the_receipt(tmp_path: Path) -> None:
    """The whole publication agrees with itself under other rules; only the hash on the receipt tells."""
    receipt = published()[0].rules
    poll, proposals = a_counted_poll(threshold=5)
    _, files = published(VoteCount(poll, proposals, some_ballots()))
    assert verify(tmp_path, files)[0] == 0
    code, said, _ = verify(tmp_path, files, "--rules", receipt)
    assert code == 1 and "접수증의 규칙 지문과 다릅니다" in said


def test_the_program_says_what_is_wrong_with_files_and_calls(tmp_path: Path) -> None:
    _, files = published()
    assert verify(tmp_path, files, "--nonsense")[0] == 2
    assert verify(tmp_path, files, "missing.json")[0] == 2
    ballots = documents(files)[0]
    broken: Any
    for broken in ([], {"format": "madang-ballots/1"}, {**ballots, "ballots": [{}]}):
        code, _, complaint = verify(tmp_path, files | {"ballots.json": json.dumps(broken).encode()})
        assert (code, complaint) == (1, "")
