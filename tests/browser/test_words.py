"""What scripts say: the same words as the server's."""

from __future__ import annotations

import json
from pathlib import Path

from civic import korean
from tests.browser.visit import Visits
from tests.test_korean import PARTICLES


def test_scripts_choose_particles_as_the_server_does(visits: Visits, site: Path) -> None:
    """Every word that the server's test knows, and each pair, through static/js/josa.js."""
    address = json.loads((site / "assets/manifest.json").read_text("utf-8"))["josa.js"]
    page = visits.open("/my/")
    words = [word for word, _, _ in PARTICLES]
    for pair in ("이/가", "으로/로"):
        said = page.evaluate(
            "async ([address, words, pair]) => {"
            " const { josa } = await import(address); return words.map((word) => josa(word, pair)); }",
            [address, words, pair],
        )
        assert said == [korean.josa(word, pair) for word in words]
