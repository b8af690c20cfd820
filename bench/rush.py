"""An opening replayed: 22 rounds with 10 places, seven times as many people, a third of them pressing twice.

    python -m bench.rush [--store tinydb postgresql] [--connections 64 256] [--runs 5] [--clients 2] [--ghosts 10]

For each store: a fresh server on an empty store, then bench/opening.py against it, run after run in turns; medians of
the runs are printed. Exits 1 when any run gave a place twice, counted a person twice or lost an answer.
PostgreSQL is started from the wheel that the tests use; two processes serve either store.

--ghosts N: every phone is proven beforehand, and each run is held twice: by the people alone, and with N times as many
invented numbers among them. Exits 1 as well when one of those got anything, a place went to nobody, or the people and the
ghosts together were answered at less than 0.9 of the rate of the people alone.
"""

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.opening import Crowd, Stopped, Verdict, replay
from bench.servers import SUBJECT, a_store, serving

PLACES, LINE = 10, 10  # of each round
LEAST = 0.9  # answers per second among ghosts, beside those of the people alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", nargs="+", default=["tinydb", "postgresql"])
    parser.add_argument("--connections", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2, help="of the server")
    parser.add_argument("--ghosts", type=float, default=0.0, help="invented numbers per person")
    given = parser.parse_args()
    found: dict[tuple[str, int, float], list[Verdict]] = defaultdict(list)
    for run in range(given.runs):
        for connections in given.connections:
            for store in given.store:
                for ghosts in dict.fromkeys((0.0, given.ghosts)):
                    who = Crowd(connections=connections, clients=given.clients, ghosts=ghosts)
                    verdict = opening_on(store, who, given.processes, "proven" if given.ghosts else "typed")
                    found[store, connections, ghosts].append(verdict)
                    said = "; ".join(verdict.faults()) or "right"
                    about = f"run {run + 1} {store} {connections} ghosts {ghosts:g}"
                    print(f"{about}: {verdict.rate:.0f} posts/s, {said}", flush=True)
    print(
        "store\tconnections\tghosts\tposts/s\tp50 ms\tp99 ms\tp99/p50\tconfirmed\toversold\tduplicates\tlost\tto ghosts"
    )
    for (store, connections, ghosts), runs in found.items():
        rate, p50, p99, confirmed = (
            statistics.median(figures)
            for figures in zip(*((v.rate, v.p50, v.p99, v.states["confirmed"]) for v in runs), strict=True)
        )
        worst = (
            max(figures)
            for figures in zip(*((v.oversold, v.duplicates, v.lost, v.ghosts) for v in runs), strict=True)
        )
        times = f"{rate:.0f}\t{p50:.1f}\t{p99:.1f}\t{p99 / p50:.1f}"
        print(f"{store}\t{connections}\t{ghosts:g}\t{times}\t{confirmed:.0f}\t" + "\t".join(map(str, worst)))
    wrong = any(verdict.faults() for runs in found.values() for verdict in runs)
    return 1 if wrong or (given.ghosts and _is_hindered(found, given.ghosts)) else 0


def _is_hindered(found: Mapping[tuple[str, int, float], Sequence[Verdict]], ghosts: float) -> bool:
    """Did a place go to nobody, or were answers slower among ghosts? Prints the ratio of each store."""
    is_wrong = any(v.states["confirmed"] < v.places for runs in found.values() for v in runs)
    for store, connections in dict.fromkeys((store, connections) for store, connections, _ in found):
        pairs = zip(found[store, connections, 0.0], found[store, connections, ghosts], strict=True)
        ratio = statistics.median(among.rate / alone.rate for alone, among in pairs)
        print(f"{store}\t{connections}\twith ghosts / without, median of the runs: {ratio:.2f} (aim {LEAST})")
        is_wrong |= ratio < LEAST
    return is_wrong


def opening_on(store: str, who: Crowd, processes: int, contact: str) -> Verdict:
    """One run on a fresh store. contact: "typed" or "proven", as the form asks for it."""
    with (
        tempfile.TemporaryDirectory(prefix="madang-rush-") as folder,
        a_store(store, Path(folder)) as data,
        serving(
            Path(folder), data, "", PLACES, LINE, form={"contact": contact}, processes=str(processes)
        ) as server,
    ):
        return replay(server.base, SUBJECT, who)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stopped as reason:
        sys.exit(str(reason))
