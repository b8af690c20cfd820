"""An entry is changed without losing its place: answers, e-mail, round; journalled, and only while sign-up is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from tests.builders import a_lecture_file, a_round, write_content
from tests.forms_api.conftest import QUESTIONS
from tests.forms_api.server import Server, sign_up

TYPED = {"area": "수완동", "topic": "처음 이야기", "days": ["월"]}


def test_answers_change_and_the_place_stays(client: httpx.Client) -> None:
    """What is left empty stays as it was and is not shown; the history says it; by page too, with mistakes at their fields."""
    entry, _ = sign_up(client, "asks", answers=TYPED)
    address, own = f"/api/entries/{entry['number']}/change", {"receipt": entry["receipt"]}
    done = client.post(address, json={**own, "answers": {"topic": "고친 이야기"}})
    assert (done.status_code, done.json()["state"], done.json()["number"]) == (
        200,
        "confirmed",
        entry["number"],
    )
    page = client.get(f"{entry['receipt']}/change", headers={"Accept": "text/html"})
    assert (
        page.status_code == 200
        and "이야기</textarea>" not in page.text
        and '수완동" selected' not in page.text
    )
    wrong = client.post(address, data={**own, "email": "없는주소", "answers.days": "월"})
    assert wrong.status_code == 422 and 'href="#f-email"' in wrong.text and 'value="없는주소"' in wrong.text
    right = client.post(
        address, data={**own, "email": "a@example.kr", "answers.topic": "", "answers.days": "수"}
    )
    assert (right.status_code, right.headers["location"]) == (303, entry["receipt"])
    look = client.post("/api/entries/lookup", data={**own, "number": entry["number"]})
    assert look.text.count("신청한 내용을 바꿈") == 2


def test_what_cannot_be_changed_is_named(client: httpx.Client) -> None:
    """The phone is who one is; strangers change nothing; an entry that is over is not changed."""
    entry, last4 = sign_up(client, "asks", answers=TYPED)
    address, own = f"/api/entries/{entry['number']}/change", {"receipt": entry["receipt"]}
    odd = client.post(address, json={**own, "phone": "010-1111-2222"})
    assert odd.json()["errors"] == [{"field": "phone", "message": "바꿀 수 없는 항목입니다."}]
    stranger = client.post(address, json={"phone_last4": last4, "answers": {"topic": "남의 글"}})
    assert stranger.json()["type"] == "/problems/contact-unproven"
    client.post(f"/api/entries/{entry['number']}/cancel", json=own)
    late = client.post(address, json={**own, "answers": {"topic": "늦은 글"}})
    assert late.json()["type"] == "/problems/not-eligible"


def test_another_round_is_had_before_the_old_is_given_up(start: Callable[..., Server], content: Path) -> None:
    """A full round leaves everything as it was; one with room, or with room to wait, gives a new number and ends the old entry."""
    rounds = [a_round(places=5), a_round("r2", places=1), a_round("r3"), a_round("r4", places=1, waiting=1)]
    write_content(content, {"plain": a_lecture_file("세 회차", rounds, QUESTIONS)})
    with start().client() as client:

        def stands() -> tuple[str, str]:
            told = client.get(entry["receipt"], headers={"Accept": "application/json"}).json()
            return told["round"], told["state"]

        sign_up(client, "plain", round="r2", answers=TYPED)
        entry, _ = sign_up(client, "plain", answers=TYPED)
        own, address = {"receipt": entry["receipt"]}, f"/api/entries/{entry['number']}/change"
        assert client.post(address, json={**own, "round": "r2"}).json()["type"] == "/problems/full"
        assert stands() == ("r1", "confirmed")
        moved = client.post(address, json={**own, "round": "r3"}).json()
        assert (moved["round"], moved["state"], moved["number"] != entry["number"]) == (
            "r3",
            "confirmed",
            True,
        )
        assert stands() == ("r1", "cancelled")
        sign_up(client, "plain", round="r4", answers=TYPED)
        again = {"receipt": moved["receipt"], "round": "r4"}
        waits = client.post(f"/api/entries/{moved['number']}/change", json=again).json()
        assert (waits["round"], waits["state"], waits["position"]) == ("r4", "waiting", 1)
