"""Three counts that share no line of code (civic, verify.py, recount.js) agree on right results and on wrong ones."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from civic.codes import code_of, from_text, to_text
from civic.errors import Mistake
from civic.recount import CHECK, VERIFY, assemble, checker, checker_digest
from civic.shape import document_hash
from civic.votes import tally
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.box_key import HolderKey, receipt_signer, signed_words
from civic.votes.count import count
from civic.votes.paper import PaperBatch
from civic.votes.result import Replaced, SignaturesFile, TieDraw
from civic.votes.result_files import Draft, ResultCorrection, VoteRecord, result_files
from civic.votes.tally import VoteCount
from tests.ballot_samples import CLOSES, a_key, some_keys
from tests.node import in_node
from tests.result_samples import (
    PUBLISHED,
    a_counted_poll,
    a_draft,
    a_random_vote,
    a_vote_with_everything,
    signed,
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
    """What recount.js finds in each case: ballots, results, board, signatures."""
    answer: list[list[str]] = in_node(
        f'import {{ differences }} from "{(ROOT / "static/js/recount.js").as_uri()}";\n'
        "const found = [];\n"
        "for (const each of given) found.push(await differences(...each));\n"
        'if (found.some((each) => each.blind)) throw new Error("no Ed25519 here");\n'
        "console.log(JSON.stringify(found));",
        cases,
    )
    return answer


def published(vote: VoteCount | None = None) -> tuple[VoteRecord, dict[str, bytes]]:
    """The record and the files of a result as `votes publish` writes them; of a vote with everything."""
    draft = a_draft(vote or a_vote_with_everything())
    return _case(draft, signed(draft))


NAMES = ("ballots", "results", "board", "signatures")


def documents(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Ballots, results, board and signatures."""
    return [json.loads(files[f"{name}.json"]) for name in NAMES]


def in_program(case: Sequence[dict[str, Any]], **asked: str) -> list[str]:
    """What verify.py finds in these documents."""
    return list(verifier().differences(dict(zip(NAMES, case, strict=True)), **asked))


