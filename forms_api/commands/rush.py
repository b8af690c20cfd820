"""`rush`: replays an opening against a running server on this machine, and counts whether every place was given once."""

from __future__ import annotations

import ipaddress
import json
import math
import random
import socket
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from civic.content.questions import TYPES
from civic.errors import Misuse, NotFound
from forms_api.commands.rush_clients import Post, Share, Target, crowd

HELD = ("confirmed", "offered")
EXPECTED = (
    "full",
    "already-applied",
    "closed",
    "not-open",
    "limit-reached",
)  # refusals of a rush that goes well
OPENING = 60  # seconds to wait for a form that is about to open
FAILED = 1


@dataclass(frozen=True)
class Verdict:
    """What came out. The last three must be 0, and no answer may be unexpected."""

    posts: int
    people: int
    seconds: float
    p50: float  # ms
    p99: float
    places: int
    confirmed: int
    waiting: int
    received: int  # a draw or a review is still to come
    cancelled: int
    refused: Mapping[str, int]
    oversold: int
    duplicates: int
    lost: int

    @property
    def unexpected(self) -> Mapping[str, int]:
        """Refusals that no rush should meet: 500, 503, a rate limit, what the form does not take."""
        return {name: count for name, count in self.refused.items() if name not in EXPECTED}

    def faults(self) -> list[str]:
        """Why the rush did not go well, in Korean; empty when it did."""
        said = [
            f"{name}이 0이 아닙니다: {count}"
            for name, count in (
                ("oversold", self.oversold),
                ("duplicates", self.duplicates),
                ("lost", self.lost),
            )
            if count
        ]
        if not (self.confirmed or self.waiting or self.received or self.cancelled):
            said.append("한 건도 접수되지 않았습니다. 접수하는 때인지, 신청서가 무엇을 묻는지 보세요.")
        if self.unexpected:
            told = ", ".join(f"{name} {count}번" for name, count in sorted(self.unexpected.items()))
            said.append(f"예상하지 않은 대답이 있습니다: {told}. 서버의 기록을 보세요.")
        if "too-many" in self.refused:
            said.append("서버가 횟수를 제한했습니다. MADANG_RATE_LIMIT=off로 켜세요.")
        return said


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="시험할 서버(이 컴퓨터만)")
@click.option("--subject", required=True, help="신청서. 예: programs/citizen-allowance")
@click.option(
    "--factor", type=click.FloatRange(0, 1000), default=7.0, show_default=True, help="정원의 몇 배가 오는지"
)
@click.option(
    "--doubles", type=click.FloatRange(0, 1), default=0.33, show_default=True, help="두 번 누르는 사람의 비율"
)
@click.option(
    "--cancels",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="접수되자마자 취소하는 사람의 비율",
)
@click.option(
    "--connections", type=click.IntRange(1, 4096), default=64, show_default=True, help="한꺼번에 여는 연결 수"
)
@click.option(
    "--clients", type=click.IntRange(1, 64), default=2, show_default=True, help="누르는 프로세스 수"
)
@click.option("--rounds", type=click.IntRange(1), help="앞에서부터 몇 회차만")
@click.option("--seed", type=int, help="같은 차례로 다시 할 때의 수")
def rush(
    url: str,
    subject: str,
    factor: float,
    doubles: float,
    cancels: float,
    connections: int,
    clients: int,
    rounds: int | None,
    seed: int | None,
) -> None:
    """접수를 시작하는 순간을 되풀이해 봅니다. 넘침, 겹침, 사라짐이 모두 0이고 예상하지 않은 대답이 없어야 0으로 끝납니다.

    서버는 MADANG_RATE_LIMIT=off로 켜 두세요. 시험용 자료에만 하세요. 접수가 실제로 들어갑니다.
    """
    target = _target(url, subject)
    form, schema = _form(url, subject)
    chosen = dict(list(form["rounds"].items())[:rounds])
    if any(each["taken"] or each["waiting"] for each in chosen.values()):
        raise Misuse(f"{subject}에 이미 신청이 있습니다. 빈 자료 폴더로 켠 서버에 하세요.")
    posts = plan(chosen, typed(form, schema), factor, doubles, cancels, random.Random(seed))  # noqa: S311  # no secret
    clients = min(clients, connections)
    click.echo(
        f"{subject}: {len(chosen)}회차, {len(posts)}번 누름, 연결 {connections}개, 프로세스 {clients}개",
        err=True,
    )
    shares = crowd(target, posts, connections, clients, lambda done: _progress(done, len(posts)))
    click.echo("", err=True)
    faults = [share.fault for share in shares if share.fault]
    if faults:
        raise Misuse(f"끝까지 하지 못했습니다: {faults[0]}")
    after, _ = _form(url, subject)
    found = judge(shares, {id: after["rounds"][id] for id in chosen})
    report(found)
    faults = found.faults()
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(FAILED)


def plan(
    rounds: Mapping[str, Mapping[str, Any]],
    filled: Mapping[str, Any],
    factor: float,
    doubles: float,
    cancels: float,
    chance: random.Random,
) -> list[Post]:
    """Everybody who comes, in the order in which they press; the two of a double click one after the other.

    filled: what they all type, see `typed`.
    """
    people = [id for id, each in rounds.items() for _ in range(math.ceil(each["places"] * factor))]
    chance.shuffle(people)
    first = chance.randrange(70_000_000, 99_000_000 - len(people))  # numbers that exist
    posts = []
    for index, round in enumerate(people):
        digits = f"{first + index:08d}"
        submission = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        own = {"round": round, "phone": f"010{digits}", "submission_id": submission}
        body = json.dumps({**filled, "name": "홍길동", "consent": True, **own}, ensure_ascii=False)
        twice = chance.random() < doubles
        cancelling = not twice and chance.random() < cancels
        post = Post(body, submission, digits, round, digits[-4:], cancelling)
        posts += [post, post] if twice else [post]
    return posts


