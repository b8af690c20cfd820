"""nginx and PostgreSQL as Debian has them, for the test of the deployment page. Found, or fetched where that is allowed."""

import shutil
import sys
from pathlib import Path

from tests.debian import install

SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"


def nginx() -> str | None:
    """Path of nginx; None when there is none."""
    return shutil.which("nginx", path=SYSTEM)


def postgresql() -> Path | None:
    """The folder of the newest initdb and postgres of the system; None when there is none."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max((file.parent for file in found), key=lambda folder: int(folder.parent.name), default=None)


def main() -> int:
    missing = [] if nginx() else ["nginx-light"]
    missing += [] if postgresql() else ["postgresql"]
    if missing:
        print(f"Fetching for the tests: {' '.join(missing)} …", flush=True)
        install(*missing)
    for name, found in (("nginx", nginx()), ("PostgreSQL", postgresql())):
        print(f"{name} for the tests: {found or 'none; tests that need it are left out'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
