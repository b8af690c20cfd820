"""A ballot box from its keys to its end, by the staff's commands; the server runs beside them."""

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from civic.clock import parse_time
from civic.codes import from_text, to_text
from civic.errors import ContentMistakes
from civic.library import load
from civic.votes.box_key import HolderPart, read_key
from civic.votes.envelope import receipt_of, seal
from civic.votes.result import as_json
from civic.votes.result_files import FILES
from tests.builders import a_phone
from tests.forms_api.voting import (
    BEFORE,
    CLOSING,
    LATER,
    PASSPHRASE,
    SLUG,
    Town,
    a_box,
    asked,
    done,
    partials,
    rehearse,
    run,
    signatures,
    write_poll,
)

CHOICES = (["bench", "lamp", "bus"], ["lamp"], ["lamp", "guide"], ["ramp", "bench"])
VOTERS = 24


@dataclass
class Box:
    """A town whose vote is over: the exported box and what its voters know."""

    town: Town
    file: Path
    receipts: list[str]
    expected: list[list[str]]  # of those who still voted last

    def changed(self, folder: Path, **changes: Any) -> Path:
        """A copy of the exported box with these keys changed."""
        document = json.loads(self.file.read_text("utf-8"))
        board = {name: changes.pop(name) for name in list(changes) if name in document["board"]}
        document |= {"board": document["board"] | board} | changes
        copy = folder / "changed.json"
        copy.write_text(json.dumps(document), encoding="utf-8")
        return copy

    def open(self, file: Path, target: Path, *parts: str | Path) -> Any:
        """With the parts of two holders over the true box: it opens no other one."""
        where = ("--content", self.town.content, "--now", CLOSING)
        parts = parts or tuple(partials(self.file, self.town.keys[:2], *where))
        return run("open", file, "--to", target, *parts, *where)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """24 voters, every third votes again; the server is killed in the middle and at the end."""
    town = Town(tmp_path_factory.mktemp("town"))
    voters = [a_phone() for _ in range(VOTERS)]
    casts = [(voter, number) for number, voter in enumerate(voters)]
    casts += [(voter, number + 1) for number, voter in enumerate(voters) if number % 3 == 0]
    random.Random(4).shuffle(casts)
    last: dict[str, tuple[str, list[str]]] = {}
    for part in (casts[::2], casts[1::2]):
        server = town.serve()
        with server.client() as client:
            for voter, number in part:
                picks = CHOICES[number % len(CHOICES)]
                told = town.cast(client, voter, picks, sealed=number % 2 == 0)
                last[voter] = (told["receipt"], sorted(f"{SLUG}-{pick}" for pick in picks))
        server.kill()
    file = town.folder / "box.json"
    said = town.close(file)
    assert f"투표한 사람 {VOTERS}명(온라인 {VOTERS}, 종이 0)" in said
    yield Box(town, file, sorted(r for r, _ in last.values()), sorted(p for _, p in last.values()))


@pytest.fixture(scope="module")
def opened(box: Box) -> Path:
    target = box.town.folder / "opened.json"
    assert box.open(box.file, target).exit_code == 0
    return target


@pytest.fixture(scope="module")
def holders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six holders' keys, each made apart."""
    folder = tmp_path_factory.mktemp("keys")
    keys = [folder / f"{number}.json" for number in range(6)]
    for number, key in enumerate(keys):
        asked("key", "new", SLUG, "--holder", f"열쇠 {number}", "--to", key, times=2)
    return keys


def public(*keys: Path) -> list[Path]:
    return [key.with_suffix(".public.json") for key in keys]


