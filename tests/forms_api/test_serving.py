"""The server as a process: how it starts and stops, what it refuses to start with, what survives kill -9."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from civic.errors import InUse
from civic.korean import josa
from forms_api.commands.serve import held_port
from tests.builders import NOW, a_phone, an_application
from tests.forms_api.server import ROOT, Server
from tests.patience import eventually


def serve(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    return subprocess.run(
        [sys.executable, "-m", "forms_api", "serve", "--now", NOW, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
    )


def test_keys_are_made_on_the_first_start(content: Path, tmp_path: Path) -> None:
    """Outside the data folder, readable by the server's account only; localhost is the address that it stands for; a
    signal ends it with code 0."""
    with Server(content, tmp_path / "var/data", host="localhost") as server, server.client() as client:
        assert server.base.startswith("http://127.0.0.1:")
        assert client.get("/healthz").json() == {"status": "ok"}
    modes = {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "var/data").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    keys = tmp_path / "var/keys/keys.json"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700


def test_content_mistakes_are_printed_line_by_line(content: Path, tmp_path: Path) -> None:
    """Exit code 1, each mistake on its own line, and nothing is made."""
    (content / "lectures/wrong.md").write_text('+++\ntitel = "x"\n+++\n', encoding="utf-8")
    failed = serve("--content", str(content), "--data", f"tinydb://{tmp_path}/var/data", "--port", "0")
    assert failed.returncode == 1
    lines = failed.stderr.splitlines()
    assert any(line.startswith("lectures/wrong.md:2: titel: ") for line in lines)
    assert not (tmp_path / "var").exists()


def test_a_port_in_use(content: Path, tmp_path: Path) -> None:
    """Exit code 3 and a clear sentence."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        failed = serve("--content", str(content), "--data", f"tinydb://{tmp_path}/d", "--port", str(port))
    assert failed.returncode == 3
    said = f"포트 {josa(str(port), '을/를')} 다른 프로그램이 쓰고 있습니다. --port로 다른 포트를 정하세요.\n"
    assert failed.stderr == said


def test_a_port_is_kept_while_a_server_starts() -> None:
    """Seconds before the first worker listens, another server is refused; when the first is gone, it is not."""
    with held_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(InUse):
            held_port("127.0.0.1", port)
    held_port("127.0.0.1", port).close()


def test_a_second_server_on_the_same_data(content: Path, tmp_path: Path) -> None:
    """Exit code 3 and one sentence, without what the process manager has to say of it; the first goes on."""
    with Server(content, tmp_path / "var/data") as server, server.client() as client:
        failed = serve("--content", str(content), "--data", f"tinydb://{tmp_path}/var/data", "--port", "0")
        assert (failed.returncode, "쓰고 있습니다" in failed.stderr) == (3, True)
        assert (len(failed.stderr.splitlines()), failed.stdout) == (1, "")
        assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ([], {"MADANG_COLOUR": "red"}, "MADANG_COLOUR: 그런 설정은 없습니다."),
        ([], {"MADANG_THREADS": "many"}, "MADANG_THREADS: 숫자로 적으세요"),
        ([], {"MADANG_RATE_LIMIT": "maybe"}, "MADANG_RATE_LIMIT: on 또는 off"),
        ([], {"MADANG_BASE_URL": "https://a.example/b"}, "이름까지만 소문자로"),
        (["--data", "mysql://x"], {}, "tinydb://폴더 또는 postgresql://"),
        (["--data", "postgresql://madang@db:secret/madang"], {}, "postgresql://사용자@서버/이름 처럼"),
        (["--port", "99999"], {}, "99999"),
        (["--now", "yesterday"], {}, "--now는 2023-"),
    ],
)
def test_settings_that_do_not_fit(
    content: Path, tmp_path: Path, arguments: list[str], environ: dict[str, str], said: str
) -> None:
    """Exit code 2 and what to do."""
    usual = ["--content", str(content), "--data", f"tinydb://{tmp_path}/d", "--port", "0"]
    failed = serve(*usual, *arguments, **environ)
    assert failed.returncode == 2
    assert said in failed.stderr and "Traceback" not in failed.stderr
    assert not (tmp_path / "d").exists()


