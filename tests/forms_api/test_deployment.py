"""The example of a deployment fits the program: its settings exist, its command starts, its addresses agree."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from forms_api.commands import madang
from forms_api.doors import LONGEST_BODY
from forms_api.settings import read_settings
from forms_api.site import HASHED

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "docs/deployment"


def environment() -> dict[str, str]:
    lines = (EXAMPLE / "madang.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_settings_exist() -> None:
    """Every variable of the example is one; keys lie outside the data; what is commented out would fit too."""
    settings = read_settings(environment())
    assert settings.data_dir and settings.proxies == 1
    assert not settings.keys_dir.is_relative_to(settings.data_dir)
    other = (EXAMPLE / "madang.env").read_text("utf-8").split("instead:\n")[1].replace("#", "")
    with_postgresql = read_settings(environment() | dict(line.split("=", 1) for line in other.splitlines()))
    assert with_postgresql.processes == 2 and with_postgresql.data_dir is None


def test_the_unit_runs_a_command_that_exists() -> None:
    """ExecStart names a command, and every folder that the settings write to is one that the unit gives."""
    unit = (EXAMPLE / "madang.service").read_text("utf-8")
    command = re.search(r"^ExecStart=(.+)$", unit, re.M)
    assert command
    python, dash, module, *arguments = shlex.split(command[1])
    assert (dash, module) == ("-m", "forms_api") and python.endswith("/bin/python")
    assert CliRunner().invoke(madang, [*arguments, "--help"]).exit_code == 0
    state = re.search(r"^StateDirectory=(.+)$", unit, re.M)
    assert state
    folders = [Path("/var/lib") / name for name in state[1].split()]
    settings = read_settings(environment())
    for written in (settings.data_dir, settings.keys_dir):
        assert written and any(written.is_relative_to(folder) for folder in folders)


def test_nginx_lets_the_server_speak() -> None:
    """It passes on what the server refuses itself, to the port of the settings; the server's hashed names are its."""
    text = (EXAMPLE / "nginx.conf").read_text("utf-8")
    settings = read_settings(environment())
    assert f"server {settings.host}:{settings.port};" in text
    size = re.search(r"client_max_body_size (\d+)k;", text)
    assert size and int(size[1]) * 1024 > LONGEST_BODY
    served = re.search(r"location ~ (\S+) \{", text)
    assert served
    for name in ("/assets/site.1a2b3c4d.css", "/assets/madang-sans-bold.1a2b3c4d.woff2"):
        assert re.search(served[1], name) and HASHED.search(name)
    assert not re.search(served[1], "/assets/manifest.json")
