"""What stands beside a build: going back to an older one, copying it out, and being killed at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from publish.builds import Builds, NotOurs
from publish.cache import peek
from publish.request import LIVE, SUMS, Request
from publish.syncing import LOCK, MARK, PART, read_sums, sync
from tests.built.test_build import SAMPLES, run, snapshot

NOW = parse_time("2023-08-16T09:00:00")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A build of a copy of the small site."""
    content = Path(shutil.copytree(SAMPLES / "small", tmp_path / "content"))
    return Request(content, tmp_path / "www/site", NOW)


def edit(request: Request, word: str) -> None:
    page = request.content / "lectures/l09.md"
    page.write_text(page.read_text("utf-8") + f"\n\n{word}\n", "utf-8")


# ---------------------------------------------------------------------------- going back


def test_rolling_back_shows_the_build_before(request_: Request) -> None:
    """Back by one, back by one more, then no further; the next build brings the new content again."""
    sites = []
    for word in ("강좌", "책", "소식"):
        edit(request_, word)
        build.build(request_)
        sites.append(snapshot(request_.out))
    back = ["--rollback", "--out", str(request_.out)]
    assert run(*back).returncode == 0
    assert snapshot(request_.out) == sites[1]
    assert run(*back).returncode == 0
    assert snapshot(request_.out) == sites[0]
    last = run(*back)
    assert last.returncode == 1
    assert "되돌릴" in last.stdout
    assert snapshot(request_.out) == sites[0]
    report = build.build(request_)
    assert report.is_new
    assert snapshot(request_.out) == sites[2]


def test_a_build_that_uses_an_old_folder_again_leaves_the_others_alone(request_: Request) -> None:
    """Eight builds: the kept ones hold what they held, though most files are the same file on disk."""
    kept: dict[str, dict[str, bytes]] = {}
    for number in range(8):
        edit(request_, f"강좌 {number}")
        report = build.build(request_)
        kept[report.build] = snapshot(request_.out)
    folders = sorted(path for path in (request_.out.parent / ".builds").iterdir() if path.is_dir())
    assert [path.name for path in folders] == [f"site-{number:06d}" for number in range(4, 9)]
    assert all(snapshot(path) == kept[path.name] for path in folders)


# ---------------------------------------------------------------------------- when to build again


def test_due_names_the_next_change(request_: Request) -> None:
    """Before a build: now. After it: a time at which a build changes something; "now" again once it has come."""
    due = ["--due", "--content", str(request_.content), "--out", str(request_.out), "--now"]
    assert run(*due, "2023-08-16T09:00:00").stdout == "now\n"
    time.sleep(0.1)  # else the files are too fresh to be told by their times
    report = build.build(replace(request_, demo=True))
    assert run(*due, "2023-08-16T09:00:00").stdout == f"{report.due}\n"
    assert run(*due, report.due).stdout == "now\n"
    assert run(*due, "2023-08-16T09:00:00", "--base-url", "https://a.example").stdout == "now\n"
    edit(request_, "강좌")
    assert run(*due, "2023-08-16T09:00:00").stdout == "now\n"


def test_asking_when_leaves_the_memory_of_builds_alone(request_: Request) -> None:
    """Also one that another program wrote: whoever asks does not hold the lock, and a build may be running."""
    build.build(request_)
    cache = Builds(request_.out).cache
    for content in (cache.read_bytes(), b"x" * 5000):
        cache.write_bytes(content)
        assert peek(cache, "another program", "state", "last") is None
        assert cache.read_bytes() == content
    cache.unlink()
    assert peek(cache, "program", "state", "last") is None
    assert not cache.exists()


# ---------------------------------------------------------------------------- copying out


def brought(target: Path) -> dict[str, bytes]:
    """The files of a target without those of the copying itself, of which just two may be left."""
    files = snapshot(target)
    assert PART not in files
    return {name: content for name, content in files.items() if name not in (MARK, LOCK)}


