"""Who may write into a data folder now: file locks between processes, fair and with an end to every wait. No SQLite.

Two locks in a row: who waits holds the first and tries for the second, so that a process which has just written must
let a waiting one go before it. The file of the second says who holds it and whether a commit went wrong.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from civic.errors import InUse, Unavailable
from civic.korean import josa

SERVING, NEXT, WRITING = "lock", "next.lock", "write.lock"
PATIENCE = 5.0  # seconds that anybody waits for others
CLEAN, BUSY, MENDING, FAILED = b" ", b"c", b"m", b"f"  # last: a failed commit is taken back, that failed
_PAUSES = (0.0002, 0.005)  # seconds between two looks at a lock: at first, at most


class WritingTurn:
    """The right of this process to write, for the length of a batch."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._next, self._writing = _open(folder / NEXT), _open(folder / WRITING)

    def take(self, deadline: float) -> bool:
        """Take the turn; True when its last holder ended before it mended a failed commit. Raises Unavailable at the deadline."""
        self._wait(self._next, deadline)
        try:
            self._wait(self._writing, deadline)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        left = os.pread(self._writing, 1, 0) in (MENDING, FAILED)
        self.note(BUSY)
        return left

    def note(self, state: bytes) -> None:
        """Say to the others how it stands; a disk that takes nothing any more leaves it unsaid."""
        with contextlib.suppress(OSError):
            os.pwrite(self._writing, state + b"%d\n" % os.getpid(), 0)

    def give_up(self) -> None:
        """Let the next process have its turn; nothing of ours is under way."""
        self.note(CLEAN)
        fcntl.flock(self._writing, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of everything."""
        os.close(self._writing)
        os.close(self._next)

    def _wait(self, handle: int, deadline: float) -> None:
        pause, most = _PAUSES
        while not _taken(handle):
            if time.monotonic() > deadline or os.pread(self._writing, 1, 0) == FAILED:
                raise Unavailable
            time.sleep(pause)
            pause = min(pause * 1.5, most)


def serve(folder: Path) -> BinaryIO:
    """The right of one server (however many processes it has) to a data folder, made when missing, until it is closed.

    Also of one command that reads it whole. Raises OSError (cannot be made), InUse (another has it).
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.fdopen(_open(folder / SERVING), "r+b", buffering=0)
    if not _taken(file.fileno()):
        file.close()
        raise InUse(
            f"자료 폴더 {josa(str(folder), '을/를')} 다른 서버(프로세스 {server_of(folder) or '?'})가 쓰고 있습니다. "
            "그 서버를 먼저 끄거나 다른 자료 폴더를 정하세요."
        )
    file.truncate(0)
    file.write(b"%d\n" % os.getpid())
    return file


def server_of(folder: Path) -> str:
    """The process of the server that has the folder, or ""; also where none ever served."""
    return _said_by_holder(folder / SERVING).decode("ascii", "replace").strip()


def stuck(folder: Path, seconds: float = 1.0) -> int:
    """The process that has the turn to write in a folder and keeps it so long; 0 where the turn goes round."""
    until = time.monotonic() + seconds
    while (process := holder(folder)[0]) and time.monotonic() < until:
        time.sleep(_PAUSES[1])
    return process


def holder(folder: Path) -> tuple[int, bool]:
    """(process that has the turn to write now, has its commit failed?); 0 when nobody has."""
    said = _said_by_holder(folder / WRITING)
    return int(said[1:].split()[0] or 0) if said else 0, said[:1] == FAILED


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(handle: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _said_by_holder(path: Path) -> bytes:
    """What stands in a lock's file while somebody has it, " 0" before that is written; else nothing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # its own: locks belong to what was opened
    except OSError:
        return b""
    try:
        return b"" if _taken(handle, fcntl.LOCK_SH) else os.pread(handle, 20, 0) or b" 0"
    finally:
        os.close(handle)
