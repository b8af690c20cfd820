"""What an office must show on every page, and the map of the site."""

from datetime import datetime
from pathlib import Path

import pytest

from civic.clock import SEOUL, FixedClock
from civic.library import load
from publish.site import addresses, create_app
from tests.publish.test_pages import PlainAssets

NOW = datetime(2023, 8, 16, 9, tzinfo=SEOUL)


def test_every_page_says_who_when_and_how(root: Path) -> None:
    """The office in charge, the last change and the licence stand on every page of the content; the map leads to each."""
    library = load(root / "content", NOW)
    app = create_app(library, PlainAssets(), FixedClock(NOW))
    client = app.test_client()
    with app.test_request_context():
        made = {app.url_for(endpoint, **values) for endpoint, values in addresses(app)}
    shown = client.get("/sitemap/").text
    assert "/sitemap/" in made
    for doc in library.everything():
        text = client.get(doc.link).text
        office = library.site.departments.get(doc.department or library.site.contact)
        assert office is not None
        assert f'<p class="page-date">{office.name}' in text, doc.file
        assert ("올림</p>" in text or "고침</p>" in text) == bool(doc.updated or doc.published), doc.file
        assert "공공누리 제1유형" in text and f'href="{doc.link}"' in shown, doc.file


@pytest.fixture
def root() -> Path:
    return Path(__file__).resolve().parent.parent.parent
