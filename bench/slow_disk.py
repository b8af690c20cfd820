"""The server of this or another checkout on a disk whose syncs take 5 ms longer. For measuring only.

    cd <checkout> && .venv/bin/python <here>/bench/slow_disk.py <what `python -m forms_api serve` takes>

The delay lies in a VFS of SQLite (tests/store/faulty.py) around the real one: the store runs unchanged, and the real
sync is made as well.
"""

import runpy
import sys
import time
from pathlib import Path

SYNC = 0.005  # seconds

if __name__ == "__main__":
    vfs = runpy.run_path(str(Path(__file__).resolve().parent.parent / "tests/store/faulty.py"))

    class SlowDisk(vfs["Disk"]):  # type: ignore[misc,name-defined]  # of a file, not of a module: another checkout's is loaded
        """Waits at each sync; notes nothing."""

        def note(self, file: int, offset: int, data: bytes | None) -> int:
            return 0

        def settle(self, file: int) -> int:
            time.sleep(SYNC)
            return 0

        def opened(self, file: int, path: str) -> None:
            """Nothing to remember."""

    vfs["faulty_disk"].__wrapped__.__globals__["Disk"] = SlowDisk
    sys.path[0] = str(Path.cwd())
    sys.argv = ["forms_api", "serve", *sys.argv[1:]]
    with vfs["faulty_disk"]():
        runpy.run_module("forms_api", run_name="__main__", alter_sys=True)