def in_one_form(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def wrong_in(record: VoteRecord, files: Mapping[str, bytes]) -> list[Mistake]:
    """What does not hold between a record and its files."""
    mistakes: list[Mistake] = []
    assert (assemble(record, files, mistakes) is None) is bool(mistakes)
    return mistakes


def written(case: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """The documents as the files of a forger who writes them with care."""
    return {f"{name}.json": in_one_form(each).encode() for name, each in zip(NAMES, case, strict=True)}


def resigned(case: Sequence[dict[str, Any]], *keys: HolderKey) -> None:
    """The forger has some holders' keys, and signs anew with them what was changed."""
    ballots, results, board, signatures = case
    results["board"] = document_hash(board)
    for key in keys:
        signatures["board"][key.holder] = key.sign("board", document_hash(board))
        signatures["result"][key.holder] = key.sign("result", document_hash(results), document_hash(ballots))


def test_the_checkers_are_those_that_the_repository_names(root: Path) -> None:
    """Who keeps a copy of the repository can tell a checker that the site changed; a changed byte is another digest."""
    told = dict(reversed(line.split()) for line in (root / "docs/checkers.sha256").read_text().splitlines())
    assert told == {name: checker_digest(name) for name in (VERIFY, CHECK)}
    assert hashlib.sha256(checker(VERIFY) + b" ").hexdigest() not in told.values()  # control


def test_random_polls_are_counted_alike() -> None:
    """300 polls with every rule, weights, draws and many ties: the result of civic is right to both others."""
    cases = [documents(published(a_random_vote(seed))[1]) for seed in range(300)]
    reasons = {line["reason"] for _, results, *_ in cases for line in results["lines"]}
    assert reasons == {
        "selected", "over-budget", "stopped", "below-threshold", "duplicate", "no-votes", "withdrawn", "not-voted",
    }  # fmt: skip
    assert sum(results["tie"] is not None for _, results, *_ in cases) > 30
    verify = verifier()
    verify.is_signed = lambda *_: True  # type: ignore[attr-defined]  # each takes it 50 ms, and is tried below
    told = [dict(zip(NAMES, case, strict=True)) for case in cases]
    assert [list(verify.differences(case)) for case in told] == [[]] * len(cases)
    assert in_script(cases) == [[]] * len(cases)


def _swap(ballots: Any, results: Any, *_: Any) -> None:
    first, second = results["lines"][2], results["lines"][3]
    first["votes"], second["votes"] = second["votes"], first["votes"]


def _over_the_limit(ballots: Any, results: Any, *_: Any) -> None:
    """A ballot with three of a type, and counts that agree with it."""
    ballot = next(each for each in ballots["ballots"] if each["choices"] == ["lamp", "ramp"])
    ballot["choices"] = ["bench", "lamp", "ramp"]
    next(line for line in results["lines"] if line["slug"] == "bench")["votes"] += 1


def _other_winner(ballots: Any, results: Any, *_: Any) -> None:
    """A loser and a winner change places in everything that is printed about them."""
    lines = {line["slug"]: line for line in results["lines"]}
    lines["bench"].update(won=True, reason="selected", wording="선정")
    lines["lamp"].update(won=False, reason="over-budget", wording="예산 부족")
    results["winners"] = ["bench" if slug == "lamp" else slug for slug in results["winners"]]


TAMPERINGS: dict[str, Callable[..., object]] = {
    "a ballot taken out": lambda ballots, results, *_: ballots["ballots"].pop(),
    "a ballot put in": lambda ballots, results, *_: ballots["ballots"].append(
        {"tracker": "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "choices": ["lamp"]}
    ),
    "a ballot changed": lambda ballots, results, *_: ballots["ballots"][1].update(choices=["ramp"]),
    "a ballot over the limit": lambda ballots, results, *_: ballots["ballots"][1].update(
        choices=["bench", "bus", "lamp", "ramp"]
    ),
    "the same pick twice": lambda ballots, results, *_: ballots["ballots"][1].update(
        choices=["lamp", "lamp"]
    ),
    "a pick that is no proposal": lambda ballots, results, *_: ballots["ballots"][1].update(choices=["moon"]),
    "a ballot over the limit that is counted": _over_the_limit,
    "votes exchanged": _swap,
    "a winner exchanged": _other_winner,
    "a winner added": lambda ballots, results, *_: results["winners"].append("bench"),
    "a reason": lambda ballots, results, *_: results["lines"][2].update(reason="duplicate"),
    "the words of a reason": lambda ballots, results, *_: results["lines"][2].update(wording="선정"),
    "money spent": lambda ballots, results, *_: results["spent"].update(all=1),
    "the number of voters": lambda ballots, results, *_: results.update(voters=99),
    "the title": lambda ballots, results, *_: results.update(title="다른 투표의 결과"),
    "a rule": lambda ballots, results, *_: results["declared"]["rules"].update(threshold=11),
    "the cost of a proposal": lambda ballots, results, *_: results["declared"]["proposals"][0].update(cost=1),
    "a tracker twice": lambda ballots, results, *_: ballots["ballots"][1].update(
        tracker=ballots["ballots"][0]["tracker"]
    ),
    "a void ballot": lambda ballots, results, *_: ballots["void"].append({"receipt": "x", "fault": "limit"}),
    "void ballots hidden": lambda ballots, results, *_: ballots["void"].clear(),
    "a paper batch": lambda ballots, results, *_: results["paper"][0].update(ballots=9),
    "the only void ballots twice": lambda ballots, *_: ballots["void"].__setitem__(1, ballots["void"][0]),
    "a void receipt that nobody got": lambda ballots, *_: ballots["void"][0].update(
        receipt="3333-3333-3333-3333"
    ),
    "a receipt twice": lambda b, r, board, s: board["receipts"].__setitem__(1, board["receipts"][0]),
    "a receipt taken out": lambda b, r, board, s: board["receipts"].pop(),
    "a receipt replaced and not": lambda b, r, board, s: board["replaced"].append(board["receipts"][0]),
    "the board of another poll": lambda b, r, board, s: board.update(poll="other"),
    "the board of other rules": lambda b, r, board, s: board.update(rules="0" * 64),
    "a board of before the end": lambda b, r, board, s: board.update(closed="2023-08-25T00:00:00+09:00"),
    "sheets in an urn": lambda b, r, board, s: board["urns"].update({"dong-1": 6}),
    "sheets that nobody took": lambda b, r, board, s: board.update(marked=3),
    "a body's points": lambda b, r, board, s: board["tables"]["committee"].update(ramp="99"),
    "signatures of another poll": lambda b, r, board, signatures: signatures.update(poll="other"),
}


def test_a_right_result_has_no_differences() -> None:
    """The control of all that follows."""
    record, files = published()
    case = documents(files)
    resigned(case, *some_keys())
    assert in_script([case, documents(files)]) == [[], []]
    assert in_program(case, rules_hash=record.rules, board_hash=case[1]["board"]) == []
    assert wrong_in(record, files) == [] and wrong_in(record, files | written(case)) == []


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_named_whoever_signed_it(name: str) -> None:
    """Each of these is found in the browser's count, by verify.py and by the build, though all holders signed it."""
    record, files = published()
    case = documents(files)
    TAMPERINGS[name](*case)
    resigned(case, *some_keys())
    assert in_script([case])[0]
    assert in_program(case)
    # Also where the forger writes the record anew.
    _, results, *_ = case
    copy = record.model_copy(update={"rules": results["rules_hash"]})
    assert wrong_in(copy, files | written(case)) and wrong_in(record, files | written(case))


def _vote(**changes: Any) -> Callable[[], Draft]:
    return lambda: a_draft(replace(a_vote_with_everything(), **changes))


def _board(**changes: Any) -> Callable[[], Draft]:
    return lambda: a_draft(a_vote_with_everything(), board=changes)


HONEST = a_vote_with_everything()
BALLOTS, VOID = list(HONEST.ballots), list(HONEST.void)
MORE = [Ballot(f"P-dong-9-{n:05d}", ("bench",), "dong-9") for n in range(1, 31)]
# Whole forgeries: every figure and every file follows from what was changed. Only signatures can tell.
FORGERIES: dict[str, Callable[[], Draft]] = {
    "a ballot dropped with its receipt": _vote(ballots=BALLOTS[1:]),
    "five dropped": _vote(ballots=BALLOTS[5:]),
    "a ballot added with a receipt": _vote(ballots=[*BALLOTS, Ballot("ZZZZ-ZZZZ-ZZZZ-ZZZZ", ("bench",))]),
    "eight ballots changed": _vote(
        ballots=[replace(b, choices=("bench",)) for b in BALLOTS[:8]] + BALLOTS[8:]
    ),
    "thirty sheets that nobody cast": _vote(
        ballots=[*BALLOTS, *MORE], batches=[*HONEST.batches, PaperBatch("dong-9", 30)]
    ),
    "a sheet changed": _vote(ballots=[*BALLOTS[:-1], replace(BALLOTS[-1], choices=("lamp",))]),
    "a sheet called void": _vote(
        ballots=BALLOTS[:-1],
        void=[*VOID, Spoiled("P-dong-1-00004", "unreadable", "dong-1")],
        batches=[PaperBatch("dong-1", 3)],
    ),
    "a valid ballot called void": _vote(ballots=BALLOTS[1:], void=[*VOID, Spoiled(code_of(5), "altered")]),
    "a void ballot made valid": _vote(
        ballots=[*BALLOTS, Ballot("ZZZZ-ZZZZ-ZZZZ-ZZZZ", ("bench",))], void=VOID[1:]
    ),
    "another reason for a void ballot": _vote(void=[replace(VOID[0], fault="content"), *VOID[1:]]),
    "another void receipt": _vote(void=[replace(VOID[0], receipt=code_of(7 * 7919**7)), *VOID[1:]]),
    "the tie drawn the other way": _vote(draw=("bench", "lamp")),
    "a body's points": _vote(tables={"committee": {**HONEST.tables["committee"], "ramp": 80}}),
    "a draw that nobody saw": lambda: a_draft(
        a_vote_with_everything(), drawn=TieDraw(at=PUBLISHED, where="구청", by=("가", "나"), how="공")
    ),
    "a false correction": lambda: a_draft(
        a_vote_with_everything(), corrections=(Replaced(reason="잘못 셈", results="0" * 64),)
    ),
    "a receipt said to be replaced": _board(replaced=(code_of(5),)),
    "a longer roll": _board(roll=1000),
    "more who took paper": _board(marked=500),
    "another time of closing": _board(closed=CLOSES + timedelta(hours=1)),
    "another receipt on the board": _board(
        receipts=(*(code_of(n * 7919**7) for n in range(1, 26)), code_of(5))
    ),
}


def _case(draft: Draft, signatures: SignaturesFile) -> tuple[VoteRecord, dict[str, bytes]]:
    corrections = [ResultCorrection(at=PUBLISHED, reason=each.reason) for each in draft.corrections]
    files = result_files(draft, signatures, PUBLISHED, corrections, "")
    record = VoteRecord.model_validate(tomllib.loads(files.pop("budget.toml")))
    return record, {place.partition("/")[2]: text.encode() for place, text in files.items()}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_whole_forgery_needs_the_keys_of_enough_holders(name: str) -> None:
    """With every file and one holder's key it is refused by all three; the control: with two keys it would pass."""
    draft, (first, second, _) = FORGERIES[name](), some_keys()
    if name == "another receipt on the board":
        draft = replace(
            draft, board=draft.board.model_copy(update={"receipts": tuple(sorted(draft.board.receipts))})
        )
    honest = signed(a_draft(a_vote_with_everything()))
    stolen = signed(draft, first)  # one key; the others' words are those of the true result
    forged = stolen.model_copy(
        update={"board": honest.board | stolen.board, "result": honest.result | stolen.result}
    )
    given = (stolen, honest, forged, signed(draft, first, second))
    cases = [_case(draft, signatures) for signatures in given]
    *refused, passed = in_script([documents(files) for _, files in cases])
    assert passed == [] and all("서명" in " ".join(found) for found in refused)
    for record, files in cases[:3]:
        assert "서명" in " ".join(in_program(documents(files), rules_hash=record.rules))
        assert "서명" in " ".join(map(str, wrong_in(record, files)))
    record, files = cases[3]
    assert in_program(documents(files), rules_hash=record.rules) == [] == wrong_in(record, files)


def test_no_file_can_hide_what_is_said_of_it(tmp_path: Path) -> None:
    """A title that would clear the screen of a terminal and write "맞습니다" there is spelt out in one line of "다름"."""
    _, files = published()
    case = documents(files)
    case[1]["title"] = "x\x1b[2J\x1b[H맞습니다: 표 28장"
    code, said, _ = verify(tmp_path, files | written(case))
    assert code == 1 and "\x1b" not in said and "\\x1b[2J" in said
    assert all(line.startswith("다름: ") for line in said.splitlines())


FALSE_SIGNATURES: dict[str, Callable[[Any, Any], object]] = {
    "only one of the board": lambda s, word: s["board"].pop("열쇠 2"),
    "only one of the result": lambda s, word: s["result"].pop("열쇠 2"),
    "none": lambda s, word: s.update(board={}, result={}),
    "one holder's under another's name": lambda s, word: s["result"].update(
        {"열쇠 2": s["result"]["열쇠 3"]}
    ),
    "the board's for the result": lambda s, word: s.update(result=s["board"]),
    "a stranger's": lambda s, word: s["result"].update({"열쇠 2": word("result", a_key(9))}),
    "a stranger's under a name of its own": lambda s, word: s.update(
        result={"열쇠 3": s["result"]["열쇠 3"], "옆 부서": word("result", a_key(9))}
    ),
    "one in another spelling": lambda s, word: s["result"].update({"열쇠 2": s["result"]["열쇠 2"] + "=="}),
    "one of zeros": lambda s, word: s["board"].update({"열쇠 2": "A" * 86}),
    "one that is no text of bytes": lambda s, word: s["board"].update({"열쇠 2": "봉한 투표용지"}),
    "one with a greater number": lambda s, word: s["result"].update(
        {"열쇠 2": _greater(s["result"]["열쇠 2"])}
    ),
}


def _greater(signature: str) -> str:
    """The same signature with L added to its number: a second spelling that a careless verifier takes."""
    raw = from_text(signature)
    number = int.from_bytes(raw[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    return to_text(raw[:32] + number.to_bytes(32, "little"))


@pytest.mark.parametrize("name", FALSE_SIGNATURES)
def test_false_and_missing_signatures_are_named(name: str) -> None:
    """Over a true result: too few, another's, of other words, in another spelling."""
    record, files = published()
    case = documents(files)
    ballots, results, board, signatures = case
    words = {"board": (document_hash(board),), "result": (document_hash(results), document_hash(ballots))}
    FALSE_SIGNATURES[name](signatures, lambda kind, key: key.sign(kind, *words[kind]))
    for found in (in_script([case])[0], in_program(case), map(str, wrong_in(record, files | written(case)))):
        assert "서명" in " ".join(found)


def test_other_holders_in_the_rules_are_caught_by_the_receipt(tmp_path: Path) -> None:
    """A forger's own holders, fewer needed, another receipt key, other costs: whole and signed. Only the receipt tells."""
    receipt, honest = published()[0].rules, a_vote_with_everything()
    own = [a_key(number) for number in (7, 8)]
    poll = honest.poll
    for changed in (
        {"keys": tuple(key.public for key in own)},
        {"keys": (*poll.keys[:2], own[0].public)},
        {"receipt_key": own[0].public.signing},
        {"threshold": 0},
    ):
        vote = replace(honest, poll=poll.model_copy(update=changed))
        draft = a_draft(vote)
        record, files = _case(
            draft, signed(draft, *(own if len(changed.get("keys", ())) == 2 else some_keys()[:2]))
        )
        assert wrong_in(record, files) == []
        code, said, _ = verify(tmp_path, files)
        assert code == 0 and "견주지 않은 것: 규칙 확인 값" in said
        code, said, _ = verify(tmp_path, files, "--rules", receipt)
        assert code == 1 and "접수증의 규칙 확인 값과 다릅니다" in said


SPELLINGS: dict[str, tuple[str, Callable[[str], str]]] = {
    "two lists of winners": (
        "results",
        lambda text: text.replace('"winners"', '"winners": [],\n  "winners"', 1),
    ),
    "one for true": ("results", lambda text: text.replace('"won": true', '"won": 1', 1)),
    "a name more": ("results", lambda text: text.replace('"title"', '"note": "x",\n  "title"', 1)),
    "a name less": ("board", lambda text: text.replace('"roll": 0,', "", 1)),
    "a number as text": ("board", lambda text: text.replace('"marked": 5', '"marked": "5"', 1)),
    "a number below zero": ("board", lambda text: text.replace('"roll": 0', '"roll": -1', 1)),
    "a fraction": ("results", lambda text: text.replace('"voters": 31', '"voters": 31.0', 1)),
    "two of one holder": (
        "signatures",
        lambda text: text.replace('"열쇠 2"', '"열쇠 3": "x",\n    "열쇠 2"', 1),
    ),
    "another format": ("ballots", lambda text: text.replace("madang-ballots/1", "madang-ballots/9", 1)),
    "no digest": ("results", lambda text: re.sub(r'  "board": "[0-9a-f]{64}",\n', "", text, count=1)),
    "half a file": ("ballots", lambda text: text[:200]),
    "another kind of file": ("signatures", lambda text: "[]\n"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_file_has_one_spelling(name: str, tmp_path: Path) -> None:
    """What two programs could read in two ways is refused by verify.py and the build, and named with its file."""
    kind, change = SPELLINGS[name]
    record, files = published()
    text = files[f"{kind}.json"].decode()
    forged = files | {f"{kind}.json": change(text).encode()}
    assert change(text) != text
    code, said, complaint = verify(tmp_path, forged)
    assert (code, complaint) == (1, "") and f"{kind}.json" in said
    assert any(f"{kind}.json" in str(each) for each in wrong_in(record, forged))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    record, files = published()
    del files[f"{name}.json"]
    code, said, complaint = verify(tmp_path, files)
    assert code in (1, 2) and f"{name}.json" in said + complaint
    assert any(f"{name}.json" in str(each) for each in wrong_in(record, files))


def test_a_planted_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the count to lose every seventh ballot, verify.py would say so."""
    honest = a_vote_with_everything()
    mutant = count(ballot.choices for number, ballot in enumerate(honest.ballots) if number % 7)
    assert mutant != honest.votes
    monkeypatch.setattr(tally, "count", lambda _: mutant)
    assert in_program(documents(published()[1]))


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
    """With the hash of a receipt and the board that was read out; a voter finds the own ballot by its tracker."""
    record, files = published()
    code, said, complaint = verify(
        tmp_path, files, "--rules", record.rules, "--board", documents(files)[1]["board"]
    )
    assert (code, complaint) == (0, "") and "맞습니다: 표 28장" in said and "견주지 않은 것" not in said
    said = verify(tmp_path, files)[1]
    assert "견주지 않은 것: 규칙 확인 값" in said and "견주지 않은 것: 명단 확인 값" in said
    assert verify(tmp_path, files, "--board", "0" * 64)[0] == 1
    ballot = documents(files)[0]["ballots"][0]
    assert ", ".join(ballot["choices"]) in verify(tmp_path, files, "--tracker", ballot["tracker"])[1]
    assert verify(tmp_path, files, "--tracker", "none")[0] == 1


def test_anyone_can_check_a_receipt(tmp_path: Path) -> None:
    """The server's signature against the key in the rules: on the board, replaced, missing (evidence), never given."""
    draft = a_draft(a_vote_with_everything(), board={"replaced": (code_of(5),)})
    record, files = _case(draft, signed(draft))

    def checked(receipt: str, of: str | None = None) -> tuple[int, str]:
        signature = receipt_signer(None).sign(signed_words("receipt", "budget", record.rules, of or receipt))
        words = ("--receipt", receipt, "--signature", to_text(signature), "--rules", record.rules)
        return verify(tmp_path, files, *words)[:2]

    listed = draft.board.receipts[0]
    for receipt, code, said in (
        (listed, 0, "서버가 준 접수증입니다. 명단에 있습니다."),
        (code_of(5), 0, "다시 투표해 바뀐 접수증이라고 합니다."),
        (code_of(6), 1, "명단에 없습니다. 서명이 맞으면 그것이 증거입니다."),
    ):
        assert checked(receipt)[0] == code and said in checked(receipt)[1]
    code, said = checked(listed, of=code_of(6))
    assert code == 1 and "서버가 이 규칙의 이 접수증에 한 서명이 아닙니다" in said


def test_of_few_ballots_the_count_and_the_signatures_are_checked(tmp_path: Path) -> None:
    """No ballot is shown; another winner, or another number of votes without the holders, is refused all the same."""
    vote = VoteCount(*a_counted_poll(), some_ballots()[:19])
    record, files = _case(a_draft(vote), signed(a_draft(vote)))
    assert "ballots.json" not in files and wrong_in(record, files) == []
    code, said, _ = verify(tmp_path, files, "--rules", record.rules)
    assert code == 0 and "견주지 않은 것: 표 하나하나" in said
    results = json.loads(files["results.json"])
    results["lines"][0]["votes"] += 1
    forged = files | {"results.json": in_one_form(results).encode()}
    assert verify(tmp_path, forged)[0] == 1 and wrong_in(record, forged)


def test_the_program_says_what_is_wrong_with_calls(tmp_path: Path) -> None:
    _, files = published()
    assert verify(tmp_path, files, "--nonsense")[0] == 2
    assert verify(tmp_path, files, "missing")[0] == 2


def test_the_program_stays_one_readable_file() -> None:
    """480 lines of the standard library: who does not trust the site can read all of it."""
    text = (ROOT / "static/verify.py").read_text("utf-8")
    assert text.count("\n") <= 480
    names = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert names <= sys.stdlib_module_names
