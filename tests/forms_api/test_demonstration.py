"""One clock per store: a demonstration's beside a demonstration, the machine's beside what citizens really sent."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from civic.clock import SEOUL, parse_time
from civic.errors import Misuse
from civic.store import open_box, open_store
from civic.store.box import Sealed
from civic.store.store import Store
from forms_api.clock_mark import PLACE, ClockMark, mark_of, take_up
from forms_api.commands.server_data import clock_beside
from tests.builders import NOW, a_lecture_file, an_application
from tests.forms_api.server import Server
from tests.staff import at, call
from tests.store.conftest import add, an_entry

START = parse_time(NOW)
MINUTE = timedelta(minutes=1)
LONG = {"opens": "2000-01-01T00:00:00", "closes": "2099-01-01T00:00:00"}  # open by any clock of these tests
LECTURES = {
    "live": a_lecture_file("진짜 강좌", selection="draw", **LONG),
    "summer": a_lecture_file("여름 강좌"),
}


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    with closing(open_store(address)) as opened:
        yield opened


def a_mark(start: datetime | None, ago: timedelta = MINUTE) -> ClockMark:
    return ClockMark(start, datetime.now(SEOUL) - ago)


def beside(content: Path, *arguments: str, now: str = "") -> subprocess.CompletedProcess[str]:
    """python -m forms_api … beside that content's server."""
    return call(*arguments, *at(content.parent, now))


def test_every_process_works_out_a_demonstrations_clock(store: Store, address: str) -> None:
    """A minute after its start; the processes of one server share a mark, and a restart begins anew."""
    mark = a_mark(START)
    for clock in (take_up(store, address, mark), take_up(store, address, mark)):
        assert START + MINUTE <= clock.now() < START + 2 * MINUTE
    assert len(store.history("")) == 1 and mark_of(store) == mark
    beside, is_real = clock_beside(store, None)
    assert (is_real, START + MINUTE <= beside.now() < START + 2 * MINUTE) == (False, True)
    chosen, _ = clock_beside(store, "2023-09-01T09:00:00")
    assert chosen.now().date().isoformat() == "2023-09-01"
    add(store, an_entry())
    assert take_up(store, address, a_mark(START, timedelta(0))).now() < START + MINUTE
    for n in range(10):  # the tenth mark is newer than the ninth
        take_up(store, address, a_mark(START + n * MINUTE, timedelta(0)))
    assert START + 9 * MINUTE <= clock_beside(store, None)[0].now() < START + 10 * MINUTE


def test_a_demonstrations_store_takes_no_real_server(store: Store, address: str) -> None:
    take_up(store, address, a_mark(START))
    with pytest.raises(Misuse, match="시연"):
        take_up(store, address, a_mark(None))
    assert len(store.history("")) == 1


def test_a_real_store_has_no_other_clock(store: Store, address: str) -> None:
    """From its first start, empty or not: no demonstration, and no --now."""
    with pytest.raises(Misuse, match="시연 서버"):
        clock_beside(store, NOW)  # not even before
    for _ in range(2):
        now = take_up(store, address, a_mark(None)).now()
        assert abs(now - datetime.now(SEOUL)) < MINUTE
    assert [line.subject for line in store.history("")] == [PLACE]
    with pytest.raises(Misuse, match="시연이 아닌"):
        take_up(store, address, a_mark(START))
    with pytest.raises(Misuse, match="시연 서버"):
        clock_beside(store, NOW)
    assert clock_beside(store, None)[1] is True


@pytest.mark.parametrize("kept", ["entry", "fact", "ballot"])
def test_data_of_before_is_real(kept: str, store: Store, address: str) -> None:
    """Whatever an unmarked store holds, citizens or staff put it there."""
    if kept == "entry":
        add(store, an_entry())
    elif kept == "fact":
        with store.open("lectures/essay") as book:
            book.fix("r1", "closed", "early", START)
    else:
        boxes = open_box(address)
        with boxes.open("budget") as box:
            box.put(Sealed("kim", b"e", "R", "O"))
        assert boxes.polls() == ["budget"]
        boxes.close()
    with pytest.raises(Misuse, match="시연이 아닌"):
        take_up(store, address, a_mark(START))
    take_up(store, address, a_mark(None))


def test_no_false_clock_on_real_data(content: Path, tmp_path: Path) -> None:
    """freeze, exclude, lapse, entries, ledger and votes refuse --now beside a server with the machine's clock; its form
    stays open, and no demonstration takes its data."""
    server = Server(content, tmp_path / "var/data", now=None)
    data = f"tinydb://{tmp_path}/var/data"
    with server, server.client() as client:
        number = client.post("/api/forms/lectures/live", json=an_application()).json()["number"]
        for arguments in (
            ("draw", "freeze", "lectures/live"),
            ("draw", "exclude", "lectures/live", number, "--reason", "까닭"),
            ("lapse",),
            ("entries", "list"),
            ("entries", "cancel", number),
            ("ledger", "work", number, "--absent"),
            ("votes", "close", "budget"),
            ("votes", "destroy", "budget", "--yes"),
            ("votes", "roll", "budget"),
        ):
            failed = beside(content, *arguments, now="2099-01-02T00:00:00")
            assert (failed.returncode, "시연 서버" in failed.stderr) == (2, True), arguments
        # Commands on files alone find the data by the setting.
        words = ("votes", "keys", "receipt", "budget")
        failed = call(*words, "--content", content, "--now", NOW, data=data)
        assert (failed.returncode, "시연 서버" in failed.stderr) == (2, True), failed.stderr
        assert client.get("/api/status").json()["forms"]["lectures/live"]["state"] == "open"
        assert client.post("/api/forms/lectures/live", json=an_application()).status_code == 201
    refused = refused_start(Server(content, tmp_path / "var/data"))
    assert refused.startswith("시연이 아닌 서버가 쓴 자료입니다.")


def test_lapse_beside_a_demonstration_closes_nothing(content: Path, tmp_path: Path) -> None:
    """As documented, without --now: years after the demonstration's day its forms are still open, also after a
    restart; a real server does not take its data."""
    with Server(content, tmp_path / "var/data", rate_limit="off") as server, server.client() as client:
        assert client.post("/api/forms/lectures/summer", json=an_application()).status_code == 201
        done = beside(content, "lapse")
        assert (done.returncode, done.stderr) == (0, "")
        early = beside(content, "draw", "freeze", "lectures/live")
        assert (early.returncode, "아직 접수하고 있습니다" in early.stderr) == (1, True)
        assert state(client) == "open"
    assert beside(content, "lapse").returncode == 0  # also where no server runs
    with Server(content, tmp_path / "var/data", rate_limit="off") as again, again.client() as client:
        assert state(client) == "open"
    refused = refused_start(Server(content, tmp_path / "var/data", now=None))
    assert refused.startswith("시연(--now)에 쓴 자료입니다.")


def state(client: httpx.Client) -> str:
    return str(client.get("/api/status").json()["forms"]["lectures/summer"]["state"])


def refused_start(server: Server) -> str:
    """The one sentence that a server which must not start says: nothing of what the process manager says below it."""
    assert server.process.wait(60) == 2
    assert server.stop() == 2
    assert len(server.lines) == 1, server.lines
    return server.lines[0]
