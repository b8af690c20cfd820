"""What all tests share: which of them run, and where things are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
