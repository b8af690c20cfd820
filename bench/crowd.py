"""The crowd of an opening: processes of their own, many connections each; every answer is kept and looked up again."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import queue
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 600  # seconds for a whole opening
TRIES = 3  # of a post whose connection broke: the same submission, so that nobody is counted twice


@dataclass(frozen=True)
class Target:
    """Where the crowd goes."""

    host: str
    port: int
    origin: str
    path: str


@dataclass(frozen=True)
class Attempt:
    """One press of the button. The second of a double click has the same body."""

    body: str  # JSON
    person: str
    round: str
    last4: str
    cancels: bool = False
    cookie: str = ""  # that proves the phone, where the form asks for it
    is_ghost: bool = False  # an invented number, which nobody can prove


@dataclass
class Answer:
    """What one press got. number: "" when it was refused; later: the state looked up at the end, "" when not found."""

    person: str
    round: str
    last4: str
    seconds: float
    number: str = ""
    problem: str = ""
    cancelled: bool = False
    later: str = ""
    is_ghost: bool = False


@dataclass
class Share:
    """What one process did."""

    answers: list[Answer] = field(default_factory=list)
    begun: float = 0.0  # time.time(): the same clock for all processes
    ended: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Together:
    """What the processes share: both barriers, the number of answers so far, and the way back."""

    gate: Any
    over: Any
    done: Any
    results: Any


def crowd(
    target: Target, posts: list[Attempt], connections: int, clients: int, told: Callable[[int], object]
) -> list[Share]:
    """All posts, from `clients` processes over `connections` connections together; what each process did.

    told: called with the number of answers so far, about twice a second.
    """
    context = multiprocessing.get_context("spawn")
    together = Together(
        context.Barrier(clients), context.Barrier(clients), context.Value("i", 0), context.Queue()
    )
    lanes = [connections // clients + (index < connections % clients) for index in range(clients)]
    workers = [
        context.Process(
            target=_drive, args=(target, posts[index::clients], lanes[index], together), daemon=True
        )
        for index in range(clients)
    ]
    for worker in workers:
        worker.start()
    shares: list[Share] = []
    until = time.monotonic() + PATIENCE
    while len(shares) < clients and time.monotonic() < until:
        with suppress(queue.Empty):
            shares.append(together.results.get(timeout=0.5))
        told(together.done.value)
        if not any(worker.is_alive() for worker in workers) and together.results.empty():
            break
    for worker in workers:
        worker.join(5)
        if worker.is_alive():
            worker.terminate()
    return shares + [Share(fault="a client process ended early")] * (clients - len(shares))


def _drive(target: Target, posts: list[Attempt], lanes: int, together: Together) -> None:
    share = Share()
    try:
        asyncio.run(_all(target, posts, lanes, together, share))
    except Exception as err:
        share.fault = f"{type(err).__name__}: {err}"
        together.gate.abort()
        together.over.abort()
    together.results.put(share)


async def _all(target: Target, posts: list[Attempt], lanes: int, together: Together, share: Share) -> None:
    """Open every connection, wait for the others, post, wait for the others, look up."""
    connections = [_Connection(target) for _ in range(lanes)]
    await asyncio.gather(*(connection.open() for connection in connections))
    await asyncio.to_thread(together.gate.wait, PATIENCE)
    share.begun = time.time()
    waiting = deque(posts)

    async def press(connection: _Connection) -> None:
        while waiting:
            share.answers.append(await _press(connection, target, waiting.popleft()))
            with together.done.get_lock():
                together.done.value += 1

    await asyncio.gather(*map(press, connections))
    share.ended = time.time()
    await asyncio.to_thread(together.over.wait, PATIENCE)  # now every entry has its last state
    acknowledged = deque(answer for answer in share.answers if answer.number)

    async def look(connection: _Connection) -> None:
        while acknowledged:
            answer = acknowledged.popleft()
            given = {"number": answer.number, "phone_last4": answer.last4}
            status, found = await connection.ask("/api/entries/lookup", json.dumps(given))
            if status == 200 and found.get("round") == answer.round:
                answer.later = str(found["state"])

    await asyncio.gather(*map(look, connections))
    for connection in connections:
        connection.close()


async def _press(connection: _Connection, target: Target, post: Attempt) -> Answer:
    begun = time.perf_counter()
    status, said = await connection.ask(target.path, post.body, post.cookie)
    taken = time.perf_counter() - begun
    answer = Answer(post.person, post.round, post.last4, taken, is_ghost=post.is_ghost)
    if status in (200, 201):
        answer.number = str(said["number"])
    else:
        answer.problem = str(said.get("type", "")).removeprefix("/problems/") or str(status)
    if post.cancels and status == 201:
        given = json.dumps({"receipt": said["receipt"]})
        status, _ = await connection.ask(f"/api/entries/{answer.number}/cancel", given)
        answer.cancelled = status == 200
    return answer


class _Connection:
    """One connection that is kept open."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._target.host, self._target.port)
        return self._streams

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def ask(self, path: str, body: str, cookie: str = "") -> tuple[int, dict[str, Any]]:
        """(status, JSON) of a post; again over a new connection when this one broke. Raises OSError after TRIES."""
        raw, where = body.encode("utf-8"), self._target
        head = f"POST {path} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\nOrigin: {where.origin}\r\n"
        head += f"Cookie: {cookie}\r\n" if cookie else ""
        message = f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
        for last in range(TRIES, 0, -1):
            try:
                reader, writer = self._streams or await self.open()
                writer.write(message)
                return await _read(reader)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if last == 1:
                    raise
        raise AssertionError("unreachable")


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lengths = [line[15:] for line in head.split("\r\n") if line.startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0])) if lengths else b""
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    return int(head[9:12]), found if isinstance(found, dict) else {}
