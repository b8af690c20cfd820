"""A content that goes against what people were promised is held back: real server, both stores, the command line."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from civic.store import open_store
from tests.builders import NOW, SITE, a_lecture_file, a_round, an_application, write_content
from tests.forms_api.server import Server
from tests.forms_api.test_following import publish
from tests.patience import eventually
from tests.staff import call

WED, SUN = a_round("wed", label="수요일", places=40), a_round("sun", label="일요일", places=5)
RENAMED = {**WED, "id": "wednesday"}
FORM = "/api/forms/lectures/course"


@contextmanager
def served(content: Path, data: str, keys: str, **settings: str) -> Iterator[httpx.Client]:
    """A server on that content until the block ends."""
    site = content.parent / "site"
    server = Server(content, data, site=site, keys=keys, rate_limit="off", **settings)
    with server, server.client() as client:
        yield client


class Town:
    """A content folder, its built site and its store."""

    def __init__(self, folder: Path, data: str) -> None:
        self.folder, self.data, self._built = folder, data, 0
        self.first = an_application(round="wed")

    def write(self, *rounds: dict[str, Any], slug: str = "course", **changes: Any) -> None:
        """The town's only page, and a build."""
        for old in (self.folder / "content/lectures").glob("*.md"):
            old.unlink()
        text = a_lecture_file(changes.pop("title", "목공"), rounds or (WED, SUN), **changes)
        write_content(self.folder / "content", {slug: text})
        self._built += 1
        publish(self.folder, self._built)

    def served(self) -> AbstractContextManager[httpx.Client]:
        return served(self.folder / "content", self.data, str(self.folder / "keys"), processes="2")

    def check(self, *words: object) -> tuple[int, str]:
        """What content-check says, and its exit code."""
        where = ["--content", self.folder / "content", "--data", self.data]
        said = call("content-check", *where, *words, keys=str(self.folder / "keys"))
        return said.returncode, said.stderr + said.stdout


@pytest.fixture
def town(tmp_path: Path, address: str) -> Town:
    """A town with 40 people in the round wed and its line of people who would come too."""
    found = Town(tmp_path, address)
    found.write(fields=[{"name": "area", "label": "사는 동", "required": False}])
    return found


def rounds(client: httpx.Client) -> dict[str, int]:
    found = client.get(FORM).json().get("rounds", {})
    return {id: round["taken"] for id, round in found.items()}


def is_held(client: httpx.Client) -> bool:
    return "content" in client.get("/readyz").json()["lacks"]


def test_a_renamed_round(town: Town) -> None:
    """With an alias 40 stay 40 and the same phone is refused; without, the old form stays: also after an edit by night."""
    with town.served() as client:
        sent = [an_application(round="wed", answers={"area": "수완동"}) for _ in range(40)]
        assert {client.post(FORM, json=each).status_code for each in sent} == {201}
        town.write(RENAMED, SUN)
        eventually(lambda: is_held(client))
        assert rounds(client) == {"wed": 40, "sun": 0}
        assert client.post(FORM, json=an_application(round="wednesday")).status_code == 404
        assert client.post(FORM, json=an_application(round="wed")).status_code == 409
    fewer = a_round("wed", label="수요일", places=39)
    write_content(town.folder / "content", {"course": a_lecture_file("목공", [fewer, SUN])})
    assert re.search(r":\d+: form.rounds.0.places: 이미 40명이 자리를 받았습니다", town.check()[1])
    write_content(town.folder / "content", {"course": a_lecture_file("목공", [RENAMED, SUN])})
    code, said = town.check()
    line = re.search(r"^lectures/course.md:(\d+): form.rounds.0.id: .*$", said, re.M)
    assert code == 1 and line and 'aliases = ["wed"]' in line[0] and "40명" in line[0]
    text = (town.folder / "content/lectures/course.md").read_text().split("\n")
    assert text[int(line[1]) - 1] == 'id = "wednesday"'
    with town.served() as client:  # edited while the server was down
        assert rounds(client) == {"wed": 40, "sun": 0}
        assert is_held(client)
        renamed = a_round("wednesday", label="매주 수요일", places=41, aliases=["wed"])
        town.write(
            SUN,
            renamed,
            fields=[{"name": "town", "aliases": ["area"], "label": "사는 동", "required": False}],
        )
        eventually(lambda: not is_held(client))
        eventually(lambda: rounds(client) == {"sun": 0, "wednesday": 40})
        again = {**sent[0], "round": "wednesday", "submission_id": an_application()["submission_id"]}
        assert client.post(FORM, json=again).json()["type"] == "/problems/already-applied"
        last = an_application(round="wed", answers={"area": "첨단동"})  # from a page opened before
        got = client.post(FORM, json=last).json()
        assert (got["round"], rounds(client)["wednesday"]) == ("wednesday", 41)
        assert client.post(FORM, json=an_application(round="wednesday")).status_code == 409
        given = {"number": got["number"], "phone_last4": last["phone"][-4:]}
        assert client.post("/api/entries/lookup", json=given).json()["round_label"] == "매주 수요일"
        town.write(
            renamed, SUN, slug="wood", page={"aliases": ["course"]}, title="나무"
        )  # the page too; its question is gone
        eventually(lambda: client.get(FORM).json()["title"] == "나무")
        assert is_held(client) and rounds(client) == {"wednesday": 41, "sun": 0}
        again["submission_id"] = an_application()["submission_id"]
        for address in (FORM, "/api/forms/lectures/wood"):
            assert client.post(address, json=again).json()["type"] == "/problems/already-applied"
    assert 'aliases = ["area"]' not in town.check()[1] and 'aliases = ["area", "town"]' in town.check()[1]


