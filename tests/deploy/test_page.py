"""docs/deployment.md as an operator follows it, from a bare computer to two, with real nginx and Debian's PostgreSQL."""

from __future__ import annotations

import itertools
import re
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from tests.builders import SITE, a_lecture_file, a_round, an_application, write_files
from tests.deploy import tools
from tests.deploy.host import NAME, Host, blocks, free_port
from tests.postgres import Server
from tests.test_senders import Letters

pytestmark = pytest.mark.skipif(
    not (tools.nginx() and tools.postgresql()),
    reason="nginx and PostgreSQL of the system are not installed: run `make deployment`",
)
LONG = {"opens": "2000-01-01T00:00:00", "closes": "2099-01-01T00:00:00"}
VISITORS = itertools.count()
FORM = "/api/forms/lectures/plain"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, and open to other accounts."""
    made = Path(tempfile.mkdtemp(prefix="madang-host-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """Debian's, with passwords on its port."""
    server = Server(tools.postgresql(), "postgres", listen_addresses="127.0.0.1", port=str(free_port()))
    rules = server.data / "pg_hba.conf"
    rules.write_text("host all all 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def content(folder: Path) -> Path:
    lecture = a_lecture_file("열린 강좌", [a_round(places=100_000, starts="2098-01-01T10:00:00")], **LONG)
    return write_files(folder / "content", {"site.toml": SITE, "lectures/plain.md": lecture})


@pytest.fixture(scope="module")
def mail() -> Iterator[int]:
    """Port of a mail server: every sign-up is answered by a letter."""
    office = Controller(Letters(), hostname="127.0.0.1", port=free_port())
    office.start()
    yield office.port
    office.stop()


@pytest.fixture(scope="module")
def host(folder: Path, database: Server, content: Path, mail: int) -> Iterator[Host]:
    """The page's first part, done."""
    made = Host(folder / "a", database, mail)
    made.bring(content)
    try:
        made.follow("한 대에 설치하기")
        yield made
    finally:
        made.end()


@contextmanager
def citizen(host: Host, **headers: str) -> Iterator[httpx.Client]:
    """A visitor of the site through nginx, over TLS, from an address of its own: limits are on."""
    own = f"127.1.{next(VISITORS) // 250}.{next(VISITORS) % 250 + 1}"
    context = ssl.create_default_context(cafile=str(host.root / "etc/nginx/madang/fullchain.pem"))
    base = f"https://127.0.0.1:{host.https}"
    usual = {"Host": NAME, "Origin": f"https://{NAME}", "Accept": "application/json"}
    way = httpx.HTTPTransport(verify=context, local_address=own)
    with httpx.Client(base_url=base, transport=way, headers=usual | headers, timeout=20) as client:
        send = client.send

        def named(request: httpx.Request, **options: Any) -> httpx.Response:
            request.extensions["sni_hostname"] = NAME
            return send(request, **options)

        client.send = named  # type: ignore[method-assign]
        yield client


@dataclass
class Crowd:
    """Visitors who read and sign up until the block ends; what they got."""

    host: Host
    answers: Counter[int] = field(default_factory=Counter)
    resting: list[httpx.Response] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)  # receipt number -> last four digits
    receipt: str = "/"

    def __enter__(self) -> Crowd:
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def _visit(self, number: int) -> None:
        while not self._is_over.is_set():
            with citizen(self.host) as client:
                for _ in range(200):
                    if not self._is_over.is_set():
                        self._ask(client, number % 2 == 0)
                        time.sleep(0.01)  # or the computers have no time to start again

    def _ask(self, client: httpx.Client, signs_up: bool) -> None:
        person = an_application()
        try:
            answer = client.post(FORM, json=person) if signs_up else client.get(self.receipt)
        except httpx.HTTPError:
            self.answers[0] += 1
            return
        self.answers[answer.status_code] += 1
        if answer.status_code == 201:
            self.numbers[answer.json()["number"]] = person["phone"][-4:]
        if answer.status_code == 503:
            self.resting.append(answer)


