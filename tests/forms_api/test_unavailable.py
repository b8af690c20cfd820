"""When the store cannot keep anything: 503 with Retry-After over HTTP, as JSON and as a page, and nothing kept."""

import contextlib
import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import cast

import httpx
import pytest

from civic.clock import SteadyClock
from civic.library import load
from civic.store import open_store
from civic.store.key_file import load_or_create
from forms_api.app import create_app
from forms_api.background import Every, start_background
from forms_api.metrics import EventLog
from forms_api.settings import Settings
from tests import postgres
from tests.builders import an_application, as_form
from tests.forms_api.server import ROOT, Server
from tests.forms_api.test_refusals import page, problem
from tests.patience import eventually
from tests.staff import call
from tests.store.conftest import NOON, at_once

FORM = "/api/forms/lectures/plain"
TITLE = "지금은 접수할 수 없습니다. 잠시 뒤에 다시 해 주세요."


def check_refusals(client: httpx.Client) -> None:
    """A post by JSON and by form, a look-up, which wait together: each 503 `unavailable`, with the seconds to wait."""
    unknown = {"number": "ZZZZ-ZZZZ", "phone_last4": "0000"}
    posts = [
        partial(client.post, FORM, json=an_application()),
        partial(client.post, "/api/entries/lookup", json=unknown),
        partial(client.post, FORM, data=as_form(an_application())),
    ]
    *answers, as_page = at_once(posts)
    for answer in answers:
        problem(answer, "unavailable", 503, TITLE, answer.json()["detail"])
    assert "Traceback" not in page(as_page, 503, TITLE, 'href="/lectures/plain/"', 'value="홍길동"')
    for answer in (*answers, as_page):
        assert 1 <= int(answer.headers["retry-after"]) <= 600


@pytest.fixture
def cluster() -> Iterator[postgres.Server]:
    """A PostgreSQL of its own: it is stopped and started."""
    server = postgres.Server()
    server.start()
    yield server
    server.remove()


def test_postgresql_stopped(content: Path, tmp_path: Path, cluster: postgres.Server) -> None:
    """While the database is away every post gets 503; when it is back the same server goes on, and a retry with the
    same submission id is kept once."""
    url = cluster.database()
    postgres.migrate(url)
    payload = an_application()
    server = Server(content, url, rate_limit="off", keys=str(tmp_path / "keys"))
    with server, server.client() as client:
        assert client.post(FORM, json=an_application()).status_code == 201
        cluster.stop(signal.SIGQUIT)
        eventually(lambda: client.get("/readyz").status_code == 503, patience=1)
        assert client.post(FORM, json=payload).status_code == 503
        check_refusals(client)
        server.says("PostgreSQL 서버가 답하지 않습니다")
        assert client.get("/readyz").json() == {"status": "not ok", "lacks": []}
        cluster.start()
        tried: list[httpx.Response] = []
        eventually(lambda: tried.append(client.post(FORM, json=payload)) or tried[-1].status_code != 503)
        assert tried[-1].status_code == 201
        again = client.post(FORM, json=payload)
        assert (again.status_code, again.json()["number"]) == (200, tried[-1].json()["number"])
        assert client.get("/readyz").status_code == 200


def test_all_that_waits_for_the_database_ends_together(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a server's end every loop is told before any is waited for: they wait for an absent database beside each other,
    and none of them begins another wait while the one before it ends."""
    begun, met, later = Barrier(3), Barrier(2), list[str]()

    def wait(*given: object) -> None:
        loop = cast(Every, given[-1])
        begun.wait(10)
        eventually(lambda: loop.is_over, pause=0.01)
        try:
            met.wait(5)  # the other has been told, too, or will be only when this one has ended
        except BrokenBarrierError:
            later.append(loop.thread.name)

    for act in ("send_codes", "count_polls"):
        monkeypatch.setattr(f"forms_api.background.{act}", wait)
    settings = Settings(
        data=f"tinydb://{tmp_path}/data", content=str(content), site=str(tmp_path / "no-site")
    )
    with contextlib.closing(open_store(settings.data)) as store:
        keys = load_or_create(tmp_path / "keys.json")
        stops = start_background(create_app(settings, load(content, NOON), store, keys, SteadyClock(NOON)))
        begun.wait(10)
        for stop in reversed(stops):
            stop()
    assert later == []


def test_a_process_that_keeps_the_turn(content: Path, tmp_path: Path) -> None:
    """Within a second /readyz says so, log and doctor name it; what is kept can be read; let go, all goes on by itself."""
    data, keys = f"tinydb://{tmp_path}/data", str(tmp_path / "keys")
    server = Server(content, data, rate_limit="off", keys=keys)
    hold = "import sys\nfrom civic.store import open_store\n"
    hold += (
        "with open_store(sys.argv[1]).open('lectures/plain'): print('up', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", hold, data]
    with server, server.client() as client:
        entry = client.post(FORM, json=an_application()).json()
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout and other.stdout.readline()
            began = time.monotonic()
            assert client.get("/readyz").status_code == 503 and time.monotonic() - began < 1
            assert client.get("/api/status").json()["forms"]["lectures/plain"]["rounds"]["r1"]["taken"] == 1
            assert client.get(entry["receipt"]).status_code == 200
            said = f"프로세스 {other.pid}가 자료를 잡고"
            assert said in call("doctor", "--data", data, keys=keys).stdout
            assert client.post(FORM, json=an_application()).status_code == 503
            assert time.monotonic() - began < 8
            server.says(said)
            other.kill()
        eventually(lambda: client.get("/readyz").status_code == 200, patience=1)
        assert client.post(FORM, json=an_application()).status_code == 201


def test_a_failure_is_found_in_the_log(cluster: postgres.Server) -> None:
    """However deep in a library it lies: our own innermost frame and the database's code, and nothing that was typed."""
    said = io.StringIO()
    postgres.migrate(url := cluster.database())
    with contextlib.closing(open_store(url)) as store:
        for act in (
            partial(store._database.read, "SELECT 1 / (length(?) - 5)", ("typed",)),
            partial(re.compile, "((((((((typed"),
        ):
            try:
                act()
            except Exception as err:
                EventLog(SteadyClock(), stream=said).failure("/", err)
    first, second = map(json.loads, said.getvalue().splitlines())
    assert first["sqlstate"] == "22012" and " < postgresql.py:" in first["where"]
    assert second["where"].count(" < ") == 4 and " < test_unavailable.py:" in second["where"]
    assert "typed" not in said.getvalue()
