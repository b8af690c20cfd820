"""The command line as staff use it, called in this process: a process of its own takes half a second to load."""

import contextlib
import io
import os
import subprocess
from pathlib import Path
from unittest import mock

from forms_api import commands


def call(*words: object, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """What `python -m forms_api <words>` says, and its exit code.

    typed: its standard input. settings: as the environment has them, in small letters, beside those that are there.
    """
    arguments = [str(word) for word in words]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in "12")
    environ = {f"MADANG_{name.upper()}": value for name, value in settings.items()}
    with (
        mock.patch.dict(os.environ, environ),
        mock.patch("sys.stdin", io.StringIO(typed)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            commands.main(arguments)
        except SystemExit as end:
            code = end.code
    for said in (out, err):
        said.seek(0)
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def at(folder: Path, now: str = "") -> list[object]:
    """The options for the content and the data of a folder."""
    where: list[object] = ["--content", folder / "content", "--data", f"tinydb://{folder}/var/data"]
    return [*where, "--now", now] if now else where