def test_a_key_is_made_by_its_holder_alone(tmp_path: Path, holders: list[Path]) -> None:
    """A short or empty passphrase makes no key; a file is never overwritten; no private key leaves the holder's file."""
    words = ("key", "new", SLUG, "--holder", "감사관", "--to", tmp_path / "k.json")
    for typed in ("\n\n", "kurz\nkurz\n"):
        assert run(*words, typed=typed).exit_code == 1 and not list(tmp_path.iterdir())
    assert "이미 있습니다" in run("key", "new", SLUG, "--holder", "x", "--to", holders[0]).output
    assert holders[0].stat().st_mode & 0o777 == 0o600
    kept = json.loads(holders[0].read_text("utf-8"))
    part = json.loads(public(holders[0])[0].read_text("utf-8"))
    assert "sealed" in kept and not {"sealed", "salt"} & set(part)


def test_a_key_file_that_came_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody puts one there while the passphrase is typed: it stays, and no public part is told of another key."""

    def typed_slowly(*asked: object, **given: object) -> str:
        (tmp_path / "k.json").write_text("another's")
        return PASSPHRASE

    monkeypatch.setattr("click.prompt", typed_slowly)
    result = run("key", "new", SLUG, "--holder", "감사관", "--to", tmp_path / "k.json")
    assert result.exit_code == 1 and "이미 있습니다" in result.output
    assert [file.name for file in tmp_path.glob("k*")] == ["k.json"]
    assert (tmp_path / "k.json").read_text() == "another's"


def test_only_proven_keys_are_added(tmp_path: Path, holders: list[Path]) -> None:
    """Twice the same, another's key or proof, another poll's, a sixth, a private file: named, nothing stored."""
    content = write_poll(tmp_path / "content")
    page = content / "votes" / f"{SLUG}.md"
    words = ("keys", "add", SLUG)
    where = ("--content", content, "--now", BEFORE)
    before = page.read_text("utf-8")
    parts = [json.loads(file.read_text("utf-8")) for file in public(*holders)]
    cases = {
        "twice.json: 열쇠 0: 이 사람이 이미 있습니다": (parts[0], parts[0]),
        "twice.json: 옆 부서: 같은 열쇠가 이미 있습니다": (parts[0], None),
        "first.json: 비밀 열쇠를 가진 사람이 쓴 파일이 아닙니다": (parts[0] | {"holder": "나"}, parts[1]),
        "twice.json: 비밀 열쇠를 가진 사람이": (parts[0], parts[1] | {"signing": parts[2]["signing"]}),
        "twice.json: 다른 투표의 열쇠입니다 (found other)": (parts[0], parts[1] | {"poll": "other"}),
        "twice.json: sealed: 이 파일에 없는 항목입니다": (parts[0], parts[1] | {"sealed": "x"}),
    }
    for says, (first, second) in cases.items():
        if second is None:  # the same keys under another name, and proven
            own = read_key(holders[0].read_text("utf-8"), PASSPHRASE)
            second = json.loads(as_json(HolderPart.of(replace(own, holder="옆 부서"))))
        files = [tmp_path / name for name in ("first.json", "twice.json")]
        for file, part in zip(files, (first, second), strict=True):
            file.write_text(json.dumps(part), "utf-8")
        result = run(*words, *files, *where)
        assert result.exit_code == 1 and says in result.output, (says, result.output)
    assert "5명까지 맡습니다 (found 6)" in run(*words, *public(*holders), *where).output
    assert run(*words, holders[0], *where).exit_code == 1
    assert page.read_text("utf-8") == before
    done(*words, *public(holders[0]), *where)
    done(*words, *public(*holders[1:5]), *where)
    after = page.read_text("utf-8")
    head, _, rest = after.partition("\n\n[[keys]]\n")
    assert before.startswith(head) and after.endswith("+++\n\n글을 씁니다.\n") and "sealed" not in rest
    assert after.count("[[keys]]") == 5


def test_a_rehearsal_tries_every_set_of_holders(tmp_path: Path, holders: list[Path]) -> None:
    """Too few keys, no receipt key, one holder missing, a stranger, another test ballot: named; then all three pairs."""
    content = write_poll(tmp_path / "content")
    page, where = content / "votes" / f"{SLUG}.md", ("--content", content, "--now", BEFORE)
    test, words = tmp_path / "test.json", ("rehearse", SLUG, "--content", content, "--now", BEFORE)
    done("keys", "add", SLUG, *public(holders[0]), *where)
    assert "1명입니다. 2명이 있어야 엽니다" in run(*words, "--to", test).output
    done("keys", "add", SLUG, *public(*holders[1:3]), *where)
    assert "접수증의 공개 열쇠가 없습니다" in run(*words, "--to", test).output
    assert run("keys", "receipt", SLUG, "--key", "AAAA", *where).exit_code == 1
    done("keys", "receipt", SLUG, *where)
    done(*words, "--to", test)
    parts = partials(test, holders[:3], *where)
    strange = run(
        "partial", test, "--key", holders[3], "--to", tmp_path / "p", *where, typed=f"{PASSPHRASE}\n"
    )
    assert strange.exit_code == 1 and "열쇠 3: 이 투표(budget)에 적힌 열쇠가 아닙니다" in strange.output
    wrong = run("partial", test, "--key", holders[0], "--to", tmp_path / "p", *where, typed="falsch\n")
    assert wrong.exit_code == 1 and "0.json: 암호가 맞지 않거나" in wrong.output
    false = tmp_path / "false.json"
    part = json.loads(Path(parts[1]).read_text("utf-8"))
    (shared,) = part["shared"]
    false.write_text(
        json.dumps(part | {"shared": [("B" if shared[0] == "A" else "A") + shared[1:]]}), "utf-8"
    )
    document = json.loads(test.read_text("utf-8"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document | {"tracker": "AAAA-AAAA-AAAA-AAAA"}), "utf-8")
    before = page.read_text("utf-8")
    for given, says in (
        (("--box", test, *parts[:4]), "열쇠 2: 공유값이 없습니다"),
        (("--box", test, *parts[2:], "--partial", false), "열쇠 0: "),
        (("--box", other, *parts), "시험 표가 적힌 것과 다르거나"),
        ((), "시험 표를 만들 파일(--to)이나"),
    ):
        result = run(*words, *given)
        assert result.exit_code == 1 and says in result.output, (says, result.output)
    assert page.read_text("utf-8") == before
    assert "3명 가운데 2명씩 3가지 짝이 모두" in done(*words, "--box", test, *parts)
    assert "[rehearsed]" in page.read_text("utf-8")
    before = page.read_text("utf-8")
    page.write_text(before.replace("max_picks = 3", "max_picks = 3\nkeys_needed = 4"), "utf-8")
    assert "3명입니다. 4명이 있어야 엽니다" in run(*words, "--to", tmp_path / "more.json").output
    page.write_text(before, "utf-8")


def test_rules_changed_while_voting_need_a_correction(tmp_path: Path) -> None:
    """Before opening a new rehearsal is enough; afterwards only with a dated correction that names the old rules."""
    town = Town(tmp_path)
    page = town.content / "votes" / f"{SLUG}.md"
    page.write_text(page.read_text("utf-8").replace("budget = 60_000_000", "budget = 50_000_000"), "utf-8")
    rehearse(town.content, SLUG, town.keys)
    page.write_text(page.read_text("utf-8").replace("budget = 50_000_000", "budget = 40_000_000"), "utf-8")
    refused = run("rehearse", SLUG, "--to", tmp_path / "x", "--content", town.content, "--now", "2023-08-16")
    old = re.search('rules = "[0-9a-f]{64}"', refused.output)
    assert refused.exit_code == 1 and old and "1곳을 고쳐 주세요" in refused.output
    text = page.read_text("utf-8").replace(
        "[rehearsed]",
        f'[[corrections]]\nat = 2023-08-16T00:00:00\ntext = "예산을 바로잡음"\n{old[0]}\n\n[rehearsed]',
    )
    page.write_text(text, "utf-8")
    rehearse(town.content, SLUG, town.keys, "2023-08-16")


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("close", ""),
        ("open", "그 전에는 열지 않습니다"),
        ("publish", "그 전에는 공개하지 않습니다"),
        ("partial", "그 전에는 열지 않습니다"),
        ("sign", "그 전에는 공개하지 않습니다"),
    ],
)
def test_nothing_is_done_before_closing(
    box: Box, opened: Path, content: Path, tmp_path: Path, act: str, says: str
) -> None:
    """A second early, with keys and files that are right in everything else: nothing is written."""
    target = tmp_path / "x.json"
    words = {
        "close": ("close", SLUG, "--to", target, "--data", f"tinydb://{box.town.data}"),
        "open": ("open", box.file, "--to", target),
        "publish": ("publish", opened),
        "partial": ("partial", box.file, "--to", target, "--key", box.town.keys[0]),
        "sign": ("sign", opened, "--to", target, "--key", box.town.keys[0]),
    }
    early = run(*words[act], "--content", content, "--now", "2023-08-25T23:59:59")
    assert early.exit_code == 1 and says in early.output
    assert not target.exists() and not (content / "results").exists()


def test_a_box_is_not_made_by_closing_it(box: Box, tmp_path: Path) -> None:
    """A mistyped folder is no poll without a vote: the call is refused, and nothing is made there."""
    content, data = box.town.content, tmp_path / "mistyped/data"
    refused = run(
        "close", SLUG, "--to", tmp_path / "x.json", "--data", f"tinydb://{data}", "--content", content
    )
    assert refused.exit_code == 2 and str(data) in refused.output
    assert not list(tmp_path.iterdir())


def test_the_box_holds_each_voter_once(box: Box) -> None:
    """After kills and second votes: as many envelopes as voters, under exactly the receipts they got last."""
    document = json.loads(box.file.read_text("utf-8"))
    board = document["board"]
    assert board["receipts"] == box.receipts and len(document["envelopes"]) == VOTERS
    assert [receipt_of(from_text(each)) for each in document["envelopes"]] == box.receipts
    assert len(board["replaced"]) >= VOTERS // 3 and not set(board["replaced"]) & set(box.receipts)
    assert not {"voter", "voters", "at", "address"} & {*document, *board}


def test_opening_is_the_same_every_time(box: Box, opened: Path, tmp_path: Path) -> None:
    """Twice, and with the envelopes in another order: the same ballots; the last votes count."""
    first = opened.read_bytes()
    envelopes = json.loads(box.file.read_text("utf-8"))["envelopes"]
    shuffled = box.changed(tmp_path, envelopes=random.Random(1).sample(envelopes, len(envelopes)))
    assert box.open(shuffled, tmp_path / "again.json").exit_code == 0
    again = json.loads((tmp_path / "again.json").read_text("utf-8"))
    assert (again["ballots"], again["void"]) == (json.loads(first)["ballots"], json.loads(first)["void"])
    ballots = json.loads(first)["ballots"]
    assert sorted(ballot["choices"] for ballot in ballots) == box.expected
    assert [b["tracker"] for b in ballots] == sorted(b["tracker"] for b in ballots)


def test_opening_needs_no_server_and_no_data(box: Box, opened: Path, tmp_path: Path) -> None:
    """Content, box and the parts of two other holders on another machine are enough."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(box.town.content, elsewhere / "content")
    where = ("--content", elsewhere / "content", "--now", CLOSING)
    parts = partials(box.file, box.town.keys[1:], *where)
    done("open", box.file, "--to", elsewhere / "o.json", *parts, *where)
    first, second = (json.loads(file.read_text("utf-8")) for file in (opened, elsewhere / "o.json"))
    assert (first["ballots"], first["void"]) == (second["ballots"], second["void"])


