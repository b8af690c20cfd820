"""Every named refusal, once as JSON and once as the page that a plain HTML form gets."""

import html
import http.client
import re
import socket
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from civic.text import RESIDENT_NUMBER_MESSAGE
from tests.builders import a_phone, an_application, as_form
from tests.forms_api.server import act, sign_up

FORM = "/api/forms/lectures/plain"
TYPED = 'value="홍길동"'  # what was typed, in the form below the refusal
TITLES = {
    "not-open": "아직 접수를 시작하지 않았습니다.",
    "closed": "접수가 끝났습니다.",
    "not-found": "찾는 것이 없습니다.",
}
TITLE_405 = "이 주소에서는 할 수 없는 요청입니다."
NO_UUID = "신청서를 처음 보낼 때 만든 UUID를 넣어 주세요. 다시 보낼 때도 같은 값을 씁니다."
TRAP = "이 칸은 비워 두어야 합니다. 비운 채로 다시 보내 주세요."
ALREADY = (
    "같은 사람이 이미 신청했습니다. 접수번호와 휴대전화 번호 뒤 네 자리로 ‘내 신청 확인’에서 볼 수 있습니다."
)


def problem(answer: httpx.Response, name: str, status: int, title: str, detail: str) -> None:
    """The JSON of a refusal, word for word."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{name}")
    assert (body["title"], body["detail"]) == (title, detail)
    assert set(body) == {"type", "title", "status", "detail", "errors"}


def page(answer: httpx.Response, status: int, *texts: str) -> str:
    """The page of a refusal holds these texts and one h1."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = html.unescape(answer.text)
    assert [each for each in texts if each not in text] == []
    assert text.count("<h1") == 1
    return text


def both(
    client: httpx.Client, slug: str, payload: Mapping[str, Any]
) -> tuple[httpx.Response, httpx.Response]:
    """The same post as JSON and as a plain form."""
    address = f"/api/forms/lectures/{slug}"
    return client.post(address, json=payload), client.post(address, data=as_form(payload))


@pytest.mark.parametrize(
    ("slug", "name", "status", "detail"),
    [
        ("soon", "not-open", 403, "접수는 8월 20일(일) 09:00에 시작합니다."),
        ("over", "closed", 403, "접수는 8월 14일(월) 24:00에 끝났습니다."),
        ("none", "not-found", 404, "그런 신청서가 없습니다."),
    ],
)
def test_a_form_that_takes_nothing(
    client: httpx.Client, slug: str, name: str, status: int, detail: str
) -> None:
    """Too early, too late, no such form."""
    as_json, as_page = both(client, slug, an_application())
    problem(as_json, name, status, TITLES[name], detail)
    page(as_page, status, TITLES[name], detail, *([TYPED] if name != "not-found" else []))


def test_a_round_that_does_not_exist(client: httpx.Client) -> None:
    as_json, as_page = both(client, "plain", an_application(round="r9"))
    problem(as_json, "not-found", 404, "찾는 것이 없습니다.", "그런 회차가 없습니다.")
    said = "그런 회차가 없습니다. 다시 골라 주세요."
    assert as_json.json()["errors"] == [{"field": "round", "message": said}]
    page(as_page, 404, said, 'href="/lectures/plain/"', 'name="round" value="r1"')


def test_a_round_that_is_gone_keeps_what_was_typed(client: httpx.Client) -> None:
    """Found by an old page left open: the form comes back with the text, and each round can be chosen anew."""
    typed = an_application(round="zzz", name="김하나", answers={"topic": "오래 적은 이야기"}, consent=None)
    answer = client.post("/api/forms/lectures/asks", data=as_form(typed, step="check"))
    text = page(
        answer, 404, "그런 회차가 없습니다. 다시 골라 주세요.", "오류: ", 'href="#f-round"', 'id="f-round"'
    )
    assert 'value="김하나"' in text and "오래 적은 이야기" in text
    assert 'value="r2"' in text


def test_full(client: httpx.Client) -> None:
    """The last place is gone: the page keeps what was typed, and names lectures that take people now. The check says it first."""
    client.post("/api/forms/lectures/full", json=an_application())
    as_json, as_page = both(client, "full", an_application())
    problem(as_json, "full", 409, "정원이 모두 찼습니다.", "정원 1명이 모두 찼습니다.")
    others = "지금 신청할 수 있는 비슷한 것"
    page(as_page, 409, "정원 1명이 모두 찼습니다.", 'href="/lectures/full/"', TYPED, others)
    early = client.post("/api/forms/lectures/full", data=as_form(an_application(), step="check"))
    page(early, 409, "정원 1명이 모두 찼습니다.", TYPED)


