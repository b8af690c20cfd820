"""The whole sign-up by plain HTML forms, as a browser without JavaScript does it."""

import html
import re
from typing import Any

import httpx
import pytest

from tests.builders import a_phone, an_application, as_form

ASKS = "/api/forms/lectures/asks"
ANSWERS = {"area": "수완동", "days": ["월", "금"]}


def hidden(text: str) -> dict[str, list[str]]:
    """The hidden fields of the main form of a page."""
    main = text[text.index("<main") :]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', main):
        found.setdefault(name, []).append(html.unescape(value))
    return found


def typed(**changes: Any) -> dict[str, Any]:
    """What a citizen types into the static page: no submission id yet, two ticks under one name."""
    payload = an_application(submission_id=None, **{"answers": ANSWERS, **changes})
    return as_form(payload, step="check", website="")


def test_check_then_send_then_receipt_then_cancel(client: httpx.Client) -> None:
    """Page by page: check what was typed, send it, see the receipt, look it up, cancel it."""
    phone = a_phone()
    check = client.post(ASKS, data=typed(phone=phone, email="ada@example.com"))
    assert check.status_code == 200
    shown = html.unescape(check.text)
    for text in ("홍길동", phone, "ada@example.com", "수완동", "월, 금", "r1 회차", "동의함", "적지 않음"):
        assert text in shown, text
    carried = hidden(check.text)
    assert carried["answers.days"] == ["월", "금"]
    assert len(carried["submission_id"][0]) == 36
    assert "website" not in carried

    sent = client.post(ASKS, data={**carried, "step": "send"})
    assert sent.status_code == 303
    receipt = client.get(sent.headers["location"])
    assert receipt.status_code == 200
    found = re.search(r"data-number>([^<]+)<", receipt.text)
    assert found
    number = found[1]
    for secret in (phone, phone[-4:], "홍길동", "ada@example.com"):
        assert secret not in receipt.text
    assert "신청이 확정되었습니다." in receipt.text

    again = client.post(ASKS, data={**carried, "step": "send"})
    assert again.headers["location"] == sent.headers["location"]

    entry = client.post("/api/entries/lookup", data={"number": number.lower(), "phone_last4": phone[-4:]})
    assert entry.status_code == 200 and number in entry.text
    assert "/cancel" not in entry.text  # four digits only look
    link = sent.headers["location"]
    assert f'action="/api/entries/{number}/cancel"' in receipt.text and f'value="{link}"' in receipt.text
    cancelled = client.post(f"/api/entries/{number}/cancel", data={"receipt": link})
    assert (cancelled.status_code, cancelled.headers["location"]) == (303, link)
    assert "신청을 취소했습니다" in client.get(link, headers={"Accept": "text/html"}).text
    after = client.post("/api/entries/lookup", data={"number": number, "phone_last4": phone[-4:]})
    assert "신청한 사람이 취소" in after.text
    assert "/cancel" not in client.get(link).text
    assert client.get(sent.headers["location"]).status_code == 200


def test_edit_brings_the_form_back(client: httpx.Client) -> None:
    """고치기 keeps everything that was typed, without an error."""
    carried = hidden(client.post(ASKS, data=typed(name="이 & <b>순신</b>")).text)
    form = client.post(ASKS, data={**carried, "step": "edit"})
    assert form.status_code == 200
    assert 'value="이 &amp; &lt;b&gt;순신&lt;/b&gt;"' in form.text
    assert "<title>질문 있는 강좌 신청" in form.text
    for value in ("월", "금"):
        assert re.search(rf'value="{value}"[^>]* checked', form.text)
    assert not re.search(r'value="수"[^>]* checked', form.text)


def test_a_filled_trap_comes_back_empty(client: httpx.Client) -> None:
    """Somebody whose browser filled the hidden field sends the form again and is taken."""
    fields = typed() | {"website": "http://example.com"}
    refused = client.post(ASKS, data=fields)
    assert refused.status_code == 422
    assert "http://example.com" not in refused.text
    assert client.post(ASKS, data=fields | {"website": ""}).status_code == 200


def test_send_without_a_check(client: httpx.Client) -> None:
    """A form without a step is sent at once; it needs no submission id."""
    fields = typed()
    del fields["step"]
    assert client.post(ASKS, data=fields).status_code == 303


def test_an_unknown_step(client: httpx.Client) -> None:
    assert client.post(ASKS, data=typed() | {"step": "jump"}).status_code == 422


def test_waiting_is_said(client: httpx.Client) -> None:
    """The receipt of one who waits tells the place in line."""
    slug = "/api/forms/lectures/queue"
    client.post(slug, json=an_application())
    sent = client.post(slug, data=as_form(an_application()))
    receipt = client.get(sent.headers["location"])
    assert "대기 1번입니다." in receipt.text and "자리가 나면 대기 순서대로 바로 확정됩니다." in receipt.text


