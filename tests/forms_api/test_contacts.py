"""A phone proven over HTTP: the code, the ticket in the browser, what its holder sees, and its end."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.builders import a_phone, an_application, as_form
from tests.forms_api.server import Server, a_proof, act, prove, sign_up
from tests.forms_api.test_refusals import page

CODE, TICKET, FORGET, MY = "/api/contacts/code", "/api/contacts/ticket", "/api/contacts/forget", "/api/my"


def refused(answer: httpx.Response, status: int, name: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{name}")


def wrong(proof: Mapping[str, str]) -> dict[str, str]:
    return {**proof, "code": f"{(int(proof['code']) + 1) % 10**6:06}"}


def test_a_ticket_shows_what_its_phone_signed_up_for(client: httpx.Client) -> None:
    """Title, round, state and dates of this phone's entries and of no other's; nothing that names a person."""
    phone = a_phone()
    refused(client.get(MY), 403, "contact-unproven")
    assert client.get(TICKET).json() == {"fresh": False}
    sign_up(client, "plain", phone=phone, name="독고탁")
    sign_up(client, "dated", phone=phone, name="독고탁")
    sign_up(client, "relatives", phone=phone, birth_date="1990-01-31", email="a@example.kr")
    sign_up(client, "plain", name="남의이름")
    given = client.post(TICKET, json=a_proof(client, phone))
    cookie = given.headers["set-cookie"]
    assert given.status_code == 201 and "madang-ticket=" in cookie
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; ")) and "Max-Age" not in cookie
    told = client.get(MY).json()
    assert client.get(TICKET).json() == {"fresh": True}  # and no word of whose it is
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
    refused(client.post(CODE, json={"contact": "name@example.kr"}), 422, "invalid")
    refused(client.post(TICKET, json=wrong(a_proof(client, phone))), 403, "wrong-code")


SCARCE = "/api/forms/lectures/scarce"


def test_invented_numbers_take_nothing(client: httpx.Client) -> None:
    """Forty of them: no place, whatever code they guess; where phones are typed they would (the control)."""
    for number in range(40):
        guess = {"code": f"{number:06}", "request": "x" * 22} if number % 2 else {}
        name = "wrong-code" if guess else "contact-unproven"
        refused(client.post(SCARCE, json=an_application(**guess)), 403, name)
    assert client.get(SCARCE).json()["rounds"]["r1"]["taken"] == 0
    assert client.post("/api/forms/lectures/first", json=an_application()).status_code == 201


def test_a_code_lets_one_application_in(client: httpx.Client) -> None:
    """Again and again the same one, and no other; nobody learns of an entry without the phone; a ticket lets all in."""
    phone = a_phone()
    proof = a_proof(client, phone)
    proof.pop("contact")
    payload = an_application(phone=phone, **proof)
    first, again = client.post(SCARCE, json=payload), client.post(SCARCE, json=payload)
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    other = an_application(phone=phone, round="r2")
    refused(client.post(SCARCE, json={**other, **proof}), 403, "wrong-code")
    unproven = [client.post(SCARCE, json=an_application(phone=each)) for each in (phone, a_phone())]
    refused(unproven[0], 403, "contact-unproven")
    assert unproven[0].content == unproven[1].content
    client.post(TICKET, json=a_proof(client, phone))
    assert client.post(SCARCE, json=other).status_code == 201
    refused(client.post(SCARCE, json=an_application(phone=phone)), 409, "already-applied")
    refused(
        client.post(SCARCE, json=an_application()), 403, "contact-unproven"
    )  # another phone than the ticket's


def test_the_plain_way_with_a_code(client: httpx.Client) -> None:
    """Check, code, send without a script: a wrong code keeps everything, the page of the form is never lost."""
    form = as_form(an_application(name="김하나"))
    text = page(client.post(SCARCE, data=form | {"step": "check"}), 200, "인증번호 받기")
    assert "신청하기</button>" not in text
    page(
        client.post(SCARCE, data=form | {"step": "send"}),
        403,
        "휴대전화를 먼저 인증해 주세요.",
        "인증번호 받기",
    )
    text = page(client.post(SCARCE, data=form | {"step": "code"}), 200, "시연", "신청하기</button>")
    asked = dict(re.findall(r'name="(request|submission_id)" value="([^"]+)"', text))
    code = re.findall(r"data-demo-code>(\d{6})<", text)[0]
    sent = form | asked | {"step": "send", "code": wrong({"code": code})["code"]}
    text = page(client.post(SCARCE, data=sent), 403, "오류: ", "인증번호가 맞지 않습니다", "김하나")
    assert asked["request"] in text
    page(client.post(SCARCE, data=sent | {"code": "12"}), 422, "인증번호는 숫자 6자리입니다.")
    page(client.post(SCARCE, data=sent | {"step": "edit"}), 200, 'value="김하나"')
    done = client.post(SCARCE, data=sent | {"code": code})
    assert done.status_code == 303 and done.headers["location"].startswith("/api/receipts/")
    client.post(TICKET, json=a_proof(client, form["phone"]))  # now the browser holds a ticket
    page(client.post(SCARCE, data=form | {"step": "check", "round": "r2"}), 200, "신청하기</button>")


def test_a_phone_stands_for_five_people_of_a_family(client: httpx.Client) -> None:
    """The sixth birth date is refused also when all come at once; one who leaves makes room."""
    phone = a_phone()
    people = [
        an_application(phone=phone, birth_date=f"1990-01-{day:02}", email="a@example.kr")
        for day in range(1, 10)
    ]
    address = "/api/forms/lectures/relatives"
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda each: client.post(address, json=each), people))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 4
    late = next(each for each, answer in zip(people, answers, strict=True) if answer.status_code == 409)
    refused(client.post(address, json=late), 409, "limit-reached")
    gone = next(answer.json() for answer in answers if answer.status_code == 201)
    act(client, (gone, phone[-4:]), "cancel")
    assert client.post(address, json=late).status_code == 201


def test_four_digits_only_look(client: httpx.Client) -> None:
    """Cancelling needs the receipt's address or a new proof of this phone; another's, forged or none is not enough."""
    phone = a_phone()
    entry, last4 = sign_up(client, "plain", phone=phone)
    other, _ = sign_up(client, "plain")
    given = {"number": entry["number"], "phone_last4": last4}
    told = client.post("/api/entries/lookup", json=given).json()
    assert told["state"] == "confirmed" and "receipt" not in told
    cancel = f"/api/entries/{entry['number']}/cancel"
    for more in ({}, {"receipt": other["receipt"]}, {"receipt": "/api/receipts/forged"}, {"receipt": 5}):
        refused(client.post(cancel, json={**given, **more}), 403, "contact-unproven")
    prove(client, a_phone())
    refused(client.post(cancel, json=given), 403, "contact-unproven")
    page(client.post(cancel, data=given), 403, "휴대전화를 먼저 인증해 주세요.", 'href="/my/"')
    prove(client, phone)
    assert (
        client.post("/api/entries/lookup", json={"number": entry["number"]}).json()["receipt"]
        == entry["receipt"]
    )
    assert client.post(cancel, json={}).json()["state"] == "cancelled"


def test_only_our_own_pages_prove(content: Path, tmp_path: Path) -> None:
    """Also a page that may send sign-ups can neither ask for a code nor use a ticket; our own can (the control)."""
    server = Server(content, tmp_path / "var/data", origins="https://partner.example")
    with server, server.client() as client:
        proof = a_proof(client, a_phone())
        assert client.post(TICKET, json=proof).status_code == 201
        for origin in ("https://evil.example", "https://partner.example"):
            client.headers["Origin"] = origin
            for address in (CODE, TICKET, FORGET):
                refused(client.post(address, json=proof), 403, "forbidden-origin")


def test_a_budget_that_runs_low_is_told(content: Path, tmp_path: Path) -> None:
    """Ten codes an hour: from the eighth on staff are told everywhere, the eleventh is refused; before that nothing is said."""
    server = Server(content, tmp_path / "var/data", texts_hour="10", proxies="1")
    with server, server.client() as client:

        def ask(number: int) -> httpx.Response:
            sender = {"X-Forwarded-For": f"192.0.{number}.1"}
            return client.post(CODE, json={"contact": a_phone()}, headers=sender)

        asks = [ask(number) for number in range(7)]
        assert client.get("/readyz").json()["lacks"] == []
        asks += [ask(number) for number in range(7, 11)]
        assert [answer.status_code for answer in asks] == [202] * 10 + [429]
        refused(asks[-1], 429, "out-of-texts")
        assert (
            client.get("/readyz").json()["lacks"] == ["budget"] and int(asks[-1].headers["retry-after"]) > 0
        )
    assert sum('"event": "texts-low"' in line for line in server.lines) == 1


def test_codes_of_others_and_used_ones_are_refused(client: httpx.Client) -> None:
    """Another phone's, a used one, the sixth try, mail; a right one passes (the control)."""
    one, other = a_proof(client, a_phone()), a_proof(client, a_phone())
    refused(client.post(TICKET, json={**one, "contact": other["contact"]}), 403, "wrong-code")
    for _ in range(5):
        refused(client.post(TICKET, json=wrong(one)), 403, "wrong-code")
    refused(client.post(TICKET, json=one), 403, "wrong-code")
    assert client.post(TICKET, json=other).status_code == 201
    refused(client.post(CODE, json={"contact": "name@example.kr"}), 422, "invalid")
