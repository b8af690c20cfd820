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
from collections.abc import Iterator, Sequence
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
from tests.built.samples import NOW, ROOT, edit, eventually, snapshot


@pytest.fixture
def watched(request_: Request) -> Request:
    """A watched build of the small site."""
    return replace(request_, live=True)


@contextmanager
def running(
    request: Request,
    made: watch.Build = build.build,
    port: int | None = None,
    beside: Sequence[str] | None = None,
) -> Iterator[None]:
    """It is watched inside of the block, and has ended after it."""
    stop = threading.Event()
    thread = threading.Thread(target=watch.watch, args=(request, made, port, beside, stop))
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


def test_a_mistake_is_told_with_file_and_line_and_the_page_stays(watched: Request) -> None:
    """And is gone again as soon as it is corrected."""
    watcher = WatchedSite(watched, build.build)
    assert watcher.rebuild()
    first = told(watched)
    assert first == {"build": "site-000001", "mistakes": []}
    page = watched.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    before = snapshot(watched.out)
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    assert not watcher.rebuild()
    assert told(watched)["build"] == "site-000001"
    assert any(
        line.startswith("lectures/l09.md:4: audiense: 없는 키입니다") for line in told(watched)["mistakes"]
    )
    page.write_text(good + "\n\n강좌\n", "utf-8")
    assert watcher.rebuild()
    assert told(watched) == {"build": "site-000002", "mistakes": []}
    assert {name for name in before if before[name] != snapshot(watched.out)[name]} == {
        "lectures/l09/index.html", "sha256sums.txt", LIVE
    }  # fmt: skip


def test_only_watched_pages_carry_the_script(watched: Request, tmp_path: Path) -> None:
    """The script that asks for builds is on pages that --watch made, and on no others."""
    WatchedSite(watched, build.build).rebuild()
    assert "/assets/live." in (watched.out / "index.html").read_text("utf-8")
    other = Request(watched.content, tmp_path / "other/site", NOW)
    build.build(other)
    assert "/assets/live." not in (other.out / "index.html").read_text("utf-8")


def test_a_site_that_was_made_without_watching_is_left_alone(watched: Request) -> None:
    """While the content is wrong the site that stands stays fit to be copied: no names of staff's files in it."""
    build.build(replace(watched, live=False))
    before = snapshot(watched.out)
    page = watched.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    watcher = WatchedSite(watched, build.build)
    assert not watcher.rebuild()
    assert snapshot(watched.out) == before
    page.write_text(good, "utf-8")
    assert watcher.rebuild()
    assert told(watched) == {"build": "site-000002", "mistakes": []}
    build.build(replace(watched, live=False))
    assert snapshot(watched.out) == before
    assert not WatchedSite(watched, build.build).is_live


def test_a_later_build_without_watching_has_nothing_of_it(watched: Request) -> None:
    """Also in the folder of an older, watched build that is used again."""
    for number in range(6):
        edit(watched, f"강좌 {number}")
        build.build(replace(watched, live=number < 3))
    assert not (watched.out / LIVE).exists()


def test_a_passing_moment_is_built_by_itself(watched: Request) -> None:
    """When a form opens or a page appears, without any edit; once for each moment."""
    moments: list[datetime] = []

    def noted(request: Request) -> BuildReport:
        moments.append(request.now)
        return BuildReport(due=NOW if len(moments) == 1 else None)

    watcher = WatchedSite(watched, noted)
    watcher.rebuild()
    assert watcher.is_due
    watcher.rebuild()
    assert not watcher.is_due
    moments.clear()
    with running(watched, noted):
        eventually(lambda: len(moments) == 2)


def test_an_edit_during_the_first_build_is_not_missed(watched: Request) -> None:
    """It may take a while, and watching begins after it."""

    def slow(request: Request) -> BuildReport:
        report = build.build(request)
        if report.build == "site-000001" and report.is_new:
            edit(watched, "강좌")
        return report

    with running(watched, slow):
        eventually(lambda: watched.out.exists() and told(watched)["build"] == "site-000002")


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


