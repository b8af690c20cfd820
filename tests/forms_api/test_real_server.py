"""A server without --now is never taken for a demonstration, wherever it listens: it sends nothing that it cannot send,
keeps what it promised, and says so."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from civic.clock import SEOUL
from forms_api.commands.serve import held_port
from forms_api.settings import NO_SENDER
from tests.builders import SITE, a_lecture_file, a_round, an_application, write_files
from tests.forms_api.server import REAL_ADDRESS, Server, act, sign_up
from tests.forms_api.voting import BEFORE, SLUG, Town, done, rehearse
from tests.patience import eventually
from tests.staff import at, call
from tests.test_senders import Letters

LONG = {"opens": "2000-01-01T00:00:00", "closes": "2099-01-01T00:00:00"}
NEXT_YEAR = date.today() + timedelta(365)  # noqa: DTZ011  # any day to come
# So soon that what is told of it never waits for the morning.


def soon() -> str:
    """In an hour; before nine at nine, or what can wait until nine would wait. (Just before nine it does.)"""
    now = datetime.now(SEOUL)
    nine = now.replace(hour=9, minute=0, second=0, microsecond=0)
    at = nine if timedelta(minutes=2) < nine - now < timedelta(hours=1) else now + timedelta(hours=1)
    return at.isoformat(timespec="seconds")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """An open, rehearsed poll, a lecture with one place, and one that asks for a proven phone."""
    found = Town(tmp_path, closes="2099-01-01T00:00:00")
    only = a_round(places=1, waiting=3, starts=soon(), ends=f"{NEXT_YEAR}T12:00:00")
    lecture = a_lecture_file("한 자리 강좌", [only], email="required", **LONG)
    menu = SITE.replace('"/lectures/"', '"/votes/"')
    proven = a_lecture_file(
        "확인하는 강좌", [a_round(starts=f"{NEXT_YEAR}T10:00:00")], contact="proven", **LONG
    )
    files = {"lectures/one.md": lecture, "lectures/proven.md": proven, "site.toml": menu}
    write_files(found.content, files)
    with Server(found.content, found.data, now=None, proxies="1") as server, server.client() as client:
        key = client.get(f"/api/votes/{SLUG}").json()["receipt_key"]
    done("keys", "receipt", SLUG, "--key", key, "--content", found.content, "--now", BEFORE)
    rehearse(found.content, SLUG, found.keys)
    return found


def test_without_a_sender_nothing_is_promised_and_nothing_lost(town: Town, tmp_path: Path) -> None:
    """On loopback behind a proxy, as documented. The poll stays shut and no secret is printed; start, /readyz, doctor and
    /metrics say why. With a mail server set the kept message arrives, and names the site's address."""
    site = tmp_path / "site"
    write_files(site, {"robots.txt": "Sitemap: https://elsewhere.example/sitemap.xml\n"})
    server = Server(town.content, town.data, now=None, site=site, proxies="1")
    with server, server.client() as client:
        first, second = (sign_up(client, "one", email=f"{n}@example.com") for n in ("kim", "lee"))
        assert act(client, first, "cancel").status_code == 200
        assert client.get(f"/api/votes/{SLUG}").json()["state"] == "upcoming"
        asked = client.post(f"/api/votes/{SLUG}/code", json={"contact": "010-1234-5678"})
        assert (asked.status_code, asked.json()["type"]) == (403, "/problems/not-open")
        assert client.get("/api/status").json()["forms"]["lectures/proven"]["state"] == "upcoming"
        shut = client.post("/api/forms/lectures/proven", json=an_application())
        assert shut.json()["type"] == "/problems/not-open" and "담당 부서에 문의" in shut.json()["detail"]
        assert client.get("/readyz").json()["lacks"] == ["sender", "address"]
        assert 'madang_lacks{what="sender"} 1' in client.get("/metrics").text
        assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
        checked = call("doctor", data=f"tinydb://{town.data}")
        assert checked.returncode == 0 and f"알림: {NO_SENDER} 지금 3건" in checked.stdout
        for foreign in (server.base, f"http://localhost:{server.base.rpartition(':')[2]}"):
            answer = client.post(
                "/api/forms/lectures/one", json=an_application(), headers={"Origin": foreign}
            )
            assert answer.status_code == 403
        evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        book = client.get(f"{second[0]['receipt']}/event.ics", headers=evil).text
        assert f"URL:{REAL_ADDRESS}/lectures/one/" in book and "evil" not in book
    assert (
        call("entries", "cancel", second[0]["number"], "--reason", "강사 병가", *at(tmp_path)).returncode == 0
    )
    said = "".join(server.lines)
    secrets = [second[0]["number"], second[1], second[0]["receipt"][-20:]]
    secrets += ["lee@", "5678", "인증번호는", "[시연]"]
    assert f"알림: {NO_SENDER}" in said and not [secret for secret in secrets if secret in said]

    letters = Letters()
    with held_port("127.0.0.1", 0) as held:
        office = Controller(letters, hostname="127.0.0.1", port=held.getsockname()[1])
    office.start()
    try:
        mail: dict[str, Any] = {"smtp": f"smtp://127.0.0.1:{office.port}", "mail_from": "a@example.kr"}
        with (
            Server(town.content, town.data, now=None, proxies="1", **mail) as server,
            server.client() as client,
        ):
            eventually(lambda: letters.kept, patience=180)
            assert client.get("/readyz").json()["lacks"] == ["texts"]
            assert client.get(f"/api/votes/{SLUG}").json()["state"] == "open"
            # What would not be true any more goes to nobody.
            eventually(
                lambda: "모아 두었" not in call("doctor", data=f"tinydb://{town.data}").stdout, pause=1
            )
    finally:
        office.stop()
    assert letters.kept[0][0] == ["lee@example.com"] and NO_SENDER not in "".join(server.lines)
    assert len(letters.kept) == 1 and "담당 부서가 신청을 취소했습니다.\n까닭: 강사 병가." in letters.text(0)
    assert call("entries", "list", *at(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": ""}, "누리집의 공개 주소가 이 컴퓨터입니다(http://127.0.0.1:8000)."),
        ({"rate_limit": "off"}, "MADANG_RATE_LIMIT=off는 시연(--now)에서만"),
        ({"sms": "key:secret"}, "MADANG_SMS: MADANG_SMS_FROM도 함께"),
        ({"mail_from": "a@example.kr"}, "MADANG_MAIL_FROM: MADANG_SMTP도 함께"),
        ({"smtp": "http://x", "mail_from": "a@example.kr"}, "MADANG_SMTP는 smtp://"),
        (
            {"oidc_issuer": "http://127.0.0.1:1", "oidc_client_id": "a", "oidc_client_secret": "b"},
            "MADANG_OIDC_ISSUER는 https://",
        ),
        ({"keys": "{data}/keys"}, "MADANG_KEYS: 열쇠는 자료 폴더 밖에"),
    ],
)
def test_what_contradicts_itself_does_not_start(
    content: Path, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    """Exit 2 and one sentence, before data or keys are made; a loopback address only when it is said in so many words."""
    given = {name: text.format(data=tmp_path / "var/data") for name, text in settings.items()}
    server = Server(content, tmp_path / "var/data", now=None, **given)
    assert server.process.wait(30) == 2 and server.stop() == 2
    assert len(server.lines) == 1 and said in server.lines[0], server.lines
    assert not (tmp_path / "var").exists()


def test_a_loopback_address_must_be_said(content: Path, tmp_path: Path) -> None:
    """MADANG_BASE_URL is saying it."""
    server = Server(content, tmp_path / "var/data", now=None, base_url="http://127.0.0.1:8000").ready()
    assert server.stop() == 0
