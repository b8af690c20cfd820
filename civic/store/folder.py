"""The data folder: its files opened, never begun anew beside what is left of an older one, and its troubles said in
plain words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path

from civic.errors import Misuse, Unavailable
from civic.korean import josa
from civic.store import tables
from civic.store.dialect import SQLITE
from civic.store.locks import PATIENCE, Serving, WritingTurn

ENTRIES, KEYS = "madang.sqlite3", "keys.sqlite3"
APPLICATION = int.from_bytes(b"mada")  # in the header of the file of entries: no other file takes its place
OLDEST_SQLITE = (3, 31)  # derived columns
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.glusterfs")


def serving(folder: Path) -> Serving:
    """The right of one server to a folder. Raises InUse, Misuse (it cannot be made or written)."""
    try:
        return Serving(folder)
    except OSError as err:
        raise Misuse(explain(err, folder)) from err


def prepared(path: Path, turn: WritingTurn) -> sqlite3.Connection:
    """The connection that writes into a file of entries, new or old. Raises Misuse, sqlite3.Error, OSError.

    A new file gets its tables; an old one is checked: ours, of this version, whole as far as can be seen at once.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Misuse(f"SQLite {sqlite3.sqlite_version}은 너무 오래되었습니다. 3.31 이상을 설치하세요.")
    check_place(path.parent)
    check_entries(path.parent)
    check_length(path)
    connection = connect(path, timeout=PATIENCE)
    try:
        for line in ("synchronous=FULL", "temp_store=MEMORY", "wal_autocheckpoint=4000", "cache_size=-8000"):
            connection.execute(f"PRAGMA {line}")  # autocheckpoint: 16 MB of log before it is folded in
        if not version_of(connection):
            turn.take(time.monotonic() + PATIENCE)
            try:
                _make(connection, path)
            finally:
                turn.give_up()
        check_version(connection, path)
        connection.execute("PRAGMA journal_mode=WAL")
        _check_writable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a file's tables; 0 for a file without any."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of another program or of another version. Raises Misuse: says what to do."""
    version = version_of(connection)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if version == tables.FIRST - 1 and not application:
        raise Misuse(f"{path}은 시험판의 자료라 쓸 수 없습니다. 새 자료 폴더를 정하세요.")
    if application != APPLICATION:
        raise Misuse(f"{path}은 마당의 신청 파일이 아닙니다. 자료 폴더의 주소와 파일을 확인하세요.")
    if version > tables.VERSION:
        raise Misuse(
            f"자료 파일이 더 새로운 판의 마당에서 만들어졌습니다(자료 {version}, 프로그램 {tables.VERSION}). "
            "다른 판의 자료이니 그 판의 프로그램을 쓰세요."
        )
    if version < tables.VERSION:
        raise Misuse(
            f"자료 파일의 판이 {version}이고 필요한 판은 {tables.VERSION}입니다. python -m forms_api migrate 를 실행하세요."
        )


def migrate_folder(folder: Path) -> tuple[int, int]:
    """Bring a folder's file of entries to the newest version: (before, after). Raises InUse, Misuse."""
    path = folder / ENTRIES
    if is_blank(path):
        raise Misuse(f"자료 폴더 {folder}에 신청이 없습니다. --data에 적은 주소를 확인하세요.")
    hold = serving(folder)
    try:
        with closing(connect(path, timeout=PATIENCE)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            before = version_of(connection)
            if not tables.FIRST <= before <= tables.VERSION:
                check_version(connection, path)
            after = tables.migrate(connection.execute, SQLITE, before)
            connection.execute(f"PRAGMA user_version={after}")
            connection.execute("COMMIT")
            return before, after
    except (sqlite3.Error, OSError) as err:
        raise Misuse(explain(err, path)) from err
    finally:
        hold.release()


def _make(connection: sqlite3.Connection, path: Path) -> None:
    if version_of(connection):  # another process was faster
        return
    if not is_blank(path.with_name(KEYS)):
        raise sqlite3.DatabaseError("damaged: no tables")
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise Misuse(f"{path}은 마당의 신청 파일이 아닙니다. 자료 폴더의 주소와 파일을 확인하세요.")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    version = tables.migrate(connection.execute, SQLITE, 0)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={version}")
    connection.execute("COMMIT")


def check_length(path: Path) -> None:
    """A file shorter than its header says was cut off; while there is a log the rest may lie in there."""
    if is_blank(path) or not is_blank(path.with_name(f"{path.name}-wal")):
        return
    with path.open("rb") as file:
        header = file.read(100)
    pages, size = int.from_bytes(header[28:32]), int.from_bytes(header[16:18])
    if header.startswith(b"SQLite format 3") and pages * (size if size > 1 else 65536) > path.stat().st_size:
        raise sqlite3.DatabaseError("damaged: the file was cut off")


def _check_writable(connection: sqlite3.Connection) -> None:
    """A folder that became read-only is noticed now, not at the first citizen's post."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as err:
        if "locked" not in str(err):  # somebody is writing
            raise


def check_place(folder: Path) -> None:
    """Refuse a folder on another machine: its locks and its memory map are not ours. Raises Misuse."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except OSError:  # no such list here
        return
    around = [(mount[1], mount[2]) for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    _, kind = max(around, key=lambda mount: len(mount[0]), default=("", ""))
    if kind in REMOTE:
        raise Misuse(
            f"자료 폴더 {josa(str(folder), '이/가')} 네트워크 드라이브({kind})에 있습니다. "
            "신청을 잃을 수 있어 시작하지 않습니다. 이 컴퓨터의 디스크에 있는 폴더를 정하세요."
        )


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


def explain(err: BaseException, path: Path) -> str:
    """What is wrong with a file or folder and what staff must do, in Korean; never a traceback."""
    err = err.__cause__ or err if isinstance(err, Unavailable) else err
    text = str(err).lower()
    if "readonly" in text or "read-only" in text or "permission" in text:
        return f"{path}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주고 다시 켜세요."
    if "full" in text or "no space" in text or "too large" in text:
        return f"디스크가 가득 찼습니다({path}). 자리를 비우세요. 그러면 스스로 다시 받습니다. 저장된 신청은 그대로 있습니다."
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
