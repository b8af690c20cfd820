"""Is everything that a store holds whole and in agreement? Looks, and changes nothing.

What a check finds is a sentence for staff that says what to do. What is whole comes along, ready to be saved.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from civic.errors import Misuse, why
from civic.korean import josa
from civic.store import folder_of
from civic.store.chain import Chain
from civic.store.contents import EVERYTHING, FILES, IN_BACKUP, Contents, agreement, read_rows, shortened
from civic.store.copies import opened
from civic.store.folder import BOX_FILE, ENTRIES, KEYS, check_box, check_length, check_version, is_blank
from civic.store.key_file import PLACE, check_tied, load
from civic.store.locks import server_of, stuck
from civic.store.session import SqliteSession, Transaction
from civic.store.tables import DERIVED

RESTORE = "서버를 끄고 폴더를 통째로 복사해 둔 뒤 백업에서 이 파일을 되살리세요."
REMEDY = (
    "서버를 끄고 폴더를 통째로 복사해 둔 뒤 백업에서 되살리세요. 백업이 없으면 "
    "‘python -m forms_api doctor --save 새폴더’로 온전한 것만 저장하거나 sqlite3의 .recover를 쓰세요."
)
ENOUGH = 200_000_000  # bytes free; less than that, or than the data itself, is said
IDLE = (  # sessions that keep their locks and do nothing
    "SELECT pid, coalesce(host(client_addr), application_name) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state IN ('idle in transaction', 'idle in transaction (aborted)') AND state_change < now() - interval '1 second'"
)
MOST = 3  # findings of one file's pages that are named
BROKEN = {
    ENTRIES: f"{josa(ENTRIES, '이/가')} 손상되었습니다: {{said}}. {REMEDY}",
    KEYS: f"감싼 열쇠 파일({{path}})이 손상되었습니다({{said}}). {RESTORE}",
    BOX_FILE: f"투표함 파일({{path}})이 손상되었습니다({{said}}). {RESTORE} --save는 투표함을 저장하지 않습니다.",
}


@dataclass
class Report:
    """What was found, and what of it can be saved."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # receipt numbers
    contents: Contents = field(default_factory=Contents)
    journal_key: bytes | None = None  # of the key file

    def take(self, findings: Iterable[str]) -> None:
        """Note what is wrong, up to where the look itself ends by Misuse."""
        try:
            for sentence in findings:
                self.wrong.append(sentence)
        except Misuse as err:
            self.wrong.append(str(err))


def examine(url: str, key_file: Path) -> Report:
    """Look at everything behind a store's address and at its key file. Raises Misuse when there is nothing there."""
    report = Report()
    folder = folder_of(url)
    if folder is None:
        report.take(_in_database(report, url))
    elif folder.is_dir():
        report.take(_in_folder(report, folder))
        for name in BROKEN:
            report.take(_in_file(report, folder / name))
    else:
        raise Misuse(f"자료 폴더 {josa(str(folder), '이/가')} 없습니다. --data에 적은 주소를 확인하세요.")
    if "entries" in report.contents.rows:
        report.told.append(f"{report.contents.extent}을 읽었습니다.")
        report.wrong += agreement(report.contents, report.lost)
    report.contents.recount()
    report.take(_in_keys(report, key_file))
    return report


def _in_folder(report: Report, folder: Path) -> Iterator[str]:
    if owner := server_of(folder):
        report.told.append(f"서버(프로세스 {owner})가 이 폴더를 쓰고 있습니다. 지금 순간의 자료를 봅니다.")
    if holder := stuck(folder):
        yield f"프로세스 {holder}가 자료를 잡고 놓지 않습니다. 멈춘 프로세스이면 끝내세요."
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield f"{folder}에 쓸 수 없습니다(읽기 전용이거나 권한이 없습니다). 서버 계정에 쓰기 권한을 주세요."
    if folder.stat().st_mode & 0o077:
        report.told.append(f"다른 계정도 {folder}에 들어갈 수 있습니다. ‘chmod 700 {folder}’를 권합니다.")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if free < max(ENOUGH, size):
        yield f"디스크의 빈 자리가 {free // 1_000_000:,}MB뿐입니다(자료 {size // 1_000_000:,}MB). 자리를 비우세요."


