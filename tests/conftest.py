"""What all tests share: which of them run, and where things are."""

import compileall
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """The product is compiled once: where Python may not keep it, each program that a test starts would do so again."""
    if not hasattr(config, "workerinput"):
        for room in ("civic", "forms_api", "publish", "templates"):
            compileall.compile_dir(ROOT / room, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked long are left out, visibly, unless MADANG_TEST_LONG is set (make test-long)."""
    if os.environ.get("MADANG_TEST_LONG"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session", autouse=True)
def nobodys_data(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test meets the data that the developer's own server keeps in var/, or its clock."""
    os.environ["MADANG_DATA"] = f"tinydb://{tmp_path_factory.mktemp('nobody')}/data"


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT
