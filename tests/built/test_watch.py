"""`--watch`: an edit becomes a build, a mistake becomes a notice on the page that stands."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import build
from publish import inputs, watch
from publish.builds import LIVE
from publish.command import BuildReport
from publish.inputs import Request
from publish.watch import WatchedSite
from tests.built.test_build import NOW, ROOT, edit, snapshot
from tests.patience import eventually


@pytest.fixture
def request_(request_: Request) -> Request:
    """A watched build of a copy of the small site."""
    return replace(request_, live=True)


@contextmanager
def watching(
    request: Request,
    make: Callable[[Request], BuildReport] = build.build,
    port: int | None = None,
    server: list[str] | None = None,
) -> Iterator[None]:
    """Watching goes on within the block, and has ended after it."""
    stop = threading.Event()
    thread = threading.Thread(target=watch.watch, args=(request, make, port, server, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def told(request: Request) -> Any:
    """What open pages are told."""
    return json.loads((request.out / LIVE).read_text("utf-8"))


def test_a_mistake_is_told_with_file_and_line_and_the_page_stays(request_: Request) -> None:
    """And is gone again as soon as it is corrected."""
    watcher = WatchedSite(request_, build.build)
    assert watcher.rebuild()
    first = told(request_)
    assert first == {"build": "site-000001", "mistakes": []}
    page = request_.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    before = snapshot(request_.out)
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    assert not watcher.rebuild()
    assert told(request_)["build"] == "site-000001"
    assert any(
        line.startswith("lectures/l09.md:4: audiense: 없는 키입니다") for line in told(request_)["mistakes"]
    )
    page.write_text(good + "\n\n강좌\n", "utf-8")
    assert watcher.rebuild()
    assert told(request_) == {"build": "site-000002", "mistakes": []}
    assert {name for name in before if before[name] != snapshot(request_.out)[name]} == {
        "lectures/l09/index.html", "sha256sums.txt", LIVE
    }  # fmt: skip


def test_only_watched_pages_carry_the_script(request_: Request, tmp_path: Path) -> None:
    """The script that asks for builds is on pages that --watch made, and on no others."""
    WatchedSite(request_, build.build).rebuild()
    assert "/assets/live." in (request_.out / "index.html").read_text("utf-8")
    other = Request(request_.content, tmp_path / "other/site", NOW)
    build.build(other)
    assert "/assets/live." not in (other.out / "index.html").read_text("utf-8")


def test_a_site_that_was_made_without_watching_is_left_alone(request_: Request) -> None:
    """While the content is wrong the site that stands stays fit to be copied: no names of staff's files in it."""
    build.build(replace(request_, live=False))
    before = snapshot(request_.out)
    page = request_.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    watcher = WatchedSite(request_, build.build)
    assert not watcher.rebuild()
    assert snapshot(request_.out) == before
    page.write_text(good, "utf-8")
    assert watcher.rebuild()
    assert told(request_) == {"build": "site-000002", "mistakes": []}
    build.build(replace(request_, live=False))
    assert snapshot(request_.out) == before
    assert not WatchedSite(request_, build.build).is_live


def test_a_later_build_without_watching_has_nothing_of_it(request_: Request) -> None:
    """Also in the folder of an older, watched build that is used again."""
    for number in range(6):
        edit(request_, f"강좌 {number}")
        build.build(replace(request_, live=number < 3))
    assert not (request_.out / LIVE).exists()


def test_a_passing_moment_is_built_by_itself(request_: Request) -> None:
    """When a form opens or a page appears, without any edit; once for each moment."""
    moments: list[datetime] = []

    def noted(request: Request) -> BuildReport:
        moments.append(request.now)
        return BuildReport(due=NOW if len(moments) == 1 else None)

    watcher = WatchedSite(request_, noted)
    watcher.rebuild()
    assert watcher.is_due
    watcher.rebuild()
    assert not watcher.is_due
    moments.clear()
    with watching(request_, noted):
        eventually(lambda: len(moments) == 2)


def test_an_edit_during_the_first_build_is_not_missed(request_: Request) -> None:
    """It may take a while, and watching begins after it."""

    def slow(request: Request) -> BuildReport:
        report = build.build(request)
        if report.build == "site-000001" and report.is_new:
            edit(request, "강좌")
        return report

    with watching(request_, slow):
        eventually(lambda: request_.out.exists() and told(request_)["build"] == "site-000002")


def got(port: int, address: str = "/") -> tuple[int, str]:
    """Status and text of what the preview shows."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{address}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as wrong:
        with wrong:
            return wrong.code, wrong.read().decode()
    except OSError:
        return 0, ""


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


# Takes the port as `forms_api serve` does.
SERVER = """
import socket, sys, time
held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
try:
    held.bind(("127.0.0.1", int(sys.argv[1])))
    said = "bound"
except OSError as wrong:
    said = str(wrong)
