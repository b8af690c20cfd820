"""Every page that the API answers with, in each of its states: valid HTML, accessible, inside the window."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from civic import korean
from civic.places.phases import PHASES, VOTES
from tests.browser.conftest import built, validate
from tests.browser.test_signing_up import fill
from tests.browser.visit import PICTURES, WIDTHS, Visits, overflow, send, shot, violations
from tests.builders import NOW, a_lecture_file, a_phone, a_round, an_application, write_content, write_files
from tests.draw_samples import a_draw, publish_draw
from tests.forms_api.server import Server, prove

ESSAY = "/api/forms/lectures/essay"
NUMBER = re.compile(r"[3-9A-Z]{4}-[3-9A-Z]{4}")
TYPED = "검사하는 이름"


def a_form(phone: str, **changes: str) -> dict[str, str]:
    """The essay course's form as a browser posts it."""
    given = {"round": "autumn", "name": TYPED, "phone": phone, "consent": "on", "step": "send"}
    return {**given, "submission_id": str(uuid.uuid4()), **changes}


def answers(client: httpx.Client) -> dict[str, httpx.Response]:
    """Every kind of page of the API by the name of its state, each from a real post of a person of its own."""
    spec = client.get(ESSAY).json()
    this = next(iter(spec["rounds"]))
    phone = a_phone()
    prove(client, phone)
    sent = client.post(ESSAY, data=a_form(phone, round=this))
    receipt = client.get(sent.headers["location"], headers={"Accept": "text/html"})
    found = NUMBER.search(receipt.text)
    assert found
    proof = {"number": found[0], "phone_last4": phone[-4:]}
    own = {"receipt": sent.headers["location"]}
    allowance, office = (
        f"/api/forms/programs/{name}" for name in ("citizen-allowance", "subscription-office")
    )
    return {
        "check": client.post(ESSAY, data=a_form(a_phone(), round=this, step="check")),
        "code": client.post(ESSAY, data=a_form(a_phone(), round=this, step="code")),
        "code-wrong": client.post(ESSAY, data=a_form(a_phone(), round=this, code="12", request="x" * 22)),
        "unproven": client.post(ESSAY, data=a_form(a_phone(), round=this)),
        "proof": client.post("/api/contacts/code", data={"contact": a_phone()}),
        "no-contact": client.post("/api/contacts/code", data={"contact": "010"}),
        "mine": client.get("/api/my", headers={"Accept": "text/html"}),
        "edit": client.post(ESSAY, data=a_form(a_phone(), round=this, step="edit")),
        "errors": client.post(ESSAY, data={"step": "check", "name": "<b>&\"'"}),
        "errors-of-rounds": client.post(allowance, data={"step": "check", "answers.days": "없는 날"}),
        "receipt": receipt,
        "already": client.post(ESSAY, data=a_form(phone, round=this)),
        "no-round": client.post(ESSAY, data=a_form(a_phone(), round="none")),
        "not-open": client.post(office, data=a_form(a_phone(), round="interest")),
        "too-large": client.post(ESSAY, data={"name": "x" * 70_000}),
        "elsewhere": client.post(ESSAY, data={"step": "send"}, headers={"Origin": "https://a.example"}),
        "lookup-empty": client.post("/api/entries/lookup", data={"number": ""}),
        "lookup-wrong": client.post("/api/entries/lookup", data={**proof, "number": "ZZZZ-ZZZZ"}),
        "entry": client.post("/api/entries/lookup", data=proof),
        "acted": client.post(f"/api/entries/{found[0]}/cancel", data=own, follow_redirects=True),
        "entry-of-cancelled": client.post("/api/entries/lookup", data=proof),
        "no-receipt": client.get("/api/receipts/forged", headers={"Accept": "text/html"}),
        "no-address": client.get("/api/none", headers={"Accept": "text/html"}),
    }


