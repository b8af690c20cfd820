"""The data folder: made when missing, held by one server at a time, never begun anew beside what is left of an older
one, and its troubles said in plain words."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

from civic.errors import InUse, Misuse
from civic.korean import josa

LOCK, ENTRIES, KEYS = "lock", "madang.sqlite3", "keys.sqlite3"


class Hold:
    """The right to write in a data folder, until `release` or the end of the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder. Raises Misuse (cannot be made or written), InUse (another process has it)."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise Misuse(explain(err, folder)) from err
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            owner = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip() or "?"
            os.close(self._handle)
            raise InUse(
                f"자료 폴더 {josa(str(folder), '을/를')} 다른 서버(프로세스 {owner})가 쓰고 있습니다. "
                "그 서버를 먼저 끄거나 다른 자료 폴더를 정하세요."
            ) from err
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as err:
            self.release()
            raise Misuse(explain(err, folder)) from err

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._handle)


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """A SQLite file of the folder, readable by its owner only from its first byte, in whatever folder it lies.

    SQLite gives a file's mode to the logs beside it. Any thread may use it: the callers let one at a time. Raises sqlite3.Error, OSError.
    """
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)


def is_blank(path: Path) -> bool:
    """Is a file not there, or is nothing in it?"""
    return not path.exists() or not path.stat().st_size


def check_entries(folder: Path) -> None:
    """Refuse a folder whose file of entries is gone or empty while what lay beside it is still there.

    A first start makes the file of entries first and that of the keys after it: where only the later one, or a log,
    is found, the entries were lost. SQLite would begin anew, and throw the log away. Raises Misuse.
    """
    path = folder / ENTRIES
    left = [name for name in (KEYS, f"{ENTRIES}-wal") if not is_blank(folder / name)]
    if left and is_blank(path):
        raise Misuse(
            f"신청 파일({path})이 {'비어 있는데' if path.exists() else '없는데'} {josa(', '.join(left), '은/는')} 남아 있습니다. "
            "신청을 잃은 폴더이므로 새로 시작하지 않습니다. 폴더를 통째로 복사해 둔 뒤 백업에서 "
            f"{josa(ENTRIES, '을/를')} 되살리세요. 처음부터 새로 시작하려면 다른 자료 폴더를 정하세요."
        )


def check_box(path: Path) -> None:
    """Refuse to begin a new ballot box where one was lost: its empty journal is still there. Raises Misuse.

    The file is there before its first journal, and written to before a journal is emptied.
    """
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists() and (not path.exists() or (is_blank(path) and is_blank(journal))):
        raise Misuse(
            f"투표함 파일({path})이 {'비어 있는데' if path.exists() else '없는데'} {josa(journal.name, '은/는')} 남아 있습니다. "
            "표를 잃은 폴더이므로 새로 시작하지 않습니다. 폴더를 통째로 복사해 둔 뒤 백업에서 "
            f"{josa(path.name, '을/를')} 되살리세요. 빈 투표함으로 새로 시작하려면 {josa(journal.name, '을/를')} 지우세요."
        )


def check_keys(path: Path, needed: Iterable[str], known: Collection[str] | None = None) -> None:
    """Refuse sealed entries whose subject's wrapped key is lost: a new key would not open them.

    needed: subjects with sealed entries; known: subjects of which the file says something, be it that the key was
    destroyed, or None before it is opened. Raises Misuse.
    """
    lost = sorted(set(needed) - set(known or ()))
    if not lost or (known is None and not is_blank(path)):
        return
    what = (
        "이 없습니다" if not path.exists() else "이 비어 있습니다" if known is None else "에 열쇠가 없습니다"
    )
    raise Misuse(
        f"봉인된 신청이 있는데 감싼 열쇠 파일({path}){what}: {', '.join(lost)}. 새 열쇠로는 지난 신청을 열 수 없어 "
        f"시작하지 않습니다. 백업에서 {josa(KEYS, '을/를')} 되살리세요. 백업이 없으면 "
        "‘python -m forms_api doctor --save 새폴더’로 내용만 잃은 자료를 저장해 쓰세요."
    )


def explain(err: Exception, path: Path) -> str:
    """What is wrong with a file or folder and what staff must do, in Korean; never a traceback."""
    text = str(err).lower()
    if "readonly" in text or "read-only" in text or "permission" in text:
        return f"{path}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주고 다시 켜세요."
    if "full" in text or "no space" in text or "too large" in text:
        return f"디스크가 가득 찼습니다({path}). 자리를 비우고 서버를 다시 켜세요. 저장된 신청은 그대로 있습니다."
    if "not a database" in text or "malformed" in text or "damaged" in text:
        return (
            f"자료 파일이 손상되었습니다: {path}. 파일을 지우지 말고 복사해 둔 뒤 "
            "‘python -m forms_api doctor’로 살펴보거나 백업에서 되살리세요."
        )
    if isinstance(err, FileExistsError | NotADirectoryError):
        return f"{josa(str(path), '은/는')} 폴더가 아닙니다. 자료 폴더의 주소를 고치세요."
    if isinstance(err, OSError | sqlite3.Error):
        return f"디스크에서 읽거나 쓰지 못했습니다({path}: {err}). 디스크를 확인하고 서버를 다시 켜세요."
    return f"자료를 다루지 못했습니다({path}: {type(err).__name__}). 서버를 다시 켜세요."