open(sys.argv[2], "w").write(said)
time.sleep(600)
"""


def test_mistakes_are_shown_from_the_very_start(request_: Request, tmp_path: Path) -> None:
    """No site yet and the content is wrong: a page with file and line; corrected, and the server beside takes over."""
    page = request_.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace('title = "', 'titel = "<b>', 1), "utf-8")
    log = tmp_path / "log"
    port = free_port()
    server = [sys.executable, "-c", SERVER, str(port), str(log)]
    with watching(request_, build.build, port, server):
        eventually(lambda: got(port)[0] == 503)
        shown = got(port, "/lectures/")[1]
        assert "lectures/l09.md:" in shown
        assert "titel" in shown
        assert "<b>" not in shown
        assert not request_.out.exists()
        assert not log.exists()
        page.write_text(good, "utf-8")
        eventually(lambda: log.exists() and bool(log.read_text("utf-8")))
        assert told(request_)["mistakes"] == []
        assert log.read_text("utf-8") == "bound"


def test_a_preview_shows_the_site_as_soon_as_there_is_one(request_: Request) -> None:
    """Over an older site made without watching: first its mistakes, then the new one."""
    build.build(replace(request_, live=False))
    watcher = WatchedSite(request_, build.build)
    page = request_.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    watcher.rebuild()
    port = free_port()
    shown = watch.Shown(watcher, port, None)
    shown.look()
    try:
        assert got(port)[0] == 503
        page.write_text(good, "utf-8")
        watcher.rebuild()
        assert got(port)[0] == 200
        page.write_text(good.replace("audience", "audiense"), "utf-8")
        watcher.rebuild()
        assert got(port)[0] == 200
        assert "audiense" in got(port, "/live.json")[1]
    finally:
        shown.end()


# ---------------------------------------------------------------------------- another program


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the program, to be edited."""
    copy = tmp_path / "house"
    for name in (*inputs.CODE, "static"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    if (ROOT / ".builds/cache/fonts").is_dir():  # they take seconds to make
        shutil.copytree(ROOT / ".builds/cache/fonts", copy / ".builds/cache/fonts")
    return copy


def test_a_process_is_of_the_program_that_it_loaded(house: Path) -> None:
    """Its files may change meanwhile: what it makes is kept under the stamp of what it is."""
    code = "import sys; sys.path.insert(0, sys.argv[1])\n"
    code += "from pathlib import Path; from publish.inputs import stamp_of_program as stamp\n"
    code += "print(stamp(Path(sys.argv[1]))); Path(sys.argv[1], 'publish/site.py').write_text('')\n"
    code += "print(stamp(Path(sys.argv[1])))"
    time.sleep(0.1)  # files that are this fresh give a stamp of its own each time

    def stamps() -> list[str]:
        command = [sys.executable, "-c", code, str(house)]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.split()

    first = stamps()
    time.sleep(0.1)
    second = stamps()
    assert first[0] == first[1] != second[0]


def test_watching_starts_anew_with_another_program(request_: Request, house: Path) -> None:
    """A line of our own code is edited: the pages are those of the new code, and so is the memory of builds."""
    port = free_port()
    command = [
        sys.executable, str(house / "build.py"), "--watch", "--port", str(port), "--now", NOW.isoformat(),
        "--content", str(request_.content), "--out", str(request_.out),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        eventually(lambda: got(port, "/robots.txt")[0] == 200)
        time.sleep(0.7)  # the watching itself begins
        feeds = house / "publish/files.py"
        text = feeds.read_text("utf-8")
        feeds.write_text(text + "def", "utf-8")  # half a line: nothing that could be started
        time.sleep(1)
        feeds.write_text(text.replace("User-agent: *", "User-agent: * # new"), "utf-8")
        eventually(lambda: "# new" in got(port, "/robots.txt")[1])
    finally:
        process.terminate()
        out = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert out.count("처음부터 다시 시작합니다") == 1


def test_an_edit_is_built_by_itself_while_a_server_runs_beside(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's command is started once; at the end it is stopped."""
    log = tmp_path / "log"
    log.touch()
    server = f"import time; open({str(log)!r}, 'a').write('started '); time.sleep(600)"
    running: list[Any] = []
    popen = watch.subprocess.Popen
    monkeypatch.setattr(watch.subprocess, "Popen", lambda words: running.append(popen(words)) or running[-1])
    command = [sys.executable, "-c", server]
    with watching(request_, build.build, None, command):
        eventually(lambda: log.read_text("utf-8") == "started ")
        edit(request_, "강좌")
        eventually(lambda: (request_.out / LIVE).is_file() and told(request_)["build"] == "site-000002")
        assert log.read_text("utf-8") == "started "
    assert all(process.poll() is not None for process in running)


def test_a_name_that_is_no_text_is_a_mistake_like_others(request_: Request) -> None:
    """Staff unpack an archive from another system: the watching ended there. Named, and gone when the file is gone."""
    with watching(request_, build.build, 0, None):
        eventually((request_.out / LIVE).is_file)
        time.sleep(0.5)  # the watching itself begins
        strange = Path(os.fsdecode(os.fsencode(request_.content) + b"/lectures/\xb0\xad.md"))
        strange.touch()
        eventually(lambda: bool(told(request_)["mistakes"]))
        assert told(request_)["mistakes"][0].startswith("lectures/\\udcb0\\udcad.md: 파일 이름은")
        strange.unlink()
        eventually(lambda: not told(request_)["mistakes"])


def test_another_folder_of_the_same_name_is_watched(request_: Request) -> None:
    """The content is taken away and another put in its place: its edits came to nobody."""
    content = request_.content
    with watching(request_):
        eventually((request_.out / LIVE).is_file)
        time.sleep(0.5)  # the watching itself begins
        old = content.rename(content.with_name("old"))
        eventually(lambda: bool(told(request_)["mistakes"]))
        shutil.copytree(old, content)
        eventually(lambda: not told(request_)["mistakes"])
        time.sleep(1)  # the watching begins anew
        edit(request_, "강좌")
        eventually(lambda: told(request_)["build"] == "site-000002")


def test_a_server_that_ends_ends_the_watching(request_: Request) -> None:
    """With its exit code: 3 where the port is taken."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert watch.watch(request_, build.build, None, command) == 3
