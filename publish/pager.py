"""From one page of a long list to the others: the first, the last, and those around."""

from __future__ import annotations

from collections.abc import Callable

AROUND = 1  # page on each side: with the first, the last and two gaps they fit on a phone


def pager(page: int, pages: int, address: Callable[[int], str]) -> dict[str, object]:
    """What templates/components/pager.html shows. page: from 1; address: of a page.

    Pages that are left out stand as (0, ""): 1 … 5 [6] 7 … 99. However long a list is, it is no wall of numbers.
    """
    near = {1, *range(max(1, page - AROUND), min(pages, page + AROUND) + 1), pages}
    # A gap of one page takes no more room than the page.
    near |= {number + 1 for number in near if number + 2 in near}
    links = []
    for number in sorted(near):
        if number > 1 and number - 1 not in near:
            links.append((0, ""))
        links.append((number, address(number)))
    return {
        "page": page,
        "pages": pages,
        "links": links,
        "previous": address(page - 1) if page > 1 else "",
        "next": address(page + 1) if page < pages else "",
    }
