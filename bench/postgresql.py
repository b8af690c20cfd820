"""How many sign-ups a second do the stores keep, through the same calls as the API makes? No web in between.

    python -m bench.postgresql [--seconds 3] [--runs 5]

TinyDB's store: one process, 8 threads. PostgreSQL: 2 processes × 4 threads, on a server of its own started from the
test wheel (durable settings, a socket, this machine's disk). The runs of both take turns; the figure is their median.
Each sign-up is one transaction on one of 22 subjects with a cap per person. A ratio below --ratio ends with exit code 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time

from bench.store import CAPS, SUBJECTS, an_entry
from civic.store import migrate, open_store
from civic.store.entry import Seat
from civic.store.store import Store
from tests.postgres import Server

SEATS = (Seat("confirmed", 1_000_000),)


def press(store: Store, threads: int, start: float, seconds: float) -> int:
    """Sign-ups kept by this process between `start` and `start + seconds` (wall clock)."""
    kept = [0] * threads
    first = os.getpid() * 10**6  # nobody signs up in two processes

    def work(which: int) -> None:
        turn = which
        while time.time() < start:
            time.sleep(0.001)
        while time.time() < start + seconds:
            entry = an_entry(first + turn)
            with store.open(entry.subject, "citizen") as book:
                book.add(entry, SEATS, CAPS)
            kept[which] += 1
            turn += threads

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 60)
    return sum(kept)


def child(url: str, threads: int, start: float, seconds: float, answers: multiprocessing.Queue[int]) -> None:
    """One process of several."""
    store = open_store(url)
    for turn in range(SUBJECTS):  # nobody opens what is sealed here: any key will do
        store.keep_key(an_entry(turn).subject, bytes(60))
    try:
        answers.put(press(store, threads, start, seconds))
    finally:
        store.close()


def rate(url: str, processes: int, threads: int, seconds: float) -> float:
    """Sign-ups per second over all processes."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[int] = context.Queue()
    start = time.time() + 2.0
    workers = [
        context.Process(target=child, args=(url, threads, start, seconds, answers)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    total = sum(answers.get(timeout=seconds + 60) for _ in workers)
    for worker in workers:
        worker.join(60)
    return total / seconds


def main() -> int:
    """Print one line per run, the medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--ratio", type=float, default=0.0, help="the least that PostgreSQL must reach of TinyDB's store"
    )
    asked = parser.parse_args()
    server = Server()
    try:
        server.start()
        found: dict[str, list[float]] = {"tinydb": [], "postgresql": []}
        for run in range(asked.runs):
            with tempfile.TemporaryDirectory() as folder:
                found["tinydb"].append(rate(f"tinydb://{folder}", 1, 8, asked.seconds))
            address = server.database()
            migrate(address)
            found["postgresql"].append(rate(address, 2, 4, asked.seconds))
            print(
                f"run {run + 1}: tinydb {found['tinydb'][-1]:,.0f}/s  postgresql {found['postgresql'][-1]:,.0f}/s",
                flush=True,
            )
    finally:
        server.remove()
    tiny, large = (statistics.median(found[name]) for name in ("tinydb", "postgresql"))
    print(f"medians: tinydb {tiny:,.0f}/s  postgresql {large:,.0f}/s  ratio {large / tiny:.2f}")
    return 0 if large / tiny >= asked.ratio else 1


if __name__ == "__main__":
    sys.exit(main())
