"""What stands beside a build: going back to an older one, copying it out, and being killed at any moment."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from publish.builds import Builds, NotOurs
from publish.cache import peek
from publish.request import LIVE, SUMS, Request
from publish.syncing import LOCK, MARK, PART, sync
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


@pytest.mark.parametrize("name", ["assets/manifest.json", "about/index.html", "sha256sums.txt", "note.txt"])
@pytest.mark.parametrize("builds", [1, 6])
def test_what_somebody_did_to_the_site_is_undone(request_: Request, name: str, builds: int) -> None:
    """A file that was replaced, taken away or added comes right, also where an older folder still has it as it was."""
    for number in range(builds):
        edit(request_, f"강좌 {number}")
        build.build(request_)
    good = snapshot(request_.out)
    for is_there in (True, False) if name in good else (True,):
        (request_.out / name).unlink(missing_ok=True)
        if is_there:
            (request_.out / name).write_text("x", "utf-8")
        build.build(request_)
        assert snapshot(request_.out) == good
        assert not build.build(request_).is_new


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
