"""What Lighthouse says of one page of every kind: median of three, on a phone with a slow line, as it tries a page by itself.

    python -m bench.lighthouse [--runs 3] [PATH …]

The district's site is built at the demonstration's time and served by ours. Aims: accessibility, best practices and SEO 100,
performance 95. Lighthouse is fetched at the first run. Exit code 1 where an aim is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.search import NOW, build, node_tool
from tests.browser.chromium import find
from tests.forms_api.server import Server

ROOT = Path(__file__).resolve().parent.parent
AIMS = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
PATHS = (
    "/", "/programs/", "/programs/insurance-fraud/", "/lectures/", "/lectures/essay/", "/events/summer-night/", "/votes/",
    "/votes/budget-2024/", "/proposals/", "/proposals/p01-suwan-school-route-lights/", "/calendar/2023-09/", "/search/",
    "/search/?q=%EC%98%88%EC%82%B0", "/my/", "/privacy/", "/sitemap/",
)  # fmt: skip


def scores(tool: Path, address: str) -> dict[str, int]:
    """One look at a page: 0 to 100 by category."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        flags = "--headless --no-sandbox --disable-gpu"
        only = ",".join(AIMS)
        command = [
            tool,
            address,
            "--quiet",
            "--output=json",
            f"--output-path={out}",
            f"--chrome-flags={flags}",
            f"--only-categories={only}",
        ]
        environment = {**os.environ, "CHROME_PATH": find() or ""}
        for is_last in (False, True):  # on a busy machine it loses its browser now and then
            ended = subprocess.run(command, capture_output=True, timeout=300, env=environment)
            if not ended.returncode:
                break
            if is_last:
                sys.exit(f"{address}: {ended.stderr.decode()[-500:]}")
        found = json.loads(out.read_text("utf-8"))["categories"]
    return {name: round(100 * (found[name]["score"] or 0)) for name in AIMS}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("paths", nargs="*", default=PATHS)
    given = parser.parse_args()
    tool = node_tool("lighthouse", "12.8.2")
    with tempfile.TemporaryDirectory() as name:
        site = Path(name) / "www/site"
        build(ROOT / "content", site)
        server = Server(ROOT / "content", Path(name) / "data", now=NOW, site=site, rate_limit="off").ready()
        try:
            missed = [path for path in given.paths if not fits(tool, server.base, path, given.runs)]
        finally:
            server.stop()
    print(f"missed: {', '.join(missed)}" if missed else "every aim is reached")
    return int(bool(missed))


def fits(tool: Path, base: str, path: str, runs: int) -> bool:
    """Print the medians of a page; are they as they should be?"""
    seen: Sequence[dict[str, int]] = [scores(tool, base + path) for _ in range(runs)]
    medians = {name: statistics.median(each[name] for each in seen) for name in AIMS}
    print(f"{path:48} " + "  ".join(f"{name} {medians[name]:.0f}" for name in AIMS), flush=True)
    return all(medians[name] >= aim for name, aim in AIMS.items())


if __name__ == "__main__":
    sys.exit(main())
