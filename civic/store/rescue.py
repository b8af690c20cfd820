"""What the file of entries says, read row by row: where it is damaged, all that can still be had, and what cannot."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from civic.clock import SEOUL
from civic.store.book import Change, Message
from civic.store.documents import to_entry
from civic.store.indexes import TABLE
from civic.store.moving import Contents
from civic.store.salvage import readable, scattered

REMEDY = (
    "서버를 끄고 폴더를 통째로 복사해 둔 뒤, 백업에서 되살리거나 "
    "‘python -m forms_api doctor --save 새폴더’로 온전한 것을 저장하세요."
)
NUMBER = re.compile(r'"number": "([0-9A-Z]{4}-[0-9A-Z]{4})"')


@dataclass
class Report:
    """What was found. `wrong` must be seen to; `told` is good to know; `lost` are receipt numbers (or rows) not to be had."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    contents: Contents = field(default_factory=Contents)


class Reader:
    """Reads the rows of a copied file of entries; where it is damaged, all that can still be had."""

    def __init__(self, file: sqlite3.Connection, copy: Path, damaged: bool) -> None:
        self._file = file
        self._stray_documents: dict[int, list[dict[str, Any]]] = {}
        self._stray_lines: dict[int, tuple[Any, ...]] = {}
        self._stray_numbers: set[str] = set()  # of index pages: known to have been, nothing more
        if damaged:
            self._gather(copy)

    def read(self, report: Report) -> None:
        """Fill the report's entries, journal and messages."""
        journal = self._journal()
        report.contents.journal = [journal[id] for id in sorted(journal)]
        latest = {change.number: change for change in report.contents.journal}
        documents = self._documents(report, latest)
        for id in sorted(documents):
            document = documents[id]
            held = [(key, amount, list(states)) for key, amount, states in document["caps"]]
            report.contents.entries.append((to_entry(document), held))
        report.contents.messages = self._messages()
        there = {entry.number for entry, _ in report.contents.entries}
        report.lost += sorted(self._stray_numbers - there - set(latest) - set(report.lost))

    def _documents(self, report: Report, latest: dict[str, Change]) -> dict[int, dict[str, Any]]:
        most = max([0, *self._stray_documents]) + 1000
        found: dict[int, dict[str, Any]] = {}
        for name, id, body, crc in readable(
            self._file,
            "SELECT name, id, body, crc FROM documents ORDER BY name, id",
            f"SELECT name, id, body, crc FROM documents WHERE name = '{TABLE}' AND id = ?",  # noqa: S608 (own name)
            range(1, most),
        ):
            if name != TABLE or not isinstance(id, int):
                continue
            document = _document(body, crc)
            if document is None:
                number = NUMBER.search(str(body))
                report.lost.append(number[1] if number else f"(행 {id})")
                report.wrong.append(
                    f"신청 파일의 {id}번째 행{f'({number[1]})' if number else ''}이 손상되었습니다. {REMEDY}"
                )
            else:
                found[id] = document
        for id, versions in self._stray_documents.items():
            # Pages that the tree no longer reaches may hold what the entry was once: the journal knows its last state.
            right = [
                each
                for each in versions
                if (line := latest.get(each["number"])) is None
                or (line.after, line.at) == (each["state"], datetime.fromisoformat(each["changed"]))
            ]
            if id not in found and right:
                found[id] = right[-1]
                if right[-1]["number"] in report.lost:
                    report.lost.remove(right[-1]["number"])
        return found

    def _journal(self) -> dict[int, Change]:
        columns = "id, subject, number, before, after, cause, who, at"
        rows = {
            row[0]: row[1:]
            for row in readable(
                self._file,
                f"SELECT {columns} FROM journal ORDER BY id",  # noqa: S608 (own names)
                f"SELECT {columns} FROM journal WHERE id = ?",  # noqa: S608 (own names)
                range(1, max([0, *self._stray_lines]) + 1000),
            )
        }
        found = {}
        for id, row in (self._stray_lines | rows).items():
            try:
                found[id] = _change(row)
            except (TypeError, ValueError):
                continue
        return found

    def _messages(self) -> list[Message]:
        query = "SELECT id, kind, subject, number, due FROM messages"
        rows = readable(self._file, f"{query} ORDER BY due, id", f"{query} WHERE id = ?", range(1, 10_000))
        return [
            Message(id, kind, subject, number, datetime.fromtimestamp(due, SEOUL))
            for id, kind, subject, number, due in rows
        ]

    def _gather(self, copy: Path) -> None:
        """Every document, line and number in any page of the file."""
        for rowid, row in scattered(copy):
            if len(row) == 4 and row[0] == TABLE and isinstance(row[1], int):
                document = _document(row[2], row[3])
                if document is not None:
                    self._stray_documents.setdefault(row[1], []).append(document)
            elif len(row) == 8 and row[0] is None and all(isinstance(each, str) for each in row[1:]):
                self._stray_lines[rowid] = tuple(row[1:])
            elif (
                len(row) == 2 and isinstance(row[0], str) and re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", row[0])
            ):
                self._stray_numbers.add(row[0])


def _change(row: tuple[Any, ...]) -> Change:
    subject, number, before, after, cause, who, at = row
    return Change(subject, number, before, after, cause, who, datetime.fromisoformat(at).astimezone(SEOUL))


def _document(body: Any, crc: Any) -> dict[str, Any] | None:
    """The document of a row; None when it is not what was written."""
    if not isinstance(body, str) or zlib.crc32(body.encode("utf-8", "surrogatepass")) != crc:
        return None
    try:
        document: dict[str, Any] = json.loads(body)
        to_entry(document)
    except (ValueError, KeyError, TypeError):
        return None
    return document
