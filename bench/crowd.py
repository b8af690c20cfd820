"""The crowd of a rush: processes of their own, many connections each, every answer kept and looked up again."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import queue
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 600  # seconds for a whole rush
TRIES = 3  # of a post whose connection broke: the same submission, so that nobody is counted twice


@dataclass(frozen=True)
class Target:
    """Where the crowd goes."""

    host: str
    port: int
    origin: str
    path: str


@dataclass(frozen=True)
class Post:
    """One press of the button. The second of a double click has the same body."""

    body: str  # JSON
    submission: str
    person: str
    round: str
    last4: str
    cancels: bool = False


@dataclass
class Answer:
    """What one press got. state: as acknowledged; later: as looked up when all was over, "" when it was not found."""

    submission: str
    person: str
    round: str
    last4: str
    status: int
    seconds: float
    number: str = ""
    state: str = ""
    problem: str = ""
    cancelled: bool = False
    later: str = ""


@dataclass
class Share:
    """What one process did."""

    answers: list[Answer] = field(default_factory=list)
    begun: float = 0.0  # time.time(): the same clock for all processes
    ended: float = 0.0
    fault: str = ""


def crowd(target: Target, posts: list[Post], connections: int, clients: int, told: Any) -> list[Share]:
    """All posts, from `clients` processes over `connections` connections together; what each process did.

    told: called with the number of answers so far, about twice a second.
    """
    context = multiprocessing.get_context("spawn")
    gate, over = context.Barrier(clients), context.Barrier(clients)
    done, results = context.Value("i", 0), context.Queue()
    lanes = [connections // clients + (index < connections % clients) for index in range(clients)]
    workers = [
        context.Process(
            target=_drive,
            args=(target, posts[index::clients], lanes[index], gate, over, done, results),
            daemon=True,
        )
        for index in range(clients)
    ]
    for worker in workers:
        worker.start()
    shares: list[Share] = []
    until = time.monotonic() + PATIENCE
    while len(shares) < clients and time.monotonic() < until:
        with suppress(queue.Empty):
            shares.append(results.get(timeout=0.5))
        told(done.value)
        if not any(worker.is_alive() for worker in workers) and results.empty():
            break
    for worker in workers:
        worker.join(5)
        if worker.is_alive():
            worker.terminate()
    shares += [Share(fault="a client process ended early")] * (clients - len(shares))
    return shares


def _drive(
    target: Target, posts: list[Post], lanes: int, gate: Any, over: Any, done: Any, results: Any
) -> None:
    share = Share()
    try:
        asyncio.run(_all(target, posts, lanes, gate, over, done, share))
    except Exception as err:
        share.fault = f"{type(err).__name__}: {err}"
        gate.abort()
        over.abort()
    results.put(share)


async def _all(
    target: Target, posts: list[Post], lanes: int, gate: Any, over: Any, done: Any, share: Share
) -> None:
    """Open every connection, wait for the others, post, wait for the others, look up."""
    lines = [_Line(target) for _ in range(lanes)]
    await asyncio.gather(*(line.open() for line in lines))
    await asyncio.to_thread(gate.wait, PATIENCE)
    share.begun = time.time()
    waiting = deque(posts)

    async def press(line: _Line) -> None:
        while waiting:
            post = waiting.popleft()
            share.answers.append(await _press(line, target, post))
            with done.get_lock():
                done.value += 1

    await asyncio.gather(*map(press, lines))
    share.ended = time.time()
    await asyncio.to_thread(over.wait, PATIENCE)  # nobody moves any more: now every entry has its last state
    acknowledged = deque(answer for answer in share.answers if answer.number)

    async def look(line: _Line) -> None:
        while acknowledged:
            answer = acknowledged.popleft()
            given = {"number": answer.number, "phone_last4": answer.last4}
            status, found = await line.ask("/api/entries/lookup", json.dumps(given))
            if status == 200 and found.get("round") == answer.round:
                answer.later = str(found["state"])

    await asyncio.gather(*map(look, lines))
    for line in lines:
        line.close()


async def _press(line: _Line, target: Target, post: Post) -> Answer:
    begun = time.perf_counter()
    status, said = await line.ask(target.path, post.body)
    answer = Answer(post.submission, post.person, post.round, post.last4, status, time.perf_counter() - begun)
    if status in (200, 201):
        answer.number, answer.state = str(said["number"]), str(said["state"])
    else:
        answer.problem = str(said.get("type", "")).removeprefix("/problems/") or str(status)
    if post.cancels and status == 201:
        given = json.dumps({"phone_last4": post.last4})
        status, _ = await line.ask(f"/api/entries/{answer.number}/cancel", given)
        answer.cancelled = status == 200
    return answer


class _Line:
    """One connection that is kept open."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._target.host, self._target.port)

    def close(self) -> None:
        if self._writer:
            self._writer.close()

    async def ask(self, path: str, body: str) -> tuple[int, dict[str, Any]]:
        """(status, JSON) of a post; again over a new connection when this one broke. Raises OSError after TRIES."""
        raw = body.encode("utf-8")
        where = self._target
        head = f"POST {path} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\nOrigin: {where.origin}\r\n"
        message = f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
        for last in range(TRIES, 0, -1):
            try:
                if self._writer is None or self._reader is None:
                    await self.open()
                assert self._writer and self._reader  # for the type checker: open() made them
                self._writer.write(message)
                return await _read(self._reader)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                self._reader = self._writer = None
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
