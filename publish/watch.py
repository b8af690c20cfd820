"""`--watch`: every edit makes the site anew, and open pages load themselves; mistakes show on the page.

Pages of a watched site carry a small script that asks for /live.json: a new build there and the page loads itself;
mistakes there and it shows them, with file and line, above the page that stands. Until such a site stands, a page of
its own shows the mistakes. Never writes into a site that was made without --watch.
"""

import errno
import gc
import html
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from watchfiles import watch as changes

from civic.errors import ContentMistakes, InUse, Mistake, trouble
from civic.files import write
from publish.builds import LIVE, Builds, told
from publish.command import BuildReport, reasons
from publish.inputs import CODE, ROOT, Request

DELAY = 200  # ms in which several edits count as one
QUIET = 20  # ms without another one, after which they are built
TICK = 500  # ms between two looks at the server and the clock
MISSED = frozenset({""})  # in place of paths: whatever happened while nobody watched
Build = Callable[[Request], BuildReport]


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
    Raises BuildFailed, InUse (the port), ContentMistakes (no content to be watched).
    """
    stop = stop or _stopped_by_signals()
    Builds(request.out).check_target()
    if not request.content.is_dir():
        raise ContentMistakes([Mistake(str(request.content), 0, "", "content 폴더가 없습니다")])
    watcher = WatchedSite(request, build)
    shown = Shown(watcher, port, beside)
    try:
        watcher.rebuild()
        shown.look()
        import_module("publish.build")  # if the site stood already; the first edit need not wait for it
        for paths in _changes([request.content, *(ROOT / name for name in ("static", *CODE))], stop):
            if (code := shown.look()) is not None:
                return code
            if _is_other_program(paths):
                print("프로그램이 바뀌어 처음부터 다시 시작합니다.", flush=True)
                shown.end()
                os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (ourselves)
            if paths or watcher.is_due:
                watcher.rebuild(aloud=bool(paths - MISSED))
    finally:
        shown.end()
    return 0


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _changes(places: Sequence[Path], stop: threading.Event) -> Iterator[frozenset[str]]:
    """The paths that were changed there since the last look, at each TICK.

    A place that gives way to another of its name is followed by nobody, and a name that is no text, as archives from
    other systems bring, ends the watching itself: it begins anew, and what happened meanwhile counts as one more edit.
    """
    missed = MISSED  # while the first site was made
    while not stop.is_set():
        try:
            followed = [*places, *_behind_links(places)]
            known = _which(followed)
            for seen in changes(
                *(place for place in followed if place.exists()),
                debounce=DELAY,
                step=QUIET,
                rust_timeout=TICK,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
            ):
                yield missed.union(path for _, path in seen)
                missed = frozenset()
                if _which(followed) != known or (seen and followed[len(places) :] != _behind_links(places)):
                    break
        except (RuntimeError, FileNotFoundError):  # its own WatchfilesRustInternalError; gone just now
            stop.wait(TICK / 1000)
            yield MISSED
        missed = MISSED


def _behind_links(places: Sequence[Path]) -> list[Path]:
    """What the symbolic links of these folders lead to: it may be edited where it lies."""
    found: dict[Path, None] = {}
    for place in places:
        for folder, folders, files in os.walk(place):
            folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules")]
            links = (Path(folder, name) for name in (*folders, *files))
            found |= {link.resolve(): None for link in links if link.is_symlink() and link.exists()}
    return list(found)


def _which(places: Sequence[Path]) -> list[int]:
    """Which folders and files these are, whatever they are called. Raises FileNotFoundError for one that goes just now."""
    return [place.stat().st_ino if place.exists() else 0 for place in places]


def _is_other_program(paths: Iterable[str]) -> bool:
    """Has our own code changed, and can it be read? Modules that are loaded would stay the old ones."""
    ours = tuple(f"{ROOT / name}" for name in CODE)
    code = [Path(path) for path in paths if path.endswith(".py") and path.startswith(ours)]
    code = [file for file in code if file.is_file()]
    try:
        for file in code:
            compile(file.read_bytes(), file, "exec")
    except (SyntaxError, ValueError) as wrong:
        print(f"{file}: {wrong}", file=sys.stderr, flush=True)
        return False
    return bool(code)


class WatchedSite:
    """Builds, and tells open pages what came of it."""

    def __init__(self, request: Request, build: Build) -> None:
        # One process: threads that watch files do not go well with forked ones.
        self._request, self._build = replace(request, jobs=1), build
        self._builds, self.out = Builds(request.out), request.out
        self._began = monotonic()
        self._due: datetime | None = None
        self.mistakes: list[str] = []

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
        mistakes: Sequence[str] = ()
        self._due = None
        try:
            report = self._build(request)
            self._due = report.due
            if aloud or report.is_new:
                print(f"{report.note}\n{report.sentence(request.out)}".lstrip(), flush=True)
        except Exception as wrong:
            # Whatever went wrong is shown; the next edit is the next try.
            mistakes = reasons(wrong, request.out)[1] or [str(wrong)]
        # The name of a file may be no text; what pages are told is.
        said = [line.encode("utf-8", "backslashreplace").decode() for line in mistakes]
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
        try:
            write(current / LIVE, told(current.name, self.mistakes), durable=False)
        except OSError as wrong:
            print(trouble(wrong, current / LIVE), file=sys.stderr, flush=True)


class Shown:
    """Who shows the site: a preview on this machine, and as soon as there is a watched site the server beside."""

    def __init__(self, watcher: WatchedSite, port: int | None, beside: Sequence[str] | None) -> None:
        """Takes the port. Raises InUse."""
        self._watcher, self._beside = watcher, beside
        self._preview = None if port is None else _preview(watcher, port)
        self._thread: threading.Thread | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def look(self) -> int | None:
        """Begin what shows the site now; the exit code of a server beside that ended by itself."""
        if self._server:
            return self._server.poll()
        if self._beside and self._watcher.is_live:
            self.end()
            self._server = subprocess.Popen(self._beside)  # noqa: S603 (the command that was asked for)
        elif self._preview and not self._thread:
            self._thread = threading.Thread(target=self._preview.serve_forever, daemon=True)
            self._thread.start()
            print(f"http://127.0.0.1:{self._preview.server_address[1]}", flush=True)
        return None

    def end(self) -> None:
        """Nobody shows it any more."""
        if self._preview:
            if self._thread:
                self._preview.shutdown()
            self._preview.server_close()
        if self._server:
            self._server.terminate()
            try:
                self._server.wait(15)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True  # else connections that have just ended keep the port from the server beside


def _preview(watcher: WatchedSite, port: int) -> _Server:
    try:
        # Without SO_REUSEPORT: two servers would share the port silently.
        with ThreadingHTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as probe:
            place = ("127.0.0.1", int(probe.server_address[1]))
        return _Server(place, partial(_Handler, watcher))
    except OSError as wrong:
        if wrong.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise InUse(f"포트 {port}을(를) 쓸 수 없습니다. --port로 다른 포트를 정하세요.") from wrong


class _Handler(SimpleHTTPRequestHandler):
    """The built site, or while no watched one stands what keeps it from being built: that page looks again every second."""

    def __init__(self, watcher: WatchedSite, *given: Any) -> None:
        self._watcher = watcher
        super().__init__(*given, directory=str(watcher.out))

    def do_GET(self) -> None:
        mistakes = self._watcher.mistakes
        if not mistakes or self._watcher.is_live:
            super().do_GET()
            return
        said = f"고칠 곳이 {len(mistakes)}개 있습니다. 고치면 누리집이 나옵니다."
        page = (
            '<!doctype html><html lang="ko"><meta charset="utf-8"><meta http-equiv="refresh" content="1">'
            f"<title>{said}</title><h1>{said}</h1><ul>"
            + "".join(f"<li>{html.escape(line)}</li>" for line in mistakes)
            + "</ul></html>\n"
        )
        self.error_message_format = page.replace("%", "%%")
        self.send_error(503)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass
