"""Several server processes on one store: exact places, one announcement, an orderly end."""

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from civic.clock import SteadyClock
from civic.library import load
from civic.places.intake import Intake
from civic.store import open_store
from civic.store.key_file import load_or_create
from civic.store.outbox import LEASE, Letter, Outbox, Parcel
from civic.store.store import Store
from forms_api.background import Every, Notices
from forms_api.commands.serve import usable_processors
from forms_api.metrics import Metrics
from forms_api.operations import Services
from forms_api.settings import Settings
from tests.builders import a_lecture_file, an_application, write_content, write_files
from tests.forms_api.conftest import LECTURES as FORMS
from tests.forms_api.server import Server, act, sign_up
from tests.forms_api.test_serving import serve
from tests.patience import eventually
from tests.postgres import a_database
from tests.store.conftest import EVERYBODY, NOON, an_entry

PROCESSES = 3


LECTURES = {name: FORMS[name] for name in ("rush", "plain")}


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


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_rush_goes_on_without_one_process(
    content: Path, tmp_path: Path, address: str, sent: signal.Signals
) -> None:
    """Killed or stopped: nobody waits 5 s, nothing acknowledged is lost, another takes its place with today's content."""
    server = Server(content, address, processes="2", rate_limit="off", keys=str(tmp_path / "keys")).ready()
    kept: list[str] = []
    waits: list[float] = []
    over = threading.Event()

    def citizen() -> None:
        while not over.is_set():
            payload, began = an_application(), time.monotonic()
            while not over.is_set():  # whose connection breaks sends the same again
                with contextlib.suppress(httpx.TransportError), server.client() as client:
                    answer = client.post("/api/forms/lectures/plain", json=payload)
                    break
            else:
                return
            waits.append(time.monotonic() - began)
            assert answer.status_code in (200, 201, 503)
            kept.extend([answer.json()["number"]] if answer.status_code < 300 else [])

    with ThreadPoolExecutor(6) as citizens:
        acts = [citizens.submit(citizen) for _ in range(6)]
        try:
            eventually(lambda: len(kept) > 60)
            write_content(content, {"late": a_lecture_file(), "wrong": "+++\ntitel = 1\n+++\n"})
            first = children(server.process.pid)[0]
            os.kill(first, sent)
            server.says('"content-refused"')  # it waits; the other goes on
            before = len(kept)
            eventually(lambda: len(kept) > before + 10)
            (content / "lectures/wrong.md").unlink()
            eventually(lambda: httpx.get(f"{server.base}/api/forms/lectures/late").status_code == 200)
        finally:
            over.set()
    for done in acts:
        done.result()
    assert not Path(f"/proc/{first}").exists() and max(waits) < 5
    assert server.stop() == 0
    with closing(open_store(address)) as store:
        assert {*kept} <= {entry.number for entry in store.entries("lectures/plain")}


def test_one_that_cannot_begin_again_ends_all(content: Path, tmp_path: Path) -> None:
    """Its keys were exchanged meanwhile: one sentence, and the code of a wrong call."""
    server = Server(content, tmp_path / "data", processes="2", keys=str(tmp_path / "keys")).ready()
    load_or_create(tmp_path / "other/keys.json")
    (tmp_path / "other/keys.json").replace(tmp_path / "keys/keys.json")
    os.kill(children(server.process.pid)[0], signal.SIGKILL)
    assert server.process.wait(30) == 2
    server.stop()
    assert len([line for line in server.lines if "keys.json" in line]) == 1
    assert not [line for line in server.lines if "Traceback" in line]


def test_a_folder_that_went_away_is_not_begun_anew(content: Path, tmp_path: Path) -> None:
    """Moved while the server runs: it says so, takes nothing, and a new process makes no second, empty store there."""
    server = Server(content, tmp_path / "data", processes="2", keys=str(tmp_path / "keys")).ready()
    (tmp_path / "data").rename(tmp_path / "moved")
    with server.client() as client:
        assert client.post("/api/forms/lectures/plain", json=an_application()).status_code == 503
        assert client.get("/readyz").status_code == 503
    os.kill(children(server.process.pid)[0], signal.SIGKILL)
    assert server.process.wait(30) == 2
    server.stop()
    assert len([line for line in server.lines if "신청이 없습니다" in line]) == 1
    assert not (tmp_path / "data").exists()


