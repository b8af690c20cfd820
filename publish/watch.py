"""`--watch`: every edit makes the site anew, and open pages load themselves; mistakes show on the page.

Pages of a watched site ask for /live.json: what build it is, and what mistakes there are now, with file and line. Never
writes into a site that was made without --watch.
"""

import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from time import monotonic

from civic.errors import ContentMistakes, Mistake, trouble
from civic.files import write
from publish.builds import LIVE, Builds, told
from publish.command import BuildReport, reasons
from publish.inputs import Request, look

TICK = 0.2  # seconds between two looks at files, server and clock; longer where a look takes long
Build = Callable[[Request], BuildReport]


def watch(
    request: Request, build: Build, beside: Sequence[str] | None, stop: threading.Event | None = None
) -> int:
    """Build, and build again after each edit and when the clock asks for it, until a signal or `stop`.

    beside: the command of a server, which begins as soon as there is a watched site; when it ends, so does this, with its
    exit code. Raises BuildFailed, ContentMistakes (no content to be watched).
    """
    stop = stop or _stopped_by_signals()
    Builds(request.out).check_target()
    if not request.content.is_dir():
        raise ContentMistakes([Mistake(str(request.content), 0, "", "content 폴더가 없습니다")])
    watcher, server = WatchedSite(request, build), None
    import_module("publish.build")  # if the site stands already; the first edit need not wait for it
    seen, pause = "", 0.0
    try:
        while not stop.wait(pause):
            began = monotonic()
            found, _ = look(request)
            pause = max(TICK, 20 * (monotonic() - began))
            if found != seen or watcher.is_due:
                watcher.rebuild(aloud=found != seen)
                seen = found  # as it was before: what was edited meanwhile is seen next
            if server is None and beside and watcher.is_live:
                # In a group of its own: Ctrl-C in a terminal tells us, and we tell it, once.
                server = subprocess.Popen(beside, process_group=0)  # noqa: S603 (the command that was asked for)
            if server and (code := server.poll()) is not None:
                return code
    finally:
        if server:
            _end(server)
    return 0


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


class WatchedSite:
    """Builds, and tells open pages what came of it."""

    def __init__(self, request: Request, build: Build) -> None:
        # One process: threads that watch files do not go well with forked ones.
        self._request, self._build = replace(request, jobs=1), build
        self._builds = Builds(request.out)
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
            self._due, mistakes = report.due, report.mistakes
            if aloud or report.is_new:
                print(*report.said, report.sentence(request.out), sep="\n", flush=True)
        except Exception as wrong:
            # Whatever went wrong is shown; the next edit is the next try.
            mistakes = reasons(wrong, request.out)[1] or [str(wrong)]
        # The name of a file may be no text; what pages are told is.
        said = [line.encode("utf-8", "backslashreplace").decode() for line in mistakes]
        known, self.mistakes = self.mistakes, said
        for line in said if aloud or said != known else ():
            print(line, file=sys.stderr, flush=True)
        current = self._builds.current()
        if current and self.is_live:  # only pages of a watched site ask
            try:
                write(current / LIVE, told(current.name, said), durable=False)
            except OSError as wrong:
                print(trouble(wrong, current / LIVE), file=sys.stderr, flush=True)
        gc.collect()  # what this build has held; while it runs nobody looks for garbage
        return not mistakes


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
