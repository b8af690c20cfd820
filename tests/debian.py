"""What the tests need of Debian: found, or fetched where that is allowed."""

import os
import shutil
import subprocess
from contextlib import suppress

PATIENCE = 300  # seconds for each step of an installation


def install(*packages: str) -> None:
    """Debian's packages, where we may."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        return
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        with suppress(subprocess.TimeoutExpired):  # a network that swallows everything
            subprocess.run([*sudo, "apt-get", "-qq", *command], check=False, timeout=PATIENCE, **quiet)
