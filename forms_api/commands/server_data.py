"""The data of the server that a command runs beside. Every act of staff is noted there before it is done.

A line says who, when, from where, whose data and what for; never a name or an answer. The office keeps it for a year, two
where there are 50,000 people or more (개인정보의 안전성 확보조치 기준 제8조). The lines are a chain of the store's journal
(civic/store/chain.py); a copy without receipt numbers goes to the system's log.
"""

import hashlib
import json
import os
import pwd
import socket
import syslog
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from civic.clock import Clock, SteadyClock, parse_time
from civic.codes import clean_number
from civic.errors import Misuse, Unavailable
from civic.people import check_public
from civic.store import open_beside
from civic.store.chain import STAFF
from civic.store.key_file import keys_of
from civic.store.seal import Keys
from civic.store.store import Store
from forms_api.clock_mark import mark_of
from forms_api.commands import PROGRAM, staff_words
from forms_api.settings import Settings

DATA = "자료를 두는 곳: tinydb://폴더 또는 postgresql://…"  # --data
MOST_NAMED = 20  # receipt numbers in one line; more are a count and a digest
LOGIN_UID = Path("/proc/self/loginuid")
UNSET = 2**32 - 1  # the kernel's word for "nobody logged in"
CLAIMS = ("LOGNAME", "USER", "SUDO_USER", "SSH_CONNECTION")
LONGEST = 60  # characters of a claim that are kept


class NoData(Misuse):
    """No data of a server can be opened here: on another computer, before the first start, or damaged."""


@dataclass(frozen=True)
class ServerData:
    """What the servers of the data work with."""

    store: Store
    keys: Keys
    clock: Clock
    is_demo: bool

    @property
    def now(self) -> datetime:
        """The time of the data's clock."""
        return self.clock.now()

    def note(self, subject: str = "", numbers: Iterable[str] = (), reason: str = "") -> None:
        """Keep a line about what the running command is about to do, durably, before anything is shown or changed.

        numbers: receipt numbers of the entries concerned. Raises Misuse when it cannot be kept, NotEligible (a reason
        that names somebody).
        """
        if reason:
            check_public("--reason", reason)
        act = click.get_current_context().command_path.removeprefix(f"{PROGRAM} ")
        line: dict[str, Any] = {"from": place(), "act": act, "subject": subject}
        line |= {name: value for name, value in (("claimed", claims()), ("reason", reason)) if value}
        listed = sorted(set(map(clean_number, numbers)))
        counted = {"count": len(listed), "digest": hashlib.sha256("\n".join(listed).encode()).hexdigest()}
        kept = line | ({"numbers": listed} if len(listed) <= MOST_NAMED else counted)
        at = self.now.replace(microsecond=0)
        try:
            with self.store.open(STAFF, who()) as book:
                mac = book.note(json.dumps(kept, ensure_ascii=False), at)
        except Unavailable as err:
            told = self.store.trouble or staff_words(err)
            raise Misuse(f"열람 기록을 쓸 수 없어 아무것도 보여 주거나 바꾸지 않습니다. {told}") from err
        line |= {"at": at.isoformat(), "who": who(), "hash": mac, **counted}
        # Beyond the reach of whoever may write into the store; nothing happens where there is no such log.
        syslog.openlog("madang", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
        syslog.syslog(json.dumps(line, ensure_ascii=False))


@contextmanager
def open_data(settings: Settings, now: str | None = None) -> Iterator[ServerData]:
    """The data of a server, which may be running. now: as `clock_beside`. Raises Misuse, NoData, Unavailable."""
    try:
        store = open_beside(settings.data)
    except Misuse as err:
        raise NoData(*err.args) from err
    with closing(store):
        try:
            clock, is_real = clock_beside(store, now)
            keys = keys_of(store, settings.key_file, settings.data_dir)
            yield ServerData(store, keys, clock, not is_real)
        except Unavailable as err:
            # A citizen is asked to come back later; staff must learn what is wrong and what to do.
            raise Unavailable(store.trouble or staff_words(err)) from err


def clock_beside(store: Store, now: str | None) -> tuple[Clock, bool]:
    """The clock of a command on that store, and whether it is the machine's: everything but a demonstration's.

    now: what was given as --now. Raises Misuse where it is not a time, or the store is no demonstration's.
    """
    at, mark = read_time(now) if now else None, mark_of(store)
    if mark is None or mark.start is None:
        if at:
            raise Misuse("--now는 시연 서버(serve --now)의 자료에만 씁니다. 이 자료의 때는 바꿀 수 없습니다.")
        return SteadyClock(), True
    return SteadyClock(at) if at else mark.clock(), False


def read_time(now: str) -> datetime:
    """The time of a --now. Raises Misuse."""
    try:
        return parse_time(now)
    except ValueError:
        raise Misuse("--now는 2023-08-16T09:00:00+09:00처럼 적으세요.") from None


def account() -> str:
    """The account that logged in, by name or number: who became another one since (sudo, su) stays who they are.

    The kernel's login uid; without one SUDO_UID, where a process above this one runs as that account; else the account
    of this process. Nothing that only the environment says is believed.
    """
    try:
        uid = int(LOGIN_UID.read_text())
    except (OSError, ValueError):
        uid = UNSET
    if uid == UNSET:
        told = os.environ.get("SUDO_UID", "")
        uid = int(told) if told.isdecimal() and int(told) in _accounts_above() else os.getuid()
    return _name(uid)


def who() -> str:
    """The account, as the journal keeps it: "staff:<name>"."""
    return f"staff:{account()}"


def place() -> str:
    """Host and terminal: "api1 /dev/pts/3"; "api1 -" without a terminal (cron, a pipe)."""
    for handle in (0, 1, 2):
        try:
            return f"{socket.gethostname()} {os.ttyname(handle)}"
        except OSError:
            continue
    return f"{socket.gethostname()} -"


def claims() -> dict[str, str]:
    """What the environment says beyond that; anyone can write there what they like."""
    known = ("", account(), _name(os.getuid()))
    given = {name: os.environ.get(name, "")[:LONGEST] for name in CLAIMS}
    return {name: text for name, text in given.items() if text not in known}


def _accounts_above() -> set[int]:
    """The accounts as which the processes run that this one descends from; as far as they can be seen."""
    found: set[int] = set()
    pid = os.getppid()
    while pid > 0:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            break
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        found.add(int(status["Uid"].split()[0]))
        pid = int(status["PPid"])
    return found


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # an account without a name, as in some containers
        return str(uid)
