"""A whole vote by simulated voters, through HTTP, with second votes and kill -9: `python bench/votes.py [VOTERS]`.

Prints what it took and what must hold: ballots = voters, the recount agrees, the published orders say nothing of
the order of casting. Then how long opening takes for 10,000 envelopes. Ends with 1 when anything does not hold.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from math import sqrt
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from civic.ballots import open_all  # noqa: E402
from civic.envelopes import receipt_of, seal  # noqa: E402
from tests.ballot_samples import a_poll, a_slot, some_halves, some_proposals  # noqa: E402
from tests.forms_api.voting import Town  # noqa: E402
from tests.forms_api.voting_day import ONE_IN_A_MILLION, hold  # noqa: E402


def whole_vote(voters: int, folder: Path) -> list[str]:
    """What does not hold, a sentence each."""
    day = hold(Town(folder), voters)
    print(f"{voters} voters, {len(day.cast)} ballots acknowledged, {day.kills} kills: {day.seconds:.0f} s")
    start = time.perf_counter()
    day.close()
    print(f"closed, opened offline, counted and published in {time.perf_counter() - start:.1f} s")
    wrong = day.faults()
    print(f"ballots in the box: {len(day.box['receipts'])}, voters: {len(day.last)}")
    for name, (rho, deviations) in day.orders().items():
        band = 1.96 / sqrt(voters - 1)
        place = "inside" if abs(rho) <= band else "outside"
        print(f"rank correlation with casting, {name}: {rho:+.4f} ({place} the 95 % band ±{band:.4f})")
        if abs(deviations) > ONE_IN_A_MILLION:
            wrong.append(f"{name}: the published order follows the order of casting")
    verify = [sys.executable, ROOT / "static/verify.py", "--receipts", "receipts.json"]
    recount = subprocess.run(verify, cwd=day.results, capture_output=True, text=True, check=False)
    print(recount.stdout.strip())
    return wrong if recount.returncode == 0 else [*wrong, "the recount does not agree"]


def opening(count: int) -> None:
    """How long sealing and opening take, by the clock and by the processor: other programs may share the machine."""
    halves, proposals = some_halves(), some_proposals()
    poll = a_poll(halves)
    slot, privates = a_slot(poll, proposals), [half.private for half in halves]
    start, used = time.perf_counter(), time.process_time()
    envelopes = [seal(["lamp", "bus"], slot) for _ in range(count)]
    print(f"{count} envelopes sealed in {time.perf_counter() - start:.1f} s", end=" ")
    print(f"({time.process_time() - used:.1f} s of one processor)")
    receipts = [receipt_of(each) for each in envelopes]
    start, used = time.perf_counter(), time.process_time()
    found = open_all(envelopes, receipts, slot, privates, poll, proposals)
    print(f"{count} envelopes opened in {time.perf_counter() - start:.1f} s", end=" ")
    print(f"({time.process_time() - used:.1f} s of one processor)")
    assert len(found.ballots) == count


def main() -> int:
    voters = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    opening(10_000)
    with tempfile.TemporaryDirectory() as folder:
        wrong = whole_vote(voters, Path(folder))
    for line in wrong:
        print("WRONG:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
