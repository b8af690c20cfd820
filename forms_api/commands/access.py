"""Who among staff looked at whose data, when, and what for: one line per act, written before it is shown.

Kept for a year by the office (개인정보의 안전성 확보조치 기준 제8조). Receipt numbers stand for people; no
name, phone or answer is written here.
"""

from __future__ import annotations

import getpass
import json
import os
from datetime import datetime
from pathlib import Path

from civic.errors import Misuse, why


def who() -> str:
    """The account that runs the command: "staff:<name>"."""
    try:
        return f"staff:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"staff:{os.getuid()}"


def note(file: Path, at: datetime, act: str, subject: str, number: str = "", count: int = 1) -> None:
    """Add a line and sync it. Raises Misuse when it cannot be written: then nothing may be shown."""
    line = {"at": at.isoformat(timespec="seconds"), "who": who(), "from": "command line", "act": act}
    line |= {"subject": subject, "number": number, "count": count}  # type: ignore[dict-item]  # one int
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as err:
        raise Misuse(
            f"열람 기록({file})을 쓸 수 없어 보여 주지 않습니다: {why(err)}. 권한을 확인하세요."
        ) from err
