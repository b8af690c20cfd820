"""A phone proven over HTTP: the code, the ticket in the browser, what its holder sees, and its end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.builders import a_phone
from tests.forms_api.server import Server, sign_up
from tests.forms_api.test_refusals import page

CODE, TICKET, FORGET, MY = "/api/contacts/code", "/api/contacts/ticket", "/api/contacts/forget", "/api/my"


def a_proof(client: httpx.Client, phone: str) -> dict[str, str]:
    """What proves a phone: contact, code and request, as a demonstration tells them."""
    answer = client.post(CODE, json={"contact": phone})
    assert answer.status_code == 202, answer.text
    return {"contact": phone, **{name: answer.json()[name] for name in ("code", "request")}}


def refused(answer: httpx.Response, status: int, name: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{name}")


def wrong(proof: Mapping[str, str]) -> dict[str, str]:
    return {**proof, "code": f"{(int(proof['code']) + 1) % 10**6:06}"}


def test_a_ticket_shows_what_its_phone_signed_up_for(client: httpx.Client) -> None:
    """Title, round, state and dates of this phone's entries and of no other's; nothing that names a person."""
    phone = a_phone()
    refused(client.get(MY), 403, "contact-unproven")
    sign_up(client, "plain", phone=phone, name="독고탁")
    sign_up(client, "dated", phone=phone, name="독고탁")
    sign_up(client, "relatives", phone=phone, birth_date="1990-01-31", email="a@example.kr")
    sign_up(client, "plain", name="남의이름")
    given = client.post(TICKET, json=a_proof(client, phone))
    cookie = given.headers["set-cookie"]
    assert given.status_code == 201 and "madang-ticket=" in cookie
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; ")) and "Max-Age" not in cookie
    told = client.get(MY).json()
    assert [entry["title"] for entry in told["entries"]] == ["친척 강좌", "날짜 있는 강좌", "에세이 글쓰기"]
    assert {entry["state"] for entry in told["entries"]} == {"confirmed"} and told["fresh"]
    shown = page(client.get(MY, headers={"Accept": "text/html"}), 200, "날짜 있는 강좌", "9월 7일")
    for secret in ("독고탁", "남의이름", "1990", phone, phone[-4:], "example.kr"):
        assert secret not in shown and secret not in client.get(MY).text
    assert client.post(FORGET, json={}).json() == {"forgotten": True}
    refused(client.get(MY), 403, "contact-unproven")
    client.cookies.set("madang-ticket", re.findall("madang-ticket=([^;]+)", cookie)[0])
    refused(client.get(MY), 403, "contact-unproven")  # it is gone from the store too


def test_the_plain_way_to_a_ticket(client: httpx.Client) -> None:
    """Without a script: the code stands on the page, a wrong one comes back with the form, and forgetting leads home."""
    phone = a_phone()
    shown = page(client.post(CODE, data={"contact": phone}), 200, "시연", "보낸 곳")
    hidden = dict(re.findall(r'<input type="hidden" name="(contact|request)" value="([^"]+)"', shown))
    code = re.findall(r"data-demo-code>(\d{6})<", shown)[0]
    text = page(client.post(TICKET, data=wrong({**hidden, "code": code})), 403, "인증번호가 맞지 않습니다")
    assert hidden["request"] in text and code not in text
    led = client.post(TICKET, data={**hidden, "code": code, "mine": "on"})
    assert (led.status_code, led.headers["location"]) == (303, MY)
    assert "Max-Age=2592000" in led.headers["set-cookie"]
    page(client.get(MY, headers={"Accept": "text/html"}), 200, "이 번호로 한 신청이 없습니다.")
    left = client.post(FORGET, data={"back": "my"})
    assert (left.status_code, left.headers["location"]) == (303, "/my/")
    assert client.get(MY, headers={"Accept": "text/html"}).headers["location"] == "/my/"
    page(client.post(CODE, data={"contact": "010"}), 422, "오류: 내 신청 확인", "010-1234-5678처럼")


def test_codes_of_others_and_used_ones_are_refused(client: httpx.Client) -> None:
    """Another phone's, a used one, the sixth try, mail; a right one passes (the control)."""
    one, other = a_proof(client, a_phone()), a_proof(client, a_phone())
    refused(client.post(TICKET, json={**one, "contact": other["contact"]}), 403, "wrong-code")
    for _ in range(5):
        refused(client.post(TICKET, json=wrong(one)), 403, "wrong-code")
    refused(client.post(TICKET, json=one), 403, "wrong-code")
    assert client.post(TICKET, json=other).status_code == 201
    refused(client.post(CODE, json={"contact": "name@example.kr"}), 422, "invalid")


def test_only_our_own_pages_prove(content: Path, tmp_path: Path) -> None:
    """Also a page that may send sign-ups can neither ask for a code nor use a ticket; our own can (the control)."""
    server = Server(content, tmp_path / "var/data", origins="https://partner.example").ready()
    with server.client() as client:
        proof = a_proof(client, a_phone())
        assert client.post(TICKET, json=proof).status_code == 201
        for origin in ("https://evil.example", "https://partner.example"):
            client.headers["Origin"] = origin
            for address in (CODE, TICKET, FORGET):
                refused(client.post(address, json=proof), 403, "forbidden-origin")
    server.stop()
