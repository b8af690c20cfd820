"""Do the names that pages use exist: departments, categories, series, votes, types? Pure checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from civic.content.pages import Poll
from civic.content.reading import SITE_FILE, Reading
from civic.content.shape_mistakes import nearest
from civic.errors import Mistake

_Finding = tuple[str, str, Iterable[str]]  # key, what is wrong, the names that exist

_NAMED_IN_SITE = (
    ("department", "departments", "부서"),
    ("category", "categories", "분야"),
    ("series", "series", "묶음"),
)


def broken_references(reading: Reading) -> Iterator[Mistake]:
    """Every name that leads nowhere, also of pages and settings that have other mistakes.

    Names of site.toml are not checked when it is not TOML, nor types of a vote that could not be read.
    """
    polls = {page.slug: page for page in reading.documents if isinstance(page, Poll)}
    votes = [slug for folder, slug in reading.pages() if folder == "votes"]
    site = reading.source(SITE_FILE)
    for file, facts in reading.facts.items():
        names = facts.names
        found = [*_site_names(file, names, site.values)] if site else []
        if file.startswith("proposals/"):
            found += _poll_names(names, polls, votes)
        for key, said, known in found:
            near = nearest(names[key], known)
            hint = f"혹시 {near}?" if near else ""
            if not near and known:
                hint = "쓸 수 있는 이름: " + ", ".join(sorted(known))
            source = reading.source(file)
            yield Mistake(file, source.line((key,)) if source else 0, key, said, names[key], hint)


def _site_names(file: str, names: Mapping[str, str], site: dict[str, Any]) -> Iterator[_Finding]:
    for key, table, what in _NAMED_IN_SITE:
        known = site.get(table, {})
        if key == "series" and not file.startswith("lectures/"):
            continue
        if key in names and isinstance(known, dict) and names[key] not in known:
            yield key, f"site.toml의 {table}에 없는 {what}입니다", known


def _poll_names(names: Mapping[str, str], polls: dict[str, Poll], votes: list[str]) -> Iterator[_Finding]:
    if "vote" in names and names["vote"] not in votes:
        yield "vote", "votes/에 없는 투표입니다", votes
    poll = polls.get(names.get("vote", ""))
    if poll and "type" in names and not poll.type(names["type"]):
        yield "type", f"투표 {poll.slug}의 types에 없는 유형입니다", [each.id for each in poll.types]
