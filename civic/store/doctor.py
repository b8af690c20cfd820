"""Is everything that a store holds whole and in agreement? Looks, and changes nothing.

What a check finds is a sentence for staff that says what to do. What is whole comes along, ready to be saved.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from civic.errors import Misuse, Unavailable, why
from civic.korean import josa
from civic.store.agreement import agreement
from civic.store.box import BOX_FILE
from civic.store.contents import Contents, counted, read_boxes, read_contents, to_keys
from civic.store.copies import KEY_ROWS, boxes_of, reading
from civic.store.folder import (
    ENTRIES,
    KEYS,
    check_box,
    check_length,
    check_version,
    is_blank,
)
from civic.store.locks import PATIENCE, server_of
from civic.store.seal import Keys
from civic.store.session import Transaction
from civic.store.sqlite_session import SnapshotSession
from civic.store.tables import DERIVED

RESTORE = "서버를 끄고 폴더를 통째로 복사해 둔 뒤 백업에서 이 파일을 되살리세요."
REMEDY = (
    "서버를 끄고 폴더를 통째로 복사해 둔 뒤 백업에서 되살리세요. 백업이 없으면 "
    "‘python -m forms_api doctor --save 새폴더’로 온전한 것만 저장하거나 sqlite3의 .recover를 쓰세요."
)
ENOUGH = 200_000_000  # bytes free; less than that, or than the data itself, is said
MOST = 3  # findings of one file's pages that are named


@dataclass
class Report:
    """What was found, and what of it can be saved."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # receipt numbers
    contents: Contents = field(default_factory=Contents)


def examine(url: str, key_file: Path) -> Report:
    """Look at everything behind a store's address and at its key file. Raises Misuse when there is nothing there."""
    kind, _, rest = url.partition("://")
    report = Report()
    if kind == "tinydb" and rest:
        folder = Path(rest)
        if not folder.is_dir():
            raise Misuse(f"자료 폴더 {josa(str(folder), '이/가')} 없습니다. --data에 적은 주소를 확인하세요.")
        _look_at_folder(report, folder)
        is_read = _look_at_files(report, folder)
    elif kind == "postgresql" and rest:
        is_read = _look_at_database(report, url)
    else:
        raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")
    if is_read:
        report.told.append(
            f"신청 {len(report.contents.entries):,}건, 기록 {len(report.contents.journal):,}줄을 읽었습니다."
        )
        report.wrong += agreement(report.contents, report.lost)
    report.contents.counters, report.contents.used = counted(report.contents.entries)  # as they should be
    _look_at_keys(report, key_file)
    return report


# ------------------------------------------------------------ a data folder


def _look_at_folder(report: Report, folder: Path) -> None:
    owner = server_of(folder)
    if owner:
        report.told.append(f"서버(프로세스 {owner})가 이 폴더를 쓰고 있습니다. 지금 순간의 자료를 봅니다.")
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
        report.wrong.append(
            f"{folder}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주세요."
        )
    if folder.stat().st_mode & 0o077:
        report.told.append(f"다른 계정도 {folder}에 들어갈 수 있습니다. ‘chmod 700 {folder}’를 권합니다.")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if free < max(ENOUGH, size):
        report.wrong.append(
            f"디스크의 빈 자리가 {free // 1_000_000:,}MB뿐입니다(자료 {size // 1_000_000:,}MB). 자리를 비우세요."
        )


def _look_at_files(report: Report, folder: Path) -> bool:
    """Entries, then keys, then boxes; were entries read at all?"""
    path, is_read = folder / ENTRIES, False
    if is_blank(path):
        report.wrong.append(f"신청 파일({path}){_gone(path)}. {RESTORE}")
    else:
        try:
            with _looking(path) as file:
                check_length(path)
                check_version(file, path)
                report.wrong += _pages(file, ENTRIES)
                _read(report, SnapshotSession(file))
                is_read = True
        except Misuse as err:
            report.wrong.append(str(err))
        except (sqlite3.Error, OSError) as err:
            report.wrong.append(f"{josa(ENTRIES, '이/가')} 손상되었습니다: {_said(err)}. {REMEDY}")
    if is_blank(folder / KEYS):
        if report.contents.entries:
            report.wrong.append(f"감싼 열쇠 파일({folder / KEYS}){_gone(folder / KEYS)}. {RESTORE}")
    else:
        try:
            with reading(folder / KEYS) as session:
                report.contents.keys = to_keys(session.rows(KEY_ROWS))
        except sqlite3.Error as err:
            report.wrong.append(f"감싼 열쇠 파일({folder / KEYS})이 손상되었습니다: {_said(err)}. {RESTORE}")
    _look_at_boxes(report, folder / BOX_FILE)
    return is_read


@contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection]:
    """A file of entries at one moment, whether a server runs, it was killed, or the account may only read."""
    log = path.with_name(f"{path.name}-wal")
    # Where no log is, nobody writes: immutable needs no memory map beside the file, which only who may write can make.
    how = "mode=ro" if not is_blank(log) or server_of(path.parent) else "immutable=1"
    with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=PATIENCE)) as file:
        file.execute("BEGIN")
        yield file


