"""A content that goes against what people were promised is held back: real server, both stores, the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import a_lecture_file, a_round, an_application, write_content
from tests.forms_api.server import Server
from tests.forms_api.test_following import publish
from tests.patience import eventually
from tests.staff import call
from tests.store.conftest import BACK_ENDS

WED, SUN = a_round("wed", label="수요일", places=40), a_round("sun", label="일요일", places=5)
FORM = "/api/forms/lectures/course"


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

    def server(self) -> Server:
        return Server(
            self.folder / "content", self.data, site=self.folder / "site", rate_limit="off",
            keys=str(self.folder / "keys"), processes="2",
        )  # fmt: skip

    @contextmanager
    def served(self) -> Iterator[httpx.Client]:
        server = self.server().ready()
        with server.client() as client:
            yield client
        assert server.stop() == 0, "".join(server.lines)

    def check(self, *words: object) -> tuple[int, str]:
        """What content-check says, and its exit code."""
        where = ["--content", self.folder / "content", "--data", self.data]
        said = call("content-check", *where, *words, keys=str(self.folder / "keys"))
        return said.returncode, said.stderr + said.stdout


@pytest.fixture(params=sorted(BACK_ENDS))
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """A town with 40 people in the round wed and its line of people who would come too."""
    with BACK_ENDS[request.param](tmp_path) as data:
        found = Town(tmp_path, data)
        found.write(fields=[{"name": "area", "label": "사는 동", "required": False}])
        yield found


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
        town.write(a_round("wednesday", label="수요일", places=40), SUN)
        eventually(lambda: is_held(client))
        assert rounds(client) == {"wed": 40, "sun": 0}
        assert client.post(FORM, json=an_application(round="wednesday")).status_code == 404
        assert client.post(FORM, json=an_application(round="wed")).status_code == 409
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
