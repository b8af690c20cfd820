"""A real server in a process of its own, for tests that speak HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.builders import NOW, an_application
from tests.patience import eventually

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30  # seconds to start or stop
REAL_ADDRESS = "https://madang.example"  # of a real server, unless told otherwise


Person = tuple[dict[str, Any], str]


class Server:
    """python -m forms_api serve … on a free port; `lines` collects what it says."""

    def __init__(
        self,
        content: Path,
        data: Path | str,
        now: str | None = NOW,
        site: Path | None = None,
        program: str = "",
        before: Callable[[], None] | None = None,
        home: Path = ROOT,
        **settings: str,
    ) -> None:
        """now: where a demonstration's clock begins; None is a real server.

        program: a file that serves in another way, for a control; before: done in the new process first.
        home: the checkout that serves.
        """
        settings = settings if now else {"base_url": REAL_ADDRESS} | settings
        self._origin = "" if now else settings["base_url"]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MADANG_")}
        settings = {"processes": "1", **settings}  # quick to start
        environ |= {f"MADANG_{name.upper()}": value for name, value in settings.items()}
        python = sys.executable if home == ROOT else str(home / ".venv/bin/python")
        command = [python, *([program] if program else ["-m", "forms_api", "serve"])]
        address = str(data) if "://" in str(data) else f"tinydb://{data}"
        command += ["--content", str(content), "--data", address, "--port", settings.get("port", "0")]
        command += ["--site", str(site or content.parent / "no-site"), *(["--now", now] if now else [])]
        self.lines: list[str] = []
        self.base = ""
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            cwd=home,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=before,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ready(self) -> Server:
        """Wait until it takes connections."""
        if not self._ready.wait(PATIENCE) or not self.base:
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.lines))
        return self

    def __enter__(self) -> Server:
        return self.ready()

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """It ends with code 0, unless it was killed or has ended before."""
        if self.process.poll() is None:
            code = self.stop()
            assert failure or code == 0, "".join(self.lines)

    def client(self, **options: Any) -> httpx.Client:
        """A client that sends the Origin of the server's own pages."""
        return httpx.Client(
            base_url=self.base,
            headers={"Origin": self._origin or self.base},
            timeout=30,
            **{"verify": False, **options},
        )

    def stop(self) -> int:
        """Ask it to stop; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop:\n" + "".join(self.lines)) from None
        self._reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        """kill -9 on all its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def says(self, text: str) -> None:
        """Wait until it has said that."""
        try:
            eventually(lambda: any(text in line for line in self.lines))
        except AssertionError:
            raise AssertionError(f"never said {text}:\n" + "".join(self.lines[-50:])) from None

    def code(self, contact: str, seen: int = 0) -> str:
        """The code that the console shows for this contact after its first `seen` lines. Raises TimeoutError."""
        pattern = re.compile(rf"…{re.escape(contact[-4:])}에게: .*인증번호는 (\d{{6}})")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.lines[seen:]:
                if found := pattern.search(line):
                    return found[1]
            time.sleep(0.01)
        raise TimeoutError(contact)

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line)
                if line.startswith("Madang ready on "):
                    self.base = line.split()[-1]
                    self._ready.set()
        self._ready.set()


def sign_up(client: httpx.Client, slug: str, **changes: Any) -> Person:
    """(answer, last four digits) of a new person who is taken by this lecture's form."""
    payload = an_application(**changes)
    answer = client.post(f"/api/forms/lectures/{slug}", json=payload)
    assert answer.status_code == 201, answer.text
    return answer.json(), payload["phone"][-4:]


def a_proof(client: httpx.Client, phone: str) -> dict[str, str]:
    """What proves a phone: contact, code and request, as a demonstration tells them."""
    answer = client.post("/api/contacts/code", json={"contact": phone})
    assert answer.status_code == 202, answer.text
    return {"contact": phone, **{name: answer.json()[name] for name in ("code", "request")}}


def prove(client: httpx.Client, phone: str) -> None:
    """From now on this client holds a ticket of that phone."""
    assert client.post("/api/contacts/ticket", json=a_proof(client, phone)).status_code == 201


def act(client: httpx.Client, who: Person, what: str) -> httpx.Response:
    """What that person gets who cancels, accepts or declines."""
    entry, _ = who
    return client.post(f"/api/entries/{entry['number']}/{what}", json={"receipt": entry["receipt"]})


def look(client: httpx.Client, who: Person) -> dict[str, Any]:
    """What the look-up tells that person."""
    entry, last4 = who
    answer = client.post("/api/entries/lookup", json={"number": entry["number"], "phone_last4": last4})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found
