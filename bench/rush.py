"""An opening replayed: 22 rounds with 10 places, seven times as many people, a third of them pressing twice.

    python -m bench.rush [--store tinydb postgresql] [--connections 64 256] [--runs 5] [--clients 2]

For each store: a fresh server on an empty store, then bench/opening.py against it, run after run in turns; medians of
the runs are printed. Exits 1 when any run gave a place twice, counted a person twice or lost an answer.
PostgreSQL is started from the wheel that the tests use; two processes serve either store.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from bench.opening import Crowd, Stopped, Verdict, replay
from bench.servers import SUBJECT, a_store, serving

PLACES, LINE = 10, 10  # of each round


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", nargs="+", default=["tinydb", "postgresql"])
    parser.add_argument("--connections", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2, help="of the server")
    given = parser.parse_args()
    found: dict[tuple[str, int], list[Verdict]] = defaultdict(list)
    for run in range(given.runs):
        for connections in given.connections:
            for store in given.store:
                verdict = opening_on(
                    store, Crowd(connections=connections, clients=given.clients), given.processes
                )
                found[store, connections].append(verdict)
                said = "; ".join(verdict.faults()) or "right"
                print(f"run {run + 1} {store} {connections}: {verdict.rate:.0f} posts/s, {said}", flush=True)
    print("store\tconnections\tposts/s\tp50 ms\tp99 ms\tp99/p50\tconfirmed\toversold\tduplicates\tlost")
    for (store, connections), runs in found.items():
        rate, p50, p99, confirmed = (
            statistics.median(figures)
            for figures in zip(*((v.rate, v.p50, v.p99, v.states["confirmed"]) for v in runs), strict=True)
        )
        worst = (
            max(figures) for figures in zip(*((v.oversold, v.duplicates, v.lost) for v in runs), strict=True)
        )
        times = f"{rate:.0f}\t{p50:.1f}\t{p99:.1f}\t{p99 / p50:.1f}"
        print(f"{store}\t{connections}\t{times}\t{confirmed:.0f}\t" + "\t".join(map(str, worst)))
    return 1 if any(verdict.faults() for runs in found.values() for verdict in runs) else 0


def opening_on(store: str, who: Crowd, processes: int) -> Verdict:
    """One run on a fresh store."""
    with (
        tempfile.TemporaryDirectory(prefix="madang-rush-") as folder,
        a_store(store, Path(folder)) as data,
        serving(Path(folder), data, places=PLACES, waiting=LINE, processes=str(processes)) as server,
    ):
        return replay(server.base, SUBJECT, who)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stopped as reason:
        sys.exit(str(reason))
