"""A real server in a process of its own, for tests that speak HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.builders import NOW

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30  # seconds to start or stop


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
        **settings: str,
    ) -> None:
        """now: where a demonstration's clock begins; None is a real server.

        program: a file that serves in another way, for a control; before: done in the new process first.
        """
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MADANG_")}
        environ |= {f"MADANG_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, *([program] if program else ["-m", "forms_api", "serve"])]
        command += [
            "--content",
            str(content),
            "--data",
            str(data) if "://" in str(data) else f"tinydb://{data}",
            "--port",
            settings.get("port", "0"),
            *(["--now", now] if now else []),
        ]
        command += ["--site", str(site or content.parent / "no-site")]
        self.lines: list[str] = []
        self.base = ""
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
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

    def client(self, **options: Any) -> httpx.Client:
        """A client that sends the Origin of the server's own pages."""
        return httpx.Client(base_url=self.base, headers={"Origin": self.base}, timeout=30, **options)

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

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line)
                if line.startswith("Madang ready on "):
                    self.base = line.split()[-1]
                    self._ready.set()
        self._ready.set()
