"""Nothing that was typed is lost, and nothing is kept that must not be: in the browser, with the form's script."""

from __future__ import annotations

import json
from urllib.parse import unquote

from playwright.sync_api import Page, expect

from tests.browser.test_signing_up import fill
from tests.browser.visit import Visits, send
from tests.builders import a_phone
from tests.patience import eventually

CHECK = "적은 내용 확인하기"


def kept(page: Page) -> str:
    """Everything that the tab has stored."""
    page.wait_for_timeout(700)  # a draft is written a moment after the last key
    return str(page.evaluate("JSON.stringify(sessionStorage)"))


def test_a_draft_holds_answers_and_nobody(visits: Visits) -> None:
    """No resident registration number is kept or sent, and no name or phone; of a form that changed the rest is shown."""
    page = visits.open("/lectures/essay/", 375)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    text = page.locator("textarea").first
    fill(page, "010-4444-3333", "김초안")
    text.fill("제 번호는 900101-1234567 입니다")
    page.get_by_role("button", name=CHECK).click()
    expect(page.locator(".form-hint-invalid")).to_contain_text("주민등록번호는 받지 않습니다")
    assert "POST" not in sent
    assert "900101" not in kept(page)
    text.fill("봄에 있던 일")
    found = kept(page)
    assert "봄에 있던 일" in found and "4444" not in found and "김초안" not in found
    changed = [["answers.topic", "봄에 있던 일", ""], ["answers.gone", "옛 답", "없어진 질문"]]
    page.evaluate(
        "(draft) => sessionStorage.setItem('madang-draft-lectures/essay', draft)", json.dumps(changed)
    )
    page.reload(wait_until="networkidle")
    expect(page.locator("[data-draft-note]")).to_contain_text("없어진 질문: 옛 답")
    expect(page.locator("textarea").first).to_have_value("봄에 있던 일")


def test_a_server_that_is_away_and_a_way_back(visits: Visits) -> None:
    """Without a connection nothing is lost; the same press sends it once; Back from any step is a page of ours with all fields."""
    page = visits.open("/lectures/essay/", 375)
    fill(page, a_phone(), "김한번")
    page.context.set_offline(True)
    page.get_by_role("button", name=CHECK).click()
    expect(page.locator("[data-clock-note]")).to_contain_text("적은 내용은 이 화면에 그대로 있습니다")
    page.context.set_offline(False)
    visits.allow("api/forms")
    visits.allow("ERR_INTERNET_DISCONNECTED")
    page.get_by_role("button", name=CHECK).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("적은 내용을 확인하세요")
    page.go_back()
    expect(page.get_by_label("이름", exact=True)).to_have_value("김한번")
    page.get_by_role("button", name=CHECK).click()
    page.get_by_role("button", name="고치기").click()
    expect(page.get_by_role("button", name=CHECK)).to_be_focused()
    page.get_by_role("button", name=CHECK).click()
    send(page)
    page.wait_for_url("**/api/receipts/**")
    page.go_back()
    expect(page).to_have_url(f"{visits.base}/lectures/essay/")
    page.go_forward()
    expect(page.locator("[data-number]")).to_be_visible()


def test_a_receipt_can_be_copied(visits: Visits) -> None:
    """What is copied has the number and the address of the receipt, and no button's name."""
    page = visits.open("/lectures/essay/", 375)
    fill(page, a_phone())
    page.get_by_role("button", name=CHECK).click()
    send(page)
    page.wait_for_url("**/api/receipts/**")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="복사").click()
    eventually(lambda: page.evaluate("navigator.clipboard.readText()"))
    copied = page.evaluate("navigator.clipboard.readText()")
    assert page.locator("[data-number]").inner_text() in copied and page.url in copied
    assert "신청이 확정되었습니다" in copied and "인쇄" not in copied


def test_a_receipt_can_be_sent_to_oneself(visits: Visits) -> None:
    """What, when, where, its number and address: by the phone's own share where it has one; by text message or mail also
    without a script. The server sends nothing."""
    page = visits.window(375)
    page.add_init_script("navigator.share = async (given) => { window.shared = given; }")
    page.goto("/lectures/essay/", wait_until="networkidle")
    fill(page, a_phone())
    page.get_by_role("button", name=CHECK).click()
    send(page)
    page.wait_for_url("**/api/receipts/**")
    number, address = page.locator("[data-number]").inner_text(), page.url
    page.get_by_role("button", name="나에게 보내기").click()
    shared = page.wait_for_function("window.shared?.text").json_value()  # its script is loaded first
    path = address.removeprefix(visits.base)
    for said in ("에세이 글쓰기]", "언제: ", "어디서: ", f"접수번호: {number}"):
        assert said in shared
    assert shared.endswith(path) and shared.partition("접수증: ")[2].startswith("http")
    plain = visits.open(address, 375, script=False)
    for name, kind in (("문자로 나에게 보내기", "sms:?body="), ("메일로 나에게 보내기", "mailto:?subject=")):
        link = plain.get_by_role("link", name=name)
        expect(link).to_be_visible()
        href = str(link.get_attribute("href"))
        assert href.startswith(kind)
        assert unquote(href.rpartition("body=")[2]).replace("\r\n", "\n") == shared