def test_a_changed_box_stays_shut(box: Box, tmp_path: Path) -> None:
    """Removed, added, exchanged, altered, copied, a cut file, another poll's rules: named; no file is written."""
    document = json.loads(box.file.read_text("utf-8"))
    envelopes, receipts = document["envelopes"], document["board"]["receipts"]
    altered = envelopes[-1][:-2] + ("BB" if envelopes[-1].endswith("AA") else "AA")
    cases = {
        "명단에 있는 봉한 투표용지가 없습니다": {"envelopes": envelopes[:-1]},
        "이미 낸 투표용지와 같거나": {"envelopes": [*envelopes, envelopes[0]]},
        "명단에 없는 봉한 투표용지": {"envelopes": [*envelopes[:-1], altered]},
        "다른 투표함의 공유값입니다": {"receipts": receipts[:-1], "envelopes": envelopes[:-1]},
        "끝나기 전에 닫은": {"closed": "2023-08-25T00:00:00+09:00"},
        "규칙 지문": {"rules": "0" * 64},
        "크기가 맞지 않습니다": {"envelopes": [*envelopes[:-1], envelopes[-1][:-4]]},
        "changed.json: board.format: 다음 가운데 하나여야 합니다: madang-board/1": {"format": "x"},
        "changed.json: board.rules: 글이어야 합니다": {"rules": None},
        "changed.json: board.marked: 정수여야 합니다": {"marked": "zwei"},
        "changed.json: board.receipts.1: 글이어야 합니다": {"receipts": [1, 2]},
        "changed.json: board.receipts: 목록이어야 합니다": {"receipts": 5},
        "changed.json: envelopes.0: 글이어야 합니다": {"envelopes": [5]},
    }
    for says, changes in cases.items():
        result = box.open(box.changed(tmp_path, **changes), tmp_path / "o.json")
        assert result.exit_code == 1 and says in result.output, (says, result.output)
        assert not (tmp_path / "o.json").exists()
    where = ("--content", box.town.content, "--now", CLOSING)
    alone = partials(box.file, box.town.keys[:1], *where)
    result = box.open(box.file, tmp_path / "o.json", *alone)
    assert result.exit_code == 1 and "2명의 공유값이 있어야 엽니다. 지금 1명입니다" in result.output
    assert not (tmp_path / "o.json").exists()


