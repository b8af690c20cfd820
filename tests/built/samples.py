"""What tests of builds share: a small site to be edited, the command, and the site as its files."""

import os
import subprocess
import sys
from pathlib import Path

from civic.clock import parse_time
from publish.inputs import Request

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests/samples"
NOW = parse_time("2023-08-16T09:00:00")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python build.py …` from another folder."""
    return subprocess.run(
        [sys.executable, ROOT / "build.py", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


def snapshot(site: Path) -> dict[str, bytes]:
    """Every file of a site by its name."""
    here = site.resolve()
    return {
        path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()
    }


def folders(site: Path) -> list[str]:
    """The builds that lie behind a site, whole or not."""
    return sorted(path.name for path in (site.parent / ".builds").glob(f"{site.name}-*"))


def edit(request: Request, text: str, page: str = "lectures/l09.md") -> None:
    """One more paragraph at the end of a page."""
    file = request.content / page
    file.write_text(f"{file.read_text('utf-8')}\n\n{text}\n", "utf-8")
