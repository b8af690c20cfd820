"""An entry is changed without losing its place: answers, e-mail, round; journalled, and only while sign-up is open."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.builders import a_lecture_file, a_phone, a_round, write_content
from tests.forms_api.conftest import QUESTIONS
from tests.forms_api.server import Server, a_proof, act, look, sign_up

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
    """The name is who one is; strangers change nothing; an entry that is over is not changed."""
    entry, last4 = sign_up(client, "asks", answers=TYPED)
    address, own = f"/api/entries/{entry['number']}/change", {"receipt": entry["receipt"]}
    odd = client.post(address, json={**own, "name": "다른 사람"})
    assert odd.json()["errors"] == [{"field": "name", "message": "바꿀 수 없는 항목입니다."}]
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


def test_a_new_phone_has_the_same_place(start: Callable[..., Server], content: Path) -> None:
    """In state and turn, under a number of its own; one entry a person and caps hold as in a new sign-up; the old number is free."""
    line, limit = [a_round(places=1, waiting=3)], [{"group": "now", "max": 1}]
    files = {
        "plain": a_lecture_file("줄", line, QUESTIONS[1:2]),
        "capped": a_lecture_file("한도", limits=limit),
    }
    write_content(content, {**files, "other": a_lecture_file("다른 한도", limits=limit)})
    with start().client() as client:

        def changed(who: tuple[dict[str, str], str], phone: str) -> dict[str, str]:
            given = {"receipt": who[0]["receipt"], "phone": phone}
            answer: dict[str, str] = client.post(f"/api/entries/{who[0]['number']}/change", json=given).json()
            return answer

        old, taken, new = a_phone(), a_phone(), a_phone()
        first = sign_up(client, "plain", phone=old, answers={"topic": "남는 글"})
        sign_up(client, "plain", phone=taken)
        third, fourth = sign_up(client, "plain"), sign_up(client, "plain")
        assert changed(first, taken)["type"] == "/problems/already-applied"
        assert changed(third, taken)["type"] == "/problems/already-applied"
        assert look(client, first)["state"] == "confirmed" and look(client, third)["position"] == 2
        moved = changed(first, new)
        assert (moved["state"], moved["number"] != first[0]["number"]) == ("confirmed", True)
        assert look(client, (moved, new[-4:]))["state"] == "confirmed"
        assert look(client, first)["state"] == "cancelled" and look(client, fourth)["position"] == 3
        later = a_phone()
        waits = changed(third, later)
        assert (waits["state"], waits["position"]) == ("waiting", 2)
        assert act(client, (waits, later[-4:]), "cancel").json()["state"] == "cancelled"
        assert sign_up(client, "plain", phone=old)[0]["position"] == 3

        busy, mine = a_phone(), sign_up(client, "capped")
        sign_up(client, "other", phone=busy)
        assert changed(mine, busy)["type"] == "/problems/limit-reached"
        assert look(client, mine)["state"] == "confirmed"


def test_a_new_phone_is_proven_where_the_form_asks(start: Callable[..., Server], content: Path) -> None:
    """By a code to the new number, for this entry alone; by page in two steps, without a script; told in the history."""
    lectures = {name: a_lecture_file(name, contact="proven") for name in ("plain", "second")}
    write_content(content, lectures)
    with start().client() as client:
        phone, new, by_page = a_phone(), a_phone(), a_phone()
        entry, _ = sign_up(client, "plain", phone=phone, **a_code(client, phone))
        address, own = f"/api/entries/{entry['number']}/change", {"receipt": entry["receipt"]}
        bare = client.post(address, json={**own, "phone": new})
        assert (bare.status_code, bare.json()["type"]) == (403, "/problems/contact-unproven")
        wrong = client.post(address, json={**own, "phone": new, **a_code(client, a_phone())})
        assert wrong.status_code == 403
        moved = client.post(address, json={**own, "phone": new, **a_code(client, new)}).json()
        assert moved["state"] == "confirmed"

        address, own = f"/api/entries/{moved['number']}/change", {"receipt": moved["receipt"]}
        asked = client.post(address, data={**own, "phone": by_page})
        found = {
            name: re.search(pattern, asked.text)
            for name, pattern in {
                "request": r'name="request" value="([^"]+)"',
                "code": r"data-demo-code>(\d{6})<",
            }.items()
        }
        assert asked.status_code == 200 and f'value="{by_page}"' in asked.text and all(found.values())
        proof = {name: match[1] for name, match in found.items() if match}
        off = client.post(address, data={**own, "phone": by_page, **proof, "code": "000000"})
        assert off.status_code == 403 and 'href="#f-code"' in off.text and proof["request"] in off.text
        done = client.post(address, data={**own, "phone": by_page, **proof})
        assert done.status_code == 303 and done.headers["location"] != moved["receipt"]
        number = client.get(done.headers["location"], headers={"Accept": "application/json"}).json()["number"]
        proof = {"number": number, "phone_last4": by_page[-4:]}
        assert "신청한 내용을 바꿈" in client.post("/api/entries/lookup", data=proof).text


def a_code(client: httpx.Client, phone: str) -> dict[str, str]:
    """The code and its request that prove a phone with what is sent."""
    return {name: value for name, value in a_proof(client, phone).items() if name != "contact"}
