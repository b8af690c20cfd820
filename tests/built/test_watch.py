"""`--watch`: an edit becomes a build, a mistake becomes a notice on the page that stands."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
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
from tests.built.samples import NOW, ROOT, edit, snapshot
from tests.patience import eventually


@pytest.fixture
def watched(request_: Request) -> Request:
    """A watched build of the small site."""
    return replace(request_, live=True)


@contextmanager
def running(
    request: Request, made: watch.Build = build.build, beside: Sequence[str] | None = None
) -> Iterator[None]:
    """It is watched inside of the block, and has ended after it."""
    stop = threading.Event()
    thread = threading.Thread(target=watch.watch, args=(request, made, beside, stop))
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
    changed = {name for name in before if before[name] != snapshot(watched.out)[name]}
    assert {name for name in changed if not name.startswith("search/")} == {
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
    page = watched.content / "site.toml"
    good = page.read_text("utf-8")
    page.write_text(good.replace("organisation", "organization"), "utf-8")
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


def test_a_server_beside_begins_with_the_first_site(
    watched: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while the very first content is wrong; then once, also when an edit is built; it is stopped at the end."""
    page, log = watched.content / "lectures/l09.md", tmp_path / "log"
    good = page.read_text("utf-8")
    page.write_text(good.replace('title = "', 'titel = "<b>', 1), "utf-8")
    server = f"import time; open({str(log)!r}, 'a').write('started '); time.sleep(600)"
    servers: list[Any] = []
    popen = watch.subprocess.Popen
    monkeypatch.setattr(
        watch.subprocess, "Popen", lambda words, **how: servers.append(popen(words, **how)) or servers[-1]
    )
    with running(watched, beside=[sys.executable, "-c", server]):
        time.sleep(2)
        assert not watched.out.exists() and not log.exists()
        page.write_text(good, "utf-8")
        eventually(lambda: log.exists() and log.read_text("utf-8"))
        assert told(watched) == {"build": "site-000001", "mistakes": []}
        edit(watched, "강좌")
        eventually(lambda: told(watched)["build"] == "site-000002")
        assert log.read_text("utf-8") == "started "
    assert all(process.poll() is not None for process in servers)


def test_a_name_that_is_no_text_is_a_mistake_like_others(watched: Request) -> None:
    """Staff unpack an archive from another system: the watching ended there. Named, and gone when the file is gone."""
    with running(watched):
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
    assert watch.watch(watched, build.build, command) == 3


def test_an_edit_is_built_by_itself_while_a_server_runs_beside(
    watched: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's command is started once; at the end it is stopped."""
    log = tmp_path / "log"
    log.touch()
    server = f"import time; open({str(log)!r}, 'a').write('started '); time.sleep(600)"
    servers: list[Any] = []
    popen = watch.subprocess.Popen
    monkeypatch.setattr(
        watch.subprocess, "Popen", lambda words, **how: servers.append(popen(words, **how)) or servers[-1]
    )
    command = [sys.executable, "-c", server]
    with running(watched, beside=command):
        eventually(lambda: log.read_text("utf-8") == "started ")
        edit(watched, "강좌")
        eventually(lambda: (watched.out / LIVE).is_file() and told(watched)["build"] == "site-000002")
        assert log.read_text("utf-8") == "started "
    assert all(process.poll() is not None for process in servers)
