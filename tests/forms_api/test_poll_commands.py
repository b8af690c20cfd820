"""A ballot box from its keys to its end, by the staff's commands; the server runs beside them."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from civic.clock import parse_time
from civic.codes import from_text, to_text
from civic.errors import ContentMistakes, Misuse
from civic.library import load
from civic.votes.envelope import receipt_of, seal
from tests.builders import a_phone
from tests.forms_api.voting import BEFORE, CLOSING, LATER, SLUG, Town, done, run, write_poll
from tests.staff import call

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
        document = json.loads(self.file.read_text("utf-8")) | changes
        copy = folder / "changed.json"
        copy.write_text(json.dumps(document), encoding="utf-8")
        return copy

    def open(self, file: Path, target: Path, *halves: str | Path) -> Any:
        return run(
            *("open", file, "--to", target, "--content", self.town.content, "--now", CLOSING),
            *(halves or self.town.given_halves),
        )


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
    said = done(
        *("close", SLUG, "--to", file, "--data", f"tinydb://{town.data}"),
        *("--content", town.content, "--now", CLOSING),
    )
    assert f"투표한 사람 {VOTERS}명(온라인 {VOTERS}, 종이 0)" in said
    yield Box(town, file, sorted(r for r, _ in last.values()), sorted(p for _, p in last.values()))


@pytest.fixture(scope="module")
def opened(box: Box) -> Path:
    target = box.town.folder / "opened.json"
    assert box.open(box.file, target).exit_code == 0
    return target


# ---------------------------------------------------------------------------- keys and rehearsal


def test_keys_are_made_once_and_for_two(tmp_path: Path) -> None:
    """One holder is refused; existing keys and files stay; the page keeps every other byte."""
    content = write_poll(tmp_path / "content")
    page = content / "votes" / f"{SLUG}.md"
    before = page.read_text("utf-8")
    words = ("keys", SLUG, "--to", tmp_path / "k", "--content", content, "--now", BEFORE)
    assert run(*words, "--holder", "감사관").exit_code == 1
    assert run(*words, "--holder", "감사관", "--holder", "감사관").exit_code == 1
    assert page.read_text("utf-8") == before and not (tmp_path / "k").exists()
    failed = call("votes", *words, "--no-passphrase", "--to", "/proc/k", "--holder", "a", "--holder", "b")
    assert (failed.returncode, failed.stderr) == (1, "파일을 읽거나 쓰지 못했습니다. /proc/k: 없습니다\n")
    assert page.read_text("utf-8") == before
    done(*words, "--holder", "감사관", "--holder", "과장", typed="a\na\nb\nb\n")
    after = page.read_text("utf-8")
    head, _, rest = after.partition("\n\n[[keys]]\n")
    assert before.startswith(head) and after.endswith("+++\n\n글을 씁니다.\n") and "private" not in rest
    assert [file.stat().st_mode & 0o777 for file in sorted((tmp_path / "k").iterdir())] == [0o600, 0o600]
    assert "이미 있습니다" in run(*words, "--holder", "감사관", "--holder", "과장").output
    assert page.read_text("utf-8") == after


def test_a_rehearsal_needs_every_half_and_its_passphrase(tmp_path: Path) -> None:
    """Missing half, wrong passphrase, foreign half: named, and the poll stays shut; then it opens."""
    content = write_poll(tmp_path / "content")
    page = content / "votes" / f"{SLUG}.md"
    done(
        *("keys", SLUG, "--to", tmp_path / "k", "--content", content, "--now", BEFORE),
        *("--holder", "감사관", "--holder", "과장"),
        typed="a\na\nb\nb\n",
    )
    before = page.read_text("utf-8")
    first, second = (tmp_path / "k" / f"{SLUG}-{n}.json" for n in (1, 2))
    words = ("rehearse", SLUG, "--content", content, "--now", BEFORE)
    for halves, typed, says in (
        ((), "", "감사관: 열쇠가 없습니다"),
        (("--half", first), "a\n", "과장: 열쇠가 없습니다"),
        (("--half", first, "--half", second), "a\nx\n", "budget-2.json: 암호가 맞지 않거나"),
    ):
        result = run(*words, *halves, typed=typed)
        assert result.exit_code == 1 and says in result.output, result.output
    foreign = Town(tmp_path / "other").halves[0]
    result = run(*words, "--half", first, "--half", foreign, typed="a\n")
    assert result.exit_code == 1 and "이 투표(budget)의 열쇠가 아닙니다" in result.output
    assert page.read_text("utf-8") == before
    done(*words, "--half", second, "--half", first, typed="b\na\n")
    assert "[rehearsed]" in page.read_text("utf-8")


def test_rules_changed_while_voting_need_a_correction(tmp_path: Path) -> None:
    """Before opening a new rehearsal is enough; afterwards only with a dated correction that names the old rules."""
    town = Town(tmp_path)
    page = town.content / "votes" / f"{SLUG}.md"
    words = ("rehearse", SLUG, *town.given_halves, "--content", town.content, "--now")
    page.write_text(page.read_text("utf-8").replace("budget = 60_000_000", "budget = 50_000_000"), "utf-8")
    done(*words, BEFORE)
    page.write_text(page.read_text("utf-8").replace("budget = 50_000_000", "budget = 40_000_000"), "utf-8")
    refused = run(*words, "2023-08-16")
    assert refused.exit_code == 1 and isinstance(refused.exception, ContentMistakes)
    (mistake,) = refused.exception.mistakes
    old = re.search('rules = "[0-9a-f]{64}"', mistake.hint)
    assert old
    text = page.read_text("utf-8").replace(
        "[rehearsed]",
        f'[[corrections]]\nat = 2023-08-16T00:00:00\ntext = "예산을 바로잡음"\n{old[0]}\n\n[rehearsed]',
    )
    page.write_text(text, "utf-8")
    done(*words, "2023-08-16")


# ---------------------------------------------------------------------------- close and open


@pytest.mark.parametrize(
    ("act", "says"),
    [("close", ""), ("open", "그 전에는 열지 않습니다"), ("publish", "그 전에는 공개하지 않습니다")],
)
def test_nothing_is_done_before_closing(
    box: Box, opened: Path, content: Path, tmp_path: Path, act: str, says: str
) -> None:
    """A second early, with keys and files that are right in everything else: nothing is written."""
    target = tmp_path / "x.json"
    words = {
        "close": ("close", SLUG, "--to", target, "--data", f"tinydb://{box.town.data}"),
        "open": ("open", box.file, "--to", target, *box.town.given_halves),
        "publish": ("publish", opened),
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
    assert isinstance(refused.exception, Misuse) and str(data) in str(refused.exception)
    assert not list(tmp_path.iterdir())


def test_the_box_holds_each_voter_once(box: Box) -> None:
    """After kills and second votes: as many envelopes as voters, under exactly the receipts they got last."""
    document = json.loads(box.file.read_text("utf-8"))
    assert document["receipts"] == box.receipts and len(document["envelopes"]) == VOTERS
    assert [receipt_of(from_text(each)) for each in document["envelopes"]] == box.receipts
    assert not {"voter", "voters", "at", "address"} & set(document)


def test_opening_is_the_same_every_time(box: Box, opened: Path, tmp_path: Path) -> None:
    """Twice, and with the envelopes in another order: byte for byte the same file; the last votes count."""
    first = opened.read_bytes()
    envelopes = json.loads(box.file.read_text("utf-8"))["envelopes"]
    shuffled = box.changed(tmp_path, envelopes=random.Random(1).sample(envelopes, len(envelopes)))
    assert box.open(shuffled, tmp_path / "again.json").exit_code == 0
    assert (tmp_path / "again.json").read_bytes() == first
    ballots = json.loads(first)["ballots"]
    assert sorted(ballot["choices"] for ballot in ballots) == box.expected
    assert [b["tracker"] for b in ballots] == sorted(b["tracker"] for b in ballots)


def test_opening_needs_no_server_and_no_data(box: Box, opened: Path, tmp_path: Path) -> None:
    """Content, box and halves on another machine are enough."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(box.town.content, elsewhere / "content")
    result = run(
        *("open", box.file, "--to", elsewhere / "o.json", "--content", elsewhere / "content"),
        *("--now", CLOSING, *box.town.given_halves),
    )
    assert result.exit_code == 0 and (elsewhere / "o.json").read_bytes() == opened.read_bytes()


