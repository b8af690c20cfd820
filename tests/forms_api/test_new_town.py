"""Another town in a day: a folder that builds, from options alone."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

import build
from tests.forms_api.disks import a_small_disk, grow

ROOT = Path(__file__).resolve().parent.parent.parent


def new(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "forms_api", "new", str(folder), *options]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_town_from_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, office, colour and logo are on its pages; every kind has an example; nothing of another town is there."""
    logo = tmp_path / "emblem.png"
    Image.new("RGB", (40, 40), "green").save(logo)
    options = ["--name", '한빛 "마당"', "--organisation", "한빛시", "--department", "시민소통과"]
    options += ["--phone", "02-123-4567", "--colour", "#0A7D55", "--logo", str(logo)]
    made = new(tmp_path / "town", *options, "--base-url", "https://h.kr/")
    assert made.returncode == 0, made.stderr
    site = tmp_path / "site"
    assert build.main(["--content", str(tmp_path / "town"), "--out", str(site)]) == 0, capsys.readouterr()
    page = (site / "lectures/first-course/index.html").read_text("utf-8")
    for words in ("한빛 &#34;마당&#34;", "시민소통과", "02-123-4567", "초반 동시 접수"):
        assert words in page, words
    assert "https://h.kr/lectures/first-course/" in page
    course = (tmp_path / "town/lectures/first-course.md").read_text("utf-8")
    drawn = date.fromisoformat(re.findall(r"seed_at = (\S+)T20:45:00", course)[0])
    assert (drawn.weekday(), int(re.findall(r"(\d+)회 로또", course)[0])) == (
        5,
        (drawn - date(2002, 12, 7)).days // 7 + 1,
    )
    [sheet] = (site / "assets").glob("town.*.css")
    assert "--color-action:#0a7d55" in sheet.read_text("utf-8") and f"/assets/{sheet.name}" in page
    assert re.search(r'<img src="/assets/logo\.[0-9a-f]{8}\.png" alt="">', page)
    places = ("programs/welcome", "events/open-day", "votes/village-budget", "proposals/lake-bench")
    for place in (*places, "privacy", "sitemap"):
        assert (site / place / "index.html").is_file(), place
    everything = "".join(file.read_text("utf-8") for file in site.rglob("*.html"))
    assert "광산" not in everything and "Gwangsan" not in everything


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--colour", "#ffee00"], 1, "흰 바탕에서 읽기 어려운 색"),
        (["--colour", "red"], 1, "colour"),
        (["--base-url", "h.kr"], 1, "base_url"),
        (["--logo", "none.png"], 2, "none.png"),
    ],
)
def test_what_does_not_hold_leaves_nothing_behind(
    tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    """Each wrong option is named; no folder stays."""
    made = new(tmp_path / "town", "--name", "한빛", *options)
    assert (made.returncode, said in made.stderr) == (code, True), made.stderr
    assert not [*tmp_path.iterdir()]


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whether the folder is there already or not; said in a sentence. The control: with room it is made."""
    with a_small_disk(tmp_path / "disk", 16_384) as disk:
        town = disk / "town"
        for is_there in (False, True):
            if is_there:
                town.mkdir()
            made = new(town, "--name", "한빛")
            assert made.returncode == 1 and "파일을 읽거나 쓰지 못했습니다" in made.stderr, made.stderr
            assert [*disk.rglob("*")] == ([town] if is_there else [])
        grow(disk, 4_000_000)
        assert new(town, "--name", "한빛").returncode == 0 and (town / "site.toml").is_file()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A folder in which something lies stays as it is."""
    (tmp_path / "mine.txt").write_text("1")
    assert new(tmp_path, "--name", "한빛").returncode == 2
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
