"""The replayed opening: right servers pass it, wrong answers are counted, and it never leaves this machine."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.crowd import Answer, Share
from bench.opening import Crowd, judge, plan
from civic.people import normalise_phone
from tests.builders import a_lecture_file, a_round, write_content
from tests.forms_api.server import ROOT, Server

QUESTIONS = (
    {"name": "area", "label": "사는 동", "type": "select", "options": ["수완동", "첨단동"]},
    {"name": "days", "label": "올 수 있는 날", "type": "checkbox", "options": ["월", "수"]},
    {"name": "age", "label": "나이", "type": "number", "min": 19, "max": 120},
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.opening", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def opened(folder: Path, lecture: str) -> Server:
    """A server over this lecture alone."""
    content = write_content(folder / "content", {"opening": lecture})
    return Server(content, folder / "var/data", rate_limit="off")


def rushed(server: Server, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """What a rush to its lecture said, and the figures of it."""
    done = run("--url", server.base, "--subject", "lectures/opening", *words)
    return done, dict(line.split("\t")[:2] for line in done.stdout.splitlines())


def test_a_rush_against_a_real_server(tmp_path: Path) -> None:
    """Three rounds of four places, seven times as many people, double clicks, cancels: every place given once."""
    rounds = [a_round(f"r{n}", places=4, waiting=4) for n in range(3)]
    form = a_lecture_file(
        "개시", rounds, QUESTIONS, person="phone+birth_date", email="required", contact="proven"
    )
    words = ("--connections", "16", "--seed", "7")
    with opened(tmp_path, form) as server:
        done, figures = rushed(server, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (figures["places"], figures["confirmed"]) == ("12", "12")
        assert [figures[name] for name in ("oversold", "duplicates", "lost")] == ["0", "0", "0"]
        assert "not expected" not in done.stdout
        again, _ = rushed(server, *words)
        assert (again.returncode, "이미 신청이 있습니다" in again.stderr) == (2, True)


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "https://127.0.0.1", "http://", "ftp://127.0.0.1"])
def test_only_this_machine_is_ever_rushed(url: str) -> None:
    """A load test cannot be aimed at somebody else's server."""
    refused = run("--url", url, "--subject", "lectures/x")
    assert (refused.returncode, "이 컴퓨터의 서버만" in refused.stderr) == (2, True)


def an_answer(person: str, number: str, later: str = "confirmed", **given: Any) -> Answer:
    return Answer(person, "r1", "0000", 0.1, number, later=later, **given)


def a_refusal(problem: str) -> Answer:
    return Answer("9", "r1", "0000", 0.1, problem=problem)


def judged(*answers: Answer, taken: int = 0, places: int = 2) -> tuple[int, int, int]:
    share = Share(list(answers), begun=0, ended=1)
    found = judge([share], {"r1": {"places": places, "taken": taken}})
    return found.oversold, found.duplicates, found.lost


def test_what_went_wrong_is_counted() -> None:
    """Each of the three by hand; a double click that got one number twice is right."""
    one, two = an_answer("1", "A"), an_answer("2", "B")
    assert judged(one, two, an_answer("2", "B")) == (0, 0, 0)
    assert judged(one, two, an_answer("3", "C")) == (1, 0, 0)  # three confirmed, two places
    assert judged(one, taken=4) == (2, 0, 0)  # the server's own count
    assert judged(one, an_answer("1", "B")) == (0, 1, 0)  # one person, two numbers
    assert judged(one, an_answer("2", "A")) == (0, 1, 0)  # two people, one number
    assert judged(one, an_answer("2", "B", later="")) == (0, 0, 1)  # acknowledged, not found
    assert judged(one, an_answer("2", "B", cancelled=True)) == (0, 0, 1)  # cancelled, but still there


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((an_answer("1", "A"),), ""),
        ((an_answer("1", "A", later="received"),), ""),  # a draw or a review: confirmed is nobody yet
        ((an_answer("1", "A"), a_refusal("full"), a_refusal("already-applied")), ""),
        ((an_answer("1", "A", later=""),), "lost이 0이 아닙니다: 1"),
        ((a_refusal("closed"),), "한 건도 접수되지 않았습니다"),
        ((an_answer("1", "A"), a_refusal("unavailable"), a_refusal("500")), "500 1번, unavailable 1번"),
        ((an_answer("1", "A"), a_refusal("too-many")), "MADANG_RATE_LIMIT=off"),
    ],
)
def test_a_rush_that_did_not_go_well_says_why(answers: tuple[Answer, ...], said: str) -> None:
    """Every exit with 1 has its sentence; what a rush should never be answered is such a reason too."""
    found = judge([Share(list(answers), begun=0, ended=1)], {"r1": {"places": 2, "taken": 0}})
    faults = found.faults()
    assert bool(faults) is bool(said)
    assert said in " ".join(faults)


@pytest.mark.parametrize("form", [{"selection": "draw"}, {"selection": "review"}])
def test_a_rush_to_a_draw_or_a_review_goes_well(tmp_path: Path, form: dict[str, Any]) -> None:
    """Nobody is confirmed yet, and that is right: all are received."""
    with opened(tmp_path, a_lecture_file("추첨", [a_round(places=2)], **form)) as server:
        done, figures = rushed(server, "--cancels", "0", "--connections", "4")
        assert (done.returncode, figures["confirmed"], figures["received"]) == (0, "0", "14"), done.stderr


def test_the_crowd_is_as_asked() -> None:
    """7 x 10 people per round, about a third twice, their posts one after the other, with numbers that exist."""
    posts = plan({"a": {"places": 10}, "b": {"places": 10}}, {}, Crowd(7, 0.33, 0.5, seed=1))
    people = {post.person for post in posts}
    assert len(people) == 140
    assert 160 < len(posts) < 210
    assert all(normalise_phone("010" + person) for person in people)
    doubled = [a for a, b in itertools.pairwise(posts) if a == b]
    assert len(doubled) == len(posts) - 140
    assert not any(post.cancels for post in doubled)
    assert sum(post.cancels for post in posts) > 20
