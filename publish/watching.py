"""`--watch`: every edit makes the site anew, and open pages load themselves; mistakes show on the page.

Pages of a watched site carry a small script that asks for /live.json: a new build there and the page loads itself;
mistakes there and it shows them, with file and line, above the page that stands. Until such a site stands, a page of
its own shows the mistakes. Never writes into a site that was made without --watch.
"""

from __future__ import annotations

import errno
import gc
import html
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from watchfiles import Change
from watchfiles import watch as changes

from civic.clock import parse_time
from civic.errors import ContentMistakes, InUse, Mistake, trouble
from publish.builds import Builds
from publish.inputs import CODE
from publish.report import Report
from publish.request import LIVE, ROOT, Request, told

DELAY = 200  # ms in which several edits count as one
QUIET = 20  # ms without another one, after which they are built
TICK = 500  # ms between two looks at the server and the clock
SHOWN = ("templates", "static")
MISSED = frozenset({(Change.modified, "")})  # whatever happened while nobody watched
Build = Callable[[Request], Report]


def watch(
    request: Request,
    build: Build,
    port: int | None,
    beside: Sequence[str] | None,
    stop: threading.Event | None = None,
) -> int:
    """Build, show, and build again after each edit and when the clock asks for it, until a signal or `stop`.

    port: where the site is shown on this machine, None for nowhere; beside: the command of a server, which follows
    the content by itself and takes over as soon as there is a watched site; when it ends, so does this, with its exit
    code.
    Raises NotOurs, InUse (the port), ContentMistakes (no content to be watched).
    """
    stop = stop or threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, lambda *_: stop.set())
    builds = Builds(request.out)
    builds.check_target()
    if not request.content.is_dir():
        raise ContentMistakes([Mistake(str(request.content), 0, "", "content 폴더가 없습니다")])
    watcher = Watcher(request, build)
    preview = _Preview(watcher, port) if port is not None else None
    server: _Preview | _Command | None = preview
    try:
        watcher.rebuild()
        if preview and not (beside and watcher.is_live):
            preview.begin()
        import_module("publish.building")  # if the site stood already; the first edit need not wait for it
        for seen in _changes(_watched(request.content), stop):
            if beside and server is preview and watcher.is_live:
                if preview:
                    preview.end()
                server = _Command(beside)
            if isinstance(server, _Command) and (code := server.code()) is not None:
                return code
            if _is_other_program({path for _, path in seen}):
                print("프로그램이 바뀌어 처음부터 다시 시작합니다.", flush=True)
                if server:
                    server.end()
                os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (ourselves)
            if seen or watcher.is_due:
                watcher.rebuild(aloud=bool(seen - MISSED))
    finally:
        if server:
            server.end()
    return 0


def _changes(places: Sequence[Path], stop: threading.Event) -> Iterator[Set[tuple[Change, str]]]:
    """What was changed there since the last look, at each TICK.

    A place that gives way to another of its name is followed by nobody, and a name that is no text, as archives from
    other systems bring, ends the watching itself: it begins anew, and what happened meanwhile counts as one more edit.
    """
    missed: Set[tuple[Change, str]] = MISSED  # while the first site was made
    while not stop.is_set():
        known = [_which(place) for place in places]
        try:
            for seen in changes(
                *(place for place in places if place.exists()),
                debounce=DELAY,
                step=QUIET,
                rust_timeout=TICK,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
            ):
                yield seen | missed
                missed = frozenset()
                if [_which(place) for place in places] != known:
                    break
        except (RuntimeError, FileNotFoundError):  # its own WatchfilesRustInternalError; gone just now
            stop.wait(TICK / 1000)
            yield MISSED
        missed = MISSED


def _which(place: Path) -> tuple[int, int] | None:
    """Which folder or file this is, whatever it is called; None where there is none."""
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _watched(content: Path) -> list[Path]:
    return [content, *(ROOT / name for name in {*SHOWN, *CODE})]


def _is_other_program(paths: set[str]) -> bool:
    """Has our own code changed, and can it be read? Modules that are loaded would stay the old ones."""
    code = [Path(path) for path in paths if path.endswith(".py") and _is_code(Path(path))]
    for file in code:
        try:
            compile(file.read_bytes(), file, "exec")
        except FileNotFoundError:
            continue
        except (SyntaxError, ValueError) as wrong:
            print(f"{file}: {wrong}", file=sys.stderr, flush=True)
            return False
    return bool(code)