def test_every_page_of_the_api_is_valid_html(
    product: Server, visits: Visits, root: Path, tmp_path: Path
) -> None:
    """html-validate finds nothing in any state; only the form itself repeats what was typed."""
    with product.client() as client:
        pages = answers(client)
    for name, answer in pages.items():
        assert answer.headers["content-type"] == "text/html; charset=utf-8", name
        assert answer.status_code < 500, name
        assert answer.text.count("<h1") == 1, name
        assert (TYPED in answer.text) == (
            name in ("check", "code", "code-wrong", "unproven", "edit", "no-round", "already", "not-open")
        ), name
        (tmp_path / f"{name}.html").write_text(answer.text, encoding="utf-8")
    assert len({answer.text for answer in pages.values()}) == len(pages)  # no two states are one and the same
    validate(root, f"{tmp_path}/*.html")
    page = visits.window(375)
    for name, answer in pages.items() if PICTURES else ():
        shown = {"body": answer.text, "content_type": "text/html; charset=utf-8"}
        page.route("**/api/state", lambda route, _, shown=shown: route.fulfill(**shown))
        page.goto("/api/state", wait_until="networkidle")
        shot(page, f"api-{name}")
        page.unroute("**/api/state")


# Form, then what it is for -> keys of [form] and the day of the only meeting, seen on 16 August; "full" has one place.
SOON, NOW_OPEN = (
    ("2023-08-20T09:00:00", "2023-09-01T00:00:00"),
    ("2023-08-10T09:00:00", "2023-09-01T00:00:00"),
)
SHUT = ("2023-08-01T09:00:00", "2023-08-05T00:00:00")
DRAWN = {"selection": "draw", "seed": "로또 1081회", "seed_at": "2023-08-19T20:35:00"}
IN_PHASE: dict[tuple[str, str], tuple[tuple[str, str], dict[str, str]]] = {
    ("upcoming", "ahead"): (SOON, {}),
    ("open", "ahead"): (NOW_OPEN, {}),
    ("open", "running"): (NOW_OPEN, {}),
    ("full", "ahead"): (NOW_OPEN, {}),
    ("closed", "ahead"): (SHUT, {}),
    ("closed", "running"): (SHUT, {}),
    ("closed", "over"): (SHUT, {}),
    ("drawing", "ahead"): (SHUT, DRAWN),
    ("decided", "ahead"): (SHUT, DRAWN),
}
MEETING = "[[sessions]]\nstarts = 2023-{day}T10:00:00\nends = 2023-{day}T12:00:00\ntopic = '모임'\n"
DAYS = {"ahead": ("09-07",), "running": ("08-10", "09-07"), "over": ("08-10",)}
KINDS = ("lectures", "events", "programs")


def a_page_in(form: str, happens: str) -> str:
    (opens, closes), more = IN_PHASE[form, happens]
    days = [MEETING.format(day=day) for day in DAYS[happens]]
    text = a_lecture_file(
        f"{form} {happens}", [a_round(places=1)], sessions="".join(days), opens=opens, closes=closes, **more
    )
    return re.sub(r'(seed_at = )"(.*)"', r"\1\2", text)


@pytest.fixture
def town(root: Path, tmp_path: Path) -> Iterator[Server]:
    """A site with a page of each kind in each phase; postponed and cancelled ones; a vote of each phase."""
    pages = {
        f"{kind}/{form}-{happens}.md": a_page_in(form, happens)
        for kind in KINDS
        for form, happens in IN_PHASE
    }
    vote = (
        (root / "content/votes/festival-date.md")
        .read_text("utf-8")
        .replace('sample = true\ncategory = "culture"\n', "")
    )
    for name, (opens, closes) in (("upcoming", SOON), ("open", NOW_OPEN), ("closed", SHUT)):
        text = re.sub(r"(?m)^opens = .*$", f"opens = {opens}", vote)
        pages[f"votes/{name}.md"] = re.sub(r"(?m)^closes = .*$", f"closes = {closes}", text)
    for kind in KINDS:
        for status in ("postponed", "cancelled"):
            told = {"status": status, "status_reason": "태풍이 옵니다."}
            meets = MEETING.format(day="09-07")
            pages[f"{kind}/{status}.md"] = a_lecture_file(status, page=told, sessions=meets)
    content = write_files(write_content(tmp_path / "content", {}), pages)
    for kind in KINDS:
        publish_draw(content, a_draw(f"{kind}/decided-ahead", "추첨"))
    site = built(root, content, tmp_path / "site", NOW)
    own = {"rate_limit": "off", "results": str(tmp_path / "results")}
    running = Server(content, tmp_path / "var/data", site=site, **own).ready()
    with running.client() as client:
        for kind in KINDS:
            sent = client.post(f"/api/forms/{kind}/full-ahead", json=an_application())
            assert sent.status_code == 201, sent.text
    yield running
    assert running.stop() == 0, "".join(running.lines)