def test_a_calendar_file(client: httpx.Client) -> None:
    """Date, place and title; nothing of the person, not even the number."""
    phone = "010-7555-8765"  # digits that no date has
    entry = client.post("/api/forms/lectures/dated", json=an_application(phone=phone)).json()
    page = client.get(entry["receipt"])
    assert f'href="{entry["receipt"]}/event.ics"' in page.text
    answer = client.get(f"{entry['receipt']}/event.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    text = answer.text.replace("\r\n ", "")
    for line in ("SUMMARY:날짜 있는 강좌", "20230907T010000Z", "20230907T030000Z", "LOCATION:장덕도서관 2층"):
        assert line in text
    assert entry["number"] not in text and phone[-4:] not in text
    plain = client.post("/api/forms/lectures/plain", json=an_application()).json()["receipt"]
    assert client.get(f"{plain}/event.ics").status_code == 404


def test_check_and_receipt_say_round_time_and_place(client: httpx.Client) -> None:
    """With one round too: both meetings of the course, its place, the day of the answer in words, nothing as a code."""
    course = "/api/forms/lectures/course"
    fields = typed(round="autumn", answers={"book_day": "2023-09-04"})
    check = client.post(course, data=fields)
    sent = client.post(course, data={**hidden(check.text), "step": "send"})
    receipt = client.get(sent.headers["location"])
    for made in (check.text, receipt.text):
        shown = html.unescape(made)
        for text in ("autumn 회차", "9월 9일(토) 10:00 ~ 12:00\n9월 16일(토) 10:00 ~ 12:00", "장덕도서관"):
            assert text in shown, text
    assert "2023년 9월 4일(월)" in check.text
    assert "2023-09-04<" not in check.text
    book = client.get(f"{sent.headers['location']}/event.ics").text
    assert book.count("BEGIN:VEVENT") == 2
    assert "TZID" not in book and f"URL:{client.base_url}" in book.replace("\r\n ", "")


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_receipt_as_asked_for(client: httpx.Client, accept: str) -> None:
    """The same address answers a browser and a program."""
    entry = client.post("/api/forms/lectures/plain", json=an_application()).json()
    answer = client.get(entry["receipt"], headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(accept)
    assert entry["number"] in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_form_sent_twice(client: httpx.Client) -> None:
    """Without the id of a check page: a new try, which tells nothing of the first."""
    direct = an_application(submission_id=None)
    first, second = (client.post("/api/forms/lectures/plain", data=as_form(direct)) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 409)
    assert "이미 신청하셨습니다." in second.text and first.headers["location"] not in second.text


def test_the_address_of_a_form_leads_a_person_to_its_page(client: httpx.Client) -> None:
    """Enter in the address bar, after a page with errors: the lecture and not raw JSON; programs get JSON."""
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    led = client.get(ASKS, headers={"Accept": browser})
    assert (led.status_code, led.headers["location"]) == (302, "/lectures/asks/")
    for accept in ("application/json", "*/*"):
        told = client.get(ASKS, headers={"Accept": accept})
        assert told.json()["subject"] == "lectures/asks" and "Accept" in told.headers["vary"]
    assert client.get("/api/forms/lectures/none", headers={"Accept": browser}).status_code == 404


def test_the_address_of_an_entry_leads_a_person_to_the_look_up(client: httpx.Client) -> None:
    """Enter in the address bar, or a tab that the phone opens again: the form and not "nothing found"."""
    for address in ("/api/entries/lookup", "/api/entries/7K3F-9QXM/cancel", "/api/entries/7K3F-9QXM/accept"):
        led = client.get(address, headers={"Accept": "text/html"})
        assert (led.status_code, led.headers.get("location")) == (302, "/my/"), address
        assert client.get(address, headers={"Accept": "application/json"}).status_code == 404


def test_a_date_has_bounds(client: httpx.Client) -> None:
    """Found with a visit in 1900: the page offers the days there are, programs are told, others are refused."""
    address = "/api/forms/lectures/days"
    told = client.get(address).json()["fields"][0]
    assert (told["earliest"], told["latest"]) == ("2023-09-01", "2023-09-08")
    wrong = client.post(address, json=an_application(answers={"day": "1900-01-01"}))
    assert wrong.json()["errors"] == [
        {"field": "answers.day", "message": "2023-09-01이나 그 뒤의 날짜를 적어 주세요."}
    ]
    page = client.post(address, data=as_form(an_application(answers={"day": "2023-09-09"}), step="check"))
    assert page.status_code == 422 and 'min="2023-09-01" max="2023-09-08"' in page.text
    assert client.post(address, json=an_application(answers={"day": "2023-09-08"})).status_code == 201


def test_the_consent_of_the_page_names_what_is_asked(client: httpx.Client) -> None:
    """The companions too, though staff wrote name and phone only."""
    page = client.post("/api/forms/lectures/family", data=as_form(an_application(), step="edit"))
    assert "이름, 휴대전화 번호, 생년월일, 이메일, 함께 신청하는 사람 수</dd>" in page.text


def test_errors_keep_what_was_typed(client: httpx.Client) -> None:
    """The form comes back with the summary, the values, and no submission kept."""
    answer = client.post(ASKS, data=typed(phone="02-123-4567", name="홍길동"))
    assert answer.status_code == 422
    assert "<title>오류: 질문 있는 강좌 신청" in answer.text
    assert 'value="02-123-4567"' in answer.text and 'value="홍길동"' in answer.text
    assert 'href="#f-phone"' in answer.text
