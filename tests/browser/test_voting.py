"""The demonstration's vote as a citizen meets it: with a script that seals, and without any."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import built
from tests.browser.visit import WIDTHS, Visits, overflow, violations
from tests.builders import NOW, a_phone
from tests.forms_api.server import Server
from tests.patience import eventually

PATH = "/votes/budget-2024/"
GENERAL, FIXED = (f'[data-type="{kind}"] input[name="choices"]' for kind in ("general", "fixed"))


def on_one_line(page: Page) -> bool:
    """Are both numbers, which people copy by hand, whole on their lines?"""
    return bool(
        page.locator(".receipt-number").evaluate_all(
            "all => all.filter(one => one.offsetParent)"
            ".every(one => one.offsetHeight < 1.5 * parseFloat(getComputedStyle(one).lineHeight))"
        )
    )


def cast(page: Page, product: Server, contact: str) -> None:
    """From the ticked ballot to the receipt."""
    page.get_by_role("button", name="고른 것 확인하고 투표하기").last.click()
    page.get_by_label("휴대전화 번호").fill(contact)
    page.get_by_role("button", name="동의하고 인증번호 받기").click()
    shown = page.locator("[data-demo-code]")
    expect(shown).to_have_text(re.compile(r"^\d{6}$"))
    page.get_by_label("인증번호", exact=True).fill(shown.inner_text())
    page.get_by_role("button", name="투표하기", exact=True).click()
    expect(page.get_by_role("heading", name="투표를 마쳤습니다")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_ballot_is_sealed_before_it_leaves(visits: Visits, product: Server, width: int) -> None:
    """Every post is looked at: no slug, title or tracker of a pick is in any; receipt and tracker are shown."""
    page = visits.open(PATH, width)
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )
    page.locator(GENERAL).nth(0).check()
    page.locator(GENERAL).nth(3).check()
    page.locator(FIXED).nth(1).check()
    picks = page.locator('input[name="choices"]:checked').evaluate_all("all => all.map(one => one.value)")
    cast(page, product, a_phone())
    receipt, tracker = (page.locator(f"[data-{name}]").inner_text() for name in ("receipt", "tracker"))
    posts = [json.loads(body) for body in sent]
    assert [sorted(post) for post in posts] == [["contact"], ["code", "contact", "envelope", "request"]]
    assert len(picks) == 3 and re.fullmatch(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", receipt)
    for secret in (*picks, tracker):
        assert all(secret not in body for body in sent)
    assert violations(page) == [] and overflow(page) == 0 and on_one_line(page)
    assert page.evaluate("JSON.stringify(sessionStorage)").count("choices") == 0


def test_at_the_limit_the_tick_is_undone_and_the_reason_said(visits: Visits) -> None:
    """The third of two is taken back; the counter speaks; the sum and the list follow."""
    page = visits.open(PATH)
    for place in range(2):
        page.locator(GENERAL).nth(place).check()
    page.locator(GENERAL).nth(2).click()
    expect(page.locator(GENERAL).nth(2)).not_to_be_checked()
    expect(page.get_by_role("alert").filter(has_text="일반참여형은 2개까지")).to_be_visible()
    counts = page.locator("[data-counts]")
    assert counts.get_attribute("role") == "status"
    expect(counts).to_contain_text("일반참여형 2/2")
    expect(page.locator("[data-picked] li")).to_have_count(2)
    costs = page.locator('li:has(input[name="choices"]:checked)').evaluate_all(
        "all => all.reduce((sum, one) => sum + Number(one.dataset.cost), 0)"
    )
    assert page.locator("[data-bar]").evaluate("bar => bar.value") == costs > 0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_reason_goes_when_it_no_longer_holds(visits: Visits, width: int) -> None:
    """It lay over the consent and the signature for six seconds: gone with the next good tick and the next step."""
    page = visits.open(PATH, width)
    toast = page.get_by_role("alert").filter(has_text="2개까지")
    for place in range(2):
        page.locator(GENERAL).nth(place).check()
    page.locator(GENERAL).nth(2).click()
    expect(toast).to_be_visible()
    page.locator(FIXED).nth(0).check()
    expect(toast).to_be_hidden(timeout=1000)
    page.locator(GENERAL).nth(2).click()
    expect(toast).to_be_visible()
    page.get_by_role("button", name="고른 것 확인하고 투표하기").click()
    expect(toast).to_be_hidden(timeout=1000)


def test_search_and_reload_never_lose_a_pick(visits: Visits) -> None:
    """Filtered away, reloaded, searched for something else: the pick stays ticked and in sight."""
    page = visits.open(PATH)
    first = page.locator(GENERAL).nth(0)
    first.check()
    value = first.get_attribute("value")
    page.get_by_label("제안 찾기", exact=True).fill("이런 제안은 없습니다")
    expect(page.locator("[data-found]")).to_contain_text("0개")
    expect(page.locator("[data-proposal]:visible")).to_have_count(1)
    page.get_by_label("제안 찾기", exact=True).press("Enter")
    page.reload()
    expect(page.locator(f'input[value="{value}"]')).to_be_checked()
    page.get_by_label("지역", exact=True).select_option(index=1)
    expect(page.locator(f'input[value="{value}"]')).to_be_visible()


def test_each_visitor_has_an_order_of_their_own(visits: Visits) -> None:
    """The same again after a reload; another visitor another one; and over many no place is favoured."""

    def order(page: Page) -> Any:
        return page.locator(GENERAL).evaluate_all("all => all.map(one => one.value)")

    page, other = visits.open(PATH), visits.open(PATH)
    mine = order(page)
    page.reload()
    assert order(page) == mine != order(other)
    assert sorted(order(other)) == sorted(mine)
    script = page.locator('script[src*="/vote."]').get_attribute("src")
    counts = page.evaluate(
        "async (src) => { const { shuffled } = await import(src); const first = [0, 0, 0, 0, 0];"
        " for (let seed = 0; seed < 5000; seed += 1) first[shuffled([0, 1, 2, 3, 4], seed * 7919)[0]] += 1;"
        " return first; }",
        script,
    )
    # 1,000 each are expected, with a standard deviation of 28: five of them on either side.
    assert all(860 < count < 1140 for count in counts), counts


@pytest.mark.parametrize("width", WIDTHS)
def test_the_whole_way_works_without_a_script(visits: Visits, product: Server, width: int) -> None:
    """Too many picks come back ticked with the reason; then check, code, receipt. The button is after the last proposal."""
    page = visits.open(PATH, width, script=False)
    places = [
        page.locator(each).last.bounding_box()
        for each in ("li.proposal", "button:has-text('고른 것 확인하고 투표하기')")
    ]
    assert places[0] and places[1] and places[1]["y"] > places[0]["y"]
    for place in range(3):
        page.locator(GENERAL).nth(place).check()
    page.get_by_role("button", name="고른 것 확인하고 투표하기").last.click()
    assert page.title().startswith("오류:")
    expect(page.locator("#f-choices")).to_contain_text("일반참여형은 2개까지 고를 수 있습니다")
    expect(page.locator('input[name="choices"]:checked')).to_have_count(3)
    page.locator('input[name="choices"]:checked').nth(0).uncheck()
    cast(page, product, a_phone())
    expect(page.locator(".receipt-number")).to_have_count(2)
    expect(page.locator(".receipt-keep")).to_contain_text("Ctrl+P")
    assert overflow(page) == 0 and on_one_line(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_wrong_code_keeps_everything(visits: Visits, width: int) -> None:
    """The message stands beside the field, the picks are still there, and going back shows them ticked."""
    page = visits.open(PATH, width)
    page.locator(FIXED).nth(0).check()
    page.get_by_role("button", name="고른 것 확인하고 투표하기").last.click()
    page.get_by_label("휴대전화 번호").fill("02-123-4567")
    page.get_by_role("button", name="동의하고 인증번호 받기").click()
    expect(page.locator("[data-contact-form] .form-hint-invalid")).to_be_visible()
    assert violations(page) == [] and overflow(page) == 0
    page.get_by_label("휴대전화 번호").fill(a_phone())
    page.get_by_role("button", name="동의하고 인증번호 받기").click()
    page.get_by_label("인증번호", exact=True).fill("000000")
    page.get_by_role("button", name="투표하기", exact=True).click()
    expect(page.locator("[data-code-form] .form-hint-invalid")).to_contain_text("인증번호가 맞지 않습니다")
    assert violations(page) == [] and overflow(page) == 0
    page.get_by_role("button", name="인증번호 다시 받기").click()
    page.get_by_role("button", name="고치기").click()
    expect(page.locator(FIXED).nth(0)).to_be_checked()


@pytest.mark.parametrize("script", [True, False])
def test_a_light_poll_says_who_can_see(visits: Visits, product: Server, script: bool) -> None:
    """Options without money; one sentence says what it means that the server counts; a receipt either way."""
    page = visits.open("/votes/festival-date/", 375, script=script)
    assert "관리자는 누가 무엇을 골랐는지 볼 수 있습니다" in page.inner_text("main")
    assert not {word for word in ("나누는 예산", "예산 합계", "0원") if word in page.inner_text("main")}
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )
    boxes = page.locator('input[name="choices"]')
    for place in range(2):
        boxes.nth(place).check()
    if script:
        assert violations(page) == [] and overflow(page) == 0
    cast(page, product, a_phone())
    numbers = page.locator(".receipt-number").filter(has_text=re.compile(r"\w{4}-"))
    assert numbers.locator("visible=true").count() == 2
    if script:
        bodies = [json.loads(body) for body in sent]
        assert [sorted(body) for body in bodies] == [
            ["contact"],
            ["choices", "code", "contact", "request", "submission"],
        ]


LIGHT = """+++
title = "반상회 간식"
opens = 2023-08-16T08:00:00
closes = 2023-08-16T12:00:00
electorate = "주민 누구나"

