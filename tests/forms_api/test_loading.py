"""What is loaded when: a command pays for what it does, and the app for what is set."""

import subprocess
import sys
from pathlib import Path

OIDC = {"authlib", "requests", "joserfc"}
SET = {
    "MADANG_OIDC_ISSUER": "https://id.example.kr",
    "MADANG_OIDC_CLIENT_ID": "a",
    "MADANG_OIDC_CLIENT_SECRET": "b",
}


def loaded(root: Path, code: str) -> set[str]:
    """The modules that a fresh Python has after running this."""
    tell = "; print(*sys.modules, sep='\\n', file=sys.stderr)"
    command = [sys.executable, "-c", f"import sys; {code}{tell}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return set(done.stderr.split("\n"))


def test_a_light_command_loads_no_server(root: Path) -> None:
    """`settings` prints a table: no web, no store, no content."""
    run = "import click; from forms_api.commands import madang; madang(['settings'], standalone_mode=False)"
    found = loaded(root, run)
    heavy = OIDC | {"flask", "pydantic", "tinydb", "civic.store.tiny", "civic.content.pages"}
    assert "forms_api.settings" in found and not found & heavy


def test_no_command_loads_the_web(root: Path) -> None:
    """Only `serve` needs it; `doctor`, which looks at data alone, loads no content either."""
    web = OIDC | {"flask", "jinja2", "granian", "forms_api.app"}
    run = "from forms_api.commands import care"
    assert not loaded(root, f"{run}; import civic.store.doctor") & (web | {"pydantic", "civic.library"})
    every = "from forms_api.commands import draw, due, entries, ledger"
    found = loaded(root, every)
    assert "civic.library" in found and not found & web


def test_an_edit_loads_no_web(root: Path) -> None:
    """What a build needs that asks for known addresses; the control names all of them."""
    web = {"flask", "flask_frozen", "werkzeug"}
    assert not loaded(root, "import publish.build") & web
    assert loaded(root, "import publish.site") >= web


def test_reading_results_loads_no_writer(root: Path) -> None:
    """A library that may hold a published result does not load what writes one."""
    assert not loaded(root, "import civic.library") & {"civic.votes.pabulib", "tomlkit"}


def test_the_app_loads_what_is_set(root: Path) -> None:
    """The packages of an identity provider come only with one; the control sets one."""
    provider = "from forms_api import app, settings; app.identity_provider(settings.read_settings({}))"
    assert not loaded(root, provider) & OIDC
    assert loaded(root, provider.replace("{}", str(SET))) >= OIDC
