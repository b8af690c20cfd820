"""Sign-ups per second through the whole server, and the processor time of each, beside another checkout.

    python -m bench.signups [--runs 5] [--posts 3000] [--connections 64] [--clients 2] [--processes 2]
                            [--beside DIR] [--slow-disk] [--postgresql] [--far] [--report]

Every server runs at once on its own empty data with its own settings, and the runs take turns: one server is driven,
the others stand still (they would send the messages of their last run meanwhile; so each does that in its own next run,
as far as sign-ups leave time for it). What is driven, from separate processes over keep-alive connections, each post of a
new person:

    bare              a bare Flask app that reads the same JSON and answers 201 (bench/bare.py), one process
    tinydb            the default store, --processes processes; kept durably when answered
    tinydb before     the same server of --beside DIR, one process (its default store had no more), by DIR/.venv
    postgresql        the other store (--postgresql; started from the test wheel), --processes processes
    postgresql before the same of --beside DIR, two processes

--slow-disk: each sync of the default store takes 5 ms longer, on both sides (bench/slow_disk.py). --far: PostgreSQL
answers 0.5 ms later, on both sides (bench/far.py). Medians are compared. Exits 1 when an acknowledged entry is missing
afterwards, or when an aim is missed (not with --report). p99 is judged from 256 connections on.
"""

import argparse
import contextlib
import json
import multiprocessing
import queue
import selectors
import socket
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bench.far import farther
from bench.servers import ROUNDS, SUBJECT, a_store, processor_seconds, serving, standing_still
from tests.forms_api.server import ROOT, Server

FORM = f"/api/forms/{SUBJECT}"
SPREAD = 8  # p99 of the default store as a multiple of its p50, from CROWDED connections on: at most
CROWDED = 256
BARE = 6  # processor time of a post as a multiple of a bare one's: at most
FAR = 0.0005  # seconds


