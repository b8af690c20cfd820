"""What a build did, for people and for programs; and where its time went. Light: loaded before anything else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

NAMED = 3  # largest pages in the summary
LONGEST_START = 60  # seconds; more is a clock that counts from elsewhere


class Teller(Protocol):
    """Whoever is told how far a build is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """total: 0 where it is not known."""


def since_start() -> float:
    """Seconds since this process began, with the start of Python itself; 0.0 where that cannot be told."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return 0.0
    return passed if 0 <= passed < LONGEST_START else 0.0


@dataclass
class Report:
    """One build in figures."""

    files: int = 0  # of the whole site
    made: int = 0  # rendered
    changed: int = 0  # of these, new or with other bytes than before
    taken_over: int = 0  # not rendered; made + taken_over = files
    dropped: int = 0
    build: str = ""  # name of the build that is the site now
    is_new: bool = False  # was anything published?
    due: str = ""  # when the site has to be built again because of the clock; "" for never
    largest: list[tuple[str, int]] = field(default_factory=list)  # (file, bytes) of the largest pages
    slowest: list[tuple[str, float]] = field(default_factory=list)  # (file, seconds)
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds; they add up to `seconds`
    seconds: float = 0.0
    synced: dict[str, int] = field(default_factory=dict)  # see Synced; empty where nothing was to be copied
    notes: list[str] = field(default_factory=list)  # what else is worth a line

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time spent inside the block belongs to this stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    def end(self, seconds: float) -> None:
        """The build took so long; what no stage was charged with is a stage of its own."""
        self.seconds = seconds
        self.stages["나머지"] = max(0.0, seconds - sum(self.stages.values()))

    def began(self, seconds: float) -> None:
        """The process had begun so long before the build."""
        self.seconds += seconds
        self.stages["시작"] = seconds

    def as_data(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)

    def sentence(self, out: object) -> str:
        """What happened, in one line."""
        if not self.is_new:
            return f"{out}: 바뀐 것이 없습니다. 파일 {self.files}개 그대로입니다. ({self.seconds:.2f}초)"
        parts = [f"만든 것 {self.made}개", f"이어받은 것 {self.taken_over}개"]
        if self.dropped:
            parts.append(f"내린 것 {self.dropped}개")
        said = f"{out}: 파일 {self.files}개({', '.join(parts)})를 {self.seconds:.1f}초에 만들었습니다."
        largest = ", ".join(f"{name} {size / 1024:.0f}kB" for name, size in self.largest[:NAMED])
        return f"{said}\n가장 큰 화면: {largest}" if largest else said

    def profile(self) -> list[str]:
        """Where the time went, longest first, and the pages that took longest."""
        stages = sorted(self.stages.items(), key=lambda pair: -pair[1])
        lines = [f"{seconds:8.3f}초  {name}" for name, seconds in stages]
        lines += [f"{seconds:8.3f}초  {name}" for name, seconds in self.slowest]
        return lines + [f"{size / 1024:7.1f}kB  {name}" for name, size in self.largest]
