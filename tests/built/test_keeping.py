"""What stands beside a build: going back to an older one, proving a copy, and knowing when to build again."""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

import build
from publish.builds import SUMS, Builds
from publish.inputs import Request
from publish.memory import Cache
from tests.built.samples import edit, folders, run, snapshot


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
    assert folders(request_.out) == [f"site-{number:06d}" for number in range(4, 9)]
    assert all(
        snapshot(request_.out.parent / ".builds" / name) == kept[name] for name in folders(request_.out)
    )


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


def test_due_names_the_next_change(request_: Request) -> None:
    """Before a build: now. After it: a time at which a build changes something; "now" again once it has come."""
    due = ["--due", "--content", str(request_.content), "--out", str(request_.out), "--now"]
    assert run(*due, "2023-08-16T09:00:00").stdout == "now\n"
    time.sleep(0.1)  # else the files are too fresh to be told by their times
    report = build.build(replace(request_, demo=True))
    assert report.due
    at = report.due.isoformat()
    assert run(*due, "2023-08-16T09:00:00").stdout == f"{at}\n"
    assert run(*due, at).stdout == "now\n"
    assert run(*due, "2023-08-16T09:00:00", "--base-url", "https://a.example").stdout == "now\n"
    edit(request_, "강좌")
    assert run(*due, "2023-08-16T09:00:00").stdout == "now\n"


def test_asking_when_leaves_the_memory_of_builds_alone(request_: Request) -> None:
    """Also one that another program wrote: whoever asks does not hold the lock, and a build may be running."""
    build.build(request_)
    folder = Builds(request_.out).cache
    before = snapshot(folder)
    assert Cache(folder, "another program").state is None
    assert snapshot(folder) == before
    shutil.rmtree(folder)
    assert Cache(folder, "program").state is None
    assert not folder.exists()


def test_a_copy_proves_itself(request_: Request, tmp_path: Path) -> None:
    """sha256sum agrees with every file of a copy, and no file is left out."""
    build.build(request_)
    copy = Path(shutil.copytree(request_.out.resolve(), tmp_path / "copy"))
    proof = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS],
        cwd=copy, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert proof.returncode == 0, proof.stdout
    assert len(proof.stdout.splitlines()) == len(snapshot(copy)) - 1
    (copy / "about/index.html").write_text("x", "utf-8")
    assert subprocess.run(
        ["sha256sum", "--check", "--status", SUMS], cwd=copy, timeout=60, check=False
    ).returncode
