"""How long until the server is ready, and how much memory it takes, with nothing and with 100,000 entries?

    python bench/start.py [--runs 5] [--stored 0 100000]

Starts `python -m forms_api serve` as staff do; the runs of all sizes take turns. Memory is the most that the serving
process ever held (VmHWM), read when it is ready.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from signups import start
from store import stored


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as home:
        for count in given.stored:
            (Path(home) / str(count) / "var").mkdir(parents=True)
            stored(Path(home) / str(count) / "var/data", count)
        seconds: dict[int, list[float]] = {count: [] for count in given.stored}
        memory: dict[int, list[float]] = {count: [] for count in given.stored}
        for _ in range(given.runs):
            for count in given.stored:
                folder = Path(home) / str(count)
                shutil.rmtree(folder / "content", ignore_errors=True)
                with contextlib.ExitStack() as stack:
                    before = serving()
                    began = time.perf_counter()
                    start(folder, None, stack)
                    seconds[count].append(time.perf_counter() - began)
                    memory[count].append(max(serving()[pid] for pid in serving().keys() - before.keys()))
        for count in given.stored:
            print(
                f"{count:>8} entries: ready after {statistics.median(seconds[count]):.1f} s, "
                f"peak memory {statistics.median(memory[count]):.0f} MB"
            )


def serving() -> dict[int, float]:
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
    main()