def test_already_applied(client: httpx.Client) -> None:
    """The other entry's number is not told."""
    payload = an_application()
    number = client.post(FORM, json=payload).json()["number"]
    again = payload | {"submission_id": str(uuid.uuid4())}
    as_json, as_page = both(client, "plain", again)
    problem(as_json, "already-applied", 409, "이미 신청하셨습니다.", ALREADY)
    text = page(as_page, 409, ALREADY, TYPED, 'href="/my/"')
    assert number not in as_json.text and number not in text


def test_limit_reached(client: httpx.Client) -> None:
    """At most one of a group of lectures."""
    phone = a_phone()
    assert client.post("/api/forms/lectures/first", json=an_application(phone=phone)).status_code == 201
    as_json, as_page = both(client, "second", an_application(phone=phone))
    detail = "한 사람이 함께 신청할 수 있는 것은 1개까지입니다."
    problem(as_json, "limit-reached", 409, "한 사람이 신청할 수 있는 한도를 넘었습니다.", detail)
    page(as_page, 409, detail, TYPED, "함께 세는 것", 'href="/lectures/first/"')


def test_no_second_try(client: httpx.Client) -> None:
    """A form without re-entry says so after a cancellation."""
    phone = a_phone()
    act(client, sign_up(client, "once", phone=phone), "cancel")
    again = client.post("/api/forms/lectures/once", json=an_application(phone=phone))
    detail = "한 번만 신청할 수 있는 회차입니다. 스스로 취소하거나 사양한 뒤에는 다시 신청할 수 없습니다."
    problem(again, "limit-reached", 409, "한 사람이 신청할 수 있는 한도를 넘었습니다.", detail)


def test_not_eligible(client: httpx.Client) -> None:
    """An activity that has begun is not cancelled here."""
    who = sign_up(client, "begun")
    detail = "활동이 시작되어 여기에서는 취소할 수 없습니다. 담당 부서에 전화해 주세요."
    problem(act(client, who, "cancel"), "not-eligible", 403, "이 요청은 받을 수 없습니다.", detail)
    by_form = client.post(f"/api/entries/{who[0]['number']}/cancel", data={"receipt": who[0]["receipt"]})
    page(by_form, 403, detail)


def test_what_cannot_be_done_with_an_entry_leads_back_to_it(client: httpx.Client) -> None:
    """A second press of the button that cancels read "you do not fit the conditions", with "back to the notice" to /my/."""
    entry, _ = sign_up(client, "plain")
    address, given = f"/api/entries/{entry['number']}/cancel", {"receipt": entry["receipt"]}
    done = client.post(address, data=given)
    assert (done.status_code, done.headers["location"]) == (303, entry["receipt"])
    text = page(client.post(address, data=given), 403, "이미 취소한 신청입니다.")
    main = text[text.index("<main") : text.index("</main")]
    assert "조건에 맞지" not in main and "글로 돌아가기" not in main
    assert main.count('href="/my/"') == 1


def test_wrong_code(client: httpx.Client) -> None:
    """A wrong number and wrong digits get the very same answer; the page is the look-up form again."""
    entry, last4 = sign_up(client, "plain")
    number, wrong = entry["number"], "0000" if last4 != "0000" else "1111"
    tries = [{"number": number, "phone_last4": wrong}, {"number": "ZZZZ-ZZZZ", "phone_last4": last4}]
    answers = [client.post("/api/entries/lookup", json=each) for each in tries]
    detail = "접수번호나 휴대전화 번호 뒤 네 자리가 맞지 않습니다."
    for answer in answers:
        problem(answer, "wrong-code", 403, "번호가 맞지 않습니다.", detail)
    assert answers[0].content == answers[1].content
    text = page(client.post("/api/entries/lookup", data=tries[0]), 403, detail, "오류: 내 신청 확인", number)
    assert f'value="{wrong}"' not in text


