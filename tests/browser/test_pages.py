"""Every kind of page in a real browser: accessible, quiet, inside the window."""

import json
from pathlib import Path

import pytest

from civic import korean
from tests.browser.conftest import validate
from tests.browser.visit import WIDTHS, Visits, overflow, violations
from tests.test_korean import PARTICLES

PAGES = (
    "/",
    "/programs/",
    "/programs/citizen-allowance/",
    "/programs/insurance-fraud/",
    "/lectures/",
    "/lectures/essay/",
    "/lectures/status/open/",
    "/events/summer-night/",
    "/votes/",
    "/votes/budget-2024/",
    "/proposals/",
    "/my/",
    "/privacy/",
    "/accessibility/",
    "/about/",
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_quiet_and_fits(visits: Visits, path: str, width: int) -> None:
    """axe finds nothing, the console is silent, no third party is asked, nobody scrolls sideways."""
    page = visits.open(path, width)
    assert violations(page) == []
    assert overflow(page) <= 0
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "ko"


def test_axe_would_find_a_fault(visits: Visits) -> None:
    """The control: a field without a label and an image without words are found."""
    page = visits.open("/my/")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<input><img src=\"/icon.svg\">')"
    )
    rules = {line.split(":")[0] for line in violations(page)}
    visits.allow("icon.svg")
    assert {"label", "image-alt"} <= rules


def test_the_clear_screen_mode_stays_accessible(visits: Visits) -> None:
    """선명한 화면 is kept from page to page and passes axe too."""
    page = visits.open("/lectures/essay/")
    page.evaluate("localStorage.setItem('madang-mode', 'high-contrast')")
    page.reload(wait_until="networkidle")
    page.evaluate("document.documentElement.dataset.krdsMode = 'high-contrast'")
    assert violations(page) == []


def test_the_systems_own_colours_leave_what_marks_a_place(visits: Visits) -> None:
    """With forced colours every item of the menu was underlined like the current one, and arrows were not drawn."""
    page = visits.open("/lectures/essay/")
    page.emulate_media(forced_colors="active")
    styles = """([selector, part, name]) => getComputedStyle(document.querySelector(selector), part)[name]"""
    canvas, ink = "rgb(255, 255, 255)", "rgb(0, 0, 0)"
    for current, same in (("[aria-current]", False), (":not([aria-current])", True)):
        line = page.evaluate(styles, [f".main-menu a{current}", None, "borderBottomColor"])
        assert (line == canvas) is same
    for selector in (".trail li:not(:first-child)", ".trail-home"):
        assert page.evaluate(styles, [selector, "::before", "backgroundColor"]) == ink
    page = visits.open("/votes/budget-2024/")
    page.emulate_media(forced_colors="active")
    assert page.evaluate(styles, ["details:not(.drop) > summary", "::before", "backgroundColor"]) == ink


def test_long_names_of_rounds_fit_in_large_letters(visits: Visits) -> None:
    """햇살나무지역아동센터 with letters of twice the size pushed the form off a phone."""
    page = visits.open("/programs/citizen-allowance/", width=375)
    page.evaluate("document.documentElement.style.fontSize = '125%'")  # 62.5 % is the usual size
    assert overflow(page) == 0


def test_a_missing_page_says_so_and_leads_on(visits: Visits) -> None:
    """404 in the site's own look, with a way home."""
    page = visits.open("/lectures/nothing/", 375)
    assert page.locator("h1").count() == 1
    assert violations(page) == []
    page.get_by_role("link", name="처음 화면").first.click()
    assert page.url.rstrip("/") == visits.base


def test_every_built_page_is_valid_html(site: Path, root: Path) -> None:
    """html-validate finds nothing in any page of the site."""
    validate(root, f"{site.resolve()}/**/*.html")


def test_what_does_not_arrive_is_noticed(visits: Visits) -> None:
    """The control: a fetch that the line breaks is trouble, one that the browser itself gives up is not."""
    page = visits.open("/my/")
    fetch = "fetch(document.querySelector('link[rel=icon]').href).catch(() => {})"
    page.route("**/favicon*", lambda route: route.abort("aborted"))
    page.evaluate(fetch)
    assert visits.trouble == [] or all("ERR_" in line for line in visits.trouble)
    page.unroute("**/favicon*")
    page.route("**/favicon*", lambda route: route.abort("connectionreset"))
    page.evaluate(fetch)
    page.wait_for_timeout(500)
    assert any(line.startswith("failed:") for line in visits.trouble)
    visits.allow("favicon")
    visits.allow("ERR_")


def test_scripts_choose_particles_as_the_server_does(visits: Visits, site: Path) -> None:
    """Every word that the server's test knows, and each pair, through static/js/josa.js."""
    address = json.loads((site / "assets/manifest.json").read_text("utf-8"))["josa.js"]
    page = visits.open("/my/")
    words = [word for word, _, _ in PARTICLES]
    for pair in ("이/가", "으로/로"):
        said = page.evaluate(
            "async ([address, words, pair]) => {"
            " const { josa } = await import(address); return words.map((word) => josa(word, pair)); }",
            [address, words, pair],
        )
        assert said == [korean.josa(word, pair) for word in words]