def test_mistakes_are_shown_from_the_very_start(watched: Request, tmp_path: Path) -> None:
    """No site yet and the content is wrong: a page with file and line; corrected, and the server beside takes over."""
    page = watched.content / "lectures/l09.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace('title = "', 'titel = "<b>', 1), "utf-8")
    log = tmp_path / "log"
    port = free_port()
    server = [sys.executable, "-c", SERVER, str(port), str(log)]
    with running(watched, port=port, beside=server):
        eventually(lambda: got(port)[0] == 503)
        shown = got(port, "/lectures/")[1]
        assert "lectures/l09.md:" in shown
        assert "titel" in shown
        assert "<b>" not in shown
        assert not watched.out.exists()
        assert not log.exists()
        page.write_text(good, "utf-8")
        eventually(lambda: log.exists() and bool(log.read_text("utf-8")))
        assert told(watched)["mistakes"] == []
        assert log.read_text("utf-8") == "bound"


def test_a_preview_shows_the_site_as_soon_as_there_is_one(watched: Request) -> None:
    """Over an older site made without watching: first its mistakes, then the new one."""
    build.build(replace(watched, live=False))
    watcher = WatchedSite(watched, build.build)
    page = watched.content / "lectures/l09.md"
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


def test_watching_starts_anew_with_another_program(watched: Request, house: Path) -> None:
    """A line of our own code is edited: the pages are those of the new code, and so is the memory of builds."""
    port = free_port()
    command = [
        sys.executable, str(house / "build.py"), "--watch", "--port", str(port), "--now", NOW.isoformat(),
        "--content", str(watched.content), "--out", str(watched.out),
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
    watched: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's command is started once; at the end it is stopped."""
    log = tmp_path / "log"
    log.touch()
    server = f"import time; open({str(log)!r}, 'a').write('started '); time.sleep(600)"
    servers: list[Any] = []
    popen = watch.subprocess.Popen
    monkeypatch.setattr(watch.subprocess, "Popen", lambda words: servers.append(popen(words)) or servers[-1])
    command = [sys.executable, "-c", server]
    with running(watched, beside=command):
        eventually(lambda: log.read_text("utf-8") == "started ")
        edit(watched, "강좌")
        eventually(lambda: (watched.out / LIVE).is_file() and told(watched)["build"] == "site-000002")
        assert log.read_text("utf-8") == "started "
    assert all(process.poll() is not None for process in servers)


def test_a_name_that_is_no_text_is_a_mistake_like_others(watched: Request) -> None:
    """Staff unpack an archive from another system: the watching ended there. Named, and gone when the file is gone."""
    with running(watched, port=0):
        eventually((watched.out / LIVE).is_file)
        time.sleep(0.5)  # the watching itself begins
        strange = Path(os.fsdecode(os.fsencode(watched.content) + b"/lectures/\xb0\xad.md"))
        strange.touch()
        eventually(lambda: bool(told(watched)["mistakes"]))
        assert told(watched)["mistakes"][0].startswith("lectures/\\udcb0\\udcad.md: 파일 이름은")
        strange.unlink()
        eventually(lambda: not told(watched)["mistakes"])


def test_another_folder_of_the_same_name_is_watched(watched: Request) -> None:
    """The content is taken away and another put in its place: its edits came to nobody."""
    content = watched.content
    with running(watched):
        eventually((watched.out / LIVE).is_file)
        time.sleep(0.5)  # the watching itself begins
        old = content.rename(content.with_name("old"))
        eventually(lambda: bool(told(watched)["mistakes"]))
        shutil.copytree(old, content)
        eventually(lambda: not told(watched)["mistakes"])
        time.sleep(1)  # the watching begins anew
        edit(watched, "강좌")
        eventually(lambda: told(watched)["build"] == "site-000002")


def test_what_a_link_leads_to_is_watched(watched: Request, tmp_path: Path) -> None:
    """A page that lies elsewhere, edited there, also in the way of editors: another file in its place."""
    page = watched.content / "lectures/l09.md"
    target = page.rename(tmp_path / "elsewhere.md")
    page.symlink_to(target)
    with running(watched):
        eventually((watched.out / LIVE).is_file)
        time.sleep(0.5)  # the watching itself begins
        for build_, text in (("site-000002", "가"), ("site-000003", "나")):
            draft = tmp_path / "draft.md"
            draft.write_text(f"{target.read_text('utf-8')}\n\n{text}\n", "utf-8")
            draft.replace(target)
            eventually(lambda name=build_: told(watched)["build"] == name)  # type: ignore[misc]
            time.sleep(1)  # the watching begins anew


def test_a_server_that_ends_ends_the_watching(watched: Request) -> None:
    """With its exit code: 3 where the port is taken."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert watch.watch(watched, build.build, None, command) == 3
