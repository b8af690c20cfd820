"""A build that is stopped, killed or in trouble: the site stands, nothing is left behind, and the reason is said."""

import fcntl
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import build
from publish import builds
from publish.builds import SUMS, Builds
from publish.inputs import Request
from publish.memory import Kept
from publish.render import Maker
from tests.built.samples import NOW, edit, folders, run, snapshot
from tests.patience import eventually


def call(request: Request, *more: str) -> list[str]:
    """The command that builds this site."""
    places = ["--content", str(request.content), "--out", str(request.out), "--now", NOW.isoformat()]
    return [sys.executable, build.__file__, *places, *more]


def many_pages(request: Request) -> None:
    """1500: on a busy machine fewer are made before anybody can interrupt."""
    for each in range(1500):
        shutil.copy(request.content / "lectures/l09.md", request.content / f"lectures/more-{each}.md")


def is_gone(group: int) -> bool:
    """Has every process of the group ended?"""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(("number", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_signal_stops_a_build_and_leaves_nothing(request_: Request, number: int, to_all: bool) -> None:
    """Ctrl-C, which goes to all processes, and the service manager's: said, exit 1, no process, no folder, no lock."""
    build.build(request_)
    many_pages(request_)
    process = subprocess.Popen(
        call(request_, "--jobs", "3"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    part = request_.out.parent / ".builds/site-000002.part"
    eventually(lambda: len(list(part.glob("lectures/more-*"))) > 20)
    (os.killpg if to_all else os.kill)(process.pid, number)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert said.splitlines()[-1] == "멈추었습니다. 누리집은 그대로입니다."
    assert "Traceback" not in said
    eventually(lambda: is_gone(process.pid))
    assert folders(request_.out) == ["site-000001"]
    with (part.parent / ".site.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_processes_end_with_the_one_that_started_them(request_: Request) -> None:
    """Killed outright, a build leaves no process that goes on writing."""
    many_pages(request_)
    process = subprocess.Popen(call(request_, "--jobs", "3"), start_new_session=True)
    part = request_.out.parent / ".builds/site-000001.part"
    eventually(lambda: len(list(part.glob("lectures/more-*"))) > 20)
    process.kill()
    process.wait(30)
    eventually(lambda: is_gone(process.pid))


def probe(site: Path) -> str:
    """What is wrong with the site as a reader finds it now; "" when it is whole: every file as its manifest says."""
    here = site.resolve()
    try:
        for digest, name in (line.split("  ", 1) for line in (here / SUMS).read_text("utf-8").splitlines()):
            if hashlib.sha256((here / name).read_bytes()).hexdigest() != digest:
                return f"{here.name}: {name}"
    except FileNotFoundError as wrong:
        # More than five builds may pass while all files of one are read; the site itself must never lack one.
        return f"{here.name}: {wrong.filename}" if here == site.resolve() else ""
    return ""


@contextmanager
def reading(site: Path) -> Iterator[list[str]]:
    """What `probe` says while the whole site is read again and again within the block."""
    seen: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(probe(site))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def killed_builds(request: Request, rounds: int) -> tuple[int, int, int, list[str]]:
    """(builds killed, sites published, times that the site was read, what was wrong), each build at a random moment.

    Some moments lie after its end, so that the site does change; its last steps come under the knife as well.
    """
    chance = random.Random(rounds)
    subprocess.run(call(request), check=True, capture_output=True, timeout=120)
    killed, whole = 0, 0.0
    published = set()
    with reading(request.out) as seen:
        for number in range(-1, rounds):
            edit(request, f"강좌 {number}")
            began = time.monotonic()
            process = subprocess.Popen(
                call(request), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            if not whole:  # how long one takes while somebody reads
                process.wait(120)
                whole = time.monotonic() - began
            time.sleep(chance.uniform(0, 1.5 * whole))
            is_late = process.poll() is not None
            whole *= 0.9 if is_late else 1.1  # other work on the machine comes and goes
            if not is_late:
                os.killpg(process.pid, signal.SIGKILL)
            killed += process.wait(30) == -signal.SIGKILL
            published.add(request.out.readlink().name)
    return killed, len(published), len(seen), [*filter(None, seen)]


@pytest.mark.parametrize(
    "rounds", [8, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])]
)
def test_killed_builds_leave_a_whole_site(request_: Request, rounds: int) -> None:
    """Whole all the time; and the build that is let finish is the full one, and leaves nothing half-built."""
    killed, published, seen, wrong = killed_builds(request_, rounds)
    print(f"{killed} of {rounds} builds killed, {published} sites, read {seen} times, wrong: {wrong}")
    assert killed > rounds // 4
    assert published > 1
    assert seen >= rounds
    assert wrong == []
    build.build(request_)
    good = snapshot(request_.out)
    out = request_.out.parent.parent / "full/site"
    build.build(Request(request_.content, out, NOW, full=True))
    assert good == snapshot(out)
    assert not list((request_.out.parent / ".builds").glob("*.part"))


def test_the_reader_catches_copying_into_the_live_site(request_: Request, tmp_path: Path) -> None:
    """The control: the same builds, but copied file by file over what readers see."""
    build.build(request_)
    live = tmp_path / "live"
    shutil.copytree(request_.out.resolve(), live)
    with reading(live) as seen:
        for number in range(40):
            for page in request_.content.glob("lectures/*.md"):
                page.write_text(f"{page.read_text('utf-8')}\n\n강좌 {number}\n", "utf-8")
            build.build(request_)
            shutil.copytree(request_.out.resolve(), live, dirs_exist_ok=True)
            if any(seen):
                break
    assert any(seen)


def test_the_probe_sees_a_cut_page(request_: Request) -> None:
    """The control: one page short of a byte is noticed, and one that is missing."""
    build.build(request_)
    assert probe(request_.out) == ""
    page = request_.out / "about/index.html"
    page.write_bytes(page.read_bytes()[:-1])
    assert probe(request_.out) == "site-000001: about/index.html"
    page.unlink()
    assert probe(request_.out).endswith("about/index.html")


def test_a_disk_that_takes_no_more_is_named(request_: Request) -> None:
    """No file may grow beyond 8 kB, as on a full disk: exit 1, the file is named, the site is as it was."""
    build.build(request_)
    before = snapshot(request_.out)
    edit(request_, "강좌")
    made = subprocess.run(
        ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *call(request_, "--jobs", "1")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 1, made.stderr
    assert f"쓸 수 없습니다: {request_.out.parent}/.builds/site-000002.part/" in made.stdout
    assert "파일이 너무 큽니다" in made.stdout
    assert made.stderr.splitlines()[-1] == "만들지 못했습니다. 누리집은 그대로입니다."
    assert snapshot(request_.out) == before
    build.build(request_)
    assert snapshot(request_.out) != before


def test_the_builds_of_a_site_beside_are_left_alone(request_: Request) -> None:
    """`site` and `site-en` in one folder: what the one has begun is not what the other left."""
    other = request_.out.parent / ".builds/site-en-000001.part"
    other.mkdir(parents=True)
    build.build(request_)
    assert other.is_dir()


def test_an_old_build_that_cannot_be_removed_stops_nothing(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight builds while nothing can be removed: each is published, under a number of its own."""
    left = request_.out.parent / ".builds/site-000003.part"
    left.mkdir(parents=True)
    remove = shutil.rmtree

    def refused(path: Path, ignore_errors: bool = False) -> None:
        if ignore_errors:
            return
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)
    for number in range(8):
        edit(request_, f"강좌 {number}")
        build.build(request_)
        assert f"강좌 {number}" in (request_.out / "lectures/l09/index.html").read_text("utf-8")
    monkeypatch.setattr(shutil, "rmtree", remove)
    build.build(request_)
    assert not left.exists()


def test_an_old_folder_that_cannot_be_used_again_is_left_aside(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in it that is not ours to remove: the build begins once more in a fresh folder."""

    def refused(folder: Path, wanted: object) -> set[str]:
        raise PermissionError(1, "Operation not permitted", str(folder / "index.html"))

    monkeypatch.setattr(builds, "clear", refused)
    for number in range(7):
        edit(request_, f"강좌 {number}")
        build.build(request_)
    assert "강좌 6" in (request_.out / "lectures/l09/index.html").read_text("utf-8")
    assert probe(request_.out) == ""


def test_after_the_swap_nobody_says_that_nothing_happened(
    request_: Request, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk fails once the new site is there already: exit 1, and the truth."""
    point = Builds._point_at

    def failing(self: Builds, whole: Path) -> None:
        point(self, whole)
        raise OSError(5, "Input/output error", str(whole))

    monkeypatch.setattr(Builds, "_point_at", failing)
    assert build.main(call(request_)[2:]) == 1
    told = capsys.readouterr()
    assert told.out.endswith("site-000001: 디스크에서 읽거나 쓰지 못했습니다\n")
    assert told.err.splitlines()[-1] == "만들지 못했습니다. 누리집은 새것입니다."


@pytest.mark.parametrize("place", ["cache", "lock"])
def test_what_lies_in_a_place_of_ours(request_: Request, place: str) -> None:
    """A file instead of the memory, as earlier programs kept it: thrown away. A folder instead of the lock: named."""
    taken = request_.out.parent / f".builds/.site.{place}"
    if place == "lock":
        taken.mkdir(parents=True)
    else:
        taken.parent.mkdir(parents=True)
        taken.write_text("SQLite format 3", "utf-8")
    made = run(*call(request_)[2:])
    assert "Traceback" not in made.stderr
    assert made.returncode == (1 if place == "lock" else 0)
    assert ("파일이 아니라 폴더입니다" in made.stdout) is (place == "lock")
    assert taken.is_dir()


def test_a_memory_that_cannot_be_kept_is_said(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site is made all the same; one line says that the next build is slow."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Kept, "put", full)
    report = build.build(request_)
    cache = Builds(request_.out).cache
    assert report.is_new
    assert report.said == (f"{cache}: 기억을 적어 두지 못했습니다. 다음에는 모두 새로 만듭니다.",)


def test_a_process_that_dies_is_said(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that the system ends for want of memory: the build does not wait for it."""
    from civic.content import parallel

    monkeypatch.setattr(parallel, "FEWEST", 1)
    render = Maker.render
    monkeypatch.setattr(
        Maker, "render", lambda maker, name: os._exit(9) if name == "index.html" else render(maker, name)
    )
    with pytest.raises(ChildProcessError, match="함께 일하던 프로세스가 죽었습니다"):
        build.build(Request(request_.content, request_.out, NOW, jobs=2))
    assert not request_.out.exists()
