"""`--watch`: an edit becomes a build, a mistake becomes a notice on the page that stands."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import build
from civic.clock import parse_time
from publish import watching
from publish.request import LIVE, Request
from publish.watching import Watcher
from tests.built.test_build import SAMPLES, snapshot

NOW = parse_time("2023-08-16T09:00:00")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A watched build of a copy of the small site."""
    content = Path(shutil.copytree(SAMPLES / "small", tmp_path / "content"))
    return Request(content, tmp_path / "www/site", NOW, live=True)


def told(request: Request) -> Any:
    """What open pages are told."""
    return json.loads((request.out / LIVE).read_text("utf-8"))


def eventually(is_so: Callable[[], bool]) -> None:
    """Waits until something is so. Fails after a minute."""
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_mistake_is_told_with_file_and_line_and_the_page_stays(request_: Request) -> None:
    """And is gone again as soon as it is corrected."""
    watcher = Watcher(request_, build.build)
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
    Watcher(request_, build.build).rebuild()
    assert "/assets/live." in (request_.out / "index.html").read_text("utf-8")
    other = Request(request_.content, tmp_path / "other/site", NOW)
    build.build(other)
    assert "/assets/live." not in (other.out / "index.html").read_text("utf-8")


def test_an_edit_is_built_by_itself_while_a_server_runs_beside(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's command is started once; at the end it is stopped."""
    log = tmp_path / "log"
    log.touch()
    server = f"import time; open({str(log)!r}, 'a').write('started '); time.sleep(600)"
    stop = threading.Event()
    running: list[Any] = []
    popen = watching.subprocess.Popen
    monkeypatch.setattr(
        watching.subprocess, "Popen", lambda words: running.append(popen(words)) or running[-1]
    )
    command = [sys.executable, "-c", server]
    thread = threading.Thread(target=watching.watch, args=(request_, build.build, None, command, stop))
    thread.start()
    try:
        eventually(lambda: log.read_text("utf-8") == "started ")
        time.sleep(0.5)  # the watching itself begins
        page = request_.content / "lectures/l09.md"
        page.write_text(page.read_text("utf-8") + "\n\n강좌\n", "utf-8")
        eventually(lambda: (request_.out / LIVE).is_file() and told(request_)["build"] == "site-000002")
        assert log.read_text("utf-8") == "started "
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert all(process.poll() is not None for process in running)


def test_a_server_that_ends_ends_the_watching(request_: Request) -> None:
    """With its exit code: 3 where the port is taken."""
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert watching.watch(request_, build.build, None, command) == 3
