"""Real disks of a test's own: one that is full at 1 MB, one that turns read-only. Both need root; a test says where not."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _do(*words: object) -> str:
    """Run a command of the system; the test is left out, saying why, where it may not."""
    try:
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)
    except FileNotFoundError as err:
        pytest.skip(f"no disk of its own here: {err}")
    if done.returncode:
        pytest.skip(f"no disk of its own here: {done.stderr.strip()}")
    return done.stdout.strip()


def _leave(disk: Path) -> None:
    # Lazy: a server that a failed test left behind must not keep the disk in the folder that pytest removes.
    subprocess.run(["umount", "--lazy", disk], check=True, timeout=60)


@contextmanager
def a_small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk in memory with so many bytes, until the block ends."""
    folder.mkdir()
    _do("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", folder)
    try:
        yield folder
    finally:
        _leave(folder)


def grow(disk: Path, size: int) -> None:
    """The same disk, larger."""
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True, timeout=60)


def fill(disk: Path) -> Path:
    """Take all that is free; the file that took it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (b"x" * 65536, b"x"):
            try:
                while True:
                    file.write(block)
            except OSError:
                continue
    return filler


@contextmanager
def a_breaking_disk(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(a disk, the file of the kernel that makes it read-only at once when "1" is written into it)."""
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(32_000_000)
    disk = folder / "disk"
    disk.mkdir()
    _do("mkfs.ext4", "-q", "-F", image)
    _do("mount", "-o", "loop,errors=remount-ro", image, disk)
    try:
        device = _do("findmnt", "--noheadings", "--output", "SOURCE", disk)
        switch = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
        if not switch.exists():
            pytest.skip(f"no disk that breaks here: {switch}")
        yield disk, switch
    finally:
        _leave(disk)
