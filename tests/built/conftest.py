"""A copy of the small site, and of the templates, for each test."""

import shutil
from pathlib import Path

import pytest

from publish import build as one_build
from publish import inputs, render
from publish.inputs import Request
from tests.built.samples import NOW, ROOT, SAMPLES


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the small site's content, to be changed."""
    return Path(shutil.copytree(SAMPLES / "small", tmp_path / "content"))


@pytest.fixture
def request_(content: Path, tmp_path: Path) -> Request:
    """A build of it."""
    return Request(content, tmp_path / "www/site", NOW)


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates that builds use, to be edited; static/ lies beside."""
    import templates as package

    house = tmp_path / "house"
    copy = Path(shutil.copytree(ROOT / "templates", house / "templates"))
    shutil.copytree(ROOT / "static", house / "static")
    for name in ("node_modules", "civic", "publish", "forms_api", ".builds"):
        (house / name).symlink_to(ROOT / name)
    monkeypatch.setattr(package, "FOLDER", copy)
    for module in (inputs, one_build, render):
        monkeypatch.setattr(module, "ROOT", house)
    return copy