def _pages(file: sqlite3.Connection, name: str) -> list[str]:
    """What SQLite itself finds: pages, and indexes that disagree with their table."""
    found = [line for (line,) in file.execute(f"PRAGMA integrity_check({MOST})") if line != "ok"]
    return [f"{josa(name, '이/가')} 손상되었습니다: {' '.join(line.split())}. {REMEDY}" for line in found]


def _look_at_boxes(report: Report, path: Path) -> None:
    try:
        check_box(path)
        if path.exists():
            with reading(path) as session:
                broken = [line for (line,) in session.rows("PRAGMA integrity_check(1)") if line != "ok"]
            if broken:
                raise sqlite3.DatabaseError(broken[0])
            report.contents.boxes = boxes_of(path)
    except Misuse as err:
        report.wrong.append(str(err))
    except sqlite3.Error as err:
        report.wrong.append(
            f"투표함 파일({path})이 손상되었습니다({_said(err)}). 서버를 끄고 파일을 복사해 둔 뒤 백업에서 되살리세요. "
            "--save는 투표함을 저장하지 않습니다."
        )


def _gone(path: Path) -> str:
    return "이 비어 있습니다(0바이트)" if path.exists() else "이 없습니다"


def _said(err: Exception) -> str:
    return why(err) if isinstance(err, OSError) else " ".join(str(err).split())


# ------------------------------------------------------------ a database


def _look_at_database(report: Report, url: str) -> bool:
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import PostgresDatabase
    from civic.store.postgresql_server import WHOLE, reason

    try:
        with closing(PostgresDatabase(url, WHOLE)) as database, database.snapshot() as session:
            _read(report, session)
            report.contents.keys = to_keys(session.rows(KEY_ROWS))
            report.contents.boxes = read_boxes(session)
            columns = " OR ".join(f"CAST({name} AS TEXT) <> body ->> '{name}'" for name in DERIVED)
            for (number,) in session.rows(f"SELECT number FROM entries WHERE {columns}"):  # noqa: S608 (own names)
                report.wrong.append(f"{number}: 신청과 그 색인이 다릅니다. REINDEX와 백업으로 바로잡으세요.")
    except Misuse as err:
        report.wrong.append(str(err))
        return False
    except Unavailable as err:
        report.wrong.append(
            f"PostgreSQL에서 자료를 읽지 못했습니다({reason(err.__cause__)}). 서버의 기록과 디스크를 확인하고 백업에서 되살리세요."
        )
        return False
    return True


# ------------------------------------------------------------ both


def _read(report: Report, session: Transaction) -> None:
    damaged: list[tuple[str, str]] = []
    report.contents = read_contents(session, damaged)
    for what, number in damaged:
        report.wrong.append(f"{number or what}: 적힌 내용이 손상되었습니다({what}). {REMEDY}")
        if number and number not in report.lost:
            report.lost.append(number)


def _look_at_keys(report: Report, key_file: Path) -> None:
    """Does the key file open what was sealed?"""
    contents = report.contents
    wrapped = {subject: key for subject, key, *_ in contents.keys if key}
    if not key_file.exists():
        if wrapped:
            report.wrong.append(
                f"키 파일({key_file})이 없습니다. 백업한 키 파일을 그 자리에 되돌려 놓으세요. "
                "다른 곳에 있으면 MADANG_KEYS로 알려 주세요."
            )
        return
    try:
        keys = Keys.load(key_file)
    except Misuse as err:
        report.wrong.append(str(err))
        return
    except OSError as err:
        report.wrong.append(f"키 파일({key_file})을 읽을 수 없습니다: {why(err)}. 권한을 확인하세요.")
        return
    closed = {subject for subject, key in wrapped.items() if not keys.opens(subject, key)}
    for subject in sorted(closed):
        report.wrong.append(
            f"{subject}: 키 파일({key_file})로 열 수 없는 자료입니다. 이 자료와 함께 쓰던 키 파일을 되돌려 놓으세요."
        )
    ring = _Ring(wrapped)
    for entry, _ in contents.entries:
        if entry.sealed and entry.subject in wrapped and entry.subject not in closed:
            try:
                keys.unseal(ring, entry.subject, entry.number, entry.sealed)
            except Misuse:
                report.wrong.append(
                    f"{entry.number}({entry.subject}): 봉인된 내용이 열리지 않습니다. 백업에서 이 신청을 확인하세요."
                )


class _Ring:
    """Wrapped keys that were read."""

    def __init__(self, wrapped: dict[str, bytes]) -> None:
        self._wrapped = wrapped

    def wrapped_key(self, subject: str) -> bytes | None:
        return self._wrapped.get(subject)

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        raise TypeError("only read")

    def drop_key(self, subject: str, at: datetime) -> None:
        raise TypeError("only read")
