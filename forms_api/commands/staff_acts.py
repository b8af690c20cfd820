"""Every act of staff is noted before it is done: who, when, from where, whose data, what for. Never a name or an answer.

The office keeps this for a year, two where there are 50,000 people or more (개인정보의 안전성 확보조치 기준 제8조). The lines are
a chain of the store's journal (civic/store/chain.py); a copy without receipt numbers goes to the system's log.
"""

import hashlib
import json
import os
import pwd
import re
import socket
import syslog
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from civic.clock import SteadyClock
from civic.codes import clean_number
from civic.errors import Misuse
from civic.people import check_public
from civic.store import open_beside
from civic.store.chain import STAFF
from civic.store.key_file import keys_of
from civic.store.store import Store
from forms_api.clock_mark import mark_of
from forms_api.commands import PROGRAM
from forms_api.settings import Settings

MOST_NAMED = 20  # receipt numbers in one line; more are a count and a digest
UNSET = 2**32 - 1  # the kernel's word for "nobody logged in"
CLAIMS = ("LOGNAME", "USER", "SUDO_USER", "SSH_CONNECTION")
LONGEST = 60  # characters of a claim that are kept
_PLAIN = re.compile(r"[a-z0-9.-]{1,80}")  # a file name or slug; whatever else was typed is not kept


def note(
    store: Store, at: datetime, subject: str = "", numbers: Iterable[str] = (), reason: str = ""
) -> None:
    """Keep a line about what the running command is about to do, durably, before anything is shown or changed.

    numbers: receipt numbers of the entries concerned. Raises Unavailable, NotEligible (a reason that names somebody).
    """
    if reason:
        check_public("--reason", reason)
    line: dict[str, Any] = {
        "from": place(),
        "act": click.get_current_context().command_path.removeprefix(f"{PROGRAM} "),
        "subject": subject,
    }
    line |= {name: value for name, value in (("claimed", claims()), ("reason", reason)) if value}
    listed = sorted(set(map(clean_number, numbers)))
    counted = {"count": len(listed), "digest": hashlib.sha256("\n".join(listed).encode()).hexdigest()}
    text = json.dumps(
        line | ({"numbers": listed} if len(listed) <= MOST_NAMED else counted), ensure_ascii=False
    )
    at = at.replace(microsecond=0)
    with store.open(STAFF, who()) as book:
        line |= {"at": at.isoformat(), "who": who(), "hash": book.note(text, at)}
    # Beyond the reach of whoever may write into the store; nothing happens where there is no such log.
    syslog.openlog("madang", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(json.dumps(line | counted, ensure_ascii=False))


def note_beside(settings: Settings, subject: str = "", reason: str = "") -> bool:
    """As `note`, for a command that opens no entries; False where no data is at hand (another computer, before a start).

    Raises Misuse, Unavailable.
    """
    try:
        store = open_beside(settings.data)
    except Misuse:
        return False
    with closing(store):
        mark = mark_of(store)
        clock = mark.clock() if mark else SteadyClock()
        keys_of(store, settings.key_file, settings.data_dir)
        note(store, clock.now(), subject, reason=reason)
    return True


def logged(command: click.Command, settings_of: Callable[..., Settings]) -> click.Command:
    """A command, or every command of a group, that notes its call before it does anything.

    settings_of: the settings, of the options that the command was given.
    """
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            logged(inner, settings_of)
        return command
    work = command.callback
    assert work is not None
    target = next((each.name for each in command.params if isinstance(each, click.Argument)), "slug")

    @wraps(work)
    def noted(**given: Any) -> Any:
        subject = Path(given.get(target, "")).name
        known = f"votes/{subject}" if _PLAIN.fullmatch(subject) else "votes"
        note_beside(settings_of(**given), known, given.get("reason") or "")
        return work(**given)

    command.callback = noted
    return command


def account() -> str:
    """The account that logged in, by name or number: who became another one since (sudo, su) stays who they are.

    The kernel's login uid; without one SUDO_UID, where a process above this one runs as that account; else the account
    of this process. Nothing that only the environment says is believed.
    """
    uid = _kernel("/proc/self/loginuid")
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


def _kernel(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return UNSET


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
