"""Make the site: read content/, render what changed, check it, and put the whole in place at once. See `--help`.

Exit codes: 0 done; 1 the input is wrong, or the disk, or it was stopped (each mistake on its own line, the site is as
it was); 2 the call is wrong; 3 another build is running. For staff and operators: docs/building.md.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # Thousands of pages are held until the end of a build: looking for garbage among them finds none.
    gc.set_threshold(1_000_000, 50, 1000)

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from civic.content.snapshot import Snapshot
from civic.errors import ContentMistakes, InUse, Mistake, Misuse
from forms_api.settings import read_settings
from publish.builds import Builds
from publish.command import BuildReport, Call, outcome, read_call, reasons
from publish.inputs import ROOT, Request, files_of, stamp_of_program
from publish.memory import Cache

if TYPE_CHECKING:
    from civic.content.facts import Memory
    from civic.library import Library

# Flask, pydantic and templates are imported where they are needed: a call that needs none answers at once.


def build(request: Request) -> BuildReport:
    """Build the site and publish it. Raises ContentMistakes, BuildFailed, InUse, OSError: then the site is as it was."""
    began = time.perf_counter()
    stamp, builds = stamp_of_program(ROOT), Builds(request.out)
    builds.check_target()
    # A mistake in the very first content leaves no folder behind. Files are looked at before they are read.
    first = None if builds.folder.is_dir() else (files_of(request), *_read(request, None, None))
    with builds.alone(request.patience):
        builds.check_target()
        report = _build(request, builds, Cache(builds.cache, stamp), first)
    report.seconds = time.perf_counter() - began
    return report


def _read(
    request: Request, cache: Cache | None, accepted: Snapshot | None, wrong: Sequence[Mistake] = ()
) -> tuple[Library, Memory]:
    """The content of a request. Raises ContentMistakes."""
    from civic.content.facts import Memory
    from civic.content.sessions import holiday, holidays
    from civic.library import load

    holidays.update(cache.state.holidays if cache and cache.state else {})
    holiday(request.now)  # before other processes read
    memory, kept = Memory(cache.all("file") if cache else {}), None if request.strict else accepted
    library = load(request.content, request.now, memory, request.jobs, request.results, kept, wrong)
    return library, memory


def _build(
    request: Request, builds: Builds, cache: Cache, content: tuple[str, Library, Memory] | None
) -> BuildReport:
    if request.full:
        cache.throw_away()
    state, files = cache.state, files_of(request)
    if (
        state
        and state.answers(request.now, files, builds.current())
        and not ((request.strict and state.report.mistakes) or request.draft)
    ):
        return replace(state.report, made=0, dropped=0, is_new=False, warnings=(), said=())
    accepted = Snapshot.of(builds.current(), request.content)
    wrong: list[Mistake] = []
    while True:
        files, library, memory = content or (files, *_read(request, cache, accepted, wrong))
        from publish.build import Building

        try:
            return Building(request, library, memory, builds, cache, accepted).run(files)
        except ContentMistakes as found:
            if set(found.mistakes) <= set(wrong):  # nor is what was accepted as it must be
                raise
            wrong += found.mistakes
        content = None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    try:
        settings = read_settings(os.environ)
    except Misuse as wrong:
        _say(str(wrong), sys.stderr)
        return 2
    jobs = settings.jobs or min(os.cpu_count() or 1, 64)
    places = {name: getattr(settings, name) for name in ("content", "results", "base_url")}
    call = read_call(arguments, {**places, "out": settings.site, "jobs": jobs})
    builds = Builds(call.request.out)
    stood, code = builds.current(), 1
    try:
        return _run(call)
    except InUse as wrong:
        said, code = str(wrong), 3
    except KeyboardInterrupt:
        said = "멈추었습니다."
    except Exception as wrong:
        said, lines = reasons(wrong, call.request.out)
        for line in lines:
            _say(line)
    _say(f"{said} 누리집은 {'그대로입니다' if stood == builds.current() else '새것입니다'}.", sys.stderr)
    return code


def _run(call: Call) -> int:
    request = call.request
    match call.mode:
        case "check":
            return _check(request)
        case "due":
            return _due(request)
        case "rollback":
            return _roll_back(request)
        case "watch":
            from publish.watch import watch

            stamp_of_program(ROOT)
            return watch(request, build, call.beside)
    report = build(request)
    return _end(report.warnings, report.mistakes, *report.said, report.sentence(request.out))


def _check(request: Request) -> int:
    accepted = Snapshot.of(Builds(request.out).current(), request.content)
    library = _read(request, None, accepted)[0]
    shown = f"화면 {len(library.everything())}개가 보입니다."
    return _end(
        library.warnings, outcome(library), shown if library.refused else f"내용에 잘못이 없습니다. {shown}"
    )


def _end(warnings: Sequence[object], mistakes: Sequence[str], *done: str) -> int:
    """Say what staff should look at and what was done, and shout about mistakes of notices that stand as they were. The
    exit code."""
    for warning in warnings:
        _say(f"살펴보세요: {warning}", sys.stderr)
    for line in (*mistakes, *done):
        _say(line)
    if mistakes:
        _say("고칠 글이 있습니다. 고치고 다시 만드세요. 다른 글은 새로 올라갑니다.", sys.stderr)
    return 1 if mistakes else 0


def _due(request: Request) -> int:
    """Print when the site has to be built again: a time, "now" or "never". Changes nothing, waits for nobody."""
    builds = Builds(request.out)
    state = Cache(builds.cache, stamp_of_program(ROOT)).state
    if state is None or not state.answers(request.now, files_of(request), builds.current()):
        _say("now")
    else:
        _say(state.report.due.isoformat() if state.report.due else "never")
    return 0


def _roll_back(request: Request) -> int:
    builds = Builds(request.out)
    builds.check_target()
    with builds.alone(request.patience):
        older = builds.roll_back()
    if older is None:
        _say(f"{request.out}: 되돌릴 이전 누리집이 없습니다.")
        return 1
    _say(f"{request.out}: {older.name}로 되돌렸습니다. 다음에 만들면 새 내용이 다시 나옵니다.")
    return 0


def _say(text: str, file: TextIO | None = None) -> None:
    """A line, on standard output; whoever has gone (`| head`) need not hear it."""
    with suppress(BrokenPipeError):
        print(text, file=file, flush=True)


def command() -> int:
    """As the process of its own that it is: stopped cleanly by signals, and without a word when nobody listens."""

    def stop(*_: Any) -> None:
        for number in stopping:  # once is enough: tidying up is not to be stopped
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    # Not those that whoever started this has shut off (nohup).
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stopping = [number for number in asked if signal.getsignal(number) is not signal.SIG_IGN]
    for number in stopping:
        signal.signal(number, stop)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file may be no text
    try:
        code = main()
    except SystemExit as wrong:
        code = wrong.code if isinstance(wrong.code, int) else 1
    for out in (sys.stdout, sys.stderr):
        with suppress(OSError):
            out.flush()
    return code


if __name__ == "__main__":
    # Everything is on disk: to take all pages apart, object by object, lasts as long as an edit.
    os._exit(command())