[[options]]
text = "떡"

[[options]]
text = "과일"
+++
"""


def test_a_light_poll_from_its_file_to_its_result(
    browser: Browser, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve lines of a clerk; two phones vote; it closes and is counted by itself; the next build shows the count."""
    content = Path(shutil.copytree(root / "tests/samples/small", tmp_path / "content"))
    (content / "votes/snack.md").write_text(LIGHT, "utf-8")
    site, results = tmp_path / "www/site", tmp_path / "results"
    monkeypatch.setenv("MADANG_RESULTS", str(results))
    given: dict[str, Any] = {"site": site, "rate_limit": "off", "results": str(results)}
    after = "2023-08-16T12:00:01+09:00"
    built(root, content, site, NOW)
    server = Server(content, tmp_path / "var/data", **given).ready()
    visits = Visits(browser, server.base)
    for _ in range(2):
        page = visits.open("/votes/snack/", 375)
        page.get_by_label("이것 고르기: 과일").check()
        cast(page, server, a_phone())
    visits.close()
    assert server.stop() == 0 and not (results / "snack.json").exists()
    server = Server(content, tmp_path / "var/data", now=after, **given).ready()
    eventually((results / "snack.json").exists)
    built(root, content, site, after)
    visits, trouble = Visits(browser, server.base), visits.trouble
    page = visits.open("/votes/snack/")
    page.get_by_role("link", name="투표 결과 보기").click()
    expect(page.get_by_role("row", name="과일")).to_contain_text("2")
    expect(page.locator("main")).to_contain_text("서버가 센 결과입니다")
    assert violations(page) == [] and overflow(page) == 0
    visits.close()
    assert server.stop() == 0 and [*trouble, *visits.trouble] == []