def _in_file(report: Report, path: Path) -> Iterator[str]:
    """What is wrong with the file of the entries, of the keys (looked at after it), or of the boxes. Raises Misuse."""
    is_entries = path.name == ENTRIES
    try:
        if path.name == BOX_FILE:
            check_box(path)
        if is_blank(path):
            if is_entries or (path.name == KEYS and report.contents.entries):
                state = "이 비어 있습니다(0바이트)" if path.exists() else "이 없습니다"
                yield f"{'신청' if is_entries else '감싼 열쇠'} 파일({path}){state}. {RESTORE}"
            return
        # Where no log is, nobody writes: immutable needs no memory map beside the file, which only who may write can make.
        has_log = not is_blank(path.with_name(f"{path.name}-wal"))
        is_still = is_entries and not has_log and not server_of(path.parent)
        with closing(opened(path, "immutable=1" if is_still else "mode=ro")) as file:
            session = SqliteSession(file)
            if is_entries:
                check_length(path)
                check_version(file, path)
            broken = _broken(session)
            yield from (BROKEN[path.name].format(path=path, said=said) for said in broken)
            if is_entries:
                yield from _read(report, session, FILES[ENTRIES])
            elif not broken:
                report.contents.rows |= read_rows(session, FILES[path.name])
    except (sqlite3.Error, OSError, UnicodeDecodeError) as err:
        said = why(err) if isinstance(err, OSError) else " ".join(str(err).split())
        yield BROKEN[path.name].format(path=path, said=said)


def _broken(session: Transaction) -> list[str]:
    """What SQLite itself finds: pages, and indexes that disagree with their table."""
    try:
        found = session.rows(f"PRAGMA integrity_check({MOST})")
    except (sqlite3.OperationalError, UnicodeDecodeError) as err:  # a body is no JSON or text any more
        return [str(err)]
    return [" ".join(line.split()) for (line,) in found if line != "ok"]


def _in_database(report: Report, url: str) -> Iterator[str]:
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import PostgresDatabase
    from civic.store.postgresql_server import WHOLE, usable

    with usable(url), closing(PostgresDatabase(url, WHOLE)) as database, database.snapshot() as session:
        yield from _read(report, session, EVERYTHING)
        for pid, host in session.rows(IDLE):
            yield f"PostgreSQL 세션 {pid}({host})가 1초 넘게 자료를 잡고 아무것도 하지 않습니다. 멈춘 프로그램이면 끝내세요."
        columns = " OR ".join(f"CAST({name} AS TEXT) <> body ->> '{name}'" for name in DERIVED)
        for (number,) in session.rows(f"SELECT number FROM entries WHERE {columns}"):  # noqa: S608 (own names)
            yield f"{number}: 신청과 그 색인이 다릅니다. REINDEX와 백업으로 바로잡으세요."


def _read(report: Report, session: Transaction, names: Iterable[str]) -> Iterator[str]:
    """Everything in these tables; what of it is damaged is named and left out."""
    contents, rows = report.contents, read_rows(session, names)
    # Out of their index: they name an entry whose body is damaged.
    contents.numbers = dict(session.rows("SELECT id, number FROM entries ORDER BY number"))
    contents.rows = rows
    for what, number in contents.check():
        yield f"{number or what}: 적힌 내용이 손상되었습니다({what}). {REMEDY}"
        if number and number not in report.lost:
            report.lost.append(number)


def _in_keys(report: Report, key_file: Path) -> Iterator[str]:
    """Does the key file open what was sealed? Raises Misuse."""
    contents = report.contents
    wrapped = {subject: key for subject, key, *_ in contents.of("keys") if key}
    if not key_file.exists():
        if wrapped:
            yield (
                f"키 파일({key_file})이 없습니다. 백업한 키 파일을 그 자리에 되돌려 놓으세요. "
                "다른 곳에 있으면 MADANG_KEYS로 알려 주세요."
            )
        if contents.journal:
            report.told.append("키 파일이 없어 기록이 적은 대로인지는 보지 못했습니다.")
        return
    try:
        keys = load(key_file)
    except OSError as err:
        yield f"키 파일({key_file})을 읽을 수 없습니다: {why(err)}. 권한을 확인하세요."
        return
    check_tied(keys, contents.fixed(PLACE), key_file)
    report.journal_key = keys.journal
    heads = {row[:2]: (row[-2], row[-1]) for row in contents.of("rounds")}
    yield from shortened(map(str, Chain(keys.journal).faults(contents.of("journal"), heads)))
    closed = {subject for subject, key in wrapped.items() if not keys.opens(subject, key)}
    for subject in sorted(closed):
        yield f"{subject}: 키 파일({key_file})로 열 수 없는 자료입니다. 이 자료와 함께 쓰던 키 파일을 되돌려 놓으세요."
    for entry in contents.entries:
        if entry.sealed and entry.subject in wrapped and entry.subject not in closed:
            try:
                keys.opened(wrapped[entry.subject], entry.subject, entry.number, entry.sealed)
            except Misuse:
                yield f"{entry.number}({entry.subject}): 봉인된 내용이 열리지 않습니다. {IN_BACKUP}"
