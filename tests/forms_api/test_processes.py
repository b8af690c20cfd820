"""Several server processes on one store: exact places, one announcement, an orderly end."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from civic.store import open_store
from forms_api.background import Lead
from tests.builders import a_lecture_file, a_round, an_application, write_content
from tests.forms_api.server import Server
from tests.forms_api.test_serving import serve
from tests.patience import eventually
from tests.postgres import a_database

PROCESSES = 3


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return write_content(
        tmp_path / "content",
        {"rush": a_lecture_file("몰리는 강좌", [a_round(places=10, waiting=5)]), "plain": a_lecture_file()},
    )


@pytest.fixture
def database() -> Iterator[str]:
    with a_database() as url:
        yield url


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run; helpers of the language left out."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in found}
    return [each for each, line in lines.items() if b"resource_tracker" not in line]


def test_places_are_exact_over_processes(content: Path, tmp_path: Path, database: str) -> None:
    """Seven times as many people as places, at all processes at once; a retry gets its answer from any of them."""
    settings = {"rate_limit": "off", "processes": str(PROCESSES), "keys": str(tmp_path / "keys")}
    server = Server(content, database, **settings).ready()
    assert len(children(server.process.pid)) == PROCESSES
    applications = [an_application() for _ in range(70)]

    def apply(payload: dict[str, object]) -> tuple[int, object]:
        with server.client() as client:  # a connection of its own: the next may go to another process
            answer = client.post("/api/forms/lectures/rush", json=payload)
            again = client.post("/api/forms/lectures/rush", json=payload)
            if answer.status_code == 201:
                assert again.status_code == 200 and again.json()["number"] == answer.json()["number"]
            return answer.status_code, answer.json().get("state")

    with ThreadPoolExecutor(24) as citizens:
        answers = Counter(citizens.map(apply, applications))
    assert answers == {(201, "confirmed"): 10, (201, "waiting"): 5, (409, None): 55}
    pids = children(server.process.pid)
    assert server.stop() == 0
    assert [line for line in server.lines if line.startswith("Madang ready")] == server.lines[:1]
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "no process is left behind"
    assert not [line for line in server.lines if "Traceback" in line]


def test_a_reason_not_to_start_is_said_once(content: Path, tmp_path: Path) -> None:
    """A database that is not there ends all processes with code 2 and one sentence."""
    nowhere = f"postgresql://madang@/nothing?host={tmp_path}"
    failed = serve("--content", str(content), "--data", nowhere, "--processes", "2", "--port", "0",
                   MADANG_KEYS=str(tmp_path / "keys"))  # fmt: skip
    assert failed.returncode == 2
    assert failed.stderr.count("PostgreSQL") == 1 and "Traceback" not in failed.stderr


def test_the_server_ends_when_one_process_does(content: Path, tmp_path: Path, database: str) -> None:
    """kill -9 of one serving process ends them all with a code that makes the system start them again."""
    server = Server(content, database, processes="2", keys=str(tmp_path / "keys")).ready()
    first, second = children(server.process.pid)
    os.kill(first, signal.SIGKILL)
    assert server.process.wait(30) != 0
    eventually(lambda: not Path(f"/proc/{second}").exists())
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{server.base}/healthz", timeout=2)


def test_background_work_is_led_by_one(tmp_path: Path) -> None:
    """Of two processes one goes round; alone there is nothing to agree on."""
    one, two = (open_store(f"tinydb://{tmp_path}/data") for _ in "12")
    first, second = Lead(one, "notices", is_alone=False), Lead(two, "notices", is_alone=False)
    second._holder = "another"
    assert first.has() and first.has() and not second.has()
    assert Lead(two, "notices", is_alone=True).has()
    for store in (one, two):
        store.close()
