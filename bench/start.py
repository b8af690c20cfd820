"""How long until the server is ready, how much memory does a process take, and does anybody wait for staff's commands, with
nothing and with 100,000 entries?

    python -m bench.start [--runs 5] [--stored 0 100000]

Starts `python -m forms_api serve` with one process, as staff do; the runs of all sizes take turns. Memory is the most
that the serving process ever held (VmHWM), read when it is ready. Then each command runs beside the server while
somebody signs up without a pause on one connection: how long the command took, and the longest that a post waited. Exits 1
when a post waited more than 0.1 s, when 100,000 entries take 15 MB more than none, or when a command failed.
"""

import argparse
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from bench.servers import SUBJECT, serving
from bench.signups import read_answer, request
from bench.store import stored
from civic.clock import SEOUL, parse_time
from civic.store import open_store
from civic.store.key_file import keys_of, load_or_create
from forms_api.clock_mark import ClockMark, take_up
from tests.builders import NOW

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 0.1  # seconds that a post may wait
MORE = 15  # MB that a process may take for 100,000 entries


def main() -> int:
    """Print the medians; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000])
    given = parser.parse_args()
    found: dict[int, list[dict[str, float]]] = {count: [] for count in given.stored}
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as home:
        for count in given.stored:
            begin(Path(home) / str(count), count)
        for run in range(given.runs):
            for count in given.stored:
                found[count].append(measured(Path(home) / str(count), run, count))
    missed = False
    middle = {
        count: {name: statistics.median(r[name] for r in runs) for name in runs[0]}
        for count, runs in found.items()
    }
    for count, figures in middle.items():
        print(f"{count:>8} entries: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
        missed |= any(value > LONGEST for name, value in figures.items() if name.startswith("wait"))
    fewest, most = min(middle), max(middle)
    more = middle[most]["MB"] - middle[fewest]["MB"]
    print(
        f"{most} entries take {more:.0f} MB more than {fewest} (aim: at most {MORE}); a wait at most {LONGEST} s"
    )
    return 1 if missed or more > MORE else 0


def measured(folder: Path, run: int, count: int) -> dict[str, float]:
    """Seconds until ready, MB at most, then for each command its seconds and the longest wait of a post."""
    before = processes()
    began = time.perf_counter()
    with serving(folder, processes="1") as server:
        found = {"ready": time.perf_counter() - began}
        found["MB"] = max(size for pid, size in processes().items() if pid not in before)
        port = int(server.base.rpartition(":")[2])
        people = itertools.count(run * 1_000_000)
        for name, words in commands(folder, run, count).items():
            found[name], found[f"wait {name}"] = beside(port, people, folder, words)
    return found


def commands(folder: Path, run: int, count: int) -> dict[str, list[str]]:
    """Name -> words of each command; without entries only those that need none. "nothing" is a pause for comparison."""
    found = {
        "nothing": [],
        "tally": ["entries", "list"],
        "doctor": ["doctor"],
        "backup": ["backup", str(folder / f"b{run}")],
    }
    if count:
        out = str(folder / f"{run}.csv")
        found["list"] = ["entries", "list", SUBJECT]
        found["export"] = ["entries", "export", SUBJECT, "--reason", "bench", "--out", out]
    return found


def beside(port: int, people: Iterator[int], folder: Path, words: list[str]) -> tuple[float, float]:
    """(seconds of a command, the longest that a post waited meanwhile). Ends the benchmark when the command fails."""
    over, longest = threading.Event(), [0.0]

    def sign_up() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while not over.is_set():
                began = time.perf_counter()
                connection.sendall(request(port, next(people)))
                read_answer(connection)
                longest[0] = max(longest[0], time.perf_counter() - began)

    citizen = threading.Thread(target=sign_up)
    citizen.start()
    began = time.perf_counter()
    if words:
        where = ["--data", f"tinydb://{folder}/var/data"]
        where += ["--content", str(folder / "content")] if words[0] == "entries" else []
        environ = {**os.environ, "MADANG_KEYS": str(folder / "keys")}
        done = subprocess.run(
            [sys.executable, "-m", "forms_api", *words, *where],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
        )
    else:
        time.sleep(1)
    took = time.perf_counter() - began
    over.set()
    citizen.join()
    if words and done.returncode > (words[0] == "doctor"):  # it misses the journal of what was stored
        raise SystemExit(
            f"{' '.join(words)} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        )
    return took, longest[0]


def begin(folder: Path, count: int) -> None:
    """A folder whose data holds so many entries, sealed with its keys."""
    data = folder / "var/data"
    keys = load_or_create(folder / "keys/keys.json")
    begin_demonstration(data)
    store = open_store(f"tinydb://{data}")
    answers = json.dumps({"name": "홍길동", "phone": "+821012345678", "answers": {}}).encode()
    stored(
        data, count, "cancelled", SUBJECT, lambda subject, number: keys.seal(store, subject, number, answers)
    )
    store.close()


def begin_demonstration(data: Path) -> None:
    """A data folder that knows that its clock is a demonstration's: on any other the servers would not start."""
    store = open_store(f"tinydb://{data}")
    keys_of(store, data.parent.parent / "keys/keys.json", data)
    take_up(store, f"tinydb://{data}", ClockMark(parse_time(NOW), datetime.now(SEOUL)))
    store.close()


def processes() -> dict[int, float]:
    """Processes of this user that run our server: pid -> peak memory in MB."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, StopIteration):
            if b"forms_api" in (process / "cmdline").read_bytes():
                lines = (process / "status").read_text().splitlines()
                found[int(process.name)] = (
                    int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / 1024
                )
    return found


if __name__ == "__main__":
    sys.exit(main())
