"""The data folder: made when missing, held by one server at a time, and its troubles said in plain words."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from civic.errors import InUse, Misuse

LOCK = "lock"


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
                f"자료 폴더 {folder}을(를) 다른 서버(프로세스 {owner})가 쓰고 있습니다. "
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
        return f"{path}은(는) 폴더가 아닙니다. 자료 폴더의 주소를 고치세요."
    if isinstance(err, OSError | sqlite3.Error):
        return f"디스크에서 읽거나 쓰지 못했습니다({path}: {err}). 디스크를 확인하고 서버를 다시 켜세요."
    return f"자료를 다루지 못했습니다({path}: {type(err).__name__}). 서버를 다시 켜세요."
