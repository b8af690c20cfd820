"""A running server follows a new build and the clock; content with mistakes changes nothing."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from civic.clock import parse_time
from civic.content.snapshot import Snapshot, beside, keep
from civic.library import load
from tests.builders import NOW, a_lecture_file, an_application, as_form, write_content
from tests.forms_api.server import Server
from tests.patience import eventually


def publish(folder: Path, number: int) -> None:
    """A finished build swapped in, as build.py does it."""
    built = folder / f"builds/{number}"
    built.mkdir(parents=True)
    (built / "index.html").write_text(f"<h1>{number}</h1>")
    draft = folder / "draft"
    draft.symlink_to(f"builds/{number}")
    draft.replace(folder / "site")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with content and a first build."""
    write_content(tmp_path / "content", {"plain": a_lecture_file("에세이 글쓰기")})
    publish(tmp_path, 1)
    return tmp_path


@pytest.fixture
def server(place: Path) -> Iterator[Server]:
    with Server(place / "content", place / "var/data", site=place / "site") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def title(client: httpx.Client) -> str:
    return str(client.get("/api/forms/lectures/plain").json()["title"])


def events(server: Server, name: str) -> list[dict[str, object]]:
    """What the server has logged under that name."""
    return [json.loads(line) for line in server.lines if f'"event": "{name}"' in line]


def test_forms_follow_a_new_build(place: Path, server: Server, client: httpx.Client) -> None:
    """A changed form is taken over with the build that shows it, not before; entries stay; pages say the new name."""
    first = client.post("/api/forms/lectures/plain", json=an_application()).json()
    new = a_lecture_file("글쓰기 모임", [{"id": "r1", "label": "가을", "places": 1}])
    write_content(place / "content", {"plain": new, "second": a_lecture_file("둘째 강좌")})
    time.sleep(1.5)
    assert title(client) == "에세이 글쓰기", "the page that citizens see is still the old one"
    publish(place, 2)
    eventually(lambda: title(client) == "글쓰기 모임")
    assert client.get("/api/forms/lectures/second").status_code == 200
    assert set(client.get("/api/openapi.json").json()["paths"]) >= {"/api/forms/lectures/second"}
    eventually(lambda: "lectures/second" in client.get("/api/status").json()["forms"])
    assert client.post("/api/forms/lectures/plain", json=an_application()).status_code == 409
    page = client.post("/api/forms/lectures/plain", data=as_form(an_application(), step="check"))
    assert "글쓰기 모임" in page.text and "에세이" not in page.text
    assert "글쓰기 모임" in client.get(first["receipt"]).text
    assert [event["pages"] for event in events(server, "content-followed")] == [2]


def test_content_with_mistakes_changes_nothing(place: Path, server: Server, client: httpx.Client) -> None:
    """The old forms stay, one line says where the mistake is; the next right build is taken over."""
    wrong = a_lecture_file("글쓰기 모임").replace("title =", "titel =")
    write_content(place / "content", {"plain": wrong})
    publish(place, 2)
    eventually(lambda: bool(events(server, "content-refused")))
    assert title(client) == "에세이 글쓰기"
    assert client.post("/api/forms/lectures/plain", json=an_application()).status_code == 201
    time.sleep(1.5)
    (said,) = events(server, "content-refused")
    assert said["mistakes"] == 2 and str(said["first"]).startswith("lectures/plain.md:")
    write_content(place / "content", {"plain": a_lecture_file("글쓰기 모임")})
    publish(place, 3)
    eventually(lambda: title(client) == "글쓰기 모임")
    # Beside a build lies what it was made from: what staff have written since then is not read.
    write_content(place / "content", {"plain": a_lecture_file("글쓰기 반")})
    written = load(place / "content", parse_time(NOW))
    keep(beside(place / "builds/4"), place / "content", written.sources, Snapshot())
    write_content(place / "content", {"plain": a_lecture_file("아직 쓰는 중").replace("title =", "titel =")})
    publish(place, 4)
    eventually(lambda: title(client) == "글쓰기 반")
    assert len(events(server, "content-refused")) == 1


def test_pages_appear_and_go_by_the_clock(tmp_path: Path) -> None:
    """publish_at and expire_at hold to the second without a build and without a restart."""
    start = parse_time("2023-08-16T08:59:56")
    turn, form = parse_time(NOW), {"opens": "2023-08-01T09:00:00"}
    coming = a_lecture_file("올 강좌", page={"publish_at": turn}, **form)
    going = a_lecture_file("갈 강좌", page={"expire_at": turn}, **form)
    write_content(tmp_path / "content", {"coming": coming, "going": going})
    server = Server(tmp_path / "content", tmp_path / "var/data", now=start.isoformat())

    def status(slug: str) -> int:
        return client.post(f"/api/forms/lectures/{slug}", json=an_application()).status_code

    with server, server.client() as client:
        before = status("coming"), status("going")
        eventually(lambda: status("coming") == 201)
        assert status("going") == 404
        assert client.get("/api/status").json()["forms"].keys() == {"lectures/coming"}
    assert before == (404, 201)
    assert len(events(server, "content-changed-by-time")) == 1