def test_a_cut_file_is_named(tmp_path: Path, box: Box) -> None:
    """Half a file, a file that is no text, one with an unknown key: each in a sentence with its name."""
    cut = tmp_path / "cut.json"
    cut.write_bytes(box.file.read_bytes()[:200])
    assert "cut.json: JSON 파일이 아니거나 중간에 잘렸습니다" in box.open(cut, tmp_path / "o.json").output
    cut.write_bytes(b"\xff\xfe\x00")
    assert "cut.json: UTF-8로 적힌 파일이 아닙니다" in box.open(cut, tmp_path / "o.json").output
    more = box.open(box.changed(tmp_path, voters=["AAAA"]), tmp_path / "o.json")
    assert more.exit_code == 1 and "voters: 이 파일에 없는 항목입니다" in more.output


def test_nonsense_from_a_voter_is_void_and_counted(tmp_path: Path) -> None:
    """Three picks of a type where two are allowed, sealed in a changed browser: void, and the rest counts."""
    town = Town(tmp_path)
    with town.serve() as server, server.client() as client:
        good = town.cast(client, a_phone(), ["lamp"])
        assert good
        contact = a_phone()
        envelope = to_text(seal([f"{SLUG}-{n}" for n in ("bench", "lamp", "ramp")], town.slot(client)))
        body = {"contact": contact, "code": town.code(client, contact), "envelope": envelope}
        assert client.post(f"/api/votes/{SLUG}/ballots", json=body).status_code == 201
    town.close(tmp_path / "b.json")
    assert "표 1장을 열었습니다. 무효 1장." in town.open(tmp_path / "b.json", tmp_path / "o.json")
    town.publish(tmp_path / "o.json")
    results = json.loads((town.content / "results" / SLUG / "results.json").read_text("utf-8"))
    assert (results["voters"], results["ballots"], results["void"]) == (2, 1, 1)
    # Under 20 ballots only totals: no single ballot leaves the house.
    published = {file.name for file in (town.content / "results" / SLUG).iterdir()}
    assert published == {"board.json", "results.csv", "results.json", "signatures.json"}