def test_the_server_ends_with_its_watcher(content: Path, tmp_path: Path) -> None:
    """kill -9 of the watching process leaves no orphan that holds port and data."""
    server = Server(content, tmp_path / "var/data").ready()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(30)
    Server(content, tmp_path / "var/data").ready().stop()


def test_kill_9_under_load_loses_no_answer(content: Path, tmp_path: Path) -> None:
    """Every acknowledged entry is there after the restart, and only those and the unanswered ones."""
    server = Server(content, tmp_path / "var/data", rate_limit="off").ready()
    acknowledged: list[tuple[str, str]] = []
    sent: list[str] = []

    def citizen() -> None:
        with contextlib.suppress(httpx.HTTPError), server.client() as client:
            while True:
                phone = a_phone()
                sent.append(phone)
                answer = client.post("/api/forms/lectures/plain", json=an_application(phone=phone))
                if answer.status_code == 201:
                    acknowledged.append((answer.json()["number"], phone))

    with ThreadPoolExecutor(16) as citizens:
        ends = [citizens.submit(citizen) for _ in range(16)]
        eventually(lambda: len(acknowledged) >= 300, pause=0.01)
        server.kill()
    assert [end.result() for end in ends] == [None] * 16

    with Server(content, tmp_path / "var/data", rate_limit="off") as revived, revived.client() as client:
        for number, phone in acknowledged:
            found = client.post("/api/entries/lookup", json={"number": number, "phone_last4": phone[-4:]})
            assert (found.status_code, found.json()["state"]) == (200, "confirmed")
        taken = client.get("/api/forms/lectures/plain").json()["rounds"]["r1"]["taken"]
        assert len(acknowledged) <= taken <= len(sent)


def test_what_is_logged_names_nobody(content: Path, tmp_path: Path) -> None:
    """Events have a route, a status and a time; nothing typed, no number, no address asked for."""
    phone, name = a_phone(), "독고탁"
    with Server(content, tmp_path / "var/data") as server, server.client() as client:
        entry = client.post(
            "/api/forms/lectures/plain", json=an_application(phone=phone, name=name, email="ada@example.com")
        ).json()
        client.post("/api/forms/lectures/plain", data={"name": name, "phone": phone})
        client.post(f"/api/entries/{entry['number']}/cancel", json={"receipt": entry["receipt"]})
        client.post("/api/forms/lectures/plain?phone=" + phone, json={"name": "900101-1234567"})
        client.get(entry["receipt"])
    said = "".join(server.lines)
    events = [line for line in server.lines if '"answered"' in line]
    assert len(events) == 4
    assert '"route": "/api/entries/<number>/cancel"' in said and '"refusal": "invalid"' in said
    digits = phone.replace("-", "")
    typed = (phone, digits, digits[1:], name, "ada@", "1234567")
    assert not [secret for secret in (*typed, entry["number"], entry["receipt"][-20:]) if secret in said]


def test_rate_limits(content: Path, tmp_path: Path) -> None:
    """One person and form: 20 a minute."""
    with Server(content, tmp_path / "var/data") as server, server.client() as client:
        payload = an_application()
        answers = [client.post("/api/forms/lectures/plain", json=payload) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [201] + [200] * 19 + [429]
        refused = answers[-1]
        assert refused.json()["type"] == "/problems/too-many"
        assert int(refused.headers["retry-after"]) == 60
        assert client.post("/api/forms/lectures/plain", json=an_application()).status_code == 201


def test_an_ipv6_household_is_one_sender(content: Path, tmp_path: Path) -> None:
    """Its /64 has 2^64 addresses and 600 requests a minute; the neighbour's begin anew (the control)."""
    with Server(content, tmp_path / "var/data", proxies="1") as server, server.client() as client:

        def asks(sender: str) -> int:
            return client.get("/api/receipts/forged", headers={"X-Forwarded-For": sender}).status_code

        found = [asks(f"2001:db8:0:2::{number:x}") for number in range(1, 603)]
        assert found == [404] * 600 + [429] * 2
        assert (asks("2001:db8:0:3::1"), asks("::ffff:192.0.2.1"), asks("192.0.2.1")) == (404, 404, 404)


def test_a_host_by_name(content: Path, tmp_path: Path) -> None:
    """localhost is the address that it stands for."""
    server = Server(content, tmp_path / "var/data", host="localhost").ready()
    assert server.base.startswith("http://127.0.0.1:")
    with server.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
    assert server.stop() == 0
