"""Messages on their way: through a gateway that fails and servers that are killed, by mail with a calendar file."""

import email
import random
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller

from civic.clock import SEOUL, FixedClock
from civic.content.meetings import calendar_file
from civic.library import load
from civic.places import line
from civic.places.intake import Intake
from civic.places.messages import Appointments
from civic.store import open_store
from civic.store.entry import Entry
from civic.store.folder import ENTRIES
from civic.store.key_file import load_or_create
from civic.store.outbox import STUCK
from forms_api.background import Every, Notices
from forms_api.clock_mark import ClockMark, take_up
from forms_api.commands.serve import held_port
from forms_api.metrics import EventLog, Metrics
from forms_api.operations import Services
from forms_api.senders import Gateway, Mail, MailOrText
from forms_api.settings import Settings
from tests.builders import a_lecture_file, a_round, an_application, write_content
from tests.forms_api.server import Server
from tests.gateway import TextGateway, a_gateway
from tests.test_senders import Letters

START = datetime(2023, 9, 5, 9, 30, tzinfo=SEOUL)
SUBJECT = "lectures/essay"
# What a telephone gets: how its second line begins.
KINDS = {
    "confirmed": "신청이 확정",
    "promoted": "기다리던 자리",
    "waiting": "지금 대기 ",
    "cancelled": "담당 부서가",
    "changed": "일정이나 장소",
    "reminder": "곧 시작",
    "called-off": "신청하신 회차",
}


def content(folder: Path, places: int, where: str = "장덕도서관", **page: Any) -> Path:
    rounds = [
        a_round(places=places, waiting=10_000, starts="2023-09-07T10:00:00", ends="2023-09-07T12:00:00")
    ]
    text = a_lecture_file("에세이", rounds, page=page, closes="2023-09-07T00:00:00", email="optional")
    return write_content(folder / "content", {"essay": text.replace("장덕도서관", where)})


def a_postman(desk: Intake, clock: FixedClock, gateway: TextGateway, mail: str = "") -> Notices:
    """One in this process."""
    parts = SimpleNamespace(
        intake=desk,
        sender=MailOrText(
            Mail(mail, "a@example.kr") if mail else None, Gateway(str(gateway.file), "062", "s")
        ),
        metrics=Metrics(),
        log=EventLog(clock, on=False),
        site=desk.library.site,
        library=desk.library,
        settings=Settings(mail_from="a@example.kr"),
        told=dict,
        receipt=lambda number: f"/api/receipts/{number}",
    )
    return Notices(cast(Services, parts))


