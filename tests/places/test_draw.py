"""An order that anyone can work out again."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civic.places import draw_list as draw
from tests.draw_samples import FORGERIES, FORGERIES_OF_TWO, SEED, SOURCE, a_draw, a_list

NUMBERS = st.lists(st.from_regex(r"\A[A-Z3-9]{4}-[A-Z3-9]{4}\Z"), unique=True, max_size=30)


def test_the_order_is_the_one_worked_out_by_hand() -> None:
    """Three numbers, seed "7": the digests are written down here, so the formula can never change unseen."""
    digests = {
        n: hashlib.sha256(f"7{n}".encode()).hexdigest() for n in ("AAAA-AAAA", "CCCC-CCCC", "DDDD-DDDD")
    }
    assert [d[:6] for d in digests.values()] == ["e4240d", "c28d29", "342bf4"]
    assert draw.order(digests, "7") == ("DDDD-DDDD", "CCCC-CCCC", "AAAA-AAAA")


@pytest.mark.parametrize(
    ("kind", "seed", "is_right"),
    [
        ("lotto", "3 11 14 18 26 45", True),
        ("lotto", "3 11 14 18 26 46", False),
        ("lotto", "3 11 14 18 26 26", False),
        ("lotto", "3 11 14 18 27 26", False),
        ("lotto", "3  11 14 18 26 27", False),
        ("number", "2571.09", True),
        ("number", "2,571.09", False),
        ("number", "02571", False),
        ("number", "2571.10", False),
        ("number", "2571.1", True),
        ("two", "1", False),
    ],
)
def test_a_seed_has_one_spelling(kind: str, seed: str, is_right: bool) -> None:
    """Whoever reads the same value types the same text."""
    assert draw.is_spelt(kind, seed) is is_right


def test_nothing_is_drawn_without_need_or_seed() -> None:
    """Six people for six places all get one; without a seed there is no order."""
    assert not a_list(places=6).is_contested
    assert a_list(places=5).is_contested
    with pytest.raises(ValueError, match="seed"):
        draw.order(["A"], "")


def test_a_group_gets_all_its_places_or_waits() -> None:
    """3 places: a couple fits, the next couple does not and waits first, the single after it fits."""
    line = [draw.DrawnEntry(number, size) for number, size in zip("ABCD", (2, 2, 1, 1), strict=True)]
    assert [entry.number for entry in draw.give(3, line)] == ["A", "C"]


@given(NUMBERS, st.text(min_size=1, max_size=10), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(
    numbers: list[str], seed: str, chance: Any
) -> None:
    """Macros gain nothing."""
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    assert draw.order(numbers, seed) == draw.order(shuffled, seed)
    assert sorted(draw.order(numbers, seed)) == sorted(numbers)


@given(NUMBERS, st.integers(1, 12), st.data())
def test_places_are_never_overdrawn(numbers: list[str], places: int, data: Any) -> None:
    """Nobody who waits would have fitted in what is left."""
    line = [draw.DrawnEntry(number, data.draw(st.integers(1, 4))) for number in numbers]
    confirmed = set(draw.give(places, line))
    left = places - sum(entry.size for entry in confirmed)
    assert left >= 0 and confirmed <= set(line)
    assert all(entry.size > left for entry in set(line) - confirmed)


def check(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The stand-alone checker, as anyone runs it."""
    command = [sys.executable, root / "static" / "check_draw.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # type: ignore[arg-type]


def written(folder: Path, told: object) -> Path:
    file = folder / "draw.json"
    file.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    return file


@pytest.mark.parametrize("name", [*FORGERIES, *FORGERIES_OF_TWO])
def test_the_stand_alone_checker_sees_every_forgery(name: str, root: Path, tmp_path: Path) -> None:
    """Order, seed, sizes, places, list, "nothing was drawn": exit 1, and never the word for right."""
    told = a_draw(two=name in FORGERIES_OF_TWO)
    assert check(root, written(tmp_path, told)).returncode == 0  # control
    (FORGERIES | FORGERIES_OF_TWO)[name](told["rounds"]["autumn"])
    done = check(root, written(tmp_path, told))
    assert (done.returncode, done.stderr) == (1, "")
    assert "맞습니다" not in done.stdout


def test_the_stand_alone_checker_agrees_with_what_is_right(root: Path, tmp_path: Path) -> None:
    """Drawn, or enough places for all: exit 0, with hash and seed to compare; a hash written down must be there."""
    told = a_draw()
    file, digest = written(tmp_path, told), told["rounds"]["autumn"]["commitment"]
    for done, is_said in ((check(root, file), True), (check(root, file, digest.upper()), False)):
        assert ("밖에서 본 확인 값과 견주지 않은" in done.stdout) is is_said
        assert (done.returncode, done.stderr) == (0, "")
        assert digest in done.stdout and f"추첨 값 {SEED.seed} ({SOURCE})" in done.stdout
        assert done.stdout.startswith("가을반: 맞습니다.")  # as the page names it, not by its key
    other = check(root, file, "0" * 64)
    assert (other.returncode, "이런 확인 값의 명단이 없습니다" in other.stdout) == (1, True)
    assert check(root, written(tmp_path, a_draw(places=9))).returncode == 0
    short = a_draw(waiting=1)  # the page has a line for one
    results = [entry["result"] for entry in short["rounds"]["autumn"]["entries"]]
    assert results == ["confirmed", "confirmed", "waiting", "rejected", "rejected"]
    assert check(root, written(tmp_path, short)).returncode == 0
    hidden = a_draw()
    hidden["rounds"]["autumn"]["excluded"][0] |= {"reason": "", "salt": ""}  # blacked out later
    assert check(root, written(tmp_path, hidden)).returncode == 0
    double = json.dumps(a_draw(), ensure_ascii=False).replace('"seed": "3', '"seed": "1", "seed": "3')
    file.write_text(double, "utf-8")
    assert "읽을 수 없습니다" in check(root, file).stderr  # which of the two would count?
    told["rounds"]["autumn"]["label"] = "가을반: 맞습니다.\x1b[8m"  # would hide the rest of its line
    done = check(root, written(tmp_path, told))
    assert "\\x1b[8m" in done.stdout and "\x1b" not in done.stdout and "확인하지 못한 회차" in done.stdout
    short["rounds"]["autumn"]["waiting"] = 2
    assert check(root, written(tmp_path, short)).returncode == 1


def test_the_stand_alone_checker_says_what_it_cannot_check(root: Path, tmp_path: Path) -> None:
    """Not drawn yet is not wrong; no rounds, no file, no argument, no JSON: a sentence each, never a traceback."""
    frozen = check(root, written(tmp_path, a_draw(drawn=False)))
    assert frozen.returncode == 1
    assert "아직 추첨하지 않았습니다" in frozen.stdout and "다릅니다" not in frozen.stdout
    empty = check(root, written(tmp_path, a_draw() | {"rounds": {}}))
    assert (empty.returncode, "회차가 하나도 없습니다" in empty.stdout) == (1, True)
    for told in (
        [],
        {},
        a_draw() | {"rounds": []},
        a_draw() | {"rounds": {"r1": None}},
        a_draw() | {"more": 1},
        "x",
    ):
        broken = check(root, written(tmp_path, told))
        assert broken.returncode == 1 and broken.stderr and "Traceback" not in broken.stderr
    (tmp_path / "draw.json").write_bytes(b"\xff{")
    for arguments in ((tmp_path / "draw.json",), (tmp_path / "nowhere",), (tmp_path,), ()):
        done = check(root, *arguments)
        assert done.returncode == 1 and done.stderr and "Traceback" not in done.stderr
