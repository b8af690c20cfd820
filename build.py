"""Make the site: read content/, render what changed, check it, and put the whole in place at once.

    python build.py [--content DIR] [--out DIR] [--base-url URL] [--now ISO] [--check] [--full] [--jobs N]
                    [--watch [--port N] [--beside COMMAND]] [--sync DIR] [--rollback] [--due] [--profile] [--json]

Exit codes: 0 done; 1 the input is wrong, or the disk, or it was stopped (each mistake on its own line, the site is as
it was); 2 the call is wrong; 3 another build is running, or the port is taken. For staff and operators: docs/building.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from civic.clock import SEOUL
from civic.errors import ContentMistakes, InUse, Mistake, trouble
from publish.builds import Builds, NotOurs
from publish.cache import Cache, Damaged, peek
from publish.call import PORT, read_call
from publish.inputs import stamp_of_program
from publish.report import Report, Teller, since_start
from publish.request import ROOT, Request, State, inputs_of, is_current

if TYPE_CHECKING:
    from publish.memory import FileMemory

# Everything heavy (Flask, pydantic, templates) is imported where it is needed: a build that has nothing to do
# and a call that is wrong answer at once.


class BuildFailed(Exception):
    """The site could not be made; one line for each reason."""

    said = "만들지 못했습니다."

    def __init__(self, lines: Sequence[object]) -> None:
        self.lines = tuple(str(line) for line in lines)
        super().__init__("\n".join(self.lines))


class NotCopied(BuildFailed):
    """The site stands, but the target of --sync is not like it."""

    said = "옮기지 못했습니다."


def silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


def build(request: Request, tell: Teller = silent) -> Report:
    """Build the site, publish it behind the link `request.out`, and copy it where that is asked.

    Raises ContentMistakes, BuildFailed or InUse; then nothing half-built is left and, unless it is NotCopied,
    the site is as it was.
    """
    began = time.perf_counter()
    report = Report()
    with report.stage("바뀐 것 찾기"):
        stamp = stamp_of_program(ROOT)
    builds = Builds(request.out)
    try:
        builds.check_target()
        memory = None
        if not builds.folder.is_dir():
            # A mistake in the very first content leaves no folder behind.
            memory = _first_look(request, tell, report)
        with ExitStack() as held:
            with report.stage("기다리기"):
                held.enter_context(builds.alone(request.patience, _say_waiting))
            builds.check_target()
            _with_cache(request, builds, stamp, tell, report, memory)
            _copy(request, report)
    except NotOurs as wrong:
        raise BuildFailed([wrong]) from wrong
    except OSError as wrong:
        raise BuildFailed([trouble(wrong, request.out)]) from wrong
    report.end(time.perf_counter() - began)
    return report


def _first_look(request: Request, tell: Teller, report: Report) -> FileMemory:
    """Read the content just to see whether it holds; what was read, to be kept. Raises ContentMistakes."""
    with report.stage("불러오기"):
        from civic.library import load
        from publish.memory import FileMemory

    memory = FileMemory(None, tell)
    with report.stage("글 읽기"):
        load(
            request.content,
            request.now,
            memory,
            request.jobs,
            meanwhile=partial(import_module, "publish.building"),
        )
    return memory


def _with_cache(
    request: Request, builds: Builds, stamp: str, tell: Teller, report: Report, memory: FileMemory | None
) -> None:
    with report.stage("바뀐 것 찾기"):
        cache = Cache(builds.cache, stamp)
        inputs, are_settled = inputs_of(request)
    try:
        try:
            state: State | None = None if request.full else cache.get("state", "last")
            if state and is_current(request, builds, state, inputs):
                report.files = report.taken_over = state.files
                report.build, report.due = state.build, state.due
            else:
                _make(request, builds, cache, inputs if are_settled else "", tell, report, memory)
        except Damaged:
            cache.throw_away()
            _make(request, builds, cache, "", tell, report, None)
    finally:
        cache.close()


def _make(
    request: Request,
    builds: Builds,
    cache: Cache,
    inputs: str,
    tell: Teller,
    report: Report,
    memory: FileMemory | None,
) -> None:
    with report.stage("불러오기"):
        from publish.building import Building, NotWhole
        from publish.making import FreezeFailed, explain

    try:
        Building(request, builds, cache, tell, report).run(inputs, memory)
    except NotWhole as wrong:
        raise BuildFailed(wrong.mistakes) from wrong
    except FreezeFailed as wrong:
        raise BuildFailed([wrong]) from wrong
    except (ContentMistakes, Damaged, OSError):
        raise
    except Exception as wrong:
        raise BuildFailed([explain(wrong)]) from wrong


def _copy(request: Request, report: Report) -> None:
    """Under the lock of the builds: else the one that is copied may be taken away meanwhile."""
    if request.sync is None:
        return
    from publish.syncing import sync

    try:
        with report.stage("옮기기"):
            done = sync(request.out, request.sync)
    except NotOurs as wrong:
        raise NotCopied([wrong]) from wrong
    except OSError as wrong:
        raise NotCopied([trouble(wrong, request.sync)]) from wrong
    report.synced = asdict(done)
    report.notes.append(done.sentence(request.sync))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    given = read_call(arguments)
    # Thousands of pages are held until the end of a build: looking for garbage among them finds none.
    gc.set_threshold(1_000_000, 50, 1000)
    request = Request(
        given.content,
        given.out,
        given.now or datetime.now(SEOUL).replace(microsecond=0),
        given.base_url or "",
        demo=given.now is not None,
        live=given.watch,
        full=given.full,
        jobs=given.jobs,
        sync=given.sync,
    )
    stood = Builds(request.out).current()
    lines: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    code = 1
    try:
        return _run(request, given)
    except ContentMistakes as wrong:
        mistakes, lines = wrong.mistakes, [str(mistake) for mistake in wrong.mistakes]
        said = f"고칠 곳이 {len(lines)}개 있습니다."
    except BuildFailed as wrong:
        said, lines = wrong.said, wrong.lines
    except NotOurs as wrong:
        said, lines = BuildFailed.said, [str(wrong)]
    except OSError as wrong:
        said, lines = BuildFailed.said, [trouble(wrong, request.out)]
    except InUse as wrong:
        said, code = str(wrong), 3
    except KeyboardInterrupt:
        said = "멈추었습니다."
    except Exception as wrong:  # in short, and in the place where people look
        from publish.making import explain

        said, lines = BuildFailed.said, [explain(wrong)]
    is_same = stood == Builds(request.out).current()
    said += " 누리집은 그대로입니다." if is_same else " 누리집은 새것입니다."
    if given.json:
        told = [asdict(mistake) for mistake in mistakes]
        _say(json.dumps({"error": said, "lines": lines, "mistakes": told}, ensure_ascii=False))
    elif lines:
        _say("\n".join(lines))
    _say(said, sys.stderr)
    return code


def _run(request: Request, given: argparse.Namespace) -> int:
    if given.check:
        return _check(request, given.json)
    if given.due:
        return _due(request)
    if given.rollback:
        return _roll_back(request)
    if given.watch:
        from publish.watching import watch

        stamp_of_program(ROOT)
        port = PORT if given.port is None and not given.beside else given.port
        return watch(request, build, port, given.beside)
    report = _build(request, given)
    for note in report.notes:
        _say(note, sys.stderr)
    if given.profile:
        _say("\n".join(report.profile()), sys.stderr)
    _say(json.dumps(report.as_data(), ensure_ascii=False) if given.json else report.sentence(given.out))
    return 0


def _build(request: Request, given: argparse.Namespace) -> Report:
    from publish.progress import progress

    before = since_start()
    with progress(sys.stderr, quiet=given.json) as tell:
        report = build(request, tell)
    report.began(before)
    return report


def _check(request: Request, as_json: bool) -> int:
    from civic.library import load

    count = len(load(request.content, request.now).everything())
    said = f"내용에 잘못이 없습니다. 화면 {count}개가 보입니다."
    _say(json.dumps({"pages": count, "mistakes": []}) if as_json else said)
    return 0


def _due(request: Request) -> int:
    """Print when the site has to be built again: a time, "now" or "never". Changes nothing, waits for nobody."""
    builds = Builds(request.out)
    state: State | None = peek(builds.cache, stamp_of_program(ROOT), "state", "last")
    if state is None or not is_current(request, builds, state, inputs_of(request)[0]):
        _say("now")
    else:
        _say(state.due or "never")
    return 0


def _roll_back(request: Request) -> int:
    builds = Builds(request.out)
    builds.check_target()
    with builds.alone(request.patience, _say_waiting):
        older = builds.roll_back()
    if older is None:
        _say(f"{request.out}: 되돌릴 이전 누리집이 없습니다.")
        return 1
    _say(f"{request.out}: {older.name}로 되돌렸습니다. 다음에 만들면 새 내용이 다시 나옵니다.")
    return 0


def _say_waiting() -> None:
    _say("다른 만들기가 끝나기를 기다립니다.", sys.stderr)


def _say(text: str, file: TextIO | None = None) -> None:
    """One or more lines, on standard output; whoever has gone (`| head`) need not hear them."""
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