def test_a_changed_box_stays_shut(box: Box, tmp_path: Path) -> None:
    """Removed, added, exchanged, altered, copied, a cut file, another poll's rules: named; no file is written."""
    document = json.loads(box.file.read_text("utf-8"))
    envelopes, receipts = document["envelopes"], document["receipts"]
    altered = envelopes[-1][:-2] + ("BB" if envelopes[-1].endswith("AA") else "AA")
    cases = {
        "명단에 있는 봉투가 없습니다": {"envelopes": envelopes[:-1]},
        "이미 낸 봉투와 같거나": {"envelopes": [*envelopes, envelopes[0]]},
        "명단에 없는 봉투": {"envelopes": [*envelopes[:-1], altered]},
        "적힌 지문과 다릅니다": {"receipts": receipts[:-1], "envelopes": envelopes[:-1]},
        "규칙 지문": {"rules": "0" * 64},
        "크기가 맞지 않습니다": {"envelopes": [*envelopes[:-1], envelopes[-1][:-4]]},
        "changed.json: format: 다음 가운데 하나여야 합니다: madang-box/1": {"format": "x"},
        "changed.json: rules: 글이어야 합니다": {"rules": None},
        "changed.json: papers: 정수여야 합니다": {"papers": "zwei"},
        "changed.json: receipts.1: 글이어야 합니다": {"receipts": [1, 2]},
        "changed.json: receipts: 목록이어야 합니다": {"receipts": 5},
        "changed.json: envelopes.0: 글이어야 합니다": {"envelopes": [5]},
    }
    for says, changes in cases.items():
        result = box.open(box.changed(tmp_path, **changes), tmp_path / "o.json")
        assert result.exit_code == 1 and says in result.output, (says, result.output)
        assert not (tmp_path / "o.json").exists()
    result = box.open(box.file, tmp_path / "o.json", "--half", box.town.halves[0])
    assert result.exit_code == 1 and "기획과장: 열쇠가 없습니다" in result.output
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
    server = town.serve()
    with server.client() as client:
        good = town.cast(client, a_phone(), ["lamp"])
        assert good
        contact = a_phone()
        envelope = to_text(seal([f"{SLUG}-{n}" for n in ("bench", "lamp", "ramp")], town.slot(client)))
        body = {"contact": contact, "code": town.code(client, contact), "envelope": envelope}
        assert client.post(f"/api/votes/{SLUG}/ballots", json=body).status_code == 201
    assert server.stop() == 0
    where = ("--content", town.content, "--now", CLOSING)
    done("close", SLUG, "--to", tmp_path / "b.json", "--data", f"tinydb://{town.data}", *where)
    said = done("open", tmp_path / "b.json", "--to", tmp_path / "o.json", *town.given_halves, *where)
    assert "표 1장을 열었습니다. 무효 1장." in said
    done("publish", tmp_path / "o.json", *where)
    results = json.loads((town.content / "results" / SLUG / "results.json").read_text("utf-8"))
    assert (results["voters"], results["ballots"], results["void"]) == (2, 1, 1)
    # Under 20 ballots only totals: no single ballot leaves the house.
    published = {file.name for file in (town.content / "results" / SLUG).iterdir()}
    assert published == {"receipts.json", "results.csv", "results.json"}


