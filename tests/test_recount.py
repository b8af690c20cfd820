"""Three counts that share no line of code (civic, verify.py, recount.js) agree on right results and on wrong ones."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from civic.recount import assemble
from civic.votes.ballot import Spoiled
from civic.votes.result_files import VoteRecord, result_files
from civic.votes.tally import VoteCount
from tests.result_samples import PUBLISHED, a_counted_poll, a_random_poll, some_ballots, some_receipts

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


def published(case: Any = None, **more: Any) -> tuple[VoteRecord, dict[str, bytes]]:
    """The record and the files of a result as `votes publish` writes them; the plain one without a case."""
    poll, proposals, ballots = case or (*a_counted_poll(), some_ballots())
    receipts = more.pop("receipts", None)
    written = result_files(VoteCount(poll, proposals, ballots, **more), PUBLISHED, receipts=receipts)
    record = VoteRecord.model_validate(tomllib.loads(written.pop("budget.toml")))
    return record, {place.partition("/")[2]: text.encode() for place, text in written.items()}


def documents(files: dict[str, bytes], *more: str) -> list[dict[str, Any]]:
    """ballots.json, results.json and what else is asked for."""
    return [json.loads(files[name]) for name in ("ballots.json", "results.json", *more)]


def random_case(seed: int) -> list[dict[str, Any]]:
    *case, more = a_random_poll(seed)
    return documents(published(case, **more)[1])


def test_random_polls_are_counted_alike() -> None:
    """300 polls with every rule, weights, draws and many ties: the result of civic is right to both others."""
    cases = [random_case(seed) for seed in range(300)]
    reasons = {line["reason"] for _, results in cases for line in results["lines"]}
    assert reasons == {
        "selected", "over-budget", "stopped", "below-threshold", "duplicate", "no-votes", "withdrawn", "not-voted",
    }  # fmt: skip
    assert sum(results["tie"] is not None for _, results in cases) > 30
    verify = verifier()
    assert [list(verify.differences(*case)) for case in cases] == [[]] * len(cases)
    assert in_script(cases) == [[]] * len(cases)


def _swap(results: dict[str, Any]) -> None:
    first, second = results["lines"][1], results["lines"][2]
    first["votes"], second["votes"] = second["votes"], first["votes"]


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
    "votes exchanged": lambda ballots, results: _swap(results),
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
        (
            lambda ballots, receipts: ballots["void"][0].update(receipt="3333-3333-3333-3333"),
            "명단에 없습니다",
        ),
        (lambda ballots, receipts: receipts.update(poll="other"), "other"),
        (lambda ballots, receipts: receipts["receipts"].__setitem__(1, receipts["receipts"][0]), "두 번"),
    ],
)
def test_void_ballots_and_receipts_belong_together(
    change: Callable[[dict[str, Any], dict[str, Any]], object], said: str
) -> None:
    """A void ballot under a receipt that nobody got went unnoticed: now all three name it."""
    receipts = some_receipts(25)
    record, files = published(void=[Spoiled(receipts[4], "altered")], receipts=receipts)

    def found() -> tuple[str, str, str]:
        told = documents(files, "receipts.json")
        verified = verifier().differences(*told[:2], receipts=told[2])
        mistakes = assemble(record, files)[1]
        return "\n".join(in_script([told])[0]), "\n".join(verified), "\n".join(map(str, mistakes))

    assert found() == ("", "", "")
    ballots, _, board = documents(files, "receipts.json")
    change(ballots, board)
    files |= {"ballots.json": json.dumps(ballots).encode(), "receipts.json": json.dumps(board).encode()}
    assert all(said in each for each in found()), found()


def test_changed_receipts_are_named() -> None:
    """A receipt taken from the list: its fingerprint and its length no longer fit."""
    record, files = published(receipts=some_receipts(24))
    assert assemble(record, files)[1] == []
    board = json.loads(files["receipts.json"])
    board["receipts"].pop()
    files["receipts.json"] = json.dumps(board).encode()
    said = "\n".join(str(mistake) for mistake in assemble(record, files)[1])
    assert "지문과 다릅니다" in said and "접수증 23장과 온라인 표 24장" in said