DAYS = {"wed": "2023-10-04", "sun": "2023-10-08"}
SEED_AT = parse_time("2023-09-09T20:45:00")
BASE: dict[str, Any] = {
    "rounds": [
        a_round(id, label=f"{id} 반", places=3, hours=2, starts=f"{day}T10:00:00", ends=f"{day}T12:00:00")
        for id, day in DAYS.items()
    ],
    "fields": [{"name": "area", "label": "사는 동"}, {"name": "tool", "label": "쓸 도구", "required": False}],
    "page": {}, "selection": "draw", "seed": "로또 1081회", "seed_at": SEED_AT, "ledger": "hours", "limits": [{"group": "craft", "max": 9}],
    "closes": "2023-09-01T00:00:00",
}  # fmt: skip


def changed(place: int, kind: str = "rounds", **keys: Any) -> dict[str, Any]:
    """One round or question with other keys."""
    return {kind: [{**each, **keys} if n == place else each for n, each in enumerate(BASE[kind])]}


def swapped(key: str, kind: str) -> dict[str, Any]:
    first, second = BASE[kind]
    return {kind: [{**first, key: second[key]}, {**second, key: first[key]}]}


EDITS: dict[str, tuple[str, dict[str, Any]]] = {  # what a clerk does -> the field that is named ("" is allowed), how
    "nothing": ("", {}),
    "more places, a later day": ("", changed(0, places=9, starts="2023-10-05T10:00:00", ends="2023-10-05T12:00:00")),
    "a clearer name": ("", changed(0, label="수요일 반")),
    "a new round and question": ("", {"rounds": [*BASE["rounds"], a_round("fri", hours=1)]}),
    "an empty round is renamed": ("", changed(1, id="sunday")),
    "a round is renamed": ("form.rounds.0.id", changed(0, id="wednesday")),
    "with its old name": ("", changed(0, id="wednesday", aliases=["wed"])),
    "with another old name": ("form.rounds.0.id", changed(0, id="wednesday", aliases=["wod"])),
    "two ids are swapped": ("form.rounds.1.id", swapped("id", "rounds")),
    "an id for another round": ("form.rounds.0.id", changed(0, label="목요일 반", starts="2023-11-01T10:00:00", ends="2023-11-01T12:00:00")),
    "a round is gone": ("form.rounds", {"rounds": BASE["rounds"][1:]}),
    "all is renamed": ("form.rounds.0.id", {**changed(0, id="a"), **changed(0, "fields", name="b")}),
    "a question is renamed": ("form.fields", changed(0, "fields", name="town")),
    "two names of questions": ("form.fields.0.name", swapped("name", "fields")),
    "person": ("form.person", {"person": "phone+birth_date"}),
    "selection": ("form.selection", {"selection": "window-draw", "window": 30}),
    "contact": ("form.contact", {"contact": "proven"}),
    "seed": ("form.seed", {"seed": "로또 1082회"}),
    "when the seed comes": ("form.seed_at", {"seed_at": SEED_AT + timedelta(days=7)}),
    "the freeze": ("form.freeze_at", {"freeze_at": SEED_AT - timedelta(days=1, hours=1)}),
    "ledger": ("form.ledger", {"ledger": "other"}),
    "limit": ("form.limits", {"limits": [{"group": "crafts", "max": 9}]}),
    "draft": ("draft", {"page": {"draft": True}}),
    "taken down": ("expire_at", {"page": {"expire_at": parse_time("2023-08-01T00:00:00")}}),
    "taken down later": ("expire_at", {"page": {"expire_at": parse_time("2023-09-01T00:00:00")}}),
}  # fmt: skip


