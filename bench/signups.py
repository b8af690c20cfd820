"""Sign-ups per second next to the same server without a store, as a ratio; PostgreSQL beside it.

    python -m bench.signups [--runs 5] [--posts 3000] [--connections 64] [--clients 2] [--postgresql] [--report]

Every server runs at once on its own empty data with its own settings, and the runs take turns: one server is driven,
the others idle. What is driven, from separate processes over keep-alive connections:

    fixed       GET /healthz: the same server and guards, a fixed JSON, nothing to decide
    blank       POST a sign-up, each of a new person; validated, sealed, answered 201, and forgotten (bench/blank.py)
    tinydb      the same, kept durably when answered
    postgresql  the same, two server processes on one database (started from the test wheel)

Medians are compared. Exits 1 when an acknowledged entry is missing afterwards, or when an aim is missed (not with
--report). p99 is judged from 256 connections on.
"""

from __future__ import annotations

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bench.servers import ROUNDS, SUBJECT, a_store, serving

FORM = f"/api/forms/{SUBJECT}"
AIMS = (("tinydb", "blank", 0.6), ("tinydb", "fixed", 0.5), ("postgresql", "tinydb", 0.6))
SPREAD = 8  # p99 of TinyDB's store as a multiple of its p50, from CROWDED connections on: at most
CROWDED = 256


@dataclass
class Side:
    """One server that is measured, and what its runs came to."""

    ports: list[int]
    is_fixed: bool = False
    rates: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)  # ms
    p99s: list[float] = field(default_factory=list)
    kept: int = 0

    def run(self, options: argparse.Namespace, first: int, is_warming: bool) -> None:
        """Drive it once. first: number of the first person who signs up."""
        posts = 500 if is_warming else options.posts
        who = None if self.is_fixed else first
        rate, times, answered = measure(self.ports, posts, options.connections, options.clients, who)
        self.kept += answered
        if not is_warming:
            times.sort()
            self.rates.append(rate)
            self.p50s.append(times[len(times) // 2] * 1000)
            self.p99s.append(times[len(times) * 99 // 100] * 1000)


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        sides = _sides(options, stack)
        first = 0
        for run in range(options.runs + 1):  # the first one warms
            for side in sides.values():
                side.run(options, first, is_warming=not run)
                first += 100_000
        real = [kind for kind in ("tinydb", "postgresql") if kind in sides]
        lost = {kind: sides[kind].kept - count(sides[kind].ports[0]) for kind in real}
    print(f"connections {options.connections}, client processes {options.clients}, posts {options.posts}")
    for kind, side in sides.items():
        rates = " ".join(f"{rate:.0f}" for rate in side.rates)
        p50, p99 = statistics.median(side.p50s), statistics.median(side.p99s)
        print(
            f"{kind:10} {statistics.median(side.rates):6.0f}/s  ({rates})  p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )
    missed = _missed(sides, options.connections)
    print(f"acknowledged { {kind: side.kept for kind, side in sides.items()} }, lost {lost}")
    if missed:
        print(f"MISSED: {', '.join(missed)}")
    return 1 if any(lost.values()) or (missed and not options.report) else 0


def _missed(sides: dict[str, Side], connections: int) -> list[str]:
    """Print the ratios beside their aims; the names of those that were missed."""
    missed = []
    for kind, other, aim in AIMS:
        if kind in sides:
            ratio = statistics.median(sides[kind].rates) / statistics.median(sides[other].rates)
            print(f"{kind} / {other} {ratio:.2f} (aim {aim})")
            missed += [f"{kind} / {other}"] if ratio < aim else []
    spread = statistics.median(sides["tinydb"].p99s) / statistics.median(sides["tinydb"].p50s)
    print(f"tinydb p99 / p50 {spread:.1f} (aim at {CROWDED} connections: at most {SPREAD})")
    return missed + (["tinydb p99 / p50"] if connections >= CROWDED and spread > SPREAD else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--posts", type=int, default=3000, help="requests per run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--threads", type=int, default=16, help="of the server")
    parser.add_argument(
        "--postgresql", action="store_true", help="measure two processes on PostgreSQL as well"
    )
    parser.add_argument("--report", action="store_true", help="exit 0 even when an aim is missed")
    return parser.parse_args()


def _sides(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, Side]:
    """Every server that is measured, started; they end with the stack."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-")))

    def port(name: str, data: str = "", program: str = "") -> int:
        server = serving(home / name, data, program, threads=str(options.threads))
        return int(stack.enter_context(server).base.rpartition(":")[2])

    blank, tinydb = port("blank", program="bench/blank.py"), port("tinydb")
    sides = {"fixed": Side([tinydb], is_fixed=True), "blank": Side([blank]), "tinydb": Side([tinydb])}
    if options.postgresql:
        database = stack.enter_context(a_store("postgresql", home))
        sides["postgresql"] = Side([port("postgresql", database) for _ in "12"])
    return sides


def measure(
    ports: list[int], total: int, connections: int, clients: int, first: int | None
) -> tuple[float, list[float], int]:
    """(requests/s, seconds of each, how many were answered) of one run; first: number of the first person, or None
    to ask for the fixed answer."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(clients + 1)
    results: Any = context.Queue()
    share = connections // clients
    workers = [
        context.Process(
            target=drive,
            args=(
                ports[index % len(ports)],
                total // clients,
                share,
                None if first is None else first + index * total,
                gate,
                results,
            ),
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


def drive(port: int, total: int, connections: int, first: int | None, gate: Any, results: Any) -> None:
    """One client process, one thread: prepared requests, one at a time on each connection."""
    per = total // connections
    watcher = selectors.DefaultSelector()
    lanes = []
    for lane in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plan = [
            fixed(port) if first is None else request(port, first + lane * per + number)
            for number in range(per)
        ]
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


def fixed(port: int) -> bytes:
    """The bytes of a question that has always the same answer."""
    return f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


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
