"""Imports run only downward, as ARCHITECTURE.md draws it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The house from the top down. A module belongs to the longest name it begins with.
FLOORS = {
    "build": 6,
    "forms_api.cli": 6,
    "forms_api.staff": 6,
    "forms_api.__main__": 7,  # the door: it only calls the command line
    "forms_api": 5,
    "publish": 5,
    "templates": 4,
    "civic.places.intake": 4,
    "civic.places.line": 4,
    "civic.places.drawing": 4,
    "civic.places.draw_record": 3,
    "civic.places.words": 3,
    "civic.places.application": 3,
    "civic.polling": 4,
    "civic.proving": 4,
    "civic.places.retention": 4,
    "civic.library": 3,
    "civic.places": 4,
    "civic.content": 3,
    "civic.store": 3,
    "civic.places.rules": 2,
    "civic.content.answers": 2,
    "civic.rule_words": 2,
    "civic.content.meetings": 2,
    "civic.places.draw": 2,
    "civic.tally": 2,
    "civic.tally_check": 2,
    "civic.tally_shares": 2,
    "civic.pabulib": 2,
    "civic.pabulib_numbers": 2,
    "civic.pabulib_reader": 2,
    "civic.pabulib_votes": 2,
    "civic.declared": 3,
    "civic.elections": 3,
    "civic.results": 3,
    "civic.scores": 3,
    "civic.result_files": 3,
    "civic.ballots": 2,
    "civic.opening": 2,
    "civic.slots": 2,
    "civic.envelopes": 2,
    "civic.halves": 2,
    "civic.paper": 2,
    "civic.people": 2,
    "civic.store.seal": 2,
    "civic.content.pages": 1,
    "civic.published": 1,
    "civic.content.form": 1,
    "civic.store.entry": 1,
    "civic.errors": 0,
    "civic.text": 0,
    "civic.clock": 0,
    "civic.korean": 0,
    "civic.call_words": 0,
    "civic.codes": 0,
    "civic.shape": 0,
    "civic.content.vcalendar": 0,
    "civic.links": 0,
    "civic": 0,
}
NOT_IN_CIVIC = ("flask", "jinja2")
HOUSE = ("build", "civic", "forms_api", "publish", "templates")


def home(module: str) -> str:
    """The floor's name for a module; KeyError when a new module has no floor."""
    names = [name for name in FLOORS if module == name or (module + ".").startswith(name + ".")]
    best = max(names, key=len)
    if best == "civic" and module != "civic":
        raise KeyError(f"{module} has no floor: add it to FLOORS and ARCHITECTURE.md")
    return best


def imports(source: str, package: str) -> set[str]:
    """Names of all modules a source imports, wherever in it; relative ones made absolute."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, base]).strip(".")
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names if base in HOUSE)
    return found


def breaches(module: str, source: str, package: str) -> list[str]:
    """What a module imports that it must not, one line each."""
    here = home(module)
    wrong = []
    for name in sorted(imports(source, package)):
        top = name.split(".")[0]
        if module.startswith("civic") and top in NOT_IN_CIVIC:
            wrong.append(f"{module} imports {name}: the core knows no web")
        if top not in HOUSE or (name in HOUSE and name != "build"):
            continue
        try:
            there = home(name)
        except KeyError:
            continue  # a name inside a module: its module is listed too
        neighbours = FLOORS[there] == FLOORS[here] and there.split(".")[0] != here.split(".")[0]
        if FLOORS[there] > FLOORS[here] or neighbours:
            wrong.append(f"{module} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})")
    return wrong


def modules() -> list[tuple[str, Path, str]]:
    """(module, file, package) of everything the house is made of."""
    found = [("build", ROOT / "build.py", "")] if (ROOT / "build.py").exists() else []
    for top in ("civic", "publish", "forms_api", "templates"):
        for file in sorted((ROOT / top).rglob("*.py")):
            parts = list(file.relative_to(ROOT).with_suffix("").parts)
            is_package = parts[-1] == "__init__"
            module = ".".join(parts[:-1] if is_package else parts)
            found.append((module, file, module if is_package else module.rpartition(".")[0]))
    return found


def test_imports_run_downward() -> None:
    """No module reaches up, or across to its neighbour; every module has a floor."""
    wrong = [
        line
        for module, file, package in modules()
        for line in breaches(module, file.read_text("utf-8"), package)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_check_sees_a_breach() -> None:
    """The control: an upward import, a sideways import and a web import in the core are each named."""
    assert breaches("civic.places.rules", "from civic.places.intake import Intake", "civic")
    assert breaches("publish.lists", "def f():\n    import forms_api.forms", "publish")
    assert breaches("forms_api.forms", "from publish import create_app", "forms_api")
    assert breaches("civic.places.rules", "from flask import request", "civic")
    assert not breaches("civic.places.intake", "from civic.places.rules import seats", "civic")
