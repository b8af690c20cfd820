"""A page costs a phone little: bytes on the line, requests, and nothing that jumps while it loads."""

import pytest

from tests.browser.chromium import has_korean_font
from tests.browser.visit import WIDTHS, Visits

PAGES = ("/", "/lectures/", "/lectures/essay/", "/programs/insurance-fraud/", "/votes/budget-2024/")
TEXT = 45_000  # bytes without fonts
WHOLE = 150_000  # bytes with fonts
REQUESTS = 12
SHIFT = 0.02
BARE = """
const bare = new CSSStyleSheet();
bare.replaceSync(":root { --font: 'Madang Sans', serif !important }");
document.adoptedStyleSheets = [bare];
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light(visits: Visits, path: str, width: int) -> None:
    """A first visit stays within the budget of bytes and requests."""
    weight = visits.weigh(path, width)
    assert weight.text <= TEXT, f"\n{weight}"
    assert weight.text + weight.fonts <= WHOLE, f"\n{weight}"
    assert len(weight.sent) <= REQUESTS, f"\n{weight}"
    assert weight.fonts > 0, "the fonts were weighed too"


@pytest.mark.skipif(not has_korean_font(), reason="no Korean font of the system; see make browser")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_stands_still(visits: Visits, path: str, width: int) -> None:
    """The layout does not move while places and fonts arrive: the page is first read in the system's font."""
    weight = visits.weigh(path, width)
    assert weight.shift <= SHIFT, f"\n{weight}"


@pytest.mark.skipif(not has_korean_font(), reason="no Korean font of the system; see make browser")
def test_a_jump_would_be_seen(visits: Visits) -> None:
    """The control: without the measures of the site's font, the page moves when the font comes after it was first shown."""
    assert any(visits.weigh("/lectures/essay/", 375, before=BARE).shift > SHIFT for _ in range(6))
