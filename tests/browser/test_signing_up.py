"""A citizen signs up, looks it up and cancels: with and without JavaScript, on a phone and at a desk."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import WIDTHS, Visits, overflow, send, violations
from tests.builders import a_phone

NUMBER = re.compile(r"[3-9A-Z]{4}-[3-9A-Z]{4}")


def fill(page: Page, phone: str, name: str = "홍길동") -> None:
    """Type into the essay course's form what it asks of everyone."""
    page.get_by_label("이름", exact=True).fill(name)
    page.get_by_label("휴대전화 번호").fill(phone)
    page.get_by_label("동의합니다").check()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("width", WIDTHS)
def test_home_to_receipt_to_cancelled(visits: Visits, width: int, script: bool) -> None:
    """Home → library course → apply → check → receipt → look up → cancel, each step accessible."""
    phone = a_phone()
    page = visits.open("/", width, script)
    page.get_by_role("link", name="내 삶이 글이 되는 에세이 글쓰기").first.click()
    page.get_by_role("link", name="신청하기").first.click()
    fill(page, phone)
    page.get_by_role("button", name="적은 내용 확인하기").click()

    expect(page.get_by_role("main")).to_contain_text(phone)
    if script:
        assert violations(page) == []
    page.get_by_role("button", name="인증번호 받기").click()
    code = page.locator("[data-demo-code]").inner_text()
    if script:
        assert violations(page) == [] and overflow(page) <= 0
    page.get_by_label("인증번호", exact=True).fill(code)
    page.get_by_role("button", name="신청하기").click()

    expect(page).to_have_url(re.compile("/api/receipts/"))
    text = page.get_by_role("main").inner_text()
    found = NUMBER.search(text)
    assert found, text
    assert phone not in page.content()
    assert "홍길동" not in page.content()
    assert overflow(page) <= 0 if script else True
    if script:
        assert violations(page) == []

    page.goto("/my/")
    page.get_by_label("접수번호").fill(found[0].lower().replace("-", ""))
    page.get_by_label(re.compile("뒤 네 자리")).fill(phone[-4:])
    page.get_by_role("button", name=re.compile("확인")).click()
    expect(page.get_by_role("main")).to_contain_text("확정")
    expect(page.get_by_text("이 신청을 취소")).to_have_count(0)  # four digits only look

    page.goto("/my/")
    page.get_by_label("휴대전화 번호", exact=True).fill(phone)
    page.get_by_role("button", name="인증번호 받기").click()
    if script:
        assert violations(page) == [] and overflow(page) <= 0
    page.get_by_label("인증번호", exact=True).fill(page.locator("[data-demo-code]").inner_text())
    page.get_by_role("button", name="확인하기").click()
    expect(page).to_have_url(re.compile("/api/my"))
    if script:
        assert violations(page) == [] and overflow(page) <= 0
    page.get_by_role("link", name="내 삶이 글이 되는 에세이 글쓰기").click()

    page.get_by_text("이 신청을 취소하려고 합니다").click()
    page.get_by_label("알고 있으며, 취소합니다").check()
    page.get_by_role("button", name="신청 취소하기").click()
    expect(page.get_by_role("main")).to_contain_text("취소했습니다")
    if script:
        assert violations(page) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_mistakes_are_listed_linked_and_what_was_typed_stays(visits: Visits, script: bool) -> None:
    """The summary has the focus, each line leads to its field, and nothing typed is lost."""
    page = visits.open("/lectures/essay/", 375, script)
    page.get_by_label("이름", exact=True).fill("김광산")
    page.get_by_label("휴대전화 번호").fill("010-12")
    page.get_by_role("button", name="적은 내용 확인하기").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_visible()
    expect(page).to_have_title(re.compile("^오류:"))
    if script:
        expect(summary).to_be_focused()
        assert violations(page) == []
    expect(page.get_by_label("이름", exact=True)).to_have_value("김광산")
    expect(page.get_by_label("휴대전화 번호")).to_have_value("010-12")
    link = summary.get_by_role("link").first
    target = link.get_attribute("href")
    assert target
    link.click()
    field = page.locator(target)
    expect(field).to_have_attribute("aria-invalid", "true")
    if script:
        expect(field).to_be_focused()
    described = field.get_attribute("aria-describedby") or ""
    message = page.locator(f"#{described.split()[0]}")
    expect(message).to_be_visible()


def test_the_whole_form_by_keyboard(visits: Visits) -> None:
    """Skip link, fields, consent and both buttons are reached with Tab, Space and Enter alone."""
    page = visits.open("/lectures/essay/", 1280)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("href", "#main")
    reached: list[str] = []
    for _ in range(120):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        reached.append(name)
        visible = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' || s.borderStyle !== 'none'; })()"
        )
        assert visible, f"no visible focus on {name}"
        if name == "name":
            page.keyboard.type("홍길동")
        elif name == "phone":
            page.keyboard.type(a_phone())
        elif name == "consent":
            page.keyboard.press("Space")
        elif name == "적은 내용 확인하기":
            page.keyboard.press("Enter")
            break
    assert reached[-1] == "적은 내용 확인하기", reached
    page.get_by_role("button", name="인증번호 받기").focus()
    page.keyboard.press("Enter")
    page.get_by_label("인증번호", exact=True).focus()
    page.keyboard.type(page.locator("[data-demo-code]").inner_text())
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/api/receipts/"))


def test_a_draft_keeps_answers_but_never_who(visits: Visits) -> None:
    """sessionStorage holds the story someone began, not name or phone: PCs in libraries are shared."""
    page = visits.open("/lectures/essay/", 1280)
    fill(page, a_phone(), "비밀이름")
    page.locator("textarea").first.fill("어린 시절 이야기")
    page.locator("textarea").first.blur()
    page.wait_for_timeout(600)
    kept = page.evaluate("JSON.stringify({...sessionStorage}) + JSON.stringify({...localStorage})")
    assert "어린 시절 이야기" in kept
    assert "비밀이름" not in kept
    assert "010-7" not in kept


def test_places_left_are_live_and_say_when_they_were_true(visits: Visits) -> None:
    """The apply card shows what /api/status says, with its time."""
    page = visits.open("/lectures/essay/", 375)
    expect(page.get_by_role("complementary").or_(page.locator("aside")).first).to_contain_text("자리")
    expect(page.locator("main")).to_contain_text(re.compile("기준"))


def test_printing_a_receipt_leaves_out_menus(visits: Visits) -> None:
    """On paper there is the receipt, not the header's menu."""
    page = visits.open("/lectures/essay/", 1280)
    fill(page, a_phone())
    page.get_by_role("button", name="적은 내용 확인하기").click()
    send(page)
    page.wait_for_url(re.compile("/api/receipts/"))
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation").first).to_be_hidden()
    expect(page.get_by_text(NUMBER).first).to_be_visible()
