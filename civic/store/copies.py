"""Copies of everything: into a new data folder, into a PostgreSQL database, as a backup beside a running server."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from civic.errors import Misuse, Unavailable
from civic.store import folder as files
from civic.store import open_store
from civic.store.contents import EVERYTHING, FILES, Contents, read_rows, write_rows
from civic.store.entry import DamagedError
from civic.store.locks import PATIENCE
from civic.store.private_file import PrivateFile
from civic.store.session import SqliteSession, Transaction
from civic.store.tables import BOXES

COUNT_ON = "SELECT setval(pg_get_serial_sequence('{0}', 'id'), coalesce(max(id), 0) + 1, false) FROM {0}"
OCCUPIED = (
    "옮길 곳에 이미 다른 신청이 있어 아무것도 바꾸지 않았습니다. 빈 데이터베이스를 쓰세요. "
    "(앞서 옮긴 뒤 바뀌지 않은 자료만 다시 옮길 수 있습니다.)"
)


def check_new(folder: Path, source: Path | None) -> None:
    """May a folder be made there? Raises Misuse when something is in it, or when it lies in the one it is made from."""
    if source and folder.resolve().is_relative_to(source.resolve()):
        raise Misuse(f"저장할 폴더({folder})는 자료 폴더({source}) 밖에 두세요.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"저장할 폴더({folder})에 이미 무엇이 있습니다. 빈 폴더나 새 이름을 적으세요.")


def read_folder(folder: Path) -> Contents:
    """Everything in a data folder, which no server may hold meanwhile.

    Raises InUse (a server runs), Misuse (no data there, lost in part, or damaged: says what to do).
    """
    files.check_there(folder)
    files.check_box(folder / files.BOX_FILE)
    with closing(files.serving(folder)), files.explained(folder / files.ENTRIES):
        open_store(f"tinydb://{folder}").close()  # is all of it there?
        contents = Contents()
        for path in _filled(folder):
            with closing(opened(path)) as file:
                contents.rows |= read_rows(SqliteSession(file), FILES[path.name])
        if contents.check():
            raise sqlite3.DatabaseError("damaged")
        return contents


def _filled(folder: Path) -> list[Path]:
    """The files of a folder in which anything is."""
    return [folder / name for name in FILES if not files.is_blank(folder / name)]


def opened(path: Path, how: str = "mode=ro") -> sqlite3.Connection:
    """A file of a folder at one moment, only to be read. Raises sqlite3.Error."""
    file = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=PATIENCE)
    # So that one bad byte spoils one row.
    file.text_factory = lambda text: text.decode(errors="surrogateescape")
    file.execute("BEGIN")
    return file


def write_folder(contents: Contents, folder: Path) -> None:
    """Put everything into a new folder and read it back. Raises Misuse when it did not arrive (full disk …)."""
    with files.explained(folder):
        open_store(f"tinydb://{folder}").close()
        for name, tables in FILES.items():
            rows = {table: contents.of(table) for table in tables if contents.of(table)}
            if rows:
                made = BOXES if name == files.BOX_FILE else {}
                with closing(PrivateFile(folder / name, made)) as file, file.transaction() as session:
                    write_rows(session, rows)
    if read_folder(folder).digests() != contents.digests():
        raise Misuse(
            f"{folder}에 저장한 자료가 읽은 자료와 다릅니다. 디스크를 확인하고 다른 곳에 다시 저장하세요."
        )


def back_up(folder: Path, target: Path) -> None:
    """A copy of a data folder as it is now, beside a running server: entries first, so that the keys know all of them.

    Raises Misuse: the target is not new, or the copy failed.
    """
    check_new(target, folder)
    files.check_there(folder)
    with files.explained(target, "백업하지 못했습니다. "):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = (
            target / f"{files.ENTRIES}.part"
        )  # named last: without entries a folder is refused, without ballots not
        for path in _filled(folder):
            place = draft if path.name == files.ENTRIES else target / path.name
            # In one step: in small ones it would begin anew at every write.
            with closing(files.connect(path)) as file, closing(files.connect(place)) as into:
                file.backup(into)
        draft.replace(target / files.ENTRIES)
        open_store(f"tinydb://{target}").close()


def restore(source: Path, folder: Path) -> Contents:
    """Make a data folder from a backup; what is in it. Raises Misuse: nothing is ever written over."""
    check_new(folder, source)
    files.check_there(source)
    with files.explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in sorted(source.iterdir(), key=lambda file: file.name == files.ENTRIES):  # the entries last
            if file.name.startswith(tuple(FILES)):  # and the logs beside them
                draft = Path(shutil.copyfile(file, folder / f"{file.name}.part"))
                draft.chmod(0o600)
                draft.replace(folder / file.name)
    return read_folder(folder)


def receive(url: str, contents: Contents, source: str, at: datetime) -> dict[str, tuple[int, str]]:
    """Put everything into a database and read it back; the digests of what is there, equal to the source's.

    May be repeated: what an earlier move brought, and nobody has changed since, is replaced; nothing is where there
    is other data, or where what arrived is not what was sent. Raises Unavailable for both, Misuse (not ready: what to do).
    """
    from civic.store.postgresql import PostgresDatabase
    from civic.store.postgresql_server import WHOLE

    names = ", ".join(EVERYTHING)
    with closing(PostgresDatabase(url, WHOLE)) as database, database.transaction() as session:
        session.run(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        there = everything(session)
        last = session.rows("SELECT digests FROM moves ORDER BY id DESC LIMIT 1")
        if any(there.rows.values()) and (not last or last[0][0] != json.dumps(there.digests())):
            raise Unavailable(OCCUPIED)
        session.run(f"TRUNCATE {names} RESTART IDENTITY")
        write_rows(session, contents.rows)
        for name in ("entries", "journal"):
            session.run(COUNT_ON.format(name))
        arrived, sent = everything(session).digests(), contents.digests()
        wrong = [name for name in sent if arrived[name] != sent[name]]
        if wrong:
            raise Unavailable(f"옮긴 자료가 원본과 달라 모두 되돌렸습니다: {', '.join(wrong)}")
        values = (at.isoformat(), source, json.dumps(arrived))
        session.run("INSERT INTO moves (at, source, digests) VALUES (?, ?, ?)", values)
        session.run("ANALYZE")
    return sent


def everything(session: Transaction) -> Contents:
    """All that a database of PostgreSQL holds. Raises DamagedError."""
    contents = Contents(read_rows(session, EVERYTHING))
    damaged = contents.check()
    if damaged:
        raise DamagedError(damaged[0][0])
    return contents
