"""docs/api.md says what the code does: settings and refusals are compared with it."""

from __future__ import annotations

import re
from pathlib import Path

from civic.errors import Refused
from forms_api import problems
from forms_api.commands.care import as_markdown


def test_the_table_of_settings_is_the_codes_own(root: Path) -> None:
    """The table at the end of docs/api.md is what `settings` prints."""
    assert as_markdown() in (root / "docs/api.md").read_text(encoding="utf-8")


def test_the_table_of_refusals_is_complete(root: Path) -> None:
    """Every refusal a citizen can get stands there with its status."""
    text = (root / "docs/api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.MULTILINE))
    known = {(kind.name, str(kind.status)) for kind in Refused.__subclasses__()}
    assert told == known
    assert problems.Failure in Refused.__subclasses__()
