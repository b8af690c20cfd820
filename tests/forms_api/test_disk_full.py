"""A disk that is really full, under a real server: who was answered 201 is there afterwards, who got 503 is not."""

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import an_application
from tests.forms_api.disks import a_small_disk, fill, grow
from tests.forms_api.server import Server
from tests.patience import eventually
from tests.staff import call

ROOM = 1_000_000  # bytes of the disk; where nobody may mount one, that a file may have
PRESS = 8  # connections
FREE = "자리를 비우세요. 그러면 스스로 다시 받습니다"
CARELESS = "tests/forms_api/careless.py"


def processes(server: Server) -> list[int]:
    """The watching process and the one that serves."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [server.process.pid, *map(int, children.read_text().split())]


@dataclass(frozen=True)
class Place:
    """Where a server keeps its data, how its disk becomes small, how it gets room again, and what staff read meanwhile."""

    data: Path
    shrink: Callable[[Server], None]
    widen: Callable[[Server], None]
    said: str


def limited(room: int) -> Callable[[Server], None]:
    """Sets how large a file of the server may be."""

    def limit(server: Server) -> None:
        for process in processes(server):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    return limit


@pytest.fixture(params=["limit", "disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A disk of 1 MB, and what stands in for it everywhere: a limit of 1 MB for each file."""
    if request.param == "limit":
        # The system calls it "file too large", which SQLite does not tell from another failure.
        said = "디스크를 확인하고 서버를 다시 켜세요"
        yield Place(tmp_path / "var/data", limited(ROOM), limited(resource.RLIM_INFINITY), said)
        return
    with ExitStack() as stack:
        disk = stack.enter_context(a_small_disk(tmp_path / "disk", ROOM))
        yield Place(disk / "data", lambda _: None, lambda _: grow(disk, 64 * ROOM), FREE)


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

    with ThreadPoolExecutor(PRESS) as citizens:
        for each in [citizens.submit(citizen) for _ in range(PRESS)]:
            each.result(120)
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


def by_staff(server_data: Path, keys: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """python -m forms_api entries …, beside the server."""
    content = keys.parent / "content"
    return call("entries", *words, "--data", f"tinydb://{server_data}", "--content", content, keys=str(keys))


def test_a_full_disk_under_load(content: Path, tmp_path: Path, place: Place) -> None:
    """201 is there after the restart, 503 is not; the server says what to do, and with room again it goes on."""
    keys = tmp_path / "keys"
    server = Server(content, place.data, rate_limit="off", keys=str(keys)).ready()
    place.shrink(server)
    kept, refused, statuses = press(server, 4000)
    assert len(kept) > 10 and len(refused) > PRESS
    assert set(statuses) == {201, 503}
    listed = by_staff(place.data, keys, "list")
    if place.said == FREE:  # nothing is shown to staff that cannot be noted
        assert listed.returncode == 2 and FREE in listed.stderr
    else:
        assert listed.returncode == 0
    with server.client() as client:
        if place.said == FREE:  # staff read what is wrong, where citizens are asked to come back later
            called = by_staff(place.data, keys, "cancel", next(iter(kept)))
            assert called.returncode in (1, 2) and FREE in called.stderr
            assert client.get("/readyz").status_code == 503
            server.says(place.said)
        assert untrue(client, kept, []) == [] and client.get("/api/status").status_code == 200
        place.widen(server)
        # With room again it goes on by itself.
        eventually(lambda: client.get("/readyz").status_code == 200, patience=1)
        assert client.post("/api/forms/lectures/plain", json=refused.pop()).status_code == 201
        assert untrue(client, kept, []) == []
    server.stop()

    with Server(content, place.data, rate_limit="off", keys=str(keys)) as again, again.client() as client:
        assert client.get("/readyz").status_code == 200
        assert untrue(client, kept, refused) == []


def test_control_a_server_that_swallows_a_full_disk(content: Path, tmp_path: Path, place: Place) -> None:
    """The control: the same disk under a store that does not tell of failed writes, and the same check finds the lost."""
    keys = str(tmp_path / "keys")
    server = Server(content, place.data, program=CARELESS, rate_limit="off", keys=keys).ready()
    place.shrink(server)
    kept, refused, statuses = press(server, 480)
    assert set(statuses) == {201} and not refused
    place.widen(server)
    server.stop()
    again = Server(content, place.data, rate_limit="off", keys=keys).ready()
    with again.client() as client:
        lost = untrue(client, kept, [])
    assert 0 < len(lost) < len(kept)
    assert again.stop() == 0


def test_a_start_on_a_full_disk(content: Path, tmp_path: Path) -> None:
    """Started again before anybody made room: it takes what it can keep, says what to do, and loses nothing."""
    with a_small_disk(tmp_path / "disk", ROOM) as disk:
        data, keys = disk / "data", str(tmp_path / "keys")
        server = Server(content, data, rate_limit="off", keys=keys).ready()
        kept, refused, _ = press(server, 4000)
        server.stop()
        filler = fill(disk)
        full = Server(content, data, rate_limit="off", keys=keys)
        # The log may have room that was used before: then it starts, and takes what still fits.
        with contextlib.suppress(AssertionError):
            full.ready()
        if full.base:
            more, also_refused, _ = press(full, 4000)
            kept |= more
            refused += also_refused
            assert also_refused
            with full.client() as client:
                assert client.get("/readyz").status_code == 503
                full.says(FREE)
            full.stop()
        else:
            assert FREE in "".join(full.lines)
        filler.unlink()
        grow(disk, 64 * ROOM)
        with Server(content, data, rate_limit="off", keys=keys) as again, again.client() as client:
            assert untrue(client, kept, refused) == []