def test_look_up_with_nothing(client: httpx.Client) -> None:
    """Both fields are named."""
    as_json = client.post("/api/entries/lookup", json={})
    problem(as_json, "invalid", 422, "적은 내용을 고쳐 주세요.", "고칠 곳이 2개 있습니다.")
    assert [error["field"] for error in as_json.json()["errors"]] == ["number", "phone_last4"]
    page(client.post("/api/entries/lookup", data={"number": ""}), 422, "접수번호를 적어 주세요.")


def test_invalid_names_every_field(client: httpx.Client) -> None:
    """All that is wrong at once, in the order of the page; the answer repeats nothing that was typed."""
    wrong = {"name": "", "phone": "011-99", "email": "no-address", "consent": False}
    payload = an_application(**wrong, answers={"area": "비밀동", "colour": "청록"})
    as_json, as_page = both(client, "asks", payload)
    problem(as_json, "invalid", 422, "적은 내용을 고쳐 주세요.", "고칠 곳이 7개 있습니다.")
    assert as_json.json()["errors"] == [
        {"field": "name", "message": "이름을 적어 주세요."},
        {"field": "phone", "message": "휴대전화 번호를 010-1234-5678처럼 적어 주세요."},
        {"field": "email", "message": "이메일 주소를 name@example.kr처럼 적어 주세요."},
        {"field": "answers.colour", "message": "이 신청서에 없는 항목입니다."},
        {"field": "answers.area", "message": "보기 가운데에서 골라 주세요."},
        {"field": "answers.days", "message": "‘올 수 있는 날’에서 하나 이상 골라 주세요."},
        {"field": "consent", "message": "개인정보 수집·이용에 동의해야 신청할 수 있습니다. 체크해 주세요."},
    ]
    assert not [typed for typed in ("011-99", "no-address", "비밀동", "청록") if typed in as_json.text]
    text = page(as_page, 422, "이름을 적어 주세요.", 'value="011-99"', 'value="no-address"')
    assert "<title>오류: 질문 있는 강좌 신청" in text
    summary = re.findall(r'<li><a href="#f-([a-z-]+)"', text)
    assert summary == ["name", "phone", "email", "answers-colour", "answers-area", "answers-days", "consent"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{", "", "JSON으로 읽을 수 없습니다."),
        (b"[" * 60_000, "", "JSON으로 읽을 수 없습니다."),
        (b"[1]", "", "JSON 객체를 보내 주세요."),
        (b'{"name": {"a": 1}}', "name", "글로 적어 주세요."),
        (b'{"phone": 821012345678}', "phone", "글로 적어 주세요."),
        (b'{"name": "\\ud800"}', "name", "글자가 깨졌습니다. 다시 적어 주세요."),
        (b'{"answers": [1]}', "answers", "answers는 이름과 답의 묶음이어야 합니다."),
        (b'{"nmae": "x"}', "nmae", "이 신청서에 없는 항목입니다."),
        (b'{"round": 7}', "round", "글로 적어 주세요."),
        (b'{"%s": "x"}' % (b"x" * 100), "unknown", "이 신청서에 없는 항목입니다."),
        (b'{"party": 2}', "party", "이 신청서에 없는 항목입니다."),
        (b'{"name": "a", "name": "b"}', "", "JSON으로 읽을 수 없습니다."),
        (b'{"answers": 0}', "answers", "answers는 이름과 답의 묶음이어야 합니다."),
        (b'{"answers": []}', "answers", "answers는 이름과 답의 묶음이어야 합니다."),
        (b'{"birth_date": []}', "birth_date", "이 신청서에 없는 항목입니다."),
        (b'{"consent": 1}', "consent", "개인정보 수집·이용에 동의해야 신청할 수 있습니다. 체크해 주세요."),
        (b'{"submission_id": "1"}', "submission_id", NO_UUID),
        (b'{"website": "http://spam.example"}', "website", TRAP),
    ],
)
def test_wrong_shapes(client: httpx.Client, body: bytes, field: str, message: str) -> None:
    """Broken JSON, wrong types, unknown fields, half a character, a filled trap: each is named."""
    answer = client.post(FORM, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert {"field": field, "message": message} in answer.json()["errors"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "김 900101-1234567"},
        {"phone": "9001011234567"},
        {"answers": {"topic": "９００１０１ １２３４５６７"}},
        {"900101-1234567": "x"},
        {"answers": {"area": ["수완동", {"x": "900101 – 5234567"}]}},
        {"round": "900101-1234567"},
        {"website": "900101-1234567"},
        {"submission_id": "900101-1234567"},
        {"name": "900101ㅡ1234567"},
    ],
)
def test_a_resident_number_is_refused(client: httpx.Client, changes: dict[str, Any]) -> None:
    """Wherever it is typed: refused with the reason, not repeated, and not on the page that comes back."""
    payload = an_application(**changes)
    as_json, as_page = both(client, "asks", payload)
    assert as_json.status_code == as_page.status_code == 422
    assert [error["message"] for error in as_json.json()["errors"]] == [RESIDENT_NUMBER_MESSAGE]
    assert RESIDENT_NUMBER_MESSAGE in as_page.text
    for answer in (as_json, as_page):
        assert "1234567" not in answer.text and "１２３４５６７" not in answer.text


