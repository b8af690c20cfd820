"""A citizen's visit: pages opened in a window of some width, with everything noted that must not happen."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.patience import eventually

WIDTHS = (375, 1280)
PICTURES = os.environ.get("SCREENSHOTS", "")
SLOW = {
    "offline": False,
    "latency": 100,
    "downloadThroughput": 200_000,
    "uploadThroughput": 90_000,
}  # ms, bytes/s
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts.push(shift.value);
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass(frozen=True)
class Weight:
    """What a first visit to one page costs."""

    sent: dict[str, int]  # address -> bytes of the body on the line, compressed as it was sent
    fonts: int  # bytes of them that are fonts
    shift: float  # all layout shifts together; 0 when nothing moved

    @property
    def text(self) -> int:
        """Bytes that are no fonts."""
        return sum(self.sent.values()) - self.fonts

    def __str__(self) -> str:
        heaviest = sorted(self.sent.items(), key=lambda item: -item[1])
        lines = [f"{size:>8} {address}" for address, size in heaviest]
        lines.append(
            f"{self.text} bytes and {self.fonts} of fonts, {len(self.sent)} requests, shift {self.shift}"
        )
        return "\n".join(lines)


# Fonts are there, and no script has anything to do.
IDLE = "document.fonts.ready.then(() => new Promise((told) => requestIdleCallback(() => told(0))))"


class Visits:
    """Windows on the product at `base`; `trouble` collects console errors, failures and foreign requests."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser = browser
        self.base = base
        self.trouble: list[str] = []
        self._contexts: list[BrowserContext] = []

    def open(self, path: str, width: int = 1280, script: bool = True) -> Page:
        """A page in a fresh profile, loaded and still: what it asks for has come, and its scripts have done their work."""
        page = self.window(width, script)
        if not script:
            page.goto(path, wait_until="networkidle")
            return page
        asked: set[Request] = set()  # and not yet answered
        page.on("request", lambda request: asked.add(request))
        for over in ("requestfinished", "requestfailed"):
            page.on(over, lambda request: asked.discard(request))
        page.goto(path)
        eventually(lambda: not any(page.evaluate(IDLE) or asked for _ in range(3)))
        return page

    def weigh(self, path: str, width: int = 1280, before: str = "") -> Weight:
        """A first visit, with nothing in the cache: what comes over the line, and what moves on the screen.

        The line is that of a phone out of town: on a fast one it would be chance whether the page is first
        shown in the system's font. before: a script that runs first, for a control.
        """
        page = self.window(width, script=True)
        page.add_init_script(SHIFTS + before)
        line = page.context.new_cdp_session(page)
        answers: dict[str, dict[str, Any]] = {}  # by request
        sent: dict[str, int] = {}
        fonts: list[int] = []

        def note_answer(event: dict[str, Any]) -> None:
            if not event["response"]["url"].startswith("data:"):  # icons within the stylesheet
                answers[event["requestId"]] = event

        def note_end(event: dict[str, Any]) -> None:
            answer = answers.get(event["requestId"])
            if answer is None or (answer["type"] == "Image" and "/assets/" not in answer["response"]["url"]):
                return  # pictures of notices come later and are no part of the page's own weight
            # Headers are left out: what they take depends on the server in front.
            size = int(event["encodedDataLength"] - answer["response"]["encodedDataLength"])
            address = answer["response"]["url"].removeprefix(self.base)
            sent[address] = sent.get(address, 0) + size
            if answer["type"] == "Font":
                fonts.append(size)

        line.on("Network.responseReceived", note_answer)
        line.on("Network.loadingFinished", note_end)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
        page.goto(path, wait_until="networkidle")
        page.wait_for_timeout(300)  # a shift is reported after the frame in which it happened
        shift = float(page.evaluate("window.shifts.reduce((sum, each) => sum + each, 0)"))
        return Weight(sent, sum(fonts), shift)

    def window(self, width: int, script: bool = True) -> Page:
        """An empty page in a fresh profile."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            base_url=self.base,
            locale="ko-KR",
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self._note("console", said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._note("script", str(error)))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        return page

    def allow(self, part: str) -> None:
        """Expected trouble: lines that hold this text are forgotten."""
        self.trouble = [line for line in self.trouble if part not in line]

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _failed(self, request: Request) -> None:
        # The browser itself gives up what it still fetches for a page that is left, the icon of the tab most of all.
        if request.failure != "net::ERR_ABORTED" or not request.url.startswith(self.base):
            self._note("failed", request.url)

    def _note(self, what: str, text: str) -> None:
        # The page of a refusal has the status of its refusal (422, 409): the browser says so in the console.
        if "the server responded with a status of 4" not in text:
            self.trouble.append(f"{what}: {text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.trouble.append(f"third party: {request.url}")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, one line each with the place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window: 0 when nobody must scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def send(page: Page) -> None:
    """From what was typed and checked to the end: the code that the demonstration shows, then the sign-up itself."""
    page.get_by_role("button", name="인증번호 받기").click()
    page.get_by_label("인증번호", exact=True).fill(page.locator("[data-demo-code]").inner_text())
    page.get_by_role("button", name="신청하기").click()


def shot(page: Page, name: str) -> None:
    """A picture of the whole page at each width, where pictures are asked for; the last stays."""
    for width in WIDTHS if PICTURES else ():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
