"""Servers and stores to be measured: as staff start them, on a folder of their own, without limits and log."""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.builders import a_lecture_file, a_round, write_content
from tests.forms_api.server import ROOT, Server

ROUNDS = 22
SUBJECT = "lectures/bench"


@contextmanager
def serving(
    folder: Path,
    data: str = "",
    program: str = "",
    places: int = 100_000,
    waiting: int = 0,
    home: Path = ROOT,
    form: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Server]:
    """A demonstration's server that takes connections, until the block ends.

    It has one form, SUBJECT, with ROUNDS rounds. data: address of the store, "" for one in the folder; program: a
    file that serves in another way; home: another checkout, whose program and .venv serve; form: keys of the form;
    settings: as the environment has them, in small letters.
    """
    rounds = [a_round(f"r{number}", places=places, waiting=waiting) for number in range(ROUNDS)]
    page = a_lecture_file("부하", rounds, **form or {})
    if home != ROOT:  # an older checkout does not know the key, and asks for no proof
        page = "".join(line for line in page.splitlines(keepends=True) if not line.startswith("contact = "))
    content = write_content(folder / "content", {"bench": page})
    settings = {"rate_limit": "off", "log": "off", "keys": str(folder / "keys"), **settings}
    server = Server(content, data or folder / "var/data", program=program, home=home, **settings).ready()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def a_store(kind: str, folder: Path, home: Path = ROOT) -> Iterator[str]:
    """The address of an empty store: "tinydb" in the folder, or "postgresql" from the wheel that the tests use.

    home: the checkout that makes the tables.
    """
    if kind == "tinydb":
        yield f"tinydb://{folder}/var/data"
        return
    from tests.postgres import Server as Cluster

    cluster = Cluster()
    try:
        cluster.start()
        address = cluster.database()
        command = [home / ".venv/bin/python", "-m", "forms_api", "migrate", "--data", address]
        subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL)
        yield address
    finally:
        cluster.remove()


def processes(server: Server) -> list[int]:
    """Those that serve, and last the one that watches them."""
    pid = server.process.pid
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()), pid]


@contextmanager
def standing_still(servers: Iterable[Server]) -> Iterator[None]:
    """These servers do nothing until the block ends: what one has left to do after its run is not the next one's load."""
    stopped = [pid for server in servers for pid in reversed(processes(server))]
    try:
        for pid in stopped:  # the one that watches first: it would miss the others
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def processor_seconds(server: Server) -> float:
    """Processor time that the server's processes have taken so far, in and for them."""
    stats = (Path(f"/proc/{each}/stat").read_text() for each in processes(server))
    fields = (stat.rpartition(")")[2].split() for stat in stats)
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")
