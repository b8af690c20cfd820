"""A whole vote by simulated voters: through HTTP, with second votes and servers that are killed under load."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import httpx

from civic.codes import new_code, to_text
from civic.votes.envelope import Slot, receipt_of, seal
from tests.forms_api.server import Server
from tests.forms_api.voting import SLUG, Town

CHOICES = (("bench", "lamp", "bus"), ("lamp",), ("lamp", "guide"), ("ramp", "bench"), ("bus",))
THREADS = 4
API = f"/api/votes/{SLUG}"
# Standard deviations that a fair order stays within but for one run in a million (two-sided normal).
ONE_IN_A_MILLION = 4.9


@dataclass
class Day:
    """What the voters know afterwards, and what was published."""

    town: Town
    last: dict[str, tuple[str, str, list[str]]] = field(default_factory=dict)  # receipt, tracker, picks
    cast: list[tuple[str, str]] = field(default_factory=list)  # (tracker, receipt) as they were acknowledged
    kills: int = 0
    seconds: float = 0

    @property
    def box(self) -> dict[str, Any]:
        return dict(json.loads((self.town.folder / "box.json").read_text("utf-8"))["board"])

    @property
    def opened(self) -> list[dict[str, Any]]:
        return list(json.loads((self.town.folder / "opened.json").read_text("utf-8"))["ballots"])

    @property
    def results(self) -> Path:
        return self.town.content / "results" / SLUG

    def close(self) -> None:
        """Close, open offline, publish."""
        box, opened = (self.town.folder / f"{name}.json" for name in ("box", "opened"))
        self.town.close(box)
        self.town.open(box, opened)
        self.town.publish(opened)

    def faults(self) -> list[str]:
        """What does not hold: each voter's last ballot and nothing else is in the box and in the count."""
        wrong = []
        receipts, opened = self.box["receipts"], self.opened
        if len(receipts) != len(self.last) or len(opened) != len(self.last):
            wrong.append(f"ballots {len(opened)}, receipts {len(receipts)}, voters {len(self.last)}")
        # A ballot that was kept and not acknowledged stands until its voter's next one: none may be left.
        if sorted(receipt for receipt, _, _ in self.last.values()) != receipts:
            wrong.append("the box does not hold each voter's last ballot")
        known = {tracker: picks for _, tracker, picks in self.last.values()}
        if {each["tracker"]: each["choices"] for each in opened} != known:
            wrong.append("a ballot holds other picks than its voter made")
        return wrong

    def orders(self) -> dict[str, tuple[float, float]]:
        """(rank correlation with the order of casting, the same in standard deviations) of each published order."""
        trackers, receipts = [each["tracker"] for each in self.opened], self.box["receipts"]
        found = {}
        for name, published, mine in (
            ("ballots by tracker", trackers, [tracker for tracker, _ in self.cast]),
            ("board of receipts", receipts, [receipt for _, receipt in self.cast]),
        ):
            kept = set(published)
            rho = rank_correlation([each for each in mine if each in kept], published)
            found[name] = rho, rho * sqrt(len(published) - 1)
        return found


def rank_correlation(first: list[str], second: list[str]) -> float:
    """Spearman's rho of two orders of the same names."""
    place = {name: rank for rank, name in enumerate(second)}
    n = len(first)
    return 1 - 6 * sum((rank - place[name]) ** 2 for rank, name in enumerate(first)) / (n * (n * n - 1))


def hold(town: Town, voters: int, lives: int = 4) -> Day:
    """Every voter votes, every fifth again; `lives` servers are killed in the middle of their work."""
    day, chance = Day(town), random.Random(voters)
    contacts = [f"010-5000-{number:04}" for number in range(voters)]
    waiting = [(each, chance.choice(CHOICES)) for each in contacts]
    waiting += [(each, chance.choice(CHOICES)) for each in chance.sample(contacts, voters // 5)]
    started = time.perf_counter()
    while waiting:
        server = town.serve()
        with server.client(limits=httpx.Limits(max_connections=THREADS)) as client:
            slot = town.slot(client)
            size = max(len(waiting) if day.kills >= lives else voters // (lives + 1), 1)
            batch, waiting = waiting[:size], waiting[size:]
            with ThreadPoolExecutor(THREADS) as pool:
                jobs = [(each, pool.submit(vote, server, client, slot, *each)) for each in batch]
                if day.kills < lives:
                    jobs[len(jobs) // 2][1].result()
                    server.kill()
                    day.kills += 1
                for each, job in jobs:
                    got = job.result()
                    if got is None:
                        waiting.append(each)  # as a person would: again
                    else:
                        day.last[each[0]] = got
                        day.cast.append((got[1], got[0]))
        if server.process.poll() is None:
            server.stop()
    day.seconds = time.perf_counter() - started
    return day


def vote(
    server: Server, client: httpx.Client, slot: Slot, contact: str, picks: tuple[str, ...]
) -> tuple[str, str, list[str]] | None:
    """(receipt, tracker, picks) of an acknowledged ballot; None when the server was killed under it."""
    try:
        seen = len(server.lines)
        asked = client.post(f"{API}/code", json={"contact": contact})
        if asked.status_code != 202:
            return None
        code, tracker = server.code(contact, seen), new_code()
        names = sorted(f"{SLUG}-{pick}" for pick in picks)
        envelope = seal(names, slot, tracker)
        body = {"contact": contact, "code": code, "request": asked.json()["request"]}
        answer = client.post(f"{API}/ballots", json=body | {"envelope": to_text(envelope)})
        if answer.status_code != 201:
            return None
        assert answer.json()["receipt"] == receipt_of(envelope)
        return receipt_of(envelope), tracker, names
    except (httpx.HTTPError, TimeoutError):
        return None