PROVE = """async (contact) => {
  const post = (path, body) => fetch(`/api/contacts/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const { code, request } = await (await post("code", { contact })).json();
  return (await post("ticket", { contact, code, request })).status;
}"""


def test_a_phone_just_proven_needs_no_second_code(visits: Visits) -> None:
    """For a light poll and for money, in one browser: from the check straight to the receipt, and only sealed."""
    page = visits.open("/votes/festival-date/", 375)
    assert page.evaluate(PROVE, a_phone()) == 201
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )
    for path in ("/votes/festival-date/", PATH):
        page.goto(path, wait_until="networkidle")
        page.locator('input[name="choices"]').nth(0).check()
        page.get_by_role("button", name="고른 것 확인하고 투표하기").last.click()
        expect(page.get_by_label("휴대전화 번호")).to_be_hidden()
        assert violations(page) == [] and overflow(page) == 0
        page.get_by_role("button", name="투표하기", exact=True).click()
        expect(page.get_by_role("heading", name="투표를 마쳤습니다")).to_be_visible()
    assert [sorted(json.loads(body)) for body in sent] == [["choices", "submission"], ["envelope"]]


@pytest.mark.parametrize(("width", "height"), [(375, 812), (640, 320), (320, 568)])
def test_the_bar_leaves_room_to_read(visits: Visits, width: int, height: int) -> None:
    """At most a fifth of the height in either orientation and any text size, its button whole; what is not voted on is folded."""
    page = visits.open("/my/", width)
    page.set_viewport_size({"width": width, "height": height})
    for size in ("medium", "xxlarge"):
        page.evaluate(f"localStorage.setItem('madang-size', '{size}')")
        page.goto("/votes/budget-2024/", wait_until="networkidle")
        bar, button = (page.locator(each).bounding_box() for each in (".my-vote", ".my-vote .krds-btn"))
        assert bar and button
        assert bar["height"] <= height / 5
        assert button["height"] >= 24 and button["y"] + button["height"] <= height
    expect(page.get_by_text("순서는 사람마다 다르게")).to_be_attached()
    expect(page.locator(".ballot-group:not([data-type]) details[open]")).to_have_count(0)
