"""`serve`: site and API on one port, by granian. Other processes serve; this one only watches over them.

It opens no store. A process that dies is started again; one that cannot begin ends all.
"""

import errno
import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels, logger

from civic.clock import SEOUL, SteadyClock
from civic.errors import ContentMistakes, InUse, Misuse, Unavailable, why
from civic.files import create
from civic.korean import josa
from civic.library import Library, load
from civic.store import open_beside, open_store
from civic.store.folder import serving
from civic.store.key_file import keys_of
from forms_api.app import check_start, create_app
from forms_api.background import start_background
from forms_api.clock_mark import ClockMark, take_up
from forms_api.commands import CALL_WRONG, ending, staff_words
from forms_api.commands.server_data import read_time
from forms_api.metrics import EventLog
from forms_api.operations import SERVICES, Services
from forms_api.settings import Settings, read_settings

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")  # lines "0::/path" (version 2) and "4:cpu,cpuacct:/path" (version 1)
PATIENCE = 10  # seconds that a request may take after a signal to stop
FAILED = 1  # the server stopped by itself
MOST = 4  # processes, where nobody says how many
LOOK = 0.5  # seconds between two looks: for stopped processes, for content without mistakes
STOPPED = 2.5  # seconds that a serving process may stand still


@dataclass(frozen=True)
class Plan:
    """What a serving process needs to begin."""

    settings: Settings
    library: Library
    mark: ClockMark  # which clock it keeps
    shared: Path  # a folder in which processes tell each other who has begun and what they have counted

    @property
    def refused(self) -> Path:
        """Made by the first process that could not begin: the exit code, and behind it what is said."""
        return self.shared / "refused"

    def begun(self) -> int:
        """Processes that have begun since the server started."""
        return len(list(self.shared.glob("begun-*")))


@click.command()
@click.option("--site", help="빌드한 누리집 폴더")
@click.option("--base-url", help="누리집의 공개 주소")
@click.option("--content", help="글 폴더")
@click.option("--data", help="신청을 두는 곳: tinydb://폴더 또는 postgresql://…")
@click.option("--host", help="듣는 주소")
@click.option("--port", type=click.IntRange(0, 65535), help="듣는 포트. 0이면 빈 포트를 고릅니다.")
@click.option("--processes", type=int, help="서버 프로세스 수. 0이면 프로세서 수만큼, 많아야 4")
@click.option("--now", help="이때부터 시계를 시작합니다(시연). 예: 2023-08-16T09:00:00+09:00")
def serve(now: str | None, **options: Any) -> None:
    """누리집과 신청 접수를 한 포트에서 엽니다."""
    start = read_time(now) if now else None
    settings = replace(read_settings(**options), demo=start is not None)
    settings = replace(settings, processes=settings.processes or min(MOST, usable_processors()))
    library = load(settings.sources, SteadyClock(start).now())
    check_start(settings, library)
    with (
        held_port(settings.host, settings.port) as held,
        closing(serving(settings.data_dir)) if settings.data_dir else nullcontext(),  # one server to a folder
        TemporaryDirectory(prefix="madang-") as shared,
    ):
        host, port = held.getsockname()[:2]  # a name (localhost) as the address that it stands for
        settings = replace(settings, host=host, port=port)
        sys.exit(run(Plan(settings, library, ClockMark(start, datetime.now(SEOUL)), Path(shared))))


def run(plan: Plan) -> int:
    """Serve until a signal comes; the exit code."""
    settings = plan.settings
    server = Granian(
        "madang",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.processes,
        blocking_threads=settings.threads,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=PATIENCE,
        respawn_failed_workers=True,
    )
    # Why a process gave up is said at the end; that it ended then is no news.
    logger.addFilter(lambda record: not (plan.refused.exists() and record.levelno == logging.ERROR))
    threading.Thread(target=end_stopped, daemon=True).start()
    threading.Thread(target=announce, args=(plan,), daemon=True).start()
    try:
        server.serve(target_loader=partial(begin, plan), wrap_loader=False)
        code = 0
    except SystemExit:
        code = FAILED
    if plan.refused.exists():
        given, _, said = plan.refused.read_text().partition("\n")
        print(said, file=sys.stderr, flush=True)
        return int(given)
    return code


