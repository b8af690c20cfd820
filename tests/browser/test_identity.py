"""A poll of assurance 3 in a real browser: to the identity provider and back, with a script and without."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import built
from tests.browser.visit import violations
from tests.builders import NOW
from tests.forms_api.server import Server
from tests.forms_api.voting import prepare
from tests.oidc_provider import ProviderProcess

SLUG = "budget-2024"


@pytest.fixture(scope="module")
def served(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demonstration with its vote at assurance 3, built and served, beside a provider program."""
    folder = tmp_path_factory.mktemp("town")
    content = folder / "content"
    shutil.copytree(root / "content", content)
    page = content / "votes" / f"{SLUG}.md"
    page.write_text(page.read_text("utf-8").replace("assurance = 1", "assurance = 3"), "utf-8")
    prepare(content, SLUG, folder / "k", "--anew")
    site = built(root, content, folder / "site", NOW)
    provider = ProviderProcess()
    try:
        settings = provider.settings | {"rate_limit": "off"}
        server = Server(content, folder / "var/data", site=site, **settings).ready()
        yield server
        assert server.stop() == 0
    finally:
        provider.stop()


def identify(page: Page, name: str) -> None:
    """On our page to the provider, and there the name."""
    page.get_by_role("link", name="본인확인하고 투표하기").click()
    page.get_by_label("이름").fill(name)
    page.get_by_role("button", name="맞습니다").click()


@pytest.mark.parametrize("script", [True, False])
def test_the_picks_wait_for_who_comes_back(browser: Browser, served: Server, script: bool) -> None:
    """Picked, gone to the provider, back, the pick still there, receipt; with a script no choice leaves the browser."""
    context = browser.new_context(base_url=served.base, java_script_enabled=script)
    page = context.new_page()
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(f"{asked.url} {asked.post_data or ''}"))
    page.goto(f"/votes/{SLUG}/", wait_until="networkidle")
    first = page.locator('[data-type="general"] input[name="choices"]').first
    pick = str(first.get_attribute("value"))
    title = str(page.locator(f'[data-proposal="{pick}"] .card-title').inner_text())
    first.check()
    page.get_by_role("button", name="고른 것 확인하고 투표하기").last.click()
    if script:
        assert violations(page) == []
    identify(page, f"person-{script}")
    if script:
        expect(page.get_by_role("heading", name="고른 것을 확인하세요")).to_be_visible()
        assert page.url == f"{served.base}/votes/{SLUG}/"  # the address of the way back is gone
    expect(page.locator(".pick-list").filter(has_text=title).locator("visible=true").first).to_be_visible()
    page.get_by_role("button", name="투표하기", exact=True).click()
    expect(page.get_by_role("heading", name="투표를 마쳤습니다")).to_be_visible()
    if script:
        assert not [line for line in sent if pick in line.partition(" ")[2]]
        bodies = [line.partition(" ")[2] for line in sent if line.partition(" ")[0].endswith("/ballots")]
        assert [sorted(json.loads(body)) for body in bodies] == [["envelope", "ticket"]]
    context.close()
