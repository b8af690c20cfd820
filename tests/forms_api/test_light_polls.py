"""A light poll from its file to its page: no ceremony, one phone one ballot, counted by the server, erased in time."""

import json
from contextlib import closing
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civic.clock import FixedClock
from civic.content.poll import Option, Poll
from civic.errors import ContentMistakes
from civic.library import load
from civic.store import open_box
from civic.votes.ballot import Ballot
from civic.votes.light import PollResult, due, follow
from publish.edition import Edition
from publish.site import create_app
from tests.ballot_samples import CLOSES, DURING, OPENS
from tests.builders import a_phone
from tests.forms_api.server import Server
from tests.forms_api.voting import write_poll
from tests.patience import eventually
from tests.publish.test_pages import PlainAssets

PAGE = """+++
title = "축제 날짜"
opens = 2023-08-16T08:00:00
closes = {closes}
electorate = "주민 누구나"
max_picks = 2
objection_days = 1

[[options]]
text = "토요일"

[[options]]
text = "<일요일>"
summary = "쉬는 날"
+++
"""
SAT, SUN = (Option(text=text).id for text in ("토요일", "<일요일>"))


def write(folder: Path, closes: str, **changes: str) -> Path:
    content, text = write_poll(folder / "content"), PAGE.format(closes=closes)
    for old, new in changes.items():
        text = text.replace(*new.split(" -> ")) if old else text
    (content / "votes/date.md").write_text(text, "utf-8")
    return content


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("<일요일> -> 토요일", "같은 선택지가 두 번"),
        ("max_picks = 2 -> max_picks = 3", "max_picks는 그 수를"),
        ("max_picks = 2 -> budget = 1", "budget를 적지 않습니다"),
        ("max_picks = 2 -> assurance = 2", "본인 확인 수준은 1입니다"),
        ('text = "토요일" -> txt = "토요일"', "options.0.text"),
        (PAGE[PAGE.index("[[opt") : -5] + " -> ", "선택지(options)나, 예산(budget)과"),
    ],
)
def test_what_cannot_be_held_is_named(tmp_path: Path, change: str, says: str) -> None:
    """An option twice, more picks than options, money, a roll, a misspelt key."""
    load(write(tmp_path / "right", "2023-08-20T00:00:00"), DURING)
    with pytest.raises(ContentMistakes) as found:
        load(write(tmp_path, "2023-08-20T00:00:00", change=change), DURING)
    assert says in str(found.value.mistakes[0]), found.value.mistakes


def test_from_the_file_to_the_page(tmp_path: Path) -> None:
    """Proven phones vote, one again: the last counts; nothing is told before; then the file, the page, and erased."""
    content, results = write(tmp_path, "2023-08-16T09:00:09"), tmp_path / "results"
    given: dict[str, Any] = {"rate_limit": "off", "results": str(results)}
    voters = [a_phone() for _ in range(3)]
    server = Server(content, tmp_path / "var/data", **given)
    with server, server.client() as client:
        for number, phone in enumerate([*voters, voters[0]]):
            asked = client.post("/api/votes/date/code", json={"contact": phone}).json()
            body = {"contact": phone, "code": asked["code"], "request": asked["request"]}
            body |= {"submission": "x" * 20, "choices": [SUN if number % 2 else SAT]}
            told = [client.post("/api/votes/date/ballots", json=body) for _ in range(2)]
            assert told[0].status_code == 201 and told[0].json() == told[1].json()
        assert client.post("/api/votes/date/ballots", json=body | {"choices": [SAT] * 2}).status_code == 422
        assert client.post("/api/votes/date/ballots", json=body | {"code": "000000"}).status_code == 403
        kept = (tmp_path / "var/data/votes.sqlite3").read_bytes()
        assert SAT.encode() not in kept and told[0].json()["tracker"].encode() not in kept
        eventually((results / "date.json").exists)
    counted = json.loads((results / "date.json").read_text("utf-8"))
    assert (counted["voters"], counted["counted_by"]) == (3, "server") and "ballots" not in counted
    assert {line["text"]: line["votes"] for line in counted["lines"]} == {"<일요일>": 2, "토요일": 1}
    page = shown(content, results)
    assert "&lt;일요일&gt;" in page and "서버가 센 결과입니다" in page and "합계만 알립니다" in page
    with Server(content, tmp_path / "var/data", now="2023-08-17T09:00:10+09:00", **given) as later:
        later.says("poll-erased")
    with closing(open_box(f"tinydb://{tmp_path}/var/data")) as boxes, boxes.open("date") as box:
        assert (box.state(), box.cast()) == ("destroyed", [])


def shown(content: Path, results: Path) -> str:
    """The page of the result in the next build."""
    at = CLOSES + timedelta(days=1)
    client = create_app(
        Edition(load(content, at, results=results), PlainAssets(), FixedClock(at))
    ).test_client()
    assert "/results/date/" in client.get("/votes/date/").get_data(as_text=True)
    assert client.get("/results/date/poll.json").status_code == 200
    return client.get("/results/date/").get_data(as_text=True)


class Plain:
    """A vault without a lock."""

    def seal(self, poll: str, receipt: str, ballot: Ballot) -> bytes:
        return json.dumps(asdict(ballot)).encode()

    def open(self, poll: str, receipt: str, sealed: bytes) -> Ballot:
        return Ballot(**json.loads(sealed))

    def erase(self, poll: str, at: object) -> None: ...


def test_the_file_is_the_same_whoever_writes_it(tmp_path: Path) -> None:
    """Twenty ballots: two servers write one file byte for byte; a list that anyone can recount; a changed one is refused."""
    from civic.store.box import Sealed

    content = write(tmp_path, "2023-08-26T00:00:00")
    poll = load(content, OPENS).get("votes", "date")
    assert isinstance(poll, Poll)
    boxes = open_box(f"tinydb://{tmp_path}/var/data")
    with boxes.open("date") as box:
        for n in range(20):
            receipt, ballot = f"R{n:02}", Ballot(f"T{19 - n:02}", (SAT,) if n % 3 else (SAT, SUN))
            box.put(Sealed(f"v{n}", Plain().seal("date", receipt, ballot), receipt, f"o{n}"))
    first, second = tmp_path / "first", tmp_path / "second"
    assert due([poll], CLOSES - timedelta(seconds=1), first) == []
    for folder in (first, second):
        assert due([poll], CLOSES, folder) == [poll]
        assert follow(poll, boxes, Plain(), CLOSES, folder) == ["poll-counted"]
    assert due([poll], CLOSES, first) == [] != due([poll], CLOSES + timedelta(days=1), first)
    boxes.close()
    text = (first / "date.json").read_bytes()
    assert text == (second / "date.json").read_bytes()
    result = PollResult.model_validate_json(text)
    assert [line.votes for line in result.lines] == [20, 7] and len(result.ballots) == 20
    assert "누구나 다시 셀 수 있습니다" in shown(content, first)
    for change in (
        {"voters": 21},
        {"lines": (result.lines[0].model_copy(update={"votes": 19}), result.lines[1])},
        {"ballots": (*result.ballots[1:], replace(result.ballots[0], tracker="T99"))[:19]},
        {"ballots": (replace(result.ballots[0], choices=(SAT, SAT)), *result.ballots[1:])},
        {"max_picks": 1},
    ):
        (first / "date.json").write_text(result.model_copy(update=change).model_dump_json(), "utf-8")
        with pytest.raises(ContentMistakes, match=r"date\.json"):
            load(content, CLOSES, results=first)