class Town:
    """A store with its desk in this process; servers beside it send, and are killed."""

    def __init__(self, folder: Path, people: int, gateway: TextGateway) -> None:
        self.folder, self.places, self.gateway = folder, people // 2, gateway
        self.clock = FixedClock(START)
        self.store = open_store(f"tinydb://{folder}/data")
        keys = load_or_create(folder / "keys" / "keys.json")
        self.store.trust(keys.journal)
        take_up(self.store, f"tinydb://{folder}/data", ClockMark(START, datetime.now(SEOUL)))
        library = load(content(folder, self.places), START)
        self.desk = Intake(library, self.store, keys, self.clock, remembers=False)
        self.postman = a_postman(self.desk, self.clock, gateway)
        self.expected: Counter[tuple[str, str]] = Counter()  # (phone, kind)
        self.phones: dict[str, str] = {}

    def sign_up(self) -> Entry:
        form = self.desk.form("lectures", "essay")
        application = self.desk.check(*form, an_application())
        entry = self.desk.apply(application)[0][0]
        self.phones[entry.number] = application.phone.replace("+82", "0")
        self.expect(entry, entry.state)
        return entry

    def expect(self, entry: Entry, kind: str) -> None:
        self.expected[self.phones[entry.number], kind] += 1

    def left(self) -> int:
        with closing(sqlite3.connect(f"file:{self.folder}/data/{ENTRIES}?mode=ro", uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM messages").fetchone()[0])

    def send_all(self, kills: int) -> None:
        """Let servers send what waits, so many of them killed as the gateway answers, until all of it has gone."""
        settings = {"sms": str(self.gateway.file), "sms_from": "0621234567", "sms_secret": "s"}
        step = max(1, self.left() // (kills + 1))
        while kills and self.left():
            self.clock.at += timedelta(minutes=3)  # what the killed one had is free again
            at, data = self.clock.at.isoformat(), self.folder / "data"
            server = Server(self.folder / "content", data, now=at, **settings)
            self.gateway.after = partial(kill_at, server, self.gateway.count + step)
            while server.process.poll() is None and self.left():
                time.sleep(0.05)
            kill_at(server, 0, 0)
            kills -= 1
        self.gateway.after = lambda _: None
        while self.left():  # the rest goes from here
            self.clock.at += timedelta(minutes=3)
            while self.postman.deliver():
                pass


def kill_at(server: Server, last: int, number: int) -> None:
    """It never hears that the gateway took its message."""
    if number >= last and server.process.poll() is None:
        server.kill()


@pytest.mark.parametrize(
    ("people", "kills"),
    [
        (12, (1, 0, 0, 1)),
        pytest.param(1000, (5, 5, 5, 5), marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
    ids=["small", "large"],
)
def test_each_person_gets_each_message_once(tmp_path: Path, people: int, kills: tuple[int, ...]) -> None:
    """All that happens to so many, through a gateway that fails at random and knows each message again by its key, from
    servers that are killed as it answers. The control is the gateway itself: what it was sent again without need."""
    chance = random.Random(people)
    with a_gateway(tmp_path) as gateway:
        town = Town(tmp_path, people, gateway)
        gateway.fails = lambda _: chance.choices(["", 500, 200], [8, 1, 1])[0]
        with closing(town.store):
            entries = [town.sign_up() for _ in range(people)]
            appointments = Appointments()
            appointments.follow(town.desk.library, town.store, town.clock.at)
            town.send_all(kills[0])
            for entry in entries[: people // 4]:
                town.desk.cancel(entry.number, "staff:kim", "강사 사정")
                town.expect(entry, "cancelled")
            there = entries[people // 4 :]
            for entry in there[people // 2 - people // 4 :][: people // 4]:
                town.expect(entry, "promoted")
            town.desk.library = load(content(tmp_path, town.places, "수완도서관"), town.clock.at)
            for _ in range(12):
                appointments.follow(town.desk.library, town.store, town.clock.at)
                town.clock.at += timedelta(minutes=1)
            for entry in there:
                town.expect(entry, "changed")
            town.send_all(kills[1])
            town.clock.at = START + timedelta(days=1, hours=1)
            appointments.follow(town.desk.library, town.store, town.clock.at)
            for entry in there[: people // 2]:
                town.expect(entry, "reminder")
            town.send_all(kills[2])
            with town.store.open(SUBJECT, "staff:kim") as book:
                for entry in line.call_off(book, "r1", town.clock.at, "태풍이 옵니다"):
                    town.expect(entry, "called-off")
            town.send_all(kills[3])
        got = Counter(
            (message["to"], kind)
            for message in gateway.taken.values()
            for kind, words in KINDS.items()
            if message["text"].split("\n")[1].startswith(words)
        )
        assert got == town.expected and max(got.values()) == 1
        assert len(gateway.taken) == sum(got.values()) == people * 3 + people // 2
        assert max(gateway.posts.values()) > 1  # without its key somebody would have got it twice


@pytest.mark.parametrize("gives_way", [0.6, 0.0], ids=["ours", "control"])
def test_messages_let_sign_ups_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gives_way: float
) -> None:
    """While people sign up one after the other, four messages go at a time and the rest waits. The control's do not."""
    monkeypatch.setattr("forms_api.background.GIVES_WAY", gives_way)
    clock, times = FixedClock(START), list[float]()
    with a_gateway(tmp_path) as gateway, closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        desk = Intake(load(content(tmp_path, 9), START), store, load_or_create(tmp_path / "keys.json"), clock)
        for _ in range(9):
            desk.apply(desk.check(*desk.form("lectures", "essay"), an_application()))
        clock.at += timedelta(minutes=1)
        postman = a_postman(desk, clock, gateway)
        postman._parts.metrics.kept_at = float("inf")
        gateway.after = lambda _: times.append(time.monotonic())
        postman.look(cast(Every, SimpleNamespace(is_over=False)))
    waits = [number for number, (one, other) in enumerate(pairwise(times), 1) if other - one > 0.5]
    assert len(times) == 9 and waits == ([4, 8] if gives_way else [])


def test_nobody_is_plagued_by_sign_ups_in_their_name(tmp_path: Path) -> None:
    """Signed up and cancelled by a stranger thirty times: the telephone rings twelve times, another's as ever."""
    clock = FixedClock(START)
    with a_gateway(tmp_path) as gateway, closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        desk = Intake(load(content(tmp_path, 9), START), store, load_or_create(tmp_path / "keys.json"), clock)
        postman, phone = a_postman(desk, clock, gateway), an_application()["phone"]
        for typed in (*[phone] * 30, an_application()["phone"]):
            sent = an_application(phone=typed)
            entry = desk.apply(desk.check(*desk.form("lectures", "essay"), sent))[0][0]
            clock.at += timedelta(minutes=1)
            postman.deliver()
            desk.cancel(entry.number)
        counts = Counter(each["to"] for each in gateway.taken.values())
        assert sorted(counts.values()) == [1, 12] and counts[phone.replace("-", "")] == 12


@pytest.fixture
def letters() -> Any:
    """A mail server: what it has kept."""
    kept = Letters()
    with held_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    office = Controller(kept, hostname="127.0.0.1", port=port)
    office.start()
    yield SimpleNamespace(kept=kept.kept, address=f"smtp://127.0.0.1:{port}")
    office.stop()


def test_mail_takes_the_calendar_along(tmp_path: Path, letters: Any) -> None:
    """Who gave an e-mail gets both, once each, also while the gateway is down, of which staff are told. The calendar has
    the page's own name, a number that rises with each change, and is taken back where the entry is cancelled."""
    clock = FixedClock(START)
    with a_gateway(tmp_path) as gateway, closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        desk = Intake(load(content(tmp_path, 9), START), store, load_or_create(tmp_path / "keys.json"), clock)
        postman, appointments = a_postman(desk, clock, gateway, letters.address), Appointments()

        def pass_by(minutes: int) -> None:
            for _ in range(minutes):
                appointments.follow(desk.library, store, clock.at)
                while postman.deliver():
                    pass
                clock.at += timedelta(minutes=1)

        gateway.fails = lambda _: 500
        asked = an_application(email="kim@example.com")
        entry = desk.apply(desk.check(*desk.form("lectures", "essay"), asked))[0][0]
        pass_by(2)
        assert (len(letters.kept), len(gateway.taken), store.outbox.stuck()) == (1, 0, 0)
        pass_by(30)
        assert (len(letters.kept), gateway.count >= STUCK, store.outbox.stuck()) == (1, True, 1)
        gateway.fails = lambda _: ""
        pass_by(60)
        assert (len(letters.kept), len(gateway.taken), store.outbox.stuck()) == (1, 1, 0)
        for where in ("수완도서관", "첨단도서관"):
            desk.library = load(content(tmp_path, 9, where), clock.at)
            pass_by(12)
        desk.cancel(entry.number, "staff:kim", "강사 사정")
        pass_by(1)
        page = desk.library.get("lectures", "essay")
        assert page and page.spec
        own = calendar_file(desk.library.site, [(page, page.spec.rounds[0])]).decode()
        name = re.search(r"UID:.*", own)
        calendars = [email.message_from_string(text).get_payload()[1] for _, text in letters.kept]
        said = [re.sub(r"\r?\n ", "", each.get_payload(decode=True).decode()) for each in calendars]
        assert name and all(name[0].strip() in text and "mailto:kim@example.com" in text for text in said)
        assert [each.get_param("method") for each in calendars] == ["REQUEST"] * 3 + ["CANCEL"]
        numbers = [int(re.findall(r"SEQUENCE:(\d+)", text)[0]) for text in said]
        assert numbers == sorted(set(numbers)) and "STATUS:CANCELLED" in said[-1]
        assert ["첨단도서관" in text for text in said] == [False, False, True, True]
        assert (
            len(gateway.taken) == 4 == len({re.search("Message-ID.*", text)[0] for _, text in letters.kept})
        )  # type: ignore[index]
