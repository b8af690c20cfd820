"""Where is a Chromium for the tests? Found, or fetched: system packages where that is allowed, else the test tool's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# A browser under test must not call home: where there is no network, refused look-ups cost seconds.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Path of an installed browser: the system's first, then the test tool's own; None when there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        own = tool.chromium.executable_path
    return own if own and Path(own).exists() else None


def fetch() -> None:
    """Install a browser: Debian's package where we may, else the test tool's own download."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not sudo or shutil.which("sudo")):
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        subprocess.run([*sudo, "apt-get", "-qq", "update"], check=False, **quiet)
        subprocess.run(
            [*sudo, "apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium"],
            check=False,
            **quiet,
        )
        if find():
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    if not find():
        print("No browser found; fetching one for the tests …", flush=True)
        fetch()
    found = find()
    print(f"Browser for the tests: {found or 'none; install the package chromium and run again'}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
