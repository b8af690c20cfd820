"""Imports run only downward, as the table of floors in ARCHITECTURE.md draws it, and never in a circle."""

import re
import tomllib
from importlib import import_module

import pytest

from bench.house import PRODUCT, ROOT, circle, doubled_classes, graph, imports, modules, python_files

TOPS = ("bench", "build", "civic", "forms_api", "publish", "templates")
NOT_IN_CIVIC = ("flask", "jinja2")
_ROW = re.compile(r"^\| (\d+) \| (.+?) \|", re.M)


def floors() -> dict[str, int]:
    """Floor of each room, from the table: {"civic.places": 3, "civic.library": 5, …}."""
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


MODULES = modules([file for top in (*PRODUCT, "bench") for file in python_files(ROOT / top)])


def breaches(module: str, source: str) -> list[str]:
    """What a module imports that it must not, one line each."""
    here = home(module)
    wrong = []
    for name in sorted(imports(source, MODULES)):
        top = name.split(".")[0]
        if module.startswith("civic") and top in NOT_IN_CIVIC:
            wrong.append(f"{module} imports {name}: the core knows no web")
        if top not in TOPS:
            continue
        there = home(name)
        if there != here and FLOORS[there] >= FLOORS[here]:
            wrong.append(f"{module} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})")
    return wrong


def test_imports_run_downward() -> None:
    """No module reaches up, or across to its neighbour; every module has a floor."""
    wrong = [line for module, file in MODULES.items() for line in breaches(module, file.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)


def test_no_circle() -> None:
    """No module imports itself by way of others, not even late inside a function."""
    assert not circle(graph(MODULES))


def test_every_module_can_be_loaded() -> None:
    """Whatever a module names at its beginning is there when it is loaded, by itself or after any other."""
    for module, file in MODULES.items():
        if file.name != "__main__.py" and not module.startswith("bench"):
            import_module(module)


def test_packages_are_named() -> None:
    """pyproject.toml names every folder of the product, and no other."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {module for module, file in MODULES.items() if file.name == "__init__.py"}
    assert set(named) == {folder for folder in folders if not folder.startswith("bench")}


def test_civic_is_not_flat() -> None:
    """At most twelve files lie beside the folders of civic."""
    assert len(list((ROOT / "civic").glob("*.py"))) <= 12


def test_a_class_name_means_one_thing() -> None:
    """No two classes of the house have one name: a grep for it finds what is meant."""
    assert not doubled_classes([*MODULES.values()])


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
