"""Make the site: read content/, render what changed, check it, and put the whole in place at once.

    python build.py [--content DIR] [--out DIR] [--base-url URL] [--now ISO] [--check] [--full] [--jobs N]
                    [--watch [--port N] [--beside COMMAND]] [--sync DIR] [--rollback] [--due] [--profile] [--json]

Exit codes: 0 done; 1 the input is wrong (each mistake on its own line, the site is as it was); 2 the call
is wrong; 3 another build is running. For staff and operators: docs/building.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from civic.clock import SEOUL, parse_time
from civic.errors import ContentMistakes, InUse
from publish.builds import Builds, NotOurs
from publish.cache import Cache, Damaged
from publish.inputs import Inputs
from publish.report import Report, Teller
from publish.request import ROOT, Request, State, listing

if TYPE_CHECKING:
    from publish.remembering import FileMemory

# Everything heavy (Flask, pydantic, templates) is imported where it is needed: a build that has nothing to do
# and a call that is wrong answer at once.


class BuildFailed(Exception):
    """The site could not be made; one line for each reason. The live site is as it was."""

    def __init__(self, lines: Sequence[object]) -> None:
        self.lines = tuple(str(line) for line in lines)
        super().__init__("\n".join(self.lines))


def silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


def build(request: Request, tell: Teller = silent) -> Report:
    """Build the site and publish it behind the link `request.out`.

    Raises ContentMistakes, BuildFailed or InUse; then the site is as it was and nothing half-built is left.
    """
    began = time.perf_counter()
    report = Report()
    builds = Builds(request.out)
    try:
        builds.check_target()
        memory = None
        if not builds.folder.is_dir():
            from publish.building import first_look

            memory = first_look(
                request, report
            )  # a mistake in the very first content leaves no folder behind
        with builds.alone(request.patience, _say_waiting):
            builds.check_target()
            _with_cache(request, builds, tell, report, memory)
    except (BuildFailed, ContentMistakes, InUse):
        raise
    except NotOurs as wrong:
        raise BuildFailed([wrong]) from wrong
    except OSError as wrong:
        raise BuildFailed([f"{wrong.filename or request.out}: {wrong.strerror or wrong}"]) from wrong
    report.seconds = time.perf_counter() - began
    return report


def _with_cache(
    request: Request, builds: Builds, tell: Teller, report: Report, memory: FileMemory | None
) -> None:
    with report.stage("바뀐 것 찾기"):
        # Not the package itself, which loads Jinja; a test may have put it elsewhere.
        templates = getattr(sys.modules.get("templates"), "FOLDER", ROOT / "templates")
        look = Inputs(ROOT, templates)
        cache = Cache(builds.cache, look.of_program())
        inputs = look.of_content(request.content) + look.of_assets()
    try:
        try:
            if not _is_current(request, builds, cache, inputs, report):
                _make(request, builds, cache, inputs if look.are_settled else "", tell, report, memory)
        except Damaged:
            cache.throw_away()
            _make(request, builds, cache, "", tell, report, None)
    finally:
        cache.close()


def _is_current(request: Request, builds: Builds, cache: Cache, inputs: str, report: Report) -> bool:
    """Is the site just what this build would make? All files by their times; a few milliseconds."""
    state: State | None = None if request.full else cache.get("state", "last")
    live = builds.current()
    if state is None or live is None or (state.wishes, state.inputs) != (request.wishes, inputs):
        return False
    if (
        live.name != state.build
        or not state.begins <= request.now < state.ends
        or listing(live) != state.listing
    ):
        return False
    report.files = report.taken_over = state.files
    report.build, report.due = state.build, state.due
    return True


def _make(
    request: Request,
    builds: Builds,
    cache: Cache,
    inputs: str,
    tell: Teller,
    report: Report,
    memory: FileMemory | None,
) -> None:
    from publish.building import Building, NotWhole
    from publish.freezing import FreezeFailed, explain

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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    given = _parser().parse_args(arguments)
    request = Request(
        given.content,
        given.out,
        given.now or datetime.now(SEOUL).replace(microsecond=0),
        given.base_url or "",
        demo=given.now is not None,
        live=given.watch,
        full=given.full,
        jobs=given.jobs,
    )
    try:
        if given.check:
            return _check(request)
        if given.due:
            return _due(request)
        if given.rollback:
            return _roll_back(request)
        if given.watch:
            from publish.watching import watch

            return watch(request, build, given.port, given.beside)
        report = _build(request, given)
        if given.sync:
            from publish.syncing import sync

            print(sync(request.out, given.sync).sentence(given.sync), file=sys.stderr)
    except ContentMistakes as wrong:
        print("\n".join(str(mistake) for mistake in wrong.mistakes))
        print(f"고칠 곳이 {len(wrong.mistakes)}개 있습니다. 누리집은 그대로입니다.", file=sys.stderr)
        return 1
    except BuildFailed as wrong:
        print("\n".join(wrong.lines))
        print("만들지 못했습니다. 누리집은 그대로입니다.", file=sys.stderr)
        return 1
    except NotOurs as wrong:
        print(wrong)
        return 1
    except InUse as wrong:
        print(wrong, file=sys.stderr)
        return 3
    if given.json:
        print(json.dumps(report.as_data(), ensure_ascii=False))
    else:
        print(report.sentence(given.out))
    if given.profile:
        print("\n".join(report.profile()), file=sys.stderr)
    return 0


def _build(request: Request, given: argparse.Namespace) -> Report:
    from publish.progress import progress

    # Thousands of pages are held until the end of a build: looking for garbage among them finds none.
    gc.set_threshold(200_000, 50, 1000)
    with progress(sys.stderr, quiet=given.json) as tell:
        return build(request, tell)


def _check(request: Request) -> int:
    from civic.library import load

    library = load(request.content, request.now)
    print(f"내용에 잘못이 없습니다. 화면 {len(library.everything())}개가 보입니다.")
    return 0


def _due(request: Request) -> int:
    """Print when the site has to be built again: a time, "now" or "never"."""
    builds = Builds(request.out)
    state: State | None = None
    if builds.cache.is_file():
        templates = ROOT / "templates"
        cache = Cache(builds.cache, Inputs(ROOT, templates).of_program())
        try:
            state = cache.get("state", "last")
        except Damaged:
            state = None
        finally:
            cache.close()
    live = builds.current()
    if (
        state is None
        or live is None
        or live.name != state.build
        or not state.begins <= request.now < state.ends
    ):
        print("now")
    else:
        print(state.due or "never")
    return 0


def _roll_back(request: Request) -> int:
    builds = Builds(request.out)
    builds.check_target()
    with builds.alone(request.patience, _say_waiting):
        older = builds.roll_back()
    if older is None:
        print(f"{request.out}: 되돌릴 이전 누리집이 없습니다.")
        return 1
    print(f"{request.out}: {older.name}로 되돌렸습니다. 다음에 만들면 새 내용이 다시 나옵니다.")
    return 0


def _say_waiting() -> None:
    print("다른 만들기가 끝나기를 기다립니다.", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description="누리집을 만듭니다.")
    add = parser.add_argument
    add("--content", type=Path, default=ROOT / "content", metavar="DIR", help="내용이 있는 폴더")
    add("--out", type=Path, default=ROOT / "site", metavar="DIR", help="누리집이 놓일 자리(링크)")
    add("--base-url", type=_address, metavar="URL", help="공개 주소")
    add("--now", type=_time, metavar="ISO", help="이 시각의 누리집을 시연용으로 만듭니다")
    add("--full", action="store_true", help="이어받지 않고 모두 새로 만듭니다")
    add("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="함께 일할 프로세스 수")
    add("--json", action="store_true", help="결과를 JSON으로 적습니다")
    add("--profile", action="store_true", help="어디에 시간이 걸렸는지 적습니다")
    add("--sync", type=Path, metavar="DIR", help="만든 뒤 바뀐 파일만 이 폴더에 옮깁니다")
    add("--port", type=int, default=8000, metavar="N", help="--watch가 보여 주는 포트")
    add("--beside", metavar="COMMAND", help="--watch가 스스로 보여 주는 대신 함께 돌릴 서버 명령")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--check", action="store_true", help="내용만 살펴보고 아무것도 쓰지 않습니다")
    only.add_argument("--watch", action="store_true", help="고칠 때마다 다시 만들고 브라우저를 새로 고칩니다")
    only.add_argument("--rollback", action="store_true", help="바로 전에 만든 누리집으로 되돌립니다")
    only.add_argument(
        "--due", action="store_true", help="언제 다시 만들어야 하는지 적습니다(시각, now, never)"
    )
    return parser


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"1부터 64까지의 수여야 합니다 (found {text})")
    return int(text)


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"2023-08-16T09:00:00처럼 쓰세요 (found {text})") from None


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")) or len(text.split("/")) != 3:
        raise argparse.ArgumentTypeError(f"https://로 시작하고 끝에 /가 없는 주소여야 합니다 (found {text})")
    return text


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(
        code
    )  # everything is on disk: to take all pages apart, object by object, lasts as long as an edit
