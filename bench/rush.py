"""An opening replayed: 22 rounds with 10 places, seven times as many people, a third of them pressing twice.

    python bench/rush.py [--store tinydb postgresql] [--connections 64 256] [--runs 5] [--clients 2]

For each store: a fresh server on an empty store, then `python -m bench.opening` against it, run after run in turns;
medians of the runs are printed. Exits 1 when any run gave a place twice, counted a person twice or lost an answer.
PostgreSQL is started from the wheel that the tests use, and served by two processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.builders import NOW, a_lecture_file, a_round, write_content

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, PLACES, LINE = 22, 10, 10
SUBJECT = "lectures/opening"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", nargs="+", default=["tinydb", "postgresql"])
    parser.add_argument("--connections", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clients", type=int, default=2)
    given = parser.parse_args()
    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    right = True
    for run in range(given.runs):
        for connections in given.connections:
            for store in given.store:
                figures, well = replay(store, connections, given.clients)
                right = right and well
                found[store, connections].append(figures)
                print(
                    f"run {run + 1} {store} {connections}: {'right' if well else 'WRONG'}",
                    figures,
                    flush=True,
                )
    print("store\tconnections\tposts/s\tp50 ms\tp99 ms\tp99/p50\tconfirmed\toversold\tduplicates\tlost")
    for (store, connections), runs in found.items():
        middle = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
        worst = [int(max(each[name] for each in runs)) for name in ("oversold", "duplicates", "lost")]
        times = f"{middle['p50']:.1f}\t{middle['p99']:.1f}\t{middle['p99'] / middle['p50']:.1f}"
        counts = "\t".join(map(str, [int(middle["confirmed"]), *worst]))
        print(f"{store}\t{connections}\t{middle['posts/s']:.0f}\t{times}\t{counts}")
    return 0 if right else 1


def replay(store: str, connections: int, clients: int) -> tuple[dict[str, float], bool]:
    """One run on a fresh store: (figure by name, did it end well?)."""
    with (
        tempfile.TemporaryDirectory(prefix="madang-rush-") as folder,
        address_of(store, Path(folder)) as data,
    ):
        rounds = [a_round(f"r{n}", places=PLACES, waiting=LINE) for n in range(ROUNDS)]
        content = write_content(Path(folder) / "content", {"opening": a_lecture_file("개시", rounds)})
        environ = {**os.environ, "MADANG_RATE_LIMIT": "off", "MADANG_LOG": "off"}
        command = [sys.executable, "-m", "forms_api", "serve", "--content", str(content), "--port", "0"]
        command += ["--data", data, "--site", f"{folder}/site", "--now", NOW]
        command += ["--processes", "2"] if store == "postgresql" else []
        environ["MADANG_KEYS"] = f"{folder}/keys"
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT)
        try:
            assert server.stdout
            line = server.stdout.readline()
            if "ready" not in line:
                raise SystemExit("the server did not start")
            url = line.split()[-1]
            arguments = ["--url", url, "--subject", SUBJECT, "--connections", str(connections)]
            rush = subprocess.run(
                [sys.executable, "-m", "bench.opening", *arguments, "--clients", str(clients)],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=600,
            )
        finally:
            server.terminate()
            server.wait(30)
    if "oversold" not in rush.stdout:
        raise SystemExit(rush.stderr)
    rows = [row.split("\t") for row in rush.stdout.splitlines()]
    return {name: float(value.split()[0]) for name, value, *_ in rows}, rush.returncode == 0


@contextmanager
def address_of(store: str, folder: Path) -> Iterator[str]:
    """An empty store of that kind."""
    if store == "tinydb":
        yield f"tinydb://{folder}/var/data"
        return
    from tests.postgres import a_database

    with a_database(folder) as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
