"""How many sign-ups a second does the store itself take, beside stock TinyDB? No server, no network.

    python -m bench.store [--seconds 3] [--stored 0 100000] [--threads 1 32]
    python -m bench.store --compare --runs 5      the promised ratios; exits 1 when one is missed

Each figure is entries kept durably per second, measured for a few seconds. Stock TinyDB gets what it
needs to be correct, one lock around check and insert (without it, it oversells), and is measured on one
thread: more would only wait for that lock. It is still not durable.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tinydb import TinyDB, where

from civic.clock import SEOUL
from civic.codes import code_of
from civic.store import open_store, tables
from civic.store.contents import Contents, write_rows
from civic.store.entry import Cap, Entry, Seat, body_of, checksum, to_document
from civic.store.folder import ENTRIES, KEYS
from civic.store.private_file import PrivateFile
from civic.store.sqlite import SqliteDatabase
from civic.store.statements import KEEP_KEY

NOON = datetime(2023, 8, 16, 12, tzinfo=SEOUL)
SEATS = (Seat("confirmed", 10), Seat("waiting", 10_000_000))
CAPS = (Cap("limit:bench", 1, 2),)
SUBJECTS = 22
AT_ONCE = 100_000


def an_entry(i: int) -> Entry:
    """A sign-up with 300 sealed bytes, as a usual form has."""
    return Entry(
        # Scattered as the real ones are, and no two are one: of a million random ones some would be.
        number=code_of(i * 2_654_435_761 % 24**8, 2), subject=f"programs/p{i % SUBJECTS}", round="r1", state="confirmed", rank=0,
        person=f"{i:064x}", pin="0" * 64, submission=str(uuid.uuid4()), received=NOON, changed=NOON,
        cause="applied", sealed=bytes(300), caps=[(cap.key, cap.amount, cap.kept_in) for cap in CAPS],
    )  # fmt: skip


def stored(
    folder: Path,
    count: int,
    state: str = "waiting",
    subject: str = "",
    sealed: Callable[[str, str], bytes] | None = None,
) -> None:
    """A data folder, new or without entries, that holds that many of them from now on, 100,000 to a round at most.

    subject: of all of them; "" spreads them. sealed: gives the answers of a subject's receipt number, sealed; else
    nobody can open them.
    """
    folder.mkdir(exist_ok=True)
    with closing(SqliteDatabase(folder / ENTRIES)) as database:
        for first in range(0, count, AT_ONCE):
            contents = Contents()
            for i in range(first, min(count, first + AT_ONCE)):
                rank = 1 + (i - first) // (1 if subject else SUBJECTS)
                given = {"round": f"r{first // AT_ONCE + 1}", "rank": rank}
                entry = an_entry(10**9 + i)
                entry = replace(entry, state=state, subject=subject or entry.subject, **given)
                entry = entry.but(sealed=sealed(entry.subject, entry.number)) if sealed else entry
                body = body_of(to_document(entry))
                contents.rows.setdefault("entries", []).append((i + 1, body, checksum(body)))
                contents.entries.append(entry)
            contents.recount()
            with database.transaction() as session:
                write_rows(session, contents.rows)
    with closing(PrivateFile(folder / KEYS, tables.KEYS)) as keys, keys.transaction() as session:
        for subject in {f"programs/p{i % SUBJECTS}" for i in range(0 if sealed else count)}:
            session.run(KEEP_KEY, (subject, bytes(60), 0))


def rate(act: Callable[[int], object], threads: int, seconds: float) -> float:
    """Calls per second of `act` on that many threads, for about that long."""
    counts = [0] * threads
    until = time.perf_counter() + seconds

    def go(k: int) -> None:
        while time.perf_counter() < until:
            act(k * 10**7 + counts[k])
            counts[k] += 1

    running = [threading.Thread(target=go, args=(k,)) for k in range(threads)]
    start = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def ours(kept: Path, threads: int, seconds: float) -> tuple[float, float]:
    """(entries per second, seconds to open the folder) of our store on a copy of a data folder."""
    with tempfile.TemporaryDirectory(dir=".") as home:
        folder = Path(shutil.copytree(kept, Path(home) / "data"))
        began = time.perf_counter()
        store = open_store(f"tinydb://{folder}")
        opened = time.perf_counter() - began

        def act(i: int) -> None:
            entry = an_entry(i)
            with store.open(entry.subject) as book:
                book.add(entry, SEATS, CAPS)

        found = rate(act, threads, seconds)
        store.close()
        return found, opened


def stock(count: int, seconds: float) -> float:
    """Entries per second of stock TinyDB (JSON file) behind one lock, deciding the same by its queries."""
    with tempfile.TemporaryDirectory(dir=".") as home:
        path = Path(home) / "stock.json"
        documents = {str(i + 1): to_document(an_entry(10**9 + i)) for i in range(count)}
        path.write_text(json.dumps({"_default": documents}))
        database, lock = TinyDB(path), threading.Lock()

        def act(i: int) -> None:
            entry = an_entry(i)
            here = (where("subject") == entry.subject) & (where("round") == entry.round)
            with lock:
                if not database.contains(here & (where("person") == entry.person)):
                    database.insert(to_document(replace(entry, rank=database.count(here) + 1)))

        found = rate(act, 1, seconds)
        database.close()
        return found


def compare(runs: int, seconds: float) -> bool:
    """The promises as ratios: none, 5,000 and 1,000,000 entries and stock TinyDB take turns, medians compared.

    Were all aims reached?
    """
    sizes = {"none": 0, "5,000": 5000, "100,000": 100_000, "1,000,000": 1_000_000}
    found: dict[str, list[float]] = {name: [] for name in (*sizes, "stock at 5,000")}
    opened: list[float] = []
    with tempfile.TemporaryDirectory(dir=".") as home:
        for name, count in sizes.items():
            stored(Path(home) / name, count)
        for _ in range(runs):
            for name in sizes:
                speed, took = ours(Path(home) / name, 32, seconds)
                found[name].append(speed)
                opened += [took] if name == "100,000" else []
            found["stock at 5,000"].append(stock(5000, seconds))
    middle = {name: statistics.median(rates) for name, rates in found.items()}
    for name, rates in found.items():
        print(f"{name:15} {middle[name]:8,.1f}/s  ({' '.join(f'{rate:,.0f}' for rate in rates)})")
    grown, beside = middle["1,000,000"] / middle["none"], middle["5,000"] / middle["stock at 5,000"]
    took = statistics.median(opened)
    print(f"1,000,000 / none {grown:.2f} (aim 0.8)")
    print(f"ours / stock at 5,000 {beside:,.0f} (aim 100)")
    print(f"opening 100,000: {took:.2f} s (aim 0.1)")
    return grown >= 0.8 and beside >= 100 and took <= 0.1


def main() -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--runs", type=int, default=3, help="the median of so many")
    parser.add_argument("--compare", action="store_true", help="only the promised ratios, taking turns")
    given = parser.parse_args()
    if given.compare:
        return 0 if compare(given.runs, given.seconds) else 1
    print(f"{'stored':>8} {'threads':>7} {'ours /s':>9} {'stock /s':>9} {'ratio':>8} {'open s':>7}")
    for count in given.stored:
        theirs = statistics.median(stock(count, given.seconds) for _ in range(given.runs))
        for threads in given.threads:
            with tempfile.TemporaryDirectory(dir=".") as home:
                stored(Path(home) / "kept", count)
                runs = [ours(Path(home) / "kept", threads, given.seconds) for _ in range(given.runs)]
            mine = statistics.median(run[0] for run in runs)
            opened = statistics.median(run[1] for run in runs)
            print(
                f"{count:>8} {threads:>7} {mine:>9,.0f} {theirs:>9.1f} {mine / theirs:>8,.0f} {opened:>7.2f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