def test_what_a_clerk_may_do(tmp_path: Path) -> None:
    """Each edit of a page with people is let pass or named before it is published; nothing else is changed by looking."""
    content, data = tmp_path / "content", f"tinydb://{tmp_path}/data"
    write_content(content, {"course": a_lecture_file("목공", **BASE), "reed": a_lecture_file("짚풀")})
    publish(tmp_path, 1)
    keys = str(tmp_path / "keys")
    where = ("--content", content, "--data", data)
    with served(content, data, keys) as client:
        sent = an_application(round="wed", answers={"area": "수완동"})
        assert client.post(FORM, json=sent).status_code == 201

    def found() -> list[str]:
        said = call("content-check", *where, "--now", NOW, keys=keys)
        assert said.returncode == bool(said.stderr), said.stderr
        return re.findall(r"^lectures/[\w.-]+md(?::\d+)?: ([\w.]+)", said.stderr, re.M)

    wrong = {}
    for name, (field, edit) in EDITS.items():
        write_content(content, {"course": a_lecture_file("목공", **{**BASE, **edit})})
        if set(found()) >= ({field} if field else set()) and bool(found()) == bool(field):
            continue
        wrong[name] = found()
    assert not wrong
    write_content(content, {"course": a_lecture_file("짚풀", **BASE), "reed": a_lecture_file("목공")})
    assert found() == ["title"]  # two files were swapped; only the one with people matters
    write_content(content, {"course": a_lecture_file("목공", **BASE), "reed": a_lecture_file("짚풀")})
    # A page under another file name is gone, and taken for a new one: neither is given out anew.
    (content / "lectures/course.md").rename(content / "lectures/wood.md")
    write_content(content, {"wood": a_lecture_file("목공", **BASE)})
    named = call("content-check", *where, "--now", NOW, keys=keys).stderr
    assert named.startswith("lectures/wood.md: 글이 없어졌습니다") and 'aliases = ["course"]' in named
    with served(content, data, keys) as client:
        assert client.post("/api/forms/lectures/wood", json=an_application(round="wed")).status_code == 404
        again = {**sent, "submission_id": an_application()["submission_id"]}
        assert client.post(FORM, json=again).json()["type"] == "/problems/already-applied"
        for words in (("--accept", "lectures/course"), ("--accept", "lectures/other", "--reason", "실수")):
            assert call("content-check", *where, *words, "--now", NOW, keys=keys).returncode == 1
        accept = ("--accept", "lectures/course", "--reason", "시험 삼아 받은 신청")
        assert call("content-check", *where, *accept, "--now", NOW, keys=keys).returncode == 0
        eventually(lambda: client.get("/api/forms/lectures/wood").status_code == 200)
        assert not is_held(client)
    told = call("doctor", "--data", data, keys=keys, content=str(content)).stdout
    assert "알림: lectures/course: 글이 글 폴더에 없는 신청이 1건 있습니다." in told
    journal = [line for line in open_store(data).history("") if line.subject == "lectures/course"]
    assert [line.cause for line in journal if line.after.startswith("accepted:")] == ["시험 삼아 받은 신청"]
    # Of a page that is gone a round can be called off.
    gone = ("call-off", "lectures/course", "wed", "--reason", "없앤 강좌", *where, "--now", NOW)
    assert call("entries", *gone, keys=keys).returncode == 0


def test_the_content_of_another_town(tmp_path: Path) -> None:
    """Neither a server nor a command works on it; one sentence says what to do; staff may say that it is the same town."""
    content, data, keys = tmp_path / "content", f"tinydb://{tmp_path}/data", str(tmp_path / "keys")
    write_content(content, {"course": a_lecture_file("목공")})
    with served(content, data, keys) as client:
        client.post(FORM, json=an_application())
    where = ("--content", content, "--data", data, "--now", NOW)
    (content / "site.toml").write_text(SITE.replace("시험 누리집", "다른 누리집"), "utf-8")
    other = Server(content, data, keys=keys)
    assert other.process.wait(30) == 1
    (said,) = [line for line in other.lines if "content-check --accept site" in line]
    assert said.startswith("site.toml:1: name: 이 자료를 받은 누리집의 글 폴더가 아닙니다")
    assert call("entries", "list", *where, keys=keys).returncode == 1
    assert call("content-check", *where, keys=keys).returncode == 1
    accept = ("content-check", "--accept", "site", "--reason", "이름을 바꿈", *where)
    assert call(*accept, keys=keys).returncode == 0
    with served(content, data, keys) as client:
        assert client.get(FORM).json()["rounds"]["r1"]["taken"] == 1


def test_one_limit_tells_people_apart_in_one_way(tmp_path: Path) -> None:
    """Two pages of a limit, one by phone and one with birth date: no person could be counted over both."""
    limits = [{"group": "craft", "max": 1}]
    pages = {
        "a": a_lecture_file("가", limits=limits),
        "b": a_lecture_file("나", limits=limits, person="phone+birth_date"),
    }
    with pytest.raises(ContentMistakes, match=r"lectures/b.md:\d+: form.limits: .*a.md와 person이 다릅니다"):
        load(write_content(tmp_path, pages), parse_time(NOW))
