"""How the command line acts beside a running server: by a socket in the data folder, never by the files.

The server listens on `door` (only its own account may enter) and lets a visitor use the same books as a
citizen's post does, one transaction at a time. A visitor who stops in the middle of one is shown out after
PATIENCE seconds and what he began is undone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from civic.errors import InUse, Unavailable
from civic.korean import josa
from civic.store.book import Book, Change, Message, Store
from civic.store.entry import Cap, Counts, Entry, Seat
from civic.store.wire import error_of, pack, pack_error, unpack

NAME = "door"
PATIENCE = 5.0  # seconds; less than what a citizen's post waits for the lock
VISITORS = 4  # at once
BOOK_CALLS = frozenset(
    {
        "get",
        "repeated",
        "add",
        "move",
        "counts",
        "line",
        "position",
        "entries",
        "used",
        "tell",
        "offers",
        "fix",
        "fixed",
    }
)
STORE_CALLS = frozenset(
    {
        "find",
        "counts",
        "fixed",
        "subjects",
        "history",
        "messages",
        "sent",
        "wrapped_key",
        "keep_key",
        "drop_key",
    }
)
log = logging.getLogger("madang.store")


class _GoneAwayError(Exception):
    """The visitor left, or gave up, inside a transaction."""


class Door:
    """The server's side: listens until `close`."""

    def __init__(self, folder: Path, store: Store) -> None:
        """Raises OSError when the socket cannot be made."""
        self._store = store
        self._path = folder / NAME
        self._path.unlink(missing_ok=True)  # left by a server that was killed; we hold the folder
        self._listener = socket.socket(socket.AF_UNIX)
        with _short(self._path) as address:
            self._listener.bind(address)
        self._path.chmod(0o600)
        self._listener.listen(VISITORS)
        self._places = threading.Semaphore(VISITORS)
        threading.Thread(target=self._receive, name="madang-door", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._listener.close()
        with contextlib.suppress(OSError):  # a disk that takes nothing any more: the next start removes it
            self._path.unlink()

    def _receive(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._places.acquire()
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    self._answer(connection, lines, unpack(line))
        except (OSError, ValueError) as err:
            log.warning("a visitor was shown out: %s", type(err).__name__)
        finally:
            self._places.release()

    def _answer(self, connection: socket.socket, lines: Iterable[bytes], question: dict[str, Any]) -> None:
        try:
            if question["call"] == "open":
                connection.settimeout(PATIENCE)
                with contextlib.suppress(_GoneAwayError):
                    self._transaction(connection, lines, question["with"])
                connection.settimeout(None)
                answer: Any = None
            elif question["call"] == "trouble":
                answer = self._store.trouble
            elif question["call"] in STORE_CALLS:
                answer = getattr(self._store, question["call"])(*question["with"])
            else:
                raise ValueError(question["call"])
        except (OSError, ValueError):
            raise
        except Exception as err:
            connection.sendall(pack_error(err))
        else:
            connection.sendall(pack({"answer": answer}))

    def _transaction(self, connection: socket.socket, lines: Iterable[bytes], given: Sequence[str]) -> None:
        with self._store.open(*given) as book:
            connection.sendall(pack({"answer": None}))
            for line in lines:
                question = unpack(line)
                if question["call"] == "keep":
                    return
                if question["call"] == "drop":
                    raise _GoneAwayError
                if question["call"] not in BOOK_CALLS:
                    raise ValueError(question["call"])
                try:
                    answer = getattr(book, question["call"])(*question["with"])
                except Exception as err:
                    connection.sendall(pack_error(err))
                else:
                    connection.sendall(pack({"answer": answer}))
            raise _GoneAwayError


class Visit:
    """The command line's side: a Store that asks the server. Raises InUse when nobody opens."""

    def __init__(self, folder: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._lock = threading.RLock()
        try:
            with _short(folder / NAME) as address:
                self._connection.connect(address)
        except OSError as err:
            self._connection.close()
            raise InUse(
                f"자료 폴더 {josa(str(folder), '을/를')} 쓰는 프로세스가 응답하지 않습니다. 서버가 켜지는 중이면 잠시 뒤 다시 하세요."
            ) from err
        self._connection.settimeout(60)
        self._lines = self._connection.makefile("rb")

    @property
    def trouble(self) -> str:
        return str(self.ask("trouble"))

    @contextmanager
    def open(self, subject: str, who: str = "") -> Iterator[Book]:
        """One transaction in the server; it waits for nobody longer than PATIENCE."""
        with self._lock:
            self.ask("open", subject, who)
            try:
                yield _VisitedBook(self, subject)
            except BaseException:
                with contextlib.suppress(Unavailable):
                    self.ask("drop")
                raise
            self.ask("keep")

    def find(self, number: str) -> Entry | None:
        found: Entry | None = self.ask("find", number)
        return found

    def counts(self, subject: str) -> dict[str, Counts]:
        found: dict[str, Counts] = self.ask("counts", subject)
        return found

    def fixed(self, subject: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = self.ask("fixed", subject)
        return found

    def subjects(self) -> list[str]:
        return list(self.ask("subjects"))

    def history(self, number: str) -> list[Change]:
        return list(self.ask("history", number))

    def messages(self, now: datetime, most: int = 100) -> list[Message]:
        return list(self.ask("messages", now, most))

    def claim(self, message: Message, until: datetime) -> bool:
        return False  # the server sends

    def sent(self, message: Message) -> None:
        self.ask("sent", message)

    def wrapped_key(self, subject: str) -> bytes | None:
        found: bytes | None = self.ask("wrapped_key", subject)
        return found

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        return bytes(self.ask("keep_key", subject, wrapped))

    def drop_key(self, subject: str, at: datetime) -> None:
        self.ask("drop_key", subject, at)

    def close(self) -> None:
        """Leave."""
        self._lines.close()
        self._connection.close()

    def ask(self, call: str, *given: Any) -> Any:
        """The server's answer, or the refusal it gave. Raises Unavailable when it is gone."""
        with self._lock:
            try:
                self._connection.sendall(pack({"call": call, "with": list(given)}))
                line = self._lines.readline()
            except OSError as err:
                raise Unavailable("서버가 응답하지 않습니다. 서버가 켜져 있는지 확인하세요.") from err
        if not line:
            raise Unavailable("서버가 응답을 끊었습니다. 다시 해 보세요.")
        answer = unpack(line)
        if "refused" in answer:
            raise error_of(answer)
        return answer["answer"]


class _VisitedBook:
    """A book in the server's hands."""

    def __init__(self, visit: Visit, subject: str) -> None:
        self.subject = subject
        self._visit = visit

    def get(self, number: str) -> Entry | None:
        found: Entry | None = self._visit.ask("get", number)
        return found

    def repeated(self, submission: str, person: str) -> Entry | None:
        found: Entry | None = self._visit.ask("repeated", submission, person)
        return found

    def add(self, entry: Entry, seats: Sequence[Seat], caps: Sequence[Cap] = ()) -> Entry:
        kept: Entry = self._visit.ask("add", entry, seats, caps)
        return kept

    def move(self, entry: Entry, amounts: Mapping[str, int] | None = None) -> Entry:
        moved: Entry = self._visit.ask("move", entry, dict(amounts or {}))
        return moved

    def counts(self, round: str) -> Counts:
        found: Counts = self._visit.ask("counts", round)
        return found

    def line(self, round: str, most: int | None = None) -> list[Entry]:
        return list(self._visit.ask("line", round, most))

    def offers(self, round: str) -> list[Entry]:
        return list(self._visit.ask("offers", round))

    def fix(self, round: str, fact: str, text: str, at: datetime) -> str:
        return str(self._visit.ask("fix", round, fact, text, at))

    def fixed(self, round: str) -> dict[str, str]:
        found: dict[str, str] = self._visit.ask("fixed", round)
        return found

    def position(self, entry: Entry) -> int | None:
        found: int | None = self._visit.ask("position", entry)
        return found

    def entries(self, round: str | None = None, states: Iterable[str] = ()) -> list[Entry]:
        return list(self._visit.ask("entries", round, sorted(states)))

    def used(self, person: str, key: str) -> int:
        return int(self._visit.ask("used", person, key))

    def tell(self, kind: str, number: str, due: datetime) -> None:
        self._visit.ask("tell", kind, number, due)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for a socket: a long path does not fit into one (108 bytes), a handle of its folder does."""
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
