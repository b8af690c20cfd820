"""What closed stays closed: a clock that jumps back between two starts, a process that ends, an end that staff put off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from civic.clock import FixedClock
from civic.errors import Closed
from civic.library import load
from civic.places.intake import Intake
from civic.store import open_store
from civic.store.seal import Keys
from tests.builders import a_lecture_file, an_application, write_content
from tests.places.test_intake import CLOSES, OPENS


def test_a_clock_that_jumps_back_opens_nothing(tmp_path: Path) -> None:
    """Closed at its time and told so; the machine restarts with a wrong clock: still closed. A later end: open."""
    content = write_content(tmp_path / "content", {"essay": a_lecture_file("에세이")})
    keys = Keys.load_or_create(tmp_path / "keys.json", tmp_path / "data")

    def started(at: timedelta) -> Intake:
        store = open_store(f"tinydb://{tmp_path}/data")
        return Intake(load(content, OPENS), store, keys, FixedClock(OPENS + at))

    first = started(CLOSES - OPENS)
    assert first.status()["forms"]["lectures/essay"]["state"] == "closed"
    first.store.close()

    second = started(timedelta(hours=1))
    assert second.status()["forms"]["lectures/essay"]["state"] == "closed"
    with pytest.raises(Closed):
        second.check(*second.form("lectures", "essay"), an_application())
    second.store.close()

    later = a_lecture_file("에세이", closes="2023-09-08T00:00:00")
    write_content(tmp_path / "content", {"essay": later})
    third = started(timedelta(hours=1))
    assert third.status()["forms"]["lectures/essay"]["state"] == "open"
    assert (
        third.apply(third.check(*third.form("lectures", "essay"), an_application()))[0].state == "confirmed"
    )
    third.store.close()


def test_a_demonstration_may_begin_again(tmp_path: Path) -> None:
    """The control: with a clock set by hand nothing is remembered."""
    content = write_content(tmp_path / "content", {"essay": a_lecture_file("에세이")})
    keys = Keys.load_or_create(tmp_path / "keys.json", tmp_path / "data")
    store = open_store(f"tinydb://{tmp_path}/data")
    clock = FixedClock(CLOSES)
    demonstration = Intake(load(content, OPENS), store, keys, clock, remembers=False)
    assert demonstration.status()["forms"]["lectures/essay"]["state"] == "closed"
    clock.at = OPENS
    assert demonstration.status()["forms"]["lectures/essay"]["state"] == "open"
    store.close()
