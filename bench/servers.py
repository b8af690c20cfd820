"""Servers and stores to be measured: as staff start them, on a folder of their own, without limits and log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.builders import a_lecture_file, a_round, write_content
from tests.forms_api.server import Server

ROUNDS = 22
SUBJECT = "lectures/bench"


@contextmanager
def serving(
    folder: Path, data: str = "", program: str = "", places: int = 100_000, waiting: int = 0, **settings: Any
) -> Iterator[Server]:
    """A demonstration's server that takes connections, until the block ends.

    It has one form, SUBJECT, with ROUNDS rounds. data: address of the store, "" for one in the folder; program: a
    file that serves in another way; settings: as the environment has them, in small letters.
    """
    rounds = [a_round(f"r{number}", places=places, waiting=waiting) for number in range(ROUNDS)]
    content = write_content(folder / "content", {"bench": a_lecture_file("부하", rounds)})
    settings = {"rate_limit": "off", "log": "off", "keys": str(folder / "keys"), **settings}
    server = Server(content, data or folder / "var/data", program=program, **settings).ready()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def a_store(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty store: "tinydb" in the folder, or "postgresql" from the wheel that the tests use."""
    if kind == "tinydb":
        yield f"tinydb://{folder}/var/data"
        return
    from tests.postgres import a_database

    with a_database() as address:
        yield address