def _is_code(file: Path) -> bool:
    return any(file.is_relative_to(ROOT / name) for name in CODE)


class Watcher:
    """Builds, and tells open pages what came of it."""

    def __init__(self, request: Request, build: Build) -> None:
        # One process: threads that watch files do not go well with forked ones.
        self._request, self._build = replace(request, jobs=1), build
        self._builds = Builds(request.out)
        self._began = monotonic()
        self._due: datetime | None = None
        self.mistakes: list[str] = []
        self.site = request.out

    @property
    def now(self) -> datetime:
        """The time of the site, which goes on."""
        return self._request.now + timedelta(seconds=int(monotonic() - self._began))

    @property
    def is_due(self) -> bool:
        """Has the clock come to where a page changes?"""
        return self._due is not None and self.now >= self._due

    @property
    def is_live(self) -> bool:
        """Does a watched site stand, whose pages show mistakes by themselves?"""
        current = self._builds.current()
        return current is not None and (current / LIVE).is_file()

    def rebuild(self, aloud: bool = True) -> bool:
        """One build; False when it could not be made. aloud: say also what has not changed."""
        request = replace(self._request, now=self.now)
        mistakes: Sequence[object] = ()
        self._due = None
        try:
            report = self._build(request)
            self._due = parse_time(report.due) if report.due else None
            if aloud or report.is_new:
                print("\n".join([*report.notes, report.sentence(request.out)]), flush=True)
        except ContentMistakes as wrong:
            mistakes = wrong.mistakes
        except Exception as wrong:
            # Whatever went wrong is shown; the next edit is the next try.
            mistakes = getattr(wrong, "lines", None) or [f"{type(wrong).__name__}: {wrong}"]
        # The name of a file may be no text; what pages are told is.
        said = [str(line).encode("utf-8", "backslashreplace").decode() for line in mistakes]
        known, self.mistakes = self.mistakes, said
        for line in said if aloud or said != known else ():
            print(line, file=sys.stderr, flush=True)
        self._tell_pages()
        gc.collect()  # what this build has held; while it runs nobody looks for garbage
        return not mistakes

    def _tell_pages(self) -> None:
        """Say which build the site is, and what is wrong with the content now; in a watched site alone."""
        current = self._builds.current()
        if current is None or not self.is_live:
            return
        fresh = self._builds.folder / f".{self._request.out.name}.{LIVE}"
        try:
            fresh.write_text(told(current.name, self.mistakes), "utf-8")
            fresh.replace(current / LIVE)
        except OSError as wrong:
            print(trouble(wrong, fresh), file=sys.stderr, flush=True)


def mistakes_page(mistakes: Sequence[str]) -> str:
    """What is shown while no watched site stands; it looks again every second."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in mistakes)
    said = f"고칠 곳이 {len(mistakes)}개 있습니다. 고치면 누리집이 나옵니다."
    return (
        '<!doctype html><html lang="ko"><meta charset="utf-8"><meta http-equiv="refresh" content="1">'
        f"<title>{said}</title><h1>{said}</h1><ul>{items}</ul></html>\n"
    )


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True  # else connections that have just ended keep the port from the server beside


class _Preview:
    """The built site on this machine alone, or what keeps it from being built."""

    def __init__(self, watcher: Watcher, port: int) -> None:
        """Takes the port. Raises InUse."""
        try:
            # Without SO_REUSEPORT: two servers would share the port silently.
            with ThreadingHTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as probe:
                place = ("127.0.0.1", int(probe.server_address[1]))
            self._server = _Server(place, _handler(watcher))
        except OSError as wrong:
            if wrong.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise InUse(f"포트 {port}을(를) 쓸 수 없습니다. --port로 다른 포트를 정하세요.") from wrong
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def begin(self) -> None:
        self._thread.start()
        print(f"http://127.0.0.1:{self._server.server_address[1]}", flush=True)

    def end(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _handler(watcher: Watcher) -> type[SimpleHTTPRequestHandler]:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(watcher.site))

        def do_GET(self) -> None:
            if not watcher.mistakes or watcher.is_live:
                super().do_GET()
                return
            page = mistakes_page(watcher.mistakes).encode()
            self.send_response(503)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-store")
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Command:
    """A server that runs beside."""

    def __init__(self, words: Sequence[str]) -> None:
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
