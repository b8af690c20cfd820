"""A page costs a phone little: bytes on the line, requests, and nothing that jumps while it loads."""

from __future__ import annotations

import pytest

from tests.browser.visit import WIDTHS, Visits

PAGES = ("/", "/lectures/", "/lectures/essay/", "/programs/insurance-fraud/", "/votes/budget-2024/")
TEXT = 45_000  # bytes without fonts
WHOLE = 150_000  # bytes with fonts
REQUESTS = 12
SHIFT = 0.02


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light_and_still(visits: Visits, path: str, width: int) -> None:
    """A first visit stays within the budget of bytes and requests, and the layout does not move."""
    weight = visits.weigh(path, width)
    assert weight.text <= TEXT, f"\n{weight}"
    assert weight.text + weight.fonts <= WHOLE, f"\n{weight}"
    assert len(weight.sent) <= REQUESTS, f"\n{weight}"
    assert weight.shift <= SHIFT, f"\n{weight}"
    assert weight.fonts > 0, "the fonts were weighed too"


def test_a_jump_would_be_seen(visits: Visits) -> None:
    """The control: something that pushes the page down late is counted, and so is what it loads."""
    calm = visits.weigh("/my/")
    page = visits.open("/my/")
    page.evaluate(
        """async () => {
          window.moved = 0;
          new PerformanceObserver((list) => {
            for (const shift of list.getEntries()) window.moved += shift.value;
          }).observe({ type: "layout-shift", buffered: true });
          await new Promise(requestAnimationFrame);
          const wedge = document.createElement("div");
          wedge.style.height = "300px";
          document.querySelector("main").prepend(wedge);
          await new Promise((done) => setTimeout(done, 500));
        }"""
    )
    assert page.evaluate("window.moved") > SHIFT >= calm.shift