def test_what_is_published_can_be_recounted(box: Box, opened: Path, root: Path) -> None:
    """The one-file program agrees; a changed ballot is caught; the record names date, rules and files."""
    box.town.publish(opened)
    folder = box.town.content / "results" / SLUG
    record = tomllib.loads(folder.with_suffix(".toml").read_text("utf-8"))
    assert record["vote"] == SLUG
    assert {file.name for file in folder.iterdir()} == set(FILES)

    def verified() -> int:
        words = [sys.executable, root / "static/verify.py"]
        return subprocess.run(words, cwd=folder, capture_output=True, timeout=60, check=False).returncode

    assert verified() == 0
    text = (folder / "ballots.json").read_text("utf-8")
    (folder / "ballots.json").write_text(text.replace(f"{SLUG}-lamp", f"{SLUG}-ramp", 1), encoding="utf-8")
    assert verified() == 1
    (folder / "ballots.json").write_text(text, encoding="utf-8")


@pytest.fixture
def content(box: Box, tmp_path: Path) -> Path:
    """The town's content as it was before anything was published."""
    return Path(shutil.copytree(box.town.content, tmp_path / "c", ignore=shutil.ignore_patterns("results")))


def changed_copy(opened: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of an opened box after this change."""
    document = json.loads(opened.read_text("utf-8"))
    change(document)
    copy = folder / "copy.json"
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["ballots"][0].pop("tracker"), "copy.json: ballots.0.tracker: 꼭 써야 합니다"),
        (lambda d: d["ballots"][0].update(choices=None), "copy.json: ballots.0.choices: 목록이어야 합니다"),
        (lambda d: d["ballots"].__setitem__(1, "lamp"), "copy.json: ballots.1: "),
        (lambda d: d["board"].update(rules=None), "copy.json: board.rules: 글이어야 합니다"),
        (lambda d: d["ballots"].pop(), "copy.json: 연 표가 봉투를 다시 연 것과 다릅니다"),
        (lambda d: d["ballots"][0].update(choices=["budget-ramp"]), "copy.json: 연 표가 봉투를"),
        (lambda d: d.update(void=[{"receipt": "AAAA-AAAA-AAAA-AAAA", "fault": "x"}]), "copy.json: 연 표가"),
        (lambda d: d["board"]["receipts"].pop(), "명단에 없는 봉한 투표용지"),
        (lambda d: d["board"].update(marked=1), "다른 투표함의 공유값입니다"),
        (lambda d: d["parts"].pop(), "2명의 공유값이 있어야"),
    ],
)
def test_a_broken_file_of_ballots_is_refused(
    box: Box,
    opened: Path,
    content: Path,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    says: str,
) -> None:
    """By who publishes and by who is to sign: each in a sentence with file and field; nothing is written."""
    where = ("--content", content, "--now", CLOSING)
    copy, key = changed_copy(opened, tmp_path, change), box.town.keys[2]
    for words in (("publish", copy), ("sign", copy, "--key", key, "--to", tmp_path / "s.json")):
        result = run(*words, *where)
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
        assert says in result.output, result.output
    assert not (content / "results").exists() and not (tmp_path / "s.json").exists()


def test_enough_holders_sign_or_nothing_is_published(
    box: Box, opened: Path, content: Path, tmp_path: Path
) -> None:
    """None, one, twice the same, one for another result: named; with two it is published."""
    where = ("--content", content, "--now", CLOSING)
    first, second = (signatures(opened, [key], *where) for key in box.town.keys[:2])
    other = tmp_path / "other.json"
    signed = json.loads(Path(second[1]).read_text("utf-8"))
    for given, changes, says in (
        ([], {}, "2명이 서명해야 합니다. 지금 0명입니다"),
        (first, {}, "2명이 서명해야 합니다. 지금 1명입니다"),
        ([*first, *first], {}, "감사관: 같은 사람의 서명이 두 번"),
        (first, {"results": "0" * 64}, "기획과장: 다른 결과에 한 서명입니다 (000000000000…)"),
        (first, {"holder": "주민위원장"}, "주민위원장: 서명이 맞지 않습니다"),
        (first, {"holder": "옆 부서"}, "옆 부서: 이 투표의 열쇠를 맡은 사람이 아닙니다"),
    ):
        other.write_text(json.dumps(signed | changes), "utf-8")
        more = ["--signature", other] if changes else []
        result = run("publish", opened, *given, *more, *where)
        assert result.exit_code == 1 and says in result.output, (says, result.output)
        assert not (content / "results").exists()
    done("publish", opened, *first, *second, *where)
    assert load(content, parse_time("2023-08-27T00:00:00+09:00")).results[SLUG].document.voters == VOTERS


def test_a_holder_signs_one_board_only(box: Box, content: Path, tmp_path: Path) -> None:
    """Who saw the first opening could leave ballots out of a second box: the key that signed one board signs no other."""
    where = ("--content", content, "--now", CLOSING)
    key = tmp_path / "key.json"
    shutil.copyfile(box.town.keys[0], key)
    document = json.loads(box.file.read_text("utf-8"))
    document["board"]["receipts"].pop()
    document["envelopes"].pop()
    second = tmp_path / "second.json"
    second.write_text(json.dumps(document), "utf-8")
    asked("partial", box.file, "--key", key, "--to", tmp_path / "p.json", *where)
    refused = run(
        "partial", second, "--key", key, "--to", tmp_path / "q.json", *where, typed=f"{PASSPHRASE}\n"
    )
    assert refused.exit_code == 1 and "이미 다른 명단에 서명했습니다" in refused.output
    assert not (tmp_path / "q.json").exists()
    asked("partial", box.file, "--key", key, "--to", tmp_path / "r.json", *where)  # the same again


def test_a_published_result_is_corrected_only_with_a_reason(tmp_path: Path) -> None:
    """One ballot exchanged afterwards went out without a word, and the objection period began anew each time.

    The same again changes nothing; another draw is refused and named; with a reason and new signatures the first date
    stays, reason and old fingerprints are recorded and signed, objections run anew; after destruction nothing changes.
    """
    town, at = Town(tmp_path), "2023-08-30T09:00:00"
    page = town.content / "votes" / f"{SLUG}.md"
    page.write_text(page.read_text("utf-8").replace("max_picks = 3", 'max_picks = 3\nties = "draw"'), "utf-8")
    rehearse(town.content, SLUG, town.keys)
    assert town.serve().stop() == 0
    opened, draw = tmp_path / "o.json", tmp_path / "draw.toml"
    town.open(a_box(town.content, tmp_path / "b.json", [["bench"], ["bus"]] * 12), opened)

    def drawn(*order: str) -> tuple[str | Path, ...]:
        told = ", ".join(f'"{SLUG}-{each}"' for each in order)
        said = f'poll = "{SLUG}"\nat = 2023-08-26T00:00:00\nwhere = "구청"\nby = ["가", "나"]\nhow = "공"\n'
        draw.write_text(f"{said}order = [{told}]\n", "utf-8")
        return ("--draw", draw)

    folder, record = town.content / "results" / SLUG, town.content / "results" / f"{SLUG}.toml"
    where = ("--content", town.content, "--now", at)
    early = run("publish", opened, *drawn("bench", "bus"), "--correct", "까닭", *where)
    assert "--correct 없이" in early.output
    town.publish(opened, *drawn("bench", "bus"))

    def now() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in [*folder.iterdir(), record]}

    first = now()
    assert "아무것도 바뀌지 않았습니다" in done("publish", opened, *drawn("bench", "bus"), *where)
    assert now() == first
    refused = run("publish", opened, *drawn("bus", "bench"), *where)
    assert refused.exit_code == 1 and "이미 공개한 결과와 다릅니다" in refused.output
    assert "winners: 적힌 것 ['budget-bench'], 다시 센 것 ['budget-bus']" in refused.output
    for reason in (" ", "x" * 301, "900101-1234567 님의 표"):
        assert run("publish", opened, *drawn("bus", "bench"), "--correct", reason, *where).exit_code == 1
    unsigned = run("publish", opened, *drawn("bus", "bench"), "--correct", "까닭", *where)
    assert "2명이 서명해야 합니다" in unsigned.output and now() == first
    town.publish(opened, *drawn("bus", "bench"), "--correct", "순서를  잘못 옮김", now=at)
    told = tomllib.loads(record.read_text("utf-8"))
    assert told["published_at"] == tomllib.loads(first[record.name].decode())["published_at"]
    (correction,) = told["corrections"]
    assert correction["reason"] == "순서를 잘못 옮김"
    assert correction["replaced"] == {"results.json": hashlib.sha256(first["results.json"]).hexdigest()}
    (said,) = json.loads((folder / "results.json").read_text("utf-8"))["corrections"]
    assert said["reason"] == "순서를 잘못 옮김"
    load(town.content, parse_time("2023-08-31T00:00:00+09:00"))  # the next build reads it
    told = page.read_text("utf-8")
    held = told.split("[rehearsed]")[1].split('rules = "')[1][:64]
    page.write_text(
        told.replace(held, "0" * 64), "utf-8"
    )  # a whole result of other holders would need this too
    with pytest.raises(ContentMistakes, match="투표 글과 다른 규칙으로 센 결과입니다"):
        load(town.content, parse_time("2023-08-31T00:00:00+09:00"))
    page.write_text(told, "utf-8")
    record.write_text(record.read_text("utf-8").replace("순서를 잘못 옮김", "까닭 없음"), "utf-8")
    with pytest.raises(ContentMistakes, match="바로잡은 까닭이"):
        load(town.content, parse_time("2023-08-31T00:00:00+09:00"))
    record.write_text(record.read_text("utf-8").replace("까닭 없음", "순서를 잘못 옮김"), "utf-8")

    words = ("destroy", SLUG, "--yes", "--data", f"tinydb://{town.data}", "--content", town.content, "--now")
    early = run(*words, "2023-09-13T08:59:59")  # 14 days from the correction, not from the first telling
    assert early.exit_code == 1 and "9월 13일(수) 09:00까지" in early.output
    done(*words, "2023-09-13T09:00:00")
    assert "destroyed_at = 2023-09-13T09:00:00+09:00" in record.read_text("utf-8")
    gone = now()
    refused = run(
        *("publish", opened, *drawn("bench", "bus"), "--correct", "되돌림"),
        *("--content", town.content, "--now", "2023-09-14T00:00:00"),
    )
    assert refused.exit_code == 1 and "투표함을 없앤 뒤에는" in refused.output
    assert now() == gone


def test_a_box_is_destroyed_after_the_objections(box: Box, opened: Path) -> None:
    """Not before the result, not within 14 days of it; then nothing of it is left in the folder."""
    town = box.town
    words = ("destroy", SLUG, "--yes", "--data", f"tinydb://{town.data}", "--content", town.content, "--now")
    shutil.rmtree(town.content / "results", ignore_errors=True)
    assert run(*words, LATER).exit_code == 1
    town.publish(opened)
    early = run(*words, "2023-09-08T23:59:59")
    assert early.exit_code == 1 and "이의 기간" in early.output
    envelope = from_text(json.loads(box.file.read_text("utf-8"))["envelopes"][0])

    def is_kept() -> bool:
        return any(envelope[100:300] in file.read_bytes() for file in town.data.rglob("*") if file.is_file())

    assert is_kept()
    done(*words, LATER)
    assert not is_kept()
    result = run(
        *("close", SLUG, "--to", town.folder / "x.json", "--data", f"tinydb://{town.data}"),
        *("--content", town.content, "--now", LATER),
    )
    assert result.exit_code == 1 and "이미 없앴습니다" in result.output
