"""The repository's own documents: what they point to is there."""

import re
import subprocess
from pathlib import Path

from civic import korean
from civic.errors import Refused
from forms_api import problems
from tests.staff import call

ROOT = Path(__file__).resolve().parent.parent
PAIR = re.compile(r"^\| (`.+`) \| (.+) \|$", re.M)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def documents() -> list[Path]:
    """Markdown under version control, but for content and samples, whose links are the site's."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    return [ROOT / name for name in listed if not name.startswith(("content/", "tests/"))]


def test_what_documents_point_to_is_there() -> None:
    """Files and pictures; a picture that nobody took shows as a torn page at the top of README."""
    missing = []
    files = documents()
    assert ROOT / "README.md" in files
    for file in files:
        text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:|/", target):
                continue
            path = target.partition("#")[0]
            if path and not (file.parent / path).exists():
                missing.append(f"{file.name}: {target}")
    assert missing == []


def test_every_plain_page_can_be_reached() -> None:
    """A page of content/pages stands in the foot of the site or in another text: else only a search would find it."""
    foot = (ROOT / "templates/components/footer.html").read_text("utf-8")
    texts = {file: file.read_text("utf-8") for file in (ROOT / "content").rglob("*.md")}
    menu = (ROOT / "content/site.toml").read_text("utf-8")
    for file in (ROOT / "content/pages").glob("*.md"):
        others = menu + "".join(text for other, text in texts.items() if other != file)
        assert f"'page', '{file.stem}'" in foot or f"/{file.stem}/" in others, file.name


def test_glossary_is_of_this_code() -> None:
    """Every name of the glossary stands in the code or in addresses, and it has every state and way of choosing."""
    pairs = PAIR.findall((ROOT / "docs/glossary.md").read_text("utf-8"))
    files = [
        *ROOT.glob("build.py"),
        *(f for top in ("civic", "publish", "forms_api") for f in (ROOT / top).rglob("*.py")),
    ]
    code = "".join(file.read_text("utf-8") for file in files)
    names = {name for cell, _ in pairs for name in re.findall(r"`([^`]+)`", cell)}
    assert not {name for name in names if not re.search(rf"\b{re.escape(name.rstrip('/'))}\b", code)}
    for table in (korean.FORM_STATES, korean.ENTRY_STATES, korean.SELECTIONS):
        assert {(f"`{name}`", word) for name, word in table.items()} <= set(pairs)


def test_the_table_of_settings_is_the_codes_own() -> None:
    """The table at the end of docs/api.md is what `settings` prints."""
    assert call("settings").stdout.strip() in (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_the_table_of_refusals_is_complete() -> None:
    """Every refusal a citizen can get stands there with its status."""
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.MULTILINE))
    known = {(kind.name, str(kind.status)) for kind in Refused.__subclasses__()}
    assert told == known
    assert problems.Failure in Refused.__subclasses__()
