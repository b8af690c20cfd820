"""A public draw from the command line beside a running server: freeze, seed, order, published files, stand-alone check."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from civic.places import draw
from tests.builders import NOW, a_lecture_file, a_round, an_application, write_content
from tests.forms_api.server import ROOT, Server, act, look, sign_up
from tests.staff import at, call

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
    "turns": a_lecture_file(
        "차례로 닫는 강좌",
        [
            a_round("r1", places=1, closes="2023-08-20T00:00:00"),
            a_round("r2", places=1, closes="2023-08-25T00:00:00"),
        ],
        selection="draw",
    ),
    "named": a_lecture_file("씨앗을 정한 강좌", [a_round(places=1)], selection="draw", seed=SOURCE),
    "window": a_lecture_file(
        "동시 접수", [a_round(places=1, waiting=3)], selection="window-draw", window=30, seed=SOURCE
    ),
}

Start = Callable[[str], Server]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return write_content(tmp_path / "content", LECTURES)


@pytest.fixture
def run(tmp_path: Path, content: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    return lambda *words, now: call("draw", *words, *at(tmp_path, now))


def done(run: Any, *words: str, now: str) -> str:
    """What a command says that does its work."""
    answer = run(*words, now=now)
    assert answer.returncode == 0, answer.stderr
    return str(answer.stdout)


def refused(run: Any, said: str, *words: str, now: str, code: int = 1) -> None:
    """A command that may not do its work says why."""
    answer = run(*words, now=now)
    assert (answer.returncode, said in answer.stderr) == (code, True), answer.stderr


def apply(client: httpx.Client, slug: str, round: str = "r1", **changes: Any) -> tuple[str, str]:
    entry, last4 = sign_up(client, slug, round=round, **changes)
    return entry["number"], last4


def state(client: httpx.Client, who: tuple[str, str]) -> tuple[str, int | None]:
    found = look(client, ({"number": who[0]}, who[1]))
    return found["state"], found["position"]


def test_no_dice_for_a_list_that_fits(start: Start, run: Any) -> None:
    """One person for one place: the office was told to throw dice in public; and nothing at all follows from an empty list."""
    with start(NOW).client() as client:
        who = apply(client, "dice")
    with start(OVER).client() as client:
        frozen = done(run, "freeze", "lectures/dice", now=OVER)
        assert "주사위를 던지지 않습니다" in frozen and "--seed 0" in frozen
        nothing = ("--seed", "0", "--source", "추첨하지 않음", "--by", "팀장")
        done(run, "run", "lectures/dice", *nothing, now=OVER)
        assert state(client, who)[0] == "confirmed"
        assert "씨앗" not in done(run, "freeze", "lectures/named", now=OVER)


def test_a_draw_from_freeze_to_page(start: Start, run: Any, content: Path) -> None:
    """Left out with a reason, frozen, drawn once by the named seed; everyone can work it out; a forgery is refused."""
    with start(NOW).client() as client:
        signed = [sign_up(client, "essay", round="many", party=1 + n % 2) for n in range(6)]
        many = [(entry["number"], last4) for entry, last4 in signed]
        few = [apply(client, "essay", "few") for _ in range(2)]
        assert state(client, many[0]) == ("received", None)
        refused(run, "아직 접수하고 있습니다", "freeze", "lectures/essay", now=NOW)

    with start(OVER).client() as client:
        out = many.pop()
        done(run, "exclude", "lectures/essay", out[0], "--reason", "구 밖에 삶", now=OVER)
        refused(run, "먼저 명단을", "run", "lectures/essay", "--seed", SEED, "--by", "감사관", now=OVER)
        frozen = done(run, "freeze", "lectures/essay", now=OVER)
        list_hash = draw.list_hash(number for number, _ in many)
        assert list_hash in frozen
        refused(run, "이미 얼렸습니다", "exclude", "lectures/essay", many[0][0], "--reason", "x", now=OVER)
        told = json.loads((content / "results/lectures-essay/draw.json").read_text("utf-8"))
        assert told["rounds"]["many"]["list_hash"] == list_hash
        assert "seed" not in told["rounds"]["many"] and told["rounds"]["many"]["entries"] == []
        assert told["rounds"]["many"]["source"] == SOURCE
        assert load(content, parse_time(OVER)).draws["lectures-essay"].document.is_drawn is False
        # Somebody of the list cancels between freeze and draw: the order stays, the place goes to the line.
        assert act(client, signed[1], "cancel").status_code == 200

    with start(DRAWN).client() as client:
        by = ("run", "lectures/essay", "--by", "감사관", "--seed")
        refused(run, "미리 적은", *by, "1", "--source", "내 마음", now=DRAWN)
        refused(run, "얼리기 전에", *by, SEED, "--at", "2023-08-30T20:00:00", now=DRAWN)
        arguments = (*by, SEED, "--at", "2023-09-02T20:45:00")
        done(run, *arguments, now=DRAWN)
        assert run(*arguments, now=DRAWN).returncode == 0  # again: the same
        refused(run, "다른 씨앗", *by, "9", now=DRAWN)

        # Worked out here by hand: ascending SHA-256 of seed and number, groups all or none, 3 places.
        order = sorted(dict(many), key=lambda n: hashlib.sha256((SEED + n).encode()).hexdigest())
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
        for each in told["rounds"].values():
            assert (each["seed"], each["source"], each["by"]) == (SEED, SOURCE, "감사관")
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
    assert (published.link, published.document.is_drawn) == ("/results/lectures-essay/", True)

    first, second = told["rounds"]["many"]["entries"][:2]
    told["rounds"]["many"]["entries"][:2] = [second, first]
    file.write_text(json.dumps(told), encoding="utf-8")
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 1
    with pytest.raises(ContentMistakes, match="추첨 순서가 씨앗과 다릅니다"):
        load(content, parse_time(DRAWN))
    # Written anew from the store, whatever the file says.
    done(run, "show", "lectures/essay", now=DRAWN)
    assert load(content, parse_time(DRAWN)).draws["lectures-essay"].document == published.document


def test_dice_need_a_source_and_first_come_has_no_draw(start: Start, run: Any) -> None:
    """Without a seed named in advance the dice are named at the draw."""
    with start(NOW).client() as client:
        people = [apply(client, "dice") for _ in range(2)]
    with start(OVER).client() as client:
        done(run, "freeze", "lectures/dice", now=OVER)
        refused(run, "--source", "run", "lectures/dice", "--seed", "4 1 6", "--by", "과장", now=OVER, code=2)
        dice = ("--seed", "4 1 6", "--by", "과장", "--source", "공개 주사위")
        done(run, "run", "lectures/dice", *dice, now=OVER)
        assert sorted(state(client, who)[0] for who in people) == ["confirmed", "waiting"]
        assert run("freeze", "lectures/plain", now=OVER).returncode == 1


def test_a_window_is_drawn_and_others_come_behind(start: Start, run: Any) -> None:
    """Two in the window for one place; one who comes later waits behind both, whatever the draw says."""
    after = "2023-08-16T09:31:00+09:00"
    with start(NOW).client() as client:
        early = [apply(client, "window") for _ in range(2)]
    with start(after).client() as client:
        entry, last4 = sign_up(client, "window")
        late = (entry["number"], last4)
        # It was said to be the first in line, and after the draw the second.
        assert state(client, late) == ("waiting", None)
        assert "추첨을 기다리는 신청이 먼저입니다." in client.get(entry["receipt"]).text
        done(run, "freeze", "lectures/window", now=after)
        later = apply(client, "window")
        done(run, "run", "lectures/window", "--seed", SEED, "--by", "과장", now=after)
        assert sorted(state(client, who) for who in early) == [("confirmed", None), ("waiting", 1)]
        assert [state(client, who) for who in (late, later)] == [("waiting", 2), ("waiting", 3)]
        assert client.post("/api/forms/lectures/window", json=an_application()).status_code == 409


def test_rounds_that_close_apart_are_drawn_apart(start: Start, run: Any, content: Path) -> None:
    """Each is frozen, gets a seed of its own at an honest time and keeps it; what is still open is said and waits."""
    file = content / "results/lectures-turns/draw.json"
    dice = ("--by", "과장", "--source", "공개 주사위")
    with start(NOW).client() as client:
        for id in ("r1", "r2"):
            for _ in range(3):
                apply(client, "turns", id)
        first = done(run, "freeze", "lectures/turns", now="2023-08-21T09:00:00")
        assert "r2 회차: 아직 접수하고 있습니다" in first and "--source" in first
        assert rounds_of(file).keys() == {"r1"}
        at = ("--at", "2023-08-21T10:00:00")
        done(run, "run", "lectures/turns", "--seed", "1 1", *dice, *at, now="2023-08-21T11:00:00")
        drawn = rounds_of(file)["r1"]
        assert (drawn["seed"], drawn["at"], len(drawn["entries"])) == ("1 1", "2023-08-21T10:00:00+09:00", 3)

        done(run, "freeze", "lectures/turns", now="2023-08-26T09:00:00")
        assert rounds_of(file)["r1"] == drawn and "seed" not in rounds_of(file)["r2"]
        assert load(content, parse_time(DRAWN)).draws["lectures-turns"].document.is_drawn
        late = "2023-08-26T11:00:00"
        refused(run, "얼리기 전에", "run", "lectures/turns", "--seed", "1 1", *dice, *at, now=late)
        second = done(run, "run", "lectures/turns", "--seed", "6 6", *dice, now=late)
        assert second.count("확정 1건, 대기 2건") == 1
        both = rounds_of(file)
        assert both["r1"] == drawn
        assert (both["r2"]["seed"], len(both["r2"]["entries"])) == ("6 6", 3)
        refused(run, "다른 씨앗", "run", "lectures/turns", "--seed", "3 3", *dice, now=late)
        assert rounds_of(file) == both
    check = [sys.executable, str(ROOT / "static/check_draw.py"), str(file)]
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 0
    load(content, parse_time(DRAWN))


def rounds_of(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))["rounds"]
    return found


@pytest.mark.parametrize("reason", ["", "  ", "가" * 301, "한 줄\n두 줄", "한 줄\u2028두 줄"])
def test_a_reason_that_cannot_be_published_leaves_nobody_out(
    start: Start, run: Any, content: Path, reason: str
) -> None:
    """Otherwise the record could not be read, and no command or build would work any more."""
    with start(NOW).client() as client:
        who = apply(client, "dice")
        refused(run, "뺀 까닭", "exclude", "lectures/dice", who[0], "--reason", reason, now=OVER)
        assert state(client, who)[0] == "received"
        done(run, "exclude", "lectures/dice", who[0], "--reason", f" {'가' * 300} ", now=OVER)
        done(run, "freeze", "lectures/dice", now=OVER)
    out = load(content, parse_time(OVER)).draws["lectures-dice"].document.rounds["r1"].excluded
    assert [each.reason for each in out] == ["가" * 300]


def test_the_seed_named_in_advance_stays_the_one(start: Start, run: Any, content: Path) -> None:
    """Published with the frozen list; a page that names another afterwards draws nothing."""
    page = content / "lectures/named.md"
    before = page.read_text("utf-8")
    with start(NOW).client() as client:
        for _ in range(2):
            apply(client, "named")
        done(run, "freeze", "lectures/named", now=OVER)
        assert rounds_of(content / "results/lectures-named/draw.json")["r1"]["source"] == SOURCE
        words = ("run", "lectures/named", "--seed", SEED, "--by", "과장")
        page.write_text(before.replace(SOURCE, "내가 고른 값"), encoding="utf-8")
        for more in ((), ("--source", "내가 고른 값"), ("--source", SOURCE)):
            refused(run, SOURCE, *words, *more, now=DRAWN)
        page.write_text(before.replace(f'seed = "{SOURCE}"\n', ""), encoding="utf-8")
        refused(run, SOURCE, *words, "--source", "공개 주사위", now=DRAWN)
        page.write_text(before, encoding="utf-8")
        done(run, *words, now=DRAWN)


def test_one_seed_however_it_was_typed(start: Start, run: Any, content: Path) -> None:
    """A Mac types 가 in two parts: the same seed, the same order, written in one form."""
    with start(NOW).client() as client:
        for _ in range(3):
            apply(client, "dice")
        done(run, "freeze", "lectures/dice", now=OVER)
        dice = ("--by", "과장", "--source", "공개 주사위")
        apart = unicodedata.normalize("NFD", " 가나 3 ")
        done(run, "run", "lectures/dice", "--seed", apart, *dice, now=OVER)
        assert rounds_of(content / "results/lectures-dice/draw.json")["r1"]["seed"] == "가나 3"
        done(run, "run", "lectures/dice", "--seed", "가나 3", *dice, now=OVER)
        for field in (("--seed", "\t"), ("--by", " "), ("--source", "가\n나")):
            refused(run, "한 줄로", "run", "lectures/dice", "--seed", "가나 3", *dice, *field, now=OVER)


def test_a_record_cut_short_is_written_anew(start: Start, run: Any, content: Path) -> None:
    """A crash between draw.json and its record: the sentence of the build says what to do, and that works."""
    with start(NOW).client() as client:
        apply(client, "dice")
        done(run, "freeze", "lectures/dice", now=OVER)
    file = content / "results/lectures-dice/draw.json"
    for broken in (file.read_text("utf-8") + "\n", "{", ""):
        file.write_text(broken, encoding="utf-8")
        with pytest.raises(ContentMistakes, match="draw show로 다시 쓰세요"):
            load(content, parse_time(OVER))
        done(run, "show", "lectures/dice", now=OVER)
        load(content, parse_time(OVER))
