"""A public draw from the command line beside a running server: freeze, seed, order, published files, stand-alone check."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from civic import draw
from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from tests.builders import NOW, a_lecture_file, a_phone, a_round, an_application, write_content
from tests.forms_api.server import ROOT, Server

SOURCE = "2023년 9월 2일 로또 1등 번호"
OVER = "2023-09-01T10:00:00+09:00"
DRAWN = "2023-09-03T10:00:00+09:00"
SEED = "3 11 14 18 26 27"
LECTURES = {
    "essay": a_lecture_file(
        "추첨 강좌",
        [a_round("many", places=3), a_round("few", places=3)],
        selection="draw",
        seed=SOURCE,
        party=2,
    ),
    "dice": a_lecture_file("주사위", [a_round(places=1)], selection="draw"),
    "plain": a_lecture_file("선착순"),
    "window": a_lecture_file(
        "동시 접수", [a_round(places=1, waiting=3)], selection="window-draw", window=30, seed=SOURCE
    ),
}

Start = Callable[[str], Server]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return write_content(tmp_path / "content", LECTURES)


@pytest.fixture
def start(tmp_path: Path, content: Path) -> Iterator[Start]:
    running: list[Server] = []

    def begin(now: str) -> Server:
        if running:
            assert running.pop().stop() == 0
        running.append(Server(content, tmp_path / "var/data", now=now, rate_limit="off").ready())
        return running[-1]

    yield begin
    for server in running:
        server.stop()


@pytest.fixture
def run(tmp_path: Path, content: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def command(*arguments: str, now: str) -> subprocess.CompletedProcess[str]:
        where = ["--content", str(content), "--data", f"tinydb://{tmp_path}/var/data", "--now", now]
        words = [sys.executable, "-m", "forms_api", "draw", *arguments, *where]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)

    return command


def apply(client: httpx.Client, slug: str, round: str, **changes: Any) -> tuple[str, str]:
    phone = a_phone()
    payload = an_application(phone=phone, round=round, **changes)
    answer = client.post(f"/api/forms/lectures/{slug}", json=payload)
    assert answer.status_code == 201, answer.text
    return answer.json()["number"], phone[-4:]


def state(client: httpx.Client, who: tuple[str, str]) -> tuple[str, int | None]:
    found = client.post("/api/entries/lookup", json={"number": who[0], "phone_last4": who[1]}).json()
    return found["state"], found["position"]


def test_a_draw_from_freeze_to_page(start: Start, run: Any, content: Path) -> None:
    """Left out with a reason, frozen, drawn once by the named seed; everyone can work it out; a forgery is refused."""
    with start(NOW).client() as client:
        many = [apply(client, "essay", "many", party=1 + n % 2) for n in range(6)]
        few = [apply(client, "essay", "few") for _ in range(2)]
        assert state(client, many[0]) == ("received", None)
        early = run("freeze", "lectures/essay", now=NOW)
        assert (early.returncode, "아직 접수하고 있습니다" in early.stderr) == (1, True)

    with start(OVER).client() as client:
        out = many.pop()
        gone = run("exclude", "lectures/essay", out[0], "--reason", "구 밖에 삶", now=OVER)
        assert gone.returncode == 0, gone.stderr
        unfrozen = run("run", "lectures/essay", "--seed", SEED, "--by", "감사관", now=OVER)
        assert (unfrozen.returncode, "먼저 명단을" in unfrozen.stderr) == (1, True)
        frozen = run("freeze", "lectures/essay", now=OVER)
        assert frozen.returncode == 0, frozen.stderr
        list_hash = draw.list_hash(number for number, _ in many)
        assert list_hash in frozen.stdout
        late = run("exclude", "lectures/essay", many[0][0], "--reason", "x", now=OVER)
        assert (late.returncode, "이미 얼렸습니다" in late.stderr) == (1, True)
        told = json.loads((content / "results/lectures-essay/draw.json").read_text("utf-8"))
        assert told["rounds"]["many"]["list_hash"] == list_hash
        assert "seed" not in told and told["rounds"]["many"]["entries"] == []
        assert load(content, parse_time(OVER)).draws["lectures-essay"].document.is_drawn is False
        # Somebody of the list cancels between freeze and draw: the order stays, the place goes to the line.
        assert (
            client.post(f"/api/entries/{many[1][0]}/cancel", json={"phone_last4": many[1][1]}).status_code
            == 200
        )

    with start(DRAWN).client() as client:
        other = run(
            "run", "lectures/essay", "--seed", "1", "--by", "감사관", "--source", "내 마음", now=DRAWN
        )
        assert (other.returncode, "미리 적은" in other.stderr) == (1, True)
        known = ("--at", "2023-08-30T20:00:00")
        before = run("run", "lectures/essay", "--seed", SEED, "--by", "감사관", *known, now=DRAWN)
        assert (before.returncode, "얼리기 전에" in before.stderr) == (1, True)
        arguments = ("run", "lectures/essay", "--seed", SEED, "--by", "감사관", "--at", "2023-09-02T20:45:00")
        done = run(*arguments, now=DRAWN)
        assert done.returncode == 0, done.stderr
        assert run(*arguments, now=DRAWN).returncode == 0  # again: the same
        again = run("run", "lectures/essay", "--seed", "9", "--by", "감사관", now=DRAWN)
        assert (again.returncode, "다른 씨앗" in again.stderr) == (1, True)

        # Worked out here by hand: ascending SHA-256 of seed and number, groups all or none, 3 places.
        order = sorted(
            (number for number, _ in many), key=lambda n: hashlib.sha256((SEED + n).encode()).hexdigest()
        )
        sizes = {number: 1 + n % 2 for n, (number, _) in enumerate(many)}
        left, expected = 3, {}
        for number in order:
            expected[number] = "confirmed" if sizes[number] <= left else "waiting"
            left -= sizes[number] if expected[number] == "confirmed" else 0
        file = content / "results/lectures-essay/draw.json"
        told = json.loads(file.read_text("utf-8"))
        assert [e["number"] for e in told["rounds"]["many"]["entries"]] == order
        assert {e["number"]: e["result"] for e in told["rounds"]["many"]["entries"]} == expected
        assert told["rounds"]["few"]["drawn"] is False
        assert (told["seed"], told["source"], told["by"]) == (SEED, SOURCE, "감사관")
        assert told["rounds"]["many"]["excluded"] == [{"number": out[0], "reason": "구 밖에 삶"}]

        assert [state(client, who)[0] for who in few] == ["confirmed", "confirmed"]
        assert state(client, many[1])[0] == "cancelled"
        held = sum(sizes[n] for n, _ in many if state(client, (n, dict(many)[n]))[0] == "confirmed")
        assert held <= 3
        line = [n for n in order if state(client, (n, dict(many)[n]))[0] == "waiting"]
        assert [state(client, (n, dict(many)[n]))[1] for n in line] == list(range(1, len(line) + 1))
        if expected[many[1][0]] == "confirmed":
            assert all(sizes[n] > 3 - held for n in line)  # the place of the one who left did not stay empty

    check = [sys.executable, str(ROOT / "static/check_draw.py"), str(file)]
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 0
    published = load(content, parse_time(DRAWN)).draws["lectures-essay"]
    assert (published.link, published.document.is_by_lot) == ("/results/lectures-essay/", True)

    first, second = told["rounds"]["many"]["entries"][:2]
    told["rounds"]["many"]["entries"][:2] = [second, first]
    file.write_text(json.dumps(told), encoding="utf-8")
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 1
    with pytest.raises(ContentMistakes, match="추첨 순서가 씨앗과 다릅니다"):
        load(content, parse_time(DRAWN))
    assert run("show", "lectures/essay", now=DRAWN).returncode == 1  # the content is wrong: nothing is done


def test_dice_need_a_source_and_first_come_has_no_draw(start: Start, run: Any) -> None:
    """Without a seed named in advance the dice are named at the draw."""
    with start(NOW).client() as client:
        people = [apply(client, "dice", "r1") for _ in range(2)]
    with start(OVER).client() as client:
        assert run("freeze", "lectures/dice", now=OVER).returncode == 0
        bare = run("run", "lectures/dice", "--seed", "4 1 6", "--by", "과장", now=OVER)
        assert (bare.returncode, "--source" in bare.stderr) == (2, True)
        dice = ("--seed", "4 1 6", "--by", "과장", "--source", "공개 주사위")
        assert run("run", "lectures/dice", *dice, now=OVER).returncode == 0
        assert sorted(state(client, who)[0] for who in people) == ["confirmed", "waiting"]
        assert run("freeze", "lectures/plain", now=OVER).returncode == 1


def test_a_window_is_drawn_and_others_come_behind(start: Start, run: Any) -> None:
    """Two in the window for one place; one who comes later waits behind both, whatever the draw says."""
    after = "2023-08-16T09:31:00+09:00"
    with start(NOW).client() as client:
        early = [apply(client, "window", "r1") for _ in range(2)]
    with start(after).client() as client:
        late = apply(client, "window", "r1")
        assert state(client, late) == ("waiting", 1)
        assert run("freeze", "lectures/window", now=after).returncode == 0
        later = apply(client, "window", "r1")
        drawn = run("run", "lectures/window", "--seed", SEED, "--by", "과장", now=after)
        assert drawn.returncode == 0, drawn.stderr
        assert sorted(state(client, who) for who in early) == [("confirmed", None), ("waiting", 1)]
        assert [state(client, who) for who in (late, later)] == [("waiting", 2), ("waiting", 3)]
        assert client.post("/api/forms/lectures/window", json=an_application()).status_code == 409
