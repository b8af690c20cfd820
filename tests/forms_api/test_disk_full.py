"""A disk that is really full, under a real server: who was answered 201 is there afterwards, who got 503 is not."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.builders import an_application
from tests.forms_api.server import Server

ROOM = 1_000_000  # bytes that a file may have: where nobody is root, the nearest thing to a disk of 1 MB
PRESS = 8  # connections


def processes(server: Server) -> list[int]:
    """The watching process and the one that serves."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [server.process.pid, *map(int, children.read_text().split())]


def press(server: Server, most: int) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]], list[int]]:
    """Sign up over several connections until refusals come: (number -> payload) kept, refused, their statuses."""
    kept: dict[str, dict[str, Any]] = {}
    refused: list[dict[str, Any]] = []
    statuses: list[int] = []

    def citizen() -> None:
        with server.client() as client:
            for _ in range(most // PRESS):
                payload = an_application(name="가" * 40)
                answer = client.post("/api/forms/lectures/plain", json=payload)
                statuses.append(answer.status_code)
                if answer.status_code == 201:
                    kept[answer.json()["number"]] = payload
                    continue
                refused.append(payload)
                assert answer.headers["Retry-After"]
                assert answer.json()["type"] == "/problems/unavailable"
                if len(refused) > 3 * PRESS:
                    return

    citizens = [threading.Thread(target=citizen) for _ in range(PRESS)]
    for each in citizens:
        each.start()
    for each in citizens:
        each.join(120)
        assert not each.is_alive()
    return kept, refused, statuses


def untrue(
    client: httpx.Client, kept: dict[str, dict[str, Any]], refused: Iterable[dict[str, Any]]
) -> list[str]:
    """Answers that a restarted server does not stand by. Sends again what was refused: it must be new."""
    wrong = []
    for number, payload in kept.items():
        asked = {"number": number, "phone_last4": payload["phone"][-4:]}
        if client.post("/api/entries/lookup", json=asked).status_code != 200:
            wrong.append(f"acknowledged and lost: {number}")
    for payload in refused:
        if client.post("/api/forms/lectures/plain", json=payload).status_code != 201:
            wrong.append(f"refused and kept: {payload['submission_id']}")
    return wrong


def test_a_full_disk_under_load(content: Path, tmp_path: Path) -> None:
    """201 is there after the restart, 503 is not; the server says what to do and takes nothing more until then."""
    data = tmp_path / "var/data"
    server = Server(content, data, rate_limit="off").ready()
    for process in processes(server):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    kept, refused, statuses = press(server, 4000)
    assert len(kept) > 20 and len(refused) > PRESS
    assert set(statuses) == {201, 503}
    # Room again, but what is in memory and on disk may differ: nothing until the restart.
    for process in processes(server):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with server.client() as client:
        assert client.post("/api/forms/lectures/plain", json=refused[0]).status_code == 503
        number, payload = next(iter(kept.items()))
        asked = {"number": number, "phone_last4": payload["phone"][-4:]}
        assert client.post("/api/entries/lookup", json=asked).status_code == 503
        ready = client.get("/readyz")
        assert ready.status_code == 503 and "서버를 다시 켜세요" in ready.json()["trouble"]
        assert client.get("/healthz").status_code == 200
    server.stop()

    again = Server(content, data, rate_limit="off").ready()
    with again.client() as client:
        assert client.get("/readyz").status_code == 200
        assert untrue(client, kept, refused) == []
        # The control: an acknowledgement that was never given, and a refusal that was none, are noticed.
        liar = {"6666-6666": next(iter(kept.values()))}
        assert len(untrue(client, liar, [next(iter(kept.values()))])) == 2
    assert again.stop() == 0
