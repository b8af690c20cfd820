"""One table of settings for every command."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import build
from forms_api.commands import madang
from forms_api.settings import Settings, table
from publish.command import _call
from tests.staff import call

VALUES: dict[str, str] = {
    name: "7" if default.isdigit() else {"MADANG_BASE_URL": "https://a.example"}.get(name, f"/its/{name}")
    for name, default, _ in table()
    if name not in ("MADANG_RATE_LIMIT", "MADANG_METRICS", "MADANG_LOG")
}


def options(
    command: click.Command, path: str, defaults: dict[str, object] | None = None
) -> Iterator[tuple[str, click.Context, click.Option]]:
    """Every option of a command and of those below it."""
    context = click.Context(command, default_map=defaults)
    yield from ((path, context, each) for each in command.params if isinstance(each, click.Option))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from options(below, f"{path} {name}")


def test_no_option_has_a_default_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not given is nothing, or what the environment says; an option named as a setting is that setting."""
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    seen = set()
    taken: dict[str, object] = {}
    monkeypatch.setattr(build, "read_call", lambda _, defaults: taken.update(defaults) or sys.exit())
    with pytest.raises(SystemExit):
        build.main([])
    of_build = options(_call, "build.py", taken)
    for path, context, option in [*of_build, *options(madang, "forms_api")]:
        found: Any = option.get_default(context)
        found = None if repr(found) == "Sentinel.UNSET" else found
        seen.add(option.name)
        assert not found or str(found) in VALUES.values(), (path, option.name, found)
        if option.name in Settings.__dataclass_fields__ and found:
            assert str(found) == VALUES[f"MADANG_{option.name.upper()}"], (path, option.name)
    assert {"content", "data", "site", "out", "base_url", "port", "jobs", "folder"} <= seen


def test_commands_of_a_vote_follow_the_setting(tmp_path: Path) -> None:
    """They worked on the content of the demonstration, whatever the settings said."""
    for words in (
        ("close", "budget-2024"),
        ("keys", "receipt", "budget-2024"),
        ("paper", "mark", "budget-2024"),
    ):
        failed = call("votes", *words, content=str(tmp_path / "elsewhere"))
        assert (failed.returncode, "elsewhere" in failed.stderr) == (2, True), failed.stderr