# ---------------------------------------------------------------------------- publish and destroy


def test_what_is_published_can_be_recounted(box: Box, opened: Path, root: Path) -> None:
    """The one-file program agrees; a changed ballot is caught; the record names date, rules and files."""
    done("publish", opened, "--content", box.town.content, "--now", CLOSING)
    folder = box.town.content / "results" / SLUG
    record = tomllib.loads(folder.with_suffix(".toml").read_text("utf-8"))
    assert (record["vote"], record["voters"], record["ballots"]) == (SLUG, VOTERS, VOTERS)
    assert all((folder.parent / name).is_file() for name in record["files"])

    def verified() -> int:
        words = [sys.executable, root / "static/verify.py", "--receipts", "receipts.json"]
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


def test_a_count_that_does_not_add_up_is_not_published(opened: Path, content: Path, tmp_path: Path) -> None:
    """A ballot removed after opening: the breach is named and no result is written."""
    fewer = changed_copy(opened, tmp_path, lambda document: document["ballots"].pop())
    result = run("publish", fewer, "--content", content, "--now", CLOSING)
    assert result.exit_code == 1 and "투표자 24명이 다릅니다" in result.output
    assert not (content / "results").exists()


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
        (lambda d: d.update(rules=None), "copy.json: rules: 글이어야 합니다"),
        (lambda d: d.update(papers=None), "copy.json: papers: 정수여야 합니다"),
        (lambda d: d.update(void=[{"receipt": "AAAA-AAAA-AAAA-AAAA", "fault": "x"}]), "명단에 없습니다"),
        (lambda d: d["receipts"].pop(), "copy.json: 접수증 명단이 적힌 지문과 다릅니다"),
    ],
)
def test_a_broken_file_of_ballots_is_refused(
    opened: Path, content: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    """Each in a sentence with file and field, and no result is written."""
    result = run("publish", changed_copy(opened, tmp_path, change), "--content", content, "--now", CLOSING)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
    assert says in result.output, result.output
    assert not (content / "results").exists()


def test_a_published_result_is_corrected_only_with_a_reason(
    box: Box, opened: Path, content: Path, tmp_path: Path
) -> None:
    """One ballot exchanged afterwards went out without a word, and the objection period began anew each time.

    The same again changes nothing; another one is refused and named; with a reason the first date stays, reason and
    old fingerprints are recorded, objections run anew; after the box is gone nothing is changed.
    """
    town = box.town
    data = Path(shutil.copytree(town.data, tmp_path / "data", ignore=shutil.ignore_patterns("door")))
    shutil.copytree(town.data.parent / "keys", tmp_path / "keys")  # without them nothing could be noted
    folder, record = content / "results" / SLUG, content / "results" / f"{SLUG}.toml"
    where = ("--content", content, "--now")
    assert "--correct 없이" in run("publish", opened, "--correct", "까닭", *where, CLOSING).output
    done("publish", opened, *where, CLOSING)

    def now() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in [*folder.iterdir(), record]}

    first = now()
    assert "아무것도 바뀌지 않았습니다" in done("publish", opened, *where, "2023-08-30T09:00:00")
    assert now() == first

    def swap(document: dict[str, Any]) -> None:
        ballot = next(each for each in document["ballots"] if each["choices"] == [f"{SLUG}-lamp"])
        ballot["choices"] = [f"{SLUG}-ramp"]

    other = changed_copy(opened, tmp_path, swap)
    refused = run("publish", other, *where, "2023-08-30T09:00:00")
    assert refused.exit_code == 1 and "이미 공개한 결과와 다릅니다" in refused.output
    assert "내용이 다르거나 한쪽에만 있는 표: 1장" in refused.output and "--correct" in refused.output
    assert now() == first
    for words in (("--correct", " "), ("--correct", "x" * 301), ("--correct", "900101-1234567 님의 표")):
        assert run("publish", other, *where, "2023-08-30T09:00:00", *words).exit_code == 1
    early = run("publish", other, "--correct", "까닭", *where, "2023-08-26T00:00:00")
    assert early.exit_code == 0  # the moment itself is not too early; undone for what follows
    for name, content_of in first.items():
        (record if name == record.name else folder / name).write_bytes(content_of)

    done("publish", other, "--correct", "한 장을  잘못 옮김", *where, "2023-08-30T09:00:00")
    told = tomllib.loads(record.read_text("utf-8"))
    assert told["published_at"] == tomllib.loads(first[record.name].decode())["published_at"]
    (correction,) = told["corrections"]
    assert correction["reason"] == "한 장을 잘못 옮김"
    assert correction["replaced"]["ballots.json"] == hashlib.sha256(first["ballots.json"]).hexdigest()
    load(content, parse_time("2023-08-31T00:00:00+09:00"))  # the next build reads it
    assert "이미 공개한 결과와 같습니다" in done("publish", other, *where, "2023-08-31T00:00:00")

    words = ("destroy", SLUG, "--yes", "--data", f"tinydb://{data}", *where)
    early = run(*words, "2023-09-13T08:59:59")  # 14 days from the correction, not from the first telling
    assert early.exit_code == 1 and "9월 13일(수) 09:00까지" in early.output
    done(*words, "2023-09-13T09:00:00")
    assert "destroyed_at = 2023-09-13T09:00:00+09:00" in record.read_text("utf-8")
    gone = now()
    refused = run("publish", opened, "--correct", "되돌림", *where, "2023-09-14T00:00:00")
    assert refused.exit_code == 1 and "투표함을 없앤 뒤에는" in refused.output
    assert now() == gone


def test_a_box_is_destroyed_after_the_objections(box: Box, opened: Path) -> None:
    """Not before the result, not within 14 days of it; then nothing of it is left in the folder."""
    town = box.town
    words = ("destroy", SLUG, "--yes", "--data", f"tinydb://{town.data}", "--content", town.content, "--now")
    shutil.rmtree(town.content / "results", ignore_errors=True)
    assert run(*words, LATER).exit_code == 1
    done("publish", opened, "--content", town.content, "--now", CLOSING)
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
