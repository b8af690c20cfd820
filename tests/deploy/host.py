"""A computer of the deployment page in a folder of its own: the page's shell blocks run there as they are written.

Only names of places and ports are others, and programs that need root or systemd do here what the page wants of them:
they become the accounts of the page where we may (as root, and where those can read this Python), else they stay ourselves.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from tests.deploy.tools import SYSTEM, nginx
from tests.postgres import Server

HOUSE = Path(__file__).resolve().parent.parent.parent
PAGE = HOUSE / "docs/deployment.md"
NAME = "madang.example.go.kr"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
PLACES = re.compile(
    r"(?<![\w.$}-])/(srv/madang|etc|var/lib|var/backups|var/log|usr/local/bin|root)(?=[/\s\"';:)]|$)", re.M
)
ACCOUNTS = {"madang": 62001, "madang-content": 62002}
NGINX_CONF = """pid {0}/run/nginx.pid;
events {{ }}
http {{
    client_body_temp_path {0}/run/body; proxy_temp_path {0}/run/proxy;
    fastcgi_temp_path {0}/run/a; uwsgi_temp_path {0}/run/b; scgi_temp_path {0}/run/c;
    access_log {0}/var/log/nginx/access.log;
    include {0}/etc/nginx/conf.d/*.conf;
}}
"""
SHIMS = {  # program -> what stands for it
    "apt-get": ":",
    "useradd": ":",
    # What a fresh machine fetches is here already.
    "make": """
mkdir -p "$HOUSE/.builds"
[ -n "$UIDS" ] || ln -s "$HOUSE/.builds" "$2/.builds"
for name in .venv node_modules; do ln -s "$HOUSE/$name" "$2/$name"; done""",
    "systemctl": 'exec "$PYTHON" "$HOUSE/tests/deploy/systemctl.py" "$ROOT" "$@"',
    "nginx": 'exec $MADANG_TEST_NGINX -q -c "$ROOT/etc/nginx/nginx.conf" "$@"',
    "chown": '[ -z "$UIDS" ] || exec /bin/chown "$1" "${2//madang/62001}" "${@:3}"',
    "chgrp": '[ -z "$UIDS" ] || exec /bin/chgrp "${1/madang/62001}" "${@:2}"',
    "install": """
words=()
while [ $# -gt 0 ]; do
    case $1 in
    -o | -g)
        uid=$([ "$2" = madang ] && echo 62001 || echo 62002)
        [ -z "$UIDS" ] || words+=("$1" "$uid")
        shift 2
        ;;
    *) words+=("$1"); shift ;;
    esac
done
exec /usr/bin/install "${words[@]}\"""",
    "sudo": """
user=$2
shift 2
[ "$user" != postgres ] || exec env PGHOST="$DATABASE" PGPORT="$DATABASE_PORT" PGUSER=postgres "$@"
[ -n "$UIDS" ] || exec "$@"
uid=$([ "$user" = madang ] && echo 62001 || echo 62002)
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups sh -c 'HOME=/nonexistent exec "$@"' sh "$@\"""",
    # The other computer is another folder: what comes from there names its places and its port.
    "ssh": """
from=${4/$ROOT/$OTHER} new=$(mktemp -d)
shift 5
for name; do cp -a "$from/$name" "$new/"; done
find "$new" -type f -exec sed -i "s|$OTHER|$ROOT|g; s|$OTHER_API|$API|g" {} +
tar -C "$new" -c "$@"
rm -r "$new\"""",
}


def blocks(heading: str) -> list[str]:
    """The shell blocks of the page below a heading, up to the next heading of its rank or a higher one."""
    lines = PAGE.read_text("utf-8").splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(heading)}\n", line))
    rank = len(lines[first]) - len(lines[first].lstrip("#"))
    rest = lines[first + 1 :]
    ends = (n for n, line in enumerate(rest) if re.match(rf"#{{1,{rank}}} ", line))
    return BLOCK.findall("".join(rest[: next(ends, len(rest))]))


def free_port() -> int:
    """One that nobody has; nor is a connection given it while its server is started again, as any port above would be."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Host:
    """One computer. root: its folder; api, http, https: its ports."""

    def __init__(self, root: Path, database: Server, mail: int, other: Host | None = None) -> None:
        """mail: port of the mail server; other: the first computer, for the second."""
        self.root, self.mail, self.other = root, mail, other
        self.api, self.http, self.https = free_port(), free_port(), free_port()
        self.second = free_port() if other is None else self.api  # port of the second computer's server
        if other:
            self.api = self.second = other.second
        self._database = database
        for place in (
            "bin",
            "run",
            "root",
            "etc/nginx/conf.d",
            "etc/systemd/system",
            "var/log/nginx",
            "usr/local/bin",
        ):
            (root / place).mkdir(parents=True)
        for name, text in SHIMS.items():
            (root / "bin" / name).write_text(f"#!/bin/bash\nset -e\n{text}\n")
            (root / "bin" / name).chmod(0o755)
        (root / "etc/nginx/nginx.conf").write_text(NGINX_CONF.format(root))
        self.environ = {
            "PATH": f"{root}/bin:{root}/usr/local/bin:{database.programs}:{SYSTEM}",
            "ROOT": str(root),
            "HOUSE": str(HOUSE),
            "PYTHON": sys.executable,
            "UIDS": "1" if may_separate(HOUSE / ".venv/bin/python") else "",
            "API": str(self.api),
            "OTHER": str(other.root) if other else "",
            "OTHER_API": str(other.api) if other else "",
            "DATABASE": str(database.folder),
            "DATABASE_PORT": database.port,
            "MADANG_TEST_NGINX": f"{nginx()} -e {root}/var/log/nginx/error.log -p {root}",
        }
        self.environ["MADANG_TEST_ACCOUNTS"] = json.dumps(ACCOUNTS if self.environ["UIDS"] else {})

    def here(self, text: str) -> str:
        """A text of the page, or of a file that it installs, with this computer's places and ports."""
        text = PLACES.sub(rf"{self.root}/\1", text)
        text = re.sub(r"^ *listen \[.*\n", "", text, flags=re.M)
        for there, this in (
            ("10.0.0.2:8000", f"127.0.0.1:{self.second}"),
            ("10.0.0.2", "127.0.0.1"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.api}"),
            ("MADANG_PORT=8000", f"MADANG_PORT={self.api}"),
            ("listen 80", f"listen 127.0.0.1:{self.http}"),
            ("listen 443", f"listen 127.0.0.1:{self.https}"),
            (":127.0.0.1:443", f":127.0.0.1:{self.https}"),
            ("db.example.go.kr:5432", f"127.0.0.1:{self._database.port}"),
            ("db.example.go.kr/", f"127.0.0.1:{self._database.port}/"),
            ("?sslmode=verify-full", ""),
            (
                "#MADANG_SMTP='smtp://user:password@mail.example.go.kr:587'",
                f"MADANG_SMTP=smtp://127.0.0.1:{self.mail}",
            ),
            ("#MADANG_MAIL_FROM", "MADANG_MAIL_FROM"),
        ):
            text = text.replace(there, this)
        return text

    def bring(self, content: Path) -> None:
        """Put the program's archive and the content where the page expects them."""
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, check=True, text=True
        )
        with tarfile.open(self.root / "root/madang.tar.gz", "w:gz", compresslevel=1) as archive:
            for name in filter(None, listed.stdout.split("\0")):
                if not name.startswith(("tests/", "bench/", "content/")) and (HOUSE / name).is_file():
                    info = archive.gettarinfo(HOUSE / name, name)
                    raw = (HOUSE / name).read_bytes()
                    if name.startswith("docs/deployment/"):
                        raw = self.here(raw.decode()).encode()
                    info.size = len(raw)
                    archive.addfile(info, BytesIO(raw))
        shutil.copytree(content, self.root / "root/content", dirs_exist_ok=True)
        (self.root / "root").chmod(0o700)

    def follow(self, *headings: str) -> None:
        """Run the blocks below these headings."""
        for block in (block for heading in headings for block in blocks(heading)):
            self.run(block)

    def run(self, block: str) -> str:
        """What a block of the page says. Raises AssertionError when it fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(block)],
            cwd=self.root,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{self.here(block)}\n{done.stdout}\n{self.logs()}"
        return done.stdout

    def systemctl(self, *words: str) -> None:
        """As a block would."""
        self.run(f"systemctl {' '.join(words)}")

    def logs(self) -> str:
        """What the units said."""
        return "".join(f"--- {file.name}\n{file.read_text()}" for file in (self.root / "run").glob("*.log"))

    def end(self) -> None:
        """Stop everything."""
        self.systemctl("stop", "madang")
        pid = self.root / "run/nginx.pid"
        if pid.exists() and pid.read_text():
            self.run("nginx -s stop")


def may_separate(python: Path) -> bool:
    """May we be other accounts, and may they run this Python?"""
    # By a shell: what setpriv itself starts may be more than the account can.
    account = ["setpriv", "--reuid", "62001", "--regid", "62001", "--clear-groups", "sh", "-c"]
    tried = subprocess.run([*account, '"$0" -c "import flask"', python], capture_output=True, cwd="/")
    return os.geteuid() == 0 and tried.returncode == 0
