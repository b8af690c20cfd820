"""The reading side: every page of the site as a Flask view over a Library. Never opens a store.

`create_app` is the app that the build freezes; `addresses` names everything it has to offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from publish.site import addresses, create_app

__all__ = ["addresses", "create_app"]


def __getattr__(name: str) -> Any:
    # Late: a build that has nothing to do never loads Flask.
    if name not in __all__:
        raise AttributeError(name)
    from publish import site

    return getattr(site, name)