def test_as_many_processes_as_processors(content: Path, tmp_path: Path) -> None:
    """By default: of those that affinity and control groups leave to the server."""
    server = Server(
        content, tmp_path / "data", processes="0", before=partial(os.sched_setaffinity, 0, {0})
    ).ready()
    assert len(children(server.process.pid)) == 1
    assert server.stop() == 0
    own = tmp_path / "own"
    own.write_text("4:cpu,cpuacct:/app\n0::/slice/service\n", encoding="utf-8")
    assert usable_processors(own, tmp_path) == len(os.sched_getaffinity(0))
    write_files(tmp_path, {"slice/cpu.max": "150000 100000\n", "slice/service/cpu.max": "max 100000\n"})
    assert usable_processors(own, tmp_path) == min(2, len(os.sched_getaffinity(0)))
    quota = {"cpu,cpuacct/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}
    write_files(tmp_path, quota)
    assert usable_processors(own, tmp_path) == 1


def test_wrong_guesses_count_for_all_processes(content: Path, tmp_path: Path, address: str) -> None:
    """10 for a number, 100 for a block of addresses, asked of both processes at once, and a restart forgives none. The
    receipt's own address stays open."""
    settings = {"processes": "2", "proxies": "1", "keys": str(tmp_path / "keys")}
    server = Server(content, address, **settings).ready()

    def look(number: str, last4: str, host: int, **more: str) -> httpx.Response:
        asked = {"number": number, "phone_last4": last4, **more}
        with server.client() as client:  # of either process
            return client.post(
                "/api/entries/lookup", json=asked, headers={"X-Forwarded-For": f"192.0.2.{host}"}
            )

    with server.client() as client:
        entry, last4 = sign_up(client, "plain")
    number, wrong = entry["number"], "0000" if last4 != "0000" else "1111"
    assert {look(number, last4, 1).status_code for _ in range(12)} == {200}
    with ThreadPoolExecutor(15) as strangers:
        tries = Counter(strangers.map(lambda host: look(number, wrong, host).status_code, range(30)))
    assert tries == {403: 10, 429: 20}
    server.says('"event": "guessing", "kind": "number"')
    assert server.stop() == 0
    server = Server(content, address, **settings).ready()
    locked = look(number, last4, 1)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "600")
    assert look(number, last4, 1, receipt=entry["receipt"]).status_code == 200
    assert httpx.get(server.base + entry["receipt"]).status_code == 200
    numbers = [f"2222-22{a}{b}" for a in "23456789AC" for b in "23456789AC"]
    with ThreadPoolExecutor(15) as strangers:
        tries = Counter(strangers.map(lambda number: look(number, wrong, 2).status_code, numbers))
    assert 70 < tries[403] <= 90 and tries[429] == 100 - tries[403]
    server.says('"event": "guessing", "kind": "block"')
    counted = f'madang_requests_total{{route="/api/entries/lookup",status="403"}} {tries[403]}'
    eventually(lambda: counted in httpx.get(f"{server.base}/metrics").text)
    assert server.stop() == 0


@pytest.mark.parametrize("claims", [True, False], ids=["ours", "control"])
def test_a_leader_that_stood_still_tells_nobody_twice(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: bool
) -> None:
    """It stops at the first of the messages that it took; when its lease is over another leads and sends the rest;
    continued, it sends only its own. The control takes every message as its own, and tells all but one of them twice.
    """
    monkeypatch.setattr("forms_api.background.LEADING", 0.3)
    if not claims:
        take, later = Outbox.take, count(1)

        def takes_all(box: Outbox, now: datetime) -> list[Parcel]:
            return take(box, now + LEASE * next(later), most=9)  # as if every lease were over

        monkeypatch.setattr(Outbox, "take", takes_all)
    keys = load_or_create(tmp_path / "keys.json")
    library, stood, told = load(content, NOON), threading.Event(), []

    def a_server(name: str) -> tuple[Notices, Store]:
        store = open_store(f"tinydb://{tmp_path}/data")

        def send(contact: str, _: Letter) -> None:
            told.append(contact)
            if name == "first":
                stood.wait(10)

        parts = SimpleNamespace(
            intake=Intake(library, store, keys, SteadyClock(NOON)),
            sender=SimpleNamespace(can_send=True, send=send),
            metrics=Metrics(),
            site=library.site,
            library=library,
            receipt=str,
            settings=Settings(processes=2),
        )
        notices = Notices(cast(Services, SimpleNamespace(log=None, **vars(parts))))
        notices._lead._holder = name
        return notices, store

    (first, store), (second, _) = a_server("first"), a_server("second")
    for number in range(5):
        contact = json.dumps({"phone": f"+8210123400{number:02}"}).encode()
        entry = an_entry(f"p{number}", sealed=b"", subject="lectures/plain", changed=NOON - LEASE)
        entry = entry.but(sealed=keys.seal(store, entry.subject, entry.number, contact))
        with store.open(entry.subject) as book:
            book.add(entry, EVERYBODY)
    loop = cast(Every, SimpleNamespace(is_over=False))
    with ThreadPoolExecutor(1) as pool:
        stood_still = pool.submit(first.look, loop)
        eventually(lambda: told, pause=0.01)
        second.look(loop)
        assert len(told) == 1  # the first leads
        time.sleep(0.4)
        second.look(loop)
        assert len(told) == (2 if claims else 6)
        stood.set()
        stood_still.result()
    assert sorted(Counter(told).values()) == ([1] * 5 if claims else [2] * 5)


@pytest.mark.long
def test_a_stopped_host_decides_nothing_twice(content: Path, tmp_path: Path, database: str) -> None:
    """Two servers on one database: the one that leads stands still for 20 s among its messages and goes on; the other
    has led meanwhile. Everybody is told once, and nobody waits 5 s for the server that runs."""
    keys = str(tmp_path / "keys")
    servers = [Server(content, database, rate_limit="off", keys=keys).ready() for _ in "12"]
    with servers[0].client() as client:
        people = [sign_up(client, "rush") for _ in range(15)]
        for person in people[:10]:
            assert act(client, person, "cancel").status_code == 200
    promoted = {entry["number"] for entry, _ in people[10:]}

    def told() -> list[tuple[Server, str]]:
        pairs = [(server, line) for server in servers for line in server.lines]
        return [(server, number) for server, line in pairs for number in promoted if number in line]

    eventually(told, pause=0.01)
    leads = told()[0][0]
    os.killpg(leads.process.pid, signal.SIGSTOP)
    other = servers[1 - servers.index(leads)]
    waits = []
    until = time.monotonic() + 20
    with other.client() as client:
        while time.monotonic() < until:
            began = time.monotonic()
            sign_up(client, "plain")
            waits.append(time.monotonic() - began)
    os.killpg(leads.process.pid, signal.SIGCONT)
    time.sleep(4)
    assert Counter(number for _, number in told()) == Counter(promoted) and max(waits) < 5
    assert {server.stop() for server in servers} == {0}
