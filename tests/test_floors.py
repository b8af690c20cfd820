"""Imports run only downward, as the table of floors in ARCHITECTURE.md draws it, and never in a circle."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("bench", "build", "civic", "forms_api", "publish", "templates")
NOT_IN_CIVIC = ("flask", "jinja2")
_ROW = re.compile(r"^\| (\d+) \| (.+?) \|", re.M)


def floors() -> dict[str, int]:
    """Floor of each room, from the table: {"civic.places": 2, "civic.library": 4, …}."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    return {
        room.removesuffix(".py").rstrip("/").replace("/", "."): int(floor)
        for floor, rooms in _ROW.findall(text)
        for room in re.findall(r"`([^`]+)`", rooms)
    }


FLOORS = floors()


def home(module: str) -> str:
    """The room a module lies in: the longest name of the table that it begins with. KeyError when there is none."""
    rooms = [room for room in FLOORS if (module + ".").startswith(room + ".")]
    if not rooms:
        raise KeyError(f"{module} has no floor in ARCHITECTURE.md")
    return max(rooms, key=len)


def modules() -> dict[str, Path]:
    """Every module of the house and its file."""
    found = {"build": ROOT / "build.py"}
    for top in TOPS:
        for file in sorted((ROOT / top).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imports(module: str, source: str) -> Iterator[str]:
    """Names of all modules a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are written out"
            base = node.module or ""
            inside = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in MODULES]
            yield from inside
            if len(inside) < len(node.names):
                yield base


def breaches(module: str, source: str) -> list[str]:
    """What a module imports that it must not, one line each."""
    here = home(module)
    wrong = []
    for name in sorted(set(imports(module, source))):
        top = name.split(".")[0]
        if module.startswith("civic") and top in NOT_IN_CIVIC:
            wrong.append(f"{module} imports {name}: the core knows no web")
        if top not in TOPS:
            continue
        there = home(name)
        if there != here and FLOORS[there] >= FLOORS[here]:
            wrong.append(f"{module} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})")
    return wrong


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def test_imports_run_downward() -> None:
    """No module reaches up, or across to its neighbour; every module has a floor."""
    wrong = [line for module, file in MODULES.items() for line in breaches(module, file.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)


def test_no_circle() -> None:
    """No module imports itself by way of others, not even late inside a function."""
    graph = {
        module: {
            name for name in imports(module, file.read_text("utf-8")) if name in MODULES and name != module
        }
        for module, file in MODULES.items()
    }
    assert not circle(graph)


def test_packages_are_named() -> None:
    """pyproject.toml names every folder of the product, and no other."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {module for module, file in MODULES.items() if file.name == "__init__.py"}
    assert set(named) == {folder for folder in folders if not folder.startswith("bench")}


def test_civic_is_not_flat() -> None:
    """At most thirteen files lie beside the folders of civic."""
    assert len(list((ROOT / "civic").glob("*.py"))) <= 13


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("civic.places.rules", "from civic.library import Library"),
        ("civic.places.rules", "from civic.votes import count"),
        ("civic.content.pages", "import civic.store.book"),
        ("civic.korean", "from civic.content import pages"),
        ("publish.lists", "def f():\n    import forms_api.app"),
        ("forms_api.app", "from publish import create_app"),
        ("forms_api.app", "from forms_api.commands import serve"),
        ("civic.places.rules", "from flask import request"),
        ("civic.votes.count", "from bench import votes"),
    ],
)
def test_the_check_sees_a_breach(module: str, source: str) -> None:
    """The control: an upward import, a sideways one and the web in the core are each named."""
    assert breaches(module, source)


def test_the_check_passes_what_is_right() -> None:
    """The control's control: downward, and within one's own room; and a circle is seen."""
    assert not breaches(
        "civic.places.intake", "from civic.places.rules import seats\nfrom civic.store import book"
    )
    assert circle({"a": {"b"}, "b": {"a"}})
    assert not circle({"a": {"b"}, "b": set()})
