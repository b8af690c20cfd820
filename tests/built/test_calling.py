"""How the build is called, and how it answers: wrong calls, pipes, names that only look like content."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from publish import inputs
from publish.inputs import RACY
from tests.built.samples import ROOT, run
from tests.patience import eventually


@pytest.fixture
def call(content: Path, tmp_path: Path) -> list[str]:
    """What says which site to build."""
    out = tmp_path / "www/site"
    return ["--content", str(content), "--out", str(out), "--now", "2023-08-16T09:00", "--jobs", "1"]


@pytest.mark.parametrize(
    "arguments",
    [
        "--now 9999-12-31T23:59", "--now 0001-01-01", "--now 9999-12-31T23:59-12:00", "--jobs ²", "--jobs 0",
        "--base-url https://", "--base-url https://a.example/", "--base-url https://a.example?x",
        "--base-url https://a.example#x", "--base-url https://me@a.example", "--base-url https://a.example:0",
        "--base-url https://a.example:99999", "--base-url https://a.example:x", "--base-url ftp://a.example",
        "--base-url https://A.example", "--base-url https://a<b.example", "--base-url https://[::1",
        "--watch --beside no-such-command", "--watch --port 8001", "--beside true", "--check --full", "--due --full", "--rollback --due", "--check --watch",
        "--content /tmp/a --out /tmp/a/site", "--content /tmp/a --out /tmp/b/../a/b/site", "--content /tmp/a --out /tmp/a",
                "--foo", "foo", "--now", "--full=3", "--p 1",
    ],
)  # fmt: skip
def test_a_call_without_sense_is_refused(arguments: str) -> None:
    """Exit 2 and a Korean sentence, before anything is read or written."""
    made = run(*arguments.split())
    assert made.returncode == 2, made.stdout
    said, where = made.stderr.splitlines()
    assert where == "쓰는 법은 build.py --help로 봅니다."
    assert re.search("[가-힣]", said) and not re.search("[a-z] [a-z]", said.partition("(found ")[0])


@pytest.mark.parametrize("option", ["--content", "--out"])
@pytest.mark.parametrize("place", ["circle/site", "x" * 300])
def test_a_place_that_cannot_be_is_refused(call: list[str], tmp_path: Path, option: str, place: str) -> None:
    """Links that lead in a circle, a name that no disk takes: a sentence, and no traceback."""
    (tmp_path / "circle").symlink_to("circle")
    made = run(*call, option, tmp_path / place)
    assert made.returncode in (1, 2)
    assert "Traceback" not in made.stderr
    assert made.returncode == 2 or "누리집은" in made.stderr


def test_a_command_that_cannot_be_read_is_refused() -> None:
    """A quotation mark too few, or nothing at all."""
    for command in ("python 'x", " "):
        assert run("--watch", "--beside", command).returncode == 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:8701", "https://www.a-b.go.kr"])
def test_a_right_address_is_taken(call: list[str], address: str, tmp_path: Path) -> None:
    """It stands in the sitemap."""
    assert run(*call, "--base-url", address).returncode == 0
    assert f"<loc>{address}/</loc>" in (tmp_path / "www/site/sitemap.xml").read_text("utf-8")


def test_one_place_has_many_spellings(call: list[str], tmp_path: Path) -> None:
    """`--out ../site` worked once: the second time its own link was somebody else's."""
    (tmp_path / "here").mkdir()
    for said in ("만들었습니다", "바뀐 것이 없습니다"):
        made = run(*call, "--out", f"{tmp_path}/here/../site")
        assert made.returncode == 0 and said in made.stdout, made.stdout


def test_watching_what_cannot_be_watched_says_so(call: list[str], tmp_path: Path) -> None:
    """No content, a folder of somebody else in place of the site: 1, and it is left alone."""
    made = run("--content", tmp_path / "none", *call[2:], "--watch")
    assert (made.returncode, made.stdout) == (1, f"{tmp_path}/none: content 폴더가 없습니다\n")
    site = tmp_path / "www/site"
    site.mkdir(parents=True)
    (site / "letter.txt").write_text("소중한 글", "utf-8")
    made = run(*call, "--watch")
    assert (made.returncode, "만들지 않은 폴더" in made.stdout) == (1, True)
    assert [path.name for path in site.iterdir()] == ["letter.txt"]


