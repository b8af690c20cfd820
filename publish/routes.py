"""Every address of the site over a library. No Flask: an edit, which asks for known addresses, loads none."""

from collections.abc import Iterator

from publish import calendar, files, lists, pages, search
from publish.edition import Edition, Route


def routes(edition: Edition) -> Iterator[Route]:
    """What each room of the site has, in a fixed order."""
    library = edition.library
    # Lists before plain pages: /lectures/ is a list, though "lectures" could be a name.
    for room in (lists, search, calendar, pages, files):
        yield from room.routes(edition)
    if library.results or library.draws or library.counted:
        from publish import results  # here: a site without any loads no shapes of votes and draws

        yield from results.routes(edition)
