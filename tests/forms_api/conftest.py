"""One server for all tests of this folder; each test has people of its own, and a form where places count."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from civic.clock import parse_time
from tests.builders import NOW, a_lecture_file, a_round, write_content
from tests.forms_api.server import Server
from tests.store.conftest import BACK_ENDS

QUESTIONS = (
    {"name": "area", "label": "사는 동", "type": "select", "options": ["수완동", "첨단동"]},
    {"name": "topic", "label": "쓰고 싶은 이야기", "type": "textarea", "required": False, "max": 50},
    {"name": "days", "label": "올 수 있는 날", "type": "checkbox", "options": ["월", "수", "금"], "max": 2},
)
DAY = {
    "name": "day",
    "label": "올 날",
    "type": "date",
    "earliest": date(2023, 9, 1),
    "latest": date(2023, 9, 8),
}
APART = (
    {"name": "school", "label": "학교 주소", "type": "address", "required": False},
    {"name": "other_parent", "label": "다른 보호자 전화", "type": "phone", "required": False},
    {"name": "mail", "label": "받을 메일", "type": "email", "required": False},
    {"name": "photo", "label": "사진 촬영", "type": "consent", "required": False, "text": "사진을 소식지에 씁니다."},
    {"name": "insurer", "label": "보험사 제공", "type": "consent", "text": "보험사에 이름을 줍니다. 1년 뒤 지웁니다."},
)  # fmt: skip
FOR_CHILDREN = "audience = { who = '초등학생', from_age = 7, to_age = 13, residents = true }\nfee = 5000"
LECTURES = {
    "children": a_lecture_file(
        "어린이 강좌",
        [a_round(places=2, starts="2023-09-09T10:00:00", ends="2023-09-09T12:00:00")],
        APART,
        person="participant",
        per_contact=3,
        contact="proven",
    ).replace('audience = "누구나"', FOR_CHILDREN),
    "picnic": a_lecture_file("소풍", party=3, party_names=True),
    "plain": a_lecture_file("에세이 글쓰기", [a_round(places=100_000)]),
    "asks": a_lecture_file("질문 있는 강좌", [a_round(places=1000), a_round("r2")], QUESTIONS),
    "days": a_lecture_file("날을 고르는 강좌", fields=[DAY]),
    "soon": a_lecture_file("곧 여는 강좌", opens="2023-08-20T09:00:00"),
    "over": a_lecture_file("끝난 강좌", opens="2023-08-01T09:00:00", closes="2023-08-15T00:00:00"),
    "full": a_lecture_file("작은 강좌", [a_round(places=1)]),
    "full-form": a_lecture_file("작은 강좌", [a_round(places=1, waiting=1)]),
    "line": a_lecture_file("줄 서는 강좌", [a_round(places=1, waiting=3)]),
    "queue": a_lecture_file("기다리는 강좌", [a_round(places=1, waiting=3)]),
    "rush": a_lecture_file("몰리는 강좌", [a_round(places=10, waiting=5)]),
    "drawn": a_lecture_file(
        "추첨 강좌",
        [a_round(places=1)],
        selection="draw",
        seed="로또 1081회",
        seed_at=parse_time("2023-09-09T20:45:00"),
    ),
    "family": a_lecture_file(
        "가족 강좌", [a_round(places=5)], party=4, person="phone+birth_date", email="required"
    ),
    "relatives": a_lecture_file("친척 강좌", [a_round(places=100)], party=4, person="phone+birth_date"),
    "scarce": a_lecture_file("자리가 적은 강좌", [a_round(places=5), a_round("r2")], contact="proven"),
    "first": a_lecture_file("묶음 하나", limits=[{"group": "pair", "max": 1}]),
    "second": a_lecture_file("묶음 둘", limits=[{"group": "pair", "max": 1}]),
    "once": a_lecture_file("한 번만", reentry=False),
    "begun": a_lecture_file(
        "시작한 강좌", [a_round(starts="2023-08-16T09:00:00", ends="2023-08-16T11:00:00", places=100)]
    ),
    "course": a_lecture_file(
        "이어지는 강좌",
        [a_round("autumn", starts="2023-09-09T10:00:00", ends="2023-09-16T12:00:00")],
        ({"name": "book_day", "label": "책 받을 날", "type": "date"},),
        sessions="""
[[sessions]]
starts = 2023-09-09T10:00:00
ends = 2023-09-09T12:00:00
topic = "읽기"

[[sessions]]
starts = 2023-09-16T10:00:00
ends = 2023-09-16T12:00:00
topic = "쓰기"
""",
    ),
    "dated": a_lecture_file(
        "날짜 있는 강좌",
        [a_round(starts="2023-09-07T10:00:00", ends="2023-09-07T12:00:00", where="장덕도서관 2층")],
    ),
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without rate limits, over LECTURES, at 2023-08-16 09:00."""
    folder = tmp_path_factory.mktemp("served")
    content = write_content(folder / "content", LECTURES)
    with Server(content, folder / "var/data", rate_limit="off") as running:
        yield running
    assert [line for line in running.lines if '"failure"' in line] == []


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A citizen's program: JSON, from our own page."""
    with server.client() as opened:
        yield opened


@pytest.fixture
def start(tmp_path: Path, content: Path) -> Iterator[Callable[..., Server]]:
    """Start a server on this test's own data, at a time; the one before is stopped first."""
    running: list[Server] = []

    def begin(now: str = NOW) -> Server:
        if running:
            assert running.pop().stop() == 0
        running.append(Server(content, tmp_path / "var/data", now=now, rate_limit="off").ready())
        return running[-1]

    yield begin
    for server in running:
        assert server.stop() == 0, "".join(server.lines)
        assert [line for line in server.lines if '"failure"' in line] == []


@pytest.fixture(params=sorted(BACK_ENDS))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store of each back end."""
    with BACK_ENDS[request.param](tmp_path) as url:
        yield url


@pytest.fixture
def content(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A content folder of a test's own: with the LECTURES of its file, or a plain one."""
    lectures = getattr(request.module, "LECTURES", {"plain": LECTURES["plain"]})
    return write_content(tmp_path / "content", lectures)