def test_a_server_beside_is_told_once_to_stop(call: list[str], tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches everybody of its group: two signals at once left a server half ended for 15 seconds."""
    heard, program = tmp_path / "heard", tmp_path / "server.py"
    heard.write_text("")
    program.write_text(
        "import signal, sys, time\n"
        "def note(number, _):\n"
        "    print(signal.Signals(number).name, file=open(sys.argv[1], 'a'), flush=True)\n"
        "    time.sleep(0.5)\n"
        "    sys.exit(0)\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, note)\n"
        "print('begun', file=open(sys.argv[1], 'a'), flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [
        sys.executable,
        "build.py",
        *call,
        "--watch",
        "--beside",
        f"{sys.executable} {program} {heard}",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as build:
        eventually(lambda: "begun" in heard.read_text())
        os.killpg(build.pid, signal.SIGINT)
        assert build.wait(20) == 0
    assert heard.read_text().split() == ["begun", "SIGTERM"]


@pytest.mark.parametrize("both", [False, True])
def test_nobody_has_to_listen(call: list[str], tmp_path: Path, both: bool) -> None:
    """`build.py | head -0`: no traceback, and the site is there."""
    reading_end, pipe = os.pipe()
    os.close(reading_end)
    command = [sys.executable, ROOT / "build.py", *call]
    try:
        made = subprocess.run(
            command, stdout=pipe, stderr=pipe if both else subprocess.PIPE, timeout=120, check=False
        )
    finally:
        os.close(pipe)
    assert "Traceback" not in str(made.stderr)
    assert "Exception" not in str(made.stderr)
    assert made.returncode == 0
    assert (tmp_path / "www/site/index.html").is_file()


def test_locks_of_editors_are_not_content(call: list[str], content: Path) -> None:
    """Emacs leaves a link that leads nowhere; it comes and goes, and no build notices."""
    lock = content / "lectures/.#l09.md"
    lock.symlink_to("somebody@host.1234")
    assert run("--check", *call[:2]).returncode == 0
    first = run(*call)
    assert first.returncode == 0, first.stdout
    lock.unlink()
    assert "바뀐 것이 없습니다" in run(*call).stdout


def test_a_name_that_is_no_text_is_a_mistake(call: list[str], content: Path) -> None:
    """An archive from another system brings names that cannot be printed: there was a traceback where they stood."""
    Path(os.fsdecode(os.fsencode(content) + b"/lectures/\xb0\xad.md")).touch()
    for more in ([], ["--check"]):
        made = run(*call, *more, PYTHONIOENCODING="utf-8:strict")
        assert made.returncode == 1
        assert "파일 이름은 영문 소문자와" in made.stdout
        assert "Traceback" not in made.stderr


def test_an_empty_folder_is_noticed(call: list[str], content: Path) -> None:
    """It is a mistake for --check and for a build from nothing: a build after it found that nothing had changed."""
    assert run(*call).returncode == 0
    time.sleep(2 * RACY / 1e9)
    assert run(*call, "--due").stdout != "now\n"
    (content / "lectures/pictures").mkdir()
    assert run(*call, "--due").stdout == "now\n"
    made = run(*call)
    assert made.returncode == 1
    assert made.stdout.startswith("lectures/pictures: 폴더에 글(index.md)이 없습니다")


def test_links_in_a_circle_are_mistakes(call: list[str], content: Path) -> None:
    """Two links to the folder around them open more ways than anybody can go: the build never ended."""
    assert run(*call).returncode == 0
    for folder in ("lectures", "programs", "events"):
        (content / folder / "back").symlink_to("..")
    made = run(*call)
    assert made.returncode == 1
    assert made.stdout.count("/back: 폴더에 글(index.md)이 없습니다") == 3


def test_whatever_else_is_wrong_is_one_line(call: list[str], content: Path) -> None:
    """Four hundred lists in one another are more than Markdown takes, whoever reads the page first."""
    page = content / "lectures/l09.md"
    lists = "\n".join(f"{'    ' * depth}- 책" for depth in range(400))
    page.write_text(f"{page.read_text('utf-8')}\n[책](#a)\n\n{lists}\n", "utf-8")
    for more in ([], ["--check"]):
        made = run(*call, *more)
        assert made.returncode == 1
        assert "RecursionError" in made.stdout
        assert "Traceback" not in made.stderr
        assert made.stderr.endswith("누리집은 그대로입니다.\n")


@pytest.mark.parametrize("sort", ["link", "pipe"])
def test_what_is_no_file_is_a_mistake(call: list[str], content: Path, sort: str) -> None:
    """A link that leads nowhere, a pipe that never ends: named, by --check and by the build."""
    place = content / "lectures/strange.md"
    place.symlink_to("nowhere") if sort == "link" else os.mkfifo(place)
    for more in ([], ["--check"]):
        made = run(*call, *more)
        assert made.returncode == 1
        assert made.stdout.startswith("lectures/strange.md: 파일"), made.stdout


def test_a_file_that_goes_away_meanwhile_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the folder and the look at the file."""

    class Gone:
        name, path = "gone.md", str(tmp_path / "gone.md")

        def is_dir(self) -> bool:
            return False

        def stat(self, follow_symlinks: bool = True) -> os.stat_result:
            return (Path.stat if follow_symlinks else Path.lstat)(Path(self.path))

    (tmp_path / "there.md").touch()
    there = list(os.scandir(tmp_path))
    monkeypatch.setattr(os, "scandir", lambda _: [*there, Gone()])
    assert [path for path, _ in inputs.files_below(str(tmp_path))] == [str(tmp_path / "there.md")]
