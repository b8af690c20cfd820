"""How many processors may this process use? What the system says of affinity and of its control group. No settings."""

import os
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")  # lines "0::/path" (version 2) and "4:cpu,cpuacct:/path" (version 1)


def usable_processors(own: Path = OWN_GROUPS, groups: Path = GROUPS) -> int:
    """Processors that this process may run on and its control groups let it use, a part of one as one; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        affinity = min([affinity, *(max(1, ceil(share)) for share in _shares(own, groups))])
    return affinity


def _shares(own: Path, groups: Path) -> Iterator[float]:
    """Processors that each group above this process may use; groups without a limit are left out. Raises OSError, ValueError."""
    for line in own.read_text().splitlines():
        number, names, path = line.split(":", 2)
        if number != "0" and "cpu" not in names.split(","):
            continue
        root = groups if number == "0" else groups / names
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(root):
                yield from _share(folder)


def _share(folder: Path) -> Iterator[float]:
    with suppress(OSError):
        quota, period = (folder / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    with suppress(OSError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if int(quota) > 0:
            yield int(quota) / int(period)
