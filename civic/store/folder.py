"""The data folder: its files opened, never begun anew beside what is left of an older one, and its troubles said in
plain words."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from civic.errors import Misuse, Unavailable
from civic.korean import josa
from civic.store import tables
from civic.store.locks import PATIENCE, WritingTurn, serve
from civic.store.tables import SQLITE

ENTRIES, KEYS, BOX_FILE = "madang.sqlite3", "keys.sqlite3", "votes.sqlite3"
APPLICATION = int.from_bytes(b"mada")  # in the header of the file of entries: no other file takes its place
OLDEST_SQLITE = (3, 31)  # derived columns
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.glusterfs")
# autocheckpoint: 16 MB of log before it is folded in.
PRAGMAS = ("synchronous=FULL", "temp_store=MEMORY", "wal_autocheckpoint=4000", "cache_size=-8000")
# Words in an error of the system or of SQLite, and what staff are told; {} is the file or folder, {topic} the same with 은/는.
SAID = {
    "readonly|read-only|permission": "{}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주고 다시 켜세요.",
    "full|no space|too large": "디스크가 가득 찼습니다({}). 자리를 비우세요. 그러면 스스로 다시 받습니다. 저장된 신청은 그대로 있습니다.",
    "not a database|malformed|damaged|codec": "자료 파일이 손상되었습니다: {}. 파일을 지우지 말고 복사해 둔 뒤 "
    "‘python -m forms_api doctor’로 살펴보거나 백업에서 되살리세요.",
    "no such file": "자료 파일이 옮겨졌거나 없어졌거나 다른 것으로 바뀌었습니다({}). 서버를 끄고 제자리에 되돌린 뒤 다시 켜세요.",
    "file exists|not a directory": "{topic} 폴더가 아닙니다. 자료 폴더의 주소를 고치세요.",
}
FOREIGN = "{}은 마당의 신청 파일이 아닙니다. 자료 폴더의 주소와 파일을 확인하세요."


def explain(err: BaseException, path: Path) -> str:
    """What is wrong with a file or folder and what staff must do, in Korean; never a traceback."""
    err = err.__cause__ or err if isinstance(err, Unavailable) else err
    said = str(getattr(err, "strerror", None) or err).lower()  # not its path, in which any word may stand
    # Of a journal that is open already it says no more.
    if "i/o error" in said and not os.access(path.parent, os.W_OK):
        said = "readonly"
    for words, sentence in SAID.items():
        if re.search(words, said):
            return sentence.format(path, topic=josa(str(path), "은/는"))
    if isinstance(err, OSError | sqlite3.Error):
        return f"디스크에서 읽거나 쓰지 못했습니다({path}: {err}). 디스크를 확인하고 서버를 다시 켜세요."
    return f"자료를 다루지 못했습니다({path}: {type(err).__name__}). 서버를 다시 켜세요."


@contextmanager
def explained(path: Path, first: str = "") -> Iterator[None]:
    """Whatever goes wrong in the block with this file or folder is Misuse in plain words, behind `first`."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError, Unavailable) as err:
        raise Misuse(first + explain(err, path)) from err


def serving(folder: Path) -> BinaryIO:
    """As `locks.serve`. Raises InUse, Misuse (it cannot be made or written)."""
    with explained(folder):
        return serve(folder)


def prepared(path: Path, turn: WritingTurn) -> sqlite3.Connection:
    """The connection that writes into a file of entries, new or old. Raises Misuse, sqlite3.Error, OSError.

    A new file gets its tables; an old one is checked: ours, of this version, whole as far as can be seen at once.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Misuse(f"SQLite {sqlite3.sqlite_version}은 너무 오래되었습니다. 3.31 이상을 설치하세요.")
    check_place(path.parent)
    check_entries(path.parent)
    check_length(path)
    connection = connect(path)
    try:
        for line in PRAGMAS:
            connection.execute(f"PRAGMA {line}")
        if not _header(connection)[0]:
            turn.take(time.monotonic() + PATIENCE)
            try:
                _make(connection, path)
            finally:
                turn.give_up()
        check_version(connection, path)
        connection.execute("PRAGMA journal_mode=WAL")
        try:  # a folder that became read-only is noticed now, not at the first citizen's post
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as err:
            if "locked" not in str(err):  # somebody is writing
                raise
    except BaseException:
        connection.close()
        raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of another program or of another version. Raises Misuse: says what to do."""
    version, application = _header(connection)
    if application != APPLICATION:
        raise Misuse(FOREIGN.format(path))
    tables.check_version(version, str(path))


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
    """The version of a file's tables (0: none) and the program whose file it is."""
    names = ("user_version", "application_id")
    version, application = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
    return version, application


def _make(connection: sqlite3.Connection, path: Path) -> None:
    if _header(connection)[0]:  # another process was faster
        return
    if not is_blank(path.with_name(KEYS)):
        raise sqlite3.DatabaseError("damaged: no tables")
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise Misuse(FOREIGN.format(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    for line in tables.made(tables.TABLES, SQLITE):
        connection.execute(line)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={tables.VERSION}")
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


def check_place(folder: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Refuse a folder on another machine: its locks and its memory map are not ours. Raises Misuse."""
    try:
        listed = [line.split() for line in mounts.read_text("utf-8").splitlines()]
    except OSError:  # no such list here
        return
    around = [(where, kind) for _, where, kind, *_ in listed if folder.resolve().is_relative_to(where)]
    _, kind = max(around, key=lambda mount: len(mount[0]), default=("", ""))
    if kind in REMOTE:
        raise Misuse(
            f"자료 폴더 {josa(str(folder), '이/가')} 네트워크 드라이브({kind})에 있습니다. "
            "신청을 잃을 수 있어 시작하지 않습니다. 이 컴퓨터의 디스크에 있는 폴더를 정하세요."
        )


def connect(path: Path, timeout: float = PATIENCE) -> sqlite3.Connection:
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
    left = [name for name in (KEYS, f"{ENTRIES}-wal") if not is_blank(folder / name)]
    if left and is_blank(folder / ENTRIES):
        advice = "처음부터 새로 시작하려면 다른 자료 폴더를 정하세요."
        raise _lost("신청", folder / ENTRIES, left, "신청을", advice)


def check_there(folder: Path) -> None:
    """Refuse a folder in which no data is, or no more. Raises Misuse."""
    check_entries(folder)
    if is_blank(folder / ENTRIES):
        raise Misuse(f"자료 폴더 {folder}에 신청이 없습니다. 적은 주소를 확인하세요.")


def check_box(path: Path) -> None:
    """Refuse to begin a new ballot box where one was lost: its empty journal is still there. Raises Misuse.

    The file is there before its first journal, and written to before a journal is emptied.
    """
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists() and (not path.exists() or (is_blank(path) and is_blank(journal))):
        advice = f"빈 투표함으로 새로 시작하려면 {josa(journal.name, '을/를')} 지우세요."
        raise _lost("투표함", path, [journal.name], "표를", advice)


def _lost(kind: str, path: Path, left: list[str], what: str, advice: str) -> Misuse:
    return Misuse(
        f"{kind} 파일({path})이 {'비어 있는데' if path.exists() else '없는데'} {josa(', '.join(left), '은/는')} 남아 있습니다. "
        f"{what} 잃은 폴더이므로 새로 시작하지 않습니다. 폴더를 통째로 복사해 둔 뒤 백업에서 "
        f"{josa(path.name, '을/를')} 되살리세요. {advice}"
    )
