"""The opening: who filled the form before it presses once and is placed, with and without JavaScript."""

import re
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.test_signing_up import fill
from tests.browser.visit import Visits, send, violations
from tests.builders import a_phone
from tests.forms_api.server import Server

EARLY = "2023-08-16T08:59:36+09:00"  # the courses open at nine
AN_HOUR_OFF = "const real = Date.now; Date.now = () => real.call(Date) + 3_600_000 + (window.slept ?? 0);"
CHECK = "적은 내용 확인하기"


def early_page(visits: Visits, script: bool = True) -> Page:
    page = visits.open("/lectures/essay/", 375, script)
    fill(page, a_phone(), "김기다림")
    return page


def test_who_waits_is_placed_without_a_reload(
    browser: Browser, root: Path, site: Path, tmp_path: Path
) -> None:
    """A phone an hour off: the button opens at the server's second, keeps the focus, and nothing is asked or sent meanwhile.

    Without JavaScript a press before the opening loses nothing, and the same press after it signs up.
    """
    server = Server(root / "content", tmp_path / "data", now=EARLY, site=site, rate_limit="off").ready()
    visits = Visits(browser, server.base)
    try:
        plain = early_page(visits, script=False)
        plain.get_by_role("button", name=CHECK).click()
        expect(plain.get_by_role("alert").first).to_contain_text("아직 접수를 시작하지 않았습니다")
        expect(plain.get_by_label("이름", exact=True)).to_have_value("김기다림")

        page = visits.window(375)
        page.add_init_script(AN_HOUR_OFF)
        page.goto("/lectures/essay/", wait_until="networkidle")
        fill(page, a_phone(), "김기다림")
        button = page.get_by_role("button", name=CHECK)
        button.press("Enter")
        expect(page.locator("[data-clock-note]")).to_contain_text("버튼이 열립니다")
        assert violations(page) == []
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        expect(button).not_to_have_attribute("aria-disabled", "true", timeout=30_000)
        expect(button).to_be_focused()
        expect(page.locator(".apply-when:visible")).to_contain_text("까지 받습니다")
        expect(page.locator("[data-clock-note]")).to_contain_text("이제 누를 수 있습니다")
        time.sleep(0.5)
        assert (
            asked == []
        )  # so 5,000 waiting pages ask nothing together; the control: a page that slept asks once
        page.evaluate("window.slept = 172_800_000; document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(300)
        page.keyboard.press("Enter")
        send(page)
        expect(page).to_have_url(re.compile("/api/receipts/"))
        assert sum("/api/status" in each for each in asked) >= 1

        plain.get_by_role("button", name=CHECK).click()
        send(plain)
        expect(plain).to_have_url(re.compile("/api/receipts/"))

        page.go_back()  # to a page of ours, empty: computers are shared
        expect(page.get_by_role("heading", level=1)).to_contain_text("에세이")
        expect(page.get_by_label("이름", exact=True)).to_have_value("")
    finally:
        visits.close()
        server.stop()
    assert visits.trouble == []
