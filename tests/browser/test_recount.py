"""A published result in a real browser: read, counted again, tampered with, and searched by a voter."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from civic.votes.ballot import Spoiled
from tests.browser.conftest import built, validate
from tests.browser.visit import WIDTHS, Visits, overflow, violations
from tests.forms_api.server import Server
from tests.result_samples import PUBLISHED, a_counted_poll, fixed_receipts, publish, some_ballots, write_site

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """content/ and www/site: the small site with a counted vote of 24 ballots and a void one, built."""
    folder = tmp_path_factory.mktemp("counted")
    content = Path(shutil.copytree(root / "tests/samples/small", folder / "content"))
    shutil.rmtree(content / "votes")
    shutil.rmtree(content / "proposals")
    site_toml = (content / "site.toml").read_text("utf-8")
    poll, proposals = a_counted_poll()
    write_site(content, poll, list(proposals.values()))
    (content / "site.toml").write_text(site_toml, "utf-8")
    void = [Spoiled(fixed_receipts()[3], "type-limit")]
    publish(content, poll, proposals, some_ballots(), void=void)
    built(root, content, folder / "www/site", PUBLISHED.isoformat())
    return folder


@pytest.fixture(scope="module")
def counted(folder: Path) -> Iterator[Server]:
    """That site and the API on one port."""
    data, site = folder / "var/data", folder / "www/site"
    running = Server(folder / "content", data, site=site, rate_limit="off").ready()
    yield running
    assert running.stop() == 0, "".join(running.lines)


@pytest.fixture
def there(browser: Browser, counted: Server) -> Iterator[Visits]:
    """Visits on the counted site; nothing may fail in the console or leave for a third party."""
    opened = Visits(browser, counted.base)
    yield opened
    opened.close()
    assert opened.trouble == []


def recounted(page: Page) -> str:
    """What the page says after counting again."""
    page.get_by_role("button", name="다시 세기").click()
    answer = page.locator("[data-recount-answer]")
    expect(answer).to_contain_text("다시 세었", timeout=20_000)
    return answer.inner_text()


def tamper(page: Page, name: str, change: Change) -> None:
    """The file comes changed, as from a server that lies."""

    def answer(route: Route) -> None:
        document = route.fetch().json()
        change(document)
        route.fulfill(
            body=json.dumps(document, ensure_ascii=False, indent=2) + "\n", content_type="application/json"
        )

    page.route(f"**/{name}", answer)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/results/budget/", "/results/budget/board/", "/votes/budget/"])
def test_pages_are_accessible(there: Visits, path: str, width: int) -> None:
    """No finding of axe, no sideways scrolling, on a phone and on a desk."""
    page = there.open(path, width)
    assert violations(page) == []
    assert overflow(page) == 0


def test_on_a_phone_the_outcome_stands_under_the_title(there: Visits) -> None:
    """The last of five columns was cut off without a hint: every outcome is within 375 pixels, below its title."""
    page = there.open("/results/budget/", 375)
    for row in page.locator(".result-table tbody tr").all():
        title, outcome = row.locator("th").bounding_box(), row.locator(".krds-badge").bounding_box()
        assert title and outcome
        assert outcome["y"] >= title["y"] + title["height"] - 1
        assert outcome["x"] + outcome["width"] <= 375 and title["width"] > 250
    assert page.locator(".krds-table-wrap").evaluate_all(
        "all => all.every(one => one.scrollWidth <= one.clientWidth)"
    )


def test_the_browser_agrees_with_the_published_result(there: Visits) -> None:
    """The button counts everything again and says so to everybody, screen readers included."""
    page = there.open("/results/budget/")
    assert recounted(page) == ("맞습니다. 표 24장을 다시 세었고, 선정 3건과 모든 숫자가 공표와 같습니다.")
    assert page.locator("[data-recount-answer]").get_attribute("role") == "status"
    assert page.locator("[data-recount-differences] li").count() == 0
    assert violations(page) == []  # with the answer on it, and the button under the pointer


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("ballots.json", lambda d: d["ballots"][0].update(choices=["bench"]), "<가로등> 바꾸기(lamp) votes: 적힌 것 14, 다시 센 것 13"),
        ("ballots.json", lambda d: d["ballots"].pop(), "유효한 표: 적힌 것 24, 다시 센 것 23"),
        ("results.json", lambda d: d["winners"].append("bench"), "선정: 적힌 것"),
        ("results.json", lambda d: d["declared"]["rules"].update(threshold=10), "규칙 확인 값"),
        ("board.json", lambda d: d["receipts"].pop(), "접수증: 적힌 것 24, 다시 센 것 25"),
        ("signatures.json", lambda d: d["result"].pop("열쇠 2"), "서명이 2개 있어야 하는데 1개입니다"),
    ],
)  # fmt: skip
def test_the_browser_names_what_was_tampered_with(
    there: Visits, name: str, change: Change, said: str
) -> None:
    """Each change of a published file is named, as text and never as markup."""
    page = there.open("/results/budget/")
    tamper(page, name, change)
    assert recounted(page).startswith("다릅니다.")
    assert said in page.locator("[data-recount-differences]").inner_text()


def test_without_javascript_the_page_says_how(there: Visits) -> None:
    """No button that does nothing; the command and the files instead."""
    page = there.open("/results/budget/", script=False)
    assert page.get_by_role("button", name="다시 세기").count() == 0
    assert "python3 verify.py --rules 접수증의-규칙-확인-값" in page.inner_text("main")
    for name in ("verify.py", "ballots.json", "results.json", "board.json", "signatures.json", "election.pb"):
        assert there.browser and page.request.get(f"/results/budget/{name}").ok


def test_a_voter_finds_receipt_and_tracker(there: Visits) -> None:
    """Typed in small letters and without hyphens: found all the same; nothing leaves the page but the lists."""
    page = there.open("/results/budget/board/")
    receipts = json.loads(page.request.get("/results/budget/board.json").text())["receipts"]
    answer = page.locator("[data-answer]")
    field = page.get_by_label("접수증 번호나 표 번호")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for typed, said in (
        (receipts[0].lower().replace("-", ""), "명단에 있습니다"),
        ("aaaa aaaa aaaa 0000", "경사로"),
        ("ZZZZ-ZZZZ-ZZZZ-ZZZZ", "없습니다"),
        ("", "적어 주세요"),
    ):
        field.fill(typed)
        page.get_by_role("button", name="찾기").click()
        expect(answer).to_contain_text(said)
    assert all(url.endswith((".json",)) and "ZZZZ" not in url for url in asked)


def test_a_tracker_of_a_small_vote_is_not_called_lost(there: Visits) -> None:
    """Where no ballots are published the search says that trackers are not, instead of only that there is none."""
    page = there.open("/about/")

    def small(route: Route) -> None:
        text = route.fetch().text()
        route.fulfill(body=re.sub(r' data-ballots="[^"]*"', "", text), content_type="text/html")

    page.route("**/board/", small)
    page.goto("/results/budget/board/", wait_until="networkidle")
    page.locator("#find-number").fill("aaaa aaaa aaaa 0000")
    page.get_by_role("button", name="찾기").click()
    expect(page.locator("[data-answer]")).to_contain_text("표 번호는 이 투표에서 공개하지 않습니다.")


def test_the_board_is_a_plain_list_without_javascript(there: Visits) -> None:
    """Every receipt and every ballot stands in the page itself."""
    page = there.open("/results/budget/board/", script=False)
    assert page.locator(".receipt-board li").count() == 25
    assert page.locator("tbody tr").count() == 24
    assert page.get_by_role("button", name="찾기").count() == 0


def test_receipts_stand_whole_on_paper_and_in_large_letters(there: Visits) -> None:
    """Printed numbers ran into each other and off the sheet; with letters of twice the size, off a phone."""
    beside = """() => [...document.querySelectorAll(".receipt-board li")].filter((each) => {
        const room = each.getBoundingClientRect(), words = document.createRange();
        words.selectNodeContents(each);
        return words.getBoundingClientRect().right > room.right + 0.5 || room.right > innerWidth;
    }).length"""
    page = there.open("/results/budget/board/", width=672)  # what a sheet of A4 has between its margins
    page.emulate_media(media="print")
    assert page.locator(".receipt-board li").count() == 25
    assert page.evaluate(beside) == 0
    assert not page.get_by_label("접수증 번호나 표 번호").is_visible()
    page = there.open("/results/budget/board/", width=375)
    page.evaluate("document.documentElement.style.fontSize = '125%'")  # 62.5 % is the usual size
    assert page.evaluate(beside) == 0
    assert overflow(page) == 0


def test_the_built_pages_are_valid_html(folder: Path, root: Path) -> None:
    """html-validate finds nothing in the result and its board."""
    site = (folder / "www/site").resolve()
    validate(
        root,
        *(site / name / "index.html" for name in ("results/budget", "results/budget/board", "votes/budget")),
    )
