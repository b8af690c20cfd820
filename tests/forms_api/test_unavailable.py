"""When the store cannot keep anything: 503 with Retry-After over HTTP, as JSON and as a page, and nothing kept."""

from __future__ import annotations

import resource
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import postgres
from tests.builders import a_lecture_file, an_application, as_form, write_content
from tests.forms_api.server import Server
from tests.forms_api.test_processes import children
from tests.forms_api.test_refusals import page, problem

FORM = "/api/forms/lectures/plain"
TITLE = "지금은 접수할 수 없습니다. 잠시 뒤에 다시 해 주세요."


@pytest.fixture
def content(tmp_path: Path) -> Path:
    return write_content(tmp_path / "content", {"plain": a_lecture_file()})


def check_refusals(client: httpx.Client, is_read: bool = False) -> None:
    """A post by JSON and by form, a look-up where nothing can be read: each 503 `unavailable`, with the seconds to wait."""
    lookup = client.post("/api/entries/lookup", json={"number": "ZZZZ-ZZZZ", "phone_last4": "0000"})
    answers = [client.post(FORM, json=an_application()), *([] if is_read else [lookup])]
    assert not is_read or lookup.status_code == 403
    for answer in answers:
        problem(answer, "unavailable", 503, TITLE, answer.json()["detail"])
    pages = [client.post(FORM, data=as_form(an_application()))]
    for answer in pages:
        text = page(answer, 503, TITLE, 'href="/lectures/plain/"')
        assert "Traceback" not in text
    for answer in (*answers, *pages):
        assert 1 <= int(answer.headers["retry-after"]) <= 600


def test_a_failed_write(content: Path, tmp_path: Path) -> None:
    """The disk takes no more (the system refuses every write to a file): all posts get 503, /readyz says why, what was
    acknowledged can still be seen after a restart, what was refused is not there."""
    server = Server(content, tmp_path / "var/data", rate_limit="off").ready()
    (serving,) = children(server.process.pid)
    refused = an_application()
    with server.client() as client:
        kept = an_application()
        number = client.post(FORM, json=kept).json()["number"]
        resource.prlimit(serving, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        failed = client.post(FORM, json=refused)
        assert failed.status_code == 503
        check_refusals(client, is_read=True)
        ready = client.get("/readyz")
        assert ready.status_code == 503 and ready.json()["trouble"]
        assert client.get("/healthz").status_code == 200
    server.stop()

    healed = Server(content, tmp_path / "var/data", rate_limit="off").ready()
    with healed.client() as client:
        found = client.post("/api/entries/lookup", json={"number": number, "phone_last4": kept["phone"][-4:]})
        assert found.json()["state"] == "confirmed"
        again = client.post(FORM, json=refused | {"submission_id": str(uuid.uuid4())})
        assert again.status_code == 201, "the refused one had not been kept"
    assert healed.stop() == 0


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
    server = Server(content, url, rate_limit="off", keys=str(tmp_path / "keys")).ready()
    payload = an_application()
    with server.client() as client:
        assert client.post(FORM, json=an_application()).status_code == 201
        cluster.stop(signal.SIGQUIT)
        assert client.post(FORM, json=payload).status_code == 503
        check_refusals(client)
        deadline = time.monotonic() + 20
        while (ready := client.get("/readyz")).status_code != 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "PostgreSQL" in ready.json()["trouble"]
        cluster.start()
        deadline = time.monotonic() + 30
        while (answer := client.post(FORM, json=payload)).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert answer.status_code == 201
        again = client.post(FORM, json=payload)
        assert (again.status_code, again.json()["number"]) == (200, answer.json()["number"])
        assert client.get("/readyz").status_code == 200
    assert server.stop() == 0
