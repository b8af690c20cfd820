"""The pages of a list that a page links to."""

from __future__ import annotations

import pytest

from publish.lists import pager


@pytest.mark.parametrize(
    ("page", "pages", "numbers"),
    [
        (1, 1, [1]),
        (2, 3, [1, 2, 3]),
        (1, 5, [1, 2, 0, 5]),
        (3, 5, [1, 2, 3, 4, 5]),
        (4, 7, [1, 2, 3, 4, 5, 6, 7]),  # a gap of one page is that page
        (6, 99, [1, 0, 5, 6, 7, 0, 99]),
        (99, 99, [1, 0, 98, 99]),
    ],
)
def test_the_first_the_last_and_those_around(page: int, pages: int, numbers: list[int]) -> None:
    """0 is a gap; every page leads to its neighbours, and nothing links to a page that is not there."""
    found = pager(page, pages, lambda number: f"/{number}/")
    assert found["links"] == [(number, f"/{number}/" if number else "") for number in numbers]
    assert found["previous"] == (f"/{page - 1}/" if page > 1 else "")
    assert found["next"] == (f"/{page + 1}/" if page < pages else "")
