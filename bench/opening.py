"""An opening replayed against a running server on this machine: was every place given once, was any answer lost?

    python -m bench.opening --subject programs/citizen-allowance [--url http://127.0.0.1:8000] [--help]

Exits 0 when all went well, 1 when it did not, 2 when it could not be tried.
"""

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import click

from bench.crowd import Answer, Attempt, Share, Target, crowd
from civic.content.questions import TYPES

HELD = ("confirmed", "offered")
EXPECTED = (
    "full",
    "already-applied",
    "closed",
    "not-open",
    "limit-reached",
)  # what may be refused when all goes well
TO_GHOSTS = ("contact-unproven", "wrong-code")  # the same, to invented numbers
OPENING = 60  # seconds to wait for a form that is about to open
WRONG, CALL_WRONG = 1, 2  # exit codes


class Stopped(Exception):
    """The opening cannot be replayed: a sentence that says why, and the exit code."""

    def __init__(self, reason: str, code: int = CALL_WRONG) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Crowd:
    """Who comes. factor: people per place; doubles, cancels: shares of 1; rounds: only the first so many.

    ghosts: invented numbers per person, pressed by a program among the people; every second with an invented code.
    """

    factor: float = 7.0
    doubles: float = 0.33
    cancels: float = 0.1
    ghosts: float = 0.0
    connections: int = 64
    clients: int = 2
    rounds: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What came out. The last four must be 0, and no answer may be unexpected."""

    posts: int
    people: int
    seconds: float
    p50: float  # ms
    p99: float
    places: int
    states: Mapping[str, int]  # entries by state, places held as "confirmed"
    refused: Mapping[str, int]
    oversold: int
    duplicates: int
    lost: int
    ghosts: int = 0  # invented numbers that got a place or a turn in the line

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.posts / self.seconds if self.seconds else 0.0

    @property
    def unexpected(self) -> Mapping[str, int]:
        """Refusals that no opening should meet: 500, 503, a rate limit, what the form does not take."""
        return {name: count for name, count in self.refused.items() if name not in EXPECTED}

    def faults(self) -> list[str]:
        """Why the opening did not go well, in Korean; empty when it did."""
        names = ("oversold", "duplicates", "lost", "ghosts")
        must_be_none = {name: getattr(self, name) for name in names}
        said = [f"{name}이 0이 아닙니다: {count}" for name, count in must_be_none.items() if count]
        if not any(self.states.values()):
            said.append("한 건도 접수되지 않았습니다. 접수하는 때인지, 신청서가 무엇을 묻는지 보세요.")
        if self.unexpected:
            told = ", ".join(f"{name} {count}번" for name, count in sorted(self.unexpected.items()))
            said.append(f"예상하지 않은 대답이 있습니다: {told}. 서버의 기록을 보세요.")
        if "too-many" in self.refused:
            said.append("서버가 횟수를 제한했습니다. MADANG_RATE_LIMIT=off로 켜세요.")
        return said


def _option(name: str, kind: Any, default: Any, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=kind, default=default, show_default=default is not None, help=text)


@click.command()
@_option("--url", str, "http://127.0.0.1:8000", "시험할 서버(이 컴퓨터만)")
@click.option("--subject", required=True, help="신청서. 예: programs/citizen-allowance")
@_option("--factor", click.FloatRange(0, 1000), Crowd.factor, "정원의 몇 배가 오는지")
@_option("--doubles", click.FloatRange(0, 1), Crowd.doubles, "두 번 누르는 사람의 비율")
@_option("--cancels", click.FloatRange(0, 1), Crowd.cancels, "접수되자마자 취소하는 사람의 비율")
@_option("--ghosts", click.FloatRange(0, 100), Crowd.ghosts, "사람의 몇 배의 지어낸 번호가 함께 오는지")
@_option("--connections", click.IntRange(1, 4096), Crowd.connections, "한꺼번에 여는 연결 수")
@_option("--clients", click.IntRange(1, 64), Crowd.clients, "누르는 프로세스 수")
@_option("--rounds", click.IntRange(1), None, "앞에서부터 몇 회차만")
@_option("--seed", int, None, "같은 차례로 다시 할 때의 수")
def main(url: str, subject: str, **who: Any) -> None:
    """접수를 시작하는 순간을 되풀이해 봅니다. 넘침, 겹침, 사라짐이 모두 0이고 예상하지 않은 대답이 없어야 0으로 끝납니다.

    서버는 MADANG_RATE_LIMIT=off로 켜 두세요. 시험용 자료에만 하세요. 접수가 실제로 들어갑니다.
    """
    try:
        found = replay(url, subject, Crowd(**who), lambda text: click.echo(text, err=True, nl=False))
    except Stopped as reason:
        click.echo(str(reason), err=True)
        sys.exit(reason.code)
    report(found)
    faults = found.faults()
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(WRONG if faults else 0)


def replay(url: str, subject: str, who: Crowd, told: Callable[[str], object] = lambda _: None) -> Verdict:
    """One opening of that form, which must be empty. told: called with lines about how far it is. Raises Stopped."""
    target = _target(url, subject)
    form, schema = _form(url, subject)
    chosen = dict(list(form["rounds"].items())[: who.rounds])
    if any(round_["taken"] or round_["waiting"] for round_ in chosen.values()):
        raise Stopped(f"{subject}에 이미 신청이 있습니다. 빈 자료 폴더로 켠 서버에 하세요.")
    posts = plan(chosen, typed(form, schema), who)
    if form["contact"] == "proven":
        told("휴대전화를 인증합니다.\n")
        tickets = proven(url, {post.person for post in posts if not post.is_ghost})
        posts = [replace(post, cookie=tickets.get(post.person, "")) for post in posts]
    clients = min(who.clients, who.connections)
    told(
        f"{subject}: {len(chosen)}회차, {len(posts)}번 누름, 연결 {who.connections}개, 프로세스 {clients}개\n"
    )
    shares = crowd(target, posts, who.connections, clients, lambda done: told(f"\r{done:,} / {len(posts):,}"))
    told("\n")
    faults = [share.fault for share in shares if share.fault]
    if faults:
        raise Stopped(f"끝까지 하지 못했습니다: {faults[0]}")
    after, _ = _form(url, subject)
    return judge(shares, {id: after["rounds"][id] for id in chosen})


def proven(url: str, people: Iterable[str]) -> dict[str, str]:
    """The cookie with which each of these numbers (without 010) has been proven. Raises Stopped."""
    base, headers = url.rstrip("/"), {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}

    def post(path: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        asked = urllib.request.Request(f"{base}{path}", json.dumps(given).encode(), headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer), str(answer.headers.get("Set-Cookie", "")).partition(";")[0]

    def prove(person: str) -> str:
        contact = {"contact": f"010{person}"}
        told, _ = post("/api/contacts/code", contact)
        return post("/api/contacts/ticket", {**contact, "code": told["code"], "request": told["request"]})[1]

    try:
        return {person: prove(person) for person in people}
    except (OSError, KeyError) as err:
        said = "휴대전화를 인증하지 못했습니다. 시연 서버(--now)를 MADANG_RATE_LIMIT=off로 켜세요."
        raise Stopped(said) from err


def plan(rounds: Mapping[str, Mapping[str, Any]], filled: Mapping[str, Any], who: Crowd) -> list[Attempt]:
    """Everybody who comes, in the order in which they press; the two of a double click one after the other.

    filled: what they all type, see `typed`.
    """
    chance = random.Random(who.seed)
    people = [id for id, round_ in rounds.items() for _ in range(math.ceil(round_["places"] * who.factor))]
    comers = [(id, False) for id in people]
    comers += [(chance.choice(list(rounds)), True) for _ in range(round(len(people) * who.ghosts))]
    chance.shuffle(comers)
    first = chance.randrange(70_000_000, 99_000_000 - len(comers))  # numbers that exist
    posts = []
    for index, (round_, is_ghost) in enumerate(comers):
        digits = f"{first + index:08d}"
        submission = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        own = {"round": round_, "phone": f"010{digits}", "submission_id": submission}
        if is_ghost and index % 2:
            own |= {"code": f"{chance.randrange(10**6):06d}", "request": submission}
        body = json.dumps({**filled, "name": "홍길동", "consent": True, **own}, ensure_ascii=False)
        twice = not is_ghost and chance.random() < who.doubles
        cancels = not is_ghost and not twice and chance.random() < who.cancels
        post = Attempt(body, digits, round_, digits[-4:], cancels, is_ghost=is_ghost)
        posts += [post, post] if twice else [post]
    return posts


def typed(form: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What everybody types alike: a sample for each field and question that must be answered."""
    answers = {}
    for described in form["fields"]:
        if described["required"]:
            options = [option["value"] for option in described.get("options", ())]
            given = {**described, "options": options}
            answers[described["name"]] = TYPES[described["type"]].model_validate(given, strict=False).sample()
    samples = {"email": "rush@example.com", "birth_date": "1990-01-31", "answers": answers}
    return {name: sample for name, sample in samples.items() if name in schema["required"]}


