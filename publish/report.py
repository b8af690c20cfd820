"""What a build did, for people and for programs; and where its time went. Light: loaded before anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


class Teller(Protocol):
    """Whoever is told how far a build is."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


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
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds
    seconds: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time spent inside the block belongs to this stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

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
        return f"{out}: 파일 {self.files}개({', '.join(parts)})를 {self.seconds:.1f}초에 만들었습니다."

    def profile(self) -> list[str]:
        """Where the time went, longest first, and the pages that took longest."""
        stages = sorted(self.stages.items(), key=lambda pair: -pair[1])
        lines = [f"{seconds:8.3f}초  {name}" for name, seconds in stages]
        lines += [f"{seconds:8.3f}초  {name}" for name, seconds in self.slowest]
        return lines + [f"{size / 1024:7.1f}kB  {name}" for name, size in self.largest]