def test_each_kind_of_page_in_each_phase(browser: Browser, town: Server) -> None:
    """Its badge, its sentence, and nothing that asks for what cannot be done; it fits a phone and a desk."""
    visits = Visits(browser, town.base)
    page = visits.window(375)
    asked = {f"{form}-{happens}": PHASES[form, happens] for form, happens in IN_PHASE}
    asked |= {status: (korean.OFF[status], "태풍이 옵니다.") for status in korean.OFF}
    places = {f"{kind}/{name}": said for kind in KINDS for name, said in asked.items()}
    places |= {f"votes/{name}": VOTES[name] for name in ("upcoming", "open", "closed")}
    for place, (badge, said) in places.items():
        page.set_viewport_size({"width": 375, "height": 900})
        page.goto(f"/{place}/", wait_until="networkidle")
        main = page.get_by_role("main")
        expect(main).to_contain_text(badge)
        for part in re.split(r"\{\w+\}", said):
            expect(main).to_contain_text(part.strip())
        if not place.rpartition("/")[2].startswith(("open", "full", "upcoming")):
            assert page.locator("form[data-form]").count() == 0, place
        assert overflow(page) <= 0, place
        if place.startswith(("lectures", "votes")):
            assert violations(page) == [], place
        shot(page, place.replace("/", "-"))
    visits.close()
    assert visits.trouble == []


