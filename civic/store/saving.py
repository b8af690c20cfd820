"""A fresh data folder from what was read elsewhere: whole, durable, and opened once before anyone relies on it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from civic.errors import Misuse
from civic.store.box import BOX_FILE
from civic.store.box_sqlite import SqliteBox
from civic.store.documents import to_document
from civic.store.folder import ENTRIES, KEYS, explain
from civic.store.indexes import TABLE
from civic.store.keys import KeyFile
from civic.store.moving import Contents, read_folder
from civic.store.rows import Rows, Work

AT_ONCE = 5000  # entries in one transaction


def check_place(folder: Path, source: Path | None) -> None:
    """May a folder be made there? Raises Misuse when something is in it, or when it lies in the one it is made from."""
    if source and folder.resolve().is_relative_to(source.resolve()):
        raise Misuse(f"저장할 폴더({folder})는 자료 폴더({source}) 밖에 두세요.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"저장할 폴더({folder})에 이미 무엇이 있습니다. 빈 폴더나 새 이름을 적으세요.")


def write_folder(contents: Contents, folder: Path) -> None:
    """Put everything into a new folder and read it back. Raises Misuse when it did not arrive (full disk …)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(Rows(folder / ENTRIES)) as rows:
            for start in range(0, len(contents.entries), AT_ONCE):
                bodies: dict[tuple[str, int], str | None] = {
                    (TABLE, start + i + 1): json.dumps(
                        to_document(entry, [(key, n, tuple(states)) for key, n, states in held]),
                        ensure_ascii=False,
                    )
                    for i, (entry, held) in enumerate(contents.entries[start : start + AT_ONCE])
                }
                rows.write([Work(bodies=bodies)])
            messages = [(each.kind, each.subject, each.number, each.due) for each in contents.messages]
            rows.write([Work(changes=contents.journal, messages=messages)])
        with closing(KeyFile(folder / KEYS)) as keys:
            for subject, wrapped, dropped in contents.keys:
                if wrapped:
                    keys.keep(subject, wrapped)
                elif dropped:
                    keys.drop(subject, dropped)
        _write_boxes(contents, folder / BOX_FILE)
    except (sqlite3.Error, OSError) as err:
        raise Misuse(explain(err, folder)) from err
    arrived = read_folder(folder).digests()
    sent = contents.digests()
    if any(arrived[name] != sent[name] for name in ("신청", "기록", "보낼 알림", "열쇠", "투표함")):
        raise Misuse(
            f"{folder}에 저장한 자료가 읽은 자료와 다릅니다. 디스크를 확인하고 다른 곳에 다시 저장하세요."
        )


def _write_boxes(contents: Contents, path: Path) -> None:
    if not any(contents.boxes.values()):
        return
    SqliteBox(path).shut()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA secure_delete=ON")
        file.execute("BEGIN IMMEDIATE")
        for name, rows in contents.boxes.items():
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                file.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608 (own names)
        file.execute("COMMIT")
