"""When the clock next changes the site: before that moment no byte of any page is another one."""

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask

import build
from civic.clock import parse_time
from civic.content.pages import Document, Event, Lecture
from civic.content.poll import Poll
from civic.library import Library, load
from publish import build as one_build
from publish.build import due
from publish.inputs import Request
from publish.pages import SOON
from publish.render import Address, View
from publish.site import addresses
from tests.built.samples import NOW, edit, snapshot
from tests.publish.test_pages import DISTRICT, SMALL, reader

DAY = timedelta(days=1)
FAR = 400 * DAY  # where nothing is due any more: a year and a little in which nothing changes
DATED = """+++
title = "날짜만 있는 강좌"
where = "문화관"
audience = "누구나"
[[sessions]]
starts = 2023-08-20T10:00:00
ends = 2023-08-20T12:00:00
topic = "첫날"
+++
강좌입니다.
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Library]:
    """The district's own content, and the small site with a lecture that has dates and no form, and a later event."""
    small = Path(shutil.copytree(SMALL, tmp_path_factory.mktemp("due") / "content"))
    (small / "lectures/dated.md").write_text(DATED, "utf-8")
    later = (small / "events/night.md").read_text("utf-8").replace("2023-08-", "2023-09-")
    (small / "events/later.md").write_text(later, "utf-8")
    return [load(small, NOW), load(DISTRICT, NOW)]


def page_of(app: Flask, address: Address) -> View:
    """What the view of an address answers with."""
    return cast(View, app.view_functions[address[0]](**address[1]))


def site_at(library: Library, now: datetime, is_demo: bool = False) -> dict[str, str | bytes]:
    """Every page and file of the site as it is at that time."""
    app = reader(library.at(now), demo=is_demo).application
    with app.test_request_context():
        return {repr(each): page_of(app, each).make() for each in addresses(app)}


def stays(library: Library, now: datetime, is_demo: bool = False) -> bool:
    """Is the site the same until the last second before it is said to change?"""
    until = due(library.at(now), is_demo) or now + FAR
    return site_at(library, now, is_demo) == site_at(library, until - timedelta(seconds=1), is_demo)


@pytest.mark.parametrize("count", [2, pytest.param(400, marks=[pytest.mark.long])])
def test_nothing_changes_before_it_is_due(libraries: list[Library], count: int) -> None:
    """At random moments of a year, of demonstrations too."""
    chance = random.Random(count)
    for library in libraries:
        for _ in range(count):
            now = parse_time("2023-06-01") + chance.random() * 250 * DAY
            assert stays(library, now), now
        assert stays(library, now, is_demo=True), now


def test_what_is_due_comes(libraries: list[Library]) -> None:
    """Most moments that are named do change the site: it is not built again for nothing."""
    chance = random.Random(1)
    came = []
    for library in libraries:
        for _ in range(3):
            now = parse_time("2023-07-20") + chance.random() * 40 * DAY
            at = due(library.at(now), is_demo=False)
            assert at is None or at > now
            came.append(at is not None and site_at(library, now) != site_at(library, at))
    assert sum(came) > 0.7 * len(came)


def test_a_build_before_its_time_finds_nothing(request_: Request) -> None:
    """And one that comes in time makes what a full one makes, also where only a text was edited since."""
    first = build.build(request_)
    edit(request_, "강좌")
    second = build.build(request_)
    assert first.due == second.due
    assert second.due
    assert not build.build(replace(request_, now=second.due - timedelta(seconds=1))).is_new
    late = replace(request_, now=second.due)
    assert build.build(late).is_new
    full = replace(late, out=request_.out.with_name("full"))
    build.build(full)
    assert snapshot(late.out) == snapshot(full.out)


def closes(page: Document) -> list[datetime]:
    return [page.spec.closes_for(each) for each in page.spec.rounds] if page.spec else []


KINDS: dict[str, Callable[[Any], Iterable[datetime]]] = {
    "opens": lambda page: [page.spec.opens_for(each) for each in page.spec.rounds] if page.spec else (),
    "closes": closes,
    "closes soon": lambda page: [at - SOON for at in closes(page)],
    "begins": lambda page: [each.starts for each in page.sessions] if isinstance(page, Lecture) else (),
    "ends": lambda page: [page.span[1]] if isinstance(page, Event) and page.span else (),
    "votes": lambda page: [page.opens, page.closes] if isinstance(page, Poll) else (),
    "shown": lambda page: filter(None, [page.publish_at, page.expire_at]),
    "day": lambda page: [page.opens + 2 * DAY] if isinstance(page, Poll) else (),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_time_that_is_left_out_is_noticed(
    libraries: list[Library], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The control: without it some page changes before its time has come."""
    times = one_build._times
    if kind == "shown":
        monkeypatch.setattr(Library, "changes", None)
    if kind == "day":
        monkeypatch.setattr(one_build, "DAY", FAR)
    left_out = {at for library in libraries for page in library._pages for at in KINDS[kind](page)}
    monkeypatch.setattr(one_build, "_times", lambda page: (at for at in times(page) if at not in left_out))
    before = [at - timedelta(minutes=1) for at in sorted(left_out)]
    assert not all(stays(library, now) for library in libraries for now in before)