def judge(shares: Sequence[Share], rounds: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """What the answers and the server's own counts come to.

    oversold: people beyond the places, by whichever count is higher: entries looked up, or what the server says.
    lost: acknowledgements that are not found afterwards, or cancellations that did not stay.
    """
    answers = [answer for share in shares for answer in share.answers]
    kept = [answer for answer in answers if answer.number]
    entries = {answer.number: answer for answer in kept}
    held = Counter(entry.round for entry in entries.values() if entry.later in HELD)
    times = sorted(answer.seconds * 1000 for answer in answers) or [0.0]
    states = Counter(entry.later for entry in entries.values())
    return Verdict(
        posts=len(answers),
        people=len({answer.person for answer in answers if not answer.is_ghost}),
        seconds=max(share.ended for share in shares) - min(share.begun for share in shares),
        p50=times[len(times) // 2],
        p99=times[len(times) * 99 // 100],
        places=sum(round_["places"] for round_ in rounds.values()),
        states={"confirmed": held.total()}
        | {name: states[name] for name in ("waiting", "received", "cancelled")},
        refused=Counter(
            a.problem for a in answers if a.problem and not (a.is_ghost and a.problem in TO_GHOSTS)
        ),
        oversold=sum(max(0, max(held[id], found["taken"]) - found["places"]) for id, found in rounds.items()),
        duplicates=_duplicates(kept),
        lost=sum(not a.later or (a.cancelled and a.later != "cancelled") for a in kept),
        ghosts=sum(answer.is_ghost for answer in kept),
    )


def _duplicates(kept: Sequence[Answer]) -> int:
    """Sign-ups that one person got beyond the first in a round, and people beyond the first who share a number."""
    numbers, owners = defaultdict(set), defaultdict(set)
    for answer in kept:
        numbers[answer.person, answer.round].add(answer.number)
        owners[answer.number].add(answer.person)
    return sum(len(found) - 1 for found in [*numbers.values(), *owners.values()])


def report(found: Verdict) -> None:
    """The figures, one to a line, for people and for programs."""
    click.echo(
        f"posts/s\t{found.rate:.0f}\t({found.posts} posts by {found.people} people in {found.seconds:.2f} s)"
    )
    click.echo(f"p50\t{found.p50:.1f} ms")
    click.echo(f"p99\t{found.p99:.1f} ms\t({found.p99 / max(found.p50, 0.001):.1f} x p50)")
    click.echo(f"places\t{found.places}")
    for state, count in found.states.items():
        click.echo(f"{state}\t{count}")
    for name, count in sorted(found.refused.items()):
        click.echo(f"refused: {name}\t{count}" + ("\t(not expected)" if name in found.unexpected else ""))
    click.echo(f"oversold\t{found.oversold}\nduplicates\t{found.duplicates}\nlost\t{found.lost}")
    click.echo(f"ghosts\t{found.ghosts}")


def _target(url: str, subject: str) -> Target:
    """Raises Stopped unless the address leads to this machine: a load test is never aimed at somebody else."""
    parts = urlsplit(url)
    try:
        port = parts.port or 80
        found = socket.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        found = []
    addresses = [str(place[4][0]) for place in found]
    if parts.scheme != "http" or not addresses or not all(map(_is_loopback, addresses)):
        raise Stopped("--url은 이 컴퓨터의 서버만 됩니다. 예: http://127.0.0.1:8000")
    return Target(addresses[0], port, f"http://{parts.netloc}", f"/api/forms/{subject}")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _form(url: str, subject: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form as it stands and what a post to it holds; waits for one that is about to open. Raises Stopped."""
    base, address = url.rstrip("/"), f"/api/forms/{subject}"
    until = time.monotonic() + OPENING
    while (form := _get(f"{base}{address}"))["state"] == "upcoming" and time.monotonic() < until:
        time.sleep(0.2)
    described = _get(f"{base}/api/openapi.json")["paths"][address]["post"]
    schema: dict[str, Any] = described["requestBody"]["content"]["application/json"]["schema"]
    return form, schema


def _get(address: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as err:
        raise Stopped(f"{address}: 그런 신청서가 없습니다({err.code}).", WRONG) from None
    except (OSError, ValueError) as err:
        raise Stopped(f"{address}: 서버가 대답하지 않습니다.") from err


if __name__ == "__main__":
    main()
