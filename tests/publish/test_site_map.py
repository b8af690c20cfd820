"""What an office must show on every page, and the map of the site."""

from pathlib import Path

from civic.library import load
from publish.site import addresses
from tests.publish.test_pages import NOW, reader


def test_every_page_says_who_when_and_how(root: Path) -> None:
    """The office in charge, the last change and the licence stand on every page of the content; the map leads to each."""
    library = load(root / "content", NOW)
    client = reader(library)
    app = client.application
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
