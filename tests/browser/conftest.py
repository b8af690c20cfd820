"""The product as a citizen meets it: the district's own content, a real server, a real browser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import FLAGS, find
from tests.browser.visit import Visits
from tests.builders import NOW
from tests.forms_api.server import Server

PATIENCE = 240  # seconds for a build with its fonts, or to look through all its pages


def run(root: Path, *command: object) -> None:
    """A program of the house, which must find nothing wrong."""
    words = list(map(str, command))
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def built(root: Path, content: Path, out: Path, now: str) -> Path:
    """The site of that content at that time; `out`."""
    run(root, sys.executable, "build.py", "--content", content, "--out", out, "--now", now)
    return out


def validate(root: Path, *pages: object) -> None:
    """html-validate finds nothing in these pages."""
    tool, rules = root / "node_modules/.bin/html-validate", root / "html-validate.json"
    run(root, tool, "--config", rules, "--formatter", "text", *pages)


@pytest.fixture(scope="session")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The district's site, built at the demonstration's time."""
    return built(root, root / "content", tmp_path_factory.mktemp("built") / "site", NOW)


@pytest.fixture(scope="session")
def product(root: Path, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Site and form API on one port, as make serve runs them."""
    data = tmp_path_factory.mktemp("product") / "var/data"
    running = Server(root / "content", data, site=site, rate_limit="off").ready()
    yield running
    assert running.stop() == 0, "".join(running.lines)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each test has a profile of its own in it."""
    with sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=find(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visits(browser: Browser, product: Server) -> Iterator[Visits]:
    """Opens pages; at the end nothing may have failed in the console or left for a third party."""
    opened = Visits(browser, product.base)
    yield opened
    opened.close()
    assert opened.trouble == []
