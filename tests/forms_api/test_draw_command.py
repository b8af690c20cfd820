"""A public draw from the command line beside a running server: freeze, seed, order, published files, stand-alone check."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from civic.places.draw_list import sha256
from civic.store import open_store
from tests.builders import NOW, a_lecture_file, a_round, an_application
from tests.forms_api.server import ROOT, Server, act, look, sign_up
from tests.patience import eventually
from tests.staff import at, call

SOURCE = "2023년 9월 2일 로또 1등 번호"
CLOSED = "2023-08-31T23:00:00+09:00"
OVER = "2023-09-01T10:00:00+09:00"
DRAWN = "2023-09-03T10:00:00+09:00"
SEED = "3 11 14 18 26 27"
AT = parse_time("2023-09-02T20:35:00")
BITS = {"과장": "0a" * 16, "감사관": "0b" * 16}
LECTURES = {
    "essay": a_lecture_file(
        "추첨 강좌",
        [a_round("many", places=3), a_round("few", places=3)],
        selection="draw",
        seed=SOURCE,
        seed_at=AT,
        freeze_at=parse_time("2023-09-01T12:00:00"),
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
    "named": a_lecture_file(
        "씨앗을 정한 강좌", [a_round(places=1)], selection="draw", seed=SOURCE, seed_at=AT
    ),
    "window": a_lecture_file("동시 접수", [a_round(places=1, waiting=3)], selection="window-draw", window=30),
}

Start = Callable[[str], Server]


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


def by_two(run: Any, subject: str, now: str) -> str:
    """What is said when two persons have committed and revealed."""
    for by, bits in BITS.items():
        done(run, "promise", subject, "--by", by, "--hash", sha256(bits), now=now)
    first, last = (done(run, "reveal", subject, "--bits", bits, now=now) for bits in BITS.values())
    assert "난수를 밝혔습니다" in first
    return last


def test_nothing_is_drawn_for_a_list_that_fits(start: Start, run: Any) -> None:
    """One person for one place gets it without a seed; and nothing at all follows from an empty list."""
    with start(NOW).client() as client:
        who = apply(client, "dice")
    with start(OVER).client() as client:
        assert "draw run lectures/dice --by" in done(run, "freeze", "lectures/dice", now=OVER)
        refused(run, "난수로 정하는 회차가", *promised("과장"), now=OVER)
        done(run, "run", "lectures/dice", "--by", "팀장", now=OVER)
        assert state(client, who)[0] == "confirmed"
        assert "씨앗" not in done(run, "freeze", "lectures/named", now=OVER)


def promised(by: str, subject: str = "lectures/dice") -> tuple[str, ...]:
    return "promise", subject, "--by", by, "--hash", sha256(BITS[by])


def test_a_draw_from_closing_to_page(start: Start, run: Any, content: Path) -> None:
    """Left out until the freeze, which the server does itself; drawn once by the named seed, by numbers that open no entry."""
    frozen_at, file = "2023-09-01T13:00:00+09:00", content / "results/lectures-essay/draw.json"
    with start(NOW).client() as client:
        people = [sign_up(client, "essay", round="many", party=1 + n % 2) for n in range(6)]
        few = [apply(client, "essay", "few") for _ in range(2)]
        numbers = {entry["number"]: entry["draw_number"] for entry, _ in people}
        assert (
            people[0][0]["draw_number"] in client.get(people[0][0]["receipt"]).text
        )  # from the first minute
        refused(run, "아직 접수하고 있습니다", "freeze", "lectures/essay", now=NOW)

    with start(OVER).client() as client:
        out = people.pop()
        done(run, "exclude", "lectures/essay", out[0]["number"], "--reason", "구 밖에 삶", now=OVER)
        refused(run, "12:00에 얼립니다", "freeze", "lectures/essay", now=OVER)
        refused(run, "아직 얼린 명단이", "run", "lectures/essay", "--seed", SEED, "--by", "감사관", now=OVER)

    with start(frozen_at).client() as client:
        keep = people[0][0]["number"]
        eventually(lambda: "frozen" in facts(content, "many"))  # by the server's own clock: nobody asked
        refused(run, "이미 얼렸습니다", "exclude", "lectures/essay", keep, "--reason", "x", now=frozen_at)
        hash = json.loads(facts(content, "many")["frozen"])
        frozen = done(run, "freeze", "lectures/essay", now=frozen_at)
        told = rounds_of(file)["many"]
        assert told["commitment"] in frozen and told["seed"] is None and told["source"] == SOURCE
        assert {entry["number"] for entry in hash["entries"]} == {numbers[e["number"]] for e, _ in people}
        assert told["commitment"] in client.get(people[0][0]["receipt"]).text  # each receipt's page shows it
        assert not set(numbers) & set(file.read_text("utf-8").split('"'))  # no receipt number is published
        gone = people[1][0]["number"], people[1][1]
        assert act(client, people[1], "cancel").status_code == 200

    with start(DRAWN).client() as client:
        by = ("run", "lectures/essay", "--by", "감사관", "--seed")
        early = done(run, *by, SEED, now="2023-09-02T20:34:59+09:00")
        assert "추첨 값이 나오기 전에" in early and "확정 2건" in early  # of the round that needs no seed
        refused(run, "적는 법", *by, "11 3 14 18 26 27", now=DRAWN)
        done(run, *by, SEED, now=DRAWN)
        assert run(*by, SEED, now=DRAWN).returncode == 0  # again: the same
        assert "다른 씨앗" in done(run, *by, "1 2 3 4 5 6", now=DRAWN)

        # Worked out here by hand: ascending SHA-256 of seed and draw number, groups all or none, 3 places.
        sizes = {entry["draw_number"]: 1 + n % 2 for n, (entry, _) in enumerate(people)}
        order = sorted(sizes, key=lambda n: hashlib.sha256((SEED + n).encode()).hexdigest())
        left, expected = 3, {}
        for number in order:
            expected[number] = "confirmed" if sizes[number] <= left else "waiting"
            left -= sizes[number] if expected[number] == "confirmed" else 0
        told = rounds_of(file)["many"]
        assert {e["number"]: e["result"] for e in told["entries"]} == expected
        assert [e["number"] for e in told["entries"]] == order
        assert [out["reason"] for out in told["excluded"]] == ["구 밖에 삶"]
        assert rounds_of(file)["few"]["drawn"] is False
        assert [state(client, who)[0] for who in few] == ["confirmed", "confirmed"]
        assert state(client, gone)[0] == "cancelled"
        hidden = told["excluded"][0]["number"]
        done(run, "hide", "lectures/essay", hidden, "--reason", "당사자 요청", now=DRAWN)
        assert "구 밖에 삶" not in file.read_text("utf-8")

    check = [sys.executable, str(ROOT / "static/check_draw.py"), str(file), told["commitment"]]
    assert subprocess.run(check, capture_output=True, timeout=30).returncode == 0
    published = load(content, parse_time(DRAWN)).draws["lectures-essay"]
    assert (published.link, published.document.is_drawn) == ("/results/lectures-essay/", True)


def facts(content: Path, round: str) -> dict[str, str]:
    with closing(open_store(f"tinydb://{content.parent}/var/data")) as store:
        return dict(store.fixed("lectures/essay").get(round, {}))


def test_a_list_frozen_late_is_not_drawn_by_the_seed(start: Start, run: Any, content: Path) -> None:
    """Nobody came by until the lottery was over: its numbers are void, "늦음" is published, and two persons decide."""
    file = content / "results/lectures-named/draw.json"
    with start(NOW).client() as client:
        people = [apply(client, "named") for _ in range(2)]
    assert start(NOW).stop() == 0
    with start(DRAWN).client() as client:
        assert "늦음" in done(run, "freeze", "lectures/named", now=DRAWN)
        refused(
            run, "두 사람의 무작위 값", "run", "lectures/named", "--seed", SEED, "--by", "과장", now=DRAWN
        )
        assert rounds_of(file)["r1"]["late"] is True
        assert "확정 1건, 대기 1건" in by_two(run, "lectures/named", DRAWN)
        assert sorted(state(client, who)[0] for who in people) == ["confirmed", "waiting"]
    load(content, parse_time(DRAWN))


def test_two_persons_decide_and_neither_alone(start: Start, run: Any, content: Path) -> None:
    """Both commit before either reveals, with bits of their own; who does not reveal in a day makes a new pair, and it shows."""
    file, subject = content / "results/lectures-dice/draw.json", "lectures/dice"
    later = "2023-09-02T10:00:01+09:00"
    with start(NOW).client() as client:
        people = [apply(client, "dice") for _ in range(2)]
    with start(OVER).client() as client:
        done(run, "freeze", subject, now=OVER)
        done(run, *promised("과장"), now=OVER)
        refused(run, "모두 약속하고", "reveal", subject, "--bits", BITS["과장"], now=OVER)
        refused(run, "서로 다른 사람", *promised("과장"), now=OVER)
        refused(run, "64자리", "promise", subject, "--by", "감사관", "--hash", "x", now=OVER, code=2)
        done(run, *promised("감사관"), now=OVER)
        refused(run, "이미 두 사람이", *promised("감사관"), now=OVER)
        refused(run, "지문의 난수가 아닙니다", "reveal", subject, "--bits", "0c" * 16, now=OVER)
        done(run, "reveal", subject, "--bits", BITS["과장"], now=OVER)
    with start(later).client() as client:
        refused(run, "24시간이 지났습니다", "reveal", subject, "--bits", BITS["감사관"], now=later)
        assert "확정 1건, 대기 1건" in by_two(run, subject, later)
        assert sorted(state(client, who)[0] for who in people) == ["confirmed", "waiting"]
        first, second = rounds_of(file)["r1"]["pairs"]
        assert [half["bits"] for half in first] == [BITS["과장"], ""]
        assert [half["bits"] for half in second] == [*BITS.values()]
        assert run("freeze", "lectures/plain", now=later).returncode == 1
    load(content, parse_time(later))


def test_a_window_is_drawn_and_others_come_behind(start: Start, run: Any) -> None:
    """Two in the window for one place; one who comes later waits behind both, whatever the draw says."""
    after = "2023-08-16T09:31:00+09:00"
    with start(NOW).client() as client:
        early = [apply(client, "window") for _ in range(2)]
    with start(after).client() as client:
        entry, last4 = sign_up(client, "window")
        late = entry["number"], last4
        # It was said to be the first in line, and after the draw the second.
        assert state(client, late) == ("waiting", None)
        assert "추첨을 기다리는 신청이 먼저입니다." in client.get(entry["receipt"]).text
        done(run, "freeze", "lectures/window", now=after)
        later = apply(client, "window")
        by_two(run, "lectures/window", after)
        assert sorted(state(client, who) for who in early) == [("confirmed", None), ("waiting", 1)]
        assert [state(client, who) for who in (late, later)] == [("waiting", 2), ("waiting", 3)]
        assert client.post("/api/forms/lectures/window", json=an_application()).status_code == 409


def test_rounds_that_close_apart_are_drawn_apart(start: Start, run: Any, content: Path) -> None:
    """Each is frozen when it closes and keeps its seed; what is still open is said and waits."""
    file = content / "results/lectures-turns/draw.json"
    with start(NOW).client() as client:
        for id in ("r1", "r2"):
            for _ in range(3):
                apply(client, "turns", id)
        first = done(run, "freeze", "lectures/turns", now="2023-08-21T09:00:00")
        assert "r2 회차: 아직 접수하고 있습니다" in first
        by_two(run, "lectures/turns", "2023-08-21T11:00:00")
        drawn = rounds_of(file)
        assert drawn.keys() == {"r1"} and len(drawn["r1"]["entries"]) == 3
        done(run, "freeze", "lectures/turns", now="2023-08-26T09:00:00")
        assert by_two(run, "lectures/turns", "2023-08-26T11:00:00").count("확정 1건, 대기 2건") == 1
        assert rounds_of(file)["r1"] == drawn["r1"] and rounds_of(file)["r2"]["seed"] != drawn["r1"]["seed"]
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
        refused(run, "뺀 까닭", "exclude", "lectures/dice", who[0], "--reason", reason, now=CLOSED)
        assert state(client, who)[0] == "received"
        done(run, "exclude", "lectures/dice", who[0], "--reason", f" {'가' * 300} ", now=CLOSED)
        done(run, "freeze", "lectures/dice", now=OVER)
    out = load(content, parse_time(OVER)).draws["lectures-dice"].document.rounds["r1"].excluded
    assert [each.reason for each in out] == ["가" * 300]


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
