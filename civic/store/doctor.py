"""Is everything that a store holds whole and in agreement? Looks, and changes nothing.

What a check finds is a sentence for staff that says what to do. What is whole comes along, ready to be saved.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from civic.clock import SEOUL
from civic.errors import InUse, Misuse, Refused, why
from civic.korean import josa
from civic.store.agreement import agreement
from civic.store.box import BOX_FILE
from civic.store.door import Visit
from civic.store.folder import ENTRIES, KEYS, LOCK, check_box, is_blank
from civic.store.keys import KeyFile
from civic.store.moving import counted, read_boxes
from civic.store.rescue import REMEDY, Reader, Report
from civic.store.rows import VERSION, Rows
from civic.store.salvage import UnreadableError, copy_of, integrity, open_copy, readable
from civic.store.seal import Keys

RESTORE = "서버를 끄고 폴더를 통째로 복사해 둔 뒤 백업에서 이 파일을 되살리세요."
ENOUGH = 200_000_000  # bytes free; less than that, or than the data itself, is said


def examine(url: str, key_file: Path) -> Report:
    """Look at everything behind a store's address and at its key file. Raises Misuse when there is nothing there."""
    kind, _, rest = url.partition("://")
    if kind == "tinydb" and rest:
        return examine_folder(Path(rest), key_file)
    if kind == "postgresql" and rest:
        # Only where it is wanted: the packages behind it are optional.
        from civic.store.postgresql.doctor import examine_database

        report = Report()
        report.contents, report.wrong[:] = examine_database(url)
        if not report.wrong:
            report.told.append(f"신청 {len(report.contents.entries):,}건을 읽었습니다.")
            report.wrong += agreement(report.contents, report.lost)
        look_at_keys(report, key_file)
        return report
    raise Misuse("자료의 주소는 tinydb://폴더 또는 postgresql://… 로 적으세요.")


def examine_folder(folder: Path, key_file: Path) -> Report:
    """A data folder, with or without a server that runs on it. Raises Misuse when there is none."""
    if not folder.is_dir():
        raise Misuse(f"자료 폴더 {josa(str(folder), '이/가')} 없습니다. --data에 적은 주소를 확인하세요.")
    report = Report()
    with _held(folder) as owner, tempfile.TemporaryDirectory(prefix="madang-doctor-") as room:
        if owner:
            report.told.append(
                f"서버(프로세스 {owner})가 이 폴더를 쓰고 있습니다. 지금 순간의 자료를 봅니다."
            )
        _look_at_folder(report, folder)
        before = _remembered(folder) if owner else None
        try:
            _look_at_entries(report, folder, Path(room), bool(owner))
            _look_at_wrapped(report, folder, Path(room), bool(owner))
        except OSError as err:
            report.wrong.append(
                f"파일을 읽지 못했습니다({err.filename}: {why(err)}). 권한과 디스크를 확인하세요."
            )
        _look_at_boxes(report, folder)
        counters, report.contents.used = counted(report.contents.entries)
        report.contents.counters = counters
        if before is not None and before == _remembered(folder):
            _compare(report, before)
    report.wrong += agreement(report.contents, report.lost)
    look_at_keys(report, key_file)
    return report


def look_at_keys(report: Report, key_file: Path) -> None:
    """Does the key file open what was sealed?"""
    contents = report.contents
    wrapped = {subject: key for subject, key, _ in contents.keys if key}
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


