"""The search for who has no JavaScript: /search/?q= is answered from the index of the built site. Keeps nothing."""

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

from flask import Flask, request
from werkzeug.wrappers import Response

from civic.content.search import LONGEST_QUERY, answer
from civic.links import link
from civic.text import clean
from forms_api.operations import services
from forms_api.problems import FILES


def register_search(app: Flask, folder: Path) -> None:
    """The page of hits. Without a query, or where the site has no index, the site's own page answers."""

    @app.get(link("search"))
    def search() -> Response:
        query = " ".join(clean(request.args.get("q", "")).split())[:LONGEST_QUERY]
        page = request.args.get("page", "1")
        site = folder.resolve()  # once: of one build alone
        try:
            read = partial(_read, site / "search")
            found = (
                answer(query, int(page) if page.isdecimal() and len(page) < 4 else 1, read) if query else {}
            )
        except (OSError, ValueError, LookupError):
            found = {}
        if not found:
            return cast(Response, app.view_functions[FILES](path=link("search")[1:]))
        title = "통합검색"
        return services().page("pages/search.html", title, [(title, "")], answer=found)


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_bytes())