def found(host: Host, numbers: dict[str, str]) -> float:
    """The part of these entries that is there; of every one, or of 300 spread over them."""
    asked = list(numbers.items())[:: len(numbers) // 300 + 1]
    with citizen(host) as client:
        ways = ({"number": number, "phone_last4": last4} for number, last4 in asked)
        return sum(client.post("/api/entries/lookup", json=way).status_code == 200 for way in ways) / len(
            asked
        )


def slow_body(host: Host) -> ssl.SSLSocket:
    """Somebody who sends the beginning of a sign-up, and then nothing."""
    context = ssl.create_default_context(cafile=str(host.root / "etc/nginx/madang/fullchain.pem"))
    line = context.wrap_socket(socket.create_connection(("127.0.0.1", host.https)), server_hostname=NAME)
    line.sendall(f"POST {FORM} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 500\r\n\r\n{{".encode())
    return line


def test_one_host_as_the_page_makes_it(host: Host) -> None:
    """Foreign names get no answer; big bodies are refused in words, bigger ones at the door; slow ones hold nobody up."""
    with citizen(host) as client:
        style = re.findall(r'href="(/assets/[^"]+\.css)"', client.get("/lectures/plain/").text)[0]
        assert "immutable" in client.get(style).headers["cache-control"]
        assert client.get("/metrics").status_code == 404
        assert client.get("/readyz").json()["lacks"] == ["texts"]
        assert client.post(FORM, content=b"x" * 100_000).json()["type"] == "/problems/too-large"
        assert client.post(FORM, content=b"x" * 5_000_000).status_code == 413
        slow = [slow_body(host) for _ in range(100)]
        began = time.monotonic()
        assert client.post(FORM, json=an_application()).status_code == 201
        assert time.monotonic() - began < 2
        for each in slow:
            each.close()
    with citizen(host) as client, pytest.raises(httpx.HTTPError):
        client.get("/", headers={"Host": "evil.example"})
    for place in (f"https://127.0.0.1:{host.https}/", f"http://127.0.0.1:{host.http}/"):
        with pytest.raises(httpx.HTTPError):
            httpx.get(place, headers={"Host": "evil.example"}, verify=False)
    sent_on = httpx.get(f"http://127.0.0.1:{host.http}/a", headers={"Host": NAME})
    assert sent_on.headers["location"] == f"https://{NAME}/a"


def test_a_backup_is_restored(host: Host) -> None:
    """What was there at the backup is there again; what came later is not (which shows that it is the backup)."""
    with Crowd(host) as before:
        time.sleep(0.3)
    backup, restore = blocks("백업하고 되살리기")
    host.run(backup)
    with Crowd(host) as later:
        time.sleep(0.3)
    assert found(host, later.numbers) == 1
    host.run(restore)
    assert (found(host, before.numbers), found(host, later.numbers)) == (1, 0)


def test_one_host_rests_in_words_and_logs_no_secret(host: Host) -> None:
    """While a new version is put in place, and the old one again: 503, a page or a problem, and Retry-After; no entry
    that was acknowledged is lost. The address of a receipt is in no log of nginx."""
    with citizen(host) as client:
        receipt = client.post(FORM, json=an_application()).json()["receipt"]
        with Crowd(host, receipt=receipt) as crowd:
            host.follow("프로그램", "새 판으로, 한 판 뒤로")
    assert found(host, crowd.numbers) == 1
    assert set(crowd.answers) == {200, 201, 503}, crowd.answers
    assert all(each.headers["retry-after"] == "10" for each in crowd.resting)
    assert all(each.json()["type"] == "/problems/unavailable" for each in crowd.resting)
    host.systemctl("stop", "madang")
    with citizen(host, Accept="text/html") as client:
        page = client.get(receipt, headers={"Referer": f"https://{NAME}{receipt}"})
        assert (page.status_code, "잠시 쉬고 있습니다" in page.text) == (503, True)
    host.follow("켜기")
    logs = "".join(file.read_text() for file in (host.root / "var/log/nginx").iterdir())
    assert (
        "/resting.html 503" in logs
        and "/api/receipts/ 200" in logs
        and receipt.rpartition("/")[2] not in logs
    )


def test_two_hosts_are_never_away(host: Host, folder: Path, database: Server, content: Path) -> None:
    """Moved to PostgreSQL, its backup restored, a second computer with the first one's keys beside it, and each started
    again under load: at most one request in a thousand sees an error, and nothing that was acknowledged is lost."""
    with Crowd(host) as before:
        time.sleep(0.3)
    host.follow("데이터베이스 만들기", "tinydb에서 옮기기", "백업을 데이터베이스로 되살리기")
    assert found(host, before.numbers) == 1
    second = Host(folder / "b", database, host.mail, host)
    second.bring(content)
    try:
        second.follow("꾸러미와 계정", "프로그램", "설정", "글과 누리집", "둘째 서버")
        host.follow("nginx에 둘째 서버를")
        with Crowd(host) as crowd:
            for each in (host, second):
                each.follow("한 대씩 다시 켜기")
        errors = sum(count for status, count in crowd.answers.items() if status not in (200, 201))
        assert errors * 1000 <= crowd.answers.total() and crowd.answers[201] > 100, crowd.answers
        assert found(host, crowd.numbers) == 1
    finally:
        second.end()