@contextmanager
def _held(folder: Path) -> Iterator[str]:
    """The process that uses the folder, or "": then no server can start until the block ends."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # never used, or a copy without its lock
        yield ""
        return
    try:
        owner = ""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
        yield owner
    finally:
        os.close(handle)


def _look_at_folder(report: Report, folder: Path) -> None:
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
        report.wrong.append(
            f"{folder}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주세요."
        )
    if folder.stat().st_mode & 0o077:
        report.told.append(f"다른 계정도 {folder}에 들어갈 수 있습니다. ‘chmod 700 {folder}’를 권합니다.")
    held = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if free < max(ENOUGH, held):
        report.wrong.append(
            f"디스크의 빈 자리가 {free // 1_000_000:,}MB뿐입니다(자료 {held // 1_000_000:,}MB). 자리를 비우세요."
        )


def _look_at_entries(report: Report, folder: Path, room: Path, live: bool) -> None:
    path = folder / ENTRIES
    if is_blank(path):
        report.wrong.append(f"신청 파일({path}){_gone(path)}. {RESTORE}")
        return
    log = path.with_name(f"{ENTRIES}-wal")
    if live and not log.exists():
        report.wrong.append(
            f"서버가 쓰는 기록 파일({log})이 없습니다. 파일을 지운 사람이 있는지 확인하고 서버를 다시 켜세요."
        )
    if not live and log.exists() and log.stat().st_size:
        report.told.append(
            "서버가 갑자기 꺼졌습니다. 마지막 기록은 다음에 켤 때 스스로 정리됩니다. 할 일은 없습니다."
        )
    try:
        report.wrong += [f"{said} {REMEDY}" for said in copy_of(path, room, live, _empty_rows)]
    except UnreadableError as err:
        report.wrong.append(f"신청 파일을 읽을 수 없습니다({err}). {REMEDY}")
        return
    with closing(open_copy(room / ENTRIES)) as file:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            report.wrong.append(
                f"자료 파일이 다른 판의 마당에서 만들어졌습니다(자료 {version}, 프로그램 {VERSION}). 그 판의 프로그램을 쓰세요."
            )
            return
        broken = [] if any("첫 쪽" in said for said in report.wrong) else integrity(file)
        report.wrong += [f"{josa(ENTRIES, '이/가')} 손상되었습니다: {line}. {REMEDY}" for line in broken[:3]]
        if len(broken) > 3:
            report.wrong.append(f"{ENTRIES}: 같은 손상이 {len(broken) - 3}곳 이상 더 있습니다. {REMEDY}")
        reader = Reader(file, room / ENTRIES, bool(report.wrong))
        reader.read(report)
    report.told.append(
        f"신청 {len(report.contents.entries):,}건, 기록 {len(report.contents.journal):,}줄을 읽었습니다."
    )


def _empty_rows(path: Path) -> None:
    Rows(path).close()


def _empty_keys(path: Path) -> None:
    KeyFile(path).close()


def _look_at_wrapped(report: Report, folder: Path, room: Path, live: bool) -> None:
    if is_blank(folder / KEYS):
        if report.contents.entries:
            report.wrong.append(f"감싼 열쇠 파일({folder / KEYS}){_gone(folder / KEYS)}. {RESTORE}")
        return
    try:
        said = copy_of(folder / KEYS, room, live, _empty_keys)
        with closing(open_copy(room / KEYS)) as file:
            said += [f"{josa(KEYS, '이/가')} 손상되었습니다: {line}." for line in integrity(file, 1)]
            query = "SELECT subject, wrapped, dropped FROM keys"
            subjects = sorted({entry.subject for entry, _ in report.contents.entries})
            for subject, wrapped, at in readable(file, query, f"{query} WHERE subject = ?", subjects):
                dropped = datetime.fromisoformat(at).astimezone(SEOUL) if at else None
                report.contents.keys.append((subject, wrapped, dropped))
    except UnreadableError as err:
        said = [f"감싼 열쇠 파일을 읽을 수 없습니다({err})."]
    report.wrong += [f"{each} {REMEDY}" for each in said]


def _gone(path: Path) -> str:
    return "이 비어 있습니다(0바이트)" if path.exists() else "이 없습니다"


def _look_at_boxes(report: Report, folder: Path) -> None:
    """The ballot boxes, where they lie: copies of envelopes are not spread about."""
    path = folder / BOX_FILE
    try:
        check_box(path)
    except Misuse as err:
        report.wrong.append(str(err))
        return
    if not path.exists():
        return
    said: Iterable[str] = ()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)) as file:
            said = integrity(file, 1)
        if not said:
            report.contents.boxes = read_boxes(path)
    except sqlite3.Error as err:
        said = [str(err)]
    report.wrong += [
        f"투표함 파일({path})이 손상되었습니다({line}). 서버를 끄고 파일을 복사해 둔 뒤 백업에서 되살리세요. "
        "--save는 투표함을 저장하지 않습니다."
        for line in said
    ]


def _remembered(folder: Path) -> dict[tuple[str, str], tuple[int, int, int]] | None:
    """What the running server counts, asked through its door; None when it does not answer."""
    try:
        with closing(Visit(folder)) as visit:
            return {
                (subject, round): (held.taken, held.waiting, held.received)
                for subject in visit.subjects()
                for round, held in visit.counts(subject).items()
            }
    except (InUse, Refused):
        return None


def _compare(report: Report, before: dict[tuple[str, str], tuple[int, int, int]]) -> None:
    """The server's memory beside its file; called only when its counts stood still meanwhile."""
    for key, (taken, waiting, received, _) in report.contents.counters.items():
        if before.get(key) != (taken, waiting, received):
            report.wrong.append(
                f"{key[0]} {key[1]}: 서버가 기억하는 인원과 파일의 신청이 다릅니다. 서버를 다시 켜세요. 파일에서 다시 셉니다."
            )
