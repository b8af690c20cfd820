"""A text gateway on this machine: takes messages over HTTP, knows them again by their key, fails as it is told."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FILE = """[text]
url = "{address}/send?to={{to}}"
headers = {{"Content-Type" = "application/json; charset=utf-8", "Authorization" = "Key {{secret}}", "Idempotency-Key" = "{{key}}"}}
body = '{{"to": "{{to}}", "from": "{{from}}", "type": "{{kind}}", "subject": "{{subject}}", "text": "{{text}}", "key": "{{key}}"}}'
answer = {{"result.code" = ["0"]}}
"""


class TextGateway:
    """`taken`: what it took, once for each key; `posts`: how often each key was taken by it, again and again."""

    def __init__(self, folder: Path) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.posts: Counter[str] = Counter()
        # What it does with the n-th post: a status, 0 (no answer in time), or "" for taking it.
        self.fails: Callable[[int], int | str] = lambda _: ""
        self.after: Callable[[int], object] = lambda _: None  # when the n-th was taken, before it is said
        self.count, self._lock = 0, threading.Lock()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, code = gateway._take({**body, "headers": dict(self.headers), "path": self.path})
                self.send_response(status)
                self.end_headers()
                with suppress(BrokenPipeError):  # who asked has gone
                    self.wfile.write(json.dumps({"result": {"code": code}}).encode())

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.file = folder / "gateway.toml"
        self.file.write_text(FILE.format(address=f"http://127.0.0.1:{self.server.server_port}"))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _take(self, message: dict[str, Any]) -> tuple[int, int]:
        with self._lock:
            self.count += 1
            number = self.count
            failure = self.fails(number)
            if failure == "":
                self.taken.setdefault(message["key"], message)
                self.posts[message["key"]] += 1
        if failure == 0:
            time.sleep(3)
        if failure == "":
            self.after(number)
        return (int(failure) if failure else 200), (0 if failure == "" else 9)

    def texts(self, phone: str) -> list[str]:
        """What one telephone got."""
        return [each["text"] for each in self.taken.values() if each["to"] == phone]


@contextmanager
def a_gateway(folder: Path) -> Iterator[TextGateway]:
    """One that runs within the block."""
    gateway = TextGateway(folder)
    try:
        yield gateway
    finally:
        gateway.server.shutdown()
        gateway.server.server_close()
