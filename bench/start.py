"""How long until the server is ready, how much memory does it take, and how long do a tally and a list take, with nothing
and with 100,000 entries?

    python -m bench.start [--runs 5] [--stored 0 100000]

Starts `python -m forms_api serve` as staff do; the runs of all sizes take turns. Memory is the most that the serving
process ever held (VmHWM), read when it is ready. Then, beside the server: the tally is the whole command
`python -m forms_api entries list` (people per subject and state); the list is every entry of every subject, read
through the door that staff commands use. There is no aim; exits 1 when the list is not complete.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from bench.servers import serving
from bench.store import stored
from civic.clock import SEOUL, parse_time
from civic.store import open_beside, open_store
from civic.store.key_file import load_or_create
from forms_api.clock_mark import ClockMark, take_up
from tests.builders import NOW

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print the medians; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000])
    given = parser.parse_args()
    found: dict[int, list[tuple[float, ...]]] = {count: [] for count in given.stored}
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as home:
        for count in given.stored:
            data = Path(home) / str(count) / "var/data"
            load_or_create(Path(home) / str(count) / "keys/keys.json")
            begin_demonstration(data)
            stored(data, count)
        for _ in range(given.runs):
            for count in given.stored:
                figures, listed = measured(Path(home) / str(count))
                found[count].append(figures)
                if listed != count:
                    print(f"WRONG: {listed} of {count} entries in the list")
                    return 1
    for count, runs in found.items():
        ready, memory, tally, list_of_all = map(statistics.median, zip(*runs, strict=True))
        print(
            f"{count:>8} entries: ready after {ready:.1f} s, peak memory {memory:.0f} MB, "
            f"tally {tally:.2f} s, list of all {list_of_all:.2f} s"
        )
    return 0


def measured(folder: Path) -> tuple[tuple[float, float, float, float], int]:
    """((seconds until ready, MB at most, seconds of the tally, seconds of the list), entries in the list) of a start."""
    before = processes()
    began = time.perf_counter()
    with serving(folder):
        ready = time.perf_counter() - began
        memory = max(size for pid, size in processes().items() if pid not in before)
        tally = time_of_tally(folder)
        took, listed = time_of_list(folder)
    return (ready, memory, tally, took), listed


def begin_demonstration(data: Path) -> None:
    """A data folder that knows that its clock is a demonstration's: on any other the servers would not start."""
    store = open_store(f"tinydb://{data}")
    take_up(store, f"tinydb://{data}", ClockMark(parse_time(NOW), datetime.now(SEOUL)))
    store.close()


def time_of_tally(folder: Path) -> float:
    """Seconds of the staff's command that counts people per subject and state, from its call to its end."""
    command = [sys.executable, "-m", "forms_api", "entries", "list", "--data", f"tinydb://{folder}/var/data"]
    command += ["--content", str(folder / "content")]
    environ = {**os.environ, "MADANG_KEYS": str(folder / "keys")}
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def time_of_list(folder: Path) -> tuple[float, int]:
    """(seconds, entries) of reading all entries beside the server, subject by subject."""
    found = 0
    began = time.perf_counter()
    store = open_beside(f"tinydb://{folder}/var/data")
    for subject in store.subjects():
        found += len(store.entries(subject))
    took = time.perf_counter() - began
    store.close()
    return took, found


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