def typed(form: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What everybody types alike: a sample for each field and question that must be answered."""
    answers = {}
    for described in form["fields"]:
        if described["required"]:
            options = [option["value"] for option in described.get("options", ())]
            question = TYPES[described["type"]].model_validate(
                {**described, "options": options}, strict=False
            )
            answers[question.name] = question.sample()
    samples = {"email": "rush@example.com", "birth_date": "1990-01-31", "answers": answers}
    return {name: sample for name, sample in samples.items() if name in schema["required"]}


def judge(shares: Sequence[Share], rounds: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """What the answers and the server's own counts come to.

    oversold: people beyond the places, by whichever count is higher: entries looked up, or what the server says.
    duplicates: sign-ups that one person got beyond the first, or numbers that two people share. lost: acknowledgements
    that are not found afterwards, or cancellations that did not stay.
    """
    answers = [answer for share in shares for answer in share.answers]
    kept = [answer for answer in answers if answer.number]
    entries = {answer.number: answer for answer in kept}
    held: Counter[str] = Counter(a.round for a in entries.values() if a.later in HELD)
    oversold = sum(max(0, max(held[id], each["taken"]) - each["places"]) for id, each in rounds.items())
    numbers, owners = defaultdict(set), defaultdict(set)
    for answer in kept:
        numbers[answer.person, answer.round].add(answer.number)
        owners[answer.number].add(answer.person)
    duplicates = sum(len(each) - 1 for each in [*numbers.values(), *owners.values()])
    lost = sum(not a.later or (a.cancelled and a.later != "cancelled") for a in kept)
    times = sorted(answer.seconds * 1000 for answer in answers) or [0.0]
    refused = Counter(answer.problem for answer in answers if answer.problem)
    begun, ended = min(s.begun for s in shares), max(s.ended for s in shares)
    return Verdict(
        posts=len(answers),
        people=len({answer.person for answer in answers}),
        seconds=ended - begun,
        p50=times[len(times) // 2],
        p99=times[len(times) * 99 // 100],
        places=sum(each["places"] for each in rounds.values()),
        confirmed=sum(held.values()),
        waiting=sum(a.later == "waiting" for a in entries.values()),
        received=sum(a.later == "received" for a in entries.values()),
        cancelled=sum(a.later == "cancelled" for a in entries.values()),
        refused=refused,
        oversold=oversold,
        duplicates=duplicates,
        lost=lost,
    )


def report(found: Verdict) -> None:
    """The figures, one to a line, for people and for programs."""
    rate = found.posts / found.seconds if found.seconds else 0.0
    click.echo(
        f"posts/s\t{rate:.0f}\t({found.posts} posts by {found.people} people in {found.seconds:.2f} s)"
    )
    click.echo(
        f"p50\t{found.p50:.1f} ms\np99\t{found.p99:.1f} ms\t({found.p99 / max(found.p50, 0.001):.1f} x p50)"
    )
    click.echo(f"places\t{found.places}\nconfirmed\t{found.confirmed}\nwaiting\t{found.waiting}")
    click.echo(f"received\t{found.received}\ncancelled\t{found.cancelled}")
    for name, count in sorted(found.refused.items()):
        click.echo(f"refused: {name}\t{count}" + ("\t(not expected)" if name in found.unexpected else ""))
    click.echo(f"oversold\t{found.oversold}\nduplicates\t{found.duplicates}\nlost\t{found.lost}")


def _target(url: str, subject: str) -> Target:
    """Raises Misuse unless the address leads to this machine: a load test is never aimed at somebody else."""
    parts = urlsplit(url)
    try:
        port = parts.port or 80
        found = socket.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        found = []
    addresses = [str(each[4][0]) for each in found]
    if parts.scheme != "http" or not addresses or not all(map(_is_loopback, addresses)):
        raise Misuse("--url은 이 컴퓨터의 서버만 됩니다. 예: http://127.0.0.1:8000")
    return Target(addresses[0], port, f"http://{parts.netloc}", f"/api/forms/{subject}")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _form(url: str, subject: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form as it stands and what a post to it holds; waits for one that is about to open. Raises NotFound, Misuse."""
    base, address = url.rstrip("/"), f"/api/forms/{subject}"
    until = time.monotonic() + OPENING
    while True:
        form = _get(f"{base}{address}")
        if form["state"] != "upcoming" or time.monotonic() > until:
            break
        time.sleep(0.2)
    described = _get(f"{base}/api/openapi.json")["paths"][address]["post"]
    schema: dict[str, Any] = described["requestBody"]["content"]["application/json"]["schema"]
    return form, schema


def _get(address: str) -> dict[str, Any]:
    try:
        # Of our own making, and _target has seen that it leads to this machine.
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as err:
        raise NotFound(f"{address}: 그런 신청서가 없습니다({err.code}).") from None
    except (OSError, ValueError) as err:
        raise Misuse(f"{address}: 서버가 대답하지 않습니다.") from err


def _progress(done: int, total: int) -> None:
    click.echo(f"\r{done:,} / {total:,}", err=True, nl=False)