@dataclass
class Side:
    """One server that is measured, and what its runs came to."""

    server: Server
    rates: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)  # ms
    p99s: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # ms of processor per post
    kept: int = 0

    @property
    def port(self) -> int:
        return int(self.server.base.rpartition(":")[2])

    def run(self, options: argparse.Namespace, first: int, is_warming: bool) -> None:
        """Drive it once. first: number of the first person who signs up."""
        posts = min(500, options.posts) if is_warming else options.posts
        before = processor_seconds(self.server)
        rate, times, answered = measure(self.port, posts, options.connections, options.clients, first)
        used = processor_seconds(self.server) - before
        self.kept += answered
        if not is_warming:
            times.sort()
            self.rates.append(rate)
            self.p50s.append(times[len(times) // 2] * 1000)
            self.p99s.append(times[len(times) * 99 // 100] * 1000)
            self.costs.append(used / answered * 1000)


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        sides = _sides(options, stack)
        first = 0
        for run in range(options.runs + 1):  # the first one warms
            for side in sides.values():
                with standing_still(other.server for other in sides.values() if other is not side):
                    side.run(options, first, is_warming=not run)
                first += 100_000
        lost = {name: side.kept - count(side.port) for name, side in sides.items() if name != "bare"}
    print(" ".join(f"{name} {value}" for name, value in vars(options).items()))
    for name, side in sides.items():
        rates = " ".join(f"{rate:.0f}" for rate in side.rates)
        p50, p99, cost = map(statistics.median, (side.p50s, side.p99s, side.costs))
        print(
            f"{name:17} {statistics.median(side.rates):6.0f}/s  ({rates})  p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
            f"{cost:.3f} ms of processor a post"
        )
    missed = []
    for name, value, least, most in _figures(sides, options):
        aim = f" (aim: at least {least})" if least else f" (aim: at most {most})" if most else ""
        print(f"{name} {value:.2f}{aim}")
        missed += [name] if value < least or (most and value > most) else []
    print(f"acknowledged { {name: side.kept for name, side in sides.items()} }, lost {lost}")
    if missed:
        print(f"MISSED: {', '.join(missed)}")
    return 1 if any(lost.values()) or (missed and not options.report) else 0


def _figures(
    sides: dict[str, Side], options: argparse.Namespace
) -> Iterator[tuple[str, float, float, float]]:
    """(what is compared, its value, at least, at most) of every comparison; 0 where there is no aim."""
    rate = {name: statistics.median(side.rates) for name, side in sides.items()}
    cost = {name: statistics.median(side.costs) for name, side in sides.items()}
    several = 1.2 if options.slow_disk else 1.5
    aims = {"tinydb": several if options.processes > 1 else 0.95, "postgresql": 1.0}
    for name, aim in aims.items():
        before = f"{name} before"
        if before in sides:
            yield f"{name} / {before}", rate[name] / rate[before], aim, 0
            yield f"processor time, {name} / {before}", cost[name] / cost[before], 0, 0
    yield "processor time, tinydb / bare", cost["tinydb"] / cost["bare"], 0, BARE
    spread = statistics.median(sides["tinydb"].p99s) / statistics.median(sides["tinydb"].p50s)
    yield "tinydb p99 / p50", spread, 0, SPREAD if options.connections >= CROWDED else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--posts", type=int, default=3000, help="requests per run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--processes", type=int, default=2, help="of the server")
    parser.add_argument("--threads", type=int, default=16, help="of each process of the server")
    parser.add_argument("--beside", type=Path, help="another checkout, with a .venv of its own")
    parser.add_argument("--slow-disk", action="store_true", help="each sync takes 5 ms longer")
    parser.add_argument("--postgresql", action="store_true", help="measure the other store as well")
    parser.add_argument("--far", action="store_true", help="PostgreSQL answers 0.5 ms later")
    parser.add_argument("--report", action="store_true", help="exit 0 even when an aim is missed")
    return parser.parse_args()


def _sides(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, Side]:
    """Every server that is measured, started; they end with the stack."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-")))

    def side(name: str, kind: str, processes: int, program: str = "", home: Path = ROOT) -> Side:
        own = folder / name.replace(" ", "-")
        data = stack.enter_context(a_store(kind, own, home))
        if kind == "postgresql" and options.far:
            data = stack.enter_context(farther(data, FAR))
        settings = {"threads": str(options.threads), "processes": str(processes)}
        return Side(stack.enter_context(serving(own, data, program, home=home, **settings)))

    slow = str(ROOT / "bench/slow_disk.py") if options.slow_disk else ""
    sides = {
        "bare": side("bare", "tinydb", 1, str(ROOT / "bench/bare.py")),
        "tinydb": side("tinydb", "tinydb", options.processes, slow),
    }
    if options.postgresql:
        sides["postgresql"] = side("postgresql", "postgresql", options.processes)
    if options.beside:
        home = options.beside.resolve()
        sides["tinydb before"] = side("tinydb before", "tinydb", 1, slow, home)
        if options.postgresql:
            sides["postgresql before"] = side("postgresql before", "postgresql", 2, home=home)
    return sides


def measure(
    port: int, total: int, connections: int, clients: int, first: int
) -> tuple[float, list[float], int]:
    """(posts/s, seconds of each, how many were answered) of one run; first: number of the first person."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(clients + 1)
    results: Any = context.Queue()
    share = connections // clients
    workers = [
        context.Process(
            target=drive,
            args=(port, total // clients, share, first + index * total, gate, results),
        )
        for index in range(clients)
    ]
    for worker in workers:
        worker.start()
    gate.wait(60)
    begun = time.perf_counter()
    times: list[float] = []
    created = 0
    for _ in workers:
        each, made = _next(results, workers)
        times += each
        created += made
    seconds = time.perf_counter() - begun
    for worker in workers:
        worker.join(30)
    return len(times) / seconds, times, created


def _next(results: Any, workers: list[Any]) -> tuple[list[float], int]:
    """What the next client has to say; ends the benchmark when one has failed."""
    for _ in range(300):
        with contextlib.suppress(queue.Empty):
            found: tuple[list[float], int] = results.get(timeout=1)
            return found
        if any(worker.exitcode for worker in workers):
            break
    raise SystemExit("a client failed")


def drive(port: int, total: int, connections: int, first: int, gate: Any, results: Any) -> None:
    """One client process, one thread: prepared requests, one at a time on each connection."""
    per = total // connections
    watcher = selectors.DefaultSelector()
    lanes = []
    for lane in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plan = [request(port, first + lane * per + number) for number in range(per)]
        lanes.append(connection)
        watcher.register(connection, selectors.EVENT_READ, [plan, 0.0])
    gate.wait(60)
    times: list[float] = []
    for key in list(watcher.get_map().values()):
        key.data[1] = time.perf_counter()
        key.fileobj.sendall(key.data[0].pop())  # type: ignore[union-attr]
    open_lanes = len(lanes)
    while open_lanes:
        for key, _ in watcher.select(60):
            connection, (plan, begun) = cast(socket.socket, key.fileobj), key.data
            read_answer(connection)
            times.append(time.perf_counter() - begun)
            if plan:
                key.data[1] = time.perf_counter()
                connection.sendall(plan.pop())
            else:
                watcher.unregister(connection)
                open_lanes -= 1
    for connection in lanes:
        connection.close()
    results.put((times, len(times)))


def read_answer(connection: socket.socket) -> None:
    """Take in one answer with its body; anything but 200 or 201 ends the benchmark."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    if head[9:12] not in (b"200", b"201"):
        raise SystemExit(f"unexpected answer {head[:30]!r} {body[:500].decode()}")


def request(port: int, number: int) -> bytes:
    """The bytes of one sign-up; `number` makes the person."""
    host = f"127.0.0.1:{port}"
    person = number % 40_000_000  # of 0105 some numbers are not given out
    body = json.dumps(
        {
            "round": f"r{number % ROUNDS}",
            "name": "홍길동",
            "phone": f"010-{person // 10_000:04d}-{person % 10_000:04d}",
            "consent": True,
            "submission_id": str(uuid.uuid4()),
        }
    ).encode()
    head = f"POST {FORM} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    return head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def count(port: int) -> int:
    """Entries that the server knows of."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            f"GET {FORM} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        data = b""
        while part := connection.recv(65536):
            data += part
    form = json.loads(data.partition(b"\r\n\r\n")[2])
    return sum(each["taken"] for each in form["rounds"].values())


if __name__ == "__main__":
    sys.exit(main())