def test_a_copy_is_the_site_and_proves_it(request_: Request, tmp_path: Path) -> None:
    """Every file, once; sha256sum agrees; a second copy brings nothing."""
    build.build(request_)
    target = tmp_path / "mounted"
    first = sync(request_.out, target)
    assert first.copied == len(snapshot(request_.out)) - 1  # all but the manifest itself
    assert brought(target) == snapshot(request_.out)
    proof = subprocess.run(
        ["sha256sum", "--check", "--quiet", "--strict", SUMS],
        cwd=target, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert proof.returncode == 0, proof.stdout
    again = sync(request_.out, target)
    assert (again.copied, again.removed) == (0, 0)


def test_only_what_changed_is_copied_and_what_is_gone_removed(request_: Request, tmp_path: Path) -> None:
    """One page edited, one deleted (so the lists of crafts and of the office fit on one page); a file of somebody else stays."""
    build.build(request_)
    target = tmp_path / "mounted"
    sync(request_.out, target)
    (target / "letter.txt").write_text("소중한 글", "utf-8")
    before = (target / "about/index.html").stat().st_ino
    edit(request_, "강좌")
    (request_.content / "lectures/l08.md").unlink()
    build.build(request_)
    done = sync(request_.out, target)
    assert done.removed == 3
    assert 1 < done.copied < 12
    assert not (target / "lectures/l08").exists()
    assert (target / "about/index.html").stat().st_ino == before
    assert (target / "letter.txt").read_text("utf-8") == "소중한 글"
    assert {**snapshot(request_.out), "letter.txt": "소중한 글".encode()} == brought(target)


def test_assets_come_first_and_the_manifest_after_the_pages(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no page ever asks for a stylesheet that is not there yet."""
    build.build(request_)
    order: list[str] = []
    copy = shutil.copyfile

    def noted(source: Path, to: Path) -> object:
        order.append(Path(source).relative_to(request_.out.resolve()).as_posix())
        return copy(source, to)

    monkeypatch.setattr(shutil, "copyfile", noted)
    sync(request_.out, tmp_path / "mounted")
    kinds = [0 if name.startswith("assets/") else 2 if name == SUMS else 1 for name in order]
    assert kinds == sorted(kinds)
    assert set(kinds) == {0, 1, 2}


def test_an_interrupted_copy_is_finished_by_the_next(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off after ten files; then the site changed; nothing of the first try is left over."""
    build.build(request_)
    target = tmp_path / "mounted"
    copy, count = shutil.copyfile, 0

    def broken(source: Path, to: Path) -> object:
        nonlocal count
        count += 1
        if count > 60:
            raise OSError(28, "No space left on device")
        return copy(source, to)

    monkeypatch.setattr(shutil, "copyfile", broken)
    with pytest.raises(OSError, match="No space"):
        sync(request_.out, target)
    assert (target / PART).is_file() or (target / MARK).is_file()
    monkeypatch.setattr(shutil, "copyfile", copy)
    for page in (request_.content / "events").iterdir():
        page.unlink()
    build.build(request_)
    sync(request_.out, target)
    assert brought(target) == snapshot(request_.out)


def test_a_folder_that_no_copy_made_is_refused(request_: Request, tmp_path: Path) -> None:
    """A home folder, a manifest with places outside, a site for watching: nothing is touched."""
    build.build(request_)
    target = tmp_path / "mounted"
    target.mkdir()
    (target / "letter.txt").write_text("소중한 글", "utf-8")
    with pytest.raises(NotOurs):
        sync(request_.out, target)
    (target / SUMS).write_text(f"{'0' * 64}  letter.txt\n", "utf-8")  # anybody may keep such a list
    with pytest.raises(NotOurs):
        sync(request_.out, target)
    assert sorted(path.name for path in target.iterdir()) == ["letter.txt", SUMS]
    for name in ("../content/site.toml", str(request_.content / "site.toml"), "a//b", "./a"):
        (target / MARK).write_text(f"{name}\n", "utf-8")
        with pytest.raises(NotOurs):
            sync(request_.out, target)
    assert (request_.content / "site.toml").is_file()
    (request_.out / LIVE).write_text("{}", "utf-8")
    with pytest.raises(NotOurs):
        sync(request_.out, tmp_path / "other")


# ---------------------------------------------------------------------------- killed


def probe(site: Path) -> str:
    """What is wrong with the site as a reader finds it now; "" when it is whole: every file as its manifest says."""
    import hashlib

    here = site.resolve()
    for name, digest in read_sums(here / SUMS).items():
        if hashlib.sha256((here / name).read_bytes()).hexdigest() != digest:
            return f"{here.name}: {name}"
    return ""


def killed_builds(request: Request, rounds: int) -> list[str]:
    """What a reader saw wrong over so many builds, each killed at a random moment after an edit."""
    chance = random.Random(rounds)
    found = []
    command = [
        sys.executable, build.__file__, "--content", str(request.content), "--out", str(request.out),
        "--now", NOW.isoformat(),
    ]  # fmt: skip
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    whole = time.monotonic() - began
    for number in range(rounds):
        edit(request, f"강좌 {number}")
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0, whole))
        with_children = os.getpgid(process.pid) if process.poll() is None else 0
        if with_children:
            os.killpg(with_children, signal.SIGKILL)
        process.wait(30)
        found.append(probe(request.out))
    return [wrong for wrong in found if wrong]


@pytest.mark.parametrize(
    "rounds", [4, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])]
)
def test_killed_builds_leave_a_whole_site(request_: Request, rounds: int) -> None:
    """Whole after each kill; and the build that is let finish is the full one, and leaves nothing half-built."""
    assert killed_builds(request_, rounds) == []
    build.build(request_)
    good = snapshot(request_.out)
    out = request_.out.parent.parent / "full/site"
    build.build(Request(request_.content, out, NOW, full=True))
    assert good == snapshot(out)
    assert not list((request_.out.parent / ".builds").glob("*.part"))


def test_the_probe_sees_a_cut_page(request_: Request) -> None:
    """The control: one page short of a byte is noticed."""
    build.build(request_)
    assert probe(request_.out) == ""
    page = request_.out / "about/index.html"
    page.write_bytes(page.read_bytes()[:-1])
    assert probe(request_.out) == "site-000001: about/index.html"


def test_a_disk_that_takes_no_more_is_named(request_: Request) -> None:
    """No file may grow beyond 8 kB, as on a full disk: exit 1, the file is named, the site is as it was."""
    build.build(request_)
    before = snapshot(request_.out)
    edit(request_, "강좌")
    command = [
        sys.executable, build.__file__, "--content", str(request_.content), "--out", str(request_.out), "--jobs", "1",
        "--now", NOW.isoformat(),
    ]  # fmt: skip
    made = subprocess.run(
        ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *command],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 1, made.stderr
    assert "쓸 수 없습니다" in made.stdout
    assert "Traceback" not in made.stderr
    assert snapshot(request_.out) == before
    build.build(request_)
    assert snapshot(request_.out) != before