def fits(page: Page) -> None:
    assert violations(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize("mode", ["light", "high-contrast"])
@pytest.mark.parametrize("width", WIDTHS)
def test_each_state_is_accessible(visits: Visits, width: int, mode: str) -> None:
    """axe finds nothing in the open menu, the errors, the check, the receipt, the look-up, the refusals."""
    phone = a_phone()
    page = visits.open("/my/", width)
    page.evaluate(f"localStorage.setItem('madang-mode', '{mode}')")
    if width < 1024:
        page.get_by_role("link", name="전체메뉴").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        fits(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    else:
        page.get_by_text("화면 모드").first.click()
        fits(page)
    page.reload(wait_until="networkidle")
    page.get_by_role("button", name="확인하기").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    fits(page)

    page.goto("/programs/citizen-allowance/", wait_until="networkidle")
    page.get_by_role("button", name="적은 내용 확인하기").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.get_by_text("접수가 끝난 곳").click()
    fits(page)

    page.goto("/lectures/essay/", wait_until="networkidle")
    fill(page, phone, TYPED)
    page.get_by_role("button", name="적은 내용 확인하기").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("적은 내용을 확인하세요")
    fits(page)
    page.get_by_role("button", name="인증번호 받기").click()
    expect(page.locator("[data-demo-code]")).to_be_visible()
    fits(page)
    page.get_by_label("인증번호", exact=True).fill(page.locator("[data-demo-code]").inner_text())
    page.get_by_role("button", name="신청하기").click()
    page.wait_for_url("**/api/receipts/**")
    fits(page)

    page.goto("/lectures/essay/", wait_until="networkidle")
    fill(page, phone, TYPED)
    page.get_by_role("button", name="적은 내용 확인하기").click()
    send(page)
    expect(page.get_by_role("alert").first).to_contain_text("이미 신청하셨습니다.")
    expect(page.get_by_label("이름", exact=True)).to_have_value(TYPED)
    fits(page)


@pytest.mark.parametrize("size", ["large", "xxlarge"])
@pytest.mark.parametrize("path", ["/", "/lectures/contract/", "/programs/citizen-allowance/", "/privacy/"])
def test_the_largest_text_fits_a_phone(visits: Visits, path: str, size: str) -> None:
    """Nobody scrolls sideways, and no word of a table stands with one syllable per line."""
    page = visits.open("/my/", 375)
    page.evaluate(f"localStorage.setItem('madang-size', '{size}')")
    page.goto(path, wait_until="networkidle")
    fits(page)
    narrowest = page.evaluate(
        "Math.min(1000, ...[...document.querySelectorAll('main td')].map((cell) =>"
        " cell.getBoundingClientRect().width / parseFloat(getComputedStyle(cell).fontSize)))"
    )
    assert narrowest > 3.5


@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("path", ["/", "/lectures/", "/lectures/essay/"])
def test_the_largest_text_is_nowhere_cut(visits: Visits, path: str, width: int) -> None:
    """Long names stay inside their cards, which are wide enough for words; a usual phone shows all of a course's table."""
    page = visits.open("/my/", width)
    page.evaluate("localStorage.setItem('madang-size', 'xxlarge')")
    page.goto(path, wait_until="networkidle")
    assert overflow(page) <= 0
    outside = page.evaluate(
        "[...document.querySelectorAll('.card')].flatMap((card) => [...card.querySelectorAll('dd')]"
        ".filter((dd) => { const text = document.createRange(); text.selectNodeContents(dd);"
        " return text.getBoundingClientRect().right > card.getBoundingClientRect().right; })"
        ".map((dd) => dd.textContent))"
    )
    assert outside == []
    narrowest = page.evaluate(  # in rem
        "Math.min(...[...document.querySelectorAll('.card')].map((card) => card.getBoundingClientRect().width))"
        " / parseFloat(getComputedStyle(document.documentElement).fontSize)"
    )
    assert narrowest > (23 if width > 400 else 16)
    if width > 320:
        assert page.evaluate(
            "[...document.querySelectorAll('.krds-table-wrap')].every((box) => box.scrollWidth <= box.clientWidth)"
        )


@pytest.mark.parametrize(
    "path", ["/", "/lectures/", "/lectures/essay/", "/votes/budget-2024/", "/privacy/", "/my/"]
)
def test_a_window_of_320_pixels(visits: Visits, path: str) -> None:
    """As at 400 % zoom on a desk: everything is there without scrolling sideways (WCAG 1.4.10), in any text size."""
    page = visits.open(path, 320)
    assert overflow(page) <= 0
    page.evaluate("localStorage.setItem('madang-size', 'xxlarge')")
    page.reload(wait_until="networkidle")
    assert overflow(page) <= 0


def test_two_presses_are_one_entry(visits: Visits) -> None:
    """A double click on both buttons: one receipt, and loading it again shows the same."""
    phone = a_phone()
    page = visits.open("/lectures/essay/", 375)
    fill(page, phone, TYPED)
    page.get_by_role("button", name="적은 내용 확인하기").dblclick()
    page.get_by_role("button", name="인증번호 받기").dblclick()
    page.get_by_label("인증번호", exact=True).fill(page.locator("[data-demo-code]").inner_text())
    page.get_by_role("button", name="신청하기").dblclick()
    page.wait_for_url("**/api/receipts/**")
    number = page.locator("[data-number]").inner_text()
    page.reload()
    expect(page.locator("[data-number]")).to_have_text(number)
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft')).length") == 0


@pytest.mark.parametrize("typed", ["(010) {}-{}", "０１０－{}－{}", "+82 10 {} {}", "010ㅡ{}ㅡ{}"])
def test_the_script_takes_every_spelling_that_the_server_takes(visits: Visits, typed: str) -> None:
    """Brackets, full width, country code, the letter beside the hyphen: none is stopped before it is sent."""
    _, middle, end = a_phone().split("-")
    page = visits.open("/lectures/essay/", 375)
    fill(page, typed.format(middle, end), TYPED)
    page.get_by_role("button", name="적은 내용 확인하기").click()
    expect(page.get_by_role("main")).to_contain_text(f"010-{middle}-{end}")


def test_a_page_without_a_form_shows_no_empty_box(visits: Visits) -> None:
    """Without a script there is nothing to print or share: the frame around it is gone too."""
    page = visits.open("/programs/insurance-fraud/", 375, script=False)
    boxes = page.locator("aside .panel").all()
    assert all(not box.is_visible() or box.inner_text().strip() for box in boxes)


def test_paper_has_no_form_and_no_empty_frames(visits: Visits) -> None:
    """On paper: the facts and the deadline; no form, no count that was true a moment ago, no empty frame."""
    page = visits.open("/lectures/essay/")
    page.emulate_media(media="print")
    for gone in ("#apply", "[data-places]", "[data-time-left]", ".tools"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator(".deadline").first).to_be_visible()
    page.goto("/programs/insurance-fraud/")
    expect(page.locator("aside .panel").first).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/", "/my/", "/lectures/our-child/", "/votes/budget-2024/"])
def test_every_icon_has_its_shape(visits: Visits, path: str, width: int) -> None:
    """An icon is a mask over the text's colour: one that no rule shapes is a solid square, as the menu's cross was."""
    page = visits.open(path, width)
    if width < 1024:
        page.get_by_role("link", name="전체메뉴").click()
    shapeless = page.evaluate(
        "[...document.querySelectorAll('.svg-icon')].filter((icon) => icon.checkVisibility()).filter((icon) => {"
        " const style = getComputedStyle(icon);"
        " return style.maskImage === 'none' && style.backgroundImage === 'none';"
        "}).map((icon) => icon.className)"
    )
    assert shapeless == []
    shown = page.locator(".menu-dialog .ico-close" if width < 1024 else ".ico-my").first
    assert shown.is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_errors_have_the_focus_without_a_script(visits: Visits, width: int) -> None:
    """Form, look-up and vote: who sends something wrong lands on what must be corrected, not at the top."""
    page = visits.open("/lectures/our-child/", width, script=False)
    page.get_by_role("button", name="적은 내용 확인하기").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.goto("/my/")
    page.get_by_role("button", name="확인하기").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()


@pytest.mark.parametrize("path", ["/lectures/our-child/", "/programs/citizen-allowance/"])
def test_a_step_of_the_trail_stays_with_its_sign(visits: Visits, path: str) -> None:
    """On a phone a long title goes on in the line of its sign: no sign hangs alone at the end of a line."""
    page = visits.open(path, 375)
    tops = page.evaluate(
        """[...document.querySelectorAll('.trail li')].map((step) => {
          const range = document.createRange();
          range.selectNodeContents(step.querySelector('a, span'));
          return [step.getClientRects()[0].top, range.getClientRects()[0].top];
        })"""
    )
    assert len(tops) == 3
    assert all(abs(sign - word) < 10 for sign, word in tops)


@pytest.mark.parametrize("mode", ["light", "high-contrast"])
def test_paper_says_the_main_things_first(visits: Visits, mode: str) -> None:
    """Deadline and contact before the text, the address on top; no other courses, no bar of ink, no light letters."""
    page = visits.open("/lectures/our-child/")
    page.evaluate(f"document.documentElement.dataset.krdsMode = '{mode}'")
    page.emulate_media(media="print")
    tops = [
        page.locator(place).first.evaluate("(place) => place.getBoundingClientRect().top")
        for place in (".paper-address", "h1", ".apply-when", ".contact", "#glance", "#sessions")
    ]
    assert tops[2] == pytest.approx(tops[3], abs=30)  # beside each other
    assert sorted(tops[:3]) == tops[:3] and sorted(tops[3:]) == tops[3:]
    expect(page.locator(".paper-address")).to_contain_text("/lectures/our-child/")
    expect(page.locator("#siblings")).to_be_hidden()
    dark = page.evaluate(
        "[...document.querySelectorAll('h1, h2, dt, dd, td, th, .krds-badge, .demo-banner')]"
        ".filter((one) => one.checkVisibility()).map((one) => [getComputedStyle(one), one.className || one.tagName])"
        ".filter(([style]) => style.color.match(/[0-9]+/g).slice(0, 3).some((part) => part > 200)"
        " || !['rgba(0, 0, 0, 0)', 'rgb(255, 255, 255)'].includes(style.backgroundColor)).map(([, name]) => name)"
    )
    assert dark == []


def test_a_notice_on_paper_names_its_facilities(visits: Visits) -> None:
    """Where one can apply is printed, the fields and buttons of the form are not."""
    page = visits.open("/programs/citizen-allowance/")
    page.emulate_media(media="print")
    expect(page.get_by_text("새참복지관: 마을 밥상 차리기 (20시간)")).to_be_visible()
    for gone in ("#f-name", "#f-round", "[data-round]", ".form-actions"):
        expect(page.locator(gone).first).to_be_hidden()


def test_every_page_says_whom_to_ask(visits: Visits) -> None:
    """A page of no office names the general contact."""
    for path, office in (("/lectures/report/", "광주광역시 광산구"), ("/lectures/essay/", "062-960-8548")):
        expect(visits.open(path).locator(".contact")).to_contain_text(office)
