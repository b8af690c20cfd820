"""Sign-ups per second next to the same server without a store, as a ratio; PostgreSQL beside it.

    python bench/signups.py [--runs 5] [--posts 3000] [--connections 64] [--clients 2] [--postgresql] [--report]

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
import os
import queue
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.builders import NOW, a_lecture_file, a_round, write_content

ROUNDS = 22
FORM = "/api/forms/lectures/bench"


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-")))
        ports = {
            "fixed": [],
            "blank": [start(home / "blank", options.threads, stack, program="bench/blank.py")],
            "tinydb": [start(home / "tinydb", options.threads, stack)],
        }
        ports["fixed"] = ports["tinydb"]
        if options.postgresql:
            database = a_postgresql(stack)
            ports["postgresql"] = [start(home / "postgresql", options.threads, stack, database) for _ in "12"]
        rates: dict[str, list[float]] = {kind: [] for kind in ports}
        p50s: dict[str, list[float]] = {kind: [] for kind in ports}
        p99s: dict[str, list[float]] = {kind: [] for kind in ports}
        kept = dict.fromkeys(ports, 0)
        first = 0
        for run in range(options.runs + 1):  # the first one warms
            for kind, targets in ports.items():
                posts = options.posts if run else 500
                rate, times, answered = measure(
                    targets, posts, options.connections, options.clients, None if kind == "fixed" else first
                )
                first += 100_000
                kept[kind] += answered
                if run:
                    times.sort()
                    rates[kind].append(rate)
                    p50s[kind].append(times[len(times) // 2] * 1000)
                    p99s[kind].append(times[len(times) * 99 // 100] * 1000)
        lost = {
            kind: kept[kind] - count(targets[0])
            for kind, targets in ports.items()
            if kind not in ("fixed", "blank")
        }
    print(f"connections {options.connections}, client processes {options.clients}, posts {options.posts}")
    for kind in ports:
        each = " ".join(f"{rate:.0f}" for rate in rates[kind])
        p50, p99 = statistics.median(p50s[kind]), statistics.median(p99s[kind])
        print(
            f"{kind:10} {statistics.median(rates[kind]):6.0f}/s  ({each})  p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )
    median = {kind: statistics.median(found) for kind, found in rates.items()}
    spread = statistics.median(p99s["tinydb"]) / statistics.median(p50s["tinydb"])
    found = {
        "tinydb / blank": (median["tinydb"] / median["blank"], 0.6),
        "tinydb / fixed": (median["tinydb"] / median["fixed"], 0.5),
    }
    if options.postgresql:
        found["postgresql / tinydb"] = (median["postgresql"] / median["tinydb"], 0.6)
    for name, (ratio, aim) in found.items():
        print(f"{name} {ratio:.2f} (aim {aim})")
    print(f"tinydb p99 / p50 {spread:.1f} (aim at 256 connections: at most 8)")
    print(f"acknowledged {kept}, lost {lost}")
    missed = [name for name, (ratio, aim) in found.items() if ratio < aim]
    if options.connections >= 256 and spread > 8:
        missed.append("tinydb p99 / p50")
    if missed:
        print(f"MISSED: {', '.join(missed)}")
    return 1 if any(lost.values()) or (missed and not options.report) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--posts", type=int, default=3000, help="requests per run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--threads", type=int, default=None, help="of the server; default is its own")
    parser.add_argument(
        "--postgresql", action="store_true", help="measure two processes on PostgreSQL as well"
    )
    parser.add_argument("--report", action="store_true", help="exit 0 even when an aim is missed")
    return parser.parse_args()


def a_postgresql(stack: contextlib.ExitStack) -> str:
    """The address of a migrated database on a server of its own."""
    from civic.store.postgresql_server import migrate
    from tests.postgres import Server

    server = Server()
    stack.callback(server.remove)
    server.start()
    address = server.database()
    migrate(address)
    return address


def start(
    folder: Path, threads: int | None, stack: contextlib.ExitStack, data: str = "", program: str = ""
) -> int:
    """A server on empty data, ended with the stack; its port."""
    rounds = [a_round(f"r{number}", places=100_000) for number in range(ROUNDS)]
    content = write_content(folder / "content", {"bench": a_lecture_file("부하", rounds)})
    environ = {**os.environ, "MADANG_RATE_LIMIT": "off", "MADANG_LOG": "off"}
    environ["MADANG_KEYS"] = str(folder / "keys")
    if threads:
        environ["MADANG_THREADS"] = str(threads)
    command = [sys.executable, *([program] if program else ["-m", "forms_api", "serve"])]
    command += ["--content", str(content), "--port", "0", "--data", data or f"tinydb://{folder}/var/data"]
    command += ["--site", str(folder / "site"), "--now", NOW]
    root = Path(__file__).resolve().parent.parent
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=root)

    def end() -> None:
        server.terminate()
        server.wait(30)

    stack.callback(end)
    assert server.stdout
    line = server.stdout.readline()
    if "ready" not in line:
        raise SystemExit("the server did not start")
    return int(line.rsplit(":", 1)[1])


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
            connection, (plan, begun) = key.fileobj, key.data
            read_answer(connection)  # type: ignore[arg-type]
            times.append(time.perf_counter() - begun)
            if plan:
                key.data[1] = time.perf_counter()
                connection.sendall(plan.pop())  # type: ignore[union-attr]
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