def begin(plan: Plan) -> Callable[..., Any]:
    """In a serving process: open everything and give the app. Ends the process when something is not to be had."""
    settings = plan.settings
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until granian sets its own: not the watching process's
    try:
        # Where one has begun there is data: it is never begun anew in a folder that went away meanwhile.
        store = (open_beside if plan.begun() else open_store)(settings.data)
        multiprocessing.util.Finalize(None, store.close, exitpriority=10)
        keys = keys_of(store, settings.key_file, settings.data_dir)
        clock = take_up(store, settings.data, plan.mark)
        if plan.mark.start is None:
            store.watch(clock)
        library = current(plan) if plan.begun() >= settings.processes else plan.library
        app = create_app(settings, library, store, keys, clock)
        cast(Services, app.extensions[SERVICES]).metrics.share(plan.shared)
        stops = start_background(app)
    except (ContentMistakes, InUse, Misuse) as reason:
        give_up(plan, *ending(reason))
    except Unavailable as away:  # only a store that is open can be away
        give_up(plan, CALL_WRONG, [store.trouble or staff_words(away)])
    for stop in stops:
        multiprocessing.util.Finalize(None, stop, exitpriority=20)
    (plan.shared / f"begun-{os.getpid()}").touch()
    threading.Thread(target=follow_parent, daemon=True).start()
    return app


def current(plan: Plan) -> Library:
    """The content as it stands now, for a process that takes the place of one that died.

    While it has mistakes this one waits: the others go on with what was right last, which it has never seen.
    """
    clock = plan.mark.clock()
    log = EventLog(clock, plan.settings.log == "on")
    while True:
        try:
            return load(plan.settings.sources, clock.now())
        except ContentMistakes as wrong:
            log.event("content-refused", mistakes=len(wrong.mistakes), first=str(wrong.mistakes[0]))
            time.sleep(LOOK)


def give_up(plan: Plan, code: int, lines: Sequence[str]) -> NoReturn:
    """End this serving process, and so the server, which says the reason once, however many processes have it."""
    create(plan.refused, "\n".join((str(code), *lines)))
    os.kill(os.getppid(), signal.SIGTERM)  # before this process is missed, and started again
    sys.exit(code)


def end_stopped() -> None:
    """In the watching process: end a serving one that somebody stopped (SIGSTOP), so that another takes its place.

    Whoever is connected to it would wait as long as it stands. One that is merely slow is left alone.
    """
    seen: Counter[int | None] = Counter()
    while True:
        time.sleep(LOOK)
        stopped = [child for child in multiprocessing.active_children() if is_stopped(child.pid)]
        seen = Counter({child.pid: seen[child.pid] + 1 for child in stopped})
        for child in stopped:
            if seen[child.pid] * LOOK >= STOPPED:
                child.kill()


def is_stopped(pid: int | None) -> bool:
    """Does the process stand still by a signal? False where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def announce(plan: Plan) -> None:
    """In the watching process: say that the server is ready once it takes connections, and what it lacks."""
    settings = plan.settings
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # compared, not bound
    while True:
        time.sleep(0.05)
        with suppress(OSError):
            if plan.begun() >= settings.processes:
                socket.create_connection((host, settings.port), timeout=1).close()
                break
    for text in settings.shortcomings(settings.address(plan.library.site.base_url)).values():
        print(f"알림: {text}", file=sys.stderr, flush=True)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    # With its end in one write: the lines of the serving processes come to the same place.
    print(f"Madang ready on http://{shown}:{settings.port}\n", end="", flush=True)


def follow_parent() -> None:
    """End with the watching process, however it ended: an orphan would hold port and data folder."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def held_port(host: str, port: int) -> socket.socket:
    """The port, or a free one for 0, kept from everybody else until the socket is closed.

    Raises InUse, Misuse (no such address here). It never listens; the workers do, on sockets beside it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family)
    try:
        with socket.socket(family) as probe:
            # Without SO_REUSEPORT, which the server uses: two servers would share the port silently.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
            port = int(probe.getsockname()[1])
        # Between here and the first worker's listening lie seconds, in which a free port could be given to another.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as err:
        held.close()
        if err.errno == errno.EADDRINUSE:
            raise InUse(
                f"포트 {josa(str(port), '을/를')} 다른 프로그램이 쓰고 있습니다. --port로 다른 포트를 정하세요."
            ) from err
        raise Misuse(f"{host}:{port}에서 들을 수 없습니다: {why(err)}.") from err
    return held


def usable_processors(own: Path = OWN_GROUPS, groups: Path = GROUPS) -> int:
    """Processors that this process may run on and its control groups let it use, a part of one as one; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        affinity = min([affinity, *(max(1, ceil(share)) for share in _shares(own, groups))])
    return affinity


def _shares(own: Path, groups: Path) -> Iterator[float]:
    """Processors that each group above this process may use; groups without a limit are left out. Raises OSError, ValueError."""
    for line in own.read_text().splitlines():
        number, names, path = line.split(":", 2)
        if number != "0" and "cpu" not in names.split(","):
            continue
        root = groups if number == "0" else groups / names
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(root):
                yield from _share(folder)


def _share(folder: Path) -> Iterator[float]:
    with suppress(OSError):
        quota, period = (folder / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    with suppress(OSError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if int(quota) > 0:
            yield int(quota) / int(period)