def test_a_resident_number_in_the_look_up(client: httpx.Client) -> None:
    """Not taken for a receipt number, and not on the page that comes back."""
    given = {"number": "900101-1234567", "phone_last4": "1234"}
    as_json = client.post("/api/entries/lookup", json=given)
    assert as_json.json()["errors"] == [{"field": "number", "message": RESIDENT_NUMBER_MESSAGE}]
    assert "1234567" not in page(client.post("/api/entries/lookup", data=given), 422, RESIDENT_NUMBER_MESSAGE)


def test_a_form_post_with_files(client: httpx.Client) -> None:
    """No form asks for a file: it is refused, not silently left out."""
    files = {"paper": ("900101-1234567.txt", b"900101-1234567")}
    answer = client.post(FORM, data=as_form(an_application()), files=files)
    assert "1234567" not in page(answer, 422, "파일은 받지 않습니다. 파일을 빼고 다시 보내 주세요.")


def test_a_field_that_came_twice(client: httpx.Client) -> None:
    """Two names in one form: neither is chosen for the sender, and the page shows the first."""
    fields = [*as_form(an_application()).items(), ("name", "임꺽정")]
    body = str(httpx.QueryParams(fields)).encode()
    answer = client.post(FORM, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    page(answer, 422, "글로 적어 주세요.", 'value="홍길동"')


@pytest.mark.parametrize("body", [b"step=check&name=%ff%fe", b"step=check&name=\xb1\xe8", b"%ff=1"])
def test_a_form_post_that_is_no_utf8(client: httpx.Client, body: bytes) -> None:
    """As an old program sends it: refused like broken JSON, and no other characters are made of it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    text = page(client.post(FORM, content=body, headers=headers), 422, "글자가 깨졌습니다. 다시 적어 주세요.")
    assert "%FF" not in text


def test_signs_that_stand_for_broken_bytes(client: httpx.Client) -> None:
    """A form with parts is decoded before we see it; what is left of the bytes is refused, in JSON too."""
    payload = an_application(name="김\ufffd나")
    as_json = client.post(FORM, json=payload)
    broken = "글자가 깨졌습니다. 다시 적어 주세요."
    assert as_json.json()["errors"] == [{"field": "name", "message": broken}]
    parts = {
        name: (None, value.encode("euc-kr")) for name, value in as_form(an_application(name="김나")).items()
    }
    page(client.post(FORM, files=parts), 422, broken)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
    ],
)
def test_a_write_from_elsewhere(client: httpx.Client, headers: dict[str, str]) -> None:
    """No origin, null, another site: refused whatever was sent."""
    title = "이 누리집의 화면에서 보낸 요청이 아닙니다."
    with httpx.Client(base_url=client.base_url, headers=headers) as stranger:
        problem(stranger.post(FORM, json=an_application()), "forbidden-origin", 403, title, title)
        page(stranger.post(FORM, data=as_form(an_application())), 403, title)


def test_a_browser_on_our_page_may_write(client: httpx.Client) -> None:
    """Sec-Fetch-Site same-origin is enough: a browser cannot be made to lie about it."""
    with httpx.Client(base_url=client.base_url, headers={"Sec-Fetch-Site": "same-origin"}) as browser:
        assert browser.post(FORM, json=an_application()).status_code == 201


def test_too_large(client: httpx.Client) -> None:
    """64 kB and no more, also when the length is not told in advance."""
    title = "보낸 내용이 너무 큽니다. 64kB까지 보낼 수 있습니다."
    json = {"Content-Type": "application/json"}
    body = b'{"name": "' + b"x" * 66_000 + b'"}'
    problem(client.post(FORM, content=body, headers=json), "too-large", 413, title, title)
    chunks = client.post(FORM, content=iter([body]), headers=json)
    assert chunks.status_code == 413
    page(client.post(FORM, data={"name": "x" * 66_000}), 413, title)


@pytest.mark.parametrize(
    ("path", "said", "size", "status"),
    [
        (FORM, "Origin: https://elsewhere.example", 500, 403),
        (FORM, "Content-Type: application/xml", 500, 415),
        ("/api/nothing", "Content-Type: application/json", 500, 404),
        (FORM, "Content-Type: application/json", 66_000, 413),
        (FORM, "Content-Type: application/json", 1_000_000, 413),
        # The control: nobody sends that much by mistake, and here the server does hang up.
        (FORM, "Content-Type: application/json", 9_000_000, 0),
    ],
)
def test_a_refusal_reaches_a_slow_sender(
    client: httpx.Client, path: str, said: str, size: int, status: int
) -> None:
    """The body comes after the head and in parts, as from a phone: the answer is read, and the line stays open."""
    at = client.base_url
    head = f"POST {path} HTTP/1.1\r\nHost: {at.netloc.decode()}\r\n{said}\r\nContent-Length: {size}\r\n"
    if "Origin" not in said:
        head += f"Origin: {str(at).rstrip('/')}\r\n"
    with socket.create_connection((at.host, at.port or 80), timeout=20) as line:
        found = []
        try:
            for _ in range(2):  # the second goes over the same connection
                line.sendall(f"{head}\r\n".encode())
                time.sleep(0.2)
                for sent in range(0, size, 50_000):
                    line.sendall(b"x" * min(50_000, size - sent))
                answer = http.client.HTTPResponse(line)
                answer.begin()
                answer.read()
                found.append(answer.status)
        except (OSError, http.client.HTTPException):
            assert not status
            return
    assert found == [status, status]


def test_unsupported_type(client: httpx.Client) -> None:
    title = "JSON이나 폼으로만 보낼 수 있습니다."
    answer = client.post(FORM, content=b"<a/>", headers={"Content-Type": "application/xml"})
    problem(answer, "unsupported-type", 415, title, title)
    from_a_page = {"Content-Type": "text/plain", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page(client.post(FORM, content=b"name=x", headers=from_a_page), 415, title)


def test_method_not_allowed(client: httpx.Client) -> None:
    """Said as such, with what can be done instead, whatever was sent along; nothing to write is 404."""
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        answer = client.request(method, FORM)
        problem(answer, "method-not-allowed", 405, TITLE_405, TITLE_405)
        assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    assert client.post("/api/status").headers["allow"].split(", ").count("GET") == 1
    assert client.put("/api/entries/lookup").headers["allow"].split(", ").count("POST") == 1


@pytest.mark.parametrize("said", ["²", "٣", "1.0", "-1", "0", "5", "0x2", "1e0"])
def test_a_party_of_odd_signs(client: httpx.Client, said: str) -> None:
    """A raised 2 looks like a digit and is none; nothing of this ends in a failure."""
    payload = an_application(birth_date="1990-01-31", email="a@example.kr", party=said)
    answer = client.post("/api/forms/lectures/relatives", json=payload)
    if said == "٣":  # a digit of another script is a digit
        assert answer.status_code == 201
    else:
        message = "함께 오는 사람 수를 1부터 4 사이로 적어 주세요."
        assert answer.json()["errors"] == [{"field": "party", "message": message}]


def test_an_unknown_address_of_the_api(client: httpx.Client) -> None:
    """Programs get JSON, browsers a page."""
    title = "찾는 것이 없습니다."
    problem(client.get("/api/nothing"), "not-found", 404, title, title)
    page(client.get("/api/nothing", headers={"Accept": "text/html"}), 404, title, "시연")  # by --now
    for method in ("POST", "PUT", "DELETE"):  # 405 would say that something is there
        problem(client.request(method, "/api/nope"), "not-found", 404, title, title)
    nothing_asked = client.post("/api/forms/pages/plain", json=an_application())
    problem(nothing_asked, "not-found", 404, title, "그런 신청서가 없습니다.")
    problem(client.get("/api/receipts/forged"), "not-found", 404, title, "그런 접수증이 없습니다.")
