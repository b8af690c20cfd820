"""Servers to be measured, started as staff start them: on a folder and a store of their own, without limits and log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.builders import write_content
from tests.forms_api.server import Server


@contextmanager
def serving(
    folder: Path, lectures: Mapping[str, str], data: str = "", program: str = "", **settings: str
) -> Iterator[Server]:
    """A demonstration's server that takes connections, until the block ends.

    lectures: slug -> page; data: address of the store, "" for one in the folder; program: a file that serves in
    another way; settings: as the environment has them, in small letters.
    """
    content = write_content(folder / "content", lectures)
    place = data or folder / "var/data"
    keys = str(folder / "keys")
    server = Server(
        content, place, program=program, rate_limit="off", log="off", keys=keys, **settings
    ).ready()
    try:
        yield server
    finally:
        server.stop()
