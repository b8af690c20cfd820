"""A Chromium and a Korean font for the tests. Found, or fetched: system packages where that is allowed.

Where they are not, Chromium comes from the test tool; without the font, tests of what a reader sees before the
site's own font has come are left out.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.debian import install

# What a test needs none of. The last two are pages that the address bar has of its own in each window, in a process of
# their own: they took twice the processor time of the page under test. What stands before is the test tool's own list,
# which this one replaces.
UNWANTED = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch,WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
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
    f"--disable-features={UNWANTED}",
]
KOREAN_FONTS = ("Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic")
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


def has_korean_font() -> bool:
    """Can the system show Hangul by itself, as every reader's can?"""
    lister = shutil.which("fc-list")
    if not lister:
        return sys.platform in ("darwin", "win32")
    said = subprocess.run([lister, ":lang=ko", "family"], capture_output=True, text=True, check=False).stdout
    return any(family in said for family in KOREAN_FONTS)


def main() -> int:
    missing = [] if find() else ["chromium"]
    missing += [] if has_korean_font() else ["fonts-noto-cjk"]
    if missing:
        print(f"Fetching for the tests: {' '.join(missing)} …", flush=True)
        install(*missing)
    if not find():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    found = find()
    print(f"Browser for the tests: {found or 'none; install the package chromium and run again'}")
    if not has_korean_font():
        print("No Korean font: tests that need one are left out; install the package fonts-noto-cjk for them")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
