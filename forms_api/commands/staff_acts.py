"""Who a member of staff is, by what the system knows; and what the environment claims beyond that."""

import os
import pwd
import socket
from pathlib import Path

UNSET = 2**32 - 1  # the kernel's word for "nobody logged in"
CLAIMS = ("LOGNAME", "USER", "SUDO_USER", "SSH_CONNECTION")
LONGEST = 60  # characters of a claim that are kept


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
