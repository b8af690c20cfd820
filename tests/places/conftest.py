"""A desk that takes sign-ups for the page `essay`, without the web: a test's file says what the page is."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from civic.clock import SEOUL, FixedClock
from civic.library import load
from civic.places.intake import Intake
from civic.store import open_store
from civic.store.key_file import load_or_create
from tests.builders import write_content

OPENS = datetime(2023, 8, 16, 9, tzinfo=SEOUL)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(OPENS)


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Intake]:
    """An intake over the LECTURES of the test's file."""
    library = load(write_content(tmp_path / "content", request.module.LECTURES), OPENS)
    with closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        yield Intake(library, store, load_or_create(tmp_path / "keys.json"), clock)
