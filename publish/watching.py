"""`--watch`: every edit makes the site anew, and open pages load themselves; mistakes show on the page.

Pages of a watched site carry a small script that asks for /live.json: a new build there and the page loads itself;
mistakes there and it shows them, with file and line, above the page that stands. Nothing but files: any server will do.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

from watchfiles import watch as changes

from civic.errors import ContentMistakes
from publish.report import Report
from publish.request import LIVE, ROOT, Request

DELAY = 200  # ms in which several edits count as one
TICK = 500  # ms between two looks at the server
WATCHED = ("templates", "static")
Build = Callable[[Request], Report]


def watch(
    request: Request, build: Build, port: int, beside: str | None, stop: threading.Event | None = None
) -> int:
    """Build, show, and build again after each edit, until a signal or `stop`; the exit code.

    port: of the site on this machine, where no command runs beside; beside: the command of a
    server, which follows the content by itself; when it ends, so does this, with its exit code.
    """
    stop = stop or threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, lambda *_: stop.set())
    watcher = Watcher(request, build)
    if not watcher.rebuild() and not request.out.is_dir():
        return 1  # there is no page on which the mistakes could be shown
    server = _Command(shlex.split(beside)) if beside else _Preview(request.out, port)
    try:
        for seen in changes(
            request.content,
            *(ROOT / name for name in WATCHED),
            debounce=DELAY,
            rust_timeout=TICK,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
        ):
            code = server.code()
            if code is not None:
                return code
            if seen:
                watcher.rebuild()
    finally:
        server.end()
    return 0


class Watcher:
    """Builds, and writes beside the pages what came of it."""

    def __init__(self, request: Request, build: Build) -> None:
        # One process: threads that watch files do not go well with forked ones.
        self._request, self._build = replace(request, jobs=1), build
        self._began = monotonic()

    def rebuild(self) -> bool:
        """One build; False when it could not be made."""
        request = replace(
            self._request, now=self._request.now + timedelta(seconds=int(monotonic() - self._began))
        )
        mistakes: tuple[object, ...] = ()
        try:
            report = self._build(request)
            print(report.sentence(request.out), flush=True)
        except ContentMistakes as wrong:
            mistakes = wrong.mistakes
        except Exception as wrong:
            # Whatever went wrong is shown; the next edit is the next try.
            mistakes = getattr(wrong, "lines", None) or (f"{type(wrong).__name__}: {wrong}",)
        for line in mistakes:
            print(line, file=sys.stderr, flush=True)
        tell_pages(request.out, [str(line) for line in mistakes])
        return not mistakes


def tell_pages(out: Path, mistakes: list[str]) -> None:
    """Say which build the site is, and what is wrong with the content now. Nothing where no site is built."""
    if not out.is_dir():
        return
    site = out.resolve()
    fresh = site.parent / f".{LIVE}"
    fresh.write_text(json.dumps({"build": site.name, "mistakes": mistakes}, ensure_ascii=False), "utf-8")
    fresh.replace(site / LIVE)


class _Preview:
    """The built site on this machine alone."""

    def __init__(self, out: Path, port: int) -> None:
        handler = partial(_Quiet, directory=str(out))
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{self.server.server_address[1]}", flush=True)

    def code(self) -> int | None:
        """It ends with this process only."""
        return None

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Command:
    """A server that runs beside."""

    def __init__(self, words: list[str]) -> None:
        self._running = subprocess.Popen(words)  # noqa: S603 (the command that was asked for)

    def code(self) -> int | None:
        """The exit code of a server that ended by itself."""
        return self._running.poll()

    def end(self) -> None:
        if self._running.poll() is not None:
            return
        self._running.send_signal(signal.SIGTERM)
        try:
            self._running.wait(15)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
