"""Does a program that is five seconds faster get more places? The same people under `window-draw` and under first-come.

    python -m bench.fair [--runs 3] [--people 30] [--program 10] [--head-start 5]

22 rounds with 10 places. All phones are proven beforehand. When sign-up opens a program sends its sign-ups, as many a
round as there are places; so many seconds later the people come. Under `window-draw` the list is then frozen and drawn
by staff's commands with a seed that nobody chose. Printed: the program's share of the sign-ups and of the places.

Exits 1 when its places under `window-draw` are outside the band in which 99 of 100 fair draws lie, or when the control
fails: first come, first served, it must get every place.
"""

import argparse
import json
import math
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.opening import proven
from bench.servers import ROUNDS, SUBJECT, serving
from civic.clock import parse_time
from civic.store import open_store
from tests.builders import an_application
from tests.staff import at, call

PLACES = 10  # of each round
WINDOW = {
    "selection": "window-draw",
    "window": 30,
    "seed": "공개된 수",
    "seed_kind": "number",
    "freeze_at": parse_time("2023-08-16T10:00:00+09:00"),
    "seed_at": parse_time("2023-08-17T12:00:00+09:00"),
}
FROZEN, KNOWN = "2023-08-16T10:00:01+09:00", "2023-08-17T12:00:01+09:00"
BAND = 2.58  # standard deviations: 99 of 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--people", type=int, default=30, help="in each round")
    parser.add_argument(
        "--program", type=int, default=PLACES, help="phones that the program holds, in each round"
    )
    parser.add_argument("--head-start", type=float, default=5.0, help="seconds")
    given = parser.parse_args()
    right, won = True, 0
    for run in range(given.runs):
        at_once = places_of_program({}, given.people, given.program, given.head_start)
        drawn = places_of_program(WINDOW, given.people, given.program, given.head_start)
        won += drawn
        right &= at_once == ROUNDS * min(PLACES, given.program)
        print(
            f"run {run + 1}: of {ROUNDS * PLACES} places, first-come {at_once}, window-draw {drawn}",
            flush=True,
        )
    rounds, everybody = given.runs * ROUNDS, given.people + given.program
    share = given.program / everybody
    spread = math.sqrt(rounds * PLACES * share * (1 - share) * (everybody - PLACES) / (everybody - 1))
    due = rounds * PLACES * share
    print(
        f"window-draw: {won} places of {rounds * PLACES} ({won / rounds / PLACES:.3f}) by {share:.3f} of the sign-ups"
    )
    print(f"fair: {due:.0f} ± {BAND * spread:.0f} places; {(won - due) / spread:+.2f} standard deviations")
    return 0 if right and abs(won - due) <= BAND * spread else 1


def places_of_program(form: Mapping[str, Any], people: int, program: int, head_start: float) -> int:
    """How many places the program has in the end, on a fresh server with that form."""
    first = 70_000_000 + secrets.randbelow(20_000_000)
    phones = [f"{first + index:08d}" for index in range(ROUNDS * (people + program))]
    with tempfile.TemporaryDirectory(prefix="madang-fair-") as name:
        folder = Path(name)
        keys = str(folder / "keys")
        with serving(folder, places=PLACES, waiting=100, form={"contact": "proven", **form}) as server:
            tickets = proven(server.base, phones)
            fast, slow = phones[: ROUNDS * program], phones[ROUNDS * program :]
            mine = sign_up(server.base, fast, tickets)
            time.sleep(head_start)
            sign_up(server.base, slow, tickets)
        if form:
            seed = str(secrets.randbelow(10**9))
            for now, words in ((FROZEN, ["freeze"]), (KNOWN, ["run", "--seed", seed, "--by", "bench"])):
                done = call("draw", words[0], SUBJECT, *words[1:], *at(folder, now), keys=keys)
                if done.returncode:
                    raise SystemExit(done.stderr)
        with closing(open_store(f"tinydb://{folder}/var/data")) as store, store.open(SUBJECT) as book:
            held = [entry for number in range(ROUNDS) for entry in book.entries(f"r{number}", ("confirmed",))]
        assert len(held) == ROUNDS * PLACES, len(held)
        return sum(entry.number in mine for entry in held)


def sign_up(base: str, phones: Iterable[str], tickets: Mapping[str, str]) -> set[str]:
    """The receipt numbers of these phones (without 010), round after round."""
    numbers = set()
    for index, phone in enumerate(phones):
        body = json.dumps(an_application(round=f"r{index % ROUNDS}", phone=f"010{phone}")).encode()
        headers = {
            "Content-Type": "application/json",
            "Sec-Fetch-Site": "same-origin",
            "Cookie": tickets[phone],
        }
        asked = urllib.request.Request(f"{base}/api/forms/{SUBJECT}", body, headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            numbers.add(json.load(answer)["number"])
    return numbers


if __name__ == "__main__":
    sys.exit(main())
