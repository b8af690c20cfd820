"""The data becomes read-only while a server runs: what is acknowledged is kept, what cannot be kept is refused and said."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import a_lecture_file, an_application
from tests.forms_api.disks import a_breaking_disk
from tests.forms_api.server import Server
from tests.forms_api.test_disk_full import CARELESS, by_staff, untrue
from tests.patience import eventually

OLD, NEW = "/api/forms/lectures/plain", "/api/forms/lectures/new"
CHECK = "디스크를 확인하고 서버를 다시 켜세요"


# One that somebody has used before the trouble, one that nobody has.
LECTURES = {"plain": a_lecture_file(), "new": a_lecture_file()}


def sign_up(client: httpx.Client, form: str, kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A new person's application, noted in `kept` when it was acknowledged."""
    payload = an_application()
    answer = client.post(form, json=payload)
    if answer.status_code == 201:
        kept[answer.json()["number"]] = payload
    else:
        assert answer.status_code == 503 and answer.headers["Retry-After"]
    return payload


def lawful() -> None:
    """In the new process: rights hold for root too (drops CAP_DAC_OVERRIDE; nothing to drop for anybody else)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def lock(folder: Path, is_locked: bool = True) -> None:
    """Take or give back the right to write in a folder and its files."""
    for path in (folder, *folder.iterdir()):
        path.chmod((0o555 if path.is_dir() else 0o444) if is_locked else (0o755 if path.is_dir() else 0o644))


def a_server(content: Path, tmp_path: Path, data: Path, **given: Any) -> Server:
    """A server with its keys beside, for which rights hold."""
    return Server(
        content, data, rate_limit="off", keys=str(tmp_path / "keys"), before=lawful, **given
    ).ready()


def test_a_folder_that_becomes_read_only(content: Path, tmp_path: Path) -> None:
    """Rights taken away under a running server: open files go on, a form that needs its first key is refused, /readyz and
    staff commands say what to do, and with the rights back the server goes on by itself."""
    data = tmp_path / "var/data"
    server = a_server(content, tmp_path, data)
    kept: dict[str, dict[str, Any]] = {}
    with server.client() as client:
        sign_up(client, OLD, kept)
        lock(data)
        sign_up(client, OLD, kept)
        assert len(kept) == 2
        refused = sign_up(client, NEW, kept)
        assert len(kept) == 2
        assert client.get("/readyz").status_code == 503
        server.says("쓰기 권한을 주고")
        lock(data, is_locked=False)
        assert client.post(NEW, json=refused).status_code == 201
        eventually(lambda: client.get("/readyz").status_code == 200, patience=1)
        lock(data)
    server.stop()
    stopped = subprocess.run(
        [sys.executable, "-c", START, f"tinydb://{data}"], preexec_fn=lawful, capture_output=True, text=True
    )
    assert "쓰기 권한을 주고" in stopped.stderr.splitlines()[-1]
    lock(data, is_locked=False)
    with a_server(content, tmp_path, data) as again, again.client() as client:
        assert untrue(client, kept, []) == []
        assert client.post(NEW, json=refused).status_code == 200, "it was kept, once"


START = "import sys; from civic.store import open_store; open_store(sys.argv[1])"


def test_control_a_folder_that_becomes_read_only(content: Path, tmp_path: Path) -> None:
    """The control: a server that does not hear of the key that could not be written acknowledges, and cannot start again."""
    data = tmp_path / "var/data"
    server = a_server(content, tmp_path, data, program=CARELESS)
    kept: dict[str, dict[str, Any]] = {}
    with server.client() as client:
        sign_up(client, OLD, kept)
        lock(data)
        sign_up(client, NEW, kept)
        assert len(kept) == 2
    server.stop()
    lock(data, is_locked=False)
    with pytest.raises(AssertionError, match="가 없습니다: lectures/new"):
        a_server(content, tmp_path, data)


@pytest.mark.parametrize("program", ["", CARELESS], ids=["ours", "control"])
def test_a_disk_that_turns_read_only(content: Path, tmp_path: Path, program: str) -> None:
    """The kernel finds the disk broken and lets nobody write any more: 503 for everyone until the restart on a good disk.

    The control, a server that does not hear of it, is caught by the same check.
    """
    with a_breaking_disk(tmp_path) as (disk, switch):
        data = disk / "data"
        server = a_server(content, tmp_path, data, program=program)
        kept: dict[str, dict[str, Any]] = {}
        with server.client() as client:
            for _ in range(5):
                sign_up(client, OLD, kept)
            switch.write_text("1")
            refused = [sign_up(client, OLD, kept) for _ in range(3)]
            if not program:
                assert len(kept) == 5
                assert client.get("/readyz").status_code == 503
                server.says(CHECK)
                listed = by_staff(data, tmp_path / "keys", "list")
                assert listed.returncode == 2 and "쓸 수 없습니다(읽기 전용" in listed.stderr
        server.stop()
        assert not any("Traceback" in line for line in server.lines)
        # What is on the broken disk is copied to a good one.
        shutil.copytree(data, tmp_path / "var/data", ignore=lambda *_: ["door"])
    again = a_server(content, tmp_path, tmp_path / "var/data")
    with again.client() as client:
        wrong = untrue(client, kept, [] if program else refused)
    assert len(wrong) == (3 if program else 0), wrong
    assert again.stop() == 0
